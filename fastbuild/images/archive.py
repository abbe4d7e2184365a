"""Images in files: an OCI layout (directory or tar archive) and what `docker save` writes."""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from fastbuild.images.entries import comparable, members, read_layer, reading, unreadable
from fastbuild.images.rootfs import merge

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from fastbuild.images.entries import Entry, Layer


NO_OPERATION = "/bin/sh -c #(nop)"
"""Before what is no RUN, in the history that docker's classic builder writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One image of one platform (`linux/arm64/v8`).

    `config` is the whole configuration file (image-spec, config.md). `files` are those of the merged
    layers. `layers` are the blobs' names in the archive, lowest first; `steps` what the history says
    made each, empty where it doesn't.
    """

    platform: str
    config: Mapping[str, Any]
    files: Mapping[str, Entry]
    layers: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()

    def step_of(self, path: str) -> str:
        """The instruction whose layer holds `path`; empty when nobody knows."""
        entry = self.files.get(path)
        if entry is None or not 0 <= entry.layer < len(self.steps):
            return ""
        return self.steps[entry.layer]


@dataclass(slots=True)
class Known:
    """Layers that were read before, by digest: images of one project share most of them."""

    layers: dict[str, Layer] = field(default_factory=dict)


def read_images(path: Path, known: Known | None = None) -> dict[str, Image]:
    """The images in an archive or layout directory, by platform; attestations are left out.

    Raises EngineError when it can't be read. Nothing is unpacked.
    Formats: https://github.com/opencontainers/image-spec/blob/main/image-layout.md and `docker save`'s
    manifest.json (moby, image/tarexport).
    """
    known = known or Known()
    try:
        found = _read(path, known)
    except (KeyError, TypeError, AttributeError) as error:
        raise unreadable(str(path), f"its description lacks {error}") from error
    if not found:
        raise unreadable(str(path), "no image is in it")
    return {image.platform: image for image in found}


def _read(path: Path, known: Known) -> list[Image]:
    with opened(path) as blobs:
        if blobs.has("index.json"):
            return [_oci_image(blobs, manifest, known) for manifest in manifests(blobs, "index.json")]
        if blobs.has("manifest.json"):
            listed = blobs.json("manifest.json")
            return [_image(blobs, one["Config"], tuple(one["Layers"] or ()), known) for one in listed]
        raise unreadable(str(path), "neither index.json nor manifest.json is in it")


def read_contents(path: Path, image: Image, paths: Collection[str], limit: int) -> dict[str, bytes]:
    """The contents of regular files of `image`, those of more than `limit` bytes left out."""
    wanted: dict[int, dict[str, set[str]]] = {}
    for name in paths:
        entry = image.files.get(name)
        if entry is not None and entry.digest and entry.size <= limit:
            for stored in (name, *entry.links):  # any one of them has the content in the layer
                wanted.setdefault(entry.layer, {}).setdefault(stored, set()).add(name)
    found: dict[str, bytes] = {}
    with opened(path) as blobs:
        for layer, names in sorted(wanted.items()):
            with reading(image.layers[layer]), blobs.open(image.layers[layer]) as blob:
                for name, _, content in members(blob, image.layers[layer]):
                    if name in names and content is not None:
                        found |= dict.fromkeys(names[name], comparable(name, content.read()))
    return found


class _Folder:
    """An OCI layout as a directory."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def has(self, name: str) -> bool:
        return (self._path / name).is_file()

    def open(self, name: str) -> IO[bytes]:
        try:
            return (self._path / name).open("rb")
        except OSError as error:
            raise unreadable(str(self._path), f"{name}: {error.strerror}") from error

    def json(self, name: str) -> Any:
        return _json(self, name)


class _Tar:
    """An archive as one tar file."""

    def __init__(self, path: Path, archive: tarfile.TarFile) -> None:
        self._path = path
        self._archive = archive
        self._members = {posixpath.normpath(member.name): member for member in archive}

    def has(self, name: str) -> bool:
        return name in self._members

    def open(self, name: str) -> IO[bytes]:
        member = self._members.get(name)
        try:
            # follows the links that `docker save` puts where a layer comes twice
            file = self._archive.extractfile(member) if member else None
        except KeyError:
            file = None
        if file is None:
            raise unreadable(str(self._path), f"{name} is missing in it")
        return file

    def json(self, name: str) -> Any:
        return _json(self, name)


Blobs = _Folder | _Tar


@contextmanager
def opened(path: Path) -> Iterator[Blobs]:
    """The files of an archive or directory. Raises EngineError when it is neither or damaged."""
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        archive = tarfile.open(path, mode="r:")  # noqa: SIM115 - closed below
        with archive:
            yield _Tar(path, archive)
    except (tarfile.TarError, OSError) as error:
        raise unreadable(str(path), str(error)) from error


def _json(blobs: Blobs, name: str) -> Any:
    with blobs.open(name) as file:
        content = file.read()
    algorithm, _, digest = name.removeprefix("blobs/").partition("/")
    if algorithm == "sha256" and hashlib.sha256(content).hexdigest() != digest:
        raise unreadable(name, "its content is not what its name says")
    try:
        return json.load(io.BytesIO(content))
    except ValueError as error:
        raise unreadable(name, str(error)) from error


def manifests(blobs: Blobs, name: str) -> Iterator[Mapping[str, Any]]:
    """The image manifests below an index, attestations left out."""
    found = blobs.json(name)
    if "manifests" not in found:
        yield found
        return
    for entry in found["manifests"]:
        platform = entry.get("platform") or {}
        is_attestation = "vnd.docker.reference.type" in entry.get("annotations", {})
        if not is_attestation and platform.get("os") != "unknown":
            yield from manifests(blobs, blob_name(entry["digest"]))


def blob_name(digest: str) -> str:
    """Where a layout has the blob of a digest."""
    return "blobs/" + digest.replace(":", "/")


def _oci_image(blobs: Blobs, manifest: Mapping[str, Any], known: Known) -> Image:
    names = []
    for layer in manifest["layers"] or ():
        name = blob_name(layer["digest"])
        with blobs.open(name) as blob:
            size = blob.seek(0, io.SEEK_END)
        if size != layer["size"]:
            raise unreadable(name, f"it has {size} bytes instead of {layer['size']}")
        names.append(name)
    return _image(blobs, blob_name(manifest["config"]["digest"]), tuple(names), known)


def _image(blobs: Blobs, config_name: str, layers: tuple[str, ...], known: Known) -> Image:
    config = blobs.json(config_name)
    diffs = (config.get("rootfs") or {}).get("diff_ids") or ()
    read = []
    for number, name in enumerate(layers):
        key = diffs[number] if number < len(diffs) else name
        if key not in known.layers:
            with blobs.open(name) as blob:
                known.layers[key] = read_layer(blob, name)
        read.append(known.layers[key])
    platform = (config.get("os", ""), config.get("architecture", ""), config.get("variant", ""))
    return Image(
        platform="/".join(part for part in platform if part),
        config=config,
        files=merge(read),
        layers=layers,
        steps=_steps(config, len(layers)),
    )


def _steps(config: Mapping[str, Any], layers: int) -> tuple[str, ...]:
    history = config.get("history") or ()
    made = tuple(
        str(one.get("created_by", "")).removeprefix(NO_OPERATION).strip()
        for one in history
        if not one.get("empty_layer")
    )
    return made if len(made) == layers else ()
