"""Can this machine run containers, and what a fresh CI runner looks like."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab.engine import remove_tree
from tests.lab.packages import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.tools import Tools

# The least a runtime accepts; a real build needs the same things and more.
SPEC = {
    "ociVersion": "1.0.2",
    "process": {
        "user": {"uid": 0, "gid": 0},
        "args": ["/bin/busybox", "true"],
        "cwd": "/",
        "env": ["PATH=/bin"],
    },
    "root": {"path": "rootfs"},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]},
}


FOLDERS = {
    "HOME": "home",
    "XDG_STATE_HOME": "state",
    "XDG_CACHE_HOME": "cache",
    "XDG_DATA_HOME": "data",
    "XDG_CONFIG_HOME": "config",
    "XDG_RUNTIME_DIR": "run",
}


@functools.cache
def can_run_containers() -> tuple[bool, str]:
    """Tried for real with runc on an overlay mount: (true, "") or (false, why not in one line)."""
    runc, busybox = find_program("runc"), find_program("busybox")
    if not runc or not busybox:
        return False, f"{'busybox' if runc else 'runc'} is not installed"
    if os.getuid() != 0:
        return False, "not root: the lab's own daemon runs as root"
    folder = Path(tempfile.mkdtemp(prefix="fbc-", dir="/tmp"))
    try:
        return _try_container(folder, runc, busybox)
    finally:
        remove_tree(folder)


def _try_container(folder: Path, runc: Path, busybox: Path) -> tuple[bool, str]:
    for name in ("lower/bin", "lower/proc", "upper", "work", "rootfs"):
        (folder / name).mkdir(parents=True)
    shutil.copy(busybox, folder / "lower/bin/busybox")
    (folder / "config.json").write_text(json.dumps(SPEC))
    layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
    attempts = (
        ("overlay mount", ["mount", "-t", "overlay", "overlay", "-o", layers, f"{folder}/rootfs"]),
        ("runc", [str(runc), "--root", f"{folder}/state", "run", "--bundle", str(folder), folder.name]),
    )
    for what, argv in attempts:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines()
            return False, f"{what}: {lines[-1] if lines else f'ended with code {done.returncode}'}"
    return True, ""


@dataclass(frozen=True)
class Runner:
    """A machine that has built nothing yet: empty home, state, caches."""

    folder: Path
    env: dict[str, str]

    @property
    def home(self) -> Path:
        return self.folder / "home"


@contextlib.contextmanager
def fresh_runner(tools: Tools, **env: str) -> Iterator[Runner]:
    """A new runner with ``env`` added; BuildKit and buildx are there, as on a prepared CI image.

    Its folder is short and in /tmp because sockets lie in it. Use ``runner.env`` as the whole
    environment of what runs on it: the shell's credentials and CI variables are not in it.
    """
    folder = Path(tempfile.mkdtemp(prefix="fbr-", dir="/tmp"))
    for name in (*FOLDERS.values(), "docker", "data/fastbuild"):
        (folder / name).mkdir(mode=0o700)
    # The engine's programs are linked one by one: its cache lies beside them and must be new.
    installed = tools.buildkitd.parent.parent
    (folder / "data/fastbuild" / installed.name).symlink_to(installed)
    plugins = {"cliPluginsExtraDirs": [str(tools.cli_plugins)]}
    (folder / "docker/config.json").write_text(json.dumps(plugins))
    own = {name: str(folder / sub) for name, sub in FOLDERS.items()}
    own["DOCKER_CONFIG"] = str(folder / "docker")
    own["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"
    kept = {name: value for name, value in os.environ.items() if _on_every_machine(name)}
    try:
        yield Runner(folder, {**kept, **own, **env})
    finally:
        _stop_daemons(folder)
        remove_tree(folder)


def _on_every_machine(name: str) -> bool:
    """Whether a variable of this shell belongs on a fresh machine: no credentials, no CI, no state."""
    prefixes = ("AWS_", "FASTBUILD_", "BUILDKIT_", "BUILDX_", "DOCKER_", "GITHUB_", "GITLAB_", "CI_", "GIT_")
    return name != "CI" and not name.startswith(prefixes)


def _stop_daemons(folder: Path) -> None:
    """End what a command under test left in the background, found by our folder in its arguments."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in _naming(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + 10
        while _naming(folder) and time.monotonic() < deadline:
            time.sleep(0.02)


def _naming(folder: Path) -> list[int]:
    """Processes with the folder's path in their arguments, except this one."""
    wanted, found = f"{folder}/".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            if wanted in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]
