"""Proof by building: do two Dockerfile texts give equal images?

The original is built, then the rewrite, then the original again, each without any cache. In this order, for
what moves in one direction (a clock, an archive of packages that is updated) lies between its two builds
when the rewrite is built: if both originals agree, nothing moved meanwhile.

What a proof does not show: that the images stay equal for another context, other arguments or another day;
times of files, which are never compared; and what a varying file that two builds don't explain says
in the rewrite (those are listed). Cache mounts keep what earlier builds left in them. The context holds
the user's own Dockerfile in all three builds; once the rewrite is written there, a `COPY . .` that does
not leave it out copies the new one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.errors import BuildFailed, DockerfileSyntax, UsageError
from fastbuild.reorder.judge import Findings, Samples, judge
from fastbuild.reorder.weigh import weigh

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from fastbuild.images.archive import Image
    from fastbuild.images.compare import Difference


class Verdict(StrEnum):
    """How a proof ended."""

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """A smoke command in a container: its exit code and the end of its output."""

    exit_code: int
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """A finished build: its images by platform, and ways back into them.

    `contents(platform, paths, limit)` reads files of at most `limit` bytes. `smoke` runs a command in
    the image. `context` tells one state of the build context from another. `seconds` is the wall time.
    """

    images: Mapping[str, Image]
    contents: Callable[[str, Collection[str], int], Mapping[str, bytes]]
    smoke: Callable[[str], Smoke]
    seconds: float
    context: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The result. `differences` are those outside `noise`; `reason` is one sentence.

    `noise` are the paths that vary between builds of the original; `unexplained` those of them whose
    content in the rewrite can't be judged. With several platforms a path begins with its platform and `:`.
    `smoke` holds the original's run and then the rewrite's, where they were needed. `seconds` are the builds'
    wall times: original, rewrite, original; 0 for one that failed or was not tried.
    """

    verdict: Verdict
    reason: str
    differences: tuple[Difference, ...] = ()
    noise: tuple[str, ...] = ()
    unexplained: tuple[str, ...] = ()
    smoke: tuple[Smoke, ...] = ()
    seconds: tuple[float, float, float] = (0.0, 0.0, 0.0)


def prove(build: Callable[[str, str], Built], original: str, rewritten: str, *, smoke: str = "") -> Proof:
    """Build `original`, `rewritten` and `original` again with `build(text, label)`, and compare.

    `smoke` is a command (as after RUN) that has to succeed in both. A failure of the first build is the
    user's own: its error passes through, as any EngineError does. Raises UsageError for a smoke command of
    several lines.
    """
    if "\n" in smoke:
        raise UsageError(
            "the smoke command must be one line", fix="put a longer one into a script of the image"
        )
    one = build(original, "the original")
    try:
        new = build(rewritten, "the rewrite")
    except (BuildFailed, DockerfileSyntax, UsageError) as error:
        return _failed(build, original, one, error.what)
    try:
        two = build(original, "the original again")
    except BuildFailed as error:
        return Proof(
            verdict=Verdict.CANNOT_TELL,
            reason=f"the original was built once, and then failed: {error.what}",
            seconds=(one.seconds, new.seconds, 0.0),
        )
    return _compared(one, two, new, original, smoke)


def _failed(build: Callable[[str, str], Built], original: str, one: Built, message: str) -> Proof:
    """The rewrite does not build: its own fault only if the original still does."""
    try:
        two = build(original, "the original again")
    except BuildFailed:
        return Proof(
            verdict=Verdict.CANNOT_TELL,
            reason=f"the rewrite failed, and then the original as well: {message}",
            seconds=(one.seconds, 0.0, 0.0),
        )
    return Proof(
        verdict=Verdict.DIFFERENT,
        reason=f"the rewrite does not build: {message}",
        seconds=(one.seconds, 0.0, two.seconds),
    )


def _compared(one: Built, two: Built, new: Built, original: str, smoke: str) -> Proof:
    seconds = (one.seconds, new.seconds, two.seconds)
    if not one.context == two.context == new.context:
        reason = "the build context changed during the proof"
        return Proof(verdict=Verdict.CANNOT_TELL, reason=reason, seconds=seconds)
    if not one.images.keys() == two.images.keys() == new.images.keys():
        reason = f"platforms differ: {', '.join(one.images)} and {', '.join(new.images)}"
        return Proof(verdict=Verdict.DIFFERENT, reason=reason, seconds=seconds)
    total = Findings()
    for platform in one.images:
        samples = _samples(one, two, new, platform)
        found = judge(samples)
        weigh(samples, found, original)
        _add(total, found, f"{platform}:" if len(one.images) > 1 else "")
    runs: tuple[Smoke, ...] = ()
    verdict, reason = _verdict(total)
    if smoke and verdict is not Verdict.DIFFERENT:
        runs, failed = _smoked(one, two, new, smoke)
        verdict, reason = failed or (verdict, reason)
    return Proof(
        verdict=verdict,
        reason=reason,
        differences=tuple(total.differences),
        noise=tuple(sorted(total.noise)),
        unexplained=tuple(sorted(total.unexplained)),
        smoke=runs,
        seconds=seconds,
    )


def _samples(one: Built, two: Built, new: Built, platform: str) -> Samples:
    def reader(built: Built) -> Callable[[Collection[str], int], Mapping[str, bytes]]:
        return lambda paths, limit: built.contents(platform, paths, limit) if paths else {}

    return Samples(
        one=one.images[platform],
        two=two.images[platform],
        new=new.images[platform],
        read_one=reader(one),
        read_two=reader(two),
        read_new=reader(new),
    )


def _add(total: Findings, found: Findings, prefix: str) -> None:
    total.differences += [replace(one, path=f"{prefix}{one.path}") for one in found.differences]
    total.noise |= {f"{prefix}{path}" for path in found.noise}
    total.unexplained |= {f"{prefix}{path}" for path in found.unexplained}
    total.unclear += [f"{prefix}{sentence}" for sentence in found.unclear]


def _verdict(found: Findings) -> tuple[Verdict, str]:
    if found.differences:
        more = f" (and {len(found.differences) - 1} more)" if len(found.differences) > 1 else ""
        return Verdict.DIFFERENT, f"{found.differences[0]}{more}"
    if found.unclear:
        return Verdict.CANNOT_TELL, found.unclear[0]
    if not found.noise:
        return Verdict.EQUIVALENT, "files and configuration are equal"
    equal = "files and configuration are equal where two builds of the original are"
    left = f"; {len(found.unexplained)} varying path(s) can't be compared" if found.unexplained else ""
    return Verdict.EQUIVALENT, f"{equal}{left}"


def _smoked(
    one: Built, two: Built, new: Built, command: str
) -> tuple[tuple[Smoke, ...], tuple[Verdict, str] | None]:
    """The runs, and the verdict that they lead to; None where they change nothing."""
    before = one.smoke(command)
    if before.exit_code != 0:
        reason = f"the smoke command fails in the original, too (code {before.exit_code}): {before.output}"
        return (before,), (Verdict.CANNOT_TELL, reason.rstrip(": "))
    after = new.smoke(command)
    if after.exit_code == 0:
        return (before, after), None
    again = two.smoke(command)
    if again.exit_code != 0:
        return (before, after), (Verdict.CANNOT_TELL, "the smoke command fails in the original at times, too")
    reason = f"the smoke command fails in the rewrite (code {after.exit_code}): {after.output}"
    return (before, after), (Verdict.DIFFERENT, reason.rstrip(": "))
