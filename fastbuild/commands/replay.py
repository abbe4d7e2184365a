"""`fastbuild replay`: what the newest commits would have run again, computed from git's objects and keys."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastbuild import config
from fastbuild.commands.build_flags import DockerCommand, docker_options, request_from_flags
from fastbuild.commands.interrupts import signals, workdir
from fastbuild.commands.replay_progress import Progress
from fastbuild.commands.replay_seconds import known_seconds
from fastbuild.context.staging import stage
from fastbuild.engines import detect
from fastbuild.errors import UsageError
from fastbuild.explain.replay import replaying
from fastbuild.git.blob_digests import BlobDigests
from fastbuild.paths import Paths
from fastbuild.pipeline import prepare
from fastbuild.pipeline.replay import Plans, Variant, moments
from fastbuild.pipeline.replay_trees import History, Place
from fastbuild.reports import replay as report
from fastbuild.reports import words
from fastbuild.reports.replay_json import to_json
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.config import Settings
    from fastbuild.engines.detect import Choice
    from fastbuild.keys.content import Files
    from fastbuild.request import BuildRequest

SETTINGS = ("engine", "engine_config")
TODAY, AS_WAS, REORDERED = "today's file", "as it was", "reordered"


@click.command("replay", cls=DockerCommand)
@click.argument("context", metavar="PATH")
@docker_options
@click.option(
    "--commits",
    metavar="N",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="How many of the newest commits.",
)
@click.option("--ref", default="HEAD", show_default=True, help="The branch, tag or commit to end with.")
@click.option("--dockerfile", "others", multiple=True, metavar="FILE", help="Replay this Dockerfile, too.")
@click.option("--reordered", is_flag=True, help="Replay the order that `fastbuild reorder` proposes, too.")
@click.option(
    "--real",
    metavar="K",
    type=click.IntRange(min=2),
    help="Build the newest K commits, too, and compare (the first is cold).",
)
@click.option("--engine", help="buildctl or private (default: the first there is).")
@click.option("--engine-config", help="A buildkitd.toml for the private engine.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown"]), default="text", show_default=True
)
def command(context: str, form: str, **flags: Any) -> int:
    """Say which steps each of the newest commits would have run again, and how long that takes.

    Takes the flags of fastbuild build. Nothing is checked out, and nothing built without --real.
    """
    settings = config.load(Path.cwd(), os.environ, {name: flags[name] for name in SETTINGS})
    request = request_from_flags(context, flags)
    asked = Asked(
        commits=flags["commits"],
        ref=flags["ref"],
        others=flags["others"],
        reordered=flags["reordered"],
        real=flags["real"],
    )
    with signals(), workdir() as folder, Progress(sys.stderr) as progress:
        found = _Session(settings, folder, os.environ, progress).run(request, asked)
    if form == "json":
        click.echo(json.dumps(to_json(found), indent=2))
    else:
        text = report.render_text(found) if form == "text" else report.render_markdown(found)
        click.echo(words.encodable(text, sys.stdout.encoding))
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to replay; `real` is how many commits to build, or None."""

    commits: int
    ref: str
    others: tuple[str, ...]
    reordered: bool
    real: int | None


@dataclass(frozen=True, slots=True)
class _Session:
    settings: Settings
    folder: Path
    environ: Mapping[str, str]
    progress: Progress

    def run(self, given: BuildRequest, asked: Asked) -> report.Replay:
        if given.context == "-" or is_remote(given.context):
            raise UsageError(
                "replay needs the build context as a directory of a git repository", fix="clone it first"
            )
        paths = Paths.from_environ(self.environ, os.getuid())
        request = prepare.with_stages(stage(given, sys.stdin.buffer, self.folder))
        request = replace(request.without_results(), call="build")
        place = Place.of(Path(request.context))
        choice = detect.choose_for(request, self.settings.engine, self.environ, paths)
        if asked.real is not None and choice.name != "private":
            raise UsageError("--real needs the private engine", fix="add --engine private")
        history = History(place, asked.ref, asked.commits + 1, self._digests(place, paths))
        try:
            return self._replay(request, asked, choice, paths, history)
        finally:
            history.close()

    def _digests(self, place: Place, paths: Paths) -> BlobDigests:
        import xxhash

        name = xxhash.xxh3_64_hexdigest(os.fsencode(place.git_dir.resolve()))
        return BlobDigests(paths.cache / "blobs" / name)

    def _replay(
        self, request: BuildRequest, asked: Asked, choice: Choice, paths: Paths, history: History
    ) -> report.Replay:
        if len(history.commits) < 2:
            raise UsageError(
                f"{asked.ref} has only one commit here: there is nothing to compare",
                fix="fetch the history (git fetch --unshallow), or name another --ref",
            )
        variants, notes = self._variants(request, asked, history.place)
        ready = prepare.ready(
            choice,
            request,
            self.folder,
            paths,
            self.environ,
            **self.settings.private_engine,
        )
        with ready as engine:
            plans = Plans(engine.job, request, self.folder, known_seconds(request, paths))
            others = self._others(request, paths)
            columns = tuple(self._column(history, variant, plans, others) for variant in variants)
        real = None
        if asked.real is not None:
            from fastbuild.commands.replay_real import Sampling

            sampling = Sampling(
                self.settings, paths, self.environ, self.folder, choice, request, self.progress
            )
            real = sampling.run(history, variants[0], plans, others, asked.real)
        return report.Replay(
            ref=asked.ref,
            commits=history.commits[1:],
            columns=columns,
            notes=(*notes, *_notes(history, asked, columns)),
            real=real,
        )

    def _column(
        self, history: History, variant: Variant, plans: Plans, others: Mapping[str, Files]
    ) -> report.Column:
        count = len(history.commits)
        self.progress.begin(variant.name, count - 1)  # the first one is built, not counted
        found = []
        for number, each in enumerate(replaying(moments(history, variant, plans, others, range(count)))):
            found.append(each)
            self.progress.at(number)
        return report.Column(name=variant.name, replayed=tuple(found[1:]))

    def _variants(self, request: BuildRequest, asked: Asked, place: Place) -> tuple[list[Variant], list[str]]:
        file = Path(request.file or Path(request.context, "Dockerfile"))
        path = place.path_of(file)
        found, notes = [Variant(name=TODAY, text=_read(file), path=path)], []
        if path:
            found.append(Variant(name=AS_WAS, text=None, path=path))
        else:
            notes.append(f"{file} lies outside of the repository, so it has no past")
        for name in asked.others:
            found.append(Variant(name=name, text=_read(Path(name)), path=place.path_of(Path(name))))
        if asked.reordered:
            text = _reordered(request)
            if text is None:
                notes.append("reordered: there is no better order that is safe")
            else:
                found.append(Variant(name=REORDERED, text=text, path=path))
        return found, notes

    def _others(self, request: BuildRequest, paths: Paths) -> Mapping[str, Files]:
        from fastbuild.pipeline.replay import named_trees

        return named_trees(request, paths, keep_modes=self.settings.keep_modes)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file} can't be read: {error.strerror}", fix="name an existing file") from error


def _reordered(request: BuildRequest) -> bytes | None:
    from fastbuild.commands.reorder_session import begin
    from fastbuild.dockerfile.parse import encode
    from fastbuild.reorder.effects import Trust

    session = begin(request, 200, history=True)
    proposal = session.proposal(Trust.LIKELY)
    if proposal.doubts:
        proposal = session.proposal(Trust.MODEL)
    return encode(proposal.text) if proposal.stages else None


def _notes(history: History, asked: Asked, columns: tuple[report.Column, ...]) -> list[str]:
    notes = []
    found = len(history.commits) - 1
    if found < asked.commits:
        from fastbuild import git

        facts = git.read(history.place.root)
        why = "the clone is shallow" if facts is not None and facts.shallow else "there are no more"
        notes.append(f"only {words.plural(found, 'commit')} could be replayed: {why}")
    if history.sends_git:
        notes.append(".git is sent with the context and differs in every commit: list it in .dockerignore")
    if history.blobs.pointers:
        count = words.plural(len(history.blobs.pointers), "file")
        notes.append(f"Git LFS keeps {count} elsewhere; the pointers were compared")
    if history.not_followed:
        path, how = min(history.not_followed.items())
        count = words.plural(len(history.not_followed), "file")
        notes.append(f"a checkout converts {count} ({path}: {how}); what git stores was compared")
    reruns = (rerun for column in columns for each in column.replayed for rerun in each.reruns)
    if any(not rerun.instruction.measured for rerun in reruns):
        notes.append("~: seconds are estimates where no recorded build of this machine has measured a step")
    return notes
