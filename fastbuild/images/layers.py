"""Which instruction made which layer of an image, and how many bytes each layer has.

An image's configuration lists what made it, oldest first (image-spec, config.md, `history`): an entry for
each instruction but FROM and ONBUILD, whose layers are those of the manifest in the same order. The newest
entries are those of the Dockerfile. Where their number, keywords or commands say something else, there is
no answer: a wrong size is worse than none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastbuild.images.archive import NO_OPERATION, blob_name, manifests, opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fastbuild.dockerfile.model import Dockerfile, Instruction

_BUILDKIT = " # buildkit"
"""After what ran or copied, in the history that BuildKit writes (dockerfile2llb, commitToHistory)."""
_LAYERED = frozenset({"RUN", "COPY", "ADD"})
_UNRECORDED = frozenset({"FROM", "ONBUILD"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSize:
    """Bytes of a layer: of its blob if `compressed`, else of its files or its tar archive."""

    bytes: int
    compressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One entry of an image's history; `layer` is None where the instruction made none."""

    created_by: str
    layer: LayerSize | None = None

    @property
    def keyword(self) -> str:
        """The instruction's keyword; docker's classic builder writes none for RUN, but its shell."""
        text = self.created_by.removeprefix(NO_OPERATION)
        if text == self.created_by and text.startswith(("/", "|")):
            return "RUN"
        return next(iter(text.split(maxsplit=1)), "")

    def runs(self, command: str) -> bool:
        """Whether the entry ends with `command`, blanks aside."""
        return self.created_by.removesuffix(_BUILDKIT).split()[-len(command.split()) :] == command.split()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What made the image of one platform (`linux/arm64/v8`), oldest first."""

    platform: str
    made: tuple[Made, ...]


def read_histories(path: Path, top: str = "index.json") -> tuple[History, ...]:
    """Of every image below `top` in an OCI archive, a layout or a content store; attestations left out.

    Raises EngineError when a file can't be read, LookupError, TypeError or AttributeError for a format
    unknown to us.
    """
    with opened(path) as blobs:
        if not blobs.has(top):
            return ()
        read = [
            history_of(manifest, blobs.json(blob_name(manifest["config"]["digest"])))
            for manifest in manifests(blobs, top)
        ]
    return tuple(dict.fromkeys(found for found in read if found))  # an image is there once for each tag


def history_of(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> History | None:
    """From an image's manifest and configuration; None when they disagree on the number of layers."""
    entries = config.get("history") or ()
    layers = manifest["layers"] or ()
    if sum(not entry.get("empty_layer") for entry in entries) != len(layers):
        return None
    sizes = iter(layers)
    made = tuple(
        Made(
            created_by=entry.get("created_by", ""),
            layer=None if entry.get("empty_layer") else _size(next(sizes)),
        )
        for entry in entries
    )
    platform = (config.get("os", ""), config.get("architecture", ""), config.get("variant", ""))
    return History(platform="/".join(part for part in platform if part), made=made)


def _size(descriptor: Mapping[str, Any]) -> LayerSize:
    """Of a manifest's descriptor: `…tar+gzip`, `…tar+zstd`, docker's `…diff.tar.gzip` are compressed."""
    media_type = str(descriptor["mediaType"])
    return LayerSize(bytes=int(descriptor["size"]), compressed=media_type.endswith(("gzip", "zstd")))


def from_docker(text: str) -> History:
    """From `docker history --no-trunc --human=false --format '{{json .}}'`: newest first, sizes unpacked.

    Raises ValueError or LookupError when it is something else.
    """
    entries = [json.loads(line) for line in text.splitlines() if line.strip()]
    made = tuple(
        Made(created_by=entry["CreatedBy"], layer=LayerSize(bytes=int(entry["Size"]), compressed=False))
        for entry in reversed(entries)
    )
    return History(platform="", made=made)


def chain(dockerfile: Dockerfile, target: str = "") -> tuple[Instruction, ...]:
    """The instructions at the end of an image's history, oldest first, that are in this Dockerfile for sure.

    Those of the target's stage and the stages it builds on, as far as no trigger (ONBUILD) gets between.
    """
    stage = dockerfile.stage(target) if target else dockerfile.stages[-1] if dockerfile.stages else None
    found: list[Instruction] = []
    for each in dockerfile.ancestry(stage) if stage else ():
        if found and any(instruction.keyword == "ONBUILD" for instruction in each.body):
            break
        found[:0] = [i for i in each.body if i.keyword not in _UNRECORDED]
    return tuple(found)


def sizes(history: History, instructions: Sequence[Instruction]) -> dict[int, LayerSize]:
    """The layers of `instructions`, by their `index`; empty unless all of them are the history's end."""
    made = [entry for entry in history.made if entry.keyword not in _UNRECORDED]
    if not 0 < len(instructions) <= len(made):
        return {}
    pairs = list(zip(instructions, made[-len(instructions) :], strict=True))
    if not all(_agree(instruction, entry) for instruction, entry in pairs):
        return {}
    return {
        instruction.index: entry.layer
        for instruction, entry in pairs
        if entry.layer is not None and instruction.keyword in (*_LAYERED, "WORKDIR")
    }


def _agree(instruction: Instruction, entry: Made) -> bool:
    keyword = instruction.keyword
    if keyword in _LAYERED and entry.layer is None:
        return False
    if keyword not in (*_LAYERED, "WORKDIR") and entry.layer is not None and entry.layer.bytes:
        return False
    if keyword != "RUN" or instruction.heredocs:
        return keyword == entry.keyword
    # of the JSON form the classic builder writes the words alone
    return (entry.keyword == "RUN" or instruction.json) and entry.runs(command_of(instruction))


def command_of(instruction: Instruction) -> str:
    """What a RUN executes, as engines show it: the shell's text, or all words of the JSON form."""
    return " ".join(instruction.words)
