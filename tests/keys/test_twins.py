"""Operations that do the same under different definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.keys.graph import Graph, Op
from fastbuild.keys.ops import OpKey
from fastbuild.keys.selectors import Input, Selection
from fastbuild.keys.twins import twins

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = (Selection(path="/a.txt"),)


def op(digest: str, *inputs: str) -> Op:
    return Op(
        digest=digest,
        kind="file" if inputs else "source",
        body={},
        inputs=tuple((below, 0) for below in inputs),
        platform=("", "", ""),
        name=digest,
        lines=(),
        ignore_cache=False,
        weak=False,
    )


def key(digest: str, *, of_files: bool = False) -> OpKey:
    inputs = (Input(selector="", selections=FILES),) if of_files else (Input(selector="", selections=None),)
    return OpKey(digest=digest, plaintext="", inputs=inputs)


GRAPH = Graph(
    ops=(
        op("context 1"),
        op("context 2"),
        op("copy 1", "context 1"),
        op("copy 2", "context 2"),
        op("run 1", "copy 1"),
        op("run 2", "copy 2"),
    ),
    final="run 1",
    other_finals=("run 2",),
)
KEYS: Mapping[str, OpKey | None] = {
    "context 1": None,
    "context 2": None,
    "copy 1": key("copy", of_files=True),
    "copy 2": key("copy", of_files=True),
    "run 1": key("run"),
    "run 2": key("run"),
}
EQUAL = {("copy 1", 0): "sha256:a", ("copy 2", 0): "sha256:a"}


def test_equal_contents_from_two_sources_are_copied_once_and_what_follows_is_done_once() -> None:
    expected = {"copy 1": "copy 1", "copy 2": "copy 1", "run 1": "run 1", "run 2": "run 1"}
    assert twins(GRAPH, KEYS, EQUAL) == expected


def test_other_contents_are_other_work() -> None:
    assert twins(GRAPH, KEYS, {**EQUAL, ("copy 2", 0): "sha256:b"}) == {}


def test_contents_that_are_not_known_are_not_taken_for_equal() -> None:
    assert twins(GRAPH, KEYS, {}) == {}


def test_other_commands_are_other_work() -> None:
    found = twins(GRAPH, {**KEYS, "run 2": key("run for arm64")}, EQUAL)
    assert found == {"copy 1": "copy 1", "copy 2": "copy 1"}


def test_sources_and_steps_without_a_key_have_no_twins() -> None:
    assert twins(GRAPH, dict.fromkeys(KEYS), EQUAL) == {}
