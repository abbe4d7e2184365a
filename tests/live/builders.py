"""Which engine fastbuild uses: builders of buildx, and the variables that choose."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.engine import Buildkitd
    from tests.lab.runner import Runner


def remote_builder(runner: Runner, address: str, name: str = "lab") -> str:
    """A builder of the remote driver; returns its name."""
    subprocess.run(
        ["docker", "buildx", "create", "--name", name, "--driver", "remote", address],
        env=runner.env,
        check=True,
        capture_output=True,
    )
    return name


def environment(name: str, daemon: Buildkitd, runner: Runner) -> dict[str, str]:
    """The environment that makes fastbuild use the engine `name`; the private one in spite of a daemon."""
    if name == "buildx":
        return {"FASTBUILD_ENGINE": "buildx", "BUILDX_BUILDER": remote_builder(runner, daemon.address)}
    return {"FASTBUILD_ENGINE": name, "BUILDKIT_HOST": daemon.address}
