"""What BuildKit refuses before it builds anything, instruction by instruction.

A translation of frontend/dockerfile/instructions/{parse,bflag,commands_run*}.go of BuildKit v0.34.1
(Apache-2.0), in its order and its words. Checks that need the values of variables come later in BuildKit and
are not made here: what it accepts is never refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.dockerfile.flags import check_flags
from fastbuild.dockerfile.heredocs import marker
from fastbuild.dockerfile.lexer import BLANK, go_quoted
from fastbuild.dockerfile.suggest import did_you_mean
from fastbuild.dockerfile.syntax import Fault, syntax_error
from fastbuild.dockerfile.words import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.dockerfile.model import Dockerfile, Instruction

_STAGE_NAME = re.compile(r"[a-z][a-z0-9_.-]*")
_UNITS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
_DURATION = re.compile(r"([0-9]*(?:\.[0-9]*)?)([^.0-9]*)")
_LONGEST = 2**63 / 1e6
"""Milliseconds that fit Go's duration."""


def validate(dockerfile: Dockerfile) -> None:
    """Raise DockerfileSyntax for what BuildKit would refuse; the line is the instruction's first."""
    staged = False
    for instruction in dockerfile.instructions:
        try:
            _check(instruction)
            staged = staged or instruction.keyword == "FROM"
            if not staged and instruction.keyword != "ARG":
                raise Fault(
                    "no build stage in current context",
                    cause=f"{instruction.keyword} stands before the first FROM; only ARG may",
                    fix="begin the stage with FROM",
                )
        except Fault as fault:
            raise fault.at(instruction.start, dockerfile.name) from fault
    if not staged:
        raise syntax_error(
            "dockerfile contains no stages to build", None, dockerfile.name, fix="add a FROM instruction"
        )


def _check(instruction: Instruction) -> None:
    keyword = instruction.keyword
    if keyword not in FORMS:
        raise Fault(
            f"unknown instruction: {keyword}{did_you_mean(keyword, FORMS)}",
            cause="" if keyword else "a line holds nothing but the escape character",
            fix="correct the name, or check that the line before ends as it should",
        )
    _CHECKS[keyword](instruction)


def _least(instruction: Instruction) -> None:
    if not instruction.words:
        raise Fault(f"{instruction.keyword} requires at least one argument")


def _one(instruction: Instruction) -> None:
    if len(instruction.words) != 1:
        raise Fault(f"{instruction.keyword} requires exactly one argument")


def _pairs(instruction: Instruction) -> None:
    check_flags(instruction)
    _least(instruction)
    if "" in instruction.words[::2]:
        raise Fault(f"{instruction.keyword} names can not be blank", fix="write a name before the =")


def _arg(instruction: Instruction) -> None:
    _least(instruction)
    if any(word.startswith("=") for word in instruction.words):
        raise Fault("ARG names can not be blank", fix="write a name before the =")


def _copy(instruction: Instruction) -> None:
    if len(instruction.words) < 2:
        raise Fault(
            f"{instruction.keyword} requires at least two arguments, but only one was provided. "
            "Destination could not be determined",
            fix="name the sources and then the destination",
        )
    check_flags(instruction)
    if _marks(instruction.words[-1]):
        raise Fault(f"{instruction.keyword} cannot accept a heredoc as a destination")


def _marks(word: str) -> bool:
    try:
        return marker(word) is not None
    except Fault:
        return False


def _from(instruction: Instruction) -> None:
    words = instruction.words
    if len(words) == 3 and words[1].casefold() == "as":
        if not _STAGE_NAME.fullmatch(words[2].lower()):
            raise Fault(
                f"invalid name for build stage: {go_quoted(words[2])}, "
                "name can't start with a number or contain symbols",
                fix="begin the name with a letter, then letters, digits and . _ - only",
            )
    elif len(words) != 1:
        raise Fault(
            "FROM requires either one or three arguments",
            cause="a comment after the image is taken for words" if "#" in words else "",
            fix="write FROM image or FROM image AS name, and nothing behind it",
        )
    check_flags(instruction)


def _onbuild(instruction: Instruction) -> None:
    trigger = instruction.trigger
    if trigger is None:
        raise Fault("ONBUILD requires at least one argument")
    check_flags(instruction)
    if trigger.keyword == "ONBUILD":
        raise Fault("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    if trigger.keyword in ("MAINTAINER", "FROM"):
        raise Fault(f"{trigger.keyword} isn't allowed as an ONBUILD trigger")


def _shell(instruction: Instruction) -> None:
    check_flags(instruction)
    _least(instruction)
    if not instruction.json:
        raise Fault(
            "SHELL requires the arguments to be in JSON form", fix='write SHELL ["program", "argument"]'
        )


def _single(instruction: Instruction) -> None:
    _one(instruction)
    check_flags(instruction)


def _several(instruction: Instruction) -> None:
    _least(instruction)
    check_flags(instruction)


def _volume(instruction: Instruction) -> None:
    _several(instruction)
    if any(not word.strip(BLANK) for word in instruction.words):
        raise Fault("VOLUME specified can not be an empty string")


def _healthcheck(instruction: Instruction) -> None:
    _least(instruction)
    kind, rest = instruction.words[0].upper(), instruction.words[1:]
    if kind == "NONE":
        if rest:
            raise Fault("HEALTHCHECK NONE takes no arguments")
        return
    check_flags(instruction)
    if kind != "CMD":
        raise Fault(f"Unknown type {go_quoted(kind)} in HEALTHCHECK (try CMD)")
    if not rest:
        raise Fault("Missing command after HEALTHCHECK CMD")
    for name in ("interval", "timeout", "start-period", "start-interval"):
        _duration(name, instruction.flag(name) or "")
    _retries(instruction.flag("retries") or "")


def _duration(name: str, text: str) -> None:
    """Go's `time.ParseDuration`, and at least a millisecond."""
    bare = text[1:] if text[:1] in ("+", "-") else text
    if not text or bare == "0":
        return
    hint = f"write --{name}=30s (units: ms, s, m, h)"
    milliseconds = position = 0.0
    for part in _DURATION.finditer(bare):
        number, unit = part[1], part[2]
        if number in ("", "."):
            break
        if unit not in _UNITS:
            what = f"unknown unit {go_quoted(unit)} in" if unit else "missing unit in"
            raise Fault(f"time: {what} duration {go_quoted(text)}", fix=hint)
        milliseconds += float(number) * _UNITS[unit]
        position = part.end()
    if not bare or position < len(bare) or milliseconds > _LONGEST:
        raise Fault(f"time: invalid duration {go_quoted(text)}", fix=hint)
    if milliseconds and (text[0] == "-" or milliseconds < 1):
        raise Fault(f'Interval "{name}" cannot be less than 1ms')


def _retries(text: str) -> None:
    """Go's `strconv.ParseInt` for 32 bits, and not negative."""
    if not text:
        return
    what = f"strconv.ParseInt: parsing {go_quoted(text)}:"
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise Fault(f"{what} invalid syntax", fix="write --retries=3")
    digits, negative = text.lstrip("+-0"), text.startswith("-")
    if len(digits) > 10 or int(digits or "0") > 2**31 - 1 + negative:
        raise Fault(f"{what} value out of range", fix="write --retries=3")
    if negative and digits:
        raise Fault(f"--retries cannot be negative (-{digits})")


_CHECKS: dict[str, Callable[[Instruction], None]] = {
    **dict.fromkeys(("RUN", "CMD", "ENTRYPOINT"), check_flags),
    **dict.fromkeys(("ENV", "LABEL"), _pairs),
    **dict.fromkeys(("ADD", "COPY"), _copy),
    **dict.fromkeys(("MAINTAINER", "USER", "WORKDIR"), _single),
    "STOPSIGNAL": _one,
    "EXPOSE": _several,
    "VOLUME": _volume,
    "ARG": _arg,
    "FROM": _from,
    "ONBUILD": _onbuild,
    "SHELL": _shell,
    "HEALTHCHECK": _healthcheck,
}
