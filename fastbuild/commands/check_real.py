"""Contracts tried on the engine: a build of a copy of the context, then one with something changed.

Blanks and line ends are added to a file, in an order that no build before had: harmless to most texts, and
never found in the engine's store. So a step whose output such a change does not reach may be found where
another change would run it: only what ran is proof.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Finding, Level
from fastbuild.commands.build_verdict import failure
from fastbuild.commands.check_session import with_other_value
from fastbuild.context import copies
from fastbuild.explain.contracts import reruns
from fastbuild.explain.project import rerun_of, steps
from fastbuild.explain.promised import BROKEN, subjects
from fastbuild.keys.twins import twins
from fastbuild.pipeline import prepare
from fastbuild.pipeline.attempt import Bench, ignore_rules
from fastbuild.pipeline.run import build
from fastbuild.progress.rawjson import StepKind, StepName
from fastbuild.progress.timings import FOUND, Status
from fastbuild.reports import live
from fastbuild.reports.check import Tried

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastbuild.engines.detect import Choice
    from fastbuild.explain.contracts import State
    from fastbuild.explain.project import Project, Step
    from fastbuild.explain.promised import Judgement
    from fastbuild.explain.promises import Contract
    from fastbuild.paths import Paths
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.reports.check import Report
    from fastbuild.request import BuildRequest

_RAN = frozenset({Status.RAN, Status.FAILED})
Place = tuple[str, str, int]
"""A step's platform, stage and number: its text may hold the value of an argument."""
_NOWHERE: Place = ("", "", 0)
Outcome = tuple[Tried, tuple[Finding, ...]]
"""What was tried, and where the engine did not do what the keys say."""


@dataclass(frozen=True, slots=True)
class _Change:
    """What was changed, the state that should follow, and how each step ended; a word if the build failed."""

    what: str
    state: State
    done: Mapping[Place, Status]
    failed: str


@dataclass(kw_only=True)
class Trial:
    """Builds of one project for real; the user's files, caches, tags and history are left alone."""

    project: Project
    arguments: Mapping[str, State]
    request: BuildRequest
    choice: Choice
    ready: Ready
    paths: Paths
    environ: Mapping[str, str]
    workdir: Path
    cache_timeout: float
    count: int = 0

    def run(self, report: Report, contracts: Sequence[Contract]) -> Report:
        """The report with what was tried of each contract, whose judgements come first in it."""
        pairs = zip(contracts, report.judgements, strict=False)
        results = [each for contract, judgement in pairs for each in self.contract(contract, judgement)]
        found = tuple(finding for _, findings in results for finding in findings)
        return replace(report, tried=tuple(tried for tried, _ in results), others=(*report.others, *found))

    def contract(self, contract: Contract, judgement: Judgement) -> Iterator[Outcome]:
        """Try one file and each build argument that a contract speaks of.

        Raises what a build raises if the unchanged one fails.
        """
        if judgement.example:
            yield self._with_file(contract, judgement.example, self._context)
        elif contract.change:
            yield _nothing(contract, "no file that it names reaches the build")
        for name in contract.change_args:
            if name in self.arguments:
                yield self._with_argument(contract, name, self._context)

    def _with_argument(self, contract: Contract, name: str, request: BuildRequest) -> Outcome:
        done, failed = self._build(with_other_value(request, name, f"-{os.urandom(4).hex()}"))
        state = self.arguments[name]
        return self._compared(contract, _Change(f"another value of {name}", state, done, failed))

    def _with_file(self, contract: Contract, file: str, request: BuildRequest) -> Outcome:
        problem = self._change(file)
        if problem:
            return _nothing(contract, problem)
        try:
            done, failed = self._build(request)
        finally:
            shutil.copy2(Path(self.request.context) / file, self._copy / file)
        state = self.project.state.with_changed(self.project.places(frozenset({file})))
        return self._compared(contract, _Change(f"changing {file}", state, done, failed))

    def _compared(self, contract: Contract, change: _Change) -> Outcome:
        after = change.state
        found, equal = (
            reruns(self.project.state, after),
            twins(after.graph, after.keys, after.contents).keys(),
        )
        ran, wrong = [], []
        counted = agree = undecided = 0
        for step in steps(change.state, self.project.dockerfile):
            shown = (place for place in _places(change.state, step) if place in change.done)
            status, rerun = change.done.get(next(shown, _NOWHERE)), rerun_of(step, found)
            if status in _RAN:
                ran.append(step.words)
            passed_over = rerun is not None and status in FOUND and not equal.isdisjoint(step.ops)
            if passed_over or (status not in _RAN and status not in FOUND):
                continue  # of equal steps the engine runs one
            counted += 1
            if rerun is not None and not rerun.certain:
                undecided += 1
            elif (rerun is not None) is (status in _RAN):
                agree += 1
            else:
                wrong.append(_disagreement(contract, change.what, step, did_run=status in _RAN))
        tried = Tried(
            name=contract.name,
            change=change.what,
            ran=tuple(ran),
            steps=counted,
            agree=agree,
            open=undecided,
            note=change.failed,
        )
        return tried, tuple(wrong)

    @cached_property
    def _context(self) -> BuildRequest:
        """The build of the copy, unchanged; it has been built once."""
        request = replace(self.request.without_results(), context=str(self._copy), call="build", quiet=False)
        self._build(request, must_succeed=True)
        return request

    @cached_property
    def _copy(self) -> Path:
        """The private copy of the context."""
        copy = self.workdir / "real" / "context"
        folder = Path(self.request.context)
        copy_context(folder, copy, list(copies.scan(folder, ignore_rules(self.request, folder))))
        return copy

    def _change(self, file: str) -> str:
        """Change a file of the copy; why not, if that can't be."""
        path = self._copy / file
        if ":" in file and not path.exists():
            return "files of other contexts are not tried"
        if not path.is_file() or path.is_symlink():
            return f"{file} is no plain file"
        with path.open("ab") as opened:
            opened.write(
                b"\n" + bytes(b" \n"[bit >> n & 1] for bit in os.urandom(6) for n in range(8)) + b"\n"
            )
        return ""

    def _build(self, request: BuildRequest, *, must_succeed: bool = False) -> tuple[dict[Place, Status], str]:
        """How each step ended, and a word on a build that failed."""
        self.count += 1
        workdir = self.workdir / "real" / f"build-{self.count}"
        workdir.mkdir(parents=True)
        view = live.view_for("auto", sys.stderr, self.environ)
        job = replace(self.ready.job, request=request, workdir=str(workdir))
        bench = Bench(
            engine=self.choice.engine,
            job=job,
            daemon=self.ready.daemon,
            client=prepare.client_id(self.paths),
            copies_home=self.workdir / "copies",
            cache_timeout=self.cache_timeout,
            store_was_empty=self.ready.store_was_empty,
            on_event=view.add,
            on_line=view.add_raw,
            unblock=self.ready.unblock,
            abandoned=self.ready.abandoned,
        )
        try:
            outcome = build(bench, request, lambda: None, strict=False)
        finally:
            view.close()
        error = failure(outcome, strict=False)
        if error is not None and must_succeed:
            raise error
        done: dict[Place, Status] = {}
        for step in outcome.timing.steps:
            if step.index and StepName.parse(step.name).kind is not StepKind.LINK:
                place = (step.platform, step.stage, step.index)
                done[place] = Status.RAN if done.get(place) is Status.RAN else step.status
        return done, "the changed build failed, so what came after is not known" if error else ""


def _nothing(contract: Contract, why: str) -> Outcome:
    tried = Tried(name=contract.name, change="nothing", ran=(), steps=0, agree=0, open=0, note=why)
    return tried, ()


def _disagreement(contract: Contract, change: str, step: Step, *, did_run: bool) -> Finding:
    said = "ran it again, which the keys exclude" if did_run else "found it, though the keys say it runs"
    breaks = did_run and step in subjects(contract, [step])
    return Finding(
        code=BROKEN if breaks else "keys-disagree",
        level=Level.ERROR if breaks else Level.WARNING,
        message=f'contract "{contract.name}": after {change} the engine came to {step.words} and {said}',
        start=step.start,
        end=step.end,
        hint="this is a mistake in fastbuild: please report it with the Dockerfile",
    )


def _places(state: State, step: Step) -> Iterator[Place]:
    """Where a step is shown: what several platforms share is shown in one of them."""
    op = state.graph.op(step.ops[0])
    for name in map(StepName.parse, (op.name, *op.also)):
        yield name.platform, name.stage, name.index


def copy_context(folder: Path, copy: Path, paths: list[str]) -> None:
    """Copy these entries with times and modes, and the ignore file; others than files, links and
    directories are left out."""
    copy.mkdir(parents=True)
    directories = []
    for path in sorted({*paths, ".dockerignore"}):
        source, target = folder / path, copy / path
        try:
            mode = source.lstat().st_mode
        except FileNotFoundError:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if stat.S_ISDIR(mode):
            target.mkdir(exist_ok=True)
            directories.append((source, target))
        elif stat.S_ISLNK(mode):
            target.symlink_to(source.readlink())
        elif stat.S_ISREG(mode):
            shutil.copy2(source, target)
    for source, target in reversed(directories):
        shutil.copystat(source, target)
