"""What a RUN's evidence is filed under: everything written in the Dockerfile that leads to it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.dockerfile.parse import parse
from fastbuild.tracing.store import chain_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.dockerfile.model import Dockerfile, Instruction

_FROM = re.compile(r"(?:--from=|\bfrom=)([^\s,]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One RUN: its line (from 1), its text, and the texts that `store.chain_key` takes.

    `texts` are the instructions of its stage up to and including it, before each that refers to another
    stage that stage's key, then the global ARGs, the platform, and the values given for ARGs.
    """

    line: int
    instruction: str
    texts: tuple[str, ...]


def chains(text: str, build_args: Mapping[str, str | None], platform: str = "") -> dict[int, Chain]:
    """The RUNs of a Dockerfile by line; `platform` is "" where none was asked for. Raises DockerfileSyntax.

    A reference with a variable counts as one to every earlier stage: rather a key that changes in vain.
    """
    file = parse(text)
    header = [each.text for each in file.header]
    found, keys, names = {}, list[str](), list[set[str]]()
    for stage in file.stages:
        texts = list[str]()
        declared = _declared(file.header)
        for each in stage.instructions:
            for number in _stages(file, each, stage.index):
                texts.append(keys[number])
                declared |= names[number]
            texts.append(each.text)
            declared |= _declared((each,))
            if each.keyword == "RUN":
                values = [f"{name}={build_args[name]}" for name in sorted(declared & build_args.keys())]
                whole = (*texts, "global", *header, f"platform {platform}", *values)
                found[each.start] = Chain(line=each.start, instruction=each.text, texts=whole)
        keys.append(chain_key(texts))
        names.append(declared)
    return found


def _stages(file: Dockerfile, instruction: Instruction, before: int) -> list[int]:
    """The earlier stages that an instruction refers to."""
    found: list[int] = []
    for source in _sources(instruction):
        other = file.stage(source, before)
        found += range(before) if "$" in source else [other.index] if other else []
    return found


def _sources(instruction: Instruction) -> list[str]:
    """What an instruction names in FROM, `--from=` or `--mount=from=`; text that looks so does no harm."""
    found: list[str] = _FROM.findall(instruction.text.split("\n")[0])
    return [*instruction.words[:1], *found] if instruction.keyword == "FROM" else found


def _declared(instructions: tuple[Instruction, ...]) -> set[str]:
    return {name for each in instructions if each.keyword == "ARG" for name, _ in each.pairs()}
