"""pip's requirements files: https://pip.pypa.io/en/stable/reference/requirements-file-format/"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.known import (
    join,
    required,
)
from fastbuild.reorder.tools.options import Syntax, names, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.reorder.effects import Place

_COMMENT = re.compile(r"(^|\s+)#.*$")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\s*(\[[^]]*\])?\s*(\(|[<>=!~;,@]|$)")
_EXTRAS = re.compile(r"\[[^]/]*\]$")
_OWN_OPTIONS = re.compile(r"\s+(?=--(hash|config-settings?|global-option|install-option)\b)")
_ARCHIVES = (
    ".whl",
    ".zip",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz",
    ".tar.xz",
    ".txz",
    ".tlz",
    ".tar.lz",
    ".tar.lzma",
    ".tar",
)
_REMOTE = re.compile(
    r"(git|hg|svn|bzr)\+(?!file:)[a-z+]+:|(https?|ftp|ssh|git)://|(git|hg|svn|bzr)\+ssh:|git\+git@"
)

_LINE = Syntax(
    flags=names("--no-index --require-hashes --pre --prefer-binary --no-require-hashes"),
    values=names(
        "-i --index-url --pypi-url --extra-index-url -c --constraint -r --requirement -e --editable -f"
        " --find-links --no-binary --only-binary --trusted-host --use-feature --all-releases --only-final"
    ),
)


@dataclass(slots=True)
class Wanted:
    """What a command line and its requirements files name, together."""

    reads: set[str] = field(default_factory=set)
    projects: set[str] = field(default_factory=set)
    """Local directories or archives."""
    variables: set[str] = field(default_factory=set)
    checkouts: bool = False
    """Whether an editable requirement is cloned to SRC."""
    vcs: bool = False
    unbuilt: bool = False
    """Whether nothing is ever built (`--only-binary :all:`)."""


def add_file(path: str, place: Place, wanted: Wanted) -> None:
    """A requirements or constraints file with all that it includes. Raises Unclear for what can't be read."""
    if "://" in path:
        return _remote(path)
    if path in wanted.reads:
        return None
    wanted.reads.add(path)
    for raw in _joined(required(place, path)):
        line = _expanded(_COMMENT.sub("", raw).strip(), place, wanted)
        if line.startswith("-"):
            _option_line(line, path, place, wanted)
        elif line:
            add_requirement(
                _OWN_OPTIONS.split(line)[0].strip(), place, wanted, beside=posixpath.dirname(path)
            )
    return None


def _joined(text: str) -> Iterator[str]:
    """Lines with those that end in a backslash joined, but not comments (pip's req_file.join_lines)."""
    open_ = ""
    for line in text.splitlines():
        if line.endswith("\\") and not _COMMENT.match(line):
            open_ += line.strip("\\")
        else:
            yield open_ + (f" {line}" if _COMMENT.match(line) else line)
            open_ = ""
    if open_:
        yield open_


def add_requirement(
    text: str, place: Place, wanted: Wanted, *, editable: bool = False, beside: str = ""
) -> None:
    """One requirement: a name, an address, or a path (from the current directory, for uv from the file's)."""
    address = text.partition(";")[0].strip()
    if not editable and _NAME.match(address) and not _is_path(address):
        _, at, url = address.partition("@")
        if not at:
            return
        address = url.strip()
    if _REMOTE.match(address):
        wanted.vcs = wanted.vcs or "+" in address.partition(":")[0]
        wanted.checkouts = wanted.checkouts or editable
        return
    if not _is_path(address) and not editable:
        raise Unclear(f"requirement `{text}` is of a form fastbuild doesn't know")
    _add_path(address, place, wanted, beside)


def add_links(value: str, place: Place, wanted: Wanted, *, beside: str = "") -> None:
    """`--find-links`: a page, or a local directory or page."""
    if "://" in value and not value.startswith("file:"):
        return
    _add_links_path(value, place, wanted, beside)


def _add_links_path(value: str, place: Place, wanted: Wanted, beside: str) -> None:
    path = unquote(value.removeprefix("file://").removeprefix("file:"))
    wanted.reads.add(place.absolute(path))
    if beside:
        wanted.reads.add(join(beside, path))


def _add_path(address: str, place: Place, wanted: Wanted, beside: str) -> None:
    if address.startswith("file:"):
        address = unquote(re.sub(r"^file:(//(localhost)?(?=/))?", "", address).partition("#")[0])
    if "://" in address or re.match(r"\w+\+", address):
        raise Unclear(f"requirement `{address}` is of a form fastbuild doesn't know")
    path = _EXTRAS.sub("", address.partition("#")[0].strip())
    found = {place.absolute(path)} | ({join(beside, path)} if beside else set())
    if not any(place.exists(each) or place.below(each) for each in found):
        raise Unclear(f"`{path}` doesn't come from the build context")
    wanted.projects |= found


def _is_path(address: str) -> bool:
    head = address.partition(" @ ")[0]
    if re.match(r"[A-Za-z0-9._-]+\s*(\[[^]]*\])?\s*@", address):
        return False
    return (
        head.startswith((".", "/", "file:"))
        or ("/" in head and "://" not in head)
        or head.endswith(_ARCHIVES)
    )


def _option_line(line: str, path: str, place: Place, wanted: Wanted) -> None:
    name, _, rest = line.partition(" ")
    words = (name, rest.strip().strip("\"'")) if rest.strip() and "=" not in name else (line,)
    directory = posixpath.dirname(path)
    for option, value in parse(path, words, _LINE).options:
        if option in ("-r", "--requirement", "-c", "--constraint"):
            add_file(value if "://" in value else join(directory, value), place, wanted)
        elif option in ("-e", "--editable"):
            add_requirement(value, place, wanted, editable=True, beside=directory)
        elif option in ("-f", "--find-links"):
            add_links(value, place, wanted, beside=directory)
        elif option in ("-i", "--index-url", "--extra-index-url") and value.startswith(("file:", "/", ".")):
            raise Unclear(f"index `{value}` is a local directory")


def _expanded(line: str, place: Place, wanted: Wanted) -> str:
    for name in _VARIABLE.findall(line):
        wanted.variables.add(name)
        if name in place.env:
            line = line.replace("${" + name + "}", place.env[name])
    return line


def _remote(path: str) -> None:
    if path.startswith("file:"):
        raise Unclear(f"`{path}` is a file: address")
