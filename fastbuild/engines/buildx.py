"""BuildKit through `docker buildx build`, with whatever builder is chosen there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.engines.api import unsupported
from fastbuild.process import Command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastbuild.engines.api import Job
    from fastbuild.progress.events import Event
    from fastbuild.request import BuildRequest

NAME = "buildx"
KEEPS_COPIES = True


def reader() -> Callable[[bytes], tuple[Event, ...]]:
    """See `Engine.reader`."""
    from fastbuild.progress import rawjson

    return rawjson.parse


def build_command(job: Job) -> Command:
    """See `Engine.build_command`. Buildx speaks docker's own flags, so they pass through."""
    request = job.request
    for flag, _ in request.classic:
        raise unsupported(f"--{flag}", NAME, "only the classic builder has it: --engine docker")
    argv = [*job.program, *(("--builder", request.builder) if request.builder else ())]
    argv += ["build", "--progress=rawjson", f"--metadata-file={job.metadata_file}"]
    for flag, values in (*_flags(request), ("--build-context", tuple(_contexts(job)))):
        for value in values:
            argv += [flag, value]
    for flag, on in (
        ("--no-cache", request.no_cache),
        ("--pull", request.pull),
        ("--push", request.push),
        ("--load", request.load),
    ):
        if on:
            argv.append(flag)
    # Buildx names the daemon's copy of a context after the directory alone: two projects called
    # `app` would share one. A link with a name of its own keeps them apart.
    argv.append(f"{job.links}/{job.context_name}" if job.context_name else request.context)
    return Command(
        argv=tuple(argv),
        env=job.env,
        secret_env=job.secret_env,
        answer="" if request.call == "build" else job.answer_file,
        description=f"build {request.context}",
    )


def _flags(request: BuildRequest) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "--file", (request.file,) if request.file else ()
    yield "--target", (request.target,) if request.target else ()
    yield "--tag", request.tags
    yield "--build-arg", tuple(k if v is None else f"{k}={v}" for k, v in request.build_args)
    yield "--label", tuple(f"{k}={v}" for k, v in request.labels)
    yield "--platform", (",".join(request.platforms),) if request.platforms else ()
    yield "--output", tuple(str(output) for output in request.outputs)
    yield "--secret", request.secrets
    yield "--ssh", request.ssh
    yield "--cache-from", tuple(str(spec) for spec in request.cache_from)
    yield "--cache-to", tuple(str(spec) for spec in request.cache_to)
    yield "--no-cache-filter", request.no_cache_filter
    yield "--network", (request.network,) if request.network not in ("", "default") else ()
    yield "--add-host", tuple(f"{host}={ip}" for host, ip in request.add_hosts)
    yield "--shm-size", (str(request.shm_size),) if request.shm_size else ()
    yield "--ulimit", request.ulimits
    yield "--cgroup-parent", (request.cgroup_parent,) if request.cgroup_parent else ()
    yield "--resource", tuple(f"{k}={v}" for k, v in request.resources)
    yield "--allow", request.allow
    yield "--annotation", request.annotations
    yield "--attest", request.attests
    yield "--policy", request.policies
    yield "--call", (request.call,) if request.call != "build" else ()


def _contexts(job: Job) -> Iterator[str]:
    copies = dict(job.named_copies)
    for name, source in job.request.build_contexts:
        yield f"{name}={job.links}/{copies[name]}" if name in copies else f"{name}={source}"
