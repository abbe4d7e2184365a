"""Every flag of `docker build` and `docker buildx build`, and how they become a `BuildRequest`.

A test compares the names with docker's own help, so that a new flag of theirs fails it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import click

from fastbuild.errors import UsageError
from fastbuild.request import BuildRequest, CacheSpec, Output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MANY = {"multiple": True}
LIMITS = ("memory", "memory-swap", "cpu-shares", "cpu-period", "cpu-quota", "cpuset-cpus", "cpuset-mems")
CLASSIC = ("squash", "isolation", "security-opt")
NO_EFFECT = ("compress", "rm", "force-rm", "disable-content-trust")

DOCKER_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--add-host",), {**MANY, "help": "Add a host-to-IP mapping (HOST:IP; host-gateway for the host)."}),
    (("--allow",), {**MANY, "help": "Allow an entitlement: network.host, security.insecure, device."}),
    (("--annotation",), {**MANY, "help": "Add an annotation to the image."}),
    (("--attest",), {**MANY, "help": "Add an attestation (type=sbom, type=provenance,mode=max)."}),
    (("--build-arg",), {**MANY, "help": "Set a build argument (KEY=VALUE, or KEY from the environment)."}),
    (("--build-context",), {**MANY, "help": "Add a build context (NAME=PATH, URL or image)."}),
    (("--builder",), {"default": "", "help": "The buildx builder to use."}),
    (("--cache-from",), {**MANY, "help": "Read cache from here (type=s3,…; see also --cache)."}),
    (("--cache-to",), {**MANY, "help": "Write cache to here (type=s3,…; see also --cache)."}),
    (("--call",), {"default": "build", "help": "Evaluate instead of building: check, outline, targets."}),
    (("--cgroup-parent",), {"default": "", "help": "Parent cgroup for RUN."}),
    (("--check",), {"is_flag": True, "help": "Short for --call=check."}),
    (("--file", "-f"), {"help": "The Dockerfile (default: PATH/Dockerfile; - for standard input)."}),
    (("--iidfile",), {"default": "", "help": "Write the image ID to a file."}),
    (("--label",), {**MANY, "help": "Set metadata of the image."}),
    (("--load",), {"is_flag": True, "help": "Load the image into the docker engine."}),
    (("--metadata-file",), {"default": "", "help": "Write result metadata (JSON) to a file."}),
    (("--network",), {"default": "default", "help": "Network of RUN: default, none, host."}),
    (("--no-cache",), {"is_flag": True, "help": "Use no cache."}),
    (("--no-cache-filter",), {**MANY, "help": "Rebuild these stages, and all that depend on them."}),
    (("--output", "-o"), {**MANY, "help": "Where the result goes (type=local,dest=DIR; oci, image, …)."}),
    (("--platform",), {**MANY, "help": "Target platform (linux/amd64,linux/arm64)."}),
    (("--policy",), {**MANY, "help": "Source policy (buildx)."}),
    (("--progress",), {"default": "auto", "help": "auto, plain, tty, quiet, none or rawjson."}),
    (("--provenance",), {"help": "Short for --attest=type=provenance."}),
    (("--pull",), {"is_flag": True, "help": "Always ask the registry for newer base images."}),
    (("--push",), {"is_flag": True, "help": "Push the image to its registry."}),
    (("--quiet", "-q"), {"is_flag": True, "help": "Print only the image ID."}),
    (("--resource",), {**MANY, "help": "Resource limit of RUN (memory=2g, cpu-quota=50000)."}),
    (("--sbom",), {"help": "Short for --attest=type=sbom."}),
    (("--secret",), {**MANY, "help": "Expose a secret (id=NAME,src=FILE or id=NAME,env=VAR)."}),
    (("--shm-size",), {"default": "", "help": "Size of /dev/shm (64m)."}),
    (("--ssh",), {**MANY, "help": "Expose an SSH agent or keys (default, ID=SOCKET)."}),
    (("--tag", "-t"), {**MANY, "help": "Name of the image (NAME[:TAG])."}),
    (("--target",), {"help": "Build this stage."}),
    (("--ulimit",), {**MANY, "help": "Ulimit of RUN (nofile=1024:2048)."}),
    (("--memory", "-m"), {"default": "", "hidden": True}),
    (("--memory-swap",), {"default": "", "hidden": True}),
    (("--cpu-shares", "-c"), {"default": "", "hidden": True}),
    (("--cpu-period",), {"default": "", "hidden": True}),
    (("--cpu-quota",), {"default": "", "hidden": True}),
    (("--cpuset-cpus",), {"default": "", "hidden": True}),
    (("--cpuset-mems",), {"default": "", "hidden": True}),
    (("--compress",), {"is_flag": True, "hidden": True}),
    (("--rm/--no-rm",), {"default": True, "hidden": True}),
    (("--force-rm",), {"is_flag": True, "hidden": True}),
    (("--disable-content-trust/--no-disable-content-trust",), {"default": True, "hidden": True}),
    (("--squash",), {"is_flag": True, "hidden": True}),
    (("--isolation",), {"default": "", "hidden": True}),
    (("--security-opt",), {**MANY, "hidden": True}),
)


class DockerCommand(click.Command):
    """A command whose switches also take `=true` and `=false`, as docker's do (pflag)."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click's, after `--push=true` became `--push` and `--push=false` nothing."""
        switches = {
            name: parameter.secondary_opts[0] if parameter.secondary_opts else ""
            for parameter in self.params
            if isinstance(parameter, click.Option) and parameter.is_flag
            for name in parameter.opts
        }
        return super().parse_args(ctx, _spelled_out(args, switches))


def _spelled_out(args: list[str], switches: Mapping[str, str]) -> list[str]:
    """`args` with each `SWITCH=VALUE` as SWITCH, its opposite, or (where it has none) left out."""
    result: list[str] = []
    for arg in args:
        name, separator, value = arg.partition("=")
        if not separator or name not in switches:
            result.append(arg)
        elif value.lower() in ("true", "t", "1"):
            result.append(name)
        elif value.lower() not in ("false", "f", "0"):
            raise UsageError(f"{name} is true or false, not {value!r}")
        elif switches[name]:
            result.append(switches[name])
        else:
            result = [earlier for earlier in result if earlier != name]
    return result


def docker_options(command: Callable[..., object]) -> Callable[..., object]:
    """Add all of docker's flags to a click command."""
    for names, settings in reversed(DOCKER_OPTIONS):
        command = click.option(*names, **settings)(command)
    return command


def some_docker_options(*names: str) -> Callable[[Callable[..., object]], Callable[..., object]]:
    """Add the named flags of docker's (`--secret`, …) to a click command."""

    def add(command: Callable[..., object]) -> Callable[..., object]:
        for option, settings in reversed(DOCKER_OPTIONS):
            if option[0] in names:
                command = click.option(*option, **settings)(command)
        return command

    return add


def without_flags() -> dict[str, Any]:
    """The values of all of docker's flags where none is given, by click's names."""
    options = [click.Option(names, **settings) for names, settings in DOCKER_OPTIONS]
    bare = click.Command("build", params=list(options))
    return {
        str(option.name): value
        for option in options
        for value in (bare.make_context("", []).params[option.name],)
    }


def request_from_flags(context: str, flags: Mapping[str, Any]) -> BuildRequest:
    """The request that these flag values (click's names) describe. Raises UsageError naming the flag."""
    return BuildRequest(
        context=context,
        file=flags["file"],
        target=flags["target"],
        tags=tuple(_tag(text) for text in flags["tag"]),
        build_args=tuple(_argument(text) for text in flags["build_arg"]),
        labels=tuple(_pair(text, "--label", bare=True) for text in flags["label"]),
        platforms=tuple(p for text in flags["platform"] for p in text.split(",") if p),
        outputs=tuple(Output.parse(text) for text in flags["output"]),
        push=flags["push"],
        load=flags["load"],
        build_contexts=tuple(_pair(text, "--build-context") for text in flags["build_context"]),
        secrets=flags["secret"],
        ssh=flags["ssh"],
        cache_from=_specs(flags["cache_from"], "--cache-from"),
        cache_to=_specs(flags["cache_to"], "--cache-to"),
        no_cache=flags["no_cache"],
        no_cache_filter=tuple(s for text in flags["no_cache_filter"] for s in text.split(",") if s),
        pull=flags["pull"],
        network=flags["network"],
        add_hosts=tuple(_host(h) for text in flags["add_host"] for h in text.split(",")),
        shm_size=size_bytes(flags["shm_size"], "--shm-size"),
        ulimits=flags["ulimit"],
        cgroup_parent=flags["cgroup_parent"],
        resources=tuple(_resources(flags)),
        allow=flags["allow"],
        annotations=flags["annotation"],
        attests=tuple(_attests(flags)),
        policies=flags["policy"],
        classic=tuple(_classic(flags)),
        builder=flags["builder"],
        call="check" if flags["check"] else flags["call"],
        iidfile=flags["iidfile"],
        metadata_file=flags["metadata_file"],
        quiet=flags["quiet"],
    )


def _specs(texts: Iterable[str], flag: str) -> tuple[CacheSpec, ...]:
    return tuple(CacheSpec.parse(text, flag=flag) for text in texts)


def _argument(text: str) -> tuple[str, str | None]:
    name, separator, value = text.partition("=")
    if not name:
        raise UsageError(f"--build-arg {text!r} has no name", fix="write KEY=VALUE")
    return name, value if separator else os.environ.get(name)


_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_TAG = re.compile(
    r"(?:(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d+)?/)?"
    rf"{_PART}(?:/{_PART})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?"
)
"""A name for an image. Grammar: github.com/distribution/reference, reference.go; without a digest."""


def _tag(text: str) -> str:
    """`text`; BuildKit would refuse a wrong one when all is built."""
    if _TAG.fullmatch(text):
        return text
    raise UsageError(
        f"--tag {text!r} is no name for an image",
        fix="write [HOST[:PORT]/]name[:TAG] in lower-case letters, digits, and - _ . between them",
    )


def _pair(text: str, flag: str, *, bare: bool = False) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not (separator or bare):
        raise UsageError(f"{flag} {text!r} is not NAME=VALUE")
    return name, value


def _host(text: str) -> tuple[str, str]:
    for separator in ("=", ":"):
        host, found, address = text.partition(separator)
        if found and host and address:
            return host, address
    raise UsageError(f"--add-host {text!r} is not HOST:IP")


def _resources(flags: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    named = [_pair(text, "--resource") for text in flags["resource"]]
    named += [(limit, flags[limit.replace("-", "_")]) for limit in LIMITS if flags[limit.replace("-", "_")]]
    for name, value in named:
        if name not in LIMITS:
            raise UsageError(f"--resource {name!r} is unknown", fix=f"choose from {', '.join(LIMITS)}")
        if name.startswith("memory") and value != "-1":
            yield name, str(size_bytes(value, f"--{name}"))
        else:
            yield name, value


def _attests(flags: Mapping[str, Any]) -> Iterable[str]:
    yield from flags["attest"]
    for kind in ("provenance", "sbom"):
        value = flags[kind]
        if value in ("false", "0"):
            yield f"type={kind},disabled=true"
        elif value in ("true", "1"):
            yield f"type={kind}"
        elif value is not None:
            yield f"type={kind},{value}"


def _classic(flags: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if flags["squash"]:
        yield "squash", "true"
    if flags["isolation"] not in ("", "default"):
        yield "isolation", flags["isolation"]
    for option in flags["security_opt"]:
        yield "security-opt", option


def without_effect(flags: Mapping[str, Any]) -> list[str]:
    """The given flags that no BuildKit engine acts on and that need no error: to be said once."""
    given = {"compress": flags["compress"], "force-rm": flags["force_rm"]}
    given["rm"] = not flags["rm"]
    given["disable-content-trust"] = not flags["disable_content_trust"]
    return [f"--{name}" for name in NO_EFFECT if given[name]]


UNITS = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


def size_bytes(text: str, flag: str) -> int:
    """`64m` → bytes; empty → 0. Units as in docker: b, k, m, g, t, of 1024 each."""
    digits = text.lower().removesuffix("ib").removesuffix("b") if len(text) > 1 else text
    if not digits:
        return 0
    unit = UNITS.get(digits[-1], 0)
    try:
        return int(float(digits[:-1]) * unit) if unit else int(digits)
    except ValueError:
        raise UsageError(
            f"{flag}: {text!r} is not a size", fix="write 64m, 1g or a number of bytes"
        ) from None
