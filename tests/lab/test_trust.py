"""What is read from the host, on prepared folders instead of the host's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.trust import Trust, debian_sources

if TYPE_CHECKING:
    from pathlib import Path

ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb [arch=amd64] http://mirror.example/debian bookworm main contrib
deb http://mirror.example/security bookworm-security main
deb http://other.example/apt bookworm extras
"""
DEB822 = """\
Types: deb
# URIs: http://old.example/debian
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main
"""


def test_one_line_sources(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text(ONE_LINE)
    sources = debian_sources(tmp_path)
    assert sources.main == "http://mirror.example/debian"
    assert sources.lines == (
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/security bookworm-security main",
    )


def test_deb822_sources(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    sources = debian_sources(tmp_path)
    assert sources.main == "http://mirror.example/debian"
    assert [line.split()[2] for line in sources.lines] == [
        "bookworm",
        "bookworm-updates",
        "bookworm-security",
    ]


def test_a_host_of_another_release_gives_debians_own_mirror(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://archive.example/ubuntu noble main\n")
    assert debian_sources(tmp_path).lines == ("deb http://deb.debian.org/debian bookworm main",)


@pytest.mark.parametrize(
    ("value", "written"), [("http://a/simple", '"http://a/simple"'), ('a"$b', r'"a\"\$b"')]
)
def test_env_values_survive_the_dockerfile(value: str, written: str) -> None:
    assert Trust("", (), (("X", value),)).dockerfile_env() == f"ENV X={written}\n"
