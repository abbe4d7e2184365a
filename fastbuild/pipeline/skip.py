"""Using an image that is in the registry already, instead of building it again.

Before a build its fingerprint is computed (see `keys.fingerprint`) and looked up beside the image's name. If
an earlier build left a note, and its image is there with every blob, the tags are set and nothing is built.
After a build of which nothing changed while it ran, a note is left.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.aside import aside
from fastbuild.cache.kept_images import Note, check_blobs, name, read_note, read_parts, write_note
from fastbuild.cache.objects_api import READ_SECONDS, WRITE_SECONDS, CacheReadError, is_true, within
from fastbuild.cache.registry_client import Registry
from fastbuild.cache.registry_reference import read_reference
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.engines import buildctl
from fastbuild.keys.fingerprint import NoFingerprint, fingerprint
from fastbuild.pipeline.ask_graph import graph_texts
from fastbuild.pipeline.decisive import decisive_words
from fastbuild.pipeline.foresee import contents_of, graph_and_keys, trees

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.cache.kept_images import Part
    from fastbuild.cache.registry_reference import Repository
    from fastbuild.keys.graph import Graph
    from fastbuild.paths import Paths
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.request import BuildRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A build to find the fingerprint of. `environ` is the engine command's environment, `config` the
    engine's settings file or empty, `keep_modes` as in the settings."""

    ready: Ready
    request: BuildRequest
    paths: Paths
    environ: Mapping[str, str]
    config: str
    keep_modes: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository, and the tags that the image is to have there."""

    repository: Repository
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An image that was found complete: what its note says, its manifests, the index or only one first."""

    note: Note
    parts: tuple[Part, ...]


def print_of(asked: Asked) -> str:
    """The fingerprint of a build. Raises NoFingerprint with the reason, and what asking the engine does."""
    request = asked.request
    try:
        words = decisive_words(asked.ready.job, asked.ready.version, asked.environ, asked.config)
    except OSError as error:
        raise NoFingerprint(f"{error.filename} can't be read") from error
    aside(lambda: import_module("requests"))  # a fifth of a second, while the engine answers
    graph, keys = graph_and_keys(*graph_texts(asked.ready.job, request))
    if _hidden_base(graph, request):
        raise NoFingerprint("the base image has no files of its own, or comes from somewhere else")
    files = trees(graph, request, asked.paths, keep_modes=asked.keep_modes)
    found = fingerprint(graph, keys, contents_of(graph, keys, files), words)
    for tree in files.values():
        tree.save()
    return found


def _hidden_base(graph: Graph, request: BuildRequest) -> bool:
    """Whether the image may have settings of a base that the graph does not name.

    A base without layers is no source: the frontend takes its settings and goes on from scratch
    (dockerfile2llb/convert.go, `isScratch`).
    """
    dockerfile = parse(decode(Path(request.file or "").read_bytes()))
    stage = dockerfile.stage(request.target) if request.target else (dockerfile.stages or (None,))[-1]
    if stage is None:
        return True
    first = list(dockerfile.ancestry(stage))[-1]
    if first.base == "scratch" and "scratch" not in dict(request.build_contexts):
        return False
    images = [op for op in graph.ops if op.kind == "source" and "image://" in str(op.body.get("identifier"))]
    return not any(start <= first.start.start <= end for op in images for start, end in op.lines)


def places_of(ready: Ready) -> tuple[Place, ...]:
    """Where the image is to be pushed. Raises UsageError for what is no name."""
    tags: dict[Repository, list[str]] = {}
    for output in buildctl.outputs(ready.job):
        for text in output.get("name").split(","):
            insecure = is_true(output.get("registry.insecure"))
            repository, tag, _ = read_reference(text, insecure=insecure)
            tags.setdefault(repository, []).append(tag)
    return tuple(Place(repository=it, tags=tuple(named)) for it, named in tags.items())


def note_tag(print_: str) -> str:
    """The tag of the note about the image with that fingerprint."""
    return f"fastbuild-{print_}"


def off_tag(request: BuildRequest) -> str:
    """The tag of the note that says that builds of this target are not to be skipped."""
    which = (Path(request.file or "").name, request.target or "", ",".join(request.platforms))
    return f"fastbuild-off-{sha256(json.dumps(which).encode()).hexdigest()[:16]}"


def find(print_: str, request: BuildRequest, places: tuple[Place, ...]) -> Kept | None:
    """The image with that fingerprint, complete in every place; None where no build left one.

    Raises CacheReadError where it is not complete, differs, can't be looked for or is not to be used.
    """
    looking = [aside(partial(_find_in, print_, request, place)) for place in places]
    found = [look() for look in looking]
    if None in found or not found:
        return None
    kept = [it for it in found if it]
    if len({it.note.image for it in kept}) > 1:
        raise CacheReadError("the repositories have different images")
    return kept[0]


def _find_in(print_: str, request: BuildRequest, place: Place) -> Kept | None:
    def look() -> Kept | None:
        with Registry(place.repository, "pull,push") as registry:
            note = read_note(registry, note_tag(print_))
            if note is None:
                return None
            off = aside(partial(read_note, registry, off_tag(request)))
            parts = read_parts(registry, note.image)
            check_blobs(registry, parts)
            if (stopped := off()) is not None:
                raise CacheReadError(f"switched off for this target: {stopped.off}")
            return Kept(note=note, parts=parts)

    return within(READ_SECONDS, f"looking into {place.repository.host}", look)


def use(kept: Kept, places: tuple[Place, ...]) -> None:
    """Give the image its tags. Raises CacheReadError; the tags set until then stay."""
    for place in places:
        _with_registry(place, partial(_name_all, kept, place.tags))


def _name_all(kept: Kept, tags: tuple[str, ...], registry: Registry) -> None:
    for done in [aside(partial(name, registry, tag, kept.parts[0])) for tag in tags]:
        done()


def leave(tag: str, note: Note, places: tuple[Place, ...]) -> None:
    """Put a note into every repository. Raises CacheReadError."""
    for place in places:
        _with_registry(place, lambda registry: write_note(registry, tag, note))


def _with_registry(place: Place, do: Callable[[Registry], None]) -> None:
    def call() -> None:
        with ExitStack() as stack:
            do(stack.enter_context(Registry(place.repository, "pull,push")))

    within(WRITE_SECONDS, f"writing to {place.repository.host}", call)


def metadata_of(kept: Kept, ready: Ready) -> dict[str, object]:
    """The result metadata that the engine would have written.

    Raises CacheReadError for a note whose metadata is none, or that of another image.
    """
    try:
        found = json.loads(kept.note.metadata)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("containerimage.digest") != kept.note.image:
        raise CacheReadError("the image's note is damaged", cause="its metadata is another image's")
    names = [output.get("name") for output in buildctl.outputs(ready.job)]
    return {**found, "image.name": names[-1]}
