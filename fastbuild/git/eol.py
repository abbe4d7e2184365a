"""Which files a checkout gives other bytes than git stores: line ends by `.gitattributes`; filters are told.

Git itself says which attributes a path has in a commit. What they do to line ends on Linux is decided as in
convert.c of git 2.39 (`convert_attrs`, `output_eol`, `crlf_to_worktree`). Filters, `ident` and
`working-tree-encoding` are not applied: a filter is a program of the user's.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import EngineError
from fastbuild.process import Command, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

TIMEOUT = 60.0
ATTRIBUTES = ("text", "crlf", "eol", "ident", "filter", "working-tree-encoding")
UNSET = ("unspecified", "unset")
_ALONE = re.compile(rb"(?<!\r)\n")
_PRINTABLE = bytes(range(32, 127)) + bytes(range(128, 256)) + b"\b\t\f\x1b"


@dataclass(frozen=True, slots=True)
class LineEnds:
    """Lines end with CR LF after a checkout; `guessed`: only where the content looks like text to git."""

    guessed: bool

    @property
    def number(self) -> int:
        """Tells one way of conversion from another; 0 is none."""
        return 2 if self.guessed else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """By path from the repository's root: files whose lines end otherwise, and those that git changes in a
    way that is not followed here, with the attribute that says so."""

    ends: Mapping[str, LineEnds]
    others: Mapping[str, str]


NOTHING = Converted(ends={}, others={})


def as_checked_out(data: bytes, ends: LineEnds) -> bytes:
    """A blob's bytes as a checkout writes them."""
    if not _ALONE.search(data):
        return data
    if ends.guessed and (b"\r" in data or _is_binary(data)):
        return data
    return _ALONE.sub(b"\r\n", data)


def _is_binary(data: bytes) -> bool:
    """Git's guess for content without CR: `convert_is_binary`; a final ^Z doesn't count."""
    body = data.removesuffix(b"\x1a")
    if b"\0" in body:
        return True
    odd = len(body.translate(None, _PRINTABLE + b"\n"))
    printable = len(body) - odd - body.count(b"\n")
    return (printable >> 7) < odd


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Git's settings that matter: `core.autocrlf`, `core.eol`, filters that have a program for checkouts, and
    whether files outside of the commits give attributes."""

    autocrlf: str = "false"
    eol: str = ""
    filters: frozenset[str] = frozenset()
    elsewhere: bool = False

    @property
    def crlf(self) -> bool:
        """Whether text gets CR LF where no attribute says otherwise: `text_eol_is_crlf`."""
        return self.autocrlf == "true" or (self.autocrlf == "false" and self.eol == "crlf")


def settings(root: Path, git_dir: Path) -> Settings:
    """The settings that hold for the repository. Raises EngineError where git can't be run."""
    asked = r"^(core\.(autocrlf|eol|attributesfile)|filter\..*\.(smudge|process))$"
    listed = run(
        Command(argv=("git", "-C", str(root), "config", "-z", "--get-regexp", asked)), timeout=TIMEOUT
    )
    found = dict(_setting(text) for text in listed.stdout.split("\0") if text)
    filters = frozenset(name[7:].rpartition(".")[0] for name in found if name.startswith("filter."))
    autocrlf = found.get("core.autocrlf", "false").lower()
    return Settings(
        autocrlf={"input": "input", "true": "true", "yes": "true", "on": "true", "1": "true"}.get(
            autocrlf, "false"
        ),
        eol=found.get("core.eol", "").lower(),
        filters=filters,
        elsewhere="core.attributesfile" in found or (git_dir / "info/attributes").is_file(),
    )


def _setting(text: str) -> tuple[str, str]:
    name, newline, value = text.partition("\n")
    return name, value if newline else "true"


def converted(root: Path, tree: str, paths: Iterable[str], given: Settings) -> Converted:
    """What a checkout of `tree`, the tree of a whole commit, changes of the files at `paths`.

    Attributes are those of that tree; `root` is the work tree's. Raises EngineError where git fails.
    """
    with tempfile.TemporaryDirectory(prefix="fastbuild-index-") as folder:
        own = (("GIT_INDEX_FILE", str(Path(folder, "index"))),)
        _git(root, own, "read-tree", tree)
        said = _git(
            root, own, "check-attr", "-z", "--cached", "--stdin", *ATTRIBUTES, stdin="\0".join((*paths, ""))
        )
    ends: dict[str, LineEnds] = {}
    others: dict[str, str] = {}
    for path, values in _by_path(said.split("\0")):
        how = _line_ends(values, given)
        if how is not None:
            ends[path] = how
        other = _other(values, given)
        if other:
            others[path] = other
    return Converted(ends=ends, others=others)


def _git(root: Path, env: tuple[tuple[str, str], ...], *words: str, stdin: str | None = None) -> str:
    command = Command(argv=("git", "-C", str(root), *words), env=env)
    done = run(command, timeout=TIMEOUT, stdin=stdin, errors="surrogateescape")
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise EngineError(f"git {words[0]} failed: {said[0] if said else 'no reason given'}")
    return done.stdout


def _by_path(words: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    each = 3 * len(ATTRIBUTES)
    for start in range(0, len(words) - each + 1, each):
        part = words[start : start + each]
        yield part[0], dict(zip(part[1::3], part[2::3], strict=True))


def _line_ends(values: Mapping[str, str], given: Settings) -> LineEnds | None:
    """How lines end: None where they end as they are stored."""
    action = _action(values["text"]) or _action(values["crlf"])
    if action == "binary":
        return None
    eol = values["eol"]
    if eol in ("lf", "crlf"):
        return LineEnds(guessed=action == "auto") if eol == "crlf" else None
    if not action and given.autocrlf != "true":
        return None
    if action == "input" or not given.crlf:
        return None
    return LineEnds(guessed=action in ("auto", ""))


def _action(value: str) -> str:
    return {"set": "text", "unset": "binary", "input": "input", "auto": "auto"}.get(value, "")


def _other(values: Mapping[str, str], given: Settings) -> str:
    if values["filter"] not in UNSET and values["filter"] in given.filters:
        return f"filter={values['filter']}"
    if values["ident"] == "set":
        return "ident"
    encoding = values["working-tree-encoding"]
    if encoding not in (*UNSET, "set") and encoding.upper() not in ("UTF-8", "UTF8"):
        return f"working-tree-encoding={encoding}"
    return ""
