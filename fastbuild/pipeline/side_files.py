"""Side files of real builds: made from a prediction and what came of it, read and written beside caches."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.objects import CacheReadError, Unreadable, objects_for
from fastbuild.context import copies
from fastbuild.context.digest_index import DigestIndex
from fastbuild.context.hashed import HashedTree
from fastbuild.dockerfile.ignore import ignore_file
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.explain.describe import Known, describe
from fastbuild.explain.evidence import LOCAL, CacheEvidence, Evidence, Outcome, Writer
from fastbuild.explain.sidefile import SideFile, SideFileError
from fastbuild.explain.stored import from_json, to_json
from fastbuild.pipeline.attempt import ignore_rules
from fastbuild.pipeline.foresee import index_file, local_name
from fastbuild.progress.rawjson import StepKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fastbuild.cache.credentials import Credentials
    from fastbuild.paths import Paths
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.pipeline.read_caches import CacheRead
    from fastbuild.progress.timings import BuildTiming
    from fastbuild.request import BuildRequest


def describe_build(
    about: SideFile,
    foreseen: Foreseen,
    request: BuildRequest,
    paths: Paths,
    environ: Mapping[str, str],
    timing: BuildTiming,
) -> SideFile:
    """The side file of a build; `about` says who built it, when and where."""
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
    plain = dict.fromkeys(copies.scan(folder, ignore), 0o644)
    index = DigestIndex(index_file(folder, paths, "-bare"), folder)
    alike = HashedTree(folder, ignore, index, modes=plain)

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


def evidence(foreseen: Foreseen, sides: Mapping[str, SideFile], *, fresh: bool) -> Evidence:
    """What is known of each cache that a build read; `sides` by label, `fresh`: the own store was empty."""
    return Evidence(
        caches=tuple(_evidence_of(cache, foreseen, sides.get(cache.label)) for cache in foreseen.caches),
        complete=all(cache.records or cache.absent for cache in foreseen.caches),
        fresh=fresh,
    )


def _evidence_of(cache: CacheRead, foreseen: Foreseen, side: SideFile | None) -> CacheEvidence:
    if cache.records is None:
        outcome = Outcome.ABSENT if cache.absent else Outcome.FAILED
        return CacheEvidence(label=cache.label, outcome=outcome, error=cache.problem)
    names = {op.digest: op.name for op in foreseen.graph.ops}
    held = (digest for digest, verdict in foreseen.verdicts.items() if cache.label in verdict.caches)
    writer = None
    if side is not None and side.manifest != cache.manifest:
        side = None  # another tool has written the cache since
    if side is not None:
        writer = Writer(build=side.build, branch=side.branch, platforms=side.platforms, created=side.created)
    return CacheEvidence(
        label=LOCAL if cache.label == LOCAL else cache.label,
        outcome=Outcome.READ,
        manifest=cache.manifest,
        mode=side.mode if side else "",
        writer=writer,
        results=frozenset(names[digest] for digest in held),
    )


def write(
    now: SideFile,
    timing: BuildTiming,
    request: BuildRequest,
    credentials: Credentials | None,
    environ: Mapping[str, str],
) -> None:
    """Put a build's side file beside each cache that it wrote. A cache that can't be reached gets none."""
    exports = [other for other in timing.others if other.kind is StepKind.CACHE_EXPORT]
    if not exports or any(other.error for other in exports):
        return
    for spec in request.cache_to:
        objects = objects_for(spec, credentials, environ)
        with suppress(CacheReadError):
            manifest = None if isinstance(objects, Unreadable) else objects.read_manifest()
            if manifest is not None and not isinstance(objects, Unreadable):
                mode = spec.get("mode", "min")
                own = replace(now, cache=spec.label, manifest=manifest.digest, mode=mode)
                objects.write_side(to_json(own), manifest.digest)
