"""Lists of packages in files of the context, and words that are patterns to the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.reorder.constraints import graph
from tests.reorder.cases import Case, Files

if TYPE_CHECKING:
    from fastbuild.reorder.node import Node

FILES = {
    "plain.txt": "curl git\njq\n",
    "packages.txt": "# tools\ncurl\ngit=1:2.39/bookworm\n\n  libc6:amd64\n",
    "inline.txt": "curl # for checks\n  # nothing\ngit",
    "indented.txt": "  # tools\ncurl\n",
    "lines.txt": "curl\njq\n",
    "own.txt": "curl\n./own.deb\n",
    "option.txt": "curl\n--root=/app\n",
    "quoted.txt": "'curl'\n",
    "returns.txt": "curl\r\ngit\r\n",
    "pattern.txt": "cur*\n",
    "own.deb": "",
    "requirements.txt": "flask==3.0\nuvicorn[standard]>=0.30\n",
}


def run(command: str, files: dict[str, str] = FILES, base: str = "debian:bookworm-slim") -> Node:
    """The node of a RUN behind a broad COPY."""
    dockerfile = f"FROM {base}\nWORKDIR /app\nCOPY . .\nRUN {command}\n"
    case = Case(name="", about="", dockerfile=dockerfile, context=Files(texts=files))
    return graph(case.subject(), 0).nodes[-1]


def needed(node: Node) -> set[str]:
    assert not node.unknown, node.unknown
    return {path.removeprefix("/app/") for path in node.reads if path.startswith("/app")}


@pytest.mark.parametrize(
    ("command", "file"),
    [
        ("apt-get install -y $(cat plain.txt)", "plain.txt"),
        ("apt-get install -y `cat plain.txt`", "plain.txt"),
        (
            "apt-get update && apt-get install -y $(cat /app/plain.txt) && rm -rf /var/lib/apt/lists/*",
            "plain.txt",
        ),
        ("sudo apt-get install -y $(cat plain.txt)", "plain.txt"),
        ("apt-get install -y $(grep -v '^#' packages.txt)", "packages.txt"),
        (r"apt-get install -y $(grep -vE '^\s*#' indented.txt | tr '\n' ' ')", "indented.txt"),
        (r"apt-get install -y $(grep -vE '^\s*(#|$)' packages.txt)", "packages.txt"),
        (r"apt-get install -y $(grep -v '^[[:space:]]*\(#\|$\)' packages.txt | sort -u)", "packages.txt"),
        ("apt-get install -y $(egrep -v '^#|^$' packages.txt)", "packages.txt"),
        ('apt-get install -y $(grep -v "^#" packages.txt | grep -v "^$")', "packages.txt"),
        ("apt-get install -y $(sed 's/#.*//' inline.txt)", "inline.txt"),
        ("apt-get install -y $(sed '/^#/d' packages.txt)", "packages.txt"),
        (r"apt-get install -y $(cat returns.txt | tr -d '\r')", "returns.txt"),
        ("xargs -a plain.txt apt-get install -y", "plain.txt"),
        ("xargs --arg-file=plain.txt -r apt-get install -y", "plain.txt"),
        (r"xargs -d '\n' -a lines.txt apt-get install -y", "lines.txt"),
        ("xargs apt-get install -y < plain.txt", "plain.txt"),
        ("xargs -a pattern.txt apt-get install -y", "pattern.txt"),
        ("cat plain.txt | xargs apt-get install -y --no-install-recommends", "plain.txt"),
        ("cat plain.txt | sudo xargs -n 1 apt-get install -y", "plain.txt"),
        (
            "apt-get update && sed 's/#.*//' inline.txt | xargs sudo apt-get install -y; rm -rf /tmp/x",
            "inline.txt",
        ),
        ("xargs apk add --no-cache < plain.txt", "plain.txt"),
        ("dnf install -y $(cat plain.txt)", "plain.txt"),
        ("cat plain.txt | xargs yum install -y", "plain.txt"),
    ],
)
def test_a_list_of_plain_names_is_all_that_is_read(command: str, file: str) -> None:
    assert needed(run(command)) == {file}


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ('apt-get install -y "$(cat plain.txt)"', "only the shell knows"),
        ("apt-get install -y $(cat packages.txt)", "`#` of `/app/packages.txt` is not a plain name"),
        ("apt-get install -y $(grep -v '^#' indented.txt)", "`#` of `/app/indented.txt`"),
        ("apt-get install -y $(sed 's/^#.*//' inline.txt)", "doesn't follow the filter"),
        ("apt-get install -y $(cat own.txt)", "`./own.deb` of `/app/own.txt`"),
        ("xargs -a own.txt apt-get install -y", "`./own.deb` of `/app/own.txt`"),
        ("apt-get install -y $(cat option.txt)", "`--root=/app` of `/app/option.txt`"),
        ("cat quoted.txt | xargs apt-get install -y", "`'curl'` of `/app/quoted.txt`"),
        ("cat returns.txt | xargs apt-get install -y", "of `/app/returns.txt`"),
        ("apt-get install -y $(cat pattern.txt)", "which files `cur*` matches"),
        (r"xargs -d '\n' -a plain.txt apt-get install -y", "`curl git` of `/app/plain.txt`"),
        ("xargs -d , -a plain.txt apt-get install -y", "splits at"),
        ("xargs -0 -a plain.txt apt-get install -y", "not an option"),
        ("xargs -I {} -a plain.txt apt-get install -y {}", "not an option"),
        ("xargs -a absent.txt apt-get install -y", "doesn't come from the build context"),
        ("xargs -a plain.txt", "no command"),
        ("xargs apt-get install -y", "can't tell what `xargs` is given"),
        ("xargs apt-get install -y <<< ./own.deb", "doesn't follow"),
        ("cat plain.txt | xargs rm", "doesn't know"),
        ("cat plain.txt | xargs sh -c", "doesn't know"),
        ("{ echo ./own.deb; cat plain.txt; } | xargs apt-get install -y", "can't tell what `xargs` is given"),
        ("(echo ./own.deb; cat plain.txt) | xargs apt-get install -y", "can't tell what `xargs` is given"),
        ("if true; then echo ./own.deb; cat plain.txt; fi | xargs apt-get install -y", "can't tell"),
        ("echo ./own.deb | cat - plain.txt | xargs apt-get install -y", "doesn't follow the filter `echo"),
        ("cat plain.txt | sed 's/curl/.\\/own.deb/' | xargs apt-get install -y", "doesn't follow the filter"),
        ("cat plain.txt | tr 'c' '.' | xargs apt-get install -y", "doesn't follow the filter"),
        ("cat plain.txt | grep -v curl | xargs apt-get install -y", "doesn't follow the expression"),
        ("echo 'x; cat plain.txt | ' | xargs apt-get install -y", "doesn't follow the filter `echo"),
        ("cat plain.txt | xargs echo ./own.deb | xargs apt-get install -y", "can't tell"),
        ("apt-get install -y $(cat plain.txt; echo ./own.deb)", "can't tell what"),
        ("apt-get install -y $(cat plain.txt && echo ./own.deb)", "can't tell what"),
        ("apt-get install -y $(cat plain.txt) $(echo ./own.deb)", "doesn't follow the filter `echo"),
        ("echo ./own.deb >> plain.txt && apt-get install -y $(cat plain.txt)", "may have been written"),
        ("cp own.txt plain.txt && xargs -a plain.txt apt-get install -y", "may have been written"),
        ("cd /srv || true; apt-get install -y $(cat plain.txt)", "only the shell knows"),
        ("IFS=c && apt-get install -y $(cat plain.txt)", "IFS"),
    ],
)
def test_what_may_hold_more_than_plain_names_is_unknown(command: str, why: str) -> None:
    assert why in run(command).unknown


def test_requirements_as_arguments_are_pips_own_words() -> None:
    node = run("cat requirements.txt | xargs pip install", base="python:3.12-slim")
    assert "requirements.txt" in needed(node)
    local = {**FILES, "requirements.txt": "flask\nlib/own\n", "lib/own/setup.py": ""}
    found = needed(run("pip install $(cat requirements.txt)", local, "python:3.12-slim"))
    assert "lib/own" in found


@pytest.mark.parametrize(
    ("word", "looked"),
    [
        (".[dev]", {".d", ".e", ".v"}),
        ("uvicorn[db]==0.30", {"uvicornd==0.30", "uvicornb==0.30"}),
        (".[a,b]", {".a", ".,", ".b"}),
        ("./sub[xy]", {"subx", "suby", "sub"}),
    ],
)
def test_a_pattern_that_no_file_matches_stays_and_its_files_are_looked_for(
    word: str, looked: set[str]
) -> None:
    files = {"pyproject.toml": "", "sub/pyproject.toml": ""}
    found = run(f"pip install {word}", files, "python:3.12-slim")
    assert looked <= needed(found)


def test_a_range_may_match_any_letter() -> None:
    found = needed(run("pip install .[dev-tools]", {"pyproject.toml": ""}, "python:3.12-slim"))
    assert {".d", ".-", ".a", ".Z", ".7"} <= found


@pytest.mark.parametrize("file", [".v", ".d/x"])
def test_a_pattern_that_a_file_of_the_context_matches_is_unknown(file: str) -> None:
    found = run("pip install -e .[dev]", {"pyproject.toml": "", file: ""}, "python:3.12-slim")
    assert "is a pattern to the shell" in found.unknown


@pytest.mark.parametrize(
    "command",
    [
        "touch .v && pip install -e .[dev]",
        "pip install .[!d]",
        "pip install .[*]",
        "pip install .[a.b]",
        "pip install .[Z-a]",
        "pip install .[9-a]",
        "pip install .[_-a]",
        "pip install x?",
        "pip install 'a'.[dev]",
        "pip install .[$EXTRAS]",
    ],
)
def test_other_patterns_are_unknown(command: str) -> None:
    assert run(command, {"pyproject.toml": ""}, "python:3.12-slim").unknown
