"""`fastbuild build --skip auto`: an image that is there already, instead of a build.

Whatever goes wrong here is said in one line, and the image is built.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.cache.kept_images import Note
from fastbuild.cache.objects_api import CacheReadError
from fastbuild.errors import FastbuildError
from fastbuild.keys.fingerprint import NoFingerprint
from fastbuild.pipeline import skip, skip_check
from fastbuild.pipeline.decisive import why_built
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.commands.build_state import Found
    from fastbuild.config import Settings
    from fastbuild.paths import Paths
    from fastbuild.pipeline.prepare import Ready
    from fastbuild.pipeline.skip import Asked, Kept, Place

SHOWN = 3
"""Differences that are named."""


@dataclass(slots=True, kw_only=True)
class Skipping:
    """One build that may be skipped. `say` takes sentences for the user and the record."""

    asked: Asked
    print_: str
    places: tuple[Place, ...]
    every: int
    say: Callable[[str], None]
    checking: Kept | None = None

    def use(self) -> str:
        """Set the tags of the image that is there and leave the engine's result files.

        Returns the sentence that says which image it is; empty where there is none to use.
        """
        request, ready = self.asked.request, self.asked.ready
        try:
            kept = skip.find(self.print_, request, self.places)
            if kept is None:
                return ""
            note = kept.note
            if skip_check.is_due(self.print_, self.every) and not note.checked:
                self.checking = kept
                self.say(f"skip: built to check {note.image} (skip_verify_every = {self.every})")
                return ""
            metadata = skip.metadata_of(kept, ready)
            skip.use(kept, self.places)
        except CacheReadError as error:
            self.say(f"skip: {error.sentence}: built")
            return ""
        Path(ready.job.metadata_file).write_text(json.dumps(metadata), encoding="utf-8")
        commit = f" (commit {note.commit[:12]})" if note.commit else ""
        return f"image {note.image} of build {note.build}{commit} has the same fingerprint"

    def remember(self, metadata: Mapping[str, object], build: str, commit: str) -> None:
        """Leave a note for the next build, unless something changed while this one ran."""
        image = str(metadata.get("containerimage.digest", ""))
        if not image:
            return
        kept = {name: value for name, value in metadata.items() if name != "image.name"}
        note = Note(image=image, build=build, commit=commit, metadata=json.dumps(kept))
        try:
            if skip.print_of(self.asked) != self.print_:
                self.say("skip: files or base images changed during the build: it is not remembered")
                return
            if self.checking is not None and not self._agrees(self.checking, image):
                return
            skip.leave(
                skip.note_tag(self.print_), replace(note, checked=build if self.checking else ""), self.places
            )
        except CacheReadError as error:
            self.say(f"skip: this build is not remembered: {error.sentence}")
        except (FastbuildError, NoFingerprint) as error:
            self.say(f"skip: this build is not remembered: {_first_line(error)}")

    def _agrees(self, kept: Kept, image: str) -> bool:
        """Whether the image that would have been used is the one that was built; if not, never again."""
        workdir = Path(self.asked.ready.job.workdir)
        found = skip_check.compare(self.places[0], kept.parts, image, workdir)
        if not found:
            return True
        shown = "; ".join(str(one) for one in found[:SHOWN])
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        off = f"build {kept.note.build} and a later one with the same fingerprint differ: {shown}{more}"
        tag = skip.off_tag(self.asked.request)
        skip.leave(tag, Note(off=off[:1000]), self.places)
        self.say(
            f"skip: SWITCHED OFF for this target: {off}; "
            f"the steps are not reproducible: once they are, delete the tag {tag}"
        )
        return False


def begin(
    found: Found,
    ready: Ready,
    settings: Settings,
    paths: Paths,
    environ: Mapping[str, str],
    say: Callable[[str], None],
) -> Skipping | None:
    """What may stand for this build; None, with the reason said, where nothing may."""
    request = found.request
    if settings.skip != "auto" or request.call != "build":
        return None
    if is_remote(request.context) or not request.file or is_remote(request.file):
        say("skip: off: only the engine sees the files of a remote context")
        return None
    asked = skip.Asked(
        ready=ready,
        request=request,
        paths=paths,
        environ=environ,
        config=settings.engine_config,
        keep_modes=settings.keep_modes,
    )
    try:
        if why := why_built(ready.job, found.choice.name, settings.skip_secrets):
            say(f"skip: off: {why}")
            return None
        return Skipping(
            asked=asked,
            print_=skip.print_of(asked),
            places=skip.places_of(ready),
            every=settings.skip_verify_every,
            say=say,
        )
    except (FastbuildError, NoFingerprint, OSError) as error:
        say(f"skip: off: {_first_line(error)}")
        return None


def _first_line(error: Exception) -> str:
    text = error.what if isinstance(error, FastbuildError) else str(error)
    return next(iter(text.splitlines()), "")
