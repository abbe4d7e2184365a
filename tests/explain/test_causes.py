"""Planted causes: one thing is changed in a project, and its first step below must say exactly that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fastbuild.explain.compare import explain
from fastbuild.explain.reasons import Cause, Reason
from tests.explain.frontend import Project, changed, sha, side

APP = Project(
    dockerfile="""\
ARG TAG=3.12
FROM python:${TAG} AS build
ARG MODE=fast
ARG API_TOKEN
ENV LANG=C
WORKDIR /app
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY src src
RUN --mount=type=cache,target=/root/.cache make all
FROM debian:12
ARG TAG
COPY --from=build /app /app
RUN ldconfig
""",
    files={"requirements.txt": "flask", "src/app.py": "1", "src/b.py": "2", "src/c/d.py": "3", "other": "x"},
)
INSTALL, SOURCES, MAKE, FINAL_RUN = 8, 9, 10, 14


def reasons(now: Project, *before: Project) -> dict[int | None, Reason]:
    """Reasons by line; every other step is expected to have hit."""
    earlier = [side(each, f"b{number}") for number, each in enumerate(before, 1)]
    return {reason.line: reason for reason in explain(side(now), earlier)}


def decided(now: Project, *before: Project) -> dict[int | None, Reason]:
    """Those whose inputs differ: equal steps of the planted builds hit in truth."""
    gone = (Cause.UNKNOWN, Cause.EVICTED)
    return {line: each for line, each in reasons(now, *before).items() if each.cause not in gone}


ROWS: list[tuple[str, dict[str, Any], int, Cause, str]] = [
    ("file", {"files": {"src/app.py": "9"}}, 9, Cause.FILE_CHANGED, "`src/app.py` changed"),
    (
        "three files",
        {"files": {"src/app.py": "9", "src/b.py": "9", "src/c/d.py": "9"}},
        9,
        Cause.FILE_CHANGED,
        "`src/app.py` changed and 2 more files",
    ),
    (
        "two files",
        {"files": {"src/b.py": "9", "src/c/d.py": "9"}},
        9,
        Cause.FILE_CHANGED,
        "`src/b.py` changed and 1 more file",
    ),
    ("named file", {"files": {"requirements.txt": "x"}}, 7, Cause.FILE_CHANGED, "`requirements.txt` changed"),
    ("added", {"files": {"src/new.py": "n"}}, 9, Cause.FILE_ADDED, "`src/new.py` was added"),
    ("removed", {"files": {"src/b.py": None}}, 9, Cause.FILE_REMOVED, "`src/b.py` was removed"),
    (
        "renamed",
        {"files": {"src/b.py": None, "src/z.py": "2"}},
        9,
        Cause.FILE_RENAMED,
        "`src/b.py` was renamed to `src/z.py`",
    ),
    (
        "added directory",
        {"files": {"src/n/a": "1x", "src/n/b": "2x"}},
        9,
        Cause.FILE_ADDED,
        "`src/n/a` was added and 1 more file",
    ),
    ("empty directory", {"files": {"src/e": (None, 0o755)}}, 9, Cause.FILE_ADDED, "`src/e/` was added"),
    (
        "umask",
        {"files": {p: (v, 0o664) for p, v in (("src/app.py", "1"), ("src/b.py", "2"), ("src/c/d.py", "3"))}},
        9,
        Cause.MODES,
        "3 files differ only by mode 0644→0664: umask",
    ),
    (
        "umask with directories",
        {"files": {"src/app.py": ("1", 0o664), "src/b.py": ("2", 0o664), "src/c": (None, 0o775)}},
        9,
        Cause.MODES,
        "2 files and 1 directory differ only by mode 0644→0664: umask",
    ),
    (
        "executable",
        {"files": {"src/app.py": ("1", 0o755)}},
        9,
        Cause.MODES,
        "`src/app.py` differs only by its mode 0644→0755",
    ),
    (
        "odd modes",
        {"files": {"src/app.py": ("1", 0o640), "src/b.py": ("2", 0o666)}},
        9,
        Cause.MODES,
        "2 files differ only by mode 0644→0666",
    ),
    (
        "content and mode",
        {"files": {"src/app.py": ("9", 0o755)}},
        9,
        Cause.FILE_CHANGED,
        "`src/app.py` changed (and its mode 0644→0755)",
    ),
    (
        "file became a directory",
        {"files": {"src/b.py": None, "src/b.py/x": "1y"}},
        9,
        Cause.FILE_CHANGED,
        "`src/b.py` changed",
    ),
    (
        "word added",
        {"replace": ("make all", "make -j4 all")},
        10,
        Cause.INSTRUCTION,
        "the instruction changed: `-j4` added",
    ),
    (
        "word removed",
        {"replace": ("make all", "make")},
        10,
        Cause.INSTRUCTION,
        "the instruction changed: `all` removed",
    ),
    (
        "word changed",
        {"replace": ("make all", "make some")},
        10,
        Cause.INSTRUCTION,
        "the instruction changed: `all` → `some`",
    ),
    (
        "blanks",
        {"replace": ("make all", "make  all")},
        10,
        Cause.INSTRUCTION,
        "the instruction changed: white space behind `make`",
    ),
    (
        "copy target",
        {"replace": ("COPY src src", "COPY src source")},
        9,
        Cause.INSTRUCTION,
        "the instruction changed: `src` → `source`",
    ),
    (
        "copy owner",
        {"replace": ("COPY src src", "COPY --chown=5 src src")},
        9,
        Cause.INSTRUCTION,
        "the instruction changed: `--chown=5` added",
    ),
    (
        "other file",
        {"replace": ("COPY src src", "COPY other src")},
        9,
        Cause.INSTRUCTION,
        "the instruction changed: `src` → `other`",
    ),
    (
        "workdir",
        {"replace": ("WORKDIR /app", "WORKDIR /srv")},
        6,
        Cause.INSTRUCTION,
        "the instruction changed: `/app` → `/srv`",
    ),
    (
        "exec form",
        {"replace": ("RUN ldconfig", 'RUN ["ldconfig"]')},
        14,
        Cause.INSTRUCTION,
        'the instruction changed: `ldconfig` → `["ldconfig"]`',
    ),
    (
        "build argument",
        {"args": {"MODE": "slow"}},
        8,
        Cause.VARIABLE,
        "build argument `MODE` changed: fast → slow (--build-arg; declared in line 3)",
    ),
    (
        "argument from the environment",
        {"args": {"MODE": None}, "environment": {"MODE": "slow"}},
        8,
        Cause.VARIABLE,
        "build argument `MODE` changed: fast → slow (--build-arg, from the environment; declared in line 3)",
    ),
    (
        "argument default",
        {"replace": ("MODE=fast", "MODE=slow")},
        8,
        Cause.VARIABLE,
        "ARG `MODE` changed: fast → slow (line 3)",
    ),
    ("env", {"replace": ("LANG=C", "LANG=de")}, 8, Cause.VARIABLE, "ENV `LANG` changed: C → de (line 5)"),
    (
        "env to empty",
        {"replace": ("LANG=C", 'LANG=""')},
        8,
        Cause.VARIABLE,
        "ENV `LANG` changed: C → empty (line 5)",
    ),
    (
        "env added",
        {"replace": ("ENV LANG=C", "ENV LANG=C X=1")},
        8,
        Cause.VARIABLE,
        "ENV `X` was added (line 5)",
    ),
    (
        "env removed",
        {"replace": ("ENV LANG=C", "ENV")},
        8,
        Cause.VARIABLE,
        "ENV `LANG` was removed (it was set in line 5)",
    ),
    (
        "argument given for the first time",
        {"args": {"API_TOKEN": "s3cr3t-value"}},
        8,
        Cause.VARIABLE,
        "build argument `API_TOKEN` was added (--build-arg; declared in line 4)",
    ),
    ("base moved", {"images": {"python:3.12": sha("moved")}}, 6, Cause.BASE_MOVED, "python:3.12 moved"),
    ("second base moved", {"images": {"debian:12": sha("moved")}}, 13, Cause.BASE_MOVED, "debian:12 moved"),
    (
        "base text",
        {"replace": ("FROM debian:12", "FROM debian:13")},
        13,
        Cause.BASE_CHANGED,
        "the base changed from debian:12 to debian:13",
    ),
    (
        "base by argument",
        {"args": {"TAG": "3.13"}},
        6,
        Cause.BASE_CHANGED,
        "the base changed from python:3.12 to python:3.13",
    ),
    (
        "platform",
        {"platform": "linux/arm64"},
        6,
        Cause.PLATFORM,
        "the platform changed: linux/amd64 → linux/arm64",
    ),
    ("network for all", {"network": "none"}, 8, Cause.OPTION, "--network changed: default → none"),
    (
        "network",
        {"replace": ("RUN ldconfig", "RUN --network=host ldconfig")},
        14,
        Cause.OPTION,
        "--network changed: default → host",
    ),
    (
        "cache mount added",
        {"replace": ("RUN pip", "RUN --mount=type=cache,target=/c pip")},
        8,
        Cause.MOUNT,
        "the mount at `/c` was added",
    ),
    (
        "cache mount removed",
        {"replace": ("--mount=type=cache,target=/root/.cache ", "")},
        10,
        Cause.MOUNT,
        "the mount at `/root/.cache` was removed",
    ),
    (
        "cache mount identified",
        {"replace": ("target=/root/.cache", "target=/root/.cache,id=c")},
        10,
        Cause.MOUNT,
        "the mount at `/root/.cache` changed",
    ),
    (
        "secret mount",
        {"replace": ("RUN pip", "RUN --mount=type=secret,id=n,target=/s pip")},
        8,
        Cause.MOUNT,
        "the mount at `/s` was added",
    ),
    (
        "user",
        {"replace": ("WORKDIR /app", "USER 5\nWORKDIR /app")},
        9,
        Cause.USER,
        "the user changed: root → 5",
    ),
    (
        "shell",
        {"replace": ("WORKDIR /app", 'SHELL ["/bin/bash", "-c"]\nWORKDIR /app')},
        9,
        Cause.SHELL,
        "the shell changed: `/bin/sh -c` → `/bin/bash -c`",
    ),
    (
        "inserted",
        {"replace": ("COPY src src", "RUN true\nCOPY src src")},
        9,
        Cause.NEW_INSTRUCTION,
        "the instruction is new since build b1",
    ),
    (
        "appended",
        {"replace": ("RUN ldconfig", "RUN ldconfig\nRUN echo")},
        15,
        Cause.NEW_INSTRUCTION,
        "the instruction is new since build b1",
    ),
    (
        "first in a stage",
        {"replace": ("WORKDIR /app", "RUN first\nWORKDIR /app")},
        6,
        Cause.NEW_INSTRUCTION,
        "the instruction is new since build b1",
    ),
    (
        "removed above",
        {"replace": ("RUN pip install -r requirements.txt\n", "")},
        8,
        Cause.REMOVED_INSTRUCTION,
        "`RUN pip install -r requirements.txt` stood above it in build b1 (line 8 there) and was removed",
    ),
    (
        "order",
        {
            "replace": (
                "COPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY src src",
                "COPY src src\nCOPY requirements.txt .\nRUN pip install -r requirements.txt",
            )
        },
        7,
        Cause.ORDER,
        "the order changed: line 9 `RUN pip install -r requirements.txt` stood above it and"
        " stands below it now",
    ),
    (
        "stage base",
        {"replace": ("FROM debian:12", "FROM build")},
        13,
        Cause.BASE_CHANGED,
        "the stage begins with another stage instead of debian:12",
    ),
]


@pytest.mark.parametrize(
    ("change", "line", "cause", "sentence"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_a_planted_cause_is_named(change: dict[str, Any], line: int, cause: Cause, sentence: str) -> None:
    found = decided(changed(APP, **change), APP)
    assert found, "nothing was explained"
    first = next(iter(found.values()))
    assert (first.line, first.cause) == (line, cause), first.sentence
    assert first.sentence.startswith(sentence) if cause is Cause.BASE_MOVED else first.sentence == sentence
    assert first.against == "b1"


@pytest.mark.parametrize("change", [row[1] for row in ROWS], ids=[r[0] for r in ROWS])
def test_what_lies_below_a_cause_only_follows(change: dict[str, Any]) -> None:
    _, *rest = decided(changed(APP, **change), APP).values()
    begins = (
        Cause.FOLLOWS,
        Cause.BASE_MOVED,
        Cause.BASE_CHANGED,
        Cause.PLATFORM,
        Cause.VARIABLE,
        Cause.OPTION,
    )
    assert {reason.cause for reason in rest} <= {*begins}
    assert all(reason.follows for reason in rest if reason.cause is Cause.FOLLOWS)


NEUTRAL: list[tuple[str, dict[str, Any]]] = [
    ("nothing", {}),
    ("unrelated file", {"files": {"other": "y"}}),
    ("comment", {"replace": ("COPY src src", "# a comment\nCOPY src src")}),
    ("blank line", {"replace": ("COPY src src", "\nCOPY src src")}),
    ("label", {"replace": ("COPY src src", "LABEL a=b\nCOPY src src")}),
    ("stage renamed", {"replace": ("AS build", "AS builder"), "rename": True}),
    ("unused stage", {"replace": ("FROM debian:12", "FROM busybox AS unused\nFROM debian:12")}),
    ("same path spelled otherwise", {"replace": ("COPY src src", "COPY ./src src")}),
    ("blanks in COPY", {"replace": ("COPY src src", "COPY  src  src")}),
    ("lower case", {"replace": ("COPY src src", "copy src src")}),
    ("ARG without value", {"replace": ("COPY src src", "ARG NOTHING\nCOPY src src")}),
    ("undeclared argument", {"args": {"ELSE": "1"}}),
    ("ENV spelled as ARG", {"replace": ("ENV LANG=C", "ARG LANG=C")}),
    ("default given as argument", {"args": {"MODE": "fast"}}),
    ("tag with equal digest", {"replace": ("TAG=3.12", "TAG=3"), "images": {"python:3": sha("python:3.12")}}),
]


@pytest.mark.parametrize("change", [row[1] for row in NEUTRAL], ids=[row[0] for row in NEUTRAL])
def test_a_neutral_change_is_no_cause(change: dict[str, Any]) -> None:
    change = dict(change)
    now = APP
    if change.pop("rename", False):
        now = changed(now, replace=("--from=build", "--from=builder"))
    if "images" in change:
        now = changed(now, dockerfile=now.dockerfile.replace("ARG TAG\n", ""))
    before = changed(APP, dockerfile=now.dockerfile) if "images" in change else APP
    found = reasons(changed(now, **change), before)
    assert {each.cause for each in found.values()} == {Cause.UNKNOWN}


def test_of_two_causes_the_first_in_build_order_is_told_and_the_other_mentioned() -> None:
    now = changed(APP, files={"src/app.py": "9", "requirements.txt": "x"}, images={"debian:12": sha("moved")})
    found = decided(now, APP)
    assert found[7].sentence == "`requirements.txt` changed"
    assert (found[9].cause, found[9].also) == (Cause.FOLLOWS, ("`src/app.py` changed",))
    assert found[13].cause is Cause.BASE_MOVED
    assert found[13].also == ("follows from line 7 `COPY requirements.txt .`",)


def test_a_variable_above_comes_before_the_changed_text() -> None:
    now = changed(APP, args={"MODE": "slow"}, replace=("RUN pip install", "RUN pip -q install"))
    found = decided(now, APP)[INSTALL]
    assert found.cause is Cause.VARIABLE
    assert found.also == ("the instruction changed: `-q` added",)
    assert (found.subject, found.before, found.after, found.where) == ("MODE", "fast", "slow", 3)


def test_several_variables_are_told_in_the_order_of_their_lines() -> None:
    found = decided(changed(APP, replace=("LANG=C", "LANG=de"), args={"MODE": "slow"}), APP)[INSTALL]
    assert found.subject == "MODE"
    assert found.also == ("ENV `LANG` changed: C → de (line 5)",)


def test_two_bases_that_moved_are_two_causes() -> None:
    found = decided(changed(APP, images={"debian:12": sha("a"), "python:3.12": sha("b")}), APP)
    assert (found[6].cause, found[13].cause) == (Cause.BASE_MOVED, Cause.BASE_MOVED)
    assert found[6].sentence.endswith(", 3 days old")


def test_an_inserted_step_does_not_shift_the_blame() -> None:
    now = changed(APP, replace=("RUN pip", "RUN one\nRUN two\nRUN pip"), files={"src/app.py": "9"})
    found = decided(now, APP)
    assert [each.cause for each in found.values()][:2] == [Cause.NEW_INSTRUCTION, Cause.NEW_INSTRUCTION]
    assert found[10].sentence == "follows from line 8 `RUN one`"
    assert found[11].also == ("`src/app.py` changed",)


def test_a_step_that_hit_has_no_reason() -> None:
    now = changed(APP, files={"src/app.py": "9"}, ran="make all")
    assert list(reasons(now, APP)) == [MAKE]


def test_what_follows_from_a_step_that_was_found_says_what_is_other_there() -> None:
    now = changed(APP, files={"requirements.txt": "x"}, ran="make all")
    followed = "follows from line 7 `COPY requirements.txt .`: `requirements.txt` changed"
    assert reasons(now, APP)[MAKE].sentence == followed


def test_a_hidden_value_is_never_shown_but_its_change_is() -> None:
    now = changed(APP, args={"API_TOKEN": "new-secret-value"})
    found = decided(now, changed(APP, args={"API_TOKEN": "old-secret-value"}))[INSTALL]
    assert found.sentence.startswith("build argument `API_TOKEN` changed, its value is hidden (--build-arg")
    assert (found.before, found.after) == ("", "")
    assert "secret-value" not in repr(found)


def test_equal_secrets_are_equal() -> None:
    with_token = changed(APP, args={"API_TOKEN": "old-secret-value"})
    assert not decided(with_token, with_token)


def test_secrets_under_another_salt_are_no_evidence() -> None:
    mine = changed(APP, args={"API_TOKEN": "a-secret-value"}, about={"salt": "aa" * 16}, ran="pip")
    theirs = changed(APP, args={"API_TOKEN": "b-secret-value"})
    assert reasons(mine, theirs)[INSTALL].cause is Cause.UNKNOWN


def test_the_order_of_variables_counts() -> None:
    now = changed(
        APP, replace=("ARG MODE=fast\nARG API_TOKEN\nENV LANG=C", "ENV LANG=C\nARG MODE=fast\nARG API_TOKEN")
    )
    found = decided(now, APP)[INSTALL]
    assert found.cause is Cause.VARIABLE_ORDER


def test_a_variable_in_a_COPY_is_named() -> None:
    before = Project(dockerfile="FROM d\nARG D=one\nCOPY f $D\n", files={"f": "1"})
    found = decided(changed(before, args={"D": "two"}), before)[3]
    assert found.sentence == "build argument `D` changed: one → two (--build-arg; declared in line 2)"


def test_a_variable_in_a_source_path_is_named_even_where_the_base_name_stays() -> None:
    before = Project(
        dockerfile="FROM scratch\nARG D=a\nCOPY $D/f /f\n", files={"a/f": "1", "b/f": "2"}, args={"D": "a"}
    )
    found = decided(changed(before, args={"D": "b"}), before)[3]
    assert found.sentence == "build argument `D` changed: a → b (--build-arg; declared in line 2)"


def test_moving_a_file_without_changing_it_is_neutral() -> None:
    before = Project(dockerfile="FROM scratch\nCOPY a/f /f\n", files={"a/f": "1", "b/f": "1"})
    assert not decided(changed(before, replace=("a/f", "b/f")), before)


def test_a_relative_target_below_another_workdir() -> None:
    before = changed(APP, replace=("COPY src src", "WORKDIR sub\nCOPY src ."))
    found = decided(changed(before, replace=("WORKDIR /app", "WORKDIR /srv")), before)
    assert found[9].also == (
        "the working directory above it changed: its target was /app/sub and is /srv/sub",
    )


def test_the_text_of_a_heredoc_is_the_instruction() -> None:
    before = Project(dockerfile="FROM scratch\nCOPY <<EOF /f\none\nEOF\n")
    found = decided(changed(before, replace=("one", "two")), before)[2]
    assert (found.cause, "`one` → `two`" in found.sentence) == (Cause.INSTRUCTION, True)


def test_a_variable_in_a_heredoc_is_named() -> None:
    before = Project(dockerfile="FROM scratch\nARG V=1\nCOPY <<EOF /f\n$V\nEOF\n")
    found = decided(changed(before, args={"V": "2"}), before)[3]
    assert found.subject == "V"


def test_a_bind_mount_names_the_file() -> None:
    before = Project(
        dockerfile="FROM d\nRUN --mount=source=/src,target=/s make\n", files={"src/a": "1", "b": "2"}
    )
    assert decided(changed(before, files={"src/a": "9"}), before)[2].sentence == "`src/a` changed"
    assert not decided(changed(before, files={"b": "9"}), before)


def test_excluded_files_are_no_cause() -> None:
    before = Project(dockerfile="FROM d\nCOPY --exclude=*.md . /d\n", files={"src/a": "1", "b.md": "2"})
    assert not decided(changed(before, files={"b.md": "9"}, dockerfile=before.dockerfile), before)
    assert decided(changed(before, files={"src/a": "9"}), before)[2].sentence == "`src/a` changed"


COPY_ALL = Project(dockerfile="FROM d\nCOPY . /d\nRUN make\n", files={"src/a": "1", ".dockerignore": "x"})


def test_a_dockerfile_within_what_is_copied_is_told_as_such() -> None:
    found = decided(changed(COPY_ALL, replace=("FROM d\n", "# comment\nFROM d\n")), COPY_ALL)[3]
    assert found.cause is Cause.DOCKERFILE_COPIED
    assert found.sentence == "`Dockerfile` itself is part of what is copied, and changed"


def test_an_ignore_file_within_what_is_copied_is_told_as_such() -> None:
    found = decided(changed(COPY_ALL, files={".dockerignore": "y"}), COPY_ALL)[2]
    assert found.cause is Cause.IGNORE_FILE_COPIED
    added = decided(COPY_ALL, changed(COPY_ALL, files={".dockerignore": None}))[2]
    assert added.sentence == "`.dockerignore` itself is part of what is copied, and is new"


def test_a_source_file_is_named_before_the_dockerfile() -> None:
    found = decided(changed(COPY_ALL, replace=("make", "make x"), files={"src/a": "9"}), COPY_ALL)[2]
    assert found.sentence == "`src/a` changed and 1 more file"


def test_files_that_an_ignore_file_lets_in_are_told_with_it() -> None:
    now = changed(COPY_ALL, files={"new": "n"}, about={"ignore_digest": "sha256:b"})
    found = decided(now, changed(COPY_ALL, about={"ignore_digest": "sha256:a"}))[2]
    assert (found.cause, found.also) == (Cause.FILE_ADDED, ("`.dockerignore` changed, too",))


def test_without_separate_modes_nothing_is_said_about_them_alone() -> None:
    before = changed(APP, bare=False)
    now = changed(before, files={"src/app.py": ("1", 0o755)})
    found = decided(now, before)[SOURCES]
    assert found.sentence == "`src/app.py` changed, or its mode 0644→0755"


def test_a_link_step_is_told_once_and_by_its_base() -> None:
    before = Project(dockerfile="FROM d\nRUN a\nCOPY --link f /f\nRUN b\n", files={"f": "1"})
    found = explain(side(changed(before, replace=("RUN a", "RUN z"))), [side(before, "b1")])
    assert [(each.line, each.cause) for each in found] == [
        (2, Cause.INSTRUCTION),
        (3, Cause.FOLLOWS),
        (4, Cause.FOLLOWS),
    ]
    found = explain(side(changed(before, files={"f": "2"})), [side(before, "b1")])
    assert found[1].sentence == "`f` changed"


def test_a_remote_file_that_changed_is_named_and_an_unknown_one_is_not() -> None:
    before = Project(dockerfile="FROM d\nADD https://example.org/f /f\n", remote="sha256:a")
    found = decided(changed(before, remote="sha256:b"), before)[2]
    assert found.cause is Cause.SOURCE_CHANGED
    blind = changed(before, remote="")
    assert reasons(blind, blind)[2].cause is Cause.UNKNOWN


def test_a_stage_that_gave_equal_files_is_no_cause_below() -> None:
    """COPY --from is compared by content: when it hit, what its stage did says nothing."""
    now = changed(APP, replace=("make all", "make some"), ran="ldconfig")
    assert reasons(now, APP)[FINAL_RUN].cause is Cause.UNKNOWN
    own = changed(now, dockerfile=now.dockerfile.replace("ARG TAG\n", "ENV TAG=x\n"))
    assert reasons(own, APP)[FINAL_RUN].cause is Cause.VARIABLE


def test_the_frontend_is_blamed_only_where_nothing_else_differs() -> None:
    now = side(changed(APP, frontend="1.29.0", ran="ldconfig"))
    last = replace(now.steps[-1], op=sha("other"))
    found = explain(replace(now, steps=(*now.steps[:-1], last)), [side(APP)])[0]
    assert found.sentence == "the frontend makes another operation of it: 1.28.0 → 1.29.0"
    same = side(changed(APP, ran="ldconfig"))
    found = explain(replace(same, steps=(*same.steps[:-1], last)), [side(APP)])[0]
    assert found.cause is Cause.UNKNOWN


def test_the_build_with_most_equal_steps_is_compared_with() -> None:
    near = changed(APP, files={"src/app.py": "7"})
    far = changed(APP, images={"python:3.12": sha("x")}, files={"src/app.py": "8"})
    found = decided(APP, far, near)
    assert next(iter(found.values())).against == "b2"
    assert found[SOURCES].sentence == "`src/app.py` changed"


def test_unrecorded_files_are_not_guessed() -> None:
    def blind(project: Project) -> Any:
        whole = side(project, "b1")
        steps = (replace(s, inputs=tuple(replace(i, tree=-1) for i in s.inputs)) for s in whole.steps)
        return replace(whole, steps=tuple(steps), nodes=())

    found = explain(blind(changed(APP, files={"src/app.py": "9"}, ran="COPY src")), [blind(APP)])[0]
    assert found.sentence == "something in `src` changed; which file isn't recorded"


def test_a_changed_directory_of_which_only_the_digest_was_kept() -> None:
    many = {f"src/big/{n}": str(n) for n in range(500)}
    before = changed(APP, files=many, budget=3000)
    now = changed(before, files={"src/big/7": "changed"})
    assert side(before).lost == ("src/big/: only the digest of 500 files was kept",)
    assert decided(now, before)[SOURCES].sentence == "something in `src/big/` changed"
    assert not decided(before, before)
    whole = changed(APP, files=many)
    assert not decided(before, whole)
    assert decided(now, whole)[SOURCES].sentence == "something in `src/big/` changed"


def test_without_an_earlier_build_nothing_is_known() -> None:
    assert {each.cause for each in reasons(APP).values()} == {Cause.UNKNOWN}


def test_no_cache_is_a_reason_by_itself() -> None:
    found = reasons(changed(APP, no_cache=True, files={"src/app.py": "9"}), APP)
    assert {each.sentence for each in found.values()} == {"the cache was not asked: --no-cache"}


def test_a_filter_is_a_reason_for_its_stage_only() -> None:
    found = reasons(changed(APP, ignored="build"), APP)
    assert found[INSTALL].sentence == "the cache was not asked: --no-cache-filter=build"
    assert found[FINAL_RUN].cause is Cause.UNKNOWN
