"""The tracing engine: a second private buildkitd whose RUNs go through strace, for `build --trace-reads`.

It has its own root, socket and runtime, is started for one traced build and stopped after it, so ordinary
builds never meet it. Its runtime (`traced_runtime`) traces only RUNs of a trace id that has a directory here.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbuild.engines import launch, traced_runtime
from fastbuild.errors import EngineError, UsageError
from fastbuild.paths import make_private
from fastbuild.process import Command, run
from fastbuild.tracing.evidence import Container
from fastbuild.tracing.programs import HEAD
from fastbuild.tracing.reduce import Before
from fastbuild.tracing.strace import TraceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastbuild.engines.daemon_settings import DaemonSettings

IDLE_SECONDS = 60.0
"""After which the engine stops by itself when its build was killed."""
RECORD_SECONDS = 30.0
"""How long to wait for BuildKit's record of a build: it writes it about 3 s after the end."""
KEEP_SECONDS = 24 * 3600.0
"""After which the traces of a build are those of one that was killed."""
LARGEST_TRACE = 200_000_000
"""Bytes; reading a larger one takes more memory and time than it is worth."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """One traced build: `folder` gets the results; `parent` is the TRACEPARENT of the client."""

    folder: Path
    parent: str


def require_strace(environ: Mapping[str, str]) -> str:
    """strace's path, after a trial. Raises EngineError where it is missing or may not trace."""
    strace = shutil.which("strace", path=environ.get("PATH", os.defpath))
    if strace is None:
        raise EngineError("--trace-reads needs strace and found none", fix="apt-get install strace")
    flags = ("-f", "--seccomp-bpf", "-y", "--decode-pids=pidns", "-e", "trace=%file", "-o", os.devnull)
    tried = run(Command(argv=(strace, *flags, "/bin/sh", "-c", "exit 42")), timeout=20)
    if tried.returncode != 42:
        words = tried.stderr.strip().splitlines()
        raise EngineError(
            f"strace can't trace here: {words[0] if words else f'it ended with code {tried.returncode}'}",
            cause="the container or kernel forbids ptrace, or strace is older than 5.9",
            fix="give the container --cap-add SYS_PTRACE, or build without --trace-reads",
        )
    return strace


def settings_for(settings: DaemonSettings, strace: str, environ: Mapping[str, str]) -> DaemonSettings:
    """The tracing engine's settings beside those of the ordinary one; writes its runtime.

    Raises EngineError when there is no OCI runtime.
    """
    runtime = launch.require_runtime(settings, environ)
    paths = settings.paths.ensure()
    own = replace(
        paths,
        state=paths.state / "tracing",
        data=paths.data / "tracing",
        runtime=paths.runtime / "t",  # short: a socket's path must be
    ).ensure()
    traced = replace(settings, paths=own, idle_seconds=IDLE_SECONDS, runtime=own.state / "runtime")
    make_private(_traces(traced), paths.uid)
    _write_runtime(traced, strace, runtime)
    return traced


def _write_runtime(settings: DaemonSettings, strace: str, runtime: str) -> None:
    words = (sys.executable, "-I", "-S", traced_runtime.__file__, strace, runtime, str(_traces(settings)))
    text = (
        "#!/bin/sh\n# The OCI runtime of fastbuild's tracing engine; its ordinary engine does not use it.\n"
        f'case " $* " in *" run "*|*" delete "*) exec {shlex.join(words)} "$@" ;; esac\n'
        f'exec {shlex.quote(runtime)} "$@"\n'
    )
    assert settings.runtime is not None
    beside = settings.runtime.with_suffix(f".{os.getpid()}")
    beside.write_text(text)
    beside.chmod(0o700)
    beside.replace(settings.runtime)


def _traces(settings: DaemonSettings) -> Path:
    return settings.paths.state / "traces"


@contextmanager
def tracing(settings: DaemonSettings) -> Iterator[Tracing]:
    """While this lasts, RUNs of builds that are told `parent` are traced; their results go at the end."""
    trace, span = os.urandom(16).hex(), os.urandom(8).hex()
    folder = _traces(settings) / trace
    _remove_old(_traces(settings))
    folder.mkdir(mode=0o700)
    try:
        yield Tracing(folder=folder, parent=f"00-{trace}-{span}-01")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_old(traces: Path) -> None:
    """What builds that were killed left behind."""
    for folder in traces.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > KEEP_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def vertices(buildctl: Sequence[str], ref: str) -> dict[str, str]:
    """BuildKit's spans of one build → the digest of the vertex they belong to; empty if it kept no record.

    `ref` is what `--ref-file` got. Formats: a record of `buildctl debug histories` (BuildHistoryEvent), and
    the spans in its trace (tracetest.SpanStub of OpenTelemetry's Go SDK, one JSON object after the other).
    """
    end = time.monotonic() + RECORD_SECONDS
    while True:
        digest = _trace_digest(buildctl, ref)
        if digest:
            return read_spans(run(Command(argv=(*buildctl, "debug", "get", digest)), timeout=60).stdout)
        if time.monotonic() > end:
            return {}
        time.sleep(0.2)


def _trace_digest(buildctl: Sequence[str], ref: str) -> str:
    listed = run(Command(argv=(*buildctl, "debug", "histories", "--format", "{{json .}}")), timeout=30)
    for line in listed.stdout.splitlines():
        try:
            record = json.loads(line)["record"]
        except (ValueError, KeyError, TypeError):
            continue
        if record.get("Ref") == ref:
            return str((record.get("trace") or {}).get("digest") or "")
    return ""


def read_spans(text: str) -> dict[str, str]:
    """Span id → vertex digest; a span with more than one vertex is left out."""
    decoder, at, found = json.JSONDecoder(), 0, dict[str, set[str]]()
    while (at := len(text) - len(text[at:].lstrip())) < len(text):
        span, at = decoder.raw_decode(text, at)
        for attribute in span.get("Attributes") or ():
            if attribute["Key"] == "vertex":
                found.setdefault(span["SpanContext"]["SpanID"], set()).add(attribute["Value"]["Value"])
    return {span: digests.pop() for span, digests in found.items() if len(digests) == 1}


def containers(traced: Tracing) -> list[Container]:
    """What the runtime left behind, one for each RUN that was traced."""
    return [
        _container(folder) for folder in sorted(traced.folder.iterdir()) if (folder / "about.json").is_file()
    ]


def _container(folder: Path) -> Container:
    about = _json(folder / "about.json")
    layers = [layer for layer in (about["upper"], *about["lowers"]) if layer]
    changed = _json(folder / "changed.json") if layers and (folder / "changed.json").is_file() else None
    return Container(
        span=about["span"],
        args=tuple(about["args"]),
        user=about["user"],
        env=tuple(about["env"]),
        before=Before(
            folders=about["folders"],
            links=about["links"],
            mounts=tuple(about["mounts"]),
            privileged=frozenset(about["privileged"]),
            cwd=about["cwd"],
            filtered=about["filtered"],
        ),
        messages=(folder / "messages").read_text(errors="replace"),
        changed=tuple(changed) if changed is not None else None,
        lines=lambda: _lines(folder / "trace"),
        head=lambda path: _head(path, layers),
    )


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="ascii"))


def _lines(file: Path) -> list[str]:
    if not file.exists() or file.stat().st_size > LARGEST_TRACE:
        raise TraceError("its trace is too large" if file.exists() else "it has no trace")
    text = file.read_text(encoding="ascii", errors="surrogateescape")
    if not text.endswith("\n"):
        raise TraceError("its trace is cut off")
    return text[:-1].split("\n")


def _head(path: str, layers: Sequence[str]) -> bytes | None:
    """The first bytes of a program, from the topmost layer that has it."""
    for layer in layers:
        file = Path(layer + path)
        try:
            if str(file.resolve()) == str(Path(layer).resolve()) + path:
                with file.open("rb") as program:
                    return program.read(HEAD)
        except OSError:
            continue
    return None


def require_private(engine: str) -> None:
    """Raises UsageError for any engine but the private one."""
    if engine != "private":
        raise UsageError(
            f"--trace-reads is not possible with the {engine} engine",
            cause="only the private engine lets fastbuild choose the program that runs containers",
            fix="use --engine private, or build without --trace-reads",
        )
