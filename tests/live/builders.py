"""buildx builders in front of the lab's daemons."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
