"""The fingerprint changes with each thing that decides the image, and with nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastbuild.keys.fingerprint import NoFingerprint, fingerprint
from fastbuild.keys.graph import Graph
from tests.keys import recorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.keys.graph import Op
    from fastbuild.keys.ops import OpKey

GRAPH = recorded.graph()
KEYS = recorded.keys(GRAPH)
CONTENTS = recorded.contents()
WORDS = ("dockerfile 1", "--opt", "target=app")
KNOWN = fingerprint(GRAPH, KEYS, CONTENTS, WORDS)


def with_op(digest: str, change: Callable[[Op], Op]) -> Graph:
    ops = tuple(change(op) if op.digest == digest else op for op in GRAPH.ops)
    return Graph(ops=ops, final=GRAPH.final, other_finals=GRAPH.other_finals)


def test_it_is_64_digits_and_lasts() -> None:
    assert len(KNOWN) == 64
    assert int(KNOWN, 16)
    assert fingerprint(recorded.graph(), recorded.keys(GRAPH), recorded.contents(), list(WORDS)) == KNOWN


@pytest.mark.parametrize("digest", [digest for digest, key in KEYS.items() if key], ids=lambda it: it[7:15])
def test_the_key_of_each_step_counts(digest: str) -> None:
    key = KEYS[digest]
    assert key
    other: dict[str, OpKey | None] = {**KEYS, digest: replace(key, digest="sha256:other")}
    assert fingerprint(GRAPH, other, CONTENTS, WORDS) != KNOWN


@pytest.mark.parametrize("place", list(CONTENTS), ids=lambda it: f"{it[0][7:15]}-{it[1]}")
def test_each_content_counts(place: tuple[str, int]) -> None:
    assert fingerprint(GRAPH, KEYS, {**CONTENTS, place: "sha256:other"}, WORDS) != KNOWN


@pytest.mark.parametrize("place", list(CONTENTS), ids=lambda it: f"{it[0][7:15]}-{it[1]}")
def test_files_without_a_digest_leave_none(place: tuple[str, int]) -> None:
    rest = {where: content for where, content in CONTENTS.items() if where != place}
    with pytest.raises(NoFingerprint, match="in a way that has no digest"):
        fingerprint(GRAPH, KEYS, rest, WORDS)


@pytest.mark.parametrize(
    "words",
    [
        (),
        WORDS[:-1],
        ("dockerfile 2", *WORDS[1:]),
        (*WORDS, "--opt"),
        (WORDS[0], "--opttarget=app"),
        tuple(reversed(WORDS)),
    ],
    ids=str,
)
def test_each_word_counts_and_their_order(words: tuple[str, ...]) -> None:
    assert fingerprint(GRAPH, KEYS, CONTENTS, words) != KNOWN


def test_which_input_and_which_output_count() -> None:
    last = GRAPH.op(GRAPH.final)
    moved = with_op(GRAPH.final, lambda op: replace(op, inputs=tuple((it, 1) for it, _ in last.inputs)))
    assert fingerprint(moved, KEYS, CONTENTS, WORDS) != KNOWN


def test_another_last_step_counts() -> None:
    shorter = Graph(ops=GRAPH.ops, final=GRAPH.op(GRAPH.final).inputs[0][0])
    assert fingerprint(shorter, KEYS, CONTENTS, WORDS) != KNOWN


def test_names_and_lines_do_not_count() -> None:
    renamed = with_op(GRAPH.final, lambda op: replace(op, name="RUN other", lines=((99, 99),)))
    assert fingerprint(renamed, KEYS, CONTENTS, WORDS) == KNOWN


def test_sessions_do_not_count() -> None:
    """A local directory's definition differs in every run."""
    local = next(op.digest for op in GRAPH.ops if str(op.body.get("identifier", "")).startswith("local://"))
    other = "sha256:" + "f" * 64
    ops = tuple(
        replace(
            op,
            digest=other if op.digest == local else op.digest,
            inputs=tuple((other if it == local else it, index) for it, index in op.inputs),
        )
        for op in GRAPH.ops
    )
    graph = Graph(ops=ops, final=GRAPH.final, other_finals=GRAPH.other_finals)
    assert fingerprint(graph, {**KEYS, other: None}, CONTENTS, WORDS) == KNOWN


def test_a_step_that_is_to_run_again_leaves_none() -> None:
    forced = with_op(GRAPH.final, lambda op: replace(op, ignore_cache=True))
    with pytest.raises(NoFingerprint, match="asked to run again"):
        fingerprint(forced, KEYS, CONTENTS, WORDS)


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ("https://example.org/a", "without --checksum"),
        ("git://example.org/a.git#main", "names no full commit"),
        ("docker-image://docker.io/library/a:latest", "digest is not known"),
        ("blob://x", "no lasting key"),
    ],
)
def test_a_source_that_may_be_another_tomorrow_leaves_none(identifier: str, reason: str) -> None:
    base = next(op for op in GRAPH.ops if KEYS[op.digest] and op.kind == "source")
    unknown = with_op(base.digest, lambda op: replace(op, body={"identifier": identifier}))
    with pytest.raises(NoFingerprint, match=reason):
        fingerprint(unknown, {**KEYS, base.digest: None}, CONTENTS, WORDS)


def test_a_step_without_a_key_leaves_none() -> None:
    with pytest.raises(NoFingerprint, match="RUN cat /out > /end: BuildKit makes no lasting key"):
        fingerprint(GRAPH, {**KEYS, GRAPH.final: None}, CONTENTS, WORDS)


def test_an_image_without_files_has_none() -> None:
    with pytest.raises(NoFingerprint, match="no files"):
        fingerprint(Graph(ops=(), final=""), {}, {}, WORDS)


def test_the_platform_of_a_step_counts_where_its_key_has_none() -> None:
    copied = next(op.digest for op in GRAPH.ops if op.kind == "file")
    other = with_op(copied, lambda op: replace(op, platform=("linux", "s390x", "")))
    assert fingerprint(other, KEYS, CONTENTS, WORDS) != KNOWN
