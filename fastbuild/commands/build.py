"""`fastbuild build`: the drop-in for `docker build`."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastbuild import config
from fastbuild.commands.build_flags import DockerCommand, docker_options, request_from_flags, without_effect
from fastbuild.commands.build_session import Session
from fastbuild.errors import Interrupted
from fastbuild.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Iterator

MODES = click.Choice(["auto", "readwrite", "read"])
SETTINGS = ("cache_mode", "cache_strict", "cache_timeout", "name", "engine", "engine_config")


@click.command("build", cls=DockerCommand)
@click.argument("context", metavar="PATH | URL | -")
@docker_options
@click.option("--cache", multiple=True, help="Read and write cache: s3://…, registry://…, local:DIR, gha.")
@click.option("--cache-mode", type=MODES, help="auto: only read for untrusted pull requests.")
@click.option("--cache-strict", is_flag=True, default=None, help="A cache problem fails the build.")
@click.option("--cache-timeout", type=float, help="Seconds in which a transfer must move 1 MiB. [60]")
@click.option("--name", help="First part of cache names (default: the repository's name).")
@click.option("--engine", help="buildctl, buildx, private or docker (default: the first there is).")
@click.option("--engine-config", help="A buildkitd.toml for the private engine.")
@click.option("--record", default="", help="Write the build's record (JSON) to a file.")
def command(context: str, **flags: Any) -> int:
    """Build an image as docker build does, with a remote cache, timings and a record.

    Takes every flag of docker build and docker buildx build.
    """
    given = {**{name: flags[name] for name in SETTINGS}, "cache": flags["cache"] or None}
    settings = config.load(Path.cwd(), os.environ, given)
    request = request_from_flags(context, flags)
    notes = [f"{flag} has no effect with BuildKit" for flag in without_effect(flags)]
    with _signals(), tempfile.TemporaryDirectory(prefix="fastbuild-") as workdir:
        session = Session(
            settings=settings,
            paths=Paths.from_environ(os.environ, os.getuid()),
            environ=os.environ,
            workdir=Path(workdir),
            record=flags["record"],
            progress="quiet" if request.quiet else flags["progress"],
        )
        return session.run(request, notes)


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM raise Interrupted, once; what was started is stopped on the way out.

    After the first one they stay ignored until the process is gone: a second one changes no exit code.
    """

    def interrupt(number: int, _frame: object) -> None:
        for ignored in (signal.SIGINT, signal.SIGTERM):
            signal.signal(ignored, signal.SIG_IGN)
        raise Interrupted(number)

    def lost(unraisable: sys.UnraisableHookArgs) -> None:
        """Python drops what is raised in a finalizer or weakref callback: send it once more."""
        if not isinstance(unraisable.exc_value, Interrupted):
            hook(unraisable)
            return
        for number in before:
            signal.signal(number, interrupt)
        again = unraisable.exc_value.exit_code - 128
        threading.Timer(0.01, os.kill, (os.getpid(), again)).start()

    hook, sys.unraisablehook = sys.unraisablehook, lost
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:
                signal.signal(number, handler)
