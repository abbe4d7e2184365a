from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild import config
from fastbuild.config import Settings
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def test_nothing_said_means_the_defaults(tmp_path: Path) -> None:
    assert config.load(tmp_path, {}, {}) == Settings()


def test_flags_beat_the_environment_which_beats_the_file(tmp_path: Path) -> None:
    (tmp_path / "fastbuild.toml").write_text('engine = "docker"\ncache-timeout = 1\nname = "file"\n')
    environ = {"FASTBUILD_ENGINE": "buildx", "FASTBUILD_CACHE_TIMEOUT": "2"}
    settings = config.load(tmp_path, environ, {"engine": "private", "name": None})
    assert (settings.engine, settings.cache_timeout, settings.name) == ("private", 2.0, "file")


def test_pyproject_is_read_where_there_is_no_fastbuild_toml(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.fastbuild]\ncache = ["gha"]\n')
    assert config.load(tmp_path, {}, {}).cache == ("gha",)
    (tmp_path / "fastbuild.toml").write_text('cache = ["local:c"]\n')
    assert config.load(tmp_path, {}, {}).cache == ("local:c",)


def test_several_caches_in_the_environment_are_separated_by_blanks(tmp_path: Path) -> None:
    assert config.load(tmp_path, {"FASTBUILD_CACHE": "s3://b/p local:c"}, {}).cache == ("s3://b/p", "local:c")


@pytest.mark.parametrize(("text", "value"), [("1", True), ("off", False), ("TRUE", True)])
def test_switches_in_the_environment(tmp_path: Path, text: str, value: bool) -> None:
    assert config.load(tmp_path, {"FASTBUILD_CACHE_STRICT": text}, {}).cache_strict is value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('cach = "s3://b"', "did you mean cache"),
        ('cache_mode = "sometimes"', "choose auto"),
        ('cache_timeout = "soon"', "cache_timeout"),
        ("cache_strict = 3", "cache_strict"),
        ('cache_mode = "readwrite"', "a pull request could change the file"),
        ("engine = true", "engine"),
        ("cache = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "fastbuild.toml").write_text(text)
    with pytest.raises(UsageError) as error:
        config.load(tmp_path, {}, {})
    assert message in error.value.render()


def test_an_unknown_variable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="egnine"):
        config.load(tmp_path, {"FASTBUILD_EGNINE": "x"}, {})
