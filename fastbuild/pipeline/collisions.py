"""Builds that wrote one cache at the same time: BuildKit writes a manifest whole, so the last one wins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.keys.manifest import ManifestError, read_manifest
from fastbuild.keys.match import Verdict
from fastbuild.pipeline.left_results import known_keys

if TYPE_CHECKING:
    from fastbuild.cache.objects import Manifest
    from fastbuild.explain.sidefile import SideFile
    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.request import CacheSpec

INSTEAD = "give each its own --name, branch or target"


def collision(
    own: SideFile,
    there: SideFile | None,
    before: SideFile | None,
    foreseen: Foreseen,
    now: Manifest,
    spec: CacheSpec,
) -> str:
    """A sentence about another build that wrote `spec` while ours ran; empty if none is known of.

    `own` belongs to our build. `there` is the side file that lay there after our export, `before` the one
    that did when the build began, `now` the manifest after our export.
    """
    other = there if there and there.build not in (own.build, before.build if before else "") else None
    who = f"build {other.build} (branch {other.branch or 'unknown'})" if other else "another build"
    missing = _missing(foreseen, now, spec)
    if missing or (other and other.manifest == now.digest):
        count = f"{missing} of this build's steps are" if missing else "what this build wrote is"
        return f"cache: {who} wrote {spec.label} after this one: {count} not in it; {INSTEAD}"
    if other:
        return f"cache: {who} wrote {spec.label} while this one ran, and is overwritten; {INSTEAD}"
    return ""


def _missing(foreseen: Foreseen, now: Manifest, spec: CacheSpec) -> int:
    """How many steps of the build have no record in the manifest: those alone whose keys are certain.

    Equal steps of several platforms share a record, so nothing is said of them.
    """
    if now.refused or foreseen.twins:
        return 0
    try:
        records = read_manifest(now.text, spec.label, now.sizes if spec.type != "s3" else None)
    except ManifestError:
        return 0
    ops = tuple(replace(op, ignore_cache=False) for op in foreseen.graph.ops)
    known = known_keys(replace(foreseen, graph=replace(foreseen.graph, ops=ops)), records)
    return sum(
        op.kind != "source"
        and foreseen.verdicts[op.digest].needed
        and foreseen.verdicts[op.digest].verdict in (Verdict.HIT, Verdict.MISS)
        and op.name not in known
        for op in ops
    )
