"""BuildKit through buildctl: any BUILDKIT_HOST, and the private daemon.

Option names: frontend/dockerui/config.go and cmd/buildctl of BuildKit v0.34; the translation of each
docker flag follows docker/buildx build/opt.go.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines.api import unsupported
from fastbuild.errors import UsageError
from fastbuild.process import Command
from fastbuild.request import Output, is_remote, join_fields, oci_layout_digest, parse_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastbuild.engines.api import Job
    from fastbuild.progress.events import Event
    from fastbuild.request import BuildRequest

NAME = "buildctl"
KEEPS_COPIES = True

RESOURCE_OPTS = {
    "memory": "memory",
    "memory-swap": "memswap",
    "cpu-shares": "cpushares",
    "cpu-period": "cpuperiod",
    "cpu-quota": "cpuquota",
    "cpuset-cpus": "cpusetcpus",
    "cpuset-mems": "cpusetmems",
}
CALLS = {"check": "frontend.lint", "lint": "frontend.lint", "outline": "frontend.outline"}
CALLS |= {"targets": "frontend.targets", "subrequests.describe": "frontend.subrequests.describe"}


def reader() -> Callable[[bytes], tuple[Event, ...]]:
    """See `Engine.reader`."""
    from fastbuild.progress import rawjson

    return rawjson.parse


def build_command(job: Job) -> Command:
    """See `Engine.build_command`."""
    request = job.request
    argv = [*job.program, "build", "--progress=rawjson", "--frontend=dockerfile.v0"]
    argv += [f"--metadata-file={job.metadata_file}", f"--ref-file={job.workdir}/ref"]
    for key, value in _opts(job):
        argv += ["--opt", f"{key}={value}" if value is not None else key]
    for name, path in _locals(job):
        argv += ["--local", f"{name}={path}"]
    for name, path in _oci_layouts(request):
        argv += ["--oci-layout", f"{name}={path}"]
    for flag, values in (
        ("--secret", request.secrets),
        ("--ssh", _ssh(request)),
        ("--allow", _allow(request)),
        ("--import-cache", [str(spec) for spec in request.cache_from]),
        ("--export-cache", [str(spec) for spec in request.cache_to]),
        ("--output", [str(output) for output in outputs(job)]),
    ):
        for value in values:
            argv += [flag, value]
    return Command(
        argv=tuple(argv),
        env=job.env,
        secret_env=job.secret_env,
        # buildctl prints findings and exits with 0 all the same
        answer="" if request.call == "build" else job.answer_file,
        description=f"build {request.context}",
    )


def _opts(job: Job) -> Iterator[tuple[str, str | None]]:
    request = job.request
    if request.builder:
        raise unsupported("--builder", NAME, "only buildx has builders: --engine buildx")
    if request.policies:
        raise unsupported("--policy", NAME, "use --engine buildx")
    for flag, _ in request.classic:
        raise unsupported(f"--{flag}", NAME, "only the classic builder has it: --engine docker")
    yield from _source_opts(job)
    yield from _argument_opts(job)
    yield from _limit_opts(job)
    yield from _attestation_opts(job)
    if request.call != "build":
        yield "requestid", _call(request.call)
        yield "frontend.caps", "moby.buildkit.frontend.subrequests"


def _source_opts(job: Job) -> Iterator[tuple[str, str | None]]:
    request = job.request
    if is_remote(request.context):
        yield "context", request.context
        if request.file:
            yield "filename", Path(request.file).name if _is_here(request.file) else request.file
    else:
        yield "filename", Path(request.file or "Dockerfile").name
        if job.context_name:
            # An empty session id after the colon: any session of this build will do, so the copy is
            # found by name alone (source/local/source.go).
            yield "local-sessionid:context", f"{job.context_name}:"
    if is_remote(request.context) and _is_here(request.file):
        yield "dockerfilekey", "dockerfile"
    copies = dict(job.named_copies)
    for name, source in request.build_contexts:
        if name in copies:
            yield f"context:{name}", f"local:{copies[name]}"
        elif source.startswith("oci-layout://"):
            yield f"context:{name}", f"oci-layout://{_store(name)}@{oci_layout_digest(source)}"
        else:
            yield f"context:{name}", source


def _is_here(file: str | None) -> bool:
    """Whether the Dockerfile of a remote context is a local one: as with buildx, an absolute path."""
    return bool(file) and Path(str(file)).is_absolute()


def _argument_opts(job: Job) -> Iterator[tuple[str, str | None]]:
    request = job.request
    if request.target:
        yield "target", request.target
    given = {name.lower() for name, _ in request.build_args}
    for name, value in (
        *request.build_args,
        *(p for p in job.proxy_args if p[0].lower() not in given),
    ):
        yield f"build-arg:{name}", value
    for name, value in request.labels:
        yield f"label:{name}", value
    if request.platforms:
        yield "platform", ",".join(request.platforms)
        if len(request.platforms) > 1:
            yield "multi-platform", "true"
    if request.no_cache:
        yield "no-cache", ""
    elif request.no_cache_filter:
        yield "no-cache", ",".join(request.no_cache_filter)
    if request.pull:
        yield "image-resolve-mode", "pull"


def _limit_opts(job: Job) -> Iterator[tuple[str, str | None]]:
    request = job.request
    if request.network in ("host", "none"):
        yield "force-network-mode", request.network
    elif request.network not in ("", "default"):
        raise unsupported(f"--network {request.network}", NAME, "BuildKit knows default, none and host")
    hosts = [f"{host}={_address(job, ip)}" for host, ips in request.add_hosts for ip in ips.split(",")]
    if hosts:
        yield "add-hosts", ",".join(hosts)
    if request.shm_size:
        yield "shm-size", str(request.shm_size)
    if request.ulimits:
        yield "ulimit", ",".join(request.ulimits)
    if request.cgroup_parent:
        yield "cgroup-parent", request.cgroup_parent
    for name, value in request.resources:
        yield RESOURCE_OPTS[name], value


def _address(job: Job, ip: str) -> str:
    if ip != "host-gateway":
        return ip.strip("[]")
    if not job.host_gateway:
        raise unsupported(
            "--add-host …:host-gateway",
            NAME,
            "give the address, or use the private engine or buildx",
        )
    return job.host_gateway


def _attestation_opts(job: Job) -> Iterator[tuple[str, str | None]]:
    kinds = set()
    for attest in job.request.attests:
        fields = dict(parse_fields(attest, flag="--attest"))
        kind = fields.pop("type", "")
        if not kind:
            raise UsageError(f"--attest: no type in {attest!r}", fix="use type=provenance or type=sbom")
        kinds.add(kind)
        if fields.pop("disabled", "") == "true":
            continue
        yield f"attest:{kind}", join_fields(tuple(fields.items())) if fields else ""
    images = any(output.type in ("image", "oci") for output in outputs(job))
    if job.default_provenance and images and "provenance" not in kinds:
        yield "attest:provenance", "mode=min,inline-only=true"


def _call(call: str) -> str:
    name, _, options = call.partition(",")
    if options:
        raise unsupported(f"--call {call}", NAME, "buildctl prints text only: use --engine buildx")
    try:
        return CALLS[name]
    except KeyError:
        raise UsageError(f"--call {call!r} is unknown", fix=f"choose {', '.join(CALLS)}") from None


def _locals(job: Job) -> Iterator[tuple[str, str]]:
    request = job.request
    copies = dict(job.named_copies)
    if not is_remote(request.context):
        name = job.context_name
        # v0.34 puts the prefix before the name twice; the plain form is for versions that don't.
        for local in (f"{name}-{name}-context", f"{name}-context") if name else ("context",):
            yield local, request.context
        yield "dockerfile", str(Path(request.file or f"{request.context}/Dockerfile").parent)
    elif request.file and _is_here(request.file):
        yield "dockerfile", str(Path(request.file).parent)
    for name, source in request.build_contexts:
        if name in copies:
            yield copies[name], source


def _oci_layouts(request: BuildRequest) -> Iterator[tuple[str, str]]:
    for name, source in request.build_contexts:
        if source.startswith("oci-layout://"):
            path = source.removeprefix("oci-layout://").partition("@")[0]
            yield _store(name), path if Path(path).is_dir() else path.rpartition(":")[0]


def _store(name: str) -> str:
    return "store-" + "".join(c if c.isalnum() else "-" for c in name)


def _ssh(request: BuildRequest) -> tuple[str, ...]:
    if not request.ssh and (request.context.startswith(("git@", "ssh://"))):
        return ("default",)
    return request.ssh


def _allow(request: BuildRequest) -> list[str]:
    allow = list(request.allow)
    if request.network == "host" and "network.host" not in allow:
        allow.append("network.host")
    return allow


def outputs(job: Job) -> list[Output]:
    """The outputs with tags, --push, --load and annotations spelled out."""
    request = job.request
    found = [_named(output, request) for output in request.outputs]
    if request.push and not any(o.type == "image" for o in found):
        found.append(_named(Output("image"), request).with_attrs(("push", "true")))
    elif request.push:
        found = [o.with_attrs(("push", "true")) if o.type == "image" else o for o in found]
    if request.load:
        found.append(_named(Output("docker"), request).with_attrs(("dest", job.image_archive)))
    annotations = tuple(_annotation(text) for text in request.annotations)
    if annotations and not any(o.type in ("image", "oci") for o in found):
        raise UsageError("--annotation needs an image or oci output", fix="add --push or -o type=oci,…")
    return [o.with_attrs(*annotations) if o.type in ("image", "oci") else o for o in found]


def _named(output: Output, request: BuildRequest) -> Output:
    if output.type not in ("image", "docker", "oci") or output.get("name") or not request.tags:
        return output
    return output.with_attrs(("name", ",".join(request.tags)))


def _annotation(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise UsageError(f"--annotation {text!r} has no value", fix="write KEY=VALUE")
    kind, colon, name = key.partition(":")
    known = ("index", "manifest", "index-descriptor", "manifest-descriptor")
    if colon and kind.partition("[")[0] in known:
        return f"annotation-{kind}.{name}", value
    return f"annotation.{key}", value
