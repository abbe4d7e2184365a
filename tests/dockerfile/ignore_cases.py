"""Ignore files and what they leave of one tree; tests/live/test_ignore.py asks BuildKit the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TREE = (
    "Dockerfile",
    "README.md",
    "Readme.MD",
    "!x",
    "#hash",
    "a b",
    "a.js",
    "a/b/c/x",
    "a/b/x",
    "a/m/b/y",
    "a/x",
    "a/z",
    "a1",
    "ab",
    "a|b",
    "b",
    "b.ts",
    "c{1}",
    "d/e/f",
    "d/k",
    "é",
    "foo/bar",
    "q*",
    "q1",
    "s]",
    "temp/one",
    "tempb",
    "x",
)

ALL = frozenset(TREE)

CASES: tuple[tuple[str, set[str]], ...] = (
    # text of the ignore file, files of TREE that are left out
    ("", set()),
    ("a1\n", {"a1"}),
    ("A1\n", set()),
    ("# a1\nab\n", {"ab"}),
    (" # a1\n", set()),
    ("#hash\n", set()),
    ("\\#hash\n", {"#hash"}),
    ("  a1\t\n\n\n ab \n", {"a1", "ab"}),
    ("\ufeffa1\n", {"a1"}),
    ("a1\r\nab\r\n", {"a1", "ab"}),
    ("a b\n", {"a b"}),
    ("/a1\n", {"a1"}),
    ("//a1\n", {"a1"}),
    ("./a1\n", {"a1"}),
    ("foo/../a1\n", {"a1"}),
    ("../a1\n", set()),
    ("/../a1\n", {"a1"}),
    (".\n", set()),
    ("/\n", set()),
    ("..\n", set()),
    ("foo\n", {"foo/bar"}),
    ("foo/\n", {"foo/bar"}),
    ("foo/bar/\n", {"foo/bar"}),
    ("foo/*\n", {"foo/bar"}),
    ("x\n", {"x"}),
    ("*/x\n", {"a/x"}),
    ("*/*/x\n", {"a/b/x"}),
    ("**/x\n", {"x", "a/x", "a/b/x", "a/b/c/x"}),
    ("**x\n", {"x", "!x", "a/x", "a/b/x", "a/b/c/x"}),
    ("a/**\n", {"a/x", "a/z", "a/b/x", "a/b/c/x", "a/m/b/y"}),
    ("a**\n", {f for f in TREE if f.startswith("a")}),
    ("a/**/x\n", {"a/x", "a/b/x", "a/b/c/x"}),
    ("a/*/b\n", {"a/m/b/y"}),
    ("a/b/c\n", {"a/b/c/x"}),
    ("**\n", set(TREE)),
    ("*\n", set(TREE)),
    ("**/\n", set(TREE)),
    ("**/*\n", set(TREE)),
    ("*.md\n", {"README.md"}),
    ("a?\n", {"a1", "ab"}),
    ("temp?\n", {"tempb"}),
    ("a[0-9]\n", {"a1"}),
    ("a[^0-9]\n", {"ab"}),
    ("a[!0-9]\n", {"a1"}),
    ("a[[:digit:]]\n", {"a1"}),
    ("a[b1]*\n", {"a1", "ab"}),
    ("q*\n", {"q*", "q1"}),
    ("q\\*\n", {"q*"}),
    ("q\\d\n", {"q1"}),
    ("s]\n", {"s]"}),
    ("a|b\n", {"a|b"}),
    ("*|b\n", set(TREE)),
    ("*.{js,ts}\n", set()),
    ("c{1}\n", {"c{1}"}),
    ("?{1}\n", {f for f in TREE if len(f.partition("/")[0]) == 1}),
    ("é\n", {"é"}),
    ("\\!x\n", {"!x"}),
    ("!!x\n", set()),
    ("*\n!x\n", ALL - {"x"}),
    ("*\n! x\n", ALL - {"x"}),
    ("!x\n*\n", set(TREE)),
    ("*\n!x\nx\n", set(TREE)),
    ("*\n!/x\n", ALL - {"x"}),
    ("*.md\n!README.md\n", set()),
    ("a\n!a/b\n", {"a/x", "a/z", "a/m/b/y"}),
    ("a\n!a/b/x\n", {"a/x", "a/z", "a/m/b/y", "a/b/c/x"}),
    ("a/*\n!a/b\n", {"a/x", "a/z", "a/m/b/y"}),
    ("a\n!a/b\na/b/c\n", {"a/x", "a/z", "a/m/b/y", "a/b/c/x"}),
    ("*\n!a\n", ALL - {"a/x", "a/z", "a/b/x", "a/b/c/x", "a/m/b/y"}),
    ("*\n!**/x\n", ALL - {"x", "a/x", "a/b/x", "a/b/c/x"}),
    ("**\n!**/x\n", ALL - {"x", "a/x", "a/b/x", "a/b/c/x"}),
    ("*\n!a/**\n", ALL - {"a/x", "a/z", "a/b/x", "a/b/c/x", "a/m/b/y"}),
    ("*\n!a/*/x\n", ALL - {"a/b/x"}),
    ("d\n!d/e/f\n", {"d/k"}),
    ("d/**\n!d/k\n", {"d/e/f"}),
    ("d/e\n!d\n", {"d/e/f"}),
    ("a/b\n!a\n", {"a/b/x", "a/b/c/x"}),
    ("Dockerfile\n", {"Dockerfile"}),
    ("a^1*\n", set()),
    ("[a-b]\n", {"b", *(f for f in TREE if f.startswith("a/"))}),
    ("a[*]b\n", set()),
)

BAD = (
    "[a\n",
    "x\n!\n",
    "!/\n",
    "a\\\n",
    "[]a]\n",
    "[-a]\n",
    "a*[\n",
    "[z-a]\n",
    "*{2}\n",
    "?\\e\n",
    "a[[:foo:]]\n",
)


def plant(folder: Path, text: str, files: tuple[str, ...] = TREE) -> None:
    """Files that hold their path, and the ignore file."""
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / ".dockerignore").write_bytes(text.encode())


def kept(names: tuple[str, ...], ignores: Callable[[str], bool]) -> set[str]:
    """The files that are not left out."""
    return {name for name in names if not ignores(name)}
