"""Our parser's answer and the reference's, in one shape; and texts that are almost Dockerfiles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastbuild.dockerfile.directives import syntax
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.dockerfile.validate import validate
from fastbuild.dockerfile.words import FORMS
from fastbuild.errors import DockerfileSyntax

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from fastbuild.dockerfile.model import Instruction

_FOREIGN = re.compile("[\ud800-\udfff]")
_HINT = re.compile(r" \(did you mean [^)]*\?\)$")  # BuildKit draws one of several that are equally near
_PREFIX = re.compile(r"^dockerfile parse error on line \d+: ")


def ours(text: bytes) -> dict[str, Any]:
    """What `parse` and `validate` make of a text, in the reference's words."""
    source = decode(text)
    found: dict[str, Any] = {"syntax": _shown(syntax(source) or "")}
    try:
        dockerfile = parse(source)
        assert dockerfile.source == source
        found["instructions"] = [_ours(each) for each in dockerfile.instructions]
        found["escape"] = dockerfile.escape
        validate(dockerfile)
        found["stages"] = [(s.name, _shown(s.base), s.start.start) for s in dockerfile.stages]
    except DockerfileSyntax as error:
        where, message = re.fullmatch(r"Dockerfile:?(\d*): (.*)", error.what, re.DOTALL).groups()  # type: ignore[union-attr]
        found["error"] = (int(where or 0) if "instructions" in found else 0, _said(message))
    return found


def theirs(answer: dict[str, Any]) -> dict[str, Any]:
    """The reference's answer in the same shape; lines of errors only where BuildKit knows them for sure."""
    found: dict[str, Any] = {"syntax": answer["syntax"]}
    if answer["parse_error"]:
        return {**found, "error": (0, _said(answer["parse_error"]))}
    found["instructions"] = [_theirs(each, each) for each in answer["instructions"]]
    found["escape"] = answer["escape"]
    if answer["check_error"]:
        return {**found, "error": (answer["line"], _said(_PREFIX.sub("", answer["check_error"])))}
    found["stages"] = [(each["name"], each["base"], each["line"]) for each in answer["stages"]]
    return found


def scripts(text: bytes) -> list[str]:
    """The shell texts of every RUN; none of a file that does not parse."""
    try:
        instructions = parse(decode(text)).instructions
    except DockerfileSyntax:
        return []
    runs = [each for each in instructions if each.keyword == "RUN" and each.words and not each.json]
    return [each.heredocs[0].content if each.heredocs else each.words[0] for each in runs]


def _said(message: str) -> str:
    """A message without its hint, and without what Go quotes otherwise than we do."""
    return re.sub(r"[^ -~]|\\[ux][0-9a-f]+", "", _HINT.sub("", _shown(message)))


def _shown(text: str) -> str:
    """As JSON carries it from Go: bytes that are no UTF-8 are gone."""
    return _FOREIGN.sub("\ufffd", text)


def _ours(instruction: Instruction, *, depth: int = 0) -> dict[str, Any]:
    inner = instruction.trigger
    known = instruction.keyword in FORMS
    return {
        "keyword": instruction.keyword if known else "",
        "lines": (instruction.start, instruction.end),
        "flags": [_shown(flag.text) for flag in instruction.flags],
        "words": [_shown(word) for word in instruction.words],
        "json": instruction.json,
        "heredocs": [
            (_shown(each.name), _shown(each.content), each.expand, each.chomp)
            for each in (inner or instruction).heredocs
        ],
        "trigger": _ours(inner, depth=depth + 1) if inner and not depth else None,
    }


def _theirs(answer: dict[str, Any], outer: dict[str, Any], *, depth: int = 0) -> dict[str, Any]:
    keyword = answer["keyword"].lower().upper()
    words = answer["words"] or []
    if keyword in ("ENV", "LABEL"):
        del words[2::3]  # how the two were joined: `=` or a blank
    inner = answer["trigger"]
    return {
        "keyword": keyword if keyword in FORMS else "",
        "lines": (outer["start"], outer["end"]),
        "flags": answer["flags"] or [],
        "words": words if keyword in FORMS else [],
        "json": answer["json"],
        "heredocs": [
            (each["name"], each["content"], each["expand"], each["chomp"]) for each in outer["heredocs"] or []
        ],
        "trigger": _theirs(inner, outer, depth=depth + 1) if inner and not depth else None,
    }


BITS = [
    *(
        b"\r",
        b"\\",
        b" \\ ",
        b"`",
        b"\t",
        b"'",
        b'"',
        b" <<EOF",
        b" << EOF",
        b" <<-'X'",
        b"\0",
        b"\xff",
        b"]",
    ),
    *(
        b"\xc2\xa0",
        b"\xe2\x80\xa8",
        b"\x0b",
        b"\x85",
        b"\xa0",
        b"\x1c",
        b"\xc3\xa0",
        b"\xe2\x84\xaa",
        b" # x",
    ),
    *(b" ", b"$", b"${x:-", b"}", b"{", b"<<", b"<", b"=", b"--", b"[", b",", b"#"),
    b"\xef\xbb\xbf",
]
STARTS = [
    *(b"ONBUILD ", b" ", b"\t", b"# ", b"ENV ", b"run ", b"FROM ", b"COPY --from=a ", b"HEALTHCHECK "),
    *(b"RUN --mount=", b"LABEL ", b"ARG ", b"SHELL "),
]
TOPS = [
    *(b"# escape=`", b"# syntax=docker/dockerfile:1", b"# check=skip=all", b"#!/bin/sh", b"#escape=x"),
    *(b"\xef\xbb\xbf# escape=`", b" # syntax = a b", b"", b"// syntax=foo", b'{"syntax": "a b"}'),
]


def mutant(dice: random.Random, texts: Sequence[bytes], fragments: Sequence[bytes]) -> bytes:
    """One of the texts, or some fragments, with up to four things done to their lines."""
    if dice.random() < 0.6:
        lines = dice.choice(texts).split(b"\n")
    else:
        lines = [b"FROM a", *dice.sample(fragments, 3)]
    for _ in range(dice.randint(0, 4)):
        at = dice.randrange(len(lines))
        if dice.random() < 0.5:
            _change_lines(dice, lines, at, fragments)
        else:
            lines[at] = _changed(dice, lines[at])
    return b"\n".join(lines)


def _change_lines(dice: random.Random, lines: list[bytes], at: int, fragments: Sequence[bytes]) -> None:
    other = dice.randrange(len(lines))
    match dice.randrange(5):
        case 0 if len(lines) > 1:
            del lines[at]
        case 1:
            lines[at] += b" " + lines[other]
        case 2:
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines.insert(0, dice.choice(TOPS))
        case _:
            lines.insert(at, dice.choice(fragments))


def _changed(dice: random.Random, line: bytes) -> bytes:
    column, words = dice.randint(0, len(line)), line.split(b" ")
    match dice.randrange(6):
        case 0:
            return line + dice.choice(BITS)
        case 1:
            return line[:column] + line[column + 1 :]
        case 2:
            return line[:column] + dice.choice(BITS) + line[column:]
        case 3:
            return dice.choice(STARTS) + line
        case 4:
            dice.shuffle(words)
        case _:
            del words[dice.randrange(len(words))]
    return b" ".join(words)
