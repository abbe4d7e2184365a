"""From what is known of a build to its side file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from fastbuild.dockerfile.expand import references
from fastbuild.explain import plaintext
from fastbuild.explain.copied import copied_files
from fastbuild.explain.hiding import Hider, tainted
from fastbuild.explain.origins import variables
from fastbuild.explain.shrink import BUDGET, shrink
from fastbuild.explain.sidefile import BaseImage, InputKind, SideFile, StepInput, StepKey
from fastbuild.explain.trees import Forest
from fastbuild.keys.sent import follow_paths
from fastbuild.progress.masking import secret_values
from fastbuild.progress.rawjson import StepName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.dockerfile.model import Dockerfile
    from fastbuild.explain.copied import Bare
    from fastbuild.explain.origins import Set
    from fastbuild.explain.sidefile import Variable
    from fastbuild.keys.content import Files
    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.ops import OpKey, Selection
    from fastbuild.progress.timings import BuildTiming, StepTiming
    from fastbuild.request import BuildRequest

_IMAGES = ("docker-image://", "oci-layout://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """All that is known of one build; what is missing is missing in the side file, too.

    `files` and `bare` belong to source operations, by their digests; `contents` to (operation, input); a
    content digest that is not given is computed from the files. `sources` are resolved commits or digests of
    remote sources by the operation's digest, `created` the dates of base images by image digest, in Unix
    seconds. `environment` holds the values of build arguments that were asked for by name alone.
    """

    graph: Graph
    keys: Mapping[str, OpKey | None] = field(default_factory=dict)
    contents: Mapping[tuple[str, int], str] = field(default_factory=dict)
    files: Mapping[str, Files] = field(default_factory=dict)
    bare: Mapping[str, Bare] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    created: Mapping[str, float] = field(default_factory=dict)
    timing: BuildTiming | None = None
    request: BuildRequest | None = None
    dockerfile: Dockerfile | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    budget: int = BUDGET


def describe(about: SideFile, known: Known) -> SideFile:
    """`about` (who, when, where; its `salt` must be set) with all that decided the steps' keys."""
    given, from_environment = _arguments(known)
    platform = about.platforms[0] if len(about.platforms) == 1 else "linux/amd64"
    target = known.request.target or "" if known.request else ""
    found = variables(known.dockerfile, given, from_environment, platform, target) if known.dockerfile else ()
    hider = _hider(about.salt, known, found, given)
    work = _Work(known=known, hider=hider, platform=about.platforms[0] if about.platforms else "")
    for op in known.graph.ops:
        work.add(op)
    nodes, numbers, lost = shrink(work.forest.nodes, sorted(work.roots), known.budget)
    request = known.request
    return replace(
        about,
        no_cache=bool(request and request.no_cache),
        no_cache_filter=request.no_cache_filter if request else (),
        target=target,
        variables=tuple(
            replace(v, value=hider.variable(v.name, v.value)) for v in (s.variable for s in found)
        ),
        bases=tuple(work.bases),
        steps=tuple(_renumbered(step, numbers) for step in work.steps),
        nodes=nodes,
        modes_apart=all(digest in known.bare for digest in known.files),
        lost=lost,
    )


def _arguments(known: Known) -> tuple[dict[str, str], frozenset[str]]:
    pairs = known.request.build_args if known.request else ()
    given = {name: known.environment.get(name) if value is None else value for name, value in pairs}
    missing = frozenset(name for name, value in pairs if value is None)
    return {name: value for name, value in given.items() if value is not None}, missing


def _hider(salt: str, known: Known, found: tuple[Set, ...], given: Mapping[str, str]) -> Hider:
    names = tainted((each.variable.name, each.written) for each in found)
    request = known.request
    urls = (
        ()
        if request is None
        else (request.context, request.file or "", *dict(request.build_contexts).values())
    )
    hidden = {each.variable.value for each in found if each.variable.name in names}
    return Hider(salt, names, {*hidden, *secret_values(given.items(), urls)})


def _hidden(variable: Variable, hider: Hider) -> Variable:
    return replace(variable, value=hider.variable(variable.name, variable.value))


def _renumbered(step: StepKey, numbers: Mapping[int, int]) -> StepKey:
    inputs = tuple(replace(each, tree=numbers[each.tree]) if each.tree >= 0 else each for each in step.inputs)
    return replace(step, inputs=inputs)


class _Work:
    """Steps and bases as they are collected, in build order."""

    def __init__(self, *, known: Known, hider: Hider, platform: str) -> None:
        self.known = known
        self.hider = hider
        self.platform = platform
        self.forest = Forest()
        self.roots: set[int] = set()
        self.steps: list[StepKey] = []
        self.bases: list[BaseImage] = []
        self._numbers: dict[str, int] = {}
        self._by_id, self._by_name, self._by_number = _timings(known.timing)
        self._trees: dict[tuple[str, tuple[Selection, ...]], tuple[str, int]] = {}

    def add(self, op: Op) -> None:
        """One operation: a step, or a base image; other sources are told with the steps that use them."""
        if op.kind == "source":
            self._add_source(op)
            return
        key = self.known.keys.get(op.digest)
        inputs = tuple(self._input(op, key, index) for index in range(len(op.inputs)))
        timing = self._timing(op)
        stage, written = self._written(op)
        name, text = self._without_secrets(op, written, key)
        self._numbers[op.digest] = len(self.steps)
        self.steps.append(
            StepKey(
                name=name,
                instruction=self.hider.text(written),
                stage=stage,
                lines=op.lines,
                platform=self._platform(op, inputs),
                op=key.digest if key else "",
                plaintext=text,
                status=str(timing.status) if timing else "",
                seconds=round(timing.seconds, 3) if timing else 0.0,
                ignore_cache=op.ignore_cache,
                inputs=inputs,
            )
        )

    def _without_secrets(self, op: Op, written: str, key: OpKey | None) -> tuple[str, str]:
        """Name and plaintext. BuildKit expands variables in all but RUN: then the text as written is kept."""
        head, bracket, rest = op.name.partition("] ")
        if head == "[internal":
            return op.name, ""  # a heredoc's file with variables expanded: its instruction tells as much
        is_run = rest.startswith("RUN")
        if not is_run and any(map(self.hider.is_secret, references(written))):
            return self.hider.text(f"{head}{bracket}{written}"), ""
        return self.hider.text(op.name), plaintext.kept(key.plaintext, self.hider) if key else ""

    def _add_source(self, op: Op) -> None:
        found = self._source(op)
        if found.kind is InputKind.IMAGE:
            name = StepName.parse(op.name)
            base = BaseImage(
                stage=name.stage,
                reference=found.name,
                digest=found.digest,
                platform=found.platform,
                created=self.known.created.get(found.digest),
            )
            self.bases.append(base)

    def _source(self, op: Op) -> StepInput:
        identifier = str(op.body.get("identifier", ""))
        platform = "/".join(part for part in op.platform if part) or self.platform
        if identifier.startswith(_IMAGES):
            reference, _, digest = identifier.partition("://")[2].partition("@")
            digest = digest or self.known.sources.get(op.digest, "")
            return StepInput(kind=InputKind.IMAGE, name=reference, digest=digest, platform=platform)
        if identifier.startswith("local://"):
            return StepInput(kind=InputKind.CONTEXT, name=identifier.removeprefix("local://"))
        digest = self.known.sources.get(op.digest, "")
        return StepInput(kind=InputKind.REMOTE, name=self.hider.text(identifier), digest=digest)

    def _input(self, op: Op, key: OpKey | None, index: int) -> StepInput:
        source = self.known.graph.op(op.inputs[index][0])
        if source.kind == "source":
            found = self._source(source)
        else:
            found = StepInput(kind=InputKind.STEP, step=self._numbers[source.digest])
        looked_up = key.inputs[index] if key and index < len(key.inputs) else None
        if looked_up is None or looked_up.selections is None:
            return replace(found, selector=looked_up.selector if looked_up else "")
        content = self.known.contents.get((op.digest, index), "")
        paths = tuple(each.path for each in looked_up.selections)
        if source.digest in self.known.files:
            computed, tree = self._tree(source.digest, looked_up.selections)
            content = content or computed
            found = replace(found, tree=tree)
        return replace(found, selector=looked_up.selector, content=content, paths=paths)

    def _tree(self, source: str, selections: tuple[Selection, ...]) -> tuple[str, int]:
        place = (source, selections)
        if place not in self._trees:
            files = copied_files(
                self.known.files[source],
                selections,
                self.known.bare.get(source),
                follow_paths(self.known.graph.op(source).body),
            )
            self._trees[place] = ("", -1) if files is None else (files[0], self.forest.add(files[1]))
            self.roots |= {self._trees[place][1]} - {-1}
        return self._trees[place]

    def _written(self, op: Op) -> tuple[int, str]:
        """The stage's number and the instruction as written; ONBUILD's triggers stand in no Dockerfile."""
        if self.known.dockerfile is None or not op.lines:
            return -1, ""
        keyword = StepName.parse(op.name).instruction.partition(" ")[0].upper()
        first = op.lines[0][0]
        for stage in self.known.dockerfile.stages:
            for each in stage.instructions:
                if each.start <= first <= each.end:
                    return stage.index, each.text if each.keyword.upper() == keyword else ""
        return -1, ""

    def _platform(self, op: Op, inputs: tuple[StepInput, ...]) -> str:
        named = "/".join(part for part in op.platform if part) or StepName.parse(op.name).platform
        above = (self.steps[i.step].platform if i.step >= 0 else i.platform for i in inputs[:1])
        return named or next((platform for platform in above if platform), self.platform)

    def _timing(self, op: Op) -> StepTiming | None:
        name = StepName.parse(op.name)
        number = (name.platform, name.stage, name.index)
        return self._by_id.get(op.digest) or self._by_name.get(op.name) or self._by_number.get(number)


_Number = tuple[str, str, int]
_Key = TypeVar("_Key")


def _timings(
    timing: BuildTiming | None,
) -> tuple[dict[str, StepTiming], dict[str, StepTiming], dict[_Number, StepTiming]]:
    """By id, by name, and by platform, stage and number, where there is only one."""
    steps = timing.steps if timing else ()
    by_id = {step.id: step for step in steps}
    by_name: dict[str, list[StepTiming]] = {}
    by_number: dict[_Number, list[StepTiming]] = {}
    for step in steps:
        by_name.setdefault(step.name, []).append(step)
        if step.index:
            by_number.setdefault((step.platform, step.stage, step.index), []).append(step)
    return by_id, _single(by_name), _single(by_number)


def _single(found: Mapping[_Key, list[StepTiming]]) -> dict[_Key, StepTiming]:
    return {key: steps[0] for key, steps in found.items() if len(steps) == 1}
