"""How many bytes each instruction added to the image, from what a finished build left on this machine.

Looked at in turn, until one answers: archives that the build wrote (`-o type=oci` or `docker`, --load), the
private engine's own store, and what a local docker engine says of an image that it has. The first two are a
few small files (2 ms); the last starts a program, so only where `ask` allows it, for `PATIENCE` at most.
No registry is asked. BuildKit's disk usage would know more (images that were not exported), but costs a
program in every build and up to a second while it counts a new layer's files.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.dockerfile.parse import parse
from fastbuild.images import layers
from fastbuild.images.archive import blob_name
from fastbuild.pipeline import finish
from fastbuild.process import Command, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fastbuild.dockerfile.model import Instruction
    from fastbuild.engines.api import Job
    from fastbuild.engines.detect import Choice
    from fastbuild.images.layers import History, LayerSize
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.progress.timings import BuildTiming, StepTiming
    from fastbuild.request import BuildRequest

PATIENCE = 1.0
"""Seconds that a program may take to answer; after that there are no sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where to look. `engine` is the engine's name, `root` BuildKit's own directory where that is ours.

    `job` is the one that was built; `local`: its daemon runs on this machine; `ask` allows programs.
    """

    engine: str
    job: Job
    root: Path | None
    local: bool
    ask: bool


def place_of(choice: Choice, ready: Ready, environ: Mapping[str, str], *, ask: bool) -> Place:
    """Where a build of `choice` that is over left its image."""
    engine = choice.engine.NAME
    host = environ.get("DOCKER_HOST") or "unix://"
    address = ready.job.program[-1] if engine == "buildctl" else host
    return Place(engine=engine, job=ready.job, root=ready.root, local=address.startswith("unix://"), ask=ask)


def with_sizes(timing: BuildTiming, request: BuildRequest, place: Place) -> BuildTiming:
    """`timing` with the layers' sizes in its steps, as far as they are certain. Never raises."""
    with suppress(Exception):  # the image is made: whatever goes wrong here fails no build
        text = Path(request.file or "").read_bytes().decode("utf-8", "replace")
        for look in _sources(request, place):
            with suppress(Exception):
                histories = look()
                chain = layers.chain(parse(text), request.target or "")
                found = from_histories(timing.steps, chain, histories)
                if found:
                    return replace(timing, steps=tuple(_sized(step, found) for step in timing.steps))
    return timing


def _sized(step: StepTiming, found: Mapping[str, LayerSize]) -> StepTiming:
    size = found.get(step.id)
    return step if size is None else replace(step, size=size.bytes, compressed=size.compressed)


def _sources(request: BuildRequest, place: Place) -> Iterator[Callable[[], tuple[History, ...]]]:
    for archive in map(Path, (place.job.image_archive, *_written(request))):
        if archive.exists():
            yield partial(layers.read_histories, archive)
    metadata = finish.read_metadata(place.job)
    digest = str(metadata.get("containerimage.digest") or "")
    for store in place.root.glob("*/content") if place.root and digest else ():
        yield partial(layers.read_histories, store, blob_name(digest))
    stored = place.engine == "docker" or (place.engine == "buildx" and request.load)
    if place.ask and place.local and stored:
        yield partial(_docker_history, place.job, finish.image_id(metadata))


def _written(request: BuildRequest) -> list[str]:
    dests = (output.get("dest") for output in request.outputs if output.type in ("oci", "docker"))
    return [dest for dest in dests if dest and dest != "-"]


def _docker_history(job: Job, image: str) -> tuple[History, ...]:
    """What the docker engine that the command line uses says of an image; empty if it has none such."""
    if not image:
        return ()
    argv = (job.program[0], "history", "--no-trunc", "--human=false", "--format={{json .}}", image)
    done = run(Command(argv=argv), timeout=PATIENCE)
    return (layers.from_docker(done.stdout),) if done.returncode == 0 else ()


def from_histories(
    steps: Sequence[StepTiming], chain: Sequence[Instruction], histories: Sequence[History]
) -> dict[str, LayerSize]:
    """The layers' sizes by the steps' ids. Of several platforms' images each step gets its own."""
    found = {}
    for history in histories:
        sizes = layers.sizes(history, chain)
        for instruction in chain:
            for step in _steps_of(instruction, steps):
                alone = len(histories) == 1
                if instruction.index in sizes and (alone or _is_platform(step.platform, history.platform)):
                    found[step.id] = sizes[instruction.index]
    return found


def _steps_of(instruction: Instruction, steps: Sequence[StepTiming]) -> list[StepTiming]:
    """One for each platform; by line, else the only step of this text (docker numbers other things)."""
    keyword = f"{instruction.keyword} "
    found = [s for s in steps if s.line == instruction.start and s.instruction.startswith(keyword)]
    if found:
        return found
    words = [instruction.keyword, *instruction.text.split()[1:]]
    equal = [step for step in steps if step.instruction.split() == words]
    return equal if len(equal) == 1 and equal[0].line is None else []


def _is_platform(named: str, platform: str) -> bool:
    """Whether a step's platform is an image's: `linux/amd64->arm64` is `linux/arm64`, v8 or not."""
    native, arrow, other = named.partition("->")
    wanted = f"{native.partition('/')[0]}/{other}" if arrow else native
    return platform.replace("arm64/v8", "arm64") == wanted
