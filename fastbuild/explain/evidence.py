"""What is known of the caches that a build read, and what that says about a record that is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.explain.reasons import Cause, Difference, code, shown
from fastbuild.progress.timings import Status

if TYPE_CHECKING:
    from fastbuild.explain.sidefile import SideFile, StepKey

_STOPPED = frozenset({Status.FAILED, Status.CANCELLED, Status.NOT_REACHED})
LOCAL = "local"
"""The label of the engine's own store."""


class Outcome(StrEnum):
    """What came of reading a cache. `absent`: there is nothing under that name."""

    READ = "read"
    ABSENT = "absent"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The build that wrote a cache last; `created` is Unix seconds."""

    build: str = ""
    branch: str = ""
    platforms: tuple[str, ...] = ()
    created: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEvidence:
    """One cache that the build was told to read, or the engine's own store (`label` is LOCAL).

    `manifest` is the digest of what was read, `mode` the mode of the export that wrote it. `results` names
    the steps whose results it held when the build began, `keys` those whose keys it held; None: not known.
    """

    label: str
    outcome: Outcome
    error: str = ""
    manifest: str = ""
    mode: str = ""
    writer: Writer | None = None
    results: frozenset[str] | None = None
    keys: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All of them. `complete`: no other cache was read. `expired` are stages run again because of their age.

    Each expired stage comes with the age that is allowed, in words. `fresh` tells that the engine's own
    store was empty.
    """

    caches: tuple[CacheEvidence, ...] = ()
    complete: bool = True
    fresh: bool | None = None
    expired: tuple[tuple[str, str], ...] = ()


def gone(now: SideFile, step: StepKey, before: SideFile, former: StepKey, evidence: Evidence) -> Difference:
    """Why a step ran although an earlier build had the same key for it."""
    if former.status in _STOPPED:
        said = f"never built: build {shown(before.build)} stopped before it was done"
        return Difference(cause=Cause.NEVER_BUILT, sentence=said)
    label = before.cache or LOCAL
    cache = next((each for each in evidence.caches if each.label == label), None)
    if cache is None:
        return _not_among(now, before, evidence)
    if step.name in (cache.results or ()):
        return unknown(f"{code(label)} held its result")
    if cache.outcome is Outcome.FAILED:
        why = f": {shown(cache.error, 200)}" if cache.error else ""
        said = f"same inputs; {code(label)} could not be read{why}"
        return Difference(cause=Cause.IMPORT_FAILED, sentence=said, cache=label)
    if cache.outcome is Outcome.ABSENT:
        said = f"same inputs; the record is gone: nothing is left under {code(label)}"
        return Difference(cause=Cause.EVICTED, sentence=said, cache=label)
    if former.status == Status.SKIPPED and (cache.keys is None or step.name in cache.keys):
        return unknown(f"build {shown(before.build)} passed over it: whether it left a result is not known")
    return _from_read(now, step, before, cache)


def _not_among(now: SideFile, before: SideFile, evidence: Evidence) -> Difference:
    """The earlier build left its results where this one didn't look."""
    if before.cache and evidence.complete:
        said = f"same inputs; they were built into {code(before.cache)}, which this build doesn't read"
        return Difference(cause=Cause.NOT_READ, sentence=said, cache=before.cache)
    other_store = before.store and now.store and before.store != now.store
    if not before.cache and (other_store or evidence.fresh) and evidence.complete:
        said = f"same inputs; build {shown(before.build)} ran on another engine and left no cache"
        return Difference(cause=Cause.NOT_READ, sentence=said, cache=LOCAL)
    return unknown("what the caches held is not known")


def _from_read(now: SideFile, step: StepKey, before: SideFile, cache: CacheEvidence) -> Difference:
    label = cache.label
    if label == LOCAL:
        if before.store and now.store and before.store != now.store:
            said = f"same inputs; build {shown(before.build)} ran on another engine and left no cache"
            return Difference(cause=Cause.NOT_READ, sentence=said, cache=LOCAL)
        if cache.results is None:
            return unknown("what the engine's own store held is not known")
        said = "same inputs; the record is gone: the engine's own store dropped it"
        return Difference(cause=Cause.EVICTED, sentence=said, cache=LOCAL)
    only_key = cache.keys is not None and cache.results is not None and step.name in cache.keys
    if only_key and cache.mode == "min":
        said = f"same inputs; {code(label)} has its key but not its result: it was written with mode=min"
        return Difference(cause=Cause.MODE_MIN, sentence=said, cache=label)
    if before.manifest and cache.manifest and before.manifest != cache.manifest:
        return _overwritten(now, before, cache)
    if not (before.manifest and before.manifest == cache.manifest):
        return unknown(f"whether {code(label)} was written since is not known")
    return _same_manifest(now, before, cache)


def _overwritten(now: SideFile, before: SideFile, cache: CacheEvidence) -> Difference:
    if cache.results is None and before.mode != "max":
        return unknown(f"what {code(cache.label)} held is not known")
    writer = cache.writer
    if writer is None:
        said = f"same inputs; the record is gone: {code(cache.label)} was overwritten by another build"
        return Difference(cause=Cause.OVERWRITTEN, sentence=said, cache=cache.label)
    who = f"build {shown(writer.build)}" if writer.build else "another build"
    if writer.platforms and not set(writer.platforms) & set(now.platforms):
        who = f"a build for {shown(', '.join(writer.platforms))}"
    elif writer.branch and writer.branch != now.branch:
        who = f"branch {code(writer.branch)}"
    when = f" at {utc(writer.created)}" if writer.created else ""
    said = f"same inputs; the record is gone: {who} overwrote {code(cache.label)}{when}"
    return Difference(
        cause=Cause.OVERWRITTEN,
        sentence=said,
        cache=cache.label,
        subject=shown(writer.branch or writer.build),
    )


def _same_manifest(now: SideFile, before: SideFile, cache: CacheEvidence) -> Difference:
    versions = (before.engine_version, now.engine_version)
    if cache.mode == "min" and cache.results is not None:
        said = f"same inputs; {code(cache.label)} was written with mode=min and lacks its result"
        return Difference(cause=Cause.MODE_MIN, sentence=said, cache=cache.label)
    if all(versions) and versions[0] != versions[1] and cache.mode == "max":
        was, is_ = map(shown, versions)
        said = f"same inputs; another engine version: {was} → {is_}"
        return Difference(cause=Cause.ENGINE, sentence=said, before=was, after=is_, cache=cache.label)
    return unknown(f"{code(cache.label)} is as build {shown(before.build)} wrote it")


def unknown(why: str) -> Difference:
    """Nothing decides; `why` is what is known all the same."""
    return Difference(cause=Cause.UNKNOWN, sentence=f"unknown: {why}")


def utc(moment: float) -> str:
    """`2026-11-23 17:00 UTC`; empty for a moment that no calendar has."""
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return ""
