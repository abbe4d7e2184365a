"""Cache contracts judged: kept, broken, perhaps broken, or about something that is no longer there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Cost, Finding, Level
from fastbuild.explain.blame import blame
from fastbuild.explain.contracts import reruns
from fastbuild.explain.project import rerun_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastbuild.explain.contracts import Rerun, State
    from fastbuild.explain.project import Project, Step
    from fastbuild.explain.promises import Contract

BROKEN = "contract-broken"
MAY_BREAK = "contract-may-break"
OBSOLETE = "contract-obsolete"


class Status(StrEnum):
    """What became of a promise. The texts are stable: they stand in JSON. Only `KEPT` and `UNKNOWN` pass."""

    KEPT = "kept"
    BROKEN = "broken"
    MAYBE = "maybe"
    OBSOLETE = "obsolete"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One promise judged. `kind` is contract, budget or history; `said` one line on it for people.

    `example` is a file whose change shows it, empty where there is none.
    """

    kind: str
    name: str
    status: Status
    said: str
    findings: tuple[Finding, ...] = ()
    example: str = ""

    @property
    def passes(self) -> bool:
        """Whether a gate lets it through."""
        return self.status in (Status.KEPT, Status.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A change in thought, of files or of one build argument, and what runs again after it.

    Of neither: what runs in every build. That is not repeated in what runs after a change.
    """

    files: frozenset[str] = frozenset()
    argument: str = ""
    found: Mapping[str, Rerun]


def judge(project: Project, contract: Contract, arguments: Mapping[str, State]) -> Judgement:
    """Whether a contract is kept.

    `arguments`: the state after each build argument of it has changed, without those where it is not known.
    """
    files = frozenset(filter(contract.changes, project.taken.all_files()))
    obsolete = tuple(_obsolete(project, contract, files))
    changes = [Changed(found=reruns(project.state, project.state))]
    if contract.change:
        after = project.state.with_changed(project.places(files))
        changes.append(Changed(files=files, found=_runs(project.state, after)))
    for name in contract.change_args:
        if name in arguments:
            changes.append(Changed(argument=name, found=_runs(project.state, arguments[name])))
    breaches = [found for change in changes for found in _breaches(project, contract, change, arguments)]
    findings = (*obsolete, *breaches)
    status = _status(findings)
    open_ones = [n for n in contract.change_args if n in _declared(project) and n not in arguments]
    if status is Status.KEPT and open_ones:
        status = Status.UNKNOWN
    return Judgement(
        kind="contract",
        name=contract.name,
        status=status,
        said=_said(contract, status, len(files)),
        findings=findings,
        example=_example(project, contract, files, changes),
    )


def _runs(before: State, after: State) -> Mapping[str, Rerun]:
    """What runs again after a change and not in every build anyway."""
    always = reruns(after, after)
    return {digest: rerun for digest, rerun in reruns(before, after).items() if digest not in always}


def subjects(contract: Contract, steps: Sequence[Step]) -> list[Step]:
    """The steps that must not run again."""
    patterns = contract.must_not_rerun
    return [
        step for step in steps if any(contract.concerns(p, step.instruction, step.source) for p in patterns)
    ]


def _status(findings: Sequence[Finding]) -> Status:
    codes = {finding.code for finding in findings if finding.level is not Level.INFO}
    for code, status in ((BROKEN, Status.BROKEN), (OBSOLETE, Status.OBSOLETE), (MAY_BREAK, Status.MAYBE)):
        if code in codes:
            return status
    return Status.KEPT


def _obsolete(project: Project, contract: Contract, files: frozenset[str]) -> Iterator[Finding]:
    """What a contract speaks of and is not there: it would be kept for ever, and guard nothing."""
    for pattern in contract.must_not_rerun:
        if not any(contract.concerns(pattern, s.instruction, s.source) for s in project.steps):
            yield _gone(contract, f"no step matches must_not_rerun {pattern!r}")
    if contract.change and not files and not project.exists(contract.changes):
        yield _gone(contract, f"no file of the context matches change {', '.join(contract.change)}")
    for name in contract.change_args:
        if name not in _declared(project):
            yield _gone(contract, f"the Dockerfile declares no build argument {name}")


def _declared(project: Project) -> frozenset[str]:
    instructions = project.dockerfile.instructions
    return frozenset(name for i in instructions if i.keyword == "ARG" for name, _ in i.pairs())


def _gone(contract: Contract, what: str) -> Finding:
    return Finding(
        code=OBSOLETE,
        level=Level.ERROR,
        message=f'contract "{contract.name}" no longer applies: {what}',
        start=0,
        end=0,
        hint="name what has taken its place, or remove the contract",
    )


def _breaches(
    project: Project, contract: Contract, change: Changed, arguments: Mapping[str, State]
) -> Iterator[Finding]:
    """One finding for each instruction to blame, about the first step that it breaks."""
    state = arguments[change.argument] if change.argument else project.state
    seen = _Seen(project, state)
    first: dict[tuple[str, bool], tuple[Step, Rerun]] = {}
    more: dict[tuple[str, bool], list[Step]] = {}
    for step in subjects(contract, seen.steps):
        rerun = rerun_of(step, change.found)
        if rerun is not None:
            culprit = "" if rerun.cause.ignore_cache else rerun.cause.digest
            key = (culprit, rerun.certain)
            first.setdefault(key, (step, rerun))
            more.setdefault(key, []).append(step)
    for key, (step, rerun) in first.items():
        yield _finding(seen, contract, change, step, rerun, more[key])


class _Seen:
    """The project with the steps of one state: a build argument may change the graph."""

    def __init__(self, project: Project, state: State) -> None:
        from fastbuild.explain.project import steps

        self.project = project
        self.state = state
        self.steps = project.steps if state is project.state else steps(state, project.dockerfile)

    def step_of(self, digest: str) -> Step:
        """The step of an operation."""
        found = next((step for step in self.steps if digest in step.ops), None)
        return found or self.project.step_of(self.state.graph.op(digest))


def _finding(
    seen: _Seen, contract: Contract, change: Changed, step: Step, rerun: Rerun, steps: Sequence[Step]
) -> Finding:
    project = seen.project
    counted = project.taken.files
    touched = sorted(f for place, files in counted.items() if place[0] == rerun.cause.digest for f in files)
    file = next((path for path in touched if path in change.files), "")
    blamed = blame(
        project,
        step,
        cause=seen.step_of(rerun.cause.digest),
        through=seen.step_of(rerun.through.digest) if rerun.through else None,
        rerun=rerun,
        file=file,
        argument=change.argument,
    )
    what = f"setting the build argument {change.argument} to another value" if change.argument else ""
    what = what or (f"changing {file}" if file else "every build")
    others = f" and {len(steps) - 1} more of its steps" if len(steps) > 1 else ""
    broken, runs = ("is broken", "runs") if rerun.certain else ("may be broken", "may run")
    seconds = [project.seconds[each.start] for each in steps if each.start in project.seconds]
    level = Level.ERROR if rerun.certain or not contract.allow_maybe else Level.INFO
    return Finding(
        code=BROKEN if rerun.certain else MAY_BREAK,
        level=level,
        message=f'contract "{contract.name}" {broken}: {what} {runs} {step.words}{others} again, '
        f"{blamed.why}",
        start=blamed.start,
        end=blamed.end,
        hint=blamed.hint,
        cost=Cost(seconds=sum(seconds), measured=True) if seconds else None,
    )


def _example(project: Project, contract: Contract, files: frozenset[str], changes: Sequence[Changed]) -> str:
    """A file to change for real: one that something takes, first of all what breaks the contract."""
    found = [rerun_of(s, c.found) for c in changes if c.files for s in subjects(contract, project.steps)]
    causes = {rerun.cause.digest for rerun in found if rerun is not None}
    breaking = {
        path for place, taken in project.taken.files.items() if place[0] in causes for path in taken & files
    }
    return min(breaking or files, default="")


def _said(contract: Contract, status: Status, files: int) -> str:
    about = [f"{files:,} file{'' if files == 1 else 's'}"] if contract.change else []
    about += [f"build argument {name}" for name in contract.change_args]
    return f'contract "{contract.name}": {status} ({", ".join(about)})'
