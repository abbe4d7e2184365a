"""One request, three engines: the commands as values."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.engines import buildctl, buildx, docker
from fastbuild.engines.api import Engine, Job
from fastbuild.errors import UsageError
from fastbuild.request import BuildRequest, CacheSpec, Output

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = BuildRequest(context="/app", file="/app/Dockerfile")

ENGINES: dict[str, tuple[Engine, tuple[str, ...]]] = {
    "buildctl": (buildctl, ("buildctl", "--addr", "unix:///s")),
    "buildx": (buildx, ("docker", "buildx")),
    "docker": (docker, ("docker",)),
}


def argv(name: str, request: BuildRequest, **job: object) -> tuple[str, ...]:
    engine, program = ENGINES[name]
    made = Job(request=request, program=program, workdir="/w", context_name="copy")
    return engine.build_command(replace(made, **job)).argv  # type: ignore[arg-type]


def added(name: str, **changes: object) -> list[str]:
    """What these fields add to the words of the plain command; a flag given twice counts once."""
    plain = argv(name, PLAIN)
    changed = argv(name, replace(PLAIN, **changes))  # type: ignore[arg-type]
    new = [word for word in changed if word not in plain and word not in ("--opt", "--output")]
    return list(dict.fromkeys(new))


def test_the_plain_build() -> None:
    assert argv("buildctl", PLAIN) == (
        *("buildctl", "--addr", "unix:///s", "build", "--progress=rawjson", "--frontend=dockerfile.v0"),
        *("--metadata-file=/w/metadata.json", "--ref-file=/w/ref"),
        *("--opt", "filename=Dockerfile", "--opt", "local-sessionid:context=copy:"),
        *("--local", "copy-copy-context=/app", "--local", "copy-context=/app", "--local", "dockerfile=/app"),
    )
    assert argv("buildx", PLAIN) == (
        *("docker", "buildx", "build", "--progress=rawjson", "--metadata-file=/w/metadata.json"),
        *("--file", "/app/Dockerfile", "/w/links/copy"),
    )
    assert argv("docker", PLAIN) == (
        *("docker", "build", "--iidfile=/w/iid", "--file", "/app/Dockerfile", "/app"),
    )


REFUSED = ["refused"]

TABLE: list[tuple[dict[str, object], list[str], list[str], list[str]]] = [
    ({"target": "x"}, ["target=x"], ["--target", "x"], ["--target", "x"]),
    (
        {"build_args": (("A", "1"), ("B", None))},
        ["build-arg:A=1", "build-arg:B"],
        ["--build-arg", "A=1", "B"],
        ["--build-arg", "A=1", "B"],
    ),
    ({"labels": (("a", "b"),)}, ["label:a=b"], ["--label", "a=b"], ["--label", "a=b"]),
    (
        {"platforms": ("linux/amd64", "linux/arm64")},
        ["platform=linux/amd64,linux/arm64", "multi-platform=true"],
        ["--platform", "linux/amd64,linux/arm64"],
        REFUSED,
    ),
    ({"no_cache": True}, ["no-cache="], ["--no-cache"], ["--no-cache"]),
    ({"no_cache_filter": ("a", "b")}, ["no-cache=a,b"], ["--no-cache-filter", "a", "b"], REFUSED),
    ({"pull": True}, ["image-resolve-mode=pull"], ["--pull"], ["--pull"]),
    (
        {"network": "host"},
        ["force-network-mode=host", "--allow", "network.host"],
        ["--network", "host"],
        ["--network", "host"],
    ),
    ({"network": "none"}, ["force-network-mode=none"], ["--network", "none"], ["--network", "none"]),
    ({"network": "mine"}, REFUSED, ["--network", "mine"], ["--network", "mine"]),
    (
        {"add_hosts": (("h", "1.2.3.4"), ("v6", "[::1]"))},
        ["add-hosts=h=1.2.3.4,v6=::1"],
        ["--add-host", "h=1.2.3.4", "v6=[::1]"],
        ["--add-host", "h:1.2.3.4", "v6:[::1]"],
    ),
    ({"shm_size": 1024}, ["shm-size=1024"], ["--shm-size", "1024"], ["--shm-size", "1024"]),
    (
        {"ulimits": ("nofile=1:2",)},
        ["ulimit=nofile=1:2"],
        ["--ulimit", "nofile=1:2"],
        ["--ulimit", "nofile=1:2"],
    ),
    ({"cgroup_parent": "g"}, ["cgroup-parent=g"], ["--cgroup-parent", "g"], ["--cgroup-parent", "g"]),
    ({"resources": (("memory", "64"),)}, ["memory=64"], ["--resource", "memory=64"], ["--memory", "64"]),
    ({"secrets": ("id=a,src=/s",)}, ["--secret", "id=a,src=/s"], ["--secret", "id=a,src=/s"], REFUSED),
    ({"ssh": ("default",)}, ["--ssh", "default"], ["--ssh", "default"], REFUSED),
    ({"allow": ("network.host",)}, ["--allow", "network.host"], ["--allow", "network.host"], REFUSED),
    (
        {"cache_from": (CacheSpec("registry", (("ref", "r/c"),)),)},
        ["--import-cache", "type=registry,ref=r/c"],
        ["--cache-from", "type=registry,ref=r/c"],
        ["--cache-from", "r/c"],
    ),
    (
        {"cache_to": (CacheSpec("s3", (("bucket", "b"),)),)},
        ["--export-cache", "type=s3,bucket=b"],
        ["--cache-to", "type=s3,bucket=b"],
        REFUSED,
    ),
    ({"tags": ("a", "b")}, [], ["--tag", "a", "b"], ["--tag", "a", "b"]),
    (
        {"tags": ("a", "b"), "push": True},
        ["attest:provenance=mode=min,inline-only=true", 'type=image,"name=a,b",push=true'],
        ["--tag", "a", "b", "--push"],
        REFUSED,
    ),
    (
        {"outputs": (Output("oci", (("dest", "o"),)),)},
        ["attest:provenance=mode=min,inline-only=true", "type=oci,dest=o"],
        ["type=oci,dest=o"],
        REFUSED,
    ),
    (
        {"outputs": (Output("oci", (("dest", "o"),)),), "attests": ("type=provenance,disabled=true",)},
        ["type=oci,dest=o"],
        ["type=oci,dest=o", "--attest", "type=provenance,disabled=true"],
        REFUSED,
    ),
    ({"load": True}, ["type=docker,dest=/w/image.tar"], ["--load"], []),
    (
        {"outputs": (Output("local", (("dest", "o"),)), Output("tar", (("dest", "-"),)))},
        ["type=local,dest=o", "type=tar,dest=-"],
        ["type=local,dest=o", "type=tar,dest=-"],
        REFUSED,
    ),
    (
        {"attests": ("type=provenance,mode=max", "type=sbom,disabled=true")},
        ["attest:provenance=mode=max"],
        ["--attest", "type=provenance,mode=max", "type=sbom,disabled=true"],
        REFUSED,
    ),
    ({"policies": ("filename=p",)}, REFUSED, ["--policy", "filename=p"], REFUSED),
    (
        {"call": "check"},
        ["requestid=frontend.lint", "frontend.caps=moby.buildkit.frontend.subrequests"],
        ["--call", "check"],
        REFUSED,
    ),
    ({"builder": "b"}, REFUSED, ["--builder", "b"], REFUSED),
    ({"call": "check,format=json"}, REFUSED, ["--call", "check,format=json"], REFUSED),
    (
        {"build_contexts": (("base", "docker-image://debian"),)},
        ["context:base=docker-image://debian"],
        ["--build-context", "base=docker-image://debian"],
        REFUSED,
    ),
    ({"classic": (("squash", "true"),)}, REFUSED, REFUSED, ["--squash", "true"]),
]


@pytest.mark.parametrize(("changes", "on_buildctl", "on_buildx", "on_docker"), TABLE)
def test_each_field_on_each_engine(
    changes: dict[str, object], on_buildctl: list[str], on_buildx: list[str], on_docker: list[str]
) -> None:
    for name, expected in (("buildctl", on_buildctl), ("buildx", on_buildx), ("docker", on_docker)):
        if expected == REFUSED:
            with pytest.raises(UsageError) as refusal:
                added(name, **changes)
            assert refusal.value.fix, "a refusal names what can do it"
        else:
            assert added(name, **changes) == expected, name


def test_every_field_of_a_request_reaches_the_table() -> None:
    elsewhere = {"context", "file", "annotations", "iidfile", "metadata_file", "quiet"}
    assert {key for row in TABLE for key in row[0]} | elsewhere == set(BuildRequest.__slots__)


def test_buildx_s_unasked_provenance_can_be_left_out() -> None:
    request = replace(PLAIN, push=True)
    assert "attest:provenance=mode=min,inline-only=true" in argv("buildctl", request)
    assert not [w for w in argv("buildctl", request, default_provenance=False) if "provenance" in w]


def test_host_gateway_needs_an_engine_that_knows_the_host() -> None:
    request = replace(PLAIN, add_hosts=(("h", "host-gateway"),))
    with pytest.raises(UsageError, match="host-gateway"):
        argv("buildctl", request)
    assert "add-hosts=h=10.0.0.1" in argv("buildctl", request, host_gateway="10.0.0.1")


def test_proxy_arguments_yield_to_given_ones() -> None:
    request = replace(PLAIN, build_args=(("HTTP_PROXY", "mine"),))
    made = argv("buildctl", request, proxy_args=(("http_proxy", "theirs"), ("NO_PROXY", "x")))
    assert [word for word in made if "build-arg" in word] == [
        "build-arg:HTTP_PROXY=mine",
        "build-arg:NO_PROXY=x",
    ]


def test_annotations_go_to_image_outputs() -> None:
    request = replace(PLAIN, push=True, tags=("a",), annotations=("k=v", "index:k=w"))
    assert "type=image,name=a,push=true,annotation.k=v,annotation-index.k=w" in argv("buildctl", request)
    with pytest.raises(UsageError, match="--annotation"):
        argv("buildctl", replace(PLAIN, annotations=("k=v",)))


def test_a_remote_context_is_fetched_by_the_engine(tmp_path: Path) -> None:
    url = "https://example.com/a.git#main:sub"
    request = BuildRequest(context=url, file="build/Dockerfile")
    made = argv("buildctl", request, context_name="")
    assert f"context={url}" in made
    assert "filename=build/Dockerfile" in made
    assert "--local" not in made
    local = tmp_path / "Dockerfile"
    local.write_text("FROM scratch\n")
    made = argv("buildctl", BuildRequest(context=url, file=str(local)), context_name="")
    assert "dockerfilekey=dockerfile" in made
    assert f"dockerfile={tmp_path}" in made


def test_ssh_contexts_bring_the_agent() -> None:
    assert "--ssh" in argv("buildctl", BuildRequest(context="git@example.com:a/b.git"), context_name="")


def test_local_named_contexts_have_copies_of_their_own() -> None:
    request = replace(PLAIN, build_contexts=(("lib", "/lib"),))
    made = argv("buildctl", request, named_copies=(("lib", "copy2"),))
    assert "context:lib=local:copy2" in made
    assert "copy2=/lib" in made
    assert "lib=/w/links/copy2" in argv("buildx", request, named_copies=(("lib", "copy2"),))


def test_credentials_are_not_part_of_what_is_shown() -> None:
    made = Job(
        request=PLAIN, program=("buildctl",), workdir="/w", secret_env=(("AWS_SECRET_ACCESS_KEY", "s3cr3t"),)
    )
    command = buildctl.build_command(made)
    assert "s3cr3t" not in repr(made) + repr(command) + " ".join(command.argv)
    assert command.environ({})["AWS_SECRET_ACCESS_KEY"] == "s3cr3t"
