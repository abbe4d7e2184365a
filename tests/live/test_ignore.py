"""What `COPY . /` is sent, compared with our own reading of the ignore file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fastbuild.dockerfile.ignore import Ignore
from fastbuild.errors import UsageError
from tests.dockerfile.ignore_cases import BAD, CASES, TREE, kept, plant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.engine import Buildkitd

pytestmark = pytest.mark.live

COPY = "FROM scratch\nCOPY . /\n"


def sent(daemon: Buildkitd, folder: Path, contexts: Sequence[Path]) -> list[set[str]]:
    """The files of each context that reach the build: all in one build, each under its own ignore file."""
    main = folder / "main"
    main.mkdir()
    names = [f"c{number}" for number in range(len(contexts))]
    copies = "".join(f"COPY --from={name} / /{name}/\n" for name in names)
    (main / "Dockerfile").write_text(f"FROM scratch\n{copies}")
    options = ["--output", f"type=local,dest={folder}/out"]
    for name, context in zip(names, contexts, strict=True):
        options += ["--local", f"{name}={context}", "--opt", f"context:{name}=local:{name}"]
    daemon.build(main, *options)
    return [files(folder / "out" / name) for name in names]


def files(root: Path) -> set[str]:
    found = (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
    return {path for path in found if path != ".dockerignore"}


def test_every_case_of_the_table(daemon: Buildkitd, tmp_path: Path) -> None:
    contexts = [tmp_path / f"context{number}" for number in range(len(CASES))]
    for context, (text, _) in zip(contexts, CASES, strict=True):
        plant(context, text)
    for (text, left_out), got in zip(CASES, sent(daemon, tmp_path, contexts), strict=True):
        assert set(TREE) - got == left_out, text


NAMES = st.sampled_from(
    ["a", "b", "x", "a.b", "foo", "A", "1", "a b", "!a", "é", "a|b", "{a}", "[a]", ".git"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PIECES = st.sampled_from(
    [
        *["*", "**", "?", "/", "a", "b", "foo", "x", ".", "**/", "/**", "!", "[a-c]", "/"],
        "[^a]",
        "{2}",
        "|",
        "\\a",
    ]
)
LINES = st.tuples(st.sampled_from(["", "", "!", "/"]), st.lists(PIECES, min_size=1, max_size=5).map("".join))
FILES = st.lists(LINES.map("".join), min_size=1, max_size=4).map("\n".join)


def fits(paths: list[str]) -> tuple[str, ...]:
    """Without those that would be file and directory at once."""
    parents = {"/".join(path.split("/")[:n]) for path in paths for n in range(1, path.count("/") + 1)}
    return tuple(sorted(set(paths) - parents))


def judged(text: str, paths: tuple[str, ...]) -> set[str] | None:
    try:
        return kept(paths, Ignore.read(text).ignores)
    except UsageError:
        return None


TREES = st.tuples(FILES, st.lists(PATHS, min_size=4, max_size=12).map(fits)).filter(
    lambda drawn: judged(*drawn) is not None
)


@settings(
    max_examples=3,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(st.lists(TREES, min_size=60, max_size=60))
def test_random_trees_and_patterns(daemon: Buildkitd, trees: list[tuple[str, tuple[str, ...]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        contexts = [Path(folder, f"context{number}") for number in range(len(trees))]
        for context, (text, paths) in zip(contexts, trees, strict=True):
            plant(context, text, paths)
        for (text, paths), got in zip(trees, sent(daemon, Path(folder), contexts), strict=True):
            assert got == judged(text, paths), (text, paths)


@pytest.mark.parametrize("text", BAD)
def test_buildkit_refuses_bad_patterns_too(daemon: Buildkitd, tmp_path: Path, text: str) -> None:
    plant(tmp_path, text, ("Dockerfile", "ab"))
    (tmp_path / "Dockerfile").write_text(COPY)
    done = daemon.buildctl(
        *("build", "--frontend", "dockerfile.v0"),
        *("--local", f"context={tmp_path}", "--local", f"dockerfile={tmp_path}"),
    )
    assert done.returncode != 0
    assert "syntax error in pattern" in done.stderr or "illegal exclusion pattern" in done.stderr


@pytest.mark.parametrize(
    ("beside", "plain", "expected"),
    [
        (None, None, {"Dockerfile", "one", "two"}),
        (None, "one\n", {"Dockerfile", ".dockerignore", "two"}),
        ("two\n", "one\n", {"Dockerfile", "Dockerfile.dockerignore", ".dockerignore", "one"}),
        ("", "one\n", {"Dockerfile", "Dockerfile.dockerignore", ".dockerignore", "one", "two"}),
        (None, "Dockerfile\n.dockerignore\n", {"one", "two"}),
        (None, "*\n", set()),
    ],
)
def test_which_file_counts_and_that_the_dockerfile_is_a_file_like_others(
    daemon: Buildkitd, tmp_path: Path, beside: str | None, plain: str | None, expected: set[str]
) -> None:
    context = tmp_path / "app"
    context.mkdir()
    texts = {
        "Dockerfile": COPY,
        "one": "1",
        "two": "2",
        "Dockerfile.dockerignore": beside,
        ".dockerignore": plain,
    }
    for name, text in texts.items():
        if text is not None:
            (context / name).write_text(text)
    daemon.build(context, "--output", f"type=local,dest={tmp_path}/out")
    assert {path.name for path in (tmp_path / "out").iterdir()} == expected
