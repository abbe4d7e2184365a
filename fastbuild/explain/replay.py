"""Which steps each commit of a history would have run again, and what that costs.

The model: one machine builds every commit, one after the other, with a cache that forgets nothing and is
reachable from everywhere. A base image and every other remote source stays as it is now, arguments and
secrets stay as given. What BuildKit compares by a stage's output *may* run: only building tells. A commit
whose build would fail leaves nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.explain.perfect_cache import Build, PerfectCache
from fastbuild.keys.glob import BadPattern, matches
from fastbuild.keys.lookup import is_local
from fastbuild.keys.match import Verdict
from fastbuild.keys.patterns import Patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fastbuild.keys.graph import Op
    from fastbuild.keys.match import StepVerdict
    from fastbuild.keys.ops import Selection


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One step of a Dockerfile: its operations by digest, and the seconds it takes when it runs.

    `place` is platform, stage and number, as progress names it. `measured`: the seconds are a median of
    recorded builds, else an estimate.
    """

    text: str
    place: tuple[str, str, int]
    line: int | None
    ops: tuple[str, ...]
    seconds: float
    measured: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The build of one commit. `changed` are files of the context (relative paths) that differ from the
    build before, as far as they are sent."""

    build: Build
    instructions: tuple[Instruction, ...]
    changed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rerun:
    """A step that runs again. `certain` is False where only building tells.

    `root` is the first instruction on the way that runs for a reason of its own, and `why` that reason:
    "files" (which are named), "instruction" (it is new), or "other".
    """

    instruction: Instruction
    certain: bool
    root: Instruction
    why: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """One commit. `steps` counts all that can run; `problem` says why it can't be built, with none then."""

    reruns: tuple[Rerun, ...] = ()
    steps: int = 0
    problem: str = ""

    @property
    def seconds(self) -> float:
        """What the steps take that are certain to run."""
        return sum(each.instruction.seconds for each in self.reruns if each.certain)

    @property
    def perhaps(self) -> float:
        """What the others may take."""
        return sum(each.instruction.seconds for each in self.reruns if not each.certain)


def replay(moments: Sequence[Moment | str]) -> tuple[Replayed, ...]:
    """Build one moment after the other; a text is the reason why a commit can't be built.

    The first one meets an empty cache.
    """
    return tuple(replaying(moments))


def replaying(moments: Iterable[Moment | str]) -> Iterator[Replayed]:
    """As `replay`, one by one."""
    cache = PerfectCache()
    for moment in moments:
        if isinstance(moment, str):
            yield Replayed(problem=moment)
            continue
        problem = _missing(moment)
        if problem:
            yield Replayed(problem=problem)
            continue
        verdicts = cache.verdicts(moment.build)
        yield _replayed(moment, cache, verdicts)
        cache.add(moment.build, verdicts)


def _missing(moment: Moment) -> str:
    """The first step that takes a file which is not there."""
    build = moment.build
    for op in build.graph.ops:
        key = build.keys.get(op.digest)
        for place, (source, _) in enumerate(op.inputs if key else ()):
            selections = key.inputs[place].selections if key else None
            if selections is None or not is_local(build.graph.op(source)):
                continue
            if (op.digest, place) not in build.contents:
                return f"{op.name}: a file that it takes is not there"
    return ""


def _replayed(moment: Moment, cache: PerfectCache, verdicts: Mapping[str, StepVerdict]) -> Replayed:
    roots = _Roots(moment, cache, verdicts)
    by_op = {digest: each for each in moment.instructions for digest in each.ops}
    reruns = []
    for instruction in moment.instructions:
        running = [verdicts[digest] for digest in instruction.ops if _runs(verdicts[digest])]
        if not running:
            continue
        first = min(running, key=lambda each: each.verdict is not Verdict.MISS)
        root, why, files = roots.of(first.op)
        reruns.append(
            Rerun(
                instruction=instruction,
                certain=first.verdict is Verdict.MISS,
                root=by_op.get(root, instruction),
                why=why,
                files=files,
            )
        )
    return Replayed(reruns=tuple(reruns), steps=len(moment.instructions))


def _runs(verdict: StepVerdict) -> bool:
    return verdict.needed and verdict.verdict in (Verdict.MISS, Verdict.MAYBE)


class _Roots:
    """Why operations run: the first one below, in build order, that has a reason of its own."""

    def __init__(self, moment: Moment, cache: PerfectCache, verdicts: Mapping[str, StepVerdict]) -> None:
        self._moment = moment
        self._cache = cache
        self._found: dict[str, tuple[str, str, tuple[str, ...]]] = {}
        for op in moment.build.graph.ops:
            if _runs(verdicts[op.digest]):
                self._found[op.digest] = self._root(op)

    def of(self, digest: str) -> tuple[str, str, tuple[str, ...]]:
        """The operation that is to blame, its reason, and the files."""
        return self._found[digest]

    def _root(self, op: Op) -> tuple[str, str, tuple[str, ...]]:
        below = next((self._found[source] for source, _ in op.inputs if source in self._found), None)
        if below is not None:
            return below
        build = self._moment.build
        if not self._cache.knows_key(build, op) and op.inputs:
            return op.digest, "instruction", ()
        for place in range(len(op.inputs)):
            key = build.keys.get(op.digest)
            if key is None or (op.digest, place) not in build.contents:
                continue
            if not self._cache.knows_content(build, op, place):
                chosen = key.inputs[place].selections or ()
                files = tuple(path for path in self._moment.changed if _selects(chosen, path))
                return op.digest, "files", files
        return op.digest, "other", ()


def _selects(selections: Sequence[Selection], path: str) -> bool:
    """Whether a relative path is, or is below, what is taken; links on the way are not followed."""
    return not selections or any(_selects_one(each, path) for each in selections)


def _selects_one(selection: Selection, path: str) -> bool:
    top = selection.path.strip("/")
    parts = path.split("/")
    whole = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    if selection.wildcard:
        base = next((each for each in whole if _fits(top, each)), None)
    else:
        base = top if not top or top in whole else None
    if base is None:
        return False
    below = path.removeprefix(base).lstrip("/")
    try:
        if selection.include and not (below and Patterns(selection.include).match(below, ())[0]):
            return False
        return not (selection.exclude and below and Patterns(selection.exclude).match(below, ())[0])
    except ValueError:
        return True


def _fits(pattern: str, path: str) -> bool:
    try:
        return matches(os.fsencode(pattern), os.fsencode(path))
    except BadPattern:
        return False
