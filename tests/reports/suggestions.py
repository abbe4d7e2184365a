"""Suggestions to render: made by hand, so that they stay what they are when the model learns something."""

from __future__ import annotations

from dataclasses import replace

from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse
from fastbuild.images.compare import Difference
from fastbuild.reorder.constraints import Edge, Graph
from fastbuild.reorder.cost import Costs
from fastbuild.reorder.effects import Trust
from fastbuild.reorder.nodes import Node
from fastbuild.reorder.propose import Freed, PlannedStep, Proposal, StagePlan, propose
from fastbuild.reorder.prove import Proof, Verdict
from fastbuild.reorder.shares import Commits, assumed
from fastbuild.reports.reorder.suggestion import Suggestion
from tests.reorder.cases import Files

BEFORE = """\
FROM python:3.11-slim
ARG GIT_SHA=unknown
WORKDIR /app
# the program
COPY . .
RUN pip install --no-cache-dir -r requirements.txt
RUN apt-get update && apt-get install -y --no-install-recommends curl libgomp1 libxml2
CMD ["python", "-m", "app"]
"""
SPLIT = BEFORE.replace("# the", "COPY requirements.txt ./\n# the")
AFTER = """\
FROM python:3.11-slim
WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir -r requirements.txt
RUN apt-get update && apt-get install -y --no-install-recommends curl libgomp1 libxml2
ARG GIT_SHA=unknown
# the program
COPY . .
CMD ["python", "-m", "app"]
"""
ORDER = (1, 2, 4, 5, 0, 3, 6)
DOUBT = "the base image is not an official one, and /app may be a symbolic link"
COSTS = Costs(
    commits=Commits(paths=(frozenset({"app.py"}),) * 42),
    measured={"RUN pip install --no-cache-dir -r requirements.txt": 31.4},
)


def _graph(text: str, *edges: tuple[int, int, str, Trust]) -> Graph:
    subject = Subject(parse(text))
    nodes = tuple(Node(step=step) for step in subject.stages[0].steps[1:])
    return Graph(
        nodes=nodes,
        edges=tuple(Edge(before=a, after=b, why=why, trust=trust) for a, b, why, trust in edges),
    )


ORIGINAL_GRAPH = _graph(
    BEFORE,
    (1, 2, "line 3 sets the directory for the other", Trust.MODEL),
    (1, 3, "line 3 sets the directory for the other", Trust.MODEL),
    (2, 3, "line 6 reads /app/requirements.txt, which line 5 writes", Trust.MODEL),
    (0, 4, "line 7 may read and write anything: a reason", Trust.MODEL),
    (1, 4, "line 7 may read and write anything: a reason", Trust.MODEL),
    (2, 4, "line 7 may read and write anything: a reason", Trust.MODEL),
    (3, 4, DOUBT, Trust.LIKELY),
)
PLAN_GRAPH = _graph(
    SPLIT,
    (1, 2, "line 3 sets the directory for the other", Trust.MODEL),
    (1, 3, "line 3 sets the directory for the other", Trust.MODEL),
    (1, 4, "line 3 sets the directory for the other", Trust.MODEL),
    (2, 4, "line 7 reads /app/requirements.txt, which line 4 writes", Trust.MODEL),
    (3, 5, DOUBT, Trust.LIKELY),
    (4, 5, "both write /usr/lib", Trust.MODEL),
)
ARG = Freed("ARG GIT_SHA=unknown", 2, 1.0)
COPY = Freed("COPY . .", 5, 0.84)


def _step(text: str, line: int | None, seconds: float, now: float | None, after: float) -> PlannedStep:
    return PlannedStep(
        text=text,
        line=line,
        seconds=seconds,
        measured=seconds > 30,
        share_now=now,
        share_after=after,
        moved=False,
    )


STEPS = (
    _step("WORKDIR /app", 3, 0.05, 1.0, 0.0),
    _step("COPY requirements.txt ./", None, 0.3, None, 0.004),
    replace(
        _step("RUN pip install --no-cache-dir -r requirements.txt", 6, 31.4, 1.0, 0.004),
        freed=(ARG, COPY),
        moved=True,
    ),
    replace(
        _step(BEFORE.split("\n")[6], 7, 12.0, 1.0, 0.004),
        freed=(ARG, COPY, Freed("COPY requirements.txt ./", 0, 0.004)),
        moved=True,
    ),
    replace(_step("ARG GIT_SHA=unknown", 2, 0.0, 1.0, 1.0), moved=True),
    _step("COPY . .", 5, 0.3, 1.0, 1.0),
    _step('CMD ["python", "-m", "app"]', 8, 0.0, 1.0, 1.0),
)
PLAN = StagePlan(
    index=0, name="0", now=43.7, after=0.5, steps=STEPS, graph=PLAN_GRAPH, order=ORDER, doubts=(DOUBT,)
)
LIKELY = Proposal(original=BEFORE, text=AFTER, now=43.7, after=0.5, stages=(PLAN,), held=(ORIGINAL_GRAPH,))
SURE_GRAPH = replace(PLAN_GRAPH, edges=tuple(e for e in PLAN_GRAPH.edges if e.trust))
SURE = replace(LIKELY, stages=(replace(PLAN, graph=SURE_GRAPH, doubts=()),))
NOTHING = replace(LIKELY, text=BEFORE, after=43.7, stages=())

BETTER = Suggestion(path="shop/Dockerfile", proposal=SURE, likely=None, costs=COSTS)
GOOD = Suggestion(path="shop/Dockerfile", proposal=NOTHING, likely=None, costs=COSTS)
DOUBTFUL = replace(GOOD, likely=LIKELY, costs=Costs(commits=assumed(["app.py"])), why_assumed="no git here")
PROVED = replace(
    BETTER,
    proposal=LIKELY,
    proof=Proof(
        verdict=Verdict.EQUIVALENT,
        reason="files and configuration are equal where two builds of the original are",
        noise=("/var/log/dpkg.log", "/var/log/apt/history.log"),
        seconds=(61.2, 58.9, 60.3),
    ),
)
REFUTED = replace(
    PROVED,
    proof=Proof(
        verdict=Verdict.DIFFERENT,
        reason="/app: kind: link → directory (and 21 more)",
        differences=tuple(
            Difference(path=f"/app/{n}", what="entry", a="(nothing)", b="file", step="COPY . .")
            for n in range(22)
        ),
        seconds=(61.2, 58.9, 60.3),
    ),
)
UNCLEAR = replace(
    PROVED, proof=Proof(verdict=Verdict.CANNOT_TELL, reason="the build context changed during the proof")
)
ALL = {"better": BETTER, "good": GOOD, "doubtful": DOUBTFUL, "proved": PROVED, "refuted": REFUTED}
ALL["unclear"] = UNCLEAR


def real(text: str, *, path: str = "Dockerfile", trust: Trust = Trust.MODEL, **files: str) -> Suggestion:
    """What fastbuild makes of a Dockerfile; files by name with `_` for the dot."""
    texts = {name.replace("_", "."): content for name, content in files.items()}
    costs = Costs(commits=assumed(list(texts)))
    found = propose(Subject(parse(text), Files(texts)), costs, trust=trust)
    return Suggestion(path=path, proposal=found, likely=None, costs=costs)
