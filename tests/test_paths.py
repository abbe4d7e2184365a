"""Where our files go, and which directories are refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild import paths as paths_module
from fastbuild.errors import UsageError
from fastbuild.paths import LONGEST_SOCKET, Paths, make_private

if TYPE_CHECKING:
    from collections.abc import Iterator

UID = os.getuid()


@pytest.fixture(params=[0o002, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for /tmp."""
    folder = tmp_path / "t"
    folder.mkdir()
    monkeypatch.setattr(paths_module, "TEMPORARY", folder)
    return folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_home_alone_gives_the_xdg_defaults(tmp_path: Path) -> None:
    found = Paths.from_environ({"HOME": str(tmp_path)}, UID)
    assert found.state == tmp_path / ".local/state/fastbuild"
    assert found.data == tmp_path / ".local/share/fastbuild"
    assert found.cache == tmp_path / ".cache/fastbuild"
    assert found.history == found.state / "history.sqlite"
    assert not list(tmp_path.iterdir()), "nothing is made before ensure()"


def test_xdg_variables_win_over_home_and_relative_ones_are_ignored(tmp_path: Path) -> None:
    environ = {
        "HOME": str(tmp_path / "home"),
        "XDG_STATE_HOME": str(tmp_path / "s"),
        "XDG_DATA_HOME": "relative",
        "XDG_CACHE_HOME": str(tmp_path / "c"),
        "XDG_RUNTIME_DIR": str(tmp_path / "r"),
    }
    (tmp_path / "home").mkdir()
    found = Paths.from_environ(environ, UID)
    assert found.state == tmp_path / "s/fastbuild"
    assert found.data == tmp_path / "home/.local/share/fastbuild"
    assert found.cache == tmp_path / "c/fastbuild"


def test_fastbuild_home_overrides_all(tmp_path: Path) -> None:
    environ = {"FASTBUILD_HOME": str(tmp_path / "own"), "XDG_STATE_HOME": "/x", "HOME": "/y"}
    found = Paths.from_environ(environ, UID)
    assert (found.state, found.data) == (tmp_path / "own/state", tmp_path / "own/data")


@pytest.mark.parametrize("home", ["", "/does/not/exist", "/proc/1/nothing"])
def test_without_a_usable_home_a_private_directory_in_tmp_is_used(temporary: Path, home: str) -> None:
    found = Paths.from_environ({"HOME": home}, UID).ensure()
    assert found.state == temporary / f"fastbuild-{UID}/state"
    assert mode(temporary / f"fastbuild-{UID}") == 0o700


def test_a_home_whose_directory_is_another_users_counts_as_none(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / ".local/state/fastbuild").mkdir(parents=True)
    found = Paths.from_environ({"HOME": str(tmp_path)}, UID + 1)
    assert found.base == temporary / f"fastbuild-{UID + 1}"


def test_directories_are_0700_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    found = Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "a b" / "é")}, UID).ensure()
    for directory in (found.state, found.runtime, found.data, found.cache):
        assert mode(directory) == 0o700
    found.ensure()


def test_a_directory_others_may_only_read_is_closed(tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    folder.chmod(0o755)
    make_private(folder, UID)
    assert mode(folder) == 0o700


@pytest.mark.parametrize("bits", [0o720, 0o702, 0o777, 0o1777])
def test_a_directory_others_may_write_is_refused(tmp_path: Path, bits: int) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    folder.chmod(bits)
    with pytest.raises(UsageError, match="written by others"):
        make_private(folder, UID)


def test_another_users_directory_link_or_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="another user"):
        make_private(tmp_path / "theirs", UID + 1)
    with pytest.raises(UsageError, match="not a directory"):
        make_private(tmp_path / "file", UID)
    with pytest.raises(UsageError, match="can't be made"):
        make_private(tmp_path / "link", UID)


def test_a_base_prepared_by_someone_else_is_refused(temporary: Path) -> None:
    base = temporary / f"fastbuild-{UID}"
    base.mkdir()
    base.chmod(0o777)
    with pytest.raises(UsageError, match="written by others"):
        Paths.from_environ({}, UID).ensure()


@pytest.mark.parametrize("name", ["x" * 120, "é" * 60, "a b/" * 30])
def test_a_long_path_gets_a_short_socket(tmp_path: Path, name: str) -> None:
    first = Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / name)}, UID)
    other = Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / (name + "2"))}, UID)
    assert len(os.fsencode(first.socket)) <= LONGEST_SOCKET
    assert first.runtime.parent == Path("/tmp")
    assert first.socket != other.socket
    assert first == Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / name)}, UID)


def test_the_longest_path_that_still_fits_is_kept() -> None:
    room = LONGEST_SOCKET - len("/run/buildkitd.sock")
    fits = Paths.from_environ({"FASTBUILD_HOME": "/" + "x" * (room - 1)}, UID)
    longer = Paths.from_environ({"FASTBUILD_HOME": "/" + "x" * room}, UID)
    assert len(os.fsencode(fits.socket)) == LONGEST_SOCKET
    assert longer.runtime.parent == Path("/tmp")
