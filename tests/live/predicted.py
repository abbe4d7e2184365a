"""Verdicts before a build and what the build then did, step by step."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastbuild.context.hashed import HashedTree
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.keys.content import ContentError, content_digest
from fastbuild.keys.graph import read_graph
from fastbuild.keys.lookup import is_local
from fastbuild.keys.manifest import read_manifest
from fastbuild.keys.match import Verdict, match
from fastbuild.keys.moments import unix_seconds
from fastbuild.keys.ops import op_key
from tests.live.debug_daemon import convert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fastbuild.keys.graph import Graph
    from fastbuild.keys.match import StepVerdict
    from fastbuild.keys.records import Records
    from tests.lab.engine import Buildkitd

PLATFORM = ("linux", "amd64", "")


@dataclass(frozen=True)
class Predicted:
    """A graph with the verdict of each of its operations."""

    graph: Graph
    verdicts: Mapping[str, StepVerdict]

    def by_name(self) -> dict[str, StepVerdict]:
        """For graphs whose names are unique."""
        return {op.name: self.verdicts[op.digest] for op in self.graph.ops}


@dataclass(frozen=True)
class Done:
    """What a build did: name → outcomes of the vertices of that name ("run", "loaded", "skipped")."""

    outcomes: Mapping[str, Counter[str]]
    fetched: frozenset[str]


def predict(daemon: Buildkitd, context: Path, caches: Sequence[Records], *options: str) -> Predicted:
    """Verdicts for the build of a context with these options, from the graph and the files."""
    asked = convert(daemon, context, *options)
    assert asked.code == 0, asked.err
    graph = read_graph(asked.out)
    keys = {op.digest: op_key(op, PLATFORM) for op in graph.ops}
    files = HashedTree(context, Ignore(()), None)
    contents = {}
    for op in graph.ops:
        key = keys[op.digest]
        for place, (source, _) in enumerate(op.inputs):
            selections = key.inputs[place].selections if key else None
            if selections is None or not is_local(graph.op(source)):
                continue
            try:
                contents[op.digest, place] = content_digest(files, selections)
            except ContentError as error:
                raise AssertionError(f"{op.name}: {error}") from error
    return Predicted(graph, match(graph, keys, contents, caches))


def build(daemon: Buildkitd, context: Path, *options: str) -> Done:
    """Build, and fold what the engine said of each vertex."""
    done = daemon.buildctl(
        *("build", "--frontend", "dockerfile.v0", "--progress", "rawjson"),
        *("--local", f"context={context}", "--local", f"dockerfile={context}", *options),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen: dict[str, list[dict[str, Any]]] = defaultdict(list)
    fetched = set()
    for line in done.stderr.splitlines():
        status = json.loads(line) if line.startswith("{") else {}
        for vertex in status.get("vertexes") or ():
            seen[vertex["digest"]].append(vertex)
        fetched |= {s["id"] for s in status.get("statuses") or () if s["id"].startswith("sha256:")}
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for lines in seen.values():
        outcomes[lines[0]["name"]][_outcome(lines)] += 1
    return Done(outcomes, frozenset(fetched))


def _outcome(lines: list[dict[str, Any]]) -> str:
    """`cached` with a duration was looked up; without, BuildKit only infers it from a later step.

    What was looked up may have other intervals that aren't cached: fetching and unpacking it.
    """
    ended = [line for line in lines if line.get("completed")]
    if any(line.get("cached") and line["started"] != line["completed"] for line in ended):
        return "loaded"
    return "run" if any(not line.get("cached") for line in ended) else "skipped"


def disagreements(predicted: Predicted, done: Done, *, imports: int = 1) -> list[str]:
    """Steps that did what the verdict excludes; sources are left out, for they are never hits.

    With several imports the engine may look up a step to compare its content, or not.
    """
    expected: dict[str, list[set[str]]] = defaultdict(list)
    open_below = _below_maybe(predicted) if imports == 1 else set(predicted.verdicts)
    for op in predicted.graph.ops:
        step = predicted.verdicts[op.digest]
        # What has no input is always shown as executed: BuildKit shows the asking for its key.
        if step.verdict is not Verdict.SOURCE and op.inputs:
            expected[op.name].append(_allowed(step, op.digest in open_below))
    wrong = []
    for name, sets in expected.items():
        real = list(done.outcomes.get(name, Counter({"skipped": len(sets)})).elements())
        if len(real) != len(sets) or not _fits(sets, real):
            wrong.append(f"{name}: predicted {sets}, was {real}")
    return wrong


def _allowed(step: StepVerdict, below_maybe: bool) -> set[str]:
    if not step.needed:
        return {"skipped"}
    outcome = {Verdict.HIT: {"loaded"}, Verdict.MISS: {"run"}}.get(step.verdict, {"run", "loaded", "skipped"})
    return outcome | {"skipped"} if below_maybe else outcome


def _fits(sets: list[set[str]], real: list[str]) -> bool:
    """Whether the outcomes can be dealt out; names are rarely shared by more than two."""
    if not sets:
        return not real
    return any(
        _fits(sets[1:], real[:place] + real[place + 1 :])
        for place, outcome in enumerate(real)
        if outcome in sets[0]
    )


def _below_maybe(predicted: Predicted) -> set[str]:
    """Operations that may turn out not to be needed: if a MAYBE is a hit, and above an ignored cache.

    There a hit is found only when its input has been executed; it depends on which of two requests the
    engine serves first whether it is loaded or its user is.
    """
    found: set[str] = set()
    ignoring = {op.digest for op in predicted.graph.ops if op.ignore_cache}
    for op in predicted.graph.ops:
        if any(digest in ignoring for digest, _ in op.inputs):
            ignoring.add(op.digest)
            if predicted.verdicts[op.digest].verdict is Verdict.HIT:
                found.add(op.digest)
    for op in reversed(predicted.graph.ops):
        if op.digest in found or predicted.verdicts[op.digest].verdict is Verdict.MAYBE:
            found.update(digest for digest, _ in op.inputs)
    return found


def local_cache(folder: Path, label: str = "dir") -> Records:
    """The records of a `type=local` cache directory."""

    def blob(digest: str) -> bytes:
        return (folder / "blobs" / digest.replace(":", "/")).read_bytes()

    index = json.loads((folder / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]["digest"]))
    descriptors = {
        layer["digest"]: (
            layer["size"],
            unix_seconds((layer.get("annotations") or {}).get("buildkit/createdat")),
        )
        for layer in manifest["layers"]
    }
    return read_manifest(blob(manifest["config"]["digest"]), label, descriptors)
