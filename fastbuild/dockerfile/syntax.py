"""What is wrong with a Dockerfile, said with its file, line, likely cause and remedy."""

from __future__ import annotations

from fastbuild.errors import DockerfileSyntax


class Fault(Exception):
    """BuildKit's words for what is wrong; the reader of the file adds the line.

    `cause` and `fix` are one sentence each or empty; `line` is 0 where only the reader knows it.
    """

    def __init__(self, message: str, *, cause: str = "", fix: str = "") -> None:
        super().__init__(message)
        self.line = 0
        self.message = message
        self.cause = cause
        self.fix = fix

    def at(self, line: int, file: str) -> DockerfileSyntax:
        """The error for a person."""
        return syntax_error(self.message, self.line or line, file, cause=self.cause, fix=self.fix)


def syntax_error(
    message: str, line: int | None = None, file: str = "Dockerfile", *, cause: str = "", fix: str = ""
) -> DockerfileSyntax:
    """The error for a Dockerfile that doesn't parse; `line` where it is known."""
    where = f"{file}:{line}" if line else file
    return DockerfileSyntax(
        f"{where}: {message}", cause=cause, fix=fix or "correct the instruction and run this again"
    )
