"""Everything that is looked up before an engine runs: daemon, credentials, proxies, outputs."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines import toolchain
from fastbuild.engines.api import Job
from fastbuild.engines.daemon_settings import IDLE_SECONDS, DaemonSettings
from fastbuild.engines.docker_config import proxy_args
from fastbuild.errors import DockerfileSyntax, EngineError
from fastbuild.pipeline.finish import docker_answers
from fastbuild.request import Output, is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fastbuild.cache.credentials import Credentials
    from fastbuild.engines.daemon import Daemon
    from fastbuild.engines.detect import Choice
    from fastbuild.paths import Paths
    from fastbuild.request import BuildRequest

NOT_LOADED = (
    "no docker engine runs here, so the image stays in the engine's cache (keep it with --push or -o)"
)

NO_PROVENANCE = "BUILDX_NO_DEFAULT_ATTESTATIONS"
"""The variable that stops buildx, and so us, from adding provenance unasked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An engine that can be called: the job to run, and what tells its daemon from others."""

    job: Job
    daemon: str
    version: str = ""
    store_was_empty: bool = False
    notes: tuple[str, ...] = ()
    unblock: Callable[[], None] = lambda: None
    """Called after an attempt was stopped as stuck, before the next one."""
    abandoned: Callable[[], None] = lambda: None
    """Called when an attempt is interrupted while it reads a cache."""
    root: Path | None = None
    """BuildKit's own directory, where it is ours."""


@contextmanager
def ready(
    choice: Choice,
    request: BuildRequest,
    workdir: Path,
    paths: Paths,
    environ: Mapping[str, str],
    *,
    config: str = "",
    idle: float = IDLE_SECONDS,
    allow: tuple[str, ...] = ("network.host",),
    credentials: Credentials | None = None,
) -> Iterator[Ready]:
    """Start or reach the engine of `choice` for `request`, and keep it from stopping meanwhile.

    Raises EngineError when it can't be started.
    """
    job = Job(
        request=request,
        program=choice.program,
        workdir=str(workdir),
        proxy_args=proxy_args(environ),
        default_provenance=environ.get(NO_PROVENANCE, "").lower() not in ("1", "t", "true"),
    )
    if choice.name != "private":
        if credentials is not None and choice.name == "buildx":
            # buildx puts these into the request itself, out of sight of process lists
            job = replace(job, secret_env=credentials.environ())
        # each daemon has its own copies of contexts; buildx hides which daemon it is behind the builder
        yield Ready(job=job, daemon="\0".join((choice.name, choice.reason, environ.get("DOCKER_HOST", ""))))
        return
    settings = private_settings(paths, environ, config=config, allow=allow, idle=idle)
    with _private(settings, job, environ, credentials) as it:
        yield it


def private_settings(
    paths: Paths,
    environ: Mapping[str, str],
    *,
    config: str,
    allow: tuple[str, ...],
    idle: float = IDLE_SECONDS,
) -> DaemonSettings:
    """The private engine's settings; `idle` in seconds. Raises EngineError when it is not installed."""
    tools = toolchain.find(paths, environ)
    if tools is None:
        raise EngineError("the private engine is gone", fix="run `fastbuild engine install`")
    return DaemonSettings(
        paths=paths,
        toolchain=tools,
        config=Path(config) if config else None,
        idle_seconds=idle,
        allow=allow,
    )


@contextmanager
def _private(
    settings: DaemonSettings, job: Job, environ: Mapping[str, str], credentials: Credentials | None
) -> Iterator[Ready]:
    from fastbuild.engines import daemon

    running = daemon.ensure_running(settings, environ)
    try:
        if job.request.cache_from or job.request.cache_to:
            daemon.hand_over(settings, _identity(credentials))
        yield Ready(
            # the private engine's RUN steps share the host's network
            job=replace(job, program=(*job.program, "--addr", running.address), host_gateway="127.0.0.1"),
            daemon=f"private\0{settings.root}",
            version=running.version,
            store_was_empty=running.store_was_empty,
            notes=(running.note,) if running.note else (),
            unblock=lambda: _restart(settings, environ, running),
            abandoned=lambda: daemon.restart_next_time(settings),
            root=settings.root,
        )
    finally:
        running.lease.release()


def _restart(settings: DaemonSettings, environ: Mapping[str, str], running: Daemon) -> None:
    """Restart the engine unless others use it.

    A cancelled import goes on waiting for its server and keeps every later build of that daemon
    waiting too (seen with BuildKit v0.34.1); a restart takes a fraction of a second and loses no cache.
    """
    from fastbuild.engines import daemon

    if running.lease.alone():
        daemon.stop(settings)
    running.lease.share()
    daemon.ensure_running(settings, environ).lease.release()


def _identity(credentials: Credentials | None) -> tuple[str, str, str | None] | None:
    if credentials is None:
        return None
    return credentials.access_key_id, credentials.secret_access_key, credentials.session_token


def with_outputs(
    request: BuildRequest, choice: Choice, environ: Mapping[str, str]
) -> tuple[BuildRequest, str]:
    """`request` with the output that docker users expect, and a note when they won't get it.

    `docker build` leaves the image in the docker engine; so do we where there is one.
    """
    if choice.engine.NAME != "buildctl" or request.call != "build":
        return request, ""
    if not (request.outputs or request.push or request.load):
        if docker_answers(environ):
            return replace(request, load=True), ""
        wants_id = request.iidfile or request.quiet or request.metadata_file
        outputs = (Output("image"),) if wants_id else ()
        return replace(request, outputs=outputs), NOT_LOADED if request.tags else ""
    return request, ""


def with_stages(request: BuildRequest) -> BuildRequest:
    """`request` with --no-cache-filter extended to all stages that depend on those named."""
    if not request.no_cache_filter or not request.file or is_remote(request.context):
        return request
    from fastbuild.dockerfile.stages import dependants

    text = Path(request.file).read_text(encoding="utf-8", errors="replace")
    try:
        reached = dependants(text, request.no_cache_filter, dict(request.build_args))
    except DockerfileSyntax:
        return request  # the engine says what is wrong, or has a frontend that understands it
    return replace(request, no_cache_filter=reached)


def client_id(paths: Paths) -> str:
    """What tells this user on this machine from all others that may use the same daemon."""
    file = paths.ensure().state / "client-id"
    try:
        known = file.read_text(encoding="ascii")
    except FileNotFoundError:
        known = os.urandom(16).hex()
        file.write_text(known, encoding="ascii")
    # an image with a baked state directory has the same file on every machine
    boot = Path("/proc/sys/kernel/random/boot_id")
    machine = boot.read_text(encoding="ascii") if boot.exists() else ""
    return "\0".join((known, os.uname().nodename, machine))
