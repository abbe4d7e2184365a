"""Builds for a proof: the user's own build with another Dockerfile text, cold, kept in a private directory.

Nothing reaches the user's context, caches, tags, registry or history. The Dockerfile is written to a
directory of its own under its own name, its ignore file beside it, so that BuildKit finds
`<Dockerfile>.dockerignore` as it would have. The file that a `COPY . .` takes is still the user's.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.commands.build_verdict import failure
from fastbuild.commands.interrupts import workdir
from fastbuild.commands.prove_docker import remove_image, save_image
from fastbuild.commands.prove_smoke import exit_code, smoke_request
from fastbuild.context import copies
from fastbuild.context.staging import is_directory, stage
from fastbuild.engines import detect
from fastbuild.errors import UsageError
from fastbuild.images.archive import Known, read_contents, read_images
from fastbuild.pipeline import finish, prepare
from fastbuild.pipeline.attempt import Bench, ignore_rules
from fastbuild.pipeline.run import build
from fastbuild.progress.events import Log, Note
from fastbuild.reorder.prove import Built, Smoke
from fastbuild.reports import live
from fastbuild.request import BuildRequest, Output, is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from fastbuild.config import Settings
    from fastbuild.engines.api import Job
    from fastbuild.engines.detect import Choice
    from fastbuild.paths import Paths
    from fastbuild.pipeline.run import Outcome
    from fastbuild.progress.events import Event

BUILDS = 3
OUTPUT_KEPT = 2000
"""Characters of a smoke command's output, its end."""


@contextmanager
def builder(
    settings: Settings,
    paths: Paths,
    environ: Mapping[str, str],
    request: BuildRequest,
    *,
    progress: str = "auto",
) -> Iterator[Callable[[str, str], Built]]:
    """A function for `prove` that builds a Dockerfile text as `request` would be built, without caches.

    Its images can be read until the context ends; then nothing of them is left, also after an interrupt.
    `progress` is as in `--progress`. Raises UsageError for a context that is not a directory here.
    """
    if is_remote(request.context):
        raise UsageError(
            "a proof needs the build context as a local directory", fix="clone the repository first"
        )
    with workdir("fastbuild-proof-") as folder:
        staged = stage(request, sys.stdin.buffer, folder)
        choice = detect.choose_for(request, settings.engine, environ, paths)
        proving = _Proving(
            settings=settings,
            paths=paths,
            environ=environ,
            request=cold(staged, classic=choice.name == "docker"),
            choice=choice,
            folder=folder,
            progress=progress,
        )
        try:
            yield proving.build
        finally:
            proving.forget()


def cold(request: BuildRequest, *, classic: bool) -> BuildRequest:
    """`request` without caches and without anything that leaves the machine or lands in an image store.

    `classic`: for the plain docker engine, which can't be asked to leave out attestations.
    """
    return replace(
        request.without_results(),
        no_cache=True,
        no_cache_filter=(),
        # an attestation's manifest would stand beside the image; buildx makes one unasked
        attests=() if classic else ("type=provenance,disabled=true",),
        call="build",
        quiet=False,
    )


@dataclass(slots=True)
class _Proving:
    settings: Settings
    paths: Paths
    environ: Mapping[str, str]
    request: BuildRequest
    choice: Choice
    folder: Path
    progress: str
    known: Known = field(default_factory=Known)
    saved: list[str] = field(default_factory=list)
    count: int = 0

    def build(self, text: str, label: str) -> Built:
        """See `prove`. Raises what `build_verdict.failure` names."""
        self.count += 1
        workdir = self.folder / f"build-{self.count}"
        file = self._dockerfile(workdir, text)
        started, before = time.monotonic(), self._context()
        archive = workdir / "image.tar"
        request = replace(self.request, file=str(file), outputs=self._outputs(archive))
        outcome, job, _ = self._run(request, workdir, f"proof {self.count}/{BUILDS}: {label}")
        error = failure(outcome, strict=False)
        if error is not None:
            raise error
        image = finish.image_id(finish.read_metadata(job))
        if self.choice.name == "docker":
            self.saved.append(image)
            save_image(image, archive, self.environ)
        images = read_images(archive, self.known)
        seconds = time.monotonic() - started

        def contents(platform: str, names: Collection[str], limit: int) -> Mapping[str, bytes]:
            return read_contents(archive, images[platform], names, limit)

        return Built(
            images=images,
            contents=contents,
            smoke=lambda command: self._smoke(command, archive, image, label),
            seconds=seconds,
            context=f"{before} {self._context()}",
        )

    def _dockerfile(self, workdir: Path, text: str) -> Path:
        original = Path(self.request.file or "Dockerfile")
        file = workdir / "dockerfile" / original.name
        file.parent.mkdir(parents=True)
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        with suppress(FileNotFoundError):
            shutil.copyfile(f"{original}.dockerignore", f"{file}.dockerignore")
        return file

    def _outputs(self, archive: Path) -> tuple[Output, ...]:
        if self.choice.name == "docker":
            return ()
        # Python has no zstd, which layers of a base may be compressed with. Plain ones are read fastest, but
        # the engine keeps what it made: later cache exports would write them as large as they are.
        attrs = {"compression": "gzip", "force-compression": "true"}
        return (Output("oci", (("dest", str(archive)), *attrs.items())),)

    def _context(self) -> str:
        """What tells one state of the local contexts from another."""
        import xxhash

        folders = [source for _, source in self.request.build_contexts if is_directory(source)]
        states = []
        for folder in map(Path, (self.request.context, *folders)):
            ignore = ignore_rules(self.request, folder)
            states.append(sorted(copies.scan(folder, ignore).items()))
        text = json.dumps(states).encode("utf-8", "surrogateescape")
        return xxhash.xxh3_128_hexdigest(text)

    def _smoke(self, command: str, archive: Path, image: str, label: str) -> Smoke:
        """Run `command` in a container of the image that was built, not of one built again."""
        self.count += 1
        workdir = self.folder / f"smoke-{self.count}"
        request = smoke_request(self.request, command, workdir, archive, engine=self.choice.name, image=image)
        outcome, job, output = self._run(request, workdir, f"proof: the smoke command in {label}")
        if self.choice.name == "docker":
            self.saved.append(finish.image_id(finish.read_metadata(job)))
        return Smoke(exit_code=exit_code(outcome), output=output[-OUTPUT_KEPT:].strip())

    def _run(self, request: BuildRequest, workdir: Path, title: str) -> tuple[Outcome, Job, str]:
        said: list[str] = []
        view = live.view_for(self.progress, sys.stderr, self.environ)

        def on_event(event: Event) -> None:
            if isinstance(event, Log):
                said.append(event.text)
            view.add(event)

        try:
            view.add(Note(text=title))
            with prepare.ready(
                self.choice,
                request,
                workdir,
                self.paths,
                self.environ,
                **self.settings.private_engine,
            ) as ready:
                bench = Bench(
                    engine=self.choice.engine,
                    job=ready.job,
                    daemon=ready.daemon,
                    client=prepare.client_id(self.paths),
                    copies_home=self._copies_home(request),
                    cache_timeout=self.settings.cache_timeout,
                    store_was_empty=ready.store_was_empty,
                    on_event=on_event,
                    on_line=view.add_raw,
                    unblock=ready.unblock,
                    abandoned=ready.abandoned,
                )
                outcome = build(bench, request, lambda: None, strict=False)
        finally:
            view.close()
        return outcome, ready.job, "".join(said)

    def _copies_home(self, request: BuildRequest) -> Path:
        # what is known of a temporary context would stay for ever among those of real ones
        is_theirs = request.context == self.request.context and not self._is_ours(request.context)
        return self.paths.state / "copies" if is_theirs else self.folder / "copies"

    def _is_ours(self, folder: str) -> bool:
        return Path(folder).is_relative_to(self.folder)

    def forget(self) -> None:
        """Remove the images that the plain docker engine could not but store."""
        for image in reversed(self.saved):
            remove_image(image, self.environ)
