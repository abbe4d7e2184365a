from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from fastbuild.commands.history import command
from fastbuild.errors import UsageError
from fastbuild.history import History
from fastbuild.paths import Paths
from tests import recordings


@pytest.fixture(autouse=True)
def _recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTBUILD_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    history = History(Paths.from_environ({"FASTBUILD_HOME": str(tmp_path)}, 0).history)
    for number, name in enumerate(("cold", "warm")):
        history.add(replace(recordings.record(name), id=f"{number}{name}", tags=(f"app:{name}",)))


def run(*arguments: str) -> str:
    result = CliRunner().invoke(command, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_list_and_show_for_people() -> None:
    first, second = run("list").splitlines()
    assert first.startswith("1warm")
    assert second.endswith("app:cold")
    assert run("list", "--limit", "1").splitlines() == [first]
    shown = run("show", "0c")
    assert "RUN wc -c /app.txt" in shown
    assert shown.splitlines()[-1].startswith("built in 2.0 s")
    assert run("show").startswith("1warm")


def test_list_and_show_for_programs() -> None:
    listed = json.loads(run("list", "--format", "json"))
    assert (listed["version"], [b["id"] for b in listed["builds"]]) == (1, ["1warm", "0cold"])
    assert json.loads(run("show", "0cold", "--format", "json")) == listed["builds"][1]


def test_an_unknown_build_is_a_usage_error() -> None:
    with pytest.raises(UsageError):
        run("show", "zzz")


def test_the_reference_names_every_field() -> None:
    text = (Path(__file__).parents[2] / "docs/reference/record.md").read_text(encoding="utf-8")
    record = json.loads(recordings.record("cold").to_json())
    timing = record["timing"]
    names = {*record, *timing, *timing["steps"][0], *timing["others"][0]}
    assert {name for name in names if f"`{name}`" not in text} == set()
