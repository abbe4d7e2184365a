"""The proof of a proposal: three builds of the user's own build, on the user's engine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild import config
from fastbuild.analysis.reach import built
from fastbuild.commands.interrupts import signals
from fastbuild.commands.prove_builds import builder
from fastbuild.errors import UsageError
from fastbuild.reorder.prove import prove

if TYPE_CHECKING:
    from fastbuild.commands.reorder_session import Session
    from fastbuild.reorder.propose import Proposal
    from fastbuild.reorder.prove import Proof
    from fastbuild.request import BuildRequest


def prove_it(
    session: Session,
    request: BuildRequest,
    proposal: Proposal,
    *,
    smoke: str,
    engine: str | None,
    progress: str,
) -> Proof:
    """Build and compare. Raises UsageError where the build would not reach a changed stage, and what builds
    raise."""
    _check_reach(session, request, proposal)
    settings = config.load(Path.cwd(), os.environ, {"engine": engine})
    asked = replace(request, context=str(session.root), file=str(session.path))
    with signals(), builder(settings, session.paths, os.environ, asked, progress=progress) as build:
        return prove(build, proposal.original, proposal.text, smoke=smoke)


def _check_reach(session: Session, request: BuildRequest, proposal: Proposal) -> None:
    stages = session.subject.dockerfile.stages
    target = session.subject.dockerfile.stage(request.target) if request.target else stages[-1]
    if target is None:
        raise UsageError(f"there is no stage {request.target!r}", fix="name one with --target")
    reached = built(session.subject, target.index)
    missed = [plan for plan in proposal.stages if plan.index not in reached]
    if missed:
        raise UsageError(
            f"stage {missed[0].name} would change, but the build to compare doesn't reach it",
            cause="a proof by building says nothing about a stage that is not built",
            fix=f"prove it with --target {missed[0].name}",
        )
