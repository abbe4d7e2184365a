"""One digest over all that decides an image: the keys of every operation, and the words it was asked with.

Two builds with the same fingerprint are those in which BuildKit, with everything in its cache, would have
found every step and written the same configuration. What it does not compare (the value of a secret, what a
cache mount holds, what a RUN fetched from the network) is not compared here.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.keys.graph import Graph, Op
    from fastbuild.keys.ops import OpKey

FORMAT = "fastbuild.fingerprint.v1"
_UNFIXED = {
    "git": "a git source that names no full commit may be another tomorrow",
    "http": "a URL without --checksum may give other bytes",
    "https": "a URL without --checksum may give other bytes",
    "docker-image": "an image whose digest is not known",
}


class NoFingerprint(ValueError):
    """Something reaches the image that can't be known before building; the text says what."""


def fingerprint(
    graph: Graph,
    keys: Mapping[str, OpKey | None],
    contents: Mapping[tuple[str, int], str],
    words: Sequence[object],
) -> str:
    """64 hexadecimal digits. `graph`, `keys` and `contents` are as for `match`.

    `words` is all else that decides the image, as JSON: the Dockerfile's text, options, platforms, versions.
    Their order counts. Raises NoFingerprint naming the first step that has none.
    """
    if not graph.finals:
        raise NoFingerprint("the image has no files, so nothing says for which platform it is")
    known: dict[str, str | None] = {}
    for op in graph.ops:
        known[op.digest] = _chained(op, keys.get(op.digest), contents, known)
    finals = [known[digest] for digest in graph.finals]
    if None in finals:
        raise NoFingerprint("the image is a local directory itself")
    return _hash([FORMAT, finals, list(words)])


def _chained(
    op: Op,
    key: OpKey | None,
    contents: Mapping[tuple[str, int], str],
    known: Mapping[str, str | None],
) -> str | None:
    """The digest of an operation with all above it; None for a local directory, which counts by content."""
    if op.ignore_cache:
        raise NoFingerprint(f"{_named(op)}: it was asked to run again")
    if key is None:
        _require_local(op)
        return None
    inputs: list[object] = []
    for place, (digest, index) in enumerate(op.inputs):
        content = contents.get((op.digest, place))
        how = key.inputs[place]
        if content is not None and how.selections is not None:
            inputs.append([content])
        elif known[digest] is not None:
            inputs.append([known[digest], index, how.selector])
        else:
            raise NoFingerprint(f"{_named(op)}: it takes files in a way that has no digest")
    return _hash([key.digest, op.platform, inputs])  # a COPY's key has none, but its image's configuration


def _require_local(op: Op) -> None:
    scheme = str(op.body.get("identifier", "")).partition("://")[0] if op.kind == "source" else ""
    if scheme != "local":
        raise NoFingerprint(f"{_named(op)}: {_UNFIXED.get(scheme, 'BuildKit makes no lasting key of it')}")


def _named(op: Op) -> str:
    return op.name or f"a {op.kind or 'nameless'} operation"


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
