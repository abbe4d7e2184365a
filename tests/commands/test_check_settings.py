from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild import config
from fastbuild.commands.check_settings import load_promises
from fastbuild.config import Settings
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from fastbuild.explain.promises import Promises

CONTRACT = '[[contract]]\nchange = "src/**"\nmust_not_rerun = ["pip install"]\n'


def read(folder: Path, text: str, name: str = "fastbuild.toml") -> Promises:
    (folder / name).write_text(text)
    return load_promises(folder)


def test_a_contract_is_read(tmp_path: Path) -> None:
    (contract,) = read(tmp_path, CONTRACT).contracts
    assert (contract.name, contract.change, contract.must_not_rerun) == ("1", ("src/**",), ("pip install",))
    assert contract.changes("src/deep/app.py")
    assert not contract.changes("lib/app.py")
    assert not contract.allow_maybe


def test_patterns_may_except(tmp_path: Path) -> None:
    text = '[[contract]]\nname = "a"\nchange = ["src", "!src/gen"]\nmust-not-rerun = "*"\n'
    (contract,) = read(tmp_path, text).contracts
    assert contract.changes("src/a")
    assert not contract.changes("src/gen/a")


def test_a_budget_is_read(tmp_path: Path) -> None:
    text = """
[budget]
code_change = "30s"
dependency_change = "1h2m3.5s"
docs_change = 2
min_hit_rate = 0.8
slower_than_median = "20%"
branch = "trunk"
builds = 7
[changes]
code = "src/**"
"""
    promises = read(tmp_path, text)
    budget = promises.budget
    assert dict(budget.changes) == {"code": 30.0, "dependency": 3723.5, "docs": 2.0}
    assert (budget.min_hit_rate, budget.slower_than_median) == (0.8, 0.2)
    assert (budget.branch, budget.builds) == ("trunk", 7)
    assert promises.classes["code"]("src/a")
    assert not promises.classes["code"]("web/a")


def test_pyproject_may_hold_it(tmp_path: Path) -> None:
    text = '[[tool.fastbuild.contract]]\nchange = "src/**"\nmust_not_rerun = "npm ci"\n'
    assert read(tmp_path, text, "pyproject.toml").contracts[0].must_not_rerun == ("npm ci",)
    assert load_promises(tmp_path).source == "pyproject.toml"


def test_settings_beside_promises_are_still_settings(tmp_path: Path) -> None:
    (tmp_path / "fastbuild.toml").write_text('name = "x"\n' + CONTRACT)
    assert config.load(tmp_path, {}, {}) == Settings(name="x")


def test_nothing_promised_is_false(tmp_path: Path) -> None:
    assert not load_promises(tmp_path)
    assert not read(tmp_path, 'name = "x"\n')


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[contract]\nchange = "a"\n', "fastbuild.toml: contract must be a list of tables"),
        ('[[contract]]\nmust_not_rerun = "a"\n', "contract 1: nothing says what changes"),
        ('[[contract]]\nname = "c"\nchange = "a"\n', "contract c: must_not_rerun is missing"),
        ('[[contract]]\nchanges = "a"\n', "did you mean change?"),
        ('[[contract]]\nchange = 3\nmust_not_rerun = "a"\n', "contract 1: change must be a text"),
        ('[[contract]]\nchange = ["[a"]\nmust_not_rerun = "a"\n', "contract 1: change: bad pattern"),
        ('[[contract]]\nname = 1\nchange = "a"\nmust_not_rerun = "a"\n', "name must be a text"),
        ('[[contract]]\nchange = "a"\nmust_not_rerun = "a"\nmaybe = "yes"\n', "choose fail or allow"),
        ('[budget]\ncode_chnage = "1s"\n', "did you mean code_change?"),
        ('[budget]\ncode_change = "soon"\n', "budget: code_change is no duration"),
        ('[budget]\ncode_change = "3 days"\n', "budget: code_change is no duration"),
        ("[budget]\ncode_change = -1\n", "budget: code_change is no duration"),
        ("[budget]\ncode_change = true\n", "budget: code_change is no duration"),
        ("[budget]\nmin_hit_rate = 80\n", "budget: min_hit_rate must be between 0 and 1"),
        ('[budget]\nslower_than_median = "much"\n', "budget: slower_than_median is no share"),
        ("[budget]\nbuilds = 0\n", "budget: builds must be a number above 0"),
        ("[budget]\nbranch = 1\n", "budget: branch must be a text"),
        ("budget = 3\n", "budget must be a table"),
        ('[changes]\ncodes = "a"\n', "did you mean code?"),
        ("[changes]\ncode = 1\n", "changes: code must be a text"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        read(tmp_path, text)
    assert said in error.value.render()
    assert "fastbuild.toml" in error.value.render()


def test_a_mistyped_table_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "fastbuild.toml").write_text('[[contracts]]\nchange = "a"\n')
    with pytest.raises(UsageError) as error:
        config.load(tmp_path, {}, {})
    assert "did you mean contract?" in error.value.render()
