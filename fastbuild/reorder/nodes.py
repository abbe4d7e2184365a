"""A stage's instructions with everything they use, set, read and write."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.analysis.bases import RUNS_AS_ROOT, image
from fastbuild.analysis.reach import lineage
from fastbuild.dockerfile.expand import references
from fastbuild.hierarchy import ancestors
from fastbuild.reorder.copying import copied
from fastbuild.reorder.given import Known, looked_up
from fastbuild.reorder.node import Node
from fastbuild.reorder.paths import PathSet, canonical
from fastbuild.reorder.place import Laid
from fastbuild.reorder.running import run_node

if TYPE_CHECKING:
    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.subject import Subject
    from fastbuild.reorder.copying import Copied

EXISTING = frozenset({"/usr", "/etc", "/var", "/tmp", "/home", "/root"})  # noqa: S108
"""Directories that every base with a shell has."""
_KNOWN_BASES = RUNS_AS_ROOT | {"nginx", "httpd", "postgres", "redis", "mariadb"}
_SHELLED = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK", "RUN"})


def nodes_of(subject: Subject, stage: int) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The nodes of one stage, its FROM left out, and before them those of the stages that it is built on."""
    chain = lineage(subject, subject.stages[stage])
    laid = Laid(subject.context)
    above: list[Node] = []
    found: list[Node] = []
    base = _base_doubt(chain[0])
    known = Known(frozenset(name for arg in subject.dockerfile.header for name, _ in arg.pairs()))
    for each in chain:
        above += found
        found = [_node(known.seen(step), subject, laid, known) for step in each.steps[1:]]
    doubted = [replace(node, doubts=(*node.doubts, *base)) if node.touches else node for node in found]
    if any(node.step.keyword == "ONBUILD" for node in above) or "onbuild" in chain[0].base:
        doubted = [_lost(node, "the ONBUILD steps of its base run first") for node in doubted]
    links = frozenset().union(*(node.links for node in (*above, *found)))
    return tuple(above), _without_links(tuple(doubted), links)


def _lost(node: Node, why: str) -> Node:
    return replace(node, unknown=node.unknown or why) if node.touches else node


def _base_doubt(facts: StageFacts) -> tuple[str, ...]:
    found = image(facts.base)
    name = found.path if found else facts.base
    if name == "scratch" or (found and found.is_official and name in _KNOWN_BASES):
        return ()
    return (f"a directory of the base {name} may be a symbolic link; fastbuild has not looked into it",)


def _node(step: Step, subject: Subject, laid: Laid, known: Known) -> Node:
    keyword = step.keyword
    instruction = step.instruction
    node = Node(step=step, names=_names(step), uses=_uses(step))
    if keyword in ("COPY", "ADD"):
        return _copy(node, subject, laid, known)
    if keyword == "RUN":
        return run_node(node, laid, known, subject.seen.get(instruction.text))
    if keyword == "WORKDIR":
        return _workdir(node, known)
    if keyword in ("ENV", "ARG"):
        return replace(node, assigns=frozenset(name for name, _ in instruction.pairs()))
    if keyword == "VOLUME":
        return _volume(node, known)
    if keyword in ("USER", "SHELL"):
        return replace(node, sets=frozenset({keyword.lower()}))
    return node


def _names(step: Step) -> frozenset[str]:
    """Variables that the text itself names."""
    instruction = step.instruction
    text = " ".join((*(flag.text for flag in instruction.flags), *instruction.words))
    found = references(text)
    for body in instruction.heredocs:
        found |= references(body.content)
    if step.keyword == "RUN":
        found |= step.script.variables
    if step.keyword == "ARG":
        found |= {name for name, default in instruction.pairs() if default is None}
    return frozenset(found)


def _uses(step: Step) -> frozenset[str]:
    instruction = step.instruction
    used = set()
    if step.keyword in _SHELLED and not instruction.json:
        used.add("shell")
    if step.keyword == "RUN":
        used |= {"cwd", "user"}
    if step.keyword == "WORKDIR":
        used |= {"user"}
    if step.keyword in ("COPY", "ADD", "WORKDIR") and not _absolute(step):
        used.add("cwd")
    return frozenset(used)


def _absolute(step: Step) -> bool:
    words = step.instruction.words
    return bool(words) and step.expanded(words[-1]).startswith("/")


def _workdir(node: Node, known: Known) -> Node:
    path = node.step.destination
    settled = replace(node, sets=frozenset({"cwd"}))
    if path is None or known.in_text(node.instruction.words, node.step):
        return replace(settled, unknown="its directory depends on the base image")
    path = canonical(path)
    if path == "/":
        return settled
    how = f"0755 {node.step.user}".strip()
    return replace(
        settled,
        reads=looked_up(node.step.user),
        writes=PathSet(entries={path: ("directory", path, how)}),
        makes=dict.fromkeys((path, *ancestors(path)), how),
    )


def _volume(node: Node, known: Known) -> Node:
    """The classic builder drops what later steps write below a volume."""
    words = node.instruction.words
    if known.in_text(words, node.step):
        return replace(node, unknown="its path depends on a variable")
    paths = frozenset(canonical(node.step.expanded(word)) for word in words)
    return replace(node, writes=PathSet(trees=paths))


def _copy(node: Node, subject: Subject, laid: Laid, known: Known) -> Node:
    step = node.step
    instruction = step.instruction
    unsure = known.in_text((*instruction.words[-1:], *(flag.text for flag in instruction.flags)), step)
    context = None if known.in_text(instruction.words, step) else subject.context
    found = None if unsure else copied(step, context)
    if found is None:
        laid.doubted.add("/")
        return replace(node, unknown="where it copies to depends on the base image or a variable")
    _lay(found, subject, laid)
    chown = step.instruction.flag("chown")
    return replace(
        node,
        reads=looked_up(step.expanded(chown)) if chown else frozenset(),
        writes=found.writes,
        makes=found.makes,
        files=found.files,
        links=found.links,
        opaque=found.opaque,
    )


def _lay(found: Copied, subject: Subject, laid: Laid) -> None:
    listed = subject.context.files() if subject.context else {}
    named = {to for to, name in found.files.items() if posixpath.basename(to) == posixpath.basename(name)}
    # `COPY a.txt /x/a.txt` may mean /x/a.txt/a.txt, but not where anybody has looked at /x/a.txt
    laid.doubted |= {path for path in found.writes.trees if path not in named or laid.below(path)}
    laid.add({to: name for to, name in found.files.items() if listed[name].kind != "directory"})


def _without_links(nodes: tuple[Node, ...], links: frozenset[str]) -> tuple[Node, ...]:
    """Steps that reach through a copied symbolic link are where they don't seem to be: nothing is known."""
    if not links:
        return nodes
    marked = []
    known = PathSet(entries=dict.fromkeys(links, ("link",)))
    for node in nodes:
        touched = node.reads | node.writes.trees
        through = known.reaches(touched) if touched else None
        start = (canonical(node.step.cwd),) if node.step.keyword == "RUN" and node.step.cwd else ()
        written = (*node.writes.entries, *node.makes, *start)
        through = through or next((a for p in written for a in ancestors(p) if a in links), None)
        through = through or next((p for p in (*node.makes, *start) if p in links), None)
        if through and not node.unknown:
            marked.append(replace(node, unknown=f"it reaches through the symbolic link {through}"))
        else:
            marked.append(node)
    return tuple(marked)
