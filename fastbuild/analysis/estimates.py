"""How long a step takes when no recorded build says so.

The seconds are round numbers for a small application on a CI runner with two cores and a fast network:
good for telling a dear step from a cheap one, not for promises. All are marked as estimates
(`Cost.measured` is False) wherever they are shown.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.commands import Action, Kind, actions
from fastbuild.analysis.finding import Cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Subject

_INSTALL: Mapping[str, float] = MappingProxyType(
    {
        "apt": 12.0,
        "apk": 4.0,
        "dnf": 20.0,
        "yum": 20.0,
        "microdnf": 15.0,
        "tdnf": 15.0,
        "zypper": 20.0,
        "pip": 15.0,
        "uv": 4.0,
        "poetry": 20.0,
        "pdm": 20.0,
        "pipenv": 25.0,
        "npm": 20.0,
        "yarn": 20.0,
        "pnpm": 12.0,
        "bun": 5.0,
        "go": 10.0,
        "cargo": 30.0,
        "mvn": 40.0,
        "gradle": 40.0,
        "composer": 12.0,
        "bundle": 30.0,
        "gem": 10.0,
        "dotnet": 15.0,
    }
)
_BUILD: Mapping[str, float] = MappingProxyType(
    {
        "go": 20.0,
        "cargo": 60.0,
        "mvn": 40.0,
        "gradle": 45.0,
        "dotnet": 20.0,
        "npm": 20.0,
        "yarn": 20.0,
        "pnpm": 20.0,
        "bun": 8.0,
        "make": 20.0,
        "ninja": 20.0,
        "bazel": 60.0,
        "sbt": 60.0,
        "composer": 2.0,
    }
)
_REFRESH: Mapping[str, float] = MappingProxyType({"apt": 3.0, "apk": 1.0})
_KEYWORD: Mapping[str, float] = MappingProxyType({"COPY": 0.3, "ADD": 0.5, "WORKDIR": 0.05, "RUN": 0.3})
_OTHER_COMMAND = 2.0


def estimate_seconds(step: Step) -> float:
    """Estimated seconds to execute `step`, 0 for instructions that only change the image's configuration."""
    base = _KEYWORD.get(step.keyword, 0.0)
    if step.keyword != "RUN":
        return base
    return base + sum(action_seconds(action) for action in actions(step))


def action_seconds(action: Action) -> float:
    """Estimated seconds of one command."""
    match action.kind:
        case Kind.INSTALL:
            return _INSTALL.get(action.tool, 10.0)
        case Kind.UPGRADE:
            return _INSTALL.get(action.tool, 10.0)
        case Kind.BUILD:
            return _BUILD.get(action.tool, 10.0)
        case Kind.REFRESH:
            return _REFRESH.get(action.tool, 3.0)
        case Kind.FETCH | Kind.CLONE:
            return 2.0
        case Kind.PLAIN | Kind.CLEAN:
            return 0.05
        case Kind.OTHER:
            return _OTHER_COMMAND


def seconds(subject: Subject, step: Step) -> tuple[float, bool]:
    """Seconds to execute `step`, and whether they were measured."""
    known = subject.measured.get(step.instruction.index)
    if known is not None and known.seconds is not None:
        return known.seconds, True
    return estimate_seconds(step), False


def time_cost(subject: Subject, steps: Iterable[Step]) -> Cost:
    """What it costs to execute all of `steps` once more."""
    each = [seconds(subject, step) for step in steps]
    return Cost(
        seconds=round(sum(spent for spent, _ in each), 1),
        measured=bool(each) and all(known for _, known in each),
    )


def size_cost(subject: Subject, step: Step, estimate: int | None = None) -> Cost:
    """The bytes that `step`'s layer adds, as measured; else `estimate`."""
    known = subject.measured.get(step.instruction.index)
    if known is not None and known.size is not None:
        return Cost(size=known.size, measured=True)
    return Cost(size=estimate)
