"""What a build would find in the caches, without building: keys from graph and files, matched with records.

The engine's frontend makes the graph (it resolves the base images and reads the Dockerfile, nothing else);
all keys are computed here. See `keys` for how exact that is.
"""

from __future__ import annotations

import os
import platform as machine
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import xxhash

from fastbuild.aside import aside
from fastbuild.context import copies
from fastbuild.context.digest_index import DigestIndex
from fastbuild.context.hashed import HashedTree
from fastbuild.context.staging import is_directory
from fastbuild.errors import UsageError
from fastbuild.keys.content import ContentError, Tree, content_digest
from fastbuild.keys.graph import GraphError, read_graph
from fastbuild.keys.made import made_files
from fastbuild.keys.match import StepVerdict, Verdict, match
from fastbuild.keys.merge import merge
from fastbuild.keys.ops import OpKey, op_key
from fastbuild.keys.sent import follow_paths
from fastbuild.keys.twins import twins
from fastbuild.pipeline.ask_graph import graph_texts
from fastbuild.pipeline.attempt import ignore_rules
from fastbuild.pipeline.normal_context import sent_modes
from fastbuild.pipeline.read_caches import CacheRead, read_cache, read_own
from fastbuild.progress.rawjson import StepKind, StepName
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from fastbuild.cache.credentials import Credentials
    from fastbuild.keys.content import Files
    from fastbuild.keys.graph import Graph, Op
    from fastbuild.paths import Paths
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.request import BuildRequest

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeseenStep:
    """One instruction. `line` is None where it is not certain; `fetch` are the layers (digest, bytes) to
    get from a remote cache if its result is used; `needed`: BuildKit looks it up or executes it. Of steps
    with the same `twins`, which do the same for several platforms, it executes one: the first is needed."""

    name: StepName
    line: int | None
    verdict: Verdict
    caches: tuple[str, ...]
    fetch: tuple[tuple[str, int], ...]
    needed: bool
    reason: str
    twins: str = ""

    @property
    def is_source(self) -> bool:
        """FROM, a remote source: resolved in every build, never a hit."""
        return self.verdict is Verdict.SOURCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """A prediction: the steps in build order, and what it was computed from."""

    steps: tuple[ForeseenStep, ...]
    graph: Graph
    keys: Mapping[str, OpKey | None]
    contents: Mapping[tuple[str, int], str]
    files: Mapping[str, HashedTree]
    verdicts: Mapping[str, StepVerdict]
    caches: tuple[CacheRead, ...]
    twins: Mapping[str, str] = field(default_factory=dict)

    @property
    def problems(self) -> tuple[str, ...]:
        """Sentences about caches that could not be read: what they hold is not counted."""
        return tuple(cache.problem for cache in self.caches if cache.problem)


def foresee(
    ready: Ready,
    request: BuildRequest,
    paths: Paths,
    environ: Mapping[str, str],
    credentials: Credentials | None,
    *,
    keep_modes: bool,
    store: Path | None = None,
    sides: bool = False,
    modes: Mapping[Path, Mapping[str, int]] | None = None,
) -> Foreseen:
    """Predict `request` on the engine of `ready`, whose store is read if it is ours.

    `store` is a copy of that store to read instead (see `copy_store`): a build that runs meanwhile
    changes it. `keep_modes` as in the settings, `modes` as for `trees`. With `sides` the files beside remote
    caches are read, too.
    Raises what a build would for a Dockerfile that does not parse, EngineError when the engine has no such
    graph, UsageError for a context that BuildKit would refuse.
    """
    if is_remote(request.context):
        raise UsageError(
            "a remote context can't be predicted: only the engine sees its files",
            fix="clone the repository and name its directory",
        )
    reading = [aside(partial(read_cache, c, credentials, environ, side=sides)) for c in request.cache_from]
    own = read_own(store or ready.root)
    graph, keys = graph_and_keys(*graph_texts(ready.job, request))
    files = trees(graph, request, paths, keep_modes=keep_modes, modes=modes or _UNKNOWN_MODES)
    contents = contents_of(graph, keys, files)
    for tree in files.values():
        tree.save()
    caches = (own, *(read() for read in reading))
    verdicts = match(graph, keys, contents, [cache.records for cache in caches if cache.records])
    if any(cache.unseen for cache in caches):
        verdicts = doubted(graph, verdicts)
    equal = twins(graph, keys, contents) if len(request.platforms) > 1 else {}
    return Foreseen(
        steps=tuple(steps_of(graph, verdicts, equal)),
        graph=graph,
        keys=keys,
        contents=contents,
        files=files,
        verdicts=verdicts,
        caches=caches,
        twins=equal,
    )


UNSEEN = "a cache that can't be looked into may have it"


def doubted(graph: Graph, verdicts: Mapping[str, StepVerdict]) -> dict[str, StepVerdict]:
    """The verdicts where some cache could not be looked into: what was a miss is a maybe, unless the cache is
    not asked."""
    return {
        digest: replace(it, verdict=Verdict.MAYBE, reason=UNSEEN)
        if it.verdict is Verdict.MISS and not graph.op(digest).ignore_cache
        else it
        for digest, it in verdicts.items()
    }


def graph_and_keys(*texts: str) -> tuple[Graph, dict[str, OpKey | None]]:
    """The graph that a frontend answered with, one text for each platform, and the keys of its operations.

    Raises UsageError for what is no such answer.
    """
    try:
        graph = merge([read_graph(text) for text in texts])
    except GraphError as error:
        raise UsageError(
            "the engine's build graph is not understood",
            cause=str(error),
            fix="use the private engine (fastbuild engine install), or report it with the Dockerfile",
        ) from error
    default = ("linux", _ARCHITECTURES.get(machine.machine(), machine.machine()), "")
    return graph, {op.digest: op_key(op, default) for op in graph.ops}


def contents_of(
    graph: Graph, keys: Mapping[str, OpKey | None], files: Mapping[str, Files]
) -> dict[tuple[str, int], str]:
    """The content digest of each input that is a local directory or a heredoc, by operation and input.

    An input that BuildKit would fail on (a file that is missing) is left out. `files` by the source's name.
    """
    found = {}
    sources = {op.digest: op for op in graph.ops}
    known = {name: Tree(tree) for name, tree in files.items()}
    for op in graph.ops:
        key = keys[op.digest]
        for index, (digest, _) in enumerate(op.inputs if key else ()):
            source = sources[digest]
            tree = known.get(local_name(source)) or made_files(source)
            selections = key.inputs[index].selections if key else None
            if tree is None or selections is None:
                continue
            try:
                found[op.digest, index] = content_digest(tree, selections, follow_paths(source.body))
            except ContentError:
                continue
    return found


def local_name(op: Op) -> str:
    """`context` or a named context's name, for the source that is such a directory; else empty."""
    identifier = str(op.body.get("identifier", "")) if op.kind == "source" else ""
    return identifier.removeprefix("local://") if identifier.startswith("local://") else ""


_NO_TWINS: Mapping[str, str] = MappingProxyType({})
_UNKNOWN_MODES: Mapping[Path, Mapping[str, int]] = MappingProxyType({})


def trees(
    graph: Graph,
    request: BuildRequest,
    paths: Paths,
    *,
    keep_modes: bool,
    modes: Mapping[Path, Mapping[str, int]] = _UNKNOWN_MODES,
) -> dict[str, HashedTree]:
    """The local directories that `graph` uses, by the source's name, as they are sent to the engine.

    `modes` are permission bits that were sent instead of those on disk, by directory and path; for a
    directory without any they are found out. Digests are kept on disk for the next time, once
    `HashedTree.save` is called.
    """
    folders = {"context": request.context}
    folders |= {name: source for name, source in request.build_contexts if is_directory(source)}
    used = {local_name(op) for op in graph.ops}
    return {
        name: hashed(Path(folder), request, paths, keep_modes=keep_modes, modes=modes.get(Path(folder)))
        for name, folder in folders.items()
        if name in used
    }


def hashed(
    folder: Path,
    request: BuildRequest,
    paths: Paths,
    *,
    keep_modes: bool,
    modes: Mapping[str, int] | None = None,
) -> HashedTree:
    """The files of one local directory as they are sent; see `trees`."""
    ignore = ignore_rules(request, folder)
    if modes is None:
        modes = {} if keep_modes else sent_modes(folder, copies.scan(folder, ignore))
    return HashedTree(folder, ignore, DigestIndex(index_file(folder, paths), folder), modes=modes)


def index_file(folder: Path, paths: Paths, kind: str = "") -> Path:
    """Where the digests of a directory's files are kept; `kind` tells digests of another sort apart."""
    return paths.cache / "digests" / f"{xxhash.xxh3_64_hexdigest(os.fsencode(folder.resolve()))}{kind}"


def steps_of(
    graph: Graph, verdicts: Mapping[str, StepVerdict], twins: Mapping[str, str] = _NO_TWINS
) -> Iterable[ForeseenStep]:
    """Operations by instruction, in build order: one that takes several is as good as its worst.

    `twins` are those of `keys.twins`.
    """
    seen = set()
    for ops in by_instruction(graph):
        step = _step(ops, [verdicts[op.digest] for op in ops])
        twin = next((twins[op.digest] for op in ops if op.digest in twins), "")
        if twin and not step.is_source:
            step = replace(step, twins=twin, needed=step.needed and twin not in seen)
            seen.add(twin)
        yield step


def by_instruction(graph: Graph) -> list[list[Op]]:
    """The operations of each instruction and of each source, in build order."""
    groups: dict[tuple[object, ...], list[Op]] = {}
    for op in graph.ops:
        name = StepName.parse(op.name)
        if name.index or name.kind in (StepKind.FROM, StepKind.SOURCE):
            alone = "" if name.index else op.digest
            key = (name.platform, name.stage, name.index, name.total, name.instruction, alone)
            groups.setdefault(key, []).append(op)
    return list(groups.values())


_WORST = (Verdict.MISS, Verdict.MAYBE, Verdict.HIT, Verdict.SOURCE)


def _deciding(ops: Sequence[Op], verdicts: Sequence[StepVerdict]) -> Sequence[StepVerdict]:
    """Those that the instruction is counted by when it is built: not what it gets from a server, nor the
    cheap merge of COPY --link, unless the merge is all that is asked for."""
    made = [(op, it) for op, it in zip(ops, verdicts, strict=True) if it.verdict is not Verdict.SOURCE]
    asked = [(op, it) for op, it in made if it.needed]
    copies = [it for op, it in asked if StepName.parse(op.name).kind is not StepKind.LINK]
    return copies or [it for _, it in asked or made] or verdicts


def _step(ops: Sequence[Op], verdicts: Sequence[StepVerdict]) -> ForeseenStep:
    deciding = _deciding(ops, verdicts)
    worst = min(deciding, key=lambda verdict: _WORST.index(verdict.verdict))
    lines = {first for op in ops for first, _ in op.lines}
    return ForeseenStep(
        name=StepName.parse(ops[0].name),
        line=min(lines) if lines else None,
        verdict=worst.verdict,
        caches=worst.caches,
        fetch=tuple(dict.fromkeys(layer for verdict in verdicts for layer in verdict.fetch)),
        needed=any(verdict.needed for verdict in deciding),
        reason=worst.reason,
    )
