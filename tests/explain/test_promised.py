"""Contracts and budgets judged from keys alone, on graphs written down here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.explain.budgets import judge_change
from fastbuild.explain.contracts import State, reruns, taken
from fastbuild.explain.project import Project
from fastbuild.explain.promised import Status, judge
from fastbuild.explain.promises import Contract
from fastbuild.keys.content import Node
from fastbuild.keys.graph import Graph, Op
from fastbuild.keys.ops import Input, OpKey, Selection

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastbuild.explain.promised import Judgement

TEXT = """\
FROM base AS tools
ARG VERSION
FROM tools AS web
COPY web /web
RUN build
FROM tools AS app
COPY list /list
RUN install
COPY src /src
COPY --from=web /web /web
RUN last
"""


@dataclass(frozen=True)
class Tree:
    """Files by their absolute path, each with its text."""

    files: dict[str, str]

    def look(self, path: str) -> Node | None:
        if path in self.files:
            return Node(kind="file", mode=0o644)
        inside = any(name.startswith(path.rstrip("/") + "/") for name in self.files)
        return Node(kind="directory", mode=0o755) if inside else None

    def names(self, path: str) -> Sequence[str]:
        start = path.rstrip("/") + "/"
        return sorted({n.removeprefix(start).partition("/")[0] for n in self.files if n.startswith(start)})

    def digest(self, path: str) -> str:
        return f"sha256:{self.files.get(path, 'directory')}"


class Builder:
    """A graph, operation by operation."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.keys: dict[str, OpKey | None] = {}

    def add(
        self,
        name: str,
        line: int,
        inputs: Sequence[tuple[str, Input]] = (),
        *,
        kind: str = "exec",
        key: str = "",
        ignore_cache: bool = False,
        body: dict[str, Any] | None = None,
    ) -> str:
        digest = f"sha256:{len(self.ops)}"
        self.ops.append(
            Op(
                digest=digest,
                kind=kind,
                body=body or {},
                inputs=tuple((source, 0) for source, _ in inputs),
                platform=("", "", ""),
                name=name,
                lines=((line, line),) if line else (),
                ignore_cache=ignore_cache,
                weak=False,
            )
        )
        how = tuple(one for _, one in inputs)
        unknown = kind == "source" and not key
        self.keys[digest] = None if unknown else OpKey(digest=key or name, plaintext="", inputs=how)
        return digest

    def copied(self, path: str) -> Input:
        return Input(selector=path, selections=(Selection(path=path),))

    def state(self, contents: dict[tuple[str, int], str]) -> State:
        return State(
            graph=Graph(ops=tuple(self.ops), final=self.ops[-1].digest), keys=self.keys, contents=contents
        )


def project(
    *,
    early: str = "/list",
    version: str = "",
    ignore_cache: bool = False,
    files: dict[str, str] | None = None,
    seconds: dict[int, float] | None = None,
    exists: Callable[[Callable[[str], bool]], bool] = lambda test: False,
) -> Project:
    """The graph of `TEXT`, with another path copied before the install, or an argument set."""
    graph = Builder()
    context = graph.add(
        "[internal] load build context", 0, kind="source", body={"identifier": "local://context"}
    )
    base = graph.add("[tools 1/1] FROM base", 1, kind="source", key="base")
    web = graph.add(
        "[web 1/2] COPY web /web", 4, [(base, Input()), (context, graph.copied("/web"))], kind="file"
    )
    built = graph.add("[web 2/2] RUN build", 5, [(web, Input())])
    manifest = graph.add(
        "[app 1/5] COPY list /list", 7, [(base, Input()), (context, graph.copied(early))], kind="file"
    )
    install = graph.add(
        "[app 2/5] RUN install",
        8,
        [(manifest, Input())],
        key=f"install {version}",
        ignore_cache=ignore_cache,
    )
    sources = graph.add(
        "[app 3/5] COPY src /src", 9, [(install, Input()), (context, graph.copied("/src"))], kind="file"
    )
    joined = graph.add(
        "[app 4/5] COPY --from=web /web /web",
        10,
        [(sources, Input()), (built, graph.copied("/web"))],
        kind="file",
    )
    graph.add("[app 5/5] RUN last", 11, [(joined, Input())])
    tree = Tree(files or {"/list": "1", "/src/a": "1", "/web/b": "1", "/docs/c": "1"})
    state = graph.state({})
    found = taken(
        state.graph, state.keys, {"context": tree}, lambda op: "context" if op.digest == context else ""
    )
    return Project(
        state=graph.state(dict(found.contents)),
        taken=found,
        dockerfile=parse(TEXT),
        seconds=seconds or {},
        exists=exists,
    )


def contract(change: str = "src/", *, steps: Sequence[str] = ("install",), **more: Any) -> Contract:
    return Contract(
        name="code",
        change=(change,) if change else (),
        must_not_rerun=tuple(steps),
        changes=lambda path: bool(change) and path.startswith(change),
        **more,
    )


def messages(judgement: Judgement) -> str:
    return "\n".join(finding.message for finding in judgement.findings)


def test_what_stands_above_the_changed_copy_is_kept() -> None:
    assert judge(project(), contract(), {}).status is Status.KEPT


def test_what_stands_below_it_runs_again() -> None:
    judged = judge(project(), contract(steps=["last"]), {})
    assert judged.status is Status.BROKEN
    assert "changing src/a runs `RUN last` (line 11) again, because `COPY src /src` (line 9)" in messages(
        judged
    )
    assert judged.findings[0].start == 9
    assert "below line 11" in judged.findings[0].hint


def test_a_copy_of_too_much_is_to_blame() -> None:
    judged = judge(project(early="/"), contract(), {})
    assert "runs `RUN install` (line 8) again, because `COPY list /list` (line 7)" in messages(judged)


def test_what_takes_from_a_stage_may_run_again() -> None:
    judged = judge(project(), contract("web/", steps=["last"]), {})
    assert judged.status is Status.MAYBE
    assert "may run `RUN last` (line 11) again" in messages(judged)
    assert "only building can tell" in messages(judged)
    assert judged.findings[0].start == 10


def test_maybe_passes_where_the_contract_allows_it() -> None:
    judged = judge(project(), contract("web/", steps=["last"], allow_maybe=True), {})
    assert judged.status is Status.KEPT
    assert judged.findings[0].level.label == "info"


def test_a_certain_run_is_not_hidden_by_a_possible_one() -> None:
    judged = judge(project(), contract("", steps=["last"]), {})
    everything = judge(
        project(),
        Contract(name="all", change=("**",), must_not_rerun=("last",), changes=lambda path: True),
        {},
    )
    assert judged.status is Status.KEPT
    assert everything.status is Status.BROKEN


def test_a_step_without_cache_runs_in_every_build() -> None:
    judged = judge(project(ignore_cache=True), contract(), {})
    assert "every build runs `RUN install` (line 8) again, because --no-cache" in messages(judged)


def test_what_runs_in_every_build_is_said_once() -> None:
    never_cached = project(ignore_cache=True)
    other = project(ignore_cache=True, version="2").state
    judged = judge(never_cached, contract("list", steps=["*"], change_args=("VERSION",)), {"VERSION": other})
    assert [m for m in messages(judged).splitlines() if "RUN install" in m] == [
        'contract "code" is broken: every build runs `RUN install` (line 8) and 3 more of its steps again, '
        "because --no-cache or --no-cache-filter forbids to look it up"
    ]
    assert "changing list runs `COPY list /list` (line 7) again" in messages(judged)


def test_a_change_of_an_argument_is_found_by_another_graph() -> None:
    other = project(version="2").state
    judged = judge(project(), contract("", change_args=("VERSION",)), {"VERSION": other})
    assert judged.status is Status.BROKEN
    assert "setting the build argument VERSION to another value runs `RUN install` (line 8)" in messages(
        judged
    )


def test_an_argument_that_changes_nothing_keeps_the_contract() -> None:
    judged = judge(project(), contract("", change_args=("VERSION",)), {"VERSION": project().state})
    assert judged.status is Status.KEPT


def test_an_argument_of_which_nothing_is_known_is_told_and_passes() -> None:
    judged = judge(project(), contract("", change_args=("VERSION",)), {})
    assert judged.status is Status.UNKNOWN
    assert judged.passes
    assert "unknown (build argument VERSION)" in judged.said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": ["poetry install"]}, "no step matches must_not_rerun 'poetry install'"),
        ({"change": "lib/"}, "no file of the context matches change lib/"),
        ({"change": "", "change_args": ("OTHER",)}, "declares no build argument OTHER"),
    ],
)
def test_a_contract_about_nothing_is_told(given: dict[str, Any], said: str) -> None:
    judged = judge(project(), contract(**given), {})
    assert judged.status is Status.OBSOLETE
    assert not judged.passes
    assert said in messages(judged)


def test_files_that_are_left_out_are_no_reason_to_call_it_obsolete() -> None:
    there = project(exists=lambda test: test("lib/x"))
    assert judge(there, contract("lib/"), {}).status is Status.KEPT


def test_several_steps_with_one_culprit_are_one_finding() -> None:
    judged = judge(project(early="/"), contract(steps=["*"]), {})
    by_line = [(finding.start, finding.message) for finding in judged.findings]
    assert [start for start, _ in by_line] == [7]
    assert "and 4 more of its steps again" in by_line[0][1]


def test_the_example_is_a_file_that_breaks_the_contract() -> None:
    both = Contract(
        name="both",
        change=("list", "src"),
        must_not_rerun=("COPY src",),
        changes=lambda path: path == "list" or path.startswith(("src/", "docs/")),
    )
    assert judge(project(early="/docs"), both, {}).example == "docs/c"
    only_sources = contract(steps=["COPY src"])
    assert judge(project(early="/"), only_sources, {}).example == "src/a"
    web_or_sources = Contract(
        name="both",
        change=("web", "src"),
        must_not_rerun=("build",),
        changes=lambda path: path.startswith(("src/", "web/")),
    )
    assert judge(project(), web_or_sources, {}).example == "web/b"


def test_only_files_count_as_taken() -> None:
    assert project(early="/").taken.all_files() == {"list", "src/a", "web/b", "docs/c"}


def test_a_missing_file_is_kept_apart() -> None:
    without = project(files={"/src/a": "1", "/web/b": "1"})
    assert list(without.taken.missing.values()) == ["/list: not found"]


def test_the_price_of_a_change_is_that_of_what_runs_again() -> None:
    priced = project(seconds={5: 3.0, 7: 0.5, 8: 20.0, 9: 0.5, 10: 0.5, 11: 2.0})
    judged = judge_change(priced, "code", 2.9, lambda path: path.startswith("src/"))
    assert judged.status is Status.BROKEN
    assert "3.0 s of 2.9 s" in judged.findings[0].message
    assert "`RUN last` (line 11) with 2.0 s" in judged.findings[0].message
    assert judge_change(priced, "code", 3.1, lambda path: path.startswith("src/")).status is Status.KEPT


def test_the_dearest_file_of_a_class_counts() -> None:
    priced = project(seconds={5: 3.0, 7: 0.5, 8: 20.0, 9: 0.5, 10: 0.5, 11: 2.0})
    judged = judge_change(priced, "code", 5.0, lambda path: True)
    assert judged.example == "list"
    assert "23.5 s" in judged.findings[0].message


def test_what_only_building_can_tell_is_in_the_price_and_said() -> None:
    priced = project(seconds={4: 0.0, 5: 3.0, 10: 0.5, 11: 2.0})
    judged = judge_change(priced, "code", 4.0, lambda path: path.startswith("web/"))
    assert "2.5 s of it only if what stages make changes" in judged.findings[0].message


def test_what_was_never_measured_does_not_fail() -> None:
    judged = judge_change(project(), "code", 1.0, lambda path: path.startswith("src/"))
    assert judged.status is Status.UNKNOWN
    assert judged.passes
    assert "never measured" in judged.said


def test_a_class_without_files_costs_nothing() -> None:
    judged = judge_change(project(), "docs", 0.0, lambda path: path.startswith("docs/"))
    assert judged.status is Status.KEPT


def test_only_what_stands_on_the_change_is_in_the_answer() -> None:
    here = project()
    after = here.state.with_changed(here.places(frozenset({"src/a"})))
    found = reruns(here.state, after)
    names = [here.state.graph.op(digest).name for digest in found]
    assert names == ["[app 3/5] COPY src /src", "[app 4/5] COPY --from=web /web /web", "[app 5/5] RUN last"]
    assert all(rerun.certain for rerun in found.values())


def test_nothing_runs_again_without_a_change() -> None:
    here = project()
    assert reruns(here.state, here.state) == {}


def test_a_directory_as_a_base_is_never_found() -> None:
    graph = Builder()
    source = graph.add("load", 0, kind="source", body={"identifier": "local://base"})
    graph.add("[1/1] RUN install", 8, [(source, Input())])
    state = graph.state({})
    assert [rerun.op.name for rerun in reruns(state, state).values()] == ["[1/1] RUN install"]
