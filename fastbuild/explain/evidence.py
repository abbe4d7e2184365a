"""What is known of the caches that a build read, and what that says about a record that is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.explain.reasons import Cause, Difference, code, shown
from fastbuild.progress.timings import Status

if TYPE_CHECKING:
    from fastbuild.explain.sidefile import Earlier, SideFile, StepKey

_STOPPED = frozenset({Status.FAILED, Status.CANCELLED, Status.NOT_REACHED})
LOCAL = "local"
"""The label of the engine's own store."""


class Outcome(StrEnum):
    """What came of reading a cache. `absent`: there is nothing under that name. `failed`: the engine could
    not read it. `unseen`: we could not look into it, and the engine may have.
    """

    READ = "read"
    ABSENT = "absent"
    FAILED = "failed"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """The build that wrote a cache last; `created` is Unix seconds."""

    build: str = ""
    branch: str = ""
    target: str = ""
    platforms: tuple[str, ...] = ()
    created: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEvidence:
    """One cache that the build was told to read, or the engine's own store (`label` is LOCAL).

    `manifest` is the digest of what was read, `mode` the mode of the export that wrote it. `results` names
    the steps whose results it held when the build began, `keys` those whose keys it held; None: not known.
    `earlier` are builds whose results it held once, the latest loss first.
    """

    label: str
    outcome: Outcome
    error: str = ""
    manifest: str = ""
    mode: str = ""
    writer: Writer | None = None
    results: frozenset[str] | None = None
    keys: frozenset[str] | None = None
    earlier: tuple[Earlier, ...] = ()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A record that another build's writing removed from a cache; `build` had left it there."""

    build: str
    why: Difference


def gone(now: SideFile, step: StepKey, before: SideFile, former: StepKey, evidence: Evidence) -> Difference:
    """Why a step ran although an earlier build had the same key for it."""
    if former.status in _STOPPED:
        said = f"never built: build {shown(before.build)} stopped before it was done"
        return Difference(cause=Cause.NEVER_BUILT, sentence=said)
    label = before.cache or LOCAL
    cache = next((each for each in evidence.caches if each.label == label), None)
    if cache is None:
        return _not_among(now, before, evidence)
    if failed := _failed(step, cache, evidence):
        return failed
    if any(step.name in (each.results or ()) for each in evidence.caches):
        return unknown(f"{code(label)} held its result")
    if label == LOCAL:
        return _from_own(now, before, former, cache)
    if cache.outcome is Outcome.ABSENT:
        said = f"same inputs; the record is gone: nothing is left under {code(label)}"
        return Difference(cause=Cause.EVICTED, sentence=said, cache=label)
    if cache.outcome is not Outcome.READ:
        return unknown(f"what {code(label)} held is not known")
    if former.status == Status.SKIPPED and not former.held:
        return unknown(f"build {shown(before.build)} passed over it: whether it left a result is not known")
    return _from_read(now, step, before, cache)


def _failed(step: StepKey, cache: CacheEvidence, evidence: Evidence) -> Difference | None:
    """A cache that the engine could not read, or another one of which that is known and that held it."""
    others = [each for each in evidence.caches if step.name in (each.results or ())]
    found = next((each for each in (cache, *others) if each.outcome is Outcome.FAILED), None)
    if found is None:
        return None
    why = f": {shown(found.error, 200)}" if found.error else ""
    said = f"same inputs; {code(found.label)} could not be read{why}"
    return Difference(cause=Cause.IMPORT_FAILED, sentence=said, cache=found.label)


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


def _from_own(now: SideFile, before: SideFile, former: StepKey, cache: CacheEvidence) -> Difference:
    """From the engine's own store, which holds what was executed there; not all that was found elsewhere."""
    if before.store and now.store and before.store != now.store:
        said = f"same inputs; build {shown(before.build)} ran on another engine and left no cache"
        return Difference(cause=Cause.NOT_READ, sentence=said, cache=LOCAL)
    known = cache.outcome is Outcome.ABSENT or (cache.outcome is Outcome.READ and cache.results is not None)
    if not known or not (before.store and before.store == now.store):
        return unknown("what the engine's own store held is not known")
    if former.status not in (Status.RAN, Status.HIT_LOCAL):
        return unknown("whether the engine's own store ever had its result is not known")
    how = "is empty" if cache.outcome is Outcome.ABSENT else "dropped it"
    said = f"same inputs; the record is gone: the engine's own store {how}"
    return Difference(cause=Cause.EVICTED, sentence=said, cache=LOCAL)


def _from_read(now: SideFile, step: StepKey, before: SideFile, cache: CacheEvidence) -> Difference:
    label = cache.label
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
    return _overwritten_by(writer, now, cache.label)


def _overwritten_by(writer: Writer, now: SideFile, label: str) -> Difference:
    said = f"same inputs; the record is gone: {_who(writer, now)} overwrote {code(label)}"
    said += f" at {utc(writer.created)}" if utc(writer.created) and writer.created else ""
    return Difference(
        cause=Cause.OVERWRITTEN, sentence=said, cache=label, subject=shown(writer.branch or writer.build)
    )


def _who(writer: Writer, now: SideFile) -> str:
    """The build that overwrote a cache, by what tells it from this one."""
    if writer.platforms and now.platforms and not set(writer.platforms) & set(now.platforms):
        return f"a build for {shown(', '.join(writer.platforms))}"
    if writer.branch and writer.branch != now.branch:
        return f"branch {code(writer.branch)}"
    if writer.target and writer.target != now.target:
        return f"a build of target {code(writer.target)}"
    return f"build {shown(writer.build)}" if writer.build else "another build"


def lost_before(now: SideFile, step: StepKey, identity: str, evidence: Evidence) -> Lost | None:
    """The loss of a record that a cache held before its last writers, and the build that had left it.

    None where that isn't known, or where some cache may have held the result all the same.
    """
    if not identity or any(step.name in (cache.results or ()) for cache in evidence.caches):
        return None
    for cache in evidence.caches:
        if cache.outcome is not Outcome.READ or cache.results is None:
            continue
        found = next((each for each in cache.earlier if identity in each.steps), None)
        if found is not None:
            writer = Writer(
                build=found.by_build,
                branch=found.by_branch,
                target=found.by_target,
                platforms=found.by_platforms,
                created=found.at,
            )
            return Lost(build=found.build, why=_overwritten_by(writer, now, cache.label))
    return None


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
