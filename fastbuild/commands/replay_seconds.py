"""What the steps of a Dockerfile take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.analysis.estimates import estimate_seconds
from fastbuild.analysis.subject import Subject
from fastbuild.commands.analyze_history import Past

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.dockerfile.model import Dockerfile
    from fastbuild.paths import Paths
    from fastbuild.pipeline.replay import Seconds
    from fastbuild.request import BuildRequest


def known_seconds(request: BuildRequest, paths: Paths) -> Callable[[Dockerfile], Mapping[int, Seconds]]:
    """What a Dockerfile's steps take, by line: medians of recorded builds, else estimates."""
    past = Past(paths.history)

    def known(dockerfile: Dockerfile) -> Mapping[int, Seconds]:
        measured = past.of(dockerfile)
        found: dict[int, Seconds] = {}
        for step in Subject(dockerfile, None, dict(request.build_args)).steps():
            spent = measured.get(step.instruction.index)
            if spent is not None and spent.seconds is not None:
                found[step.instruction.start] = spent.seconds, True
            else:
                found[step.instruction.start] = estimate_seconds(step), False
        return found

    return known
