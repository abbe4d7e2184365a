"""A contract on several platforms: kept where all keep it."""

from __future__ import annotations

import pytest

from fastbuild.analysis.finding import Finding, Level
from fastbuild.commands.check_platforms import joined, joined_findings
from fastbuild.explain.promised import BROKEN, MAY_BREAK, OBSOLETE, Judgement, Status


def finding(code: str, message: str = "it runs", level: Level = Level.ERROR) -> Finding:
    return Finding(code=code, level=level, message=message, start=3, end=3)


def judged(status: Status, *findings: Finding, example: str = "") -> Judgement:
    said = f'contract "code: x": {status} (2 files)'
    return Judgement(
        kind="contract", name="code: x", status=status, said=said, findings=findings, example=example
    )


KEPT = judged(Status.KEPT)
BREACH = judged(Status.BROKEN, finding(BROKEN), example="a.txt")
GONE = judged(Status.OBSOLETE, finding(OBSOLETE, "no step matches"))
MAYBE = judged(Status.MAYBE, finding(MAY_BREAK))


@pytest.mark.parametrize(
    ("each", "status"),
    [
        ([KEPT, KEPT], Status.KEPT),
        ([KEPT, BREACH], Status.BROKEN),
        ([MAYBE, BREACH], Status.BROKEN),
        ([MAYBE, KEPT], Status.MAYBE),
        ([GONE, GONE], Status.OBSOLETE),
        ([GONE, KEPT], Status.KEPT),
        ([GONE, MAYBE], Status.MAYBE),
        ([judged(Status.UNKNOWN), KEPT], Status.UNKNOWN),
        ([judged(Status.KEPT, finding(MAY_BREAK, level=Level.INFO)), KEPT], Status.KEPT),
    ],
)
def test_the_worst_platform_decides_but_obsolete_is_what_is_on_none(
    each: list[Judgement], status: Status
) -> None:
    found = joined({f"linux/{number}": one for number, one in enumerate(each)})
    assert found.status is status
    assert found.said == f'contract "code: x": {status} (2 files)'
    assert found.passes is (status in (Status.KEPT, Status.UNKNOWN))


def test_what_all_platforms_have_is_said_once_and_what_one_has_names_it() -> None:
    found = joined_findings(
        {
            "linux/amd64": [finding(BROKEN, "both"), finding(BROKEN, "one")],
            "linux/arm64": [finding(BROKEN, "both"), finding(BROKEN, "other"), finding(BROKEN, "other")],
        }
    )
    assert [each.message for each in found] == ["both", "linux/amd64: one", "linux/arm64: other"]


def test_the_example_is_one_that_breaks_it() -> None:
    kept = judged(Status.KEPT, example="z.txt")
    assert joined({"linux/amd64": kept, "linux/arm64": BREACH}).example == "a.txt"


def test_one_platform_is_judged_by_itself() -> None:
    assert joined({"": GONE}) is GONE
