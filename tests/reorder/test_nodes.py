"""What the instructions of a stage set, use, read and write."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.nodes import nodes_of
from tests.reorder.cases import Files

if TYPE_CHECKING:
    from fastbuild.reorder.node import Node


def nodes(text: str) -> tuple[Node, ...]:
    subject = Subject(parse(text), Files(texts={"a": "a", "requirements.txt": "flask"}))
    return nodes_of(subject, len(subject.stages) - 1)[1]


def last(text: str) -> Node:
    return nodes(text)[-1]


HOMES = [
    ("", "/root"),
    ("USER root\n", "/root"),
    ("USER 0:0\n", "/root"),
    ("USER 1000\n", None),
    ("USER stranger\n", None),
    ("USER node\n", "/home/node"),
    ("RUN useradd -m app\nUSER app:app\n", "/home/app"),
    ("RUN adduser -D app\nUSER app\n", "/home/app"),
    ("RUN adduser --disabled-password --gecos '' app\nUSER app\n", "/home/app"),
    ("RUN useradd -r app\nUSER app\n", None),
    ("RUN useradd -d /srv app\nUSER app\n", None),
    ("RUN useradd app && usermod -d /srv app\nUSER app\n", None),
    ("RUN adduser -h /srv app\nUSER app\n", None),
    ("ENV HOME=/h\nUSER 1000\n", "/h"),
    ("ARG H=/h\nENV HOME=$H\n", None),
    ("ARG WHO=root\nUSER $WHO\n", None),
    ("USER $UNSET\n", None),
]


@pytest.mark.parametrize(("head", "home"), HOMES)
def test_homes(head: str, home: str | None) -> None:
    node = last(f"FROM debian:12\n{head}RUN apt-get update\n")
    assert bool(node.unknown) == (home is None)
    if home is not None:
        assert f"{home}/.netrc" in node.reads


@pytest.mark.parametrize(
    ("head", "known"),
    [
        ("", True),
        ("WORKDIR /x\n", True),
        ("ENV D=/x\nWORKDIR $D\n", True),
        ("ARG D=/x\nWORKDIR $D\n", False),
        ("ARG D=/x\nENV E=$D\nWORKDIR $E/y\nWORKDIR z\n", False),
        ("ARG D=/x\nWORKDIR $D\nWORKDIR /y\n", True),
        ("ARG D=/x\nENV D=/y\nWORKDIR $D\n", True),
        ("WORKDIR $UNSET/y\n", False),
    ],
)
def test_directories_of_unknown_value(head: str, known: bool) -> None:
    node = last(f"FROM debian:12\n{head}RUN touch f\n")
    assert bool(node.unknown) != known


@pytest.mark.parametrize(
    ("shell", "known"),
    [
        ('["/bin/bash", "-c"]', True),
        ('["/bin/bash", "-o", "pipefail", "-c"]', True),
        ('["bash", "-euo", "pipefail", "-c"]', True),
        ('["/bin/sh", "-ex", "-c"]', True),
        ('["/bin/bash", "-lc"]', False),
        ('["/bin/bash", "--login", "-c"]', False),
        ('["/app/bash", "-c"]', False),
        ('["/usr/bin/env", "bash", "-c"]', False),
        ('["python", "-c"]', False),
    ],
)
def test_shells(shell: str, known: bool) -> None:
    assert bool(last(f"FROM debian:12\nSHELL {shell}\nRUN touch f\n").unknown) != known


def test_cache_mounts_are_one_by_id_or_by_target() -> None:
    run = "RUN --mount=type=cache,{} true\n"
    options = ("target=/c", "dst=/c/", "id=/c,target=/d", "destination=/c")
    found = nodes("FROM debian:12\n" + "".join(run.format(each) for each in options))
    assert {node.caches for node in found} == {frozenset({"/c"})}


def test_what_is_behind_a_mount_is_not_the_images() -> None:
    node = last("FROM debian:12\nRUN --mount=type=tmpfs,target=/lib/t cat /lib/t/a > /lib/t/b\n")
    assert not node.writes
    assert not any(path.startswith("/usr/lib/t") for path in node.reads)


def test_a_variable_that_somebody_may_look_at() -> None:
    node = last('FROM debian:12\nRUN echo "$A" > /f\n')
    assert [name for name in ("A", "B", "PATH", "HTTP_PROXY", "BASH_ENV") if node.may_use(name)] == [
        "A",
        "PATH",
        "HTTP_PROXY",
        "BASH_ENV",
    ]
    assert last("FROM debian:12\nRUN set > /f\n").may_use("B")
    assert last("FROM debian:12\nRUN make\n").may_use("B")


@pytest.mark.parametrize(
    "base", ["debian:12", "docker.io/library/python:3", "scratch", "busybox@sha256:" + "0" * 64]
)
def test_known_bases_are_trusted(base: str) -> None:
    assert last(f"FROM {base}\nWORKDIR /\nCOPY a /b\n").doubts == ()


@pytest.mark.parametrize("base", ["example/python", "mybase", "localhost:5000/debian", "ghcr.io/x/y:1"])
def test_other_bases_are_doubted(base: str) -> None:
    assert "symbolic link" in last(f"FROM {base}\nWORKDIR /\nCOPY a /b\n").doubts[0]


def test_steps_below_an_onbuild_base_are_not_known() -> None:
    text = "FROM debian:12 AS one\nONBUILD USER 5\nFROM one AS two\nFROM two\nCOPY a /b\n"
    assert "ONBUILD" in last(text).unknown
    assert "ONBUILD" in last("FROM node:8-onbuild\nCOPY a /b\n").unknown


def test_files_of_both_names_of_a_place_are_one() -> None:
    text = "FROM python:3\nWORKDIR /lib/app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\n"
    assert last(text).unknown == ""
    assert "/usr/lib/app/requirements.txt" in last(text).reads


def test_a_file_that_is_copied_by_its_name_can_be_read() -> None:
    text = (
        "FROM python:3\nCOPY requirements.txt /a/requirements.txt\nRUN pip install -r /a/requirements.txt\n"
    )
    assert last(text).unknown == ""
