"""Contracts and budgets as they are written in fastbuild.toml, read into `explain.promises`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fastbuild.config import not_known, tables
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.errors import UsageError
from fastbuild.explain.promises import CLASSES, Budget, Contract, Promises

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

CONTRACT = ("name", "change", "change_args", "must_not_rerun", "maybe")
MAYBE = ("fail", "allow")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|min|m|h))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|min|m|h)")
EXAMPLE = '[[contract]] with change = "src/**" and must_not_rerun = ["pip install"]'


def load_promises(folder: Path) -> Promises:
    """What `folder`'s fastbuild.toml or pyproject.toml promises.

    Raises UsageError, naming file and key, for what can't be understood.
    """
    path, found = tables(folder)
    source = path.name if path else "fastbuild.toml"
    contracts = found.get("contract", [])
    if not isinstance(contracts, list) or not all(isinstance(each, dict) for each in contracts):
        raise UsageError(f"{source}: contract must be a list of tables", fix="write [[contract]] above each")
    classes = _table(found, "changes", source, CLASSES)
    return Promises(
        source=source,
        contracts=tuple(_contract(raw, number, source) for number, raw in enumerate(contracts, 1)),
        budget=_budget(_table(found, "budget", source, _BUDGET), source),
        classes={
            name: _patterns(_texts(value, f"{source}: changes: {name}"), f"{source}: changes: {name}")
            for name, value in classes.items()
        },
    )


def _table(found: Mapping[str, Any], name: str, source: str, known: Sequence[str]) -> Mapping[str, Any]:
    table = found.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{source}: {name} must be a table", fix=f"write [{name}]")
    return _known(table, f"{source}: {name}", known)


def _known(table: Mapping[str, Any], where: str, known: Sequence[str]) -> dict[str, Any]:
    normal = {key.replace("-", "_"): value for key, value in table.items()}
    for key in normal:
        if key not in known:
            raise not_known(where, key, known)
    return normal


def _contract(raw: Mapping[str, Any], number: int, source: str) -> Contract:
    name = raw.get("name", str(number))
    if not isinstance(name, str) or not name:
        raise UsageError(f"{source}: contract {number}: name must be a text, not {name!r}")
    where = f"{source}: contract {name}"
    table = _known(raw, where, CONTRACT)
    change = _texts(table.get("change", []), f"{where}: change")
    arguments = _texts(table.get("change_args", []), f"{where}: change_args")
    steps = _texts(table.get("must_not_rerun", []), f"{where}: must_not_rerun")
    if not change and not arguments:
        raise UsageError(f"{where}: nothing says what changes", fix='add change = "src/**", or change_args')
    if not steps:
        raise UsageError(f"{where}: must_not_rerun is missing", fix='add must_not_rerun = ["pip install"]')
    maybe = table.get("maybe", MAYBE[0])
    if maybe not in MAYBE:
        raise UsageError(f"{where}: maybe is {maybe!r}", fix=f"choose {' or '.join(MAYBE)}")
    return Contract(
        name=name,
        change=change,
        change_args=arguments,
        must_not_rerun=steps,
        allow_maybe=maybe == "allow",
        changes=_patterns(change, f"{where}: change"),
    )


def _texts(value: object, where: str) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise UsageError(f"{where} must be a text or a list of texts, not {value!r}")
    return tuple(texts)


def _patterns(texts: Sequence[str], where: str) -> Callable[[str], bool]:
    """The test that patterns make. A bad one is found now, not when it is first compared."""
    ignore = Ignore(texts, [where] * len(texts))
    ignore.ignores("x/x")
    return ignore.ignores


def _budget(table: Mapping[str, Any], source: str) -> Budget:
    where = f"{source}: budget"
    default = Budget()
    branch = table.get("branch", default.branch)
    builds = table.get("builds", default.builds)
    if not isinstance(branch, str) or not branch:
        raise UsageError(f"{where}: branch must be a text, not {branch!r}")
    if type(builds) is not int or builds < 1:
        raise UsageError(f"{where}: builds must be a number above 0, not {builds!r}")
    return Budget(
        changes={
            name: _seconds(table[f"{name}_change"], f"{where}: {name}_change")
            for name in CLASSES
            if f"{name}_change" in table
        },
        min_hit_rate=_share(table, "min_hit_rate", where, most=1.0),
        slower_than_median=_share(table, "slower_than_median", where),
        branch=branch,
        builds=builds,
    )


_BUDGET = (*(f"{name}_change" for name in CLASSES), "min_hit_rate", "slower_than_median", "branch", "builds")


def _seconds(value: object, where: str) -> float:
    """`"1m30s"`, `"500ms"`, or a number of seconds."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    text = value.replace(" ", "") if isinstance(value, str) else ""
    if not _DURATION.fullmatch(text):
        raise UsageError(f"{where} is no duration: {value!r}", fix='write "30s", "3m", "1h30m" or "500ms"')
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _share(table: Mapping[str, Any], name: str, where: str, most: float = float("inf")) -> float | None:
    """`0.8` or `"80%"`."""
    value = table.get(name)
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?\s*%", value):
        share = float(value.rstrip("% ")) / 100
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        share = float(value)
    else:
        raise UsageError(f"{where}: {name} is no share: {value!r}", fix='write 0.2 or "20%"')
    if not 0 <= share <= most:
        limit = f"between 0 and {most:g}" if most == 1 else "at least 0"
        raise UsageError(f"{where}: {name} must be {limit}, not {value!r}")
    return share
