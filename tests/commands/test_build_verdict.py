from __future__ import annotations

import pytest

from fastbuild.commands.build_verdict import failure
from fastbuild.errors import BuildFailed, DockerfileSyntax, EngineError, FastbuildError, UsageError
from fastbuild.pipeline.run import Outcome
from fastbuild.progress.rawjson import StepKind
from fastbuild.progress.timings import BuildTiming, OtherTiming

OTHER = OtherTiming(kind=StepKind.METADATA, name="load metadata", seconds=0.1)


def verdict(text: str, *, heard: bool = True) -> FastbuildError | None:
    timing = BuildTiming(text=text, others=(OTHER,) if heard else ())
    return failure(Outcome(returncode=1, timing=timing, cache_problems=()), strict=False)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("error: failed to solve: the Dockerfile cannot be empty", DockerfileSyntax),
        (
            "error: failed to solve: dockerfile parse error on line 2: unknown instruction: RUNN",
            DockerfileSyntax,
        ),
        ("error: failed to solve: no build stage in current context", DockerfileSyntax),
        ("error: failed to solve: base name (${X}) should not be blank", DockerfileSyntax),
        ('error: failed to solve: process "/bin/sh -c exit 7" did not complete successfully', BuildFailed),
        ('error: failed to solve: target stage "absent" could not be found', BuildFailed),
        ("error: failed to solve: failed to parse target platform x/y/z/0: …", UsageError),
        ("error: invalid output option: output: x is not supported by nothing exporter", UsageError),
        ("error: failed to receive status: rpc error: code = Unavailable desc = EOF", EngineError),
    ],
)
def test_who_is_to_blame(text: str, kind: type[FastbuildError]) -> None:
    found = verdict(text)
    assert type(found) is kind


@pytest.mark.parametrize("text", ["error: failed to solve: no such thing", "error: failed to solve: x"])
def test_an_engine_that_refuses_at_once_is_alive(text: str) -> None:
    assert type(verdict(text, heard=False)) is BuildFailed


def test_an_engine_that_says_nothing_is_not() -> None:
    assert type(verdict("", heard=False)) is EngineError


@pytest.mark.parametrize(
    "text",
    ["Dockerfile:2\nerror: failed to solve: dockerfile parse error", "error: failed to solve: exit code: 7"],
)
def test_the_engine_s_words_are_shown_as_they_are(text: str) -> None:
    found = verdict(text)
    assert found is not None
    assert found.render() == text


def test_a_lost_engine_is_one_error_without_warnings() -> None:
    found = verdict("WARNING: No output specified\nERROR: failed to build: code = Unavailable")
    assert found is not None
    assert found.render().startswith(
        "error: the engine could not build: failed to build: code = Unavailable\n"
    )
