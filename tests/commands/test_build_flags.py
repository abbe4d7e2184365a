from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from fastbuild.commands.build_flags import (
    DOCKER_OPTIONS,
    DockerCommand,
    docker_options,
    request_from_flags,
    size_bytes,
    without_effect,
)
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from fastbuild.request import BuildRequest

HELP = Path(__file__).parent / "help"


def parse(*args: str) -> tuple[BuildRequest, list[str]]:
    made: list[Any] = []

    @click.command(cls=DockerCommand)
    @click.argument("context")
    @docker_options
    def command(context: str, **flags: Any) -> None:
        made.extend((request_from_flags(context, flags), without_effect(flags)))

    result = CliRunner().invoke(command, args, standalone_mode=False)
    if result.exception:
        raise result.exception
    return made[0], made[1]


@pytest.mark.parametrize("source", ["docker-build-28.2.2.txt", "buildx-build-0.38.2.txt"])
def test_every_flag_of_docker_s_help_is_ours(source: str) -> None:
    theirs = set(re.findall(r"^\s+(?:-\w, )?(--[\w-]+)", (HELP / source).read_text(), re.MULTILINE))
    ours = {name.split("/")[0] for names, _ in DOCKER_OPTIONS for name in names}
    assert theirs - ours <= {"--help", "--debug"}


@pytest.mark.parametrize("source", ["docker-build-28.2.2.txt", "buildx-build-0.38.2.txt"])
def test_every_short_flag_of_docker_s_help_is_ours(source: str) -> None:
    theirs = set(re.findall(r"^\s+(-\w), (--[\w-]+)", (HELP / source).read_text(), re.MULTILINE))
    ours = {(short, long) for names, _ in DOCKER_OPTIONS for long, *rest in [names] for short in rest}
    assert theirs - ours <= {("-h", "--help"), ("-D", "--debug")}


def test_what_ci_usually_says() -> None:
    request, _ = parse(
        "-t",
        "app:1",
        "--build-arg",
        "V=1",
        "-f",
        "Df",
        "--platform",
        "linux/amd64,linux/arm64",
        "--push",
        ".",
    )
    assert request.tags == ("app:1",)
    assert request.build_args == (("V", "1"),)
    assert request.file == "Df"
    assert request.platforms == ("linux/amd64", "linux/arm64")
    assert request.push


def test_a_build_argument_without_value_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRESENT", "yes")
    monkeypatch.delenv("ABSENT", raising=False)
    request, _ = parse("--build-arg", "PRESENT", "--build-arg", "ABSENT", "--build-arg", "EMPTY=", ".")
    assert request.build_args == (("PRESENT", "yes"), ("ABSENT", None), ("EMPTY", ""))


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        (("--provenance=false",), ("type=provenance,disabled=true",)),
        (("--provenance=true",), ("type=provenance",)),
        (("--provenance=mode=max",), ("type=provenance,mode=max",)),
        (("--sbom=true", "--attest", "type=x"), ("type=x", "type=sbom")),
    ],
)
def test_attestation_shorthands(given: tuple[str, ...], meaning: tuple[str, ...]) -> None:
    assert parse(*given, ".")[0].attests == meaning


def test_old_limits_and_new_ones_are_one() -> None:
    request, _ = parse("-m", "64m", "--resource", "cpu-quota=5000", "-c", "12", ".")
    assert set(request.resources) == {("memory", "67108864"), ("cpu-quota", "5000"), ("cpu-shares", "12")}


def test_flags_that_do_nothing_are_said() -> None:
    assert parse("--rm=false", "--compress", ".")[1] == ["--compress", "--rm"]
    assert parse("--rm", ".")[1] == []


def test_switches_take_true_and_false_as_docker_s_do() -> None:
    request, _ = parse("--push=true", "--load=false", "--no-cache", "--no-cache=false", ".")
    assert (request.push, request.load, request.no_cache) == (True, False, False)
    with pytest.raises(UsageError, match="--pull"):
        parse("--pull=maybe", ".")


def test_check_is_a_call() -> None:
    assert parse("--check", ".")[0].call == "check"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--add-host", "x"), "--add-host"),
        (("--build-arg", "=x"), "--build-arg"),
        (("--build-context", "x"), "--build-context"),
        (("--resource", "disk=1"), "--resource"),
        (("--shm-size", "lots"), "--shm-size"),
        (("--cache-from", "bucket=x,region=y"), "--cache-from"),
        (("-o", "dest=x,mode=1"), "--output"),
        (("-t", "UPPER CASE"), "--tag"),
        (("-t", ""), "--tag"),
        (("-t", "app:"), "--tag"),
        (("-t", "app:x/y"), "--tag"),
        (("-t", "app:" + "x" * 129), "--tag"),
        (("-t", "a..b"), "--tag"),
    ],
)
def test_bad_values_name_their_flag(given: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse(*given, ".")


@pytest.mark.parametrize(
    "tag",
    [
        "app",
        "app:1.2_x-Y",
        "acme/app",
        "host/acme/a__b--c.d:_",
        "host:5000/app",
        "Host.Example:5000/app:x",
        "[::1]:5000/app",
        "localhost/a",
    ],
)
def test_names_of_images(tag: str) -> None:
    assert parse("-t", tag, ".")[0].tags == (tag,)


@pytest.mark.parametrize(
    ("text", "size"),
    [("", 0), ("5", 5), ("5b", 5), ("64m", 64 << 20), ("1.5g", 1610612736), ("2GiB", 2 << 30)],
)
def test_sizes_are_docker_s(text: str, size: int) -> None:
    assert size_bytes(text, "--shm-size") == size
