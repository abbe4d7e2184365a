"""Random Dockerfiles, reordered and built: the image must be the one of the original.

`FASTBUILD_RANDOM_EXAMPLES` asks for another number of Dockerfiles than the few of every day, and then for
new ones.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, assume, event, given, settings

from fastbuild.images.archive import Known, read_images
from fastbuild.images.compare import differences
from fastbuild.reorder.propose import propose
from fastbuild.reorder.verify import problem
from tests.reorder.random_files import Example, examples

if TYPE_CHECKING:
    from pathlib import Path

    from fastbuild.images.archive import Image
    from tests.lab.engine import Buildkitd

pytestmark = [pytest.mark.live, pytest.mark.timeout(0)]

LONG = os.environ.get("FASTBUILD_RANDOM_EXAMPLES", "")
EXAMPLES = int(LONG or 40)
SECONDS = 120
"""For one build, which takes one; a random RUN may never end (`cp -r` into itself)."""
LEAST_COMPARED = 0.3
"""Of all examples, the share that must be rewritten, buildable and so compared."""


class Builder:
    """Builds texts over one context after another. Layers that were read once are known."""

    def __init__(self, daemon: Buildkitd, folder: Path) -> None:
        self.daemon = daemon
        self.folder = folder
        self.known = Known()
        self.numbers = itertools.count()
        self.compared = 0

    def pair(self, example: Example, rewritten: str) -> tuple[Image, Image | str] | None:
        """Both images, or what the engine said to the second; None if even the original fails."""
        number = next(self.numbers)
        context = self.folder / f"context{number}"
        context.mkdir()
        example.context.lay_out(context)
        original = self._built(example.dockerfile, context, number)
        if isinstance(original, str):
            return None
        self.compared += 1
        return original, self._built(rewritten, context, number)

    def _built(self, text: str, context: Path, number: int) -> Image | str:
        folder = self.folder / "dockerfile"
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(text)
        archive = self.folder / "image.tar"
        # The engine keeps a copy of a context by name, and would miss some changes (ARCHITECTURE, "Copies").
        name = f"context{number}"
        local = f"{name}-{name}-context={context}"
        done = self.daemon.buildctl(
            *("build", "--frontend", "dockerfile.v0", "--progress", "plain", "--local", local),
            *("--local", f"dockerfile={folder}", "--opt", f"local-sessionid:context={name}:"),
            *("--output", f"type=oci,dest={archive}"),
            timeout=SECONDS,
        )
        if done.returncode:
            return done.stderr[-3000:]
        (image,) = read_images(archive, self.known).values()
        return image


@pytest.fixture(scope="module")
def builder(daemon: Buildkitd, tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(daemon, tmp_path_factory.mktemp("random"))


def test_no_accepted_order_gives_another_image(builder: Builder) -> None:
    @settings(
        max_examples=EXAMPLES,
        derandomize=not LONG,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, *([Phase.shrink] if LONG else [])],
        print_blob=False,
        report_multiple_bugs=False,
    )
    @given(examples())
    def check(example: Example) -> None:
        proposal = propose(example.subject(), example.costs())
        assert problem(proposal) == ""
        event("rewritten" if proposal.text != example.dockerfile else "kept")
        assume(proposal.text != example.dockerfile)
        built = builder.pair(example, proposal.text)
        assume(built is not None)
        assert built is not None
        original, rewritten = built
        assert not isinstance(rewritten, str), f"{proposal.text}\n{rewritten}"
        assert differences(original, rewritten) == (), f"\n{example.dockerfile}\n---\n{proposal.text}"

    check()
    assert builder.compared >= EXAMPLES * LEAST_COMPARED
