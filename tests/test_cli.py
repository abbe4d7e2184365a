from __future__ import annotations

import subprocess
import sys

import pytest

from fastbuild import cli


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert cli.run([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: fastbuild {name} ")


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["biuld"], "did you mean build?"),
        (["cache", "lss"], "did you mean ls?"),
        (["build", "--psuh", "."], "--push"),
        (["build"], "missing argument"),
        (["history", "show", "--format", "yaml"], "--format"),
    ],
)
def test_wrong_usage_is_one_error_and_code_2(
    capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    assert cli.run(args) == 2
    err = capsys.readouterr().err
    assert said in err.lower() or said in err
    assert [line[:6] for line in err.splitlines() if line.lower().startswith("error")] == ["error:"]


@pytest.mark.parametrize("args", [[], ["cache"], ["engine"]])
def test_a_group_without_a_command_shows_its_help(
    capsys: pytest.CaptureFixture[str], args: list[str]
) -> None:
    assert cli.run(args) == 2
    assert capsys.readouterr().err.startswith("Usage: ")


@pytest.mark.live
def test_help_imports_nothing_heavy() -> None:
    script = "import sys, fastbuild.cli as c; c.run(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"rich", "boto3", "docker", "requests", "sqlite3", "fastbuild.commands.build"}
