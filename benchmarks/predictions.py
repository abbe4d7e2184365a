"""How often predictions are right: `python -m benchmarks.predictions [--each N] [--seed S]`.

Families of Dockerfiles under changes, predicted and then built by two engines: one that built the baseline
and everything before, and a new one that imports the baseline's records. The same code as
tests/live/test_predictions.py. Without `--each` every family is tried under every change that makes sense.
Families named by `--family` replace their part of the results that are there; `--add` adds other changes.

Results are kept in `results/predictions.json` and `results/predictions.md`.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.samples import machine
from fastbuild.engines.toolchain import VERSION
from tests.lab.lab import lab
from tests.live.predictions.families import FAMILIES
from tests.live.predictions.mutations import MUTATIONS
from tests.live.predictions.pairs import FRESH, WARM, Outcome
from tests.live.predictions.running import AT_ONCE, complaints, run, sample, sum_of

RESULTS = Path(__file__).with_name("results")
JSON = RESULTS / "predictions.json"


def main() -> None:
    """Run, and write what is known after each family."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, help="changes per family that make sense (default: all)")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="which changes")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="families at the same time")
    parser.add_argument("--family", action="append", choices=FAMILIES, help="only these")
    parser.add_argument("--change", action="append", choices=MUTATIONS, help="only these")
    parser.add_argument("--add", action="store_true", help="try other changes, and keep what there is")
    options = parser.parse_args()
    plan = sample(options.seed, len(FAMILIES))
    plan = {name: plan[name] for name in options.family or FAMILIES}
    known = json.loads(JSON.read_text()) if (options.family or options.add) and JSON.exists() else {}
    kept = [o for o in known.get("outcomes", ()) if options.add or o["family"] not in plan]
    tried = {(o["family"], o["mutation"]) for o in kept}
    changes = options.change or MUTATIONS
    plan = {name: [m for m in plan[name] if m in changes and (name, m) not in tried] for name in plan}
    results: dict[str, Any] = {
        "buildkit": VERSION,
        "seeds": sorted({*known.get("seeds", ()), options.seed}),
        "unfinished": {},
        "outcomes": kept,
    }
    start = time.monotonic()
    with lab() as it, tempfile.TemporaryDirectory(prefix="fbp-") as folder:
        for name, found in run(it, Path(folder), plan, at_once=options.at_once, each=options.each):
            if isinstance(found, str):
                results["unfinished"][name] = found
            else:
                results["outcomes"] += [
                    {name: value for name, value in asdict(outcome).items() if value} for outcome in found
                ]
            results["seconds"] = round(time.monotonic() - start + known.get("seconds", 0), 1)
            results["machine"] = machine()
            keep(results)
            print(f"{name}: {found if isinstance(found, str) else len(found)}", flush=True)


def keep(results: dict[str, Any]) -> None:
    """Write both files."""
    RESULTS.mkdir(exist_ok=True)
    rows = ",\n".join(json.dumps(row, sort_keys=True) for row in results["outcomes"])
    head = json.dumps({**results, "outcomes": []}, indent=1, sort_keys=True)
    JSON.write_text(head.replace('"outcomes": []', f'"outcomes": [\n{rows}\n ]') + "\n")
    JSON.with_suffix(".md").write_text(page(results))


def outcome(raw: dict[str, Any]) -> Outcome:
    """From its JSON form."""
    lists = {name: tuple(raw.get(name, ())) for name in ("maybes", "wrong")}
    return Outcome(**{**raw, **lists})


def page(results: dict[str, Any]) -> str:
    """The table as Markdown."""
    outcomes = [outcome(raw) for raw in results["outcomes"]]
    facts, seeds = results["machine"], ", ".join(map(str, results["seeds"]))
    least = min(Counter(o.family for o in outcomes if o.engine == WARM).values())
    lines = [
        "# Predictions against builds",
        "",
        f"{len({o.family for o in outcomes})} of {len(FAMILIES)} families of Dockerfiles,",
        f"{len({o.mutation for o in outcomes})} of {len(MUTATIONS)} changes; per family at least {least} of",
        "those that make sense for it. Each pair is predicted and built twice: by an engine that built the",
        "baseline and all pairs before (warm), and by a new one that imports the baseline's records (fresh).",
        f"BuildKit {results['buildkit']}, seeds {seeds}.",
        "Repeat: `python -m benchmarks.predictions`.",
        "",
        f"{facts['date']}, {facts['cores']} cores ({facts['architecture']}), Linux {facts['kernel']},",
        f"Python {facts['python']}, load at the end {' '.join(map(str, facts['load']))};",
        f"{results['seconds']:.0f} s in all.",
        "",
        *_totals(outcomes),
        "",
        *_reasons(outcomes),
        *_wrong(outcomes, results["unfinished"]),
        "",
        *_table("family", [o.family for o in outcomes], outcomes),
        "",
        *_table("change", [o.mutation for o in outcomes], outcomes),
    ]
    return "\n".join(lines) + "\n"


def _totals(outcomes: list[Outcome]) -> list[str]:
    lines = ["| engine | pairs | hits | misses | maybe | right | wrong |", "|---|--:|--:|--:|--:|--:|--:|"]
    for engine in (WARM, FRESH):
        total = sum_of([o for o in outcomes if o.engine == engine])
        maybes = sum(total.maybes.values())
        lines.append(
            f"| {engine} | {total.pairs} | {total.hits} | {total.misses} | {maybes} | {total.right} | "
            f"{total.wrong} |"
        )
    return lines


def _reasons(outcomes: list[Outcome]) -> list[str]:
    total = sum_of(outcomes)
    lines = ["Steps that were “maybe”, by reason; they are in no other column:", ""]
    lines += [f"- {reason}: {count}" for reason, count in sorted(total.maybes.items())]
    if total.refused:
        lines += ["", "Predictions that were refused, with the reason:", ""]
        lines += [f"- {reason}: {count}" for reason, count in sorted(total.refused.items())]
    failed = sum(1 for o in outcomes if o.error)
    return [*lines, "", f"Builds that failed, as foretold up to there: {failed}.", ""]


def _wrong(outcomes: list[Outcome], unfinished: dict[str, str]) -> list[str]:
    wrong = complaints(outcomes)
    lines = ["## Wrong", "", *(f"- {line}" for line in wrong or ["nothing"])]
    if unfinished:
        lines += ["", "## Not finished", "", *(f"- {why}" for why in unfinished.values())]
    return lines


def _table(what: str, names: list[str], outcomes: list[Outcome]) -> list[str]:
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    for name, one in zip(names, outcomes, strict=True):
        found = {"n": 1, "hits": one.hits, "misses": one.misses, "maybe": len(one.maybes)}
        counts[name].update({**found, "wrong": len(one.wrong)})
    lines = [f"| {what} | predictions | hits | misses | maybe | wrong |", "|---|--:|--:|--:|--:|--:|"]
    for name, sums in counts.items():
        shown = " | ".join(str(sums[key]) for key in ("n", "hits", "misses", "maybe", "wrong"))
        lines.append(f"| {name} | {shown} |")
    return lines


if __name__ == "__main__":
    main()
