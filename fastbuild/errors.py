"""Every expected failure, one class per exit code.

    FastbuildError
    ├── BuildFailed        1   the build failed, or a gate or finding threshold was reached
    ├── UsageError         2   usage or configuration
    ├── EngineError        3   no engine, or it never started or died
    ├── DockerfileSyntax   4   the Dockerfile does not parse
    └── Interrupted        130 Ctrl-C (143 for SIGTERM: see ``signal_number``)

A message says what happened, the likely cause and what to do. Expected errors never show a traceback.
"""

from __future__ import annotations


class FastbuildError(Exception):
    """Base of all expected errors; never raised itself.

    ``what`` is one sentence; ``cause`` and ``fix`` are one sentence each or empty.
    """

    exit_code = 1

    def __init__(self, what: str, *, cause: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix

    def render(self) -> str:
        """The message as shown to a person: up to three lines, no trailing newline."""
        lines = [f"error: {self.what}"]
        if self.cause:
            lines.append(f"  likely cause: {self.cause}")
        if self.fix:
            lines.append(f"  what to do: {self.fix}")
        return "\n".join(lines)


class BuildFailed(FastbuildError):
    """The build failed, or a gate was reached. ``what`` is the engine's own message, unchanged."""

    exit_code = 1

    def render(self) -> str:
        """The engine's own text, without a prefix of ours."""
        return self.what


class UsageError(FastbuildError):
    """Wrong flags, settings or files named by the user."""

    exit_code = 2


class EngineError(FastbuildError):
    """No engine was found, it never started, or it died."""

    exit_code = 3


class DockerfileSyntax(FastbuildError):
    """The Dockerfile does not parse. An engine's own message is ``what``, unchanged, and all there is."""

    exit_code = 4

    def render(self) -> str:
        """The engine's own text, without a prefix of ours; as other errors where we found it."""
        return super().render() if self.cause or self.fix else self.what


class Interrupted(FastbuildError):
    """Stopped by a signal; the exit code is 128 + the signal's number, as shells do."""

    exit_code = 130

    def __init__(self, signal_number: int = 2) -> None:
        super().__init__("interrupted" if signal_number == 2 else "terminated")
        self.exit_code = 128 + signal_number
