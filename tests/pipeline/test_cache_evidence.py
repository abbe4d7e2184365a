"""What is known of the caches after a build: which of them the engine could not read."""

from __future__ import annotations

import pytest

from fastbuild.explain.evidence import Outcome
from fastbuild.keys.graph import Graph
from fastbuild.keys.records import collect
from fastbuild.pipeline.cache_evidence import evidence, is_written_by
from fastbuild.pipeline.foresee import Foreseen
from fastbuild.pipeline.read_caches import CacheRead
from fastbuild.progress.rawjson import StepKind
from fastbuild.progress.timings import BuildTiming, OtherTiming

READ = CacheRead(label="s3 read", records=collect("s3 read", (), (), {}), manifest="sha256:1")
UNSEEN = CacheRead(label="s3 unseen", problem="cache: s3 unseen failed")
ABSENT = CacheRead(label="s3 absent", absent=True, problem="cache: s3 absent holds nothing yet")
REFUSED = CacheRead(label="s3 refused", manifest="sha256:2", problem="cache: BuildKit does not import it")
OWN = CacheRead(label="local", problem="cache: the engine's own store can't be read from here")


def outcomes(
    caches: tuple[CacheRead, ...], *errors: str, looked: float = 1.0, exported: float | None = None
) -> dict[str, tuple[Outcome, str]]:
    """By label; `errors` has one text for each of the engine's imports, empty where it went well."""
    foreseen = Foreseen(
        steps=(), graph=Graph(ops=(), final=""), keys={}, contents={}, files={}, verdicts={}, caches=caches
    )
    lines = [OtherTiming(kind=StepKind.CACHE_IMPORT, name="", seconds=0, error=each) for each in errors]
    if exported is not None:
        lines.append(OtherTiming(kind=StepKind.CACHE_EXPORT, name="", seconds=0, started=exported))
    found = evidence(foreseen, {}, BuildTiming(others=tuple(lines)), looked=looked, fresh=True)
    return {each.label: (each.outcome, each.error) for each in found.caches}


ROWS = [
    ("read", (READ,), ("",), Outcome.READ),
    ("only we could not", (UNSEEN,), ("",), Outcome.UNSEEN),
    ("neither could", (UNSEEN,), ("error: 403",), Outcome.FAILED),
    ("only the engine could not", (READ,), ("error: 403",), Outcome.FAILED),
    ("one of two, and we know which", (UNSEEN, READ), ("error: 403", ""), Outcome.FAILED),
    ("one of two, nobody knows which", (READ, READ), ("error: 403", ""), Outcome.READ),
    ("two of three, we could not read one", (UNSEEN, READ, READ), ("a", "b", ""), Outcome.UNSEEN),
    ("dropped", (READ,), (), Outcome.FAILED),
    ("absent", (ABSENT,), ("",), Outcome.ABSENT),
    ("absent, though others failed", (ABSENT, UNSEEN), ("a", "a"), Outcome.ABSENT),
    ("refused", (REFUSED,), ("",), Outcome.FAILED),
    ("the engine's own store, unseen", (OWN, READ), ("error: 403",), Outcome.UNSEEN),
]


@pytest.mark.parametrize(("caches", "errors", "outcome"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS])
def test_a_cache_has_failed_only_if_the_engine_could_not_read_it(
    caches: tuple[CacheRead, ...], errors: tuple[str, ...], outcome: Outcome
) -> None:
    assert next(iter(outcomes(caches, *errors).values()))[0] is outcome


def test_a_failure_is_told_in_the_words_of_the_engine() -> None:
    assert outcomes((UNSEEN,), "what\nerror: failed to solve: 403 Forbidden")["s3 unseen"][1] == (
        "403 Forbidden"
    )


def test_nothing_is_known_of_caches_that_were_looked_at_while_the_build_wrote_one() -> None:
    assert outcomes((OWN, READ), "", looked=5.0, exported=4.0) == {}
    assert len(outcomes((OWN, READ), "", looked=5.0, exported=6.0)) == 2


@pytest.mark.parametrize(
    ("kind", "started", "late"),
    [
        (StepKind.CACHE_EXPORT, 1.0, True),
        (StepKind.CACHE_EXPORT, 3.0, False),
        (StepKind.CACHE_EXPORT, None, False),
        (StepKind.CACHE_IMPORT, 1.0, False),
    ],
)
def test_a_cache_may_be_the_build_s_own_once_its_export_has_begun(
    kind: StepKind, started: float | None, late: bool
) -> None:
    timing = BuildTiming(others=(OtherTiming(kind=kind, name="", seconds=0, started=started),))
    assert is_written_by(timing, 2.0) is late
