from __future__ import annotations

import pytest

from fastbuild.analysis.brought import brings_code, copied, is_everything
from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse
from tests.analysis.rules.catching import listed

FILES = "a.py\nsrc/b.go\nsrc/deep/c.txt\nweb/package.json\nweb/index.js\nconf/x.yaml\nREADME.md"


def paths(line: str) -> list[str]:
    subject = Subject(parse(f"FROM a\n{line}\n"), listed(FILES))
    return sorted(file.path for file in copied(subject, subject.stages[0].steps[1]) if file.kind == "file")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("COPY a.py /x/", ["a.py"]),
        ("COPY ./src /x/", ["src/b.go", "src/deep/c.txt"]),
        ("COPY /src/ /x/", ["src/b.go", "src/deep/c.txt"]),
        ("COPY *.py *.md /x/", ["README.md", "a.py"]),
        ("COPY src/* /x/", ["src/b.go", "src/deep/c.txt"]),
        ("COPY */*.json /x/", ["web/package.json"]),
        ("COPY **/*.txt /x/", ["src/deep/c.txt"]),
        ("COPY missing /x/", []),
        ("COPY --from=b . /x/", []),
        ("ADD https://a.example/b /x/", []),
        ("COPY $UNSET /x/", []),
    ],
)
def test_a_copy_brings_what_its_sources_cover(line: str, expected: list[str]) -> None:
    assert paths(line) == expected


def test_everything_is_everything() -> None:
    assert len(paths("COPY . /x/")) == 7
    for line in ("COPY . /", "COPY ./ /", "ADD / /x", "COPY src/.. /x", "COPY a.py . /x/"):
        subject = Subject(parse(f"FROM a\n{line}\n"))
        assert is_everything(subject.stages[0].steps[1])


@pytest.mark.parametrize(
    ("source", "holds"), [("src", True), ("web", True), ("conf", False), ("a.py", False)]
)
def test_a_directory_with_code_is_told_from_one_without(source: str, holds: bool) -> None:
    subject = Subject(parse(f"FROM a\nCOPY {source} /x/\n"), listed(FILES))
    assert brings_code(subject, subject.stages[0].steps[1]) is holds
