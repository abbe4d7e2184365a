from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from fastbuild.git.eol import LineEnds, Settings, as_checked_out, converted
from fastbuild.git.objects import Objects
from tests.git.repositories import commit, git, repository

if TYPE_CHECKING:
    from pathlib import Path

SURE, GUESSED = LineEnds(guessed=False), LineEnds(guessed=True)


@pytest.mark.parametrize(
    ("data", "sure", "guessed"),
    [
        (b"", b"", b""),
        (b"a", b"a", b"a"),
        (b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb\r\n"),
        (b"a\r\nb\n", b"a\r\nb\r\n", b"a\r\nb\n"),
        (b"a\0\n", b"a\0\r\n", b"a\0\n"),
        (b"\n\n", b"\r\n\r\n", b"\r\n\r\n"),
    ],
)
def test_line_ends_of_a_checkout(data: bytes, sure: bytes, guessed: bytes) -> None:
    assert as_checked_out(data, SURE) == sure
    assert as_checked_out(data, GUESSED) == guessed


@pytest.mark.live
@pytest.mark.parametrize("autocrlf", ["true", "false", "input"])
@pytest.mark.parametrize("eol", ["crlf", "lf"])
def test_every_attribute_and_setting_converts_as_git_does(tmp_path: Path, autocrlf: str, eol: str) -> None:
    dice = random.Random(3)
    root = repository(tmp_path / "app")
    lines = []
    for text in ("text", "-text", "text=auto", "!text", "crlf", "-crlf", "crlf=input"):
        for ends in ("", "eol=lf", "eol=crlf"):
            number = len(lines)
            lines.append(f"f{number}_* {text} {ends}")
            for kind, data in enumerate(_contents(dice)):
                (root / f"f{number}_{kind}").write_bytes(data)
    commit(root)  # without attributes, so that git stores what is there
    (root / ".gitattributes").write_text("\n".join(lines))
    commit(root)
    git(root, "config", "core.autocrlf", autocrlf)
    git(root, "config", "core.eol", eol)
    clone = tmp_path / "clone"
    own = ("-c", f"core.autocrlf={autocrlf}", "-c", f"core.eol={eol}")
    git(tmp_path, *own, "clone", "-q", str(root), str(clone))
    with Objects(root) as objects:
        entries = objects.tree(objects.root_of("HEAD"))
        blobs = {name: objects.blob(entry.id) for name, entry in entries.items()}
    paths = [path.name for path in clone.glob("f*")]
    given = Settings(autocrlf=autocrlf, eol=eol)
    found = converted(root, git(root, "rev-parse", "HEAD^{tree}").strip(), paths, given)
    for name in paths:
        stored = blobs[name]
        ends = found.ends.get(name)
        ours = stored if ends is None else as_checked_out(stored, ends)
        assert ours == (clone / name).read_bytes(), (name, lines[int(name[1:].split("_")[0])], stored)


def _contents(dice: random.Random) -> list[bytes]:
    fixed = [b"", b"a\n", b"a\r\n", b"a\r\nb\n", b"a\rb\n", b"\0\n", b"\x1a", b"a\n\x1a", b"\x01\n" * 3]
    return [*fixed, *(bytes(dice.choices(b"ab\n\r\x01", k=12)) for _ in range(4)), b"a" * 200 + b"\x02\n"]
