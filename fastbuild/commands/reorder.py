"""`fastbuild reorder`: the best safe order of a Dockerfile's instructions, with the reasons and the proof."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastbuild.commands.build_flags import some_docker_options
from fastbuild.commands.deliver import deliver, may_colour
from fastbuild.errors import BuildFailed, UsageError

if TYPE_CHECKING:
    from fastbuild.commands.reorder_session import Session
    from fastbuild.reorder.propose import Proposal
    from fastbuild.reorder.prove import Proof
    from fastbuild.reports.reorder.suggestion import Suggestion
    from fastbuild.request import BuildRequest

FORMATS = ("text", "json", "markdown", "html")


BUILDING = (
    *("--add-host", "--allow", "--build-context", "--builder", "--network", "--platform", "--progress"),
    *("--pull", "--secret", "--shm-size", "--ssh", "--target", "--ulimit"),
)
"""Flags of docker build that matter only to the build of a proof."""


class GroupedCommand(click.Command):
    """A command whose help names docker's flags in one paragraph: their meaning is docker's."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Our own options as a list, docker's as names."""
        options = [each for each in self.get_params(ctx) if isinstance(each, click.Option)]
        ours = [each.get_help_record(ctx) for each in options if each.opts[0] not in BUILDING]
        with formatter.section("Options"):
            formatter.write_dl([record for record in ours if record])
        with formatter.section("For the builds of --prove, as in docker build"):
            formatter.write_text(" ".join(BUILDING))


@click.command("reorder", cls=GroupedCommand)
@click.argument("path", default=".")
@click.option("-f", "--file", metavar="FILE", help="The Dockerfile.  [default: PATH/Dockerfile]")
@click.option("--build-arg", metavar="KEY=VALUE", multiple=True, help="Set a build argument.")
@some_docker_options(*BUILDING)
@click.option("--prove", is_flag=True, help="Build both orders cold and compare the images.")
@click.option("--smoke", metavar="CMD", default="", help="With --prove: run CMD in both images.")
@click.option("--engine", metavar="NAME", help="With --prove: build on this engine.")
@click.option("--write", is_flag=True, help="Write the new order into the Dockerfile.")
@click.option("--check", is_flag=True, help="Exit 1 if there is a better order, or a member is missing.")
@click.option("--why", is_flag=True, help="Add what holds each instruction where it is.")
@click.option(
    "--commits",
    metavar="N",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Count changes in the newest N commits.",
)
@click.option("--history/--no-history", default=True, help="Take seconds from recorded builds.")
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    type=click.Choice(FORMATS),
    default="text",
    help="text, json, markdown or html.",
)
@click.option("--report", metavar="FILE", help="Write the report to a file instead.")
def command(path: str, *, prove: bool, write: bool, check: bool, **options: Any) -> int:
    """Find the order of instructions that rebuilds least, and say what it saves.

    PATH is the build context, or a Dockerfile in it. Nothing is written without --write; with --prove
    only an order whose image was found equal is.
    """
    from fastbuild.commands.build_flags import request_from_flags, without_flags
    from fastbuild.commands.reorder_session import begin

    if options["smoke"] and not prove:
        raise UsageError("--smoke needs --prove", fix="add --prove")
    report = options["report"]
    flags = without_flags()
    given = {name: value for name, value in options.items() if name in flags}
    request = request_from_flags(path, {**flags, **given})
    session = begin(request, options["commits"], history=options["history"])
    _check_targets(session, report, write=write)
    suggestion = _suggestion(session, request, options, prove=prove)
    _deliver(suggestion, options["form"], report, why=options["why"])
    if write:
        _write(session, suggestion.proposal, suggestion.proof)
    _raise_for(suggestion.proof)
    incomplete = _tell_missing(session)
    return int(check and (incomplete or bool(suggestion.proposal.stages)))


def _check_targets(session: Session, report: str | None, *, write: bool) -> None:
    """Raise UsageError before long builds for files that could not be written after them."""
    from fastbuild.files import check_writable

    if report:
        if Path(report).exists() and Path(report).samefile(session.path):
            raise UsageError("--report would overwrite the Dockerfile", fix="name another file")
        check_writable(Path(report))
    if write:
        check_writable(session.path)
        if not os.access(session.path, os.W_OK):
            raise UsageError(f"{session.path} is read-only", fix="make it writable, or leave out --write")


def _suggestion(
    session: Session, request: BuildRequest, options: dict[str, Any], *, prove: bool
) -> Suggestion:
    from fastbuild.reorder.effects import Trust
    from fastbuild.reorder.propose import LEAST
    from fastbuild.reports.reorder.suggestion import Suggestion

    likely = session.proposal(Trust.LIKELY)
    safe = likely if not likely.doubts else session.proposal(Trust.MODEL)
    chosen = likely if prove else safe
    proof = None
    if prove and chosen.stages:
        from fastbuild.commands.reorder_prove import prove_it

        proof = prove_it(
            session,
            request,
            chosen,
            smoke=options["smoke"],
            engine=options["engine"],
            progress=options["progress"],
        )
    return Suggestion(
        path=str(session.path),
        proposal=chosen,
        likely=likely if chosen is safe and safe.after - likely.after >= LEAST else None,
        costs=session.costs,
        why_assumed=session.why_assumed,
        proof=proof,
    )


def _tell_missing(session: Session) -> bool:
    """Say which members of a workspace an install doesn't see; no order can tell whether that is meant."""
    from fastbuild.reorder.members import missing
    from fastbuild.reports.findings.safe import visible

    found = missing(session.subject)
    for each in found:
        said = f"line {each.line} runs before {each.path} is copied; add before it: {'; '.join(each.lines)}"
        click.echo(f"fastbuild: {visible(said)}", err=True)
    return bool(found)


def _raise_for(proof: Proof | None) -> None:
    from fastbuild.reorder.prove import Verdict
    from fastbuild.reports.findings.safe import visible

    if proof is not None and proof.verdict is not Verdict.EQUIVALENT:
        said = f"{proof.verdict.value}: {visible(proof.reason)}"
        raise BuildFailed(f"error: the new order is not proved: {said}")


def _write(session: Session, proposal: Proposal, proof: Proof | None) -> None:
    from fastbuild.dockerfile.parse import encode
    from fastbuild.files import replace_file
    from fastbuild.reorder.prove import Verdict
    from fastbuild.reports.findings.safe import visible

    if not proposal.stages or (proof is not None and proof.verdict is not Verdict.EQUIVALENT):
        return
    if session.path.read_bytes() != session.raw:
        raise UsageError(f"{session.path} has changed meanwhile; nothing was written", fix="run it again")
    replace_file(session.path, encode(proposal.text))
    session.keep_guards(proposal)
    click.echo(f"fastbuild: wrote {visible(str(session.path))}", err=True)


def _deliver(suggestion: Suggestion, form: str, output: str | None, *, why: bool) -> None:
    from importlib import import_module

    colour = form == "text" and may_colour(output)
    module = import_module(f"fastbuild.reports.reorder.as_{form}")
    deliver(module.render(suggestion, colour=colour, why=why), output)
