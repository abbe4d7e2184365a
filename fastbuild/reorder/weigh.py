"""Noise that is too important to pass over: then a proof proves nothing, and says why."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.reorder.own import is_own

if TYPE_CHECKING:
    from collections.abc import Collection

    from fastbuild.reorder.judge import Findings, Samples

UNEXPLAINED_SHARE = 0.1
"""Share of the bytes written by RUNs from which on unexplained noise leaves too little to compare."""
REMOTE_COPY = re.compile(r"--from[= ]|^\s*ADD\s", re.IGNORECASE | re.MULTILINE)


def weigh(samples: Samples, found: Findings, original: str) -> None:
    """Add to `found.unclear` what stands against a verdict; `original` is the Dockerfile's text."""
    new = samples.new
    for path in sorted(found.noise & new.files.keys()):
        if path.endswith("/.dockerignore"):
            continue  # docker's client adds a random name to it when the Dockerfile is not in the context
        if new.step_of(path).startswith(("COPY ", "ADD ")) and not REMOTE_COPY.search(original):
            found.unclear.append(
                f"{path} was copied from the context, yet it varies: did the context change?"
            )
    unexplained = sorted(found.unexplained & new.files.keys())
    left = [(path, new.files[path]) for path in unexplained if not is_own(path)]
    programs = [path for path, entry in left if entry.digest and entry.mode & 0o111]
    if programs:
        found.unclear.append(f"{programs[0]} is a program that differs from build to build")
    lost = sum(entry.size for _, entry in left)
    written = _written(samples, found.noise)
    if lost > written * UNEXPLAINED_SHARE:
        found.unclear.append(
            f"{lost} of {written} bytes that RUNs wrote differ from build to build: too few are left"
        )


def _written(samples: Samples, noise: Collection[str]) -> int:
    """Bytes in layers that the build made, those of COPYs that don't vary left out.

    Counting these would hide how little of the rest is left to compare.
    """
    one, new = (image.config["rootfs"].get("diff_ids") or () for image in (samples.one, samples.new))
    files = samples.new.files
    varying = {files[path].layer for path in noise if path in files}
    base = {number for number, (a, b) in enumerate(zip(one, new, strict=False)) if a == b}
    steps = enumerate(samples.new.steps)
    copied = {number for number, step in steps if step.startswith(("COPY ", "ADD "))} - varying
    return sum(entry.size for entry in files.values() if entry.layer not in base | copied)
