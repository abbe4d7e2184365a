"""Which steps' results a build has left in a cache: read back from the manifest that it wrote."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.keys.lookup import Question, states
from fastbuild.keys.manifest import ManifestError, read_manifest
from fastbuild.keys.match import Verdict, match

if TYPE_CHECKING:
    from fastbuild.cache.objects import Manifest
    from fastbuild.explain.sidefile import SideFile
    from fastbuild.keys.records import Records
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.request import CacheSpec


def with_held(side: SideFile, foreseen: Foreseen, manifest: Manifest, spec: CacheSpec) -> SideFile:
    """The side file of the build that wrote `manifest`, its steps marked with what is in there.

    A step of which that can't be told for certain counts as not held.
    """
    graph = foreseen.graph
    made = [op for op in graph.ops if op.kind != "source"]
    if manifest.refused or len(made) != len(side.steps):
        return side
    sizes = manifest.sizes if spec.type != "s3" else None
    try:
        records = read_manifest(manifest.text, spec.label, sizes)
    except ManifestError:
        return side
    # what this build was told not to look up is in there all the same
    asked = replace(graph, ops=tuple(replace(op, ignore_cache=False) for op in graph.ops))
    verdicts = match(asked, foreseen.keys, foreseen.contents, [records])
    held = (verdicts[op.digest].verdict is Verdict.HIT for op in made)
    steps = (replace(step, held=it) for step, it in zip(side.steps, held, strict=True))
    return replace(side, steps=tuple(steps))


def known_keys(foreseen: Foreseen, records: Records) -> frozenset[str]:
    """The names of the steps that a cache has a record of, be it one without a result."""
    question = Question(
        graph=foreseen.graph, keys=foreseen.keys, contents=foreseen.contents, caches=[records]
    )
    found = {digest for (digest, _), state in states(question).items() if state.here[0].found}
    return frozenset(op.name for op in foreseen.graph.ops if op.digest in found)
