"""Whether writing a build's cache would change nothing that matters: then it is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.keys.match import Verdict
from fastbuild.pipeline.side_files import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.progress.timings import BuildTiming
    from fastbuild.request import BuildRequest, CacheSpec

FRESH = 12 * 3600.0
"""Seconds. An export renews blobs older than a day (`touch_refresh` of cache/remotecache/s3/s3.go), so that a
bucket's lifecycle spares them: half of that keeps a daily build's blobs alive."""
_PLACE = ("bucket", "region", "endpoint_url", "prefix", "manifests_prefix", "blobs_prefix")
_NAMES = ("name", "ref", "scope")


def is_current(
    request: BuildRequest, exports: Sequence[CacheSpec], timing: BuildTiming, foreseen: Foreseen, now: float
) -> bool:
    """Whether all that the build `request` would write to `exports` lies there, and is fresh.

    All of this must hold: the engine found every step; there is one export, and the build read that cache;
    the side file beside it belongs to the manifest that was read, has the same mode, and was written within
    the last `FRESH` seconds before `now` (Unix seconds); that manifest has the result of every operation.
    """
    counts = timing.counts()
    if not counts.steps or counts.steps != counts.hits + counts.skipped or len(exports) != 1:
        return False
    wanted = exports[0]
    labels = [spec.label for spec in request.cache_from]
    own = [spec.label for spec in request.cache_from if _place(spec) == _place(wanted)]
    if len(own) != 1 or labels.count(own[0]) != 1:
        return False
    cache = next((cache for cache in foreseen.caches if cache.label == own[0] and cache.records), None)
    side = next(read((cache.side,)), None) if cache and cache.side is not None else None
    if cache is None or side is None or side.manifest != cache.manifest:
        return False
    if side.mode != wanted.get("mode", "min") or not 0 <= now - side.created < FRESH:
        return False
    made = (foreseen.verdicts[op.digest] for op in foreseen.graph.ops if op.kind != "source")
    return all(it.verdict is Verdict.HIT and own[0] in it.caches for it in made)


def _place(spec: CacheSpec) -> tuple[str, ...]:
    return (spec.type, spec.get("dest") or spec.get("src"), *(spec.get(key) for key in (*_PLACE, *_NAMES)))
