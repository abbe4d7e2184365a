"""Package index settings in files, on prepared homes instead of the host's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.settings import cargo_config, index_settings, maven_settings

if TYPE_CHECKING:
    from pathlib import Path


def home_with(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


def test_indexes_in_files_become_variables(tmp_path: Path) -> None:
    home_with(tmp_path, ".npmrc", "fund=false\nregistry = https://npm.example/\n")
    home_with(tmp_path, ".config/go/env", "GOFLAGS=-mod=mod\nGOPROXY=https://go.example,direct\n")
    home_with(
        tmp_path, ".config/pip/pip.conf", "[global]\nindex-url = https://user:a%20b@pip.example/simple\n"
    )
    assert index_settings(tmp_path, tmp_path / "none") == {
        "PIP_INDEX_URL": "https://user:a%20b@pip.example/simple",
        "NPM_CONFIG_REGISTRY": "https://npm.example/",
        "GOPROXY": "https://go.example,direct",
    }


def test_a_home_without_settings_gives_none(tmp_path: Path) -> None:
    assert index_settings(tmp_path, tmp_path) == {}
    assert cargo_config(tmp_path) == {}
    assert maven_settings(tmp_path) == {}


def test_the_users_pip_settings_win_over_the_machines(tmp_path: Path) -> None:
    home_with(tmp_path, "etc/pip.conf", "[global]\nindex-url = https://machine.example/\n")
    home_with(tmp_path, ".config/pip/pip.conf", "[global]\nindex-url = https://user.example/\n")
    assert index_settings(tmp_path, tmp_path / "etc") == {"PIP_INDEX_URL": "https://user.example/"}


def test_only_cargos_sources_are_taken(tmp_path: Path) -> None:
    text = """\
[build]
rustflags = ["-Clinker=mold"]
[source.crates-io]
replace-with = "near"
[source.near]
registry = "sparse+https://crates.example/"
"""
    home = home_with(tmp_path, ".cargo/config.toml", text)
    assert cargo_config(home) == {
        "usr/local/cargo/config.toml": (
            '[source."crates-io"]\nreplace-with = "near"\n'
            '[source."near"]\nregistry = "sparse+https://crates.example/"\n'
        )
    }


def test_mavens_settings_come_without_the_folder_of_downloads(tmp_path: Path) -> None:
    text = "<settings><localRepository>\n/big</localRepository><mirrors/></settings>"
    home = home_with(tmp_path, ".m2/settings.xml", text)
    assert maven_settings(home) == {"root/.m2/settings.xml": "<settings><mirrors/></settings>"}
