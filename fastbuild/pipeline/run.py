"""Attempts at one build: with its caches; without those that failed it; and what is said about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fastbuild.pipeline.attempt import Attempt, Bench, attempt
from fastbuild.progress.events import Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.dockerfile.steps import StepLines
    from fastbuild.progress.timings import BuildTiming, OtherTiming
    from fastbuild.request import BuildRequest, CacheSpec

WITHOUT_IMPORTS = "built again without reading the cache"
WITHOUT_EXPORTS = "built again without writing the cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The last attempt's end. `cache_problems` are sentences, one for each cache that failed; `cache_from`
    are the caches that the last attempt read."""

    returncode: int
    timing: BuildTiming
    cache_problems: tuple[str, ...]
    cache_from: tuple[CacheSpec, ...] = ()


def build(
    bench: Bench, request: BuildRequest, lines: Callable[[], StepLines | None], *, strict: bool
) -> Outcome:
    """Build `request`, dropping caches that stand in the way unless `strict`.

    `lines` gives what maps steps to the Dockerfile's lines, where that is known.

    At most three attempts: a cache that fails while being read costs one, one that hangs while being
    written another. What an attempt finished stays in the engine's store, so the next one hits it.
    """
    problems = bench.problems
    while True:
        made = attempt(bench, request)
        timing = made.fold.timing(lines(), succeeded=made.returncode == 0)
        problems += [said for said in cache_errors(timing) if said not in problems]
        retry = _without_culprit(made, timing, request)
        if retry is None or strict:
            break
        request, problem = retry
        if made.stuck:
            bench.unblock()
        problems.append(problem)
        bench.on_event(Note(text=problem))
    return Outcome(
        returncode=made.returncode,
        timing=timing,
        cache_problems=tuple(problems),
        cache_from=request.cache_from,
    )


def _without_culprit(
    made: Attempt, timing: BuildTiming, request: BuildRequest
) -> tuple[BuildRequest, str] | None:
    """The request without the cache that failed this attempt, and the sentence that says so."""
    if made.returncode == 0:
        return None
    limit = "moved next to nothing within the time limit"
    if made.stuck == "export" and request.cache_to:
        return replace(request, cache_to=()), f"cache: writing it {limit}: {WITHOUT_EXPORTS}"
    if not request.cache_from:
        return None
    if made.stuck:
        return replace(request, cache_from=()), f"cache: reading it {limit}: {WITHOUT_IMPORTS}"
    from fastbuild.pipeline.faults import is_blob_fault

    if is_blob_fault(timing.text):
        return replace(request, cache_from=()), f"cache: {last_line(timing.text)}: {WITHOUT_IMPORTS}"
    return None


def cache_errors(timing: BuildTiming) -> list[str]:
    """A sentence for each cache that the engine could not read or write."""
    return [f"cache: {_said(other)}" for other in timing.others if other.error and _is_cache(other)]


def _is_cache(other: OtherTiming) -> bool:
    return other.kind in ("cache_import", "cache_export")


def _said(other: OtherTiming) -> str:
    what = "reading" if other.kind == "cache_import" else "writing"
    effect = "built without it" if other.kind == "cache_import" else "the image is not affected"
    return f"{what} it failed ({last_line(other.error)}): {effect}"


def last_line(text: str) -> str:
    """The last line that says something, without BuildKit's `error: failed to solve:`, at most 300 long."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines else "no reason given"
    for start in ("error: ", "ERROR: ", "failed to solve: "):
        line = line.removeprefix(start)
    return line if len(line) <= 300 else f"{line[:297]}…"
