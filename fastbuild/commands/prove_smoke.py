"""Running a smoke command in an image that a proof has built: as the RUN of a small build on top of it.

So it works wherever builds work, without a container engine, and in the very image that was compared. The
command sees the image's user, directory, variables and SHELL, and neither its ENTRYPOINT nor its CMD. An
image with ONBUILD triggers runs them first.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.commands.build_verdict import failure
from fastbuild.errors import EngineError
from fastbuild.request import Output

if TYPE_CHECKING:
    from pathlib import Path

    from fastbuild.pipeline.run import Outcome
    from fastbuild.request import BuildRequest

NAME = "fastbuild-proof"
"""What the image is called in that build's FROM: a named context."""
EXIT_CODE = re.compile(r"(?:exit code: |returned a non-zero code: )(\d+)")


def smoke_request(
    request: BuildRequest, command: str, workdir: Path, archive: Path, *, engine: str, image: str
) -> BuildRequest:
    """The build that runs `command`; limits, network and platforms are those of `request`.

    `archive` is the image as an OCI archive; it is unpacked below `workdir`, for engines read images from
    a client in that form only. The plain docker engine has it under its ID, `image`.
    """
    (workdir / "context").mkdir(parents=True)
    if engine != "docker":
        with tarfile.open(archive) as opened:
            opened.extractall(workdir / "layout", filter="data")
    base = image if engine == "docker" else NAME
    file = workdir / "context" / "Dockerfile"
    file.write_text(f"FROM {base}\nRUN {command}\n", encoding="utf-8")
    return replace(
        request,
        context=str(workdir / "context"),
        file=str(file),
        target=None,
        build_args=(),
        labels=(),
        secrets=(),
        pull=False,
        # without an output buildx warns, and one driver stores the image
        outputs=(Output("cacheonly"),) if engine == "buildx" else (),
        build_contexts=() if engine == "docker" else ((NAME, f"oci-layout://{workdir}/layout"),),
    )


def exit_code(outcome: Outcome) -> int:
    """The command's exit code; raises what ended the build if that was something else."""
    if outcome.returncode == 0:
        return 0
    code = EXIT_CODE.search(outcome.timing.text)
    if code is None:
        raise failure(outcome, strict=False) or EngineError("the smoke command could not be run")
    return int(code[1])
