from __future__ import annotations

import pytest

from fastbuild.analysis.finding import Level, Safety
from fastbuild.analysis.rules import (
    add_of_plain_files,
    dockerfile_copied,
    git_directory_copied,
    heavy_context,
)
from tests.analysis.rules.catching import caught, listed

EVERYTHING = "FROM python:3.13-slim\nCOPY . /app\nRUN pip install -r requirements.txt\n"


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (EVERYTHING, "a.py\npkg/__pycache__/a.pyc 900"),
        (EVERYTHING, "a.py\n.venv/pyvenv.cfg 1\n.venv/lib/x.py 9000"),
        (EVERYTHING, "a.py\ndebug.log 100000"),
        ("FROM node:22\nADD . .\nRUN npm ci", "package.json\nnode_modules/a/index.js 9"),
        ("FROM rust:1\nCOPY ./ ./\nRUN cargo build", "Cargo.toml\ntarget/debug/app 9000"),
    ],
)
def test_what_no_image_needs_is_named(text: str, context: str) -> None:
    (finding,) = caught(heavy_context, text, context=context)
    assert finding.cost is not None
    assert finding.cost.size


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (EVERYTHING, None),
        (EVERYTHING, "a.py\nrequirements.txt"),
        (EVERYTHING.replace("COPY .", "COPY src"), "src/a.py\n.venv/pyvenv.cfg\n.venv/x"),
        (EVERYTHING, "a.py\nstatic/lib/bootstrap/dist/a.css 9000\nvenv/readme"),
        ("FROM node:22\nCOPY . .\nCMD node index.js", "package.json\nnode_modules/a/index.js 9"),
        ("FROM nginx\nCOPY . .\nCOPY dist /srv\nRUN make", "package.json\ndist/a.js 9"),
        ("FROM nginx\nCOPY . .", "package.json\ndist/a.js 9"),
        ("FROM a\nCOPY --from=b . .", "a.py\n__pycache__/a.pyc 1"),
    ],
)
def test_what_may_be_needed_is_not_named(text: str, context: str | None) -> None:
    assert caught(heavy_context, text, context=context) == []


def test_only_caches_are_added_to_the_ignore_file() -> None:
    context = "a.py\n__pycache__/a.pyc 1\n.mypy_cache/x 2\n.venv/pyvenv.cfg 1\n.venv/x 9\ndebug.log 3"
    (finding,) = caught(heavy_context, EVERYTHING, context=context)
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    assert (edit.file, edit.start, edit.end) == (".dockerignore", 1, 0)
    assert edit.text == "**/.mypy_cache\n**/__pycache__\n.dockerignore\n"


@pytest.mark.parametrize(
    ("ignore", "lines", "text"),
    [
        ("a\nb\n", (3, 2), "**/__pycache__\n"),
        ("a\nb", (2, 2), "b\n**/__pycache__\n"),
        ("", (1, 0), "**/__pycache__\n"),
    ],
)
def test_lines_are_added_behind_those_of_the_ignore_file(
    ignore: str, lines: tuple[int, int], text: str
) -> None:
    context = listed("a.py\n__pycache__/a.pyc 1", ignore=("web.dockerignore", ignore))
    (finding,) = caught(heavy_context, EVERYTHING, context=context)
    assert finding.fix is not None
    (edit,) = finding.fix.edits
    assert edit.file == "web.dockerignore"
    assert (edit.start, edit.end) == lines
    assert edit.text == text


def test_an_ignore_file_with_exceptions_is_not_edited() -> None:
    context = listed("a.py\n__pycache__/a.pyc 1", ignore=(".dockerignore", "*\n!a.py\n"))
    (finding,) = caught(heavy_context, EVERYTHING, context=context)
    assert finding.fix is None


PLAIN = "FROM python:3.13-slim\nCOPY . /app\nRUN pip install -r requirements.txt\n"


def test_git_is_added_to_the_ignore_file_when_nothing_can_ask_it() -> None:
    (finding,) = caught(git_directory_copied, PLAIN, context="a.py\n.git/HEAD 23\n.git/index 100")
    assert finding.level is Level.WARNING
    assert finding.cost is not None
    assert finding.cost.size == 123
    assert finding.fix is not None
    assert finding.fix.safety is Safety.SAFE
    assert finding.fix.edits[0].text == ".git\n.dockerignore\n"


@pytest.mark.parametrize(
    ("text", "context"),
    [
        (PLAIN, "pyproject.toml 9 644 [tool.setuptools_scm]\n.git/HEAD 23"),
        (PLAIN, "package.json 9 644 lerna\n.git/HEAD 23"),
        (PLAIN, "scripts/build.sh 9 644 git describe --tags\n.git/HEAD 23"),
        (PLAIN + "RUN make\n", ".git/HEAD 23"),
        (PLAIN + "RUN ./build\n", ".git/HEAD 23"),
        (PLAIN + "RUN git describe > /v\n", ".git/HEAD 23"),
        (PLAIN + "RUN go build ./...\n", ".git/HEAD 23"),
        (PLAIN + "RUN cp .git/HEAD /version\n", ".git/HEAD 23"),
    ],
)
def test_git_stays_when_something_may_ask_it_for_a_version(text: str, context: str) -> None:
    (finding,) = caught(git_directory_copied, text, context=context)
    assert finding.level is Level.INFO
    assert finding.fix is None


def test_go_without_its_stamp_does_not_ask_git() -> None:
    text = PLAIN + "RUN go build -buildvcs=false ./...\n"
    (finding,) = caught(git_directory_copied, text, context="a.go\n.git/HEAD 23")
    assert finding.fix is not None


def test_git_outside_of_the_context_or_the_copy_is_nothing() -> None:
    assert caught(git_directory_copied, PLAIN, context="a.py\n.github/x") == []
    assert caught(git_directory_copied, PLAIN.replace("COPY .", "COPY src"), context="src/a\n.git/HEAD") == []
    assert caught(git_directory_copied, PLAIN) == []


def test_the_dockerfile_and_its_ignore_file_can_be_left_out_but_ci_files_are_only_named() -> None:
    context = "Dockerfile\n.dockerignore\ncompose.yaml\n.github/workflows/a.yml\na.py"
    (finding,) = caught(dockerfile_copied, PLAIN, context=context)
    assert "compose.yaml" in finding.message
    assert finding.fix is not None
    assert finding.fix.edits[0].text == ".dockerignore\nDockerfile\n"


def test_a_dockerfile_that_is_mentioned_is_left_alone() -> None:
    (finding,) = caught(dockerfile_copied, PLAIN + "RUN lint Dockerfile\n", context="Dockerfile\na.py")
    assert finding.fix is None


@pytest.mark.parametrize(
    "line",
    ["ADD . /app", "ADD a.py b.json /app/", "ADD --chown=1:1 run.sh /", 'ADD ["a.conf", "/etc/"]'],
)
def test_add_of_plain_files_becomes_copy(line: str) -> None:
    (finding,) = caught(add_of_plain_files, f"FROM a\n# why\n{line}\n")
    assert finding.fix is not None
    assert finding.fix.edits[0].text == line.replace("ADD", "COPY") + "\n"
    assert finding.fix.edits[0].start == 3


@pytest.mark.parametrize(
    "line",
    [
        "ADD rootfs.tar.xz /",
        "ADD app /app",
        "ADD a.py rootfs.tgz /x/",
        "ADD https://example.com/a.py /a.py",
        "ADD https://github.com/a/b.git#v1 /src",
        "ADD git@github.com:a/b.git /src",
        "ADD $FILES /x/",
        "ADD --unpack=false a.txt /x/",
        "ADD * /x/",
        "COPY . /x/",
    ],
)
def test_add_is_right_for_archives_and_addresses_and_what_may_be_one(line: str) -> None:
    assert caught(add_of_plain_files, f"FROM a\nARG FILES\n{line}\n") == []


def test_a_directory_is_plain_if_the_context_says_so() -> None:
    assert caught(add_of_plain_files, "FROM a\nADD app /app\n", context="app/a.py")
    assert caught(add_of_plain_files, "FROM a\nADD app /app\n", context="app") == []
