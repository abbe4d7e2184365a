from __future__ import annotations

import pytest

from fastbuild.dockerfile.stages import dependants

TEXT = """\
ARG BASE=debian
FROM ${BASE} AS base
RUN one
FROM base AS Build
RUN two
FROM scratch AS assets
COPY x /
FROM debian
COPY --from=build /out /out
FROM debian AS tools
RUN --mount=type=bind,from=assets,target=/a true
FROM 3 AS last
RUN three
"""


@pytest.mark.parametrize(
    ("names", "reached"),
    [
        (("base",), ("base", "build", "", "last")),
        (("BUILD",), ("build", "", "last")),
        (("assets",), ("assets", "tools")),
        (("last",), ("last",)),
        (("3",), ("", "last")),
        (("tools", "last"), ("tools", "last")),
    ],
)
def test_a_stage_reaches_all_that_depend_on_it(names: tuple[str, ...], reached: tuple[str, ...]) -> None:
    assert dependants(TEXT, names) == reached


def test_a_base_given_as_argument_may_be_a_stage() -> None:
    assert "base" in dependants(TEXT.replace("ARG BASE=debian", "ARG BASE"), ("last",))
    text = "ARG BASE=debian\nFROM a AS one\nFROM ${BASE} AS two\n"
    assert dependants(text, ("one",), {"BASE": "one"}) == ("one", "two")
    assert dependants(text, ("one",)) == ("one",)


def test_a_variable_reference_is_taken_for_a_dependency() -> None:
    text = "FROM a AS one\nFROM b AS two\nARG S=one\nCOPY --from=${S} / /\n"
    assert "two" in dependants(text, ("one",))
