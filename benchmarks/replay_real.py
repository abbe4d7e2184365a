"""`fastbuild replay --real` on sample applications, for `python -m benchmarks.replay --real`.

Each sample is a git repository of 30 commits (`tests/samples`: 24 touch sources, 2 a manifest, 4 documents).
Two builds without a cache are recorded first, as a user's history would have some; then the newest commits
are replayed and built, one after the other, on an engine with an empty store.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.overhead import compiled, fastbuild
from benchmarks.samples import machine
from fastbuild.engines.toolchain import VERSION
from fastbuild.explain.replay_sums import spearman
from tests.lab.lab import lab
from tests.lab.languages import add_languages, families_of
from tests.samples import SAMPLES, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.lab.lab import Lab
    from tests.samples import Which

COMMITS = 30
RECORDED = 2
RUNS: tuple[tuple[str, Which, int, int], ...] = (
    ("node-python-survey", "good", 10, 3),
    ("node-python-survey", "bad", 10, 3),
    ("node-python-survey", "good", 30, 1),
    ("node-python-survey", "bad", 30, 1),
    ("flask-shop", "good", 10, 1),
    ("express-links", "good", 10, 1),
    ("express-links", "bad", 10, 1),
    ("flask-shop", "bad", 5, 1),
)
"""Sample, its Dockerfile, how many of its commits are built, and how often all of this is done."""
AIM_RANK = 0.9
EXPLAINED = """\
Seconds are those of executed steps, medians over the rounds, without the first, cold build; in brackets what
may add. A commit that runs nothing takes 0. *Spearman* ranks seconds in tenths, as they are shown, with mean
ranks for ties. *At most* is what it would be had the order of all commits been foreseen: those that are
foreseen to take the same are ties, and a clock never measures the same twice. *Of raw seconds*: not in
tenths. *Pairs in order*: of any two commits foreseen to take different tenths, the dearer one took longer.
–: all commits are foreseen to take the same, so there is no order.
"""


def measure(place: Lab, name: str, which: Which, builds: int, rounds: int) -> dict[str, Any]:
    """One sample with one of its Dockerfiles: what each round's replay said, its seconds and the load."""
    sample = next(each for each in SAMPLES if each.name == name)
    add_languages(
        place.registry_server, place.tools, families_of((sample.folder / f"Dockerfile.{which}").read_text())
    )
    found: list[dict[str, Any]] = []
    with place.runner(FASTBUILD_ENGINE="private") as runner, tempfile.TemporaryDirectory() as folder:
        context = lay_out(sample, which, Path(folder, "app"), commits=COMMITS)
        # with a docker engine the image would be loaded into it; here all output is thrown away
        env = {**compiled(runner.env), "DOCKER_HOST": "unix:///nonexistent.sock"}
        for _ in range(RECORDED):
            _run(("build", "--no-cache", "--progress=plain", str(context)), env)
        for _ in range(rounds):
            found.append(_round(context, builds, env))
    return {
        "sample": name,
        "dockerfile": which,
        "rounds": found,
        "machine": machine(),
        "versions": {"BuildKit": VERSION},
    }


def _round(context: Path, builds: int, env: dict[str, str]) -> dict[str, Any]:
    before, start = os.getloadavg(), time.monotonic()
    argv = ("replay", f"--commits={COMMITS - 1}", f"--real={builds}", "--format=json", str(context))
    real = json.loads(_run(argv, env))["real"]
    loads = [[round(each, 2) for each in loads] for loads in (before, os.getloadavg())]
    return {"seconds": round(time.monotonic() - start, 1), "load": loads, **real}


def _run(words: tuple[str, ...], env: dict[str, str]) -> bytes:
    done = subprocess.run((*fastbuild(), *words), env=env, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode:
        raise SystemExit(f"code {done.returncode}: {words}: {done.stderr.decode()[-3000:]}")
    return done.stdout


def run(kept: dict[str, Any], write: Callable[[], None], names: Sequence[str]) -> None:
    """Measure what is missing, or the samples of those names anew; `write` is called after each."""
    with lab() as place:
        for name, which, builds, rounds in RUNS:
            title = f"{name}, {which}, {builds} builds"
            if name not in names if names else title in kept:
                continue
            print(f"replay: {title}", file=sys.stderr, flush=True)
            kept[title] = measure(place, name, which, builds, rounds)
            write()


def page(runs: dict[str, Any]) -> list[str]:
    """The section of the page, line by line."""
    found = list(runs.values())
    builds = [build for each in found for taken in each["rounds"] for build in taken["builds"]]
    agreed, told = sum(each["agreed"] for each in builds), sum(each["steps"] for each in builds)
    ranks = [_ranks(*_seconds(each)) for each in found]
    able = [rank for rank, most in ranks if rank is not None and most is not None and most >= AIM_RANK]
    good = sum(rank >= AIM_RANK for rank in able)
    return [
        "## Replays beside real builds",
        "",
        *_method(found),
        "",
        "| sample | Dockerfile | builds | as foreseen | only building tells | foreseen | measured "
        "| Spearman | at most | of each round | of raw seconds | pairs in order |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
        *(_row(each) for each in found),
        "",
        EXPLAINED,
        f"Steps as foreseen: **{100 * agreed / told if told else 100:.1f} %** of {told} (aim: 100 %). "
        f"Spearman can reach the aim of {AIM_RANK} in {len(able)} of {len(found)} rows; it does in "
        f"**{good}** of these.",
        "",
    ]


def _method(runs: Sequence[dict[str, Any]]) -> list[str]:
    dates = sorted(each["machine"]["date"][:16] for each in runs)
    loads = [load[0] for each in runs for taken in each["rounds"] for load in taken["load"]]
    return [
        f"Sample applications (`tests/samples`), each a git repository of {COMMITS} commits, with a usual",
        f"bad Dockerfile and with an expert's. {RECORDED} builds without a cache were recorded first; their",
        "medians are the seconds foreseen. Then `fastbuild replay --real` built the newest commits, one",
        "after the other, on an engine with an empty store, packages from public registries. Made by",
        f"`python -m benchmarks.replay --real` on {runs[0]['machine']['cores']} cores, BuildKit",
        f"{runs[0]['versions']['BuildKit']}, {dates[0]} to {dates[-1]} UTC; the machine's load was",
        f"{min(loads):.1f} to {max(loads):.1f} (more than the cores: others worked on it).",
    ]


def _seconds(run: dict[str, Any]) -> tuple[list[float], list[float]]:
    """Foreseen and measured for each commit after the first: medians over the rounds."""
    series = zip(*(taken["builds"][1:] for taken in run["rounds"]), strict=True)
    pairs = [[median(each[key] for each in same) for key in ("predicted", "measured")] for same in series]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _ranks(predicted: list[float], measured: list[float]) -> tuple[float | None, float | None]:
    ours, theirs = ([round(each, 1) for each in side] for side in (predicted, measured))
    return spearman(ours, theirs), spearman(sorted(ours), sorted(theirs))


def _row(run: dict[str, Any]) -> str:
    rounds = run["rounds"]
    builds = [build for taken in rounds for build in taken["builds"]]
    predicted, measured = _seconds(run)
    perhaps = sum(each["maybe_seconds"] for each in rounds[0]["builds"][1:])
    rank, most = _ranks(predicted, measured)
    own = ", ".join(_number(taken["spearman"]) for taken in rounds)
    cells = (
        run["sample"],
        run["dockerfile"],
        f"{len(rounds)} × {len(rounds[0]['builds'])}",
        f"{sum(each['agreed'] for each in builds)}/{sum(each['steps'] for each in builds)}",
        sum(each["undecided"] for each in builds),
        f"{sum(predicted):.1f} s{f' (+{perhaps:.1f})' if perhaps >= 0.05 else ''}",
        f"{sum(measured):.1f} s",
        _number(rank),
        _number(most),
        own,
        _number(spearman(predicted, measured)),
        _pairs(predicted, measured),
    )
    return f"| {' | '.join(str(each) for each in cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _pairs(predicted: Sequence[float], measured: Sequence[float]) -> str:
    pairs = list(zip((round(each, 1) for each in predicted), measured, strict=True))
    apart = [(a, b) for a, b in combinations(pairs, 2) if a[0] != b[0]]
    right = sum((a[0] < b[0]) == (a[1] < b[1]) and a[1] != b[1] for a, b in apart)
    return f"{right}/{len(apart)}" if apart else "–"
