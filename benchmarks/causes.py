"""How many planted causes are named, on fresh runners: `python -m benchmarks.causes`.

One application is built once, its cache goes to S3. Then each cause of `tests/live/causes.py` is planted,
alone, and built on a fresh runner that knows nothing but what lies in S3. The stories of
`tests/live/lost_causes.py` take several builds each. Named: the first reason isn't `unknown`. Right: it is
the planted one, in its step. Precision is right / named, recall right / planted; the changes that change no
key must give no reason at all, and what only looks like a lost record the ordinary one.

Results are kept in `results/causes.json` and `results/causes.md`.
"""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.samples import machine
from tests.lab.lab import Lab, lab
from tests.live import causes, lost_causes
from tests.live.builds import build

RESULTS = Path(__file__).with_name("results")
MAIN = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "team/app", "GITHUB_REF": "refs/heads/main"}
MAIN |= {"GITHUB_REF_NAME": "main", "GITHUB_REF_TYPE": "branch", "GITHUB_EVENT_NAME": "push"}


def reasons_of(it: Lab, folder: Path, url: str, *flags: str) -> list[dict[str, Any]]:
    """Why steps ran on a fresh runner."""
    with it.runner(**MAIN) as fresh:
        done = build(fresh, folder, "--engine", "private", "--cache", url, *flags)
    assert done.record is not None, done.err
    return list(done.record["reasons"])


def main() -> None:
    """Plant all causes and write the table."""
    rows = []
    with lab() as it, tempfile.TemporaryDirectory() as where:
        account = it.s3_server.account.new_bucket("causes")
        url = f"s3://{account.bucket}/ci?endpoint_url={account.endpoint}&region=us-east-1"
        reasons_of(it, fresh_copy(Path(where), "first"), url)
        for planted in causes.PLANTED:
            folder = fresh_copy(Path(where), planted.name)
            planted.change(folder)
            found = reasons_of(it, folder, url, "--cache-mode", "read", *planted.flags)
            rows.append(row(planted, found))
            print(f"{'right' if rows[-1]['right'] else 'WRONG':<6} {planted.name}: {rows[-1]['sentence']}")
        quiet = 0
        for name, change in causes.NEUTRAL.items():
            folder = fresh_copy(Path(where), name)
            change(folder)
            quiet += not reasons_of(it, folder, url, "--cache-mode", "read")
        rows += [story_row(it, Path(where), story) for story in lost_causes.STORIES]
        ordinary = [story_row(it, Path(where), story) for story in lost_causes.ORDINARY]
    write(rows, quiet, ordinary)


def story_row(it: Lab, where: Path, story: lost_causes.Story) -> dict[str, Any]:
    """What was arranged and what was said."""
    done = story.happens(lost_causes.Place(it, where / "stories" / story.name))
    assert done.record is not None, done.err
    reasons = done.record["reasons"]
    first = reasons[0] if reasons else {"cause": "none", "sentence": ""}
    right = lost_causes.is_told(story, reasons)
    sentence = re.sub(r"127\.0\.0\.1:\d+", "HOST", first["sentence"].replace(str(where), "DIRECTORY"))
    print(f"{'right' if right else 'WRONG':<6} {story.name}: {sentence}")
    return {
        "planted": story.name,
        "cause": str(story.cause or "none"),
        "said": first["cause"],
        "sentence": sentence,
        "right": right,
    }


def fresh_copy(where: Path, name: str) -> Path:
    """The application as it was at first, in a directory of its own."""
    folder = where / name.replace("/", " ")
    folder.mkdir()
    causes.lay_out(folder)
    return folder


def row(planted: causes.Planted, reasons: list[dict[str, Any]]) -> dict[str, Any]:
    """What was planted and what was said."""
    first = reasons[0] if reasons else {"cause": "none", "sentence": "", "step": ""}
    right = first["cause"] == planted.cause and planted.says in first["sentence"]
    in_step = planted.blamed in str(first["step"]).replace("\n", " ")
    return {
        "planted": planted.name,
        "cause": str(planted.cause),
        "said": first["cause"],
        "sentence": first["sentence"],
        "right": right and in_step,
    }


def write(rows: list[dict[str, Any]], quiet: int, ordinary: list[dict[str, Any]]) -> None:
    """Both result files."""
    right = sum(each["right"] for each in rows)
    named = sum(each["said"] not in ("unknown", "none") for each in rows)
    about = machine()
    RESULTS.joinpath("causes.json").write_text(
        json.dumps({"machine": about, "neutral": quiet, "rows": rows, "ordinary": ordinary}, indent=1) + "\n"
    )
    lines = ["# Planted causes", "", "Repeat: `python -m benchmarks.causes`.", ""]
    lines += [
        f"{len(rows)} planted, {named} named, {right} right: precision {right / max(named, 1):.0%}, recall "
        f"{right / len(rows):.0%}. {quiet} of {len(causes.NEUTRAL)} neutral changes gave no reason, "
        f"{sum(each['right'] for each in ordinary)} of {len(ordinary)} that only look like lost records are "
        "told as what they are (the last rows).",
        "",
        "| planted | cause | said | sentence |",
        "|---|---|---|---|",
    ]
    for each in (*rows, *ordinary):
        mark = "" if each["right"] else " **wrong**"
        sentence = each["sentence"].replace("|", "\\|")
        lines.append(f"| {each['planted']} | {each['cause']} | {each['said']}{mark} | {sentence} |")
    RESULTS.joinpath("causes.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
