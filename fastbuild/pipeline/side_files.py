"""Side files of real builds: made from a prediction and what came of it, read and written beside caches."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.aside import aside
from fastbuild.cache.objects import CacheReadError, Unreadable, objects_for
from fastbuild.context.digest_index import DigestIndex
from fastbuild.context.hashed import HashedTree
from fastbuild.dockerfile.ignore import ignore_file
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.explain.describe import Known, describe
from fastbuild.explain.earlier import overwriting, was_found
from fastbuild.explain.sidefile import SideFile, SideFileError
from fastbuild.explain.stored import from_json, to_json
from fastbuild.pipeline.attempt import ignore_rules
from fastbuild.pipeline.base_dates import base_dates
from fastbuild.pipeline.collisions import collision
from fastbuild.pipeline.foresee import index_file, local_name
from fastbuild.pipeline.left_results import with_held
from fastbuild.progress.rawjson import StepKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fastbuild.cache.credentials import Credentials
    from fastbuild.cache.objects import Manifest
    from fastbuild.explain.sidefile import Earlier
    from fastbuild.paths import Paths
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.pipeline.read_caches import CacheRead
    from fastbuild.progress.timings import BuildTiming
    from fastbuild.request import BuildRequest, CacheSpec


def describe_build(
    about: SideFile,
    foreseen: Foreseen,
    request: BuildRequest,
    paths: Paths,
    environ: Mapping[str, str],
    timing: BuildTiming,
    root: Path | None = None,
) -> SideFile:
    """The side file of a build; `about` says who built it, when and where.

    `root` is the engine's directory where that is ours to read.
    """
    raw = Path(request.file or "").read_bytes()
    context = Path(request.context)
    ignored = ignore_file(request.file, lambda name: (context / name).is_file()) or ""
    sources = {op.digest: local_name(op) for op in foreseen.graph.ops if local_name(op) in foreseen.files}
    bare = {name: _bare(name, request, paths, tree) for name, tree in foreseen.files.items()}
    known = Known(
        graph=foreseen.graph,
        keys=foreseen.keys,
        contents=foreseen.contents,
        files={digest: foreseen.files[name] for digest, name in sources.items()},
        bare={digest: bare[name][0] for digest, name in sources.items()},
        created=base_dates(foreseen.graph, root),
        timing=timing,
        request=request,
        dockerfile=parse(decode(raw)),
        environment=environ,
    )
    about = replace(
        about,
        dockerfile=_within(context, request.file or ""),
        dockerfile_digest=f"sha256:{hashlib.sha256(raw).hexdigest()}",
        ignore=_within(context, str(context / ignored)) if ignored else "",
        ignore_digest=_digest(context / ignored) if ignored else "",
    )
    described = describe(about, known)
    for _, alike in bare.values():
        alike.save()
    return described


def _within(context: Path, file: str) -> str:
    """A file's path within the context, empty if it lies elsewhere."""
    try:
        return Path(file).resolve().relative_to(context.resolve()).as_posix()
    except ValueError:
        return ""


def _digest(file: Path) -> str:
    with suppress(OSError):
        return f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}"
    return ""


def _bare(
    name: str, request: BuildRequest, paths: Paths, tree: HashedTree
) -> tuple[Callable[[str], str], HashedTree]:
    """Digests of files' bytes without their modes: those that files with mode 0644 have anyway.

    Also the tree that gives them to other files.
    """
    folder = Path(request.context if name == "context" else dict(request.build_contexts)[name])
    ignore = ignore_rules(request, folder)
    index = DigestIndex(index_file(folder, paths, "-bare"), folder)
    alike = HashedTree(folder, ignore, index, one_mode=0o644)

    def digest(path: str) -> str:
        node = tree.look(path)
        return tree.digest(path) if node is None or node.mode == 0o644 else alike.digest(path)

    return digest, alike


def read(found: Iterable[bytes]) -> Iterator[SideFile]:
    """Side files that can be read; what is damaged or foreign is none."""
    for data in found:
        with suppress(SideFileError):
            yield from_json(data)


def beside(caches: Sequence[CacheRead]) -> dict[str, SideFile]:
    """The side files beside the caches that were read, by the cache's label."""
    return {
        cache.label: side
        for cache in caches
        for side in read((cache.side,) if cache.side is not None else ())
    }


def write(
    now: SideFile,
    foreseen: Foreseen,
    timing: BuildTiming,
    request: BuildRequest,
    credentials: Credentials | None,
    environ: Mapping[str, str],
) -> tuple[str, ...]:
    """Put a build's side file beside each cache that it wrote. A cache that can't be reached gets none.

    Returns a sentence for each that another build wrote meanwhile.
    """
    exports = [other for other in timing.others if other.kind is StepKind.CACHE_EXPORT]
    if not exports or any(other.error for other in exports):
        return ()
    said = []
    for spec in request.cache_to:
        objects = objects_for(spec, credentials, environ)
        if isinstance(objects, Unreadable):
            continue
        with suppress(CacheReadError):
            replaced = aside(objects.read_side)
            manifest = objects.read_manifest()
            if manifest is None:
                continue
            mode = spec.get("mode", "min")
            own = replace(now, cache=spec.label, manifest=manifest.digest, mode=mode)
            own = with_held(own, foreseen, manifest, spec)
            own = replace(own, earlier=_earlier(own, foreseen, replaced))
            said.append(_collision(own, replaced, foreseen, manifest, spec))
            objects.write_side(to_json(own), manifest.digest)
    return tuple(filter(None, said))


def _collision(
    own: SideFile,
    replaced: Callable[[], bytes | None],
    foreseen: Foreseen,
    manifest: Manifest,
    spec: CacheSpec,
) -> str:
    before = [cache for cache in foreseen.caches if cache.label == own.cache]
    if len(before) != 1:
        return ""  # it was not read: whoever wrote it may have done so long ago
    there = None
    with suppress(CacheReadError):
        there = next(read(filter(None, (replaced(),))), None)
    known = next(read(filter(None, (before[0].side,))), None)
    return collision(own, there, known, foreseen, manifest, spec)


def _earlier(own: SideFile, foreseen: Foreseen, replaced: Callable[[], bytes | None]) -> tuple[Earlier, ...]:
    """What the build has overwritten: told by the side file that lies there still.

    That one counts if it belonged to the manifest that was there before the build, or came during the build.
    A build that wrote its own before we looked counts as having replaced what it found results of.
    """
    before = [cache for cache in foreseen.caches if cache.label == own.cache and cache.records]
    data = None
    with suppress(CacheReadError):
        data = replaced()
    if data is None or len(before) != 1:
        return ()
    for side in read((data,)):
        current = side.manifest == before[0].manifest or data != before[0].side
        if not current and before[0].manifest == own.manifest:
            current = was_found(own, side)
        if current and side.manifest != own.manifest:
            return overwriting(own, side, time.time())
        if current and side.build != own.build:
            return side.earlier
    return ()
