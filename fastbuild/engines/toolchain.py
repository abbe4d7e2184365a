"""Which buildkitd and buildctl the private engine consists of. Making them is `engines.install`.

Order: a pair of a supported version on PATH, then the one `fastbuild engine install` put below our data
directory. A version is asked once per file: the answer is kept with the file's size and time, because a
start of a 100 MB program costs more than a whole all-hit build.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.paths import make_private
from fastbuild.process import Command, run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.paths import Paths

VERSION = "v0.34.1"
"""The version that is installed, and against which predictions are verified."""
OLDEST = (0, 18, 0)
"""Older ones on PATH are passed over: they lack progress, history and cache options we rely on."""
NEWEST = (0, 35, 0)
"""First version not accepted from PATH: its flags and formats were never tried."""
RUNTIMES = ("buildkit-runc", "runc", "crun")
_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/sbin:/sbin"
_MODULE = b"\tgithub.com/moby/buildkit\tv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """The programs of the private engine; `origin` says in words where they come from."""

    buildkitd: Path
    buildctl: Path
    version: str
    origin: str


def installed_folder(paths: Paths) -> Path:
    """Where `install` puts the programs: `bin` of a folder named by the version."""
    return paths.data / f"buildkit-{VERSION}" / "bin"


def find(paths: Paths, environ: Mapping[str, str]) -> Toolchain | None:
    """The toolchain to use, or None when nothing suitable is there; costs < 1 ms once known."""
    return _on_path(paths, environ) or installed(paths)


def installed(paths: Paths) -> Toolchain | None:
    """What `engines.install` put below our data directory, or None."""
    folder = installed_folder(paths)
    buildkitd, buildctl = folder / "buildkitd", folder / "buildctl"
    if not (os.access(buildkitd, os.X_OK) and os.access(buildctl, os.X_OK)):
        return None
    return Toolchain(
        buildkitd=buildkitd,
        buildctl=buildctl,
        version=VERSION,
        origin="installed by `fastbuild engine install`",
    )


def find_runtime(environ: Mapping[str, str], beside: Path | None = None) -> Path | None:
    """The OCI runtime: one next to buildkitd first, then runc or crun on PATH.

    The sbin folders are searched too: Debian's runc lives there and an ordinary user's PATH lacks it.
    """
    if beside is not None and (own := beside.parent / RUNTIMES[0]).is_file():
        return own
    search = environ.get("PATH", "") + ":" + _SYSTEM_FOLDERS
    for name in RUNTIMES:
        if found := shutil.which(name, path=search):
            return Path(found)
    return None


def parse_version(text: str) -> tuple[int, int, int] | None:
    """`v0.34.1` or `0.34.1-rc1` → (0, 34, 1); None for anything else, such as `v0.0.0+unknown`."""
    import re

    match = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:[-.~].*)?", text.strip())
    if match is None:
        return None
    major, minor, patch = (int(part) for part in match.groups())
    return major, minor, patch


def is_supported(version: str) -> bool:
    """Whether a program of this version, found on PATH, may be used."""
    parsed = parse_version(version)
    return parsed is not None and OLDEST <= parsed < NEWEST


def _on_path(paths: Paths, environ: Mapping[str, str]) -> Toolchain | None:
    search = environ.get("PATH", "")
    buildkitd, buildctl = (shutil.which(n, path=search) for n in ("buildkitd", "buildctl"))
    if buildkitd is None or buildctl is None:
        return None
    versions = _versions(paths, Path(buildkitd), Path(buildctl))
    if not all(is_supported(version) for version in versions):
        return None
    return Toolchain(
        buildkitd=Path(buildkitd).absolute(),
        buildctl=Path(buildctl).absolute(),
        version=versions[0],
        origin="found on PATH",
    )


def _versions(paths: Paths, *programs: Path) -> list[str]:
    """The version of each program ("" when it tells none), remembered by path, size and time."""
    import json

    memory = paths.cache / "toolchain.json"
    try:
        known: dict[str, list[object]] = json.loads(memory.read_text())
    except (OSError, ValueError):
        known = {}
    versions, changed = [], False
    for program in programs:
        stamp = program.stat()
        identity = [stamp.st_mtime_ns, stamp.st_size]
        entry = known.get(str(program), [])
        if entry[:2] != identity:
            entry, changed = [*identity, _ask(program)], True
            known[str(program)] = entry
        versions.append(str(entry[2]))
    if changed:
        make_private(paths.cache, paths.uid)
        temporary = memory.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(known))
        temporary.replace(memory)
    return versions


def _ask(program: Path) -> str:
    """What `--version` says; where the linker was told no version, what the Go linker recorded."""
    from fastbuild.errors import EngineError

    try:
        done = run(Command(argv=(str(program), "--version")), timeout=10)
    except EngineError:
        return ""
    words = done.stdout.split()  # buildkitd github.com/moby/buildkit v0.34.1 <commit>
    if done.returncode or len(words) < 3:
        return ""
    return words[2] if parse_version(words[2]) else recorded_version(program)


def recorded_version(program: Path) -> str:
    """The version of the BuildKit module a program was built from, or "".

    Format: Go's debug/buildinfo; a text with lines such as `mod\\tgithub.com/moby/buildkit\\tv0.34.1\\th1:…`
    (`dep` instead of `mod` when built through another module) that the linker embeds.
    """
    import mmap

    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(_MODULE)
        if at < 3 or data[at - 3 : at] not in (b"mod", b"dep"):
            return ""
        start = at + len(_MODULE) - 1
        line = data[start : start + 80]
    return line.split(b"\n")[0].split(b"\t")[0].decode("ascii", "replace")
