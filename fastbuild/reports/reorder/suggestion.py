"""What `fastbuild reorder` found, as the renderers take it."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.reorder.prove import Verdict
from fastbuild.reports.findings.safe import visible

if TYPE_CHECKING:
    from fastbuild.reorder.cost import Costs
    from fastbuild.reorder.propose import Proposal
    from fastbuild.reorder.prove import Proof

_LINE = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One Dockerfile's.

    `likely` is a better order that needs a proof, if there is one; `why_assumed` one clause, why git could
    not tell how often files change; `proof` the proof asked for.
    """

    path: str
    proposal: Proposal
    likely: Proposal | None
    costs: Costs
    why_assumed: str = ""
    proof: Proof | None = None

    @property
    def proved(self) -> bool:
        """Whether a build showed that the image stays the same."""
        return self.proof is not None and self.proof.verdict is Verdict.EQUIVALENT

    @property
    def refuted(self) -> bool:
        """Whether a proof was tried and did not succeed."""
        return self.proof is not None and not self.proved

    def patch(self) -> str:
        """The change as `diff -u` writes it, fit for `git apply`; empty if nothing changes."""
        before, after = self.proposal.original, self.proposal.text
        name = visible(self.path).lstrip("/")
        lines = difflib.unified_diff(_LINE.findall(before), _LINE.findall(after), f"a/{name}", f"b/{name}")
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )

    def diff(self) -> tuple[str, ...]:
        """The lines of `patch` to be shown: without line ends, nothing in them acts."""
        return tuple(visible(line.removesuffix("\r")) for line in self.patch().split("\n")[:-1])

    def weighed(self) -> tuple[int, int]:
        """How many steps of the Dockerfile take time, and of how many of them it was measured."""
        steps = [node.step for graph in self.proposal.held for node in graph.nodes]
        known = [self.costs.seconds(step) for step in steps]
        timed = [measured for seconds, measured in known if seconds]
        return len(timed), sum(timed)

    def shares_basis(self) -> str:
        """What the shares of commits rest on, one clause."""
        commits = self.costs.commits
        if not commits.assumed:
            return f"shares of commits are counted in git's last {commits.count} that touch the context"
        because = f" ({visible(self.why_assumed)})" if self.why_assumed else ""
        usual = "of 25 commits 20 change sources, 1 dependencies, 4 documents"
        return f"shares of commits are assumed{because}: {usual}"

    def seconds_basis(self) -> str:
        """What the seconds rest on, one clause."""
        steps, measured = self.weighed()
        if not measured:
            return "seconds are estimates (~), for no build of this Dockerfile is recorded"
        if measured == steps:
            return "seconds are measured in recorded builds"
        return f"seconds of {measured} of {steps} steps are measured in recorded builds, others estimates (~)"

    def basis(self) -> str:
        """Both, one sentence without a full stop."""
        return f"{self.shares_basis()}; {self.seconds_basis()}"
