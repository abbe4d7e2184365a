from __future__ import annotations

import pytest

from fastbuild.dockerfile.scope import DEFAULT_PATH, Scope, platform_args
from fastbuild.errors import DockerfileSyntax

HEADER = Scope.global_()
EMPTY = HEADER.stage(image=())
PATH = ("PATH", DEFAULT_PATH)


def test_header_arguments_are_seen_by_later_ones_and_by_build_arguments_replaced() -> None:
    scope = HEADER.expand_arg("A", "1").expand_arg("B", "$A-$TARGETARCH").expand_arg("C", "${", {"C": "$A"})
    assert (scope.values["B"], scope.values["C"]) == ("1-amd64", "$A")


def test_a_header_argument_reaches_a_stage_only_when_declared_again() -> None:
    stage = HEADER.declare_arg("A", "1").stage(image=())
    assert "A" not in stage.values
    assert stage.declare_arg("A", None).values["A"] == "1"
    assert stage.declare_arg("A", "2").values["A"] == "2"
    assert stage.declare_arg("A", "2", {"A": "3"}).values["A"] == "3"


def test_an_argument_without_any_value_sets_and_hides_nothing() -> None:
    assert EMPTY.declare_arg("A", None) == EMPTY
    assert EMPTY.declare_arg("A", None, {"A": None}) == EMPTY
    assert EMPTY.set_env("A", "1").declare_arg("A", None).values["A"] == "1"


def test_the_last_of_arg_and_env_wins_in_a_stage() -> None:
    assert EMPTY.declare_arg("A", "arg").set_env("A", "env").values["A"] == "env"
    assert EMPTY.set_env("A", "env").declare_arg("A", "arg").values["A"] == "arg"
    assert EMPTY.set_env("A", "env").declare_arg("A", None, {"A": "given"}).values["A"] == "given"


def test_a_stage_on_top_inherits_arguments_and_sets_env_again() -> None:
    below = EMPTY.set_env("A", "env").declare_arg("A", "arg").declare_arg("B", "b")
    assert below.run_environment == (PATH, ("A", "arg"), ("B", "b"))
    assert HEADER.stage(below).run_environment == (("B", "b"), PATH, ("A", "env"))


def test_setting_again_moves_a_variable_last_but_not_in_the_image() -> None:
    scope = EMPTY.set_env("A", "1").set_env("B", "2").set_env("A", "3")
    assert scope.run_environment == (PATH, ("B", "2"), ("A", "3"))
    assert list(scope.environment.items()) == [PATH, ("A", "3"), ("B", "2")]


def test_a_base_s_environment_comes_first_and_path_is_never_missing() -> None:
    assert HEADER.stage(image=[("X", "1")]).run_environment == (("X", "1"), PATH)
    assert HEADER.stage(image=[("PATH", "/bin"), ("X", "1")]).run_environment == (
        ("PATH", "/bin"),
        ("X", "1"),
    )


def test_an_unknown_base_is_said_to_be_so() -> None:
    unknown = HEADER.stage()
    assert not unknown.complete
    assert not HEADER.stage(unknown.set_env("A", "1")).complete
    assert EMPTY.complete


def test_platforms_must_be_declared_in_a_stage() -> None:
    header = Scope.global_("linux/arm/v7", "linux/amd64", "final")
    stage = header.stage(image=())
    for name in ("TARGETPLATFORM", "TARGETVARIANT", "BUILDARCH", "TARGETSTAGE", "TARGETOSVERSION"):
        stage = stage.declare_arg(name, None)
    assert stage.run_environment[1:] == (
        ("TARGETPLATFORM", "linux/arm/v7"),
        ("TARGETVARIANT", "v7"),
        ("BUILDARCH", "amd64"),
        ("TARGETSTAGE", "final"),
        ("TARGETOSVERSION", ""),
    )


def test_a_build_argument_replaces_a_platform() -> None:
    assert platform_args("linux/amd64", "linux/amd64", "", {"TARGETARCH": "x"})["TARGETARCH"] == "x"
    assert platform_args("linux/amd64", "linux/amd64", "")["TARGETSTAGE"] == "default"


def test_arguments_of_the_sbom_scanner_are_not_in_the_environment() -> None:
    assert EMPTY.declare_arg("BUILDKIT_SBOM_SCAN_STAGE", "true") == EMPTY


def test_a_default_that_is_not_needed_may_be_wrong() -> None:
    assert EMPTY.expand_arg("A", "${", {"A": "1"}).values["A"] == "1"
    with pytest.raises(DockerfileSyntax):
        EMPTY.expand_arg("A", "${")
