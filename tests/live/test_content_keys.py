"""Our content digests, compared with those under which a real daemon stored the steps."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from tests.live.content_trees import compare, file, folder, hard, link, make, some_copies, some_tree, special
from tests.live.debug_daemon import debug_daemon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import Lab
    from tests.live.content_trees import Compared, Entry
    from tests.live.debug_daemon import DebugDaemon

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def daemon(lab: Lab) -> Iterator[DebugDaemon]:
    with debug_daemon(lab) as started:
        yield started


@dataclass(frozen=True)
class Case:
    """Instructions after `FROM scratch` (unless they bring their own), and the context they select from."""

    text: str
    entries: list[Entry]
    ignore: str = ""
    named: dict[str, list[Entry]] = field(default_factory=dict)
    selections: int = 1


SRC = [file("src/a.py"), file("src/b.txt", "b"), file("src/deep/c.py", "c"), folder("src/empty")]
LINKS = [*SRC, link("to-file", "src/a.py"), link("to-dir", "src"), link("src/up", "../top"), file("top", "t")]

CASES = {
    "a file": Case("COPY a /", [file("a")]),
    "an empty file": Case("COPY a /", [file("a", "")]),
    "a long file": Case("COPY a /", [file("a", "0123456789" * 300_000)]),
    "a file's modes": Case(
        "COPY . /",
        [file(f"m{mode:o}", "x", mode) for mode in (0o400, 0o600, 0o640, 0o664, 0o666, 0o711, 0o755, 0o777)],
    ),
    "setuid, setgid, sticky": Case(
        "COPY a /", [file(f"a/{mode:o}", "x", mode) for mode in (0o4755, 0o2755, 0o6711, 0o1644, 0o7777)]
    ),
    "directories' modes": Case(
        "COPY a /", [folder(f"a/{mode:o}", mode) for mode in (0o700, 0o750, 0o775, 0o1777, 0o2775)]
    ),
    "a directory": Case("COPY src /src", SRC),
    "a directory with a slash": Case("COPY src/ /src/", SRC),
    "a directory in a directory": Case("COPY src/deep /x", SRC),
    "everything": Case("COPY . /", SRC),
    "everything as a slash": Case("COPY / /x", SRC),
    "nothing at all": Case("COPY . /", [], ignore="*\n"),
    "a file under another name": Case("COPY renamed.py /src/a.py", [file("renamed.py")]),
    "a file in a directory that changed its name": Case("COPY elsewhere/a.py /", [file("elsewhere/a.py")]),
    "a link to a file": Case("COPY to-file /", LINKS),
    "a link to a directory": Case("COPY to-dir /x", LINKS),
    "a file behind a link": Case("COPY to-dir/a.py /x/", LINKS),
    "a link in a directory": Case("COPY src /x", LINKS),
    "links to outside": Case("COPY a /a", [link("a/out", "../../../etc/passwd"), link("a/abs", "/etc")]),
    "a named link that leads outside": Case("COPY out /x", [link("out", "../../../in/a"), file("in/a")]),
    "dangling links in a directory": Case("COPY a /a", [link("a/gone", "nowhere"), link("a/self", "self")]),
    "links to links": Case(
        "COPY one /x", [link("one", "/two"), link("two", "d/three"), link("d/three", "../f"), file("f")]
    ),
    "a link that leads through itself to everything": Case("COPY a/a /x", [link("a", "///"), file("b")]),
    "a link to a name like a class, sent for another": Case(
        "COPY l /x\nCOPY [[]x] /y/", [link("l", "[x]"), file("[x]")], selections=2
    ),
    "a link with a slash and dots": Case(
        "COPY l/a /x/", [link("l", "./d//e/../"), file("d/a"), folder("d/e")]
    ),
    "hard links": Case("COPY . /", [file("z"), hard("a", "z"), hard("d/b", "z")]),
    "a hard link whose other name is ignored": Case(
        "COPY . /", [file("a"), hard("b", "a"), hard("c", "a")], ignore="a\n"
    ),
    "names beyond ASCII": Case(
        "COPY a /", [file("a/ü"), file("a/日本語"), file("a/\U0001f600"), file("a/z")]
    ),
    "names that are not UTF-8": Case("COPY a /", [file(b"a/\xe9t\xe9"), file(b"a/d\x80/f"), file("a/é")]),
    "names that begin with byte 255": Case(
        "COPY . /", [file(b"a/b/\xffx"), file(b"a/\xff"), file(b"a/\xffd/\xffe/f"), file(b"a/b/\xffd/g")]
    ),
    "names with blanks and newlines": Case("COPY a /", [file("a/new\nline"), file("a/a b"), file("a/tab\t")]),
    "names around the slash's place in order": Case(
        "COPY . /", [file("a/b"), file("a-b"), file("a.b"), file("a0"), folder("a!"), file("a\x01")]
    ),
    "extended attributes": Case(
        "COPY a /",
        [
            file("a/f", user_b=b"2", user_a=b"\xff\x00", trusted_x=b"3"),
            folder("a/d", user_d=b"d"),
            folder("a"),
        ],
    ),
    "a pipe, a device, a socket": Case(
        "COPY a /", [file("a/f"), *(special(f"a/{kind}", kind) for kind in ("pipe", "device", "socket"))]
    ),
    "a wildcard": Case("COPY src/*.py /x/", SRC),
    "a wildcard with one match": Case("COPY src/*.txt /x/", SRC),
    "a wildcard with no match": Case("COPY *.zip /x/", SRC),
    "a wildcard on directories": Case("COPY s* /x/", [*SRC, file("s2/a"), file("sa")]),
    "a wildcard in the middle": Case(
        "COPY */a /x/", [file("p/a"), file("q/a", "q"), file("q/b"), file("r/s/a")]
    ),
    "a wildcard on links": Case("COPY to-* /x/", LINKS),
    "a wildcard behind a link": Case("COPY to-dir/*.py /x/", LINKS),
    "a class": Case("COPY [^a]* /x/", [file("b"), file("a"), file("é")]),
    "an escaped wildcard": Case("COPY a[[]1] /x/", [file("a[1]"), file("a1")]),
    "a file named like the wildcard": Case("COPY *.py /x/", [file("*.py"), file("other.txt")]),
    "several sources": Case("COPY src/a.py top src/deep /x/", LINKS),
    "sources within each other": Case("COPY src src/deep src/a.py /x/", SRC),
    "the same source twice": Case("COPY src/a.py src/a.py /x/", SRC),
    "a wildcard beside its own directory": Case("COPY src src/*.py /x/", SRC),
    "an exclusion": Case("COPY --exclude=*.py src /x", SRC),
    "an exclusion in depth": Case("COPY --exclude=**/*.py src /x", SRC),
    "an exclusion of a directory": Case("COPY --exclude=deep --exclude=empty src /x", SRC),
    "an exclusion with an exception": Case("COPY --exclude=deep --exclude=!deep/c.py src /x", SRC),
    "an exclusion from everything": Case("COPY --exclude=src/deep . /x", SRC),
    "links at the top of a root copy with an exclusion": Case("COPY --exclude=*.md . /x", LINKS),
    "an exclusion on a link": Case("COPY --exclude=*.py to-dir /x", LINKS),
    "an exclusion on a wildcard": Case("COPY --exclude=*.txt s* /x/", [*SRC, file("s.txt")]),
    "parents": Case("COPY --parents src/a.py src/deep/c.py /x/", SRC),
    "parents of a directory": Case("COPY --parents src/deep /x/", SRC),
    "parents with a wildcard": Case("COPY --parents src/*.py /x/", SRC),
    "parents with any depth": Case("COPY --parents **/*.py /x/", SRC),
    "parents from a pivot": Case("COPY --parents src/./deep/*.py /x/", SRC),
    "parents from a wildcard pivot": Case("COPY --parents s*/./deep /x/", SRC),
    "parents and an exclusion": Case("COPY --parents --exclude=**/c.py src /x/", SRC),
    "an ignore file": Case("COPY . /", SRC, ignore="*.md\nsrc/deep\nDockerfile\n.dockerignore\n"),
    "an ignore file with exceptions": Case("COPY . /", SRC, ignore="*\n!src/deep/c.py\n!src/empty\n"),
    "an ignored directory with a kept one inside": Case("COPY . /", SRC, ignore="src\n!src/*/c.py\n"),
    "two copies": Case("COPY src/a.py /x\nCOPY src /y/", SRC, selections=2),
    "a named context": Case(
        "COPY --from=lib . /lib\nCOPY src /src", SRC, named={"lib": [*SRC, file("only")]}, selections=2
    ),
    "a named context with an ignore file": Case(
        "COPY --from=lib src /lib", [file("a")], named={"lib": [*SRC, file(".dockerignore", "**/c.py\n")]}
    ),
    "COPY --link": Case("COPY --link src /x", SRC),
    "ADD": Case("ADD src to-file /x/", LINKS),
    "a bind mount of everything": Case("FROM busybox\nRUN --mount=target=/src ls /src", SRC),
    "a bind mount of a directory": Case("FROM busybox\nRUN --mount=source=src/deep,target=/src ls /src", SRC),
    "a bind mount of a link": Case("FROM busybox\nRUN --mount=source=to-dir,target=/src ls /src", LINKS),
    "bind mounts of two directories": Case(
        "FROM busybox\nRUN --mount=source=src,target=/a --mount=source=src/deep,target=/b ls /a /b", SRC
    ),
}

REFUSED = {
    "a file that is absent": Case("COPY gone /", [file("a")]),
    "an ignored file": Case("COPY a /", [file("a")], ignore="a\n"),
    "a link to nowhere": Case("COPY l /", [link("l", "gone")]),
    "a link to itself": Case("COPY l /", [link("l", "l")]),
    "two links to each other": Case("COPY l/x /", [link("l", "/m"), link("m", "l")]),
    "a file as a directory": Case("COPY a/b /", [file("a")]),
    "a dangling link at the top with an exclusion": Case("COPY --exclude=x . /d", [link("l", "gone")]),
    "parents of a file that is absent": Case("COPY --parents src/gone /x/", SRC),
    "a link to a name like a class": Case("COPY l /x", [link("l", "[x]"), file("[x]")]),
    "a link with dots after a link": Case(
        "COPY l /x", [link("l", "s/../f"), link("s", "d/e"), file("d/f"), folder("d/e")]
    ),
    "a malformed wildcard": Case("COPY a[ /x/", [file("a")]),
}


def _build(daemon: DebugDaemon, case: Case, place: Path) -> Compared:
    context = place / "context"
    context.mkdir()
    text = case.text if case.text.startswith("FROM") else f"FROM scratch\n{case.text}"
    make(context, [file("Dockerfile", f"{text}\n"), *case.entries])
    if case.ignore:
        make(context, [file(".dockerignore", case.ignore)])
    for name, entries in case.named.items():
        (place / name).mkdir()
        make(place / name, entries)
    return compare(daemon, context, named={name: place / name for name in case.named})


@pytest.mark.parametrize("name", CASES)
def test_the_digest_is_the_daemon_s(name: str, daemon: DebugDaemon, tmp_path: Path) -> None:
    compared = _build(daemon, CASES[name], tmp_path)
    assert not compared.build.returncode, compared.build.stderr[-2000:]
    assert not compared.errors
    assert [agrees for _, agrees in compared.found] == [True] * CASES[name].selections, compared.found


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_daemon_refuses_has_no_digest(name: str, daemon: DebugDaemon, tmp_path: Path) -> None:
    compared = _build(daemon, REFUSED[name], tmp_path)
    assert compared.failed_on_files, compared.build.stderr[-2000:]
    assert compared.errors


def test_a_copy_that_was_once_empty_keeps_another_root(daemon: DebugDaemon, tmp_path: Path) -> None:
    """BuildKit looks at the empty directory that it made and remembers its header; no client can know."""
    make(
        tmp_path,
        [file("Dockerfile", "FROM scratch\nCOPY . /\n"), file("later"), file(".dockerignore", "*\n")],
    )
    assert [agrees for _, agrees in compare(daemon, tmp_path).found] == [True]
    (tmp_path / ".dockerignore").write_text("*\n!later\n")
    assert [agrees for _, agrees in compare(daemon, tmp_path, fresh=False).found] == [False]
    assert [agrees for _, agrees in compare(daemon, tmp_path).found] == [True]


def test_any_tree_and_any_selection_agree(daemon: DebugDaemon, tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    wrong, agreed, refused = [], 0, 0
    for number in range(60):
        dice = random.Random(f"{seed} {number}")
        entries = some_tree(dice)
        place = tmp_path / str(number)
        place.mkdir()
        case = Case("\n".join(some_copies(dice, entries)), entries)
        compared = _build(daemon, case, place)
        agreed += sum(agrees is True for _, agrees in compared.found)
        refused += bool(compared.errors)
        if any(agrees is False for _, agrees in compared.found) or compared.failed_on_files != bool(
            compared.errors
        ):
            wrong.append((number, case.text, compared.found, compared.errors, compared.build.stderr[-600:]))
    assert not wrong, f"seed {seed}: {wrong}"
    assert agreed >= 20, f"seed {seed}: {agreed} compared, {refused} refused"
