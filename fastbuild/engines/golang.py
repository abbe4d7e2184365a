"""A Go toolchain to build BuildKit with: the machine's own, or the pinned one fetched and verified.

A Go older than the pinned one is not asked to upgrade itself (GOTOOLCHAIN=auto): it would need the
checksum database, which restricted networks block, for the very file whose sum is pinned here.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines.download import download
from fastbuild.engines.toolchain import parse_version
from fastbuild.errors import EngineError
from fastbuild.process import Command, run

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.paths import Paths

GO_VERSION = "1.26.8"
"""What the shipped go.mod demands."""
DEFAULT_PROXY = "https://proxy.golang.org"
ZIP_SHA256 = {
    "amd64": "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7",
    "arm64": "02b36b6787b3ac767668f630e2998df45a3b1f9ffee08d1bf3ef6487cd658d99",
}
"""Of the module zips. Their h1 sums were compared with the public checksum database
(amd64 ZOmGe1OnfREDMIdb1Qi4G9JSuDPBLGExZMQ4nis1RXM=, arm64 sYL/O6MqS68ML0kjsQ36WoYIpJqkw60TxizWUYUKQMc=)."""
_EXECUTABLE = ("bin/", "pkg/tool/")


def ensure_go(paths: Paths, environ: Mapping[str, str], on_progress: Callable[[str], None]) -> Path:
    """A `go` of at least `GO_VERSION`: on PATH, fetched earlier, or fetched now (70 MB).

    Raises EngineError when none can be had. Not safe against concurrent calls: `install` holds a lock.
    """
    from fastbuild.engines.install import architecture

    found = shutil.which("go", path=environ.get("PATH", ""))
    if found and _version(Path(found)) >= _numbers(GO_VERSION):
        return Path(found)
    target = paths.data / f"go{GO_VERSION}"
    if not (target / "bin" / "go").is_file():
        _fetch(target, architecture(), environ, on_progress)
    return target / "bin" / "go"


def proxy_of(environ: Mapping[str, str]) -> str:
    """The first http(s) entry of GOPROXY (separated by `,` or `|`), else the public proxy.

    Format: https://go.dev/ref/mod#environment-variables. Raises EngineError for `GOPROXY=off`.
    """
    entries = environ.get("GOPROXY", "").replace("|", ",").split(",")
    entries = [entry.strip() for entry in entries if entry.strip()]
    for entry in entries:
        if entry.startswith(("http://", "https://")):
            return entry.rstrip("/")
    if "off" in entries:
        raise EngineError(
            "no Go is installed and GOPROXY=off forbids to fetch one",
            fix=f"install Go {GO_VERSION}, or put buildkitd and buildctl on PATH",
        )
    return DEFAULT_PROXY


def zip_url(proxy: str, arch: str) -> str:
    """Where a module proxy keeps the toolchain (https://go.dev/doc/toolchain#download)."""
    return f"{proxy}/golang.org/toolchain/@v/v0.0.1-go{GO_VERSION}.linux-{arch}.zip"


def _fetch(target: Path, arch: str, environ: Mapping[str, str], on_progress: Callable[[str], None]) -> None:
    import tempfile

    url = zip_url(proxy_of(environ), arch)
    on_progress(f"fetching Go {GO_VERSION} (70 MB)")
    for leftover in target.parent.glob(f".{target.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        archive = work / "go.zip"
        download(url, archive, sha256=ZIP_SHA256[arch], environ=environ, on_progress=on_progress)
        unpack(archive, work / "go", prefix=f"golang.org/toolchain@v0.0.1-go{GO_VERSION}.linux-{arch}/")
        (work / "go").rename(target)
    except ConnectionError as error:
        raise EngineError(
            f"Go could not be fetched: {error}",
            cause="the network blocks the Go module proxy",
            fix="set GOPROXY to one you can reach, or put buildkitd and buildctl on PATH",
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def unpack(archive: Path, target: Path, *, prefix: str) -> None:
    """Unpack a module zip without its `prefix`; module zips carry no modes, so programs get theirs here.

    Raises EngineError for a name that leads outside.
    """
    import zipfile

    with zipfile.ZipFile(archive) as bundle:
        for member in bundle.infolist():
            name = member.filename.removeprefix(prefix)
            if name == member.filename or ".." in name.split("/") or name.startswith("/"):
                raise EngineError(f"{archive.name} holds an unexpected file: {member.filename}")
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            with bundle.open(member) as source, file.open("wb") as sink:
                shutil.copyfileobj(source, sink)
            if name.startswith(_EXECUTABLE):
                file.chmod(0o755)


def _version(go: Path) -> tuple[int, int, int]:
    """Of the go command itself; (0, 0, 0) when it can't be told."""
    command = Command(argv=(str(go), "env", "GOVERSION"), env=(("GOTOOLCHAIN", "local"),), cwd=os.sep)
    try:
        done = run(command, timeout=30)
    except EngineError:
        return (0, 0, 0)
    return _numbers(done.stdout.strip().removeprefix("go"))


def _numbers(version: str) -> tuple[int, int, int]:
    text = version.partition(" ")[0]
    return parse_version(text if text.count(".") == 2 else f"{text}.0") or (0, 0, 0)
