"""What a build has left in a cache, from the manifest that BuildKit wrote in a recorded build."""

from __future__ import annotations

import json
from dataclasses import replace

from fastbuild.cache.objects import Manifest
from fastbuild.explain.describe import Known, describe
from fastbuild.explain.sidefile import SideFile
from fastbuild.keys.graph import Graph
from fastbuild.pipeline.foresee import Foreseen
from fastbuild.pipeline.left_results import known_keys, with_held
from fastbuild.request import CacheSpec
from tests.keys import recorded

SPEC = CacheSpec.parse("type=s3,name=shared")
TEXT = (recorded.FOLDER / "s3.json").read_bytes()


def foreseen(graph: Graph | None = None) -> Foreseen:
    graph = graph or recorded.graph()
    return Foreseen(
        steps=(),
        graph=graph,
        keys=recorded.keys(graph),
        contents=recorded.contents(),
        files={},
        verdicts={},
        caches=(),
    )


def held(text: bytes = TEXT, refused: str = "", of: Foreseen | None = None) -> list[bool | None]:
    of = of or foreseen()
    about = SideFile(build="b1", salt="00" * 16, platforms=("linux/amd64",))
    side = describe(about, Known(graph=of.graph, keys=of.keys, contents=of.contents))
    manifest = Manifest(text=text, digest="sha256:1", sizes={}, refused=refused)
    instructions = [step for step in with_held(side, of, manifest, SPEC).steps if step.line]
    return [step.held for step in instructions]


def without(name: str) -> bytes:
    """The manifest without the results of all records, or of those that lead nowhere further."""
    raw = json.loads(TEXT)
    used = {link["link"] for record in raw["records"] for links in record.get("inputs", []) for link in links}
    for number, record in enumerate(raw["records"]):
        if name == "all" or number not in used:
            record.pop("layers", None)
    return json.dumps(raw).encode()


def test_all_that_a_build_made_is_in_its_own_cache() -> None:
    assert set(held()) == {True}


def test_what_was_not_looked_up_is_in_there_all_the_same() -> None:
    graph = recorded.graph()
    ignoring = Graph(ops=tuple(replace(op, ignore_cache=True) for op in graph.ops), final=graph.final)
    assert set(held(of=foreseen(ignoring))) == {True}


def test_a_record_without_a_result_is_a_key_alone() -> None:
    assert True not in held(without("all"))
    last = held(without("last"))
    assert last[-1] is False
    assert True in last
    assert recorded.LAST in known_keys(foreseen(), recorded.s3())


def test_of_a_manifest_that_can_not_be_read_nothing_is_known() -> None:
    assert set(held(b"{")) == {None}
    assert set(held(refused="too large")) == {None}
