"""What `fastbuild reorder` looks at: the Dockerfile, its context, the commits, what steps took."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.analysis.subject import Seen, Subject
from fastbuild.context.tree import Tree
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.dockerfile.validate import validate
from fastbuild.errors import UsageError
from fastbuild.paths import Paths
from fastbuild.reorder.cost import Costs
from fastbuild.reorder.evidence import roots
from fastbuild.reorder.propose import propose
from fastbuild.reorder.shares import Commits, assumed
from fastbuild.reorder.verify import problem
from fastbuild.request import is_remote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.git import GitFacts
    from fastbuild.reorder.effects import Trust
    from fastbuild.reorder.propose import Proposal
    from fastbuild.request import BuildRequest
    from fastbuild.tracing.reads import RunReads

FEWEST = 10
"""Commits below which a history says too little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One Dockerfile with everything known about it. `raw` are its bytes as found; `why_assumed` says why git
    could not tell how often files change, empty if it could."""

    path: Path
    root: Path
    paths: Paths
    raw: bytes
    subject: Subject
    costs: Costs
    why_assumed: str = ""
    evidence: Mapping[str, RunReads] = field(default_factory=dict)
    """Of traced RUNs, by the instruction's text."""

    def proposal(self, trust: Trust) -> Proposal:
        """The best order, checked. Raises UsageError if the rewriter's own check finds a fault."""
        found = propose(self.subject, self.costs, trust=trust)
        fault = problem(found)
        if fault:
            raise UsageError(
                f"the proposal for {self.path} failed its own check: {fault}",
                cause="an error in fastbuild; nothing was written",
                fix="report it with the Dockerfile, please",
            )
        return found

    def keep_guards(self, proposal: Proposal) -> None:
        """Keep what traced RUNs of the stages that change took for granted, for later builds to look at."""
        from fastbuild.commands import guards

        kept = {}
        for plan in proposal.stages:
            steps = self.subject.stages[plan.index].steps
            for at, step in enumerate(steps):
                reads = self.evidence.get(step.instruction.text)
                if reads is not None and self.subject.context is not None:
                    kept[reads.instruction] = (reads, roots(steps[:at], self.subject.context))
        guards.keep(self.paths, proposal.text, kept)


def begin(request: BuildRequest, commits: int, *, history: bool) -> Session:
    """Read everything. Raises UsageError for paths that can't be used, DockerfileSyntax for a bad file."""
    root, dockerfile = _located(request.context, request.file)
    build_args = dict(request.build_args)
    try:
        raw = dockerfile.read_bytes()
    except OSError as error:
        raise UsageError(f"{dockerfile} can't be read: {error.strerror}", fix="name it with -f") from error
    parsed = parse(decode(raw), str(dockerfile))
    validate(parsed)
    tree = Tree(root, dockerfile)
    paths = Paths.from_environ(os.environ, os.getuid())
    evidence = _evidence(paths, request, decode(raw))
    subject = Subject(parsed, tree, build_args, seen={text: _seen(each) for text, each in evidence.items()})
    if tree.problem:
        raise UsageError(tree.problem, fix="mend the ignore file: BuildKit would refuse it too")
    named = tree.ignore_file()
    ignore = Ignore.read(named[1], named[0]) if named else Ignore(())
    measured = _measured(paths, subject) if history else {}
    found, why_assumed = _commits(root, tree, commits)
    return Session(
        path=dockerfile,
        root=root,
        paths=paths,
        raw=raw,
        subject=subject,
        costs=Costs(commits=found, ignores=ignore.ignores, measured=measured),
        why_assumed=why_assumed,
        evidence=evidence,
    )


def _evidence(paths: Paths, request: BuildRequest, text: str) -> dict[str, RunReads]:
    """What builds with --trace-reads kept of this text's RUNs; one that occurs twice is left out."""
    from fastbuild.tracing import store
    from fastbuild.tracing.chains import chains

    if not (paths.state / "reads").is_dir():
        return {}
    found: dict[str, RunReads] = {}
    known = chains(text, dict(request.build_args), ",".join(request.platforms))
    texts = [chain.instruction for chain in known.values()]
    for chain in known.values():
        reads = store.load(paths, store.chain_key(chain.texts))
        if reads is not None and reads.complete and texts.count(chain.instruction) == 1:
            found[chain.instruction] = reads
    return found


def _seen(reads: RunReads) -> Seen:
    return Seen(
        reads=frozenset((*reads.read, *reads.absent)),
        listed=frozenset(reads.listed),
        writes=frozenset(reads.written),
    )


def _located(context: str, file: str | None) -> tuple[Path, Path]:
    """The context and the Dockerfile."""
    if context == "-" or file == "-" or is_remote(context):
        raise UsageError(
            "reorder needs the build context and the Dockerfile as local files",
            fix="clone the repository, and name its directory",
        )
    path = Path(context)
    if path.is_dir():
        return path, Path(file) if file else path / "Dockerfile"
    if file:
        raise UsageError(
            f"{path} is no directory", fix="give the build context's directory, the file with -f"
        )
    return path.parent, path


def _measured(paths: Paths, subject: Subject) -> dict[str, float]:
    from fastbuild.commands.analyze_history import Past

    found = Past(paths.history).of(subject.dockerfile)
    texts = {i.index: i.text for i in subject.dockerfile.instructions}
    return {texts[at]: each.seconds for at, each in found.items() if each.seconds is not None}


def _commits(root: Path, tree: Tree, limit: int) -> tuple[Commits, str]:
    """The commits to count, and why they are assumed where git has none or too few."""
    from fastbuild import git

    facts = git.read(root)
    paths = git.changed_paths(root, limit) if facts else ()
    if len(paths) >= min(FEWEST, limit):
        return Commits(paths=paths), ""
    files = [path for path, file in tree.files().items() if file.kind != "directory"]
    return assumed(files), _too_few(facts, len(paths), limit)


def _too_few(facts: GitFacts | None, found: int, limit: int) -> str:
    if facts is None:
        return "the context is in no git repository"
    if not found:
        return "git counts no commit that touches the context"
    few = f"git has only {found} that touch the context, {min(FEWEST, limit)} are needed"
    return f"{few}; the clone is shallow" if facts.shallow else few
