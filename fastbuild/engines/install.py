"""Get the pinned buildkitd and buildctl: from a verified release archive, or built from source.

Nothing half-made is ever visible: work happens in a folder beside the target, which is renamed at the end,
under a lock that makes a second installer wait and then find the work done.
"""

from __future__ import annotations

import os
import shutil
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.engines import toolchain
from fastbuild.engines.download import download
from fastbuild.errors import EngineError
from fastbuild.process import Command, Running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fastbuild.engines.toolchain import Toolchain
    from fastbuild.paths import Paths

    Progress = Callable[[str], None]

ARCHIVE_SHA256: dict[str, str] = {}
"""sha256 of the official release archive by architecture.

Empty until someone reads them from the release page over a trusted line: an archive is never installed
without a sum, so for now it takes `--sha256`.
"""
SHA256_VARIABLE = "FASTBUILD_BUILDKIT_SHA256"
URL_VARIABLE = "FASTBUILD_BUILDKIT_URL"
PROGRAMS = ("github.com/moby/buildkit/cmd/buildkitd", "github.com/moby/buildkit/cmd/buildctl")
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_REPORT_SECONDS = 5.0


def architecture() -> str:
    """This machine in Go's words, `amd64` or `arm64`. Raises EngineError on anything else."""
    machine = os.uname()
    name = _ARCHITECTURES.get(machine.machine)
    if machine.sysname != "Linux" or name is None:
        raise EngineError(
            f"the private engine does not run on {machine.sysname} {machine.machine}",
            fix="point BUILDKIT_HOST at a BuildKit elsewhere, or use --engine docker",
        )
    return name


def archive_url(environ: Mapping[str, str], arch: str) -> str:
    """The official release archive, or the mirror named by FASTBUILD_BUILDKIT_URL."""
    version = toolchain.VERSION
    official = (
        f"https://github.com/moby/buildkit/releases/download/{version}/buildkit-{version}.linux-{arch}.tar.gz"
    )
    return environ.get(URL_VARIABLE) or official


def install(
    paths: Paths, environ: Mapping[str, str], on_progress: Progress, *, sha256: str = ""
) -> Toolchain:
    """Install the pinned version below `paths.data` and return it; at once when it is there already.

    With a sum (`sha256`, FASTBUILD_BUILDKIT_SHA256 or the pinned table) the release archive is tried
    first; a wrong sum is an error, an unreachable archive is not. Without one it is built from the Go
    module proxy (about 100 s on 2 cores; every module is checked against the shipped go.sum).
    Raises EngineError.
    """
    arch = architecture()
    expected = (sha256 or environ.get(SHA256_VARIABLE, "") or ARCHIVE_SHA256.get(arch, "")).lower()
    paths.ensure()
    with _exclusive(paths.data / "install.lock", on_progress):
        if (there := toolchain.installed(paths)) is not None:
            return there
        target = toolchain.installed_folder(paths).parent
        with _workshop(target) as work:
            (work / "done" / "bin").mkdir(parents=True)
            if not (expected and _from_archive(work, environ, arch, expected, on_progress)):
                if not expected:
                    on_progress(
                        "no sha256 is known for the release archive, so it is not used "
                        f"(give --sha256 or {SHA256_VARIABLE}): building from source"
                    )
                _from_source(paths, work, environ, on_progress)
            _require_runtime(work / "done" / "bin", environ)
            if target.exists():
                shutil.rmtree(target)
            (work / "done").rename(target)
    there = toolchain.installed(paths)
    assert there is not None
    return there


@contextmanager
def _exclusive(path: Path, on_progress: Progress) -> Iterator[None]:
    import fcntl

    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_progress("waiting for another `fastbuild engine install`")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _workshop(target: Path) -> Iterator[Path]:
    """A folder beside `target` for temporary files, gone at the end; killed predecessors' too."""
    import tempfile

    prefix = f".{target.name}."
    for leftover in target.parent.glob(prefix + "*"):
        shutil.rmtree(leftover, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _from_archive(
    work: Path, environ: Mapping[str, str], arch: str, sha256: str, on_progress: Progress
) -> bool:
    """Whether the archive could be had; a wrong sum raises."""
    import tarfile

    archive = work / "archive.tar.gz"
    url = archive_url(environ, arch)
    try:
        download(url, archive, sha256=sha256, environ=environ, on_progress=on_progress)
    except ConnectionError as error:
        on_progress(f"the release archive can't be fetched ({error}): building from source")
        return False
    with tarfile.open(archive) as tar:
        for member in tar:  # only plain files directly in bin/, under their last name
            if member.isfile() and (source := tar.extractfile(member)) is not None:
                name = Path(member.name)
                if name.parent.name == "bin":
                    (work / "done" / "bin" / name.name).write_bytes(source.read())
                    (work / "done" / "bin" / name.name).chmod(0o755)
    archive.unlink()
    for program in ("buildkitd", "buildctl"):
        if not (work / "done" / "bin" / program).is_file():
            raise EngineError(f"{url} holds no bin/{program}", fix="check the URL and the sum")
    return True


def _from_source(paths: Paths, work: Path, environ: Mapping[str, str], on_progress: Progress) -> None:
    from fastbuild.engines.golang import ensure_go

    go = ensure_go(paths, environ, on_progress)
    module = work / "tmp" / "module"
    module.mkdir(parents=True)
    for name in ("go.mod", "go.sum"):  # copied: an installed package may be read-only
        shutil.copyfile(Path(__file__).with_name("gomod") / name, module / name)
    env = {**environ, **build_environ(environ, go, work)}
    command = Command(
        argv=(str(go), "build", "-v", "-trimpath", "-o", f"{work / 'done' / 'bin'}/", *PROGRAMS),
        env=tuple(env.items()),
        cwd=str(module),
        description="build BuildKit from source",
        merged=True,
    )
    _build(command, on_progress)


def build_environ(environ: Mapping[str, str], go: Path, work: Path) -> dict[str, str]:
    """Settings of the go command; a go that we fetched, or a user without home, gets caches in `work`."""
    env = {
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly -buildvcs=false -modcacherw",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local",
        "GOOS": "",
        "GOARCH": "",
    }
    if "HOME" not in environ or go != Path(shutil.which("go", path=environ.get("PATH", "")) or ""):
        env["GOCACHE"] = str(work / "tmp" / "cache")
        env["GOMODCACHE"] = str(work / "tmp" / "modules")
        env["GOPATH"] = str(work / "tmp" / "gopath")
    return env


def _build(command: Command, on_progress: Progress) -> None:
    started = reported = time.monotonic()
    packages, tail = 0, [b""]

    def on_line(line: bytes) -> None:
        nonlocal packages, reported
        packages += 1
        tail.append(line)
        del tail[:-20]
        now = time.monotonic()
        if now - reported >= _REPORT_SECONDS:
            reported = now
            on_progress(f"{now - started:.0f} s: {packages} packages fetched or compiled")

    on_progress(f"building BuildKit {toolchain.VERSION} from source (about 100 s on 2 cores)")
    building = Running(command)
    try:
        code = building.lines(on_line)
    except BaseException:
        building.stop()
        raise
    if code:
        raise EngineError(
            "BuildKit could not be built from source:\n"
            + b"\n".join(tail).decode("utf-8", "replace").strip(),
            cause="the Go module proxy can't be reached (GOPROXY), or the disk is full",
            fix="put buildkitd and buildctl on PATH, or give the release archive's --sha256",
        )
    on_progress(f"built in {time.monotonic() - started:.0f} s")


def _require_runtime(programs: Path, environ: Mapping[str, str]) -> None:
    if toolchain.find_runtime(environ, beside=programs / "buildkitd") is None:
        raise EngineError(
            "no OCI runtime (runc or crun) was found",
            cause="a build from source holds BuildKit alone",
            fix="apt-get install runc",
        )
