"""Reasons and scores of ordinary builds, on every engine that tells its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live import causes
from tests.live.builds import build

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.runner import Runner

pytestmark = pytest.mark.live


def test_every_engine_says_why_a_step_ran(runner: Runner, engine: dict[str, str], tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    causes.lay_out(app)
    assert build(runner, app, **engine).code == 0
    (app / "src" / "a.py").write_text("a = 5\n")
    done = build(runner, app, **engine)
    assert done.record is not None, done.err
    first = done.record["reasons"][0]
    assert first["cause"] == "file_changed"
    assert "src/a.py" in first["sentence"]
    assert done.record["score"]["wrong"] == []


def test_a_build_of_which_nothing_ran_is_not_kept_waiting_and_leaves_no_side_file(
    runner: Runner, tmp_path: Path
) -> None:
    app = tmp_path / "app"
    app.mkdir()
    causes.lay_out(app)
    private = {"FASTBUILD_ENGINE": "private"}
    assert build(runner, app, **private).code == 0
    assert build(runner, app, **private).code == 0
    assert len(list((runner.folder / "state").rglob("sides/*/*.json.gz"))) == 1
