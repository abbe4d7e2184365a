"""One `fastbuild check`: the engine asked for the graph, the files hashed, every promise judged."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.analysis.finding import Finding, Level
from fastbuild.analysis.inputs import shown
from fastbuild.commands.analyze_history import Past
from fastbuild.commands.check_platforms import joined, joined_findings
from fastbuild.context.staging import is_directory, stage
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.engines import detect
from fastbuild.errors import BuildFailed, DockerfileSyntax, UsageError
from fastbuild.explain.budgets import judge_change
from fastbuild.explain.contracts import CONTEXT, State, taken
from fastbuild.explain.project import Project
from fastbuild.explain.promised import judge
from fastbuild.paths import Paths
from fastbuild.pipeline import prepare
from fastbuild.pipeline.ask_graph import graph_texts
from fastbuild.pipeline.foresee import graph_and_keys, local_name, trees
from fastbuild.reorder.shares import kind_of_file
from fastbuild.reports.check import Report
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fastbuild.config import Settings
    from fastbuild.dockerfile.model import Dockerfile
    from fastbuild.engines.detect import Choice
    from fastbuild.explain.promised import Judgement
    from fastbuild.explain.promises import Promises
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.request import BuildRequest

OTHER_VALUE = "-changed"
"""What a build argument's value gets at its end, in thought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The build of one platform or of all, as it is and after each argument has changed."""

    platform: str
    project: Project
    arguments: Mapping[str, State]


@dataclass(kw_only=True)
class Session:
    """What one call works with; `notes` are sentences that end up in the report."""

    settings: Settings
    promises: Promises
    workdir: Path
    environ: Mapping[str, str]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.paths = Paths.from_environ(self.environ, os.getuid())

    def run(self, asked: BuildRequest, *, build: str, real: bool) -> Report:
        """Judge everything.

        Raises what a build would before its first step, UsageError for a remote context, and BuildFailed when
        the build itself fails with `real`.
        """
        request = self._staged(asked)
        text = decode(Path(request.file or "").read_bytes())
        dockerfile = parse(text)
        report = Report(path=shown(Path(request.file or "")), source=text, judgements=())
        if self.promises.asks_graph:
            with self._ready(request) as (choice, ready):
                report = self._by_keys(report, request, dockerfile, choice, ready, real=real)
        if self.promises.budget.asks_history:
            from fastbuild.commands.check_history import judge_history

            more = judge_history(self.paths, self.promises.budget, dockerfile, request, build)
            report = replace(report, judgements=(*report.judgements, *more))
        return replace(report, notes=tuple(self.notes))

    def _staged(self, asked: BuildRequest) -> BuildRequest:
        if is_remote(asked.context):
            raise UsageError(
                "the files of a remote context can't be changed in thought: only the engine sees them",
                fix="clone the repository and name its directory",
            )
        return prepare.with_stages(stage(asked, sys.stdin.buffer, self.workdir))

    def _by_keys(
        self,
        report: Report,
        request: BuildRequest,
        dockerfile: Dockerfile,
        choice: Choice,
        ready: Ready,
        *,
        real: bool,
    ) -> Report:
        """The report with all that the graph decides, and with what was built for `real`."""
        whole, each, graph, decided = self._seen(ready, request, dockerfile)
        before = time.monotonic()
        report = replace(
            report,
            judgements=tuple(self._judged(whole, each)),
            others=tuple(joined_findings({seen.platform: list(_missing(seen.project)) for seen in each})),
            graph=graph,
            decided=decided + time.monotonic() - before,
        )
        if real and report.others:
            self.notes.append("real: nothing was built, for the build would fail")
        elif real:
            from fastbuild.commands.check_real import Trial

            trial = Trial(
                project=whole.project,
                arguments=whole.arguments,
                request=request,
                choice=choice,
                ready=ready,
                paths=self.paths,
                environ=self.environ,
                workdir=self.workdir,
                cache_timeout=self.settings.cache_timeout,
            )
            report = trial.run(report, self.promises.contracts)
        return report

    @contextmanager
    def _ready(self, request: BuildRequest) -> Iterator[tuple[Choice, Ready]]:
        choice = detect.choose_for(request, self.settings.engine, self.environ, self.paths)
        with prepare.ready(
            choice,
            request.without_results(),
            self.workdir,
            self.paths,
            self.environ,
            **self.settings.private_engine,
        ) as ready:
            yield choice, ready

    def _seen(
        self, ready: Ready, request: BuildRequest, dockerfile: Dockerfile
    ) -> tuple[_Seen, tuple[_Seen, ...], float, float]:
        """The build of all platforms together, that of each by itself, and the seconds for the engine's
        answers and for the rest."""
        start = time.monotonic()
        texts = graph_texts(ready.job, request)
        others = {name: self._with_argument(ready, request, name) for name in self._arguments(dockerfile)}
        asked = time.monotonic()
        files = trees(graph_and_keys(*texts)[0], request, self.paths, keep_modes=self.settings.keep_modes)
        seconds = Past(self.paths.history).seconds(dockerfile) if self.promises.budget.changes else {}

        def seen(platform: str, which: slice) -> _Seen:
            graph, keys = graph_and_keys(*texts[which])
            counted = taken(graph, keys, files, local_name)
            project = Project(
                state=State(graph=graph, keys=keys, contents=counted.contents),
                taken=counted,
                dockerfile=dockerfile,
                seconds=seconds,
                exists=lambda test: _exists(request, test),
            )
            arguments = {name: _state(other[which], files) for name, other in others.items() if other}
            return _Seen(platform=platform, project=project, arguments=arguments)

        whole = seen(", ".join(request.platforms), slice(None))
        platforms = tuple(dict.fromkeys(request.platforms)) if len(texts) > 1 else ()
        each = tuple(seen(name, slice(n, n + 1)) for n, name in enumerate(platforms)) or (whole,)
        for tree in files.values():
            tree.save()
        return whole, each, asked - start, time.monotonic() - asked

    def _arguments(self, dockerfile: Dockerfile) -> list[str]:
        declared = {n for i in dockerfile.instructions if i.keyword == "ARG" for n, _ in i.pairs()}
        wanted = dict.fromkeys(name for each in self.promises.contracts for name in each.change_args)
        return [name for name in wanted if name in declared]

    def _with_argument(self, ready: Ready, request: BuildRequest, name: str) -> tuple[str, ...] | None:
        try:
            return graph_texts(ready.job, with_other_value(request, name, OTHER_VALUE))
        except (BuildFailed, DockerfileSyntax) as error:
            last = (error.what.strip().splitlines() or [""])[-1]
            self.notes.append(f"what another value of {name} changes is not known: the engine said {last}")
            return None

    def _judged(self, whole: _Seen, each: Sequence[_Seen]) -> Iterator[Judgement]:
        for contract in self.promises.contracts:
            yield joined({seen.platform: judge(seen.project, contract, seen.arguments) for seen in each})
        for name, limit in self.promises.budget.changes.items():
            belongs = self.promises.classes.get(name) or _class(name)
            yield judge_change(whole.project, name, limit, belongs)


def with_other_value(request: BuildRequest, name: str, more: str) -> BuildRequest:
    """`request` with `more` at the end of a build argument's value."""
    given = dict(request.build_args)
    return replace(request, build_args=tuple({**given, name: f"{given.get(name) or ''}{more}"}.items()))


def _state(texts: Sequence[str], files: Mapping[str, object]) -> State:
    graph, keys = graph_and_keys(*texts)
    contents = taken(graph, keys, files, local_name).contents  # type: ignore[arg-type]
    return State(graph=graph, keys=keys, contents=contents)


def _class(name: str) -> Callable[[str], bool]:
    """Files of the context by their names; neither the Dockerfile nor what says which files count."""
    own = ("Dockerfile", ".dockerignore")
    return lambda path: kind_of_file(path) == name and not path.rpartition("/")[2].startswith(own)


def _exists(request: BuildRequest, test: Callable[[str], bool]) -> bool:
    """Whether some file passes a test, also one that the ignore file leaves out."""
    folders = {CONTEXT: request.context}
    folders |= {name: source for name, source in request.build_contexts if is_directory(source)}
    for name, folder in folders.items():
        before = "" if name == CONTEXT else f"{name}:"
        for parent, _, files in os.walk(folder):
            inside = os.path.relpath(parent, folder)
            start = before if inside == "." else f"{before}{inside}/"
            if any(test(f"{start}{file}") for file in files):
                return True
    return False


def _missing(project: Project) -> Iterator[Finding]:
    for digest, what in project.taken.missing.items():
        step = project.step_of(project.state.graph.op(digest))
        yield Finding(
            code="build-would-fail",
            level=Level.ERROR,
            message=f"the build would fail at {step.words}: {what}",
            start=step.start,
            end=step.end,
            hint="without that file nothing is known of what runs again",
        )
