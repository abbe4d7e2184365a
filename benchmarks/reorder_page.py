"""The page of `benchmarks.reorder`: one row per sample, and what went badly."""

from __future__ import annotations

import json
import statistics
from typing import TYPE_CHECKING, Any

from benchmarks.overhead import HAND
from benchmarks.samples import compare, spread
from tests.samples import SAMPLES

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.samples import Samples

AS_FOUND, REORDERED, EXPERT = "as found", "reordered", "expert"
AIM = 0.40
"""Share of the seconds of a rebuild that reordering should save, mean over the samples."""
EQUIVALENT = "equivalent"
SHORT = 48
"""Characters of an instruction that are shown."""
HEAD = """\
{count} sample applications (`tests/samples`), each a git repository of {commits} commits with a Dockerfile in
a usual bad order. Each was built once as found, so that the seconds of its steps were known, and then changed
by `fastbuild reorder --prove --write`. A round is one commit: a new line in a source file, and a new value
for every ARG of the Dockerfile (a commit's hash, a date, a number, as CI gives them). Both orders are then
built with `fastbuild build`, in random order, on one private engine per sample with a warm cache, each from
a directory of its own, output thrown away. *Before* and *after* are medians over the rounds, *reduction* is
the median of the rounds' own ratios. *Expected* is what fastbuild said: seconds per commit over the history,
in which 1 commit of 15 changes dependencies and 2 documents. Rounds that change dependencies were not
timed; an order saves little or nothing there, so the mean over all commits is smaller than the one here.
With {versions}. Raw samples: `reorder.json`. Repeat: `python -m benchmarks.reorder` (Linux, root)."""


def as_markdown(result: dict[str, Any]) -> str:
    """The whole page."""
    names = [sample.name for sample in SAMPLES if sample.name in result["samples"]]
    taken = {name: result["samples"][name] for name in names}
    lines = [*_head(result, taken), "", *_table(taken), "", *_summary(taken), ""]
    lines += ["## What was moved", "", *(_moves(name, each) for name, each in taken.items()), ""]
    lines += ["## The proofs", "", *_proofs(taken), "", "## What went badly", "", *_bad(taken)]
    return "\n".join(lines) + "\n"


def _head(result: dict[str, Any], taken: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    where = list(taken.values())[-1]["machine"]
    dates = sorted(each["machine"]["date"] for each in taken.values())
    loads = [value for each in taken.values() for value in (each["load"][0], each["machine"]["load"][0])]
    rounds = sorted({len(each["samples"][AS_FOUND]) for each in taken.values()})
    return [
        "# What `fastbuild reorder` saves",
        "",
        *HEAD.format(count=len(taken), commits=result["commits"], versions=versions).splitlines(),
        "",
        f"{dates[0][:16]} to {dates[-1][:16]} UTC, {where['cores']} cores ({where['architecture']}),"
        f" Linux {where['kernel']}, Python {where['python']}, {' or '.join(map(str, rounds))} rounds.",
        f"Load of the machine {min(loads):.0f} to {max(loads):.0f}, for other work ran: the ratios count, not"
        " the seconds.",
    ]


def _table(taken: dict[str, Any]) -> list[str]:
    rows = [
        "| sample | ecosystem | proof | before | after | reduction | expert | expected per commit |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for name, each in taken.items():
        samples: Samples = each["samples"]
        cells = [_median(samples, variant) for variant in (AS_FOUND, REORDERED)]
        expected = each["reorder"]["seconds_per_commit"]
        said = f"{expected['now']:.1f} → {expected['after']:.1f}" if expected else ""
        saved = f"{reduction(each):.0%}"
        columns = (name, each["ecosystem"], verdict(each), *cells, saved, _median(samples, EXPERT), said)
        rows.append(f"| {' | '.join(columns)} |")
    return rows


def _median(samples: Samples, variant: str) -> str:
    return f"{spread(samples, variant)['median']:.1f}" if variant in samples else "–"


def verdict(each: dict[str, Any]) -> str:
    """How the proof ended, in two words at most."""
    proof = each["reorder"]["proof"]
    if proof:
        return str(proof["verdict"])
    return "failed" if each["reorder"]["exit_code"] else "no better order"


def reduction(each: dict[str, Any]) -> float:
    """Share of the wall time that the new order saves; 0 where nothing was written."""
    samples: Samples = each["samples"]
    return 1 - compare(samples, REORDERED, AS_FOUND)["ratio"] if REORDERED in samples else 0.0


def _summary(taken: dict[str, Any]) -> list[str]:
    saved = {name: reduction(each) for name, each in taken.items()}
    mean = statistics.mean(saved.values())
    written = [each for each in taken.values() if REORDERED in each["samples"]]
    proved = sum(verdict(each) == EQUIVALENT for each in written)
    slower = [f"{name} ({-share:.0%} slower)" for name, share in saved.items() if share < 0]
    lines = [
        f"Mean reduction over all {len(taken)}, those without a better order counted as 0: **{mean:.1%}**"
        f" (aim ≥ {AIM:.0%}: {'kept' if mean >= AIM else 'missed'}).",
        f"Rewrites written: {len(written)}, proved equivalent by building: {proved}."
        f" Slower: {', '.join(slower) or 'none'}.",
    ]
    missing = [sample.name for sample in SAMPLES if sample.name not in taken]
    if missing:
        least = sum(saved.values()) / len(SAMPLES)
        lines.append(
            f"Not measured: {', '.join(missing)}. If these saved nothing, the mean were {least:.1%}."
        )
    ideal = [1 - compare(each["samples"], EXPERT, AS_FOUND)["ratio"] for each in _with_expert(taken)]
    if ideal:
        same = statistics.mean(reduction(each) for each in _with_expert(taken))
        lines.append(
            f"Of the {len(ideal)} where the expert's order was timed: expert {statistics.mean(ideal):.1%},"
            f" fastbuild {same:.1%}."
        )
    return lines


def _with_expert(taken: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in taken.values() if EXPERT in each["samples"]]


def _moves(name: str, each: dict[str, Any]) -> str:
    steps = [step for stage in each["reorder"]["stages"] or () for step in stage["steps"]]
    added = [_short(step["instruction"]) for step in steps if step["line"] is None]
    moved = [_short(step["instruction"]) for step in steps if step["moved"]]
    said = [f"{what} {', '.join(which)}" for what, which in (("added", added), ("moved", moved)) if which]
    return f"- **{name}**: {'; '.join(said) or 'nothing'}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    text = text.replace("\\x0a", " ").replace("`", "'")
    return f"`{text if len(text) <= SHORT else text[: SHORT - 1] + '…'}`"


def _proofs(taken: dict[str, Any]) -> list[str]:
    rows = [
        "Three cold builds each, in seconds under the load of the day; *whole* is all of `reorder --prove`.",
        "",
        "| sample | original | rewrite | original again | whole | paths that vary | not explained |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, each in taken.items():
        proof = each["reorder"]["proof"]
        if proof:
            seconds = " | ".join(f"{value:.0f}" for value in proof["seconds"].values())
            noise = f"{len(proof['noise'])} | {len(proof['unexplained'])}"
            rows.append(f"| {name} | {seconds} | {each['reorder']['seconds']:.0f} | {noise} |")
    return rows


def _bad(taken: dict[str, Any]) -> list[str]:
    lines = []
    for name, each in taken.items():
        told = each["reorder"]
        if verdict(each) not in (EQUIVALENT, "no better order"):
            reason = told["proof"]["reason"] if told["proof"] else told["error"]
            lines.append(f"- {name}: {verdict(each)}: {reason}")
        elif REORDERED not in each["samples"]:
            lines.append(f"- {name}: no better order was found")
        elif (saved := reduction(each)) < AIM:
            lines.append(f"- {name}: saves {saved:.0%} only; what still ran: {_dear(each)}")
    return lines or ["- nothing"]


def _dear(each: dict[str, Any]) -> str:
    """The three dearest steps that the new order's last build executed."""
    ran = sorted(each["ran"][REORDERED].items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{_short(text)} {seconds:.1f} s" for text, seconds in ran if seconds >= 0.1) or "none"


def write(result: dict[str, Any], folder: Path) -> None:
    """Both files; what was written by hand below the page's last rule is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "reorder.md"
    hand = page.read_text().partition(HAND)[2] if page.exists() else ""
    for path, text in (
        (folder / "reorder.json", json.dumps(result, indent=1) + "\n"),
        (page, as_markdown(result) + (HAND + hand if hand else "")),
    ):
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text)
        draft.rename(path)
