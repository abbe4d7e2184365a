"""Changes to what the engine is asked with."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.request import BuildRequest
    from tests.live.predictions.project import Project

    Change = Callable[[Project], BuildRequest | None]


def asking(**fields: Any) -> Change:
    return lambda project: project.asked(**fields)


def argument(name: str, value: str) -> Change:
    """One more build argument, or another value for it."""
    return lambda project: project.asked(
        build_args=(*((n, v) for n, v in project.request.build_args if n != name), (name, value))
    )


def declared(name: str, value: str | None) -> Change:
    """A value for an argument that the Dockerfile declares; None takes it away where it was given."""

    def change(project: Project) -> BuildRequest | None:
        if not re.search(rf"(?m)^ARG {name}\b", project.dockerfile.read_text()):
            return None
        others = tuple((n, v) for n, v in project.request.build_args if n != name)
        if value is None and others == project.request.build_args:
            return None
        return project.asked(build_args=others if value is None else (*others, (name, value)))

    return change


def of_stage(field: str, name: str) -> Change:
    """For families with a stage of that name."""

    def change(project: Project) -> BuildRequest | None:
        if not re.search(rf"(?m)^FROM .* AS {name}$", project.dockerfile.read_text()):
            return None
        value: Any = (name,) if field == "no_cache_filter" else name
        return project.asked(**{field: value})

    return change


def another_time(project: Project) -> BuildRequest | None:
    return argument("SOURCE_DATE_EPOCH", "1600000000")(project)


def no_secret(project: Project) -> BuildRequest | None:
    return project.asked(secrets=()) if project.request.secrets else None


def base_as_context(source: str) -> Change:
    """The base image given by another reference under its own name."""

    def change(project: Project) -> BuildRequest | None:
        name = f"busybox:{project.tag}"
        if f"FROM {name}" not in project.dockerfile.read_text():
            return None
        return project.asked(build_contexts=(*project.request.build_contexts, (name, source)))

    return change


def renamed_dockerfile(project: Project) -> BuildRequest | None:
    """The Dockerfile under another name in the same directory."""
    if project.dockerfile.with_name(f"{project.dockerfile.name}.dockerignore").exists():
        return None
    return project.asked(file=str(project.dockerfile.rename(project.context / "Other.Dockerfile")))


def outside_dockerfile(project: Project) -> BuildRequest | None:
    """The Dockerfile out of the context."""
    if project.dockerfile.with_name(f"{project.dockerfile.name}.dockerignore").exists():
        return None
    (project.home / "elsewhere").mkdir()
    return project.asked(file=str(project.dockerfile.rename(project.home / "elsewhere/Dockerfile")))


CHANGES_OF_REQUEST: dict[str, Change] = {
    "an argument nobody declared": argument("UNDECLARED", "1"),
    "an argument's value": declared("ONE", "7"),
    "an argument's value, the default": declared("ONE", "1"),
    "an argument's value, empty": declared("ONE", ""),
    "an argument's value, for one without default": declared("TWO", "deux"),
    "an argument not given any more": declared("TWO", None),
    "a proxy": argument("http_proxy", "http://127.0.0.1:9"),
    "a proxy for nothing": argument("NO_PROXY", "127.0.0.1,localhost"),
    "another time": another_time,
    "a host's name": argument("BUILDKIT_SANDBOX_HOSTNAME", "builder"),
    "a name space of cache mounts": argument("BUILDKIT_CACHE_MOUNT_NS", "team"),
    "checks skipped": argument("BUILDKIT_DOCKERFILE_CHECK", "skip=all"),
    "a label asked for": asking(labels=(("asked", "yes"),)),
    "a tag": asking(tags=("example.com/app:1",)),
    "no cache": asking(no_cache=True),
    "no cache of a stage": of_stage("no_cache_filter", "build"),
    "no cache of the last stage": of_stage("no_cache_filter", "last"),
    "a stage as target": of_stage("target", "build"),
    "another stage as target": of_stage("target", "base"),
    "the platform that it is": asking(platforms=("linux/amd64",)),
    "another platform": asking(platforms=("linux/386",)),
    "a foreign platform": asking(platforms=("linux/arm64",)),
    "two platforms": asking(platforms=("linux/amd64", "linux/arm64")),
    "three platforms": asking(platforms=("linux/arm/v7", "linux/386", "linux/arm64/v8")),
    "base pulled": asking(pull=True),
    "no network": asking(network="none"),
    "the default network": asking(network="default"),
    "a host": asking(add_hosts=(("db", "10.0.0.1"),)),
    "hosts": asking(add_hosts=(("db", "10.0.0.9"), ("api", "10.0.0.2"))),
    "a limit of files": asking(ulimits=("nofile=100:200",)),
    "shared memory": asking(shm_size=32 << 20),
    "a parent of cgroups": asking(cgroup_parent="fastbuild-predictions"),
    "a limit of memory": asking(resources=(("memory", "536870912"),)),
    "a secret never used": lambda project: project.asked(
        secrets=(*project.request.secrets, f"id=other,src={project.token}")
    ),
    "a secret not given": no_secret,
    "base as a context": base_as_context("docker-image://busybox:stable"),
    "another base as a context": base_as_context("docker-image://busybox:other"),
    "another name of the Dockerfile": renamed_dockerfile,
    "the Dockerfile outside": outside_dockerfile,
}
