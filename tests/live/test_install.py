"""Installing from a release archive, over real HTTP."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import os
import tarfile
import threading
from typing import TYPE_CHECKING

import pytest

from fastbuild.engines import install, toolchain
from fastbuild.errors import EngineError
from fastbuild.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.live


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a word."""

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The address of an archive like the official one, and its sum."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    with tarfile.open(folder / "buildkit.tar.gz", "w:gz") as tar:
        for name in ("bin/buildkitd", "bin/buildctl", "bin/buildkit-runc", "../evil", "README"):
            member = tarfile.TarInfo(name)
            member.size = 2
            tar.addfile(member, io.BytesIO(b"x\n"))
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        digest = hashlib.sha256((folder / "buildkit.tar.gz").read_bytes()).hexdigest()
        yield f"http://127.0.0.1:{server.server_port}/buildkit.tar.gz", digest
        server.shutdown()
        thread.join()


def test_an_archive_with_the_right_sum_is_installed(tmp_path: Path, mirror: tuple[str, str]) -> None:
    url, digest = mirror
    paths = Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "h")}, os.getuid())
    found = install.install(paths, {install.URL_VARIABLE: url}, print, sha256=digest.upper())
    assert found == toolchain.find(paths, {"PATH": ""})
    names = sorted(file.name for file in found.buildkitd.parent.iterdir())
    assert names == ["buildctl", "buildkit-runc", "buildkitd"]
    assert os.access(found.buildkitd, os.X_OK)
    assert sorted(f.name for f in paths.data.iterdir()) == ["buildkit-v0.34.1", "install.lock"]


def test_a_wrong_sum_installs_nothing(tmp_path: Path, mirror: tuple[str, str]) -> None:
    paths = Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "h")}, os.getuid())
    environ = {install.URL_VARIABLE: mirror[0], install.SHA256_VARIABLE: "0" * 64}
    with pytest.raises(EngineError, match="nothing was installed"):
        install.install(paths, environ, print)
    assert toolchain.installed(paths) is None
    assert [f.name for f in paths.data.iterdir()] == ["install.lock"]
