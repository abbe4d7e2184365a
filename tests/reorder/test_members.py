"""A member that joins a workspace after its Dockerfile was split."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.effects import Trust
from fastbuild.reorder.members import missing
from fastbuild.reorder.propose import propose
from fastbuild.reports.reorder.moves import rows
from fastbuild.reports.reorder.suggestion import Suggestion
from tests.reorder.cases import FOLDER, Case, Files, read_case

CRATE = '[package]\nname = "new"\nversion = "0.1.0"\n'
WEB_POM = "<project><parent><artifactId>shop</artifactId></parent></project>"
NEW_MEMBERS = {
    "npm_workspaces": {"packages/new/package.json": '{"name": "new", "version": "1.0.0"}'},
    "pnpm_workspace": {"packages/new/package.json": '{"name": "new", "version": "1.0.0"}'},
    "yarn_workspaces_with_a_patch": {"packages/new/package.json": '{"name": "new", "version": "1.0.0"}'},
    "cargo_workspace_with_a_build_script": {"crates/new/Cargo.toml": CRATE, "crates/new/src/lib.rs": ""},
    "go_workspace": {"new/go.mod": "module example.org/new\n\ngo 1.22\n", "new/new.go": "package new\n"},
    "maven_modules": {"web/pom.xml": WEB_POM, "web/src/main/java/B.java": "class B {}\n"},
    "gradle_modules": {"web/build.gradle.kts": "plugins {\n    java\n}\n"},
}
NAMED_IN = {
    "go_workspace": ("go.work", "./shared", "./shared\n\t./new"),
    "maven_modules": ("pom.xml", "<module>api</module>", "<module>api</module><module>web</module>"),
}


def split(name: str) -> Case:
    """The case with the order that was proposed for it."""
    case = read_case(FOLDER / f"{name}.txt")
    text = case.order or case.proved_order
    assert text is not None
    return replace(case, dockerfile=text)


def joined(case: Case) -> Case:
    """The same with one more member."""
    texts = {**case.context.texts, **NEW_MEMBERS[case.name]}
    if case.name in NAMED_IN:
        path, before, after = NAMED_IN[case.name]
        texts[path] = texts[path].replace(before, after)
    return replace(case, context=Files(texts=texts))


@pytest.mark.parametrize("name", NEW_MEMBERS)
def test_a_split_lacks_nothing_when_it_is_written(name: str) -> None:
    assert missing(split(name).subject()) == ()
    assert missing(read_case(FOLDER / f"{name}.txt").subject()) == ()


@pytest.mark.parametrize("name", NEW_MEMBERS)
def test_a_new_member_lacks_a_line(name: str) -> None:
    (found,) = missing(joined(split(name)).subject())
    manifest = next(iter(NEW_MEMBERS[name]))
    assert found.path == manifest
    assert found.lines[0] == f"COPY {manifest} ./{manifest.rpartition('/')[0]}/"


@pytest.mark.parametrize("name", NEW_MEMBERS)
def test_nothing_is_missing_with_the_lines_that_are_named(name: str) -> None:
    case = joined(split(name))
    (found,) = missing(case.subject())
    lines = case.dockerfile.splitlines()
    lines[found.line - 1 : found.line - 1] = found.lines
    mended = replace(case, dockerfile="\n".join(lines) + "\n")
    assert missing(mended.subject()) == ()


def test_a_directory_that_is_no_member_lacks_nothing() -> None:
    case = split("npm_workspaces")
    texts = {**case.context.texts, "examples/new/package.json": '{"name": "new", "version": "1.0.0"}'}
    assert missing(replace(case, context=Files(texts=texts)).subject()) == ()


def test_a_member_that_is_never_copied_lacks_nothing() -> None:
    case = joined(split("npm_workspaces"))
    text = case.dockerfile.replace("COPY . .", "COPY packages/api packages/api")
    assert missing(replace(case, dockerfile=text).subject()) == ()


def test_the_reason_of_an_added_line_says_that_members_need_one() -> None:
    case = read_case(FOLDER / "npm_workspaces.txt")
    proposal = propose(case.subject(), case.costs(), trust=Trust.MODEL)
    suggestion = Suggestion(
        path="Dockerfile", proposal=proposal, likely=None, costs=case.costs(), why_assumed="", proof=None
    )
    said = {row.step.text: row.reason for stage in proposal.stages for row in rows(stage, suggestion)}
    assert "a member added later" in said["COPY packages/api/package.json ./packages/api/"]
    assert "a member added later" not in said["COPY package-lock.json package.json ./"]
    assert parse(proposal.text).source == case.order
