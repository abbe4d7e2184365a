"""The plain docker engine: its classic builder, for machines with neither BuildKit nor buildx."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastbuild.engines.api import unsupported
from fastbuild.process import Command
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastbuild.engines.api import Job
    from fastbuild.progress.events import Event
    from fastbuild.request import BuildRequest

NAME = "docker"
KEEPS_COPIES = False

LIMITS = (
    "the plain docker engine has no remote cache, secrets, ssh, cache mounts, heredocs, named contexts, "
    "attestations or outputs other than its own image store"
)
"""Said once per build."""

INSTEAD = "use `fastbuild engine install`, --engine buildx or BUILDKIT_HOST"


def reader() -> Callable[[bytes], tuple[Event, ...]]:
    """See `Engine.reader`: the classic builder reports text, one step after the other."""
    from fastbuild.progress.classic import Classic

    return Classic(time.time).parse


def build_command(job: Job) -> Command:
    """See `Engine.build_command`."""
    request = job.request
    for flag, used in _impossible(request):
        if used:
            raise unsupported(flag, NAME, INSTEAD)
    argv = [*job.program, "build", f"--iidfile={job.workdir}/iid"]
    for flag, values in _flags(request):
        for value in values:
            argv += [flag, value]
    argv += [flag for flag, on in (("--no-cache", request.no_cache), ("--pull", request.pull)) if on]
    argv.append(request.context)
    env = (*job.env, ("DOCKER_BUILDKIT", "0"))
    return Command(
        argv=tuple(argv),
        env=env,
        secret_env=job.secret_env,
        reports_on_stdout=True,
        description=f"build {request.context}",
    )


def _impossible(request: BuildRequest) -> Iterator[tuple[str, bool]]:
    yield "--secret", bool(request.secrets)
    yield "--ssh", bool(request.ssh)
    yield "--output", bool(request.outputs)
    yield "--push", request.push
    yield "--build-context", bool(request.build_contexts)
    yield "--cache-to", bool(request.cache_to)
    yield "--cache-from", any(spec.type != "registry" for spec in request.cache_from)
    yield "--no-cache-filter", bool(request.no_cache_filter)
    yield "--allow", bool(request.allow)
    yield "--annotation", bool(request.annotations)
    yield "--attest", bool(request.attests)
    yield "--policy", bool(request.policies)
    yield "--builder", bool(request.builder)
    yield f"--call {request.call}", request.call != "build"
    yield "--platform with several platforms", len(request.platforms) > 1


def _flags(request: BuildRequest) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "--file", (request.file,) if request.file and not is_remote(request.context) else ()
    yield "--target", (request.target,) if request.target else ()
    yield "--tag", request.tags
    yield "--build-arg", tuple(k if v is None else f"{k}={v}" for k, v in request.build_args)
    yield "--label", tuple(f"{k}={v}" for k, v in request.labels)
    yield "--platform", request.platforms
    yield "--cache-from", tuple(spec.get("ref") for spec in request.cache_from)
    yield "--network", (request.network,) if request.network not in ("", "default") else ()
    yield "--add-host", tuple(f"{host}:{ip}" for host, ip in request.add_hosts)
    yield "--shm-size", (str(request.shm_size),) if request.shm_size else ()
    yield "--ulimit", request.ulimits
    yield "--cgroup-parent", (request.cgroup_parent,) if request.cgroup_parent else ()
    for name, value in request.resources:
        yield f"--{name}", (value,)
    for name, value in request.classic:
        yield f"--{name}", (value,)
