"""A replayed history as JSON; see docs/reference/replay.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastbuild.explain.replay_sums import totals, worst
from fastbuild.reports.replay import WORST

if TYPE_CHECKING:
    from fastbuild.explain.replay import Replayed, Rerun
    from fastbuild.reports.replay import Column, Replay
    from fastbuild.reports.replay_real import Real

VERSION = 1


def to_json(replay: Replay) -> dict[str, Any]:
    """The documented form."""
    return {
        "version": VERSION,
        "ref": replay.ref,
        "commits": [{"id": c.id, "time": c.time, "subject": c.subject} for c in replay.commits],
        "columns": [_column_json(column) for column in replay.columns],
        "real": _real_json(replay.real) if replay.real is not None else None,
        "notes": list(replay.notes),
    }


def _column_json(column: Column) -> dict[str, Any]:
    sum_ = totals(column.replayed)
    return {
        "name": column.name,
        "seconds": round(sum_.seconds, 3),
        "maybe_seconds": round(sum_.perhaps, 3),
        "mean": round(sum_.mean, 3),
        "median": round(sum_.median, 3),
        "measured": sum_.measured,
        "built": sum_.commits,
        "failed": sum_.failed,
        "worst": worst(column.replayed, WORST),
        "invalidated": [
            {
                "instruction": each.text,
                "times": each.times,
                "seconds": round(each.seconds, 3),
                "files": [{"path": path, "times": count} for path, count in each.files],
            }
            for each in sum_.invalidated
        ],
        "commits": [_commit_json(each) for each in column.replayed],
    }


def _commit_json(each: Replayed) -> dict[str, Any]:
    return {
        "seconds": round(each.seconds, 3),
        "maybe_seconds": round(each.perhaps, 3),
        "steps": each.steps,
        "problem": each.problem,
        "reruns": [_rerun_json(rerun) for rerun in each.reruns],
    }


def _rerun_json(rerun: Rerun) -> dict[str, Any]:
    return {
        "instruction": rerun.instruction.text,
        "line": rerun.instruction.line,
        "seconds": round(rerun.instruction.seconds, 3),
        "measured": rerun.instruction.measured,
        "certain": rerun.certain,
        "root": rerun.root.text,
        "why": rerun.why,
        "files": list(rerun.files),
    }


def _real_json(real: Real) -> dict[str, Any]:
    return {
        "agreement": round(real.agreement, 4),
        "spearman": _rounded(real.spearman),
        "spearman_limit": _rounded(real.limit),
        "notes": list(real.notes),
        "builds": [
            {
                "commit": each.commit.id,
                "steps": each.steps,
                "agreed": each.agreed,
                "undecided": each.undecided,
                "predicted": round(each.predicted, 3),
                "maybe_seconds": round(each.perhaps, 3),
                "measured": round(each.measured, 3),
                "differences": list(each.differences),
            }
            for each in real.samples
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
