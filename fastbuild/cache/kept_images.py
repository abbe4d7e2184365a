"""Images that stay in a registry, found again by fingerprint and named anew without moving a layer.

Beside each image lies a note: the tag `fastbuild-<fingerprint>`, an OCI manifest with an artifact type of
ours whose annotations name the image's digest and the build that made it. A note and not a tag of the image:
it can say more, and it keeps no image alive that the registry's own rules remove. An image that was removed,
or lacks a blob, is noticed: manifests are read and each blob is asked for.
https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastbuild.aside import aside
from fastbuild.cache.objects_api import CacheReadError
from fastbuild.cache.objects_oci import OCI_LIMIT, descriptor, digest_of, is_digest, parse_object, verified
from fastbuild.cache.objects_registry import ACCEPT, IMAGE, refused, upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastbuild.cache.objects_oci import Descriptor
    from fastbuild.cache.registry_client import Registry

NOTE_TYPE = "application/vnd.fastbuild.image-note.v1"
_EMPTY = b"{}"
_EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
_LANES = 8
"""Requests at a time. urllib3 keeps ten connections."""
_MANIFESTS = frozenset(ACCEPT.split(", "))
_MOST_MANIFESTS = 100
"""Of one index: beyond that it is nothing that a build made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is known of an image: its digest, the build and commit that made it, and the engine's result
    metadata (JSON). `checked` is the build that was made to check it, empty before. `off` says why images of
    its target are not to be used instead of builds; empty where they may be."""

    image: str = ""
    build: str = ""
    commit: str = ""
    metadata: str = "{}"
    checked: str = ""
    off: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A manifest or an index as the registry has it, and what it names."""

    text: bytes
    media_type: str
    digest: str
    blobs: tuple[Descriptor, ...]


def read_note(registry: Registry, tag: str) -> Note | None:
    """The note under a tag; None where there is none. Raises CacheReadError for something else there."""
    answer = registry.ask("GET", f"manifests/{tag}", limit=OCI_LIMIT, Accept=IMAGE)
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise refused(registry, tag, answer.status, "read")
    fields = parse_object(answer.body, tag)
    notes = fields.get("annotations")
    if fields.get("artifactType") != NOTE_TYPE or not isinstance(notes, dict):
        raise CacheReadError(f"{tag} is no note of fastbuild")
    texts = {name: notes.get(f"fastbuild.{name}", "") for name in Note.__dataclass_fields__}
    if not all(isinstance(text, str) for text in texts.values()):
        raise CacheReadError(f"{tag} is no note of fastbuild")
    if not texts["off"] and not is_digest(texts["image"]):
        raise CacheReadError(f"{tag} names no image")
    return Note(**texts)


def write_note(registry: Registry, tag: str, note: Note) -> None:
    """Put a note under a tag, in place of what is there. Raises CacheReadError."""
    upload(registry, _EMPTY, tag)
    manifest = json.dumps(note_manifest(note)).encode()
    answer = registry.ask("PUT", f"manifests/{tag}", limit=OCI_LIMIT, data=manifest, Content_Type=IMAGE)
    if answer.status != 201:
        raise refused(registry, tag, answer.status, "written")


def note_manifest(note: Note) -> Mapping[str, object]:
    """The manifest of a note. Its config and its only layer are the empty blob, as image-spec advises."""
    empty = {"mediaType": _EMPTY_TYPE, "digest": digest_of(_EMPTY), "size": len(_EMPTY)}
    texts = {f"fastbuild.{name}": getattr(note, name) for name in Note.__dataclass_fields__}
    return {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": NOTE_TYPE,
        "config": empty,
        "layers": [empty],
        "annotations": {name: text for name, text in texts.items() if text},
    }


def read_parts(registry: Registry, digest: str) -> tuple[Part, ...]:
    """The manifest or index of an image, then those it names. Raises CacheReadError where one is gone."""
    parts = [_part(registry, digest)]
    for part in parts:
        if len(parts) > _MOST_MANIFESTS:
            raise CacheReadError("the index has too many manifests")
        below = [blob.digest for blob in part.blobs if blob.media_type in _MANIFESTS]
        parts += [read() for read in [aside(partial(_part, registry, one)) for one in below]]
    return tuple(parts)


def _part(registry: Registry, digest: str) -> Part:
    answer = registry.ask("GET", f"manifests/{digest}", limit=OCI_LIMIT, Accept=ACCEPT)
    if answer.status == 404:
        raise CacheReadError(f"the image {digest} is no longer there")
    if answer.status != 200:
        raise refused(registry, f"the image {digest}", answer.status, "read")
    text = verified(answer.body, digest, "the image's manifest")
    fields = parse_object(text, "the image's manifest")
    listed = fields.get("manifests", fields.get("layers"))
    named = [
        *(listed if isinstance(listed, list) else ()),
        *((fields["config"],) if "config" in fields else ()),
    ]
    kind = fields.get("mediaType") or answer.headers.get("content-type", "")
    return Part(
        text=text,
        media_type=str(kind),
        digest=digest,
        blobs=tuple(descriptor(one) for one in named),
    )


def check_blobs(registry: Registry, parts: Sequence[Part]) -> None:
    """Ask for each config and layer. Raises CacheReadError naming the first that is gone or cut off."""
    blobs = {blob.digest: blob for part in parts for blob in part.blobs if blob.media_type not in _MANIFESTS}
    listed = list(blobs.values())
    lanes = [aside(partial(_check, registry, listed[lane::_LANES])) for lane in range(_LANES)]
    for done in lanes:
        done()


def _check(registry: Registry, blobs: Sequence[Descriptor]) -> None:
    for blob in blobs:
        answer = registry.ask("HEAD", f"blobs/{blob.digest}", limit=0)
        if answer.status == 404:
            raise CacheReadError(f"{blob.digest} of the image is no longer there")
        if answer.status != 200:
            raise refused(registry, f"{blob.digest} of the image", answer.status, "read")
        if answer.headers.get("content-length", str(blob.size)) != str(blob.size):
            raise CacheReadError(f"{blob.digest} of the image is damaged", cause="it has another length")


def name(registry: Registry, tag: str, part: Part) -> None:
    """Make `tag` stand for an image; one that does already is left alone, as a push would leave it.

    Raises CacheReadError.
    """
    there = registry.ask("HEAD", f"manifests/{tag}", limit=0, Accept=ACCEPT)
    if there.status == 200 and there.headers.get("docker-content-digest") == part.digest:
        return
    answer = registry.ask(
        "PUT", f"manifests/{tag}", limit=OCI_LIMIT, data=part.text, Content_Type=part.media_type
    )
    if answer.status != 201:
        raise refused(registry, tag, answer.status, "written")
