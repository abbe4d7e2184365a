"""One family under many changes: predicted, built by an engine that knows it and by a new one, compared."""

from __future__ import annotations

import re
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.credentials import Credentials
from fastbuild.errors import FastbuildError, UsageError
from fastbuild.keys.match import Verdict
from fastbuild.paths import Paths
from fastbuild.pipeline.score import score
from fastbuild.pipeline.shown_names import as_shown
from fastbuild.request import CacheSpec
from tests.live.predictions.engines import Seat, engine
from tests.live.predictions.families import FAMILIES
from tests.live.predictions.family import Family, Open
from tests.live.predictions.mutations import MUTATIONS
from tests.live.predictions.project import lay_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.pipeline.foresee import Foreseen
    from fastbuild.progress.timings import BuildTiming
    from fastbuild.request import BuildRequest
    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.live.predictions.engines import Engines
    from tests.live.predictions.project import World

REASONS = {
    "what it takes from another step is known only when that is there": Open.STAGE,
    "which version it takes is known only during the build": Open.SERVER,
}
OPEN_CHANGES = {"a bind mount of an image": (Open.STAGE,)}
"""A mount's source is not in an operation's digest: after another mount at that place, only content tells."""
WARM, FRESH = "warm", "fresh"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One prediction and the build after it: steps by verdict, what went otherwise, seconds of both.

    `refused` is why there was no prediction; `error` the build's. `maybes` are why steps were "maybe".
    """

    family: str
    mutation: str
    engine: str
    right: int = 0
    hits: int = 0
    misses: int = 0
    maybes: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    refused: str = ""
    error: str = ""
    seconds: float = 0.0

    @property
    def where(self) -> str:
        return f"{self.family} / {self.mutation} / {self.engine}"


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What the families of one run share."""

    lab: Lab
    world: World
    engines: Engines
    folder: Path


def run_family(bench: Bench, name: str, mutations: Sequence[str], each: int | None = None) -> list[Outcome]:
    """The outcomes of those changes that make sense (the first `each` of them), each on two engines.

    One built the baseline and all changes before, the other is new and imports the baseline's records.
    """
    family = FAMILIES[name]
    slug = "family-" + re.sub(r"[^a-z]+", "-", name.lower()).strip("-")
    home = bench.folder / "projects" / slug
    with engine(bench.lab) as warm, tempfile.TemporaryDirectory(prefix="fbs-") as workdir:
        seat = Seat(
            paths=Paths.from_environ({"FASTBUILD_HOME": str(bench.folder / "home" / slug)}, 0).ensure(),
            buildctl=str(bench.lab.tools.buildctl),
            workdir=Path(workdir),
            credentials=_credentials(bench.lab) if family.cache == "s3" else None,
        )
        bench.world.point(slug, "latest")
        project = lay_out(home, family, bench.world)
        exported, imported = _caches(bench, family, slug)
        baseline = seat.build(warm, replace(project.request, cache_to=(exported,)), slug, fresh=True)
        assert not baseline.error, f"{name}: the baseline can't be built: {baseline.error}"
        found: list[Outcome] = []
        for number, mutation in enumerate(mutations):
            if each is not None and len(found) >= 2 * each:
                break
            project = lay_out(home, family, bench.world)
            request = MUTATIONS[mutation](project)
            if request is not None:
                pair = _Pair(bench, seat, warm, imported, name, mutation, f"{slug}-{number}")
                found += pair.outcomes(request)
                bench.world.point(slug, "latest")
        return found


def _credentials(lab: Lab) -> Credentials:
    return Credentials(
        access_key_id=lab.s3.access_key, secret_access_key=lab.s3.secret_key, source="the environment"
    )


def _caches(bench: Bench, family: Family, slug: str) -> tuple[CacheSpec, CacheSpec]:
    """Where the baseline goes, and the same to import."""
    match family.cache:
        case "s3":
            account = bench.lab.s3
            place = f"bucket={account.bucket},region={account.region},endpoint_url={account.endpoint}"
            both = f"type=s3,{place},use_path_style=true,name={slug}"
        case "registry":
            both = f"type=registry,ref={bench.lab.registry}/predictions/{slug}"
        case _:
            folder = bench.folder / "caches" / slug
            exported = CacheSpec.parse(f"type=local,dest={folder},mode={family.mode}")
            return exported, CacheSpec.parse(f"type=local,src={folder}")
    return CacheSpec.parse(f"{both},mode={family.mode}"), CacheSpec.parse(both)


class _Pair:
    """One family under one change."""

    def __init__(
        self,
        bench: Bench,
        seat: Seat,
        warm: Buildkitd,
        imported: CacheSpec,
        family: str,
        mutation: str,
        copy: str,
    ) -> None:
        self._bench, self._seat, self._warm, self._imported = bench, seat, warm, imported
        self._family, self._mutation, self._copy = family, mutation, copy

    def outcomes(self, request: BuildRequest) -> list[Outcome]:
        """Both predictions, then both builds at the same time."""
        importing = replace(request, cache_from=(self._imported,))
        with self._bench.engines.new() as fresh, ThreadPoolExecutor(max_workers=1) as pool:
            began = time.monotonic()
            told = self._predicted(request, (), self._warm.root)
            told_fresh = self._predicted(request, (self._imported,), fresh.root)
            other = pool.submit(self._seat.build, fresh, importing, self._copy, fresh=True)
            built = self._seat.build(self._warm, request, self._copy, fresh=False)
            built_fresh = other.result()
            spent = (time.monotonic() - began) / 2
        return [
            self._outcome(WARM, told, built, spent),
            self._outcome(FRESH, told_fresh, built_fresh, spent),
        ]

    def _predicted(
        self, request: BuildRequest, caches: tuple[CacheSpec, ...], root: Path
    ) -> Foreseen | FastbuildError:
        # The engine that knows the base answers sooner; whose store counts is what `root` says.
        try:
            return self._seat.predict(self._warm, request, caches, root)
        except FastbuildError as error:
            return error

    def _outcome(
        self, engine: str, told: Foreseen | FastbuildError, built: BuildTiming, seconds: float
    ) -> Outcome:
        blank = Outcome(
            family=self._family,
            mutation=self._mutation,
            engine=engine,
            error=built.error,
            seconds=round(seconds, 3),
        )
        if isinstance(told, FastbuildError):
            known = isinstance(told, UsageError) and "can't be told without building" in told.what
            unforeseen = () if known or built.error else (f"no prediction: {told.what}: {told.cause}",)
            return replace(blank, refused=told.cause or told.what, wrong=unforeseen)
        found = score(as_shown(told, built).steps, built)
        counted = Counter(step.verdict for step in told.steps if not step.is_source)
        maybes = [_reason(step.reason) for step in told.steps if step.verdict is Verdict.MAYBE]
        allowed = (*FAMILIES[self._family].open, *OPEN_CHANGES.get(self._mutation, ()))
        wrong = [*found.wrong, *(f"maybe without need: {r}" for r in maybes if r not in allowed)]
        problems = [p for p in told.problems if engine == FRESH and "own store" not in p]
        return replace(
            blank,
            right=found.right,
            hits=counted[Verdict.HIT],
            misses=counted[Verdict.MISS],
            maybes=tuple(maybes),
            wrong=(*wrong, *problems),
        )


def _reason(text: str) -> str:
    return REASONS.get(text.partition(":")[0], text)
