"""A stage's instructions with everything they use, set, read and write."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.bases import RUNS_AS_ROOT, image
from fastbuild.analysis.reach import lineage
from fastbuild.dockerfile.expand import references
from fastbuild.dockerfile.model import mount_target
from fastbuild.hierarchy import ancestors, covers
from fastbuild.reorder.copying import copied
from fastbuild.reorder.effects import SYSTEM, Effects, Trust, unknown
from fastbuild.reorder.evidence import traced_effects
from fastbuild.reorder.given import UNSURE, Known
from fastbuild.reorder.paths import PathSet, canonical
from fastbuild.reorder.place import At, Laid
from fastbuild.reorder.script import SEARCHED, STEERING, script_effects
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS, COMMON, is_stamp, matters

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.subject import Seen, Subject
    from fastbuild.dockerfile.model import Instruction
    from fastbuild.reorder.copying import Copied

EXISTING = frozenset({"/usr", "/etc", "/var", "/tmp", "/home", "/root"})  # noqa: S108
"""Directories that every base with a shell has."""
_CONFIG = frozenset(
    {"LABEL", "CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "VOLUME", "MAINTAINER", "ONBUILD"}
)
_KNOWN_BASES = RUNS_AS_ROOT | {"nginx", "httpd", "postgres", "redis", "mariadb"}
_SHELLED = frozenset({"CMD", "ENTRYPOINT", "HEALTHCHECK", "RUN"})


@dataclass(frozen=True, kw_only=True)
class Node:
    """One instruction. Paths are canonical.

    `makes` holds directories made if absent, by how; `caches` are ids of cache mounts; `uses` and `sets`
    name cwd, user and shell; `assigns` and `names` are variables set and surely used; `env` those that
    programs may use (see `may_use`). `unknown` says why nothing is known of the files; `doubts` why the rest
    is only likely.
    """

    step: Step
    reads: frozenset[str] = frozenset()
    writes: PathSet = field(default_factory=PathSet)
    makes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    links: frozenset[str] = frozenset()
    opaque: bool = False
    enters: frozenset[str] = frozenset()
    caches: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    sets: frozenset[str] = frozenset()
    assigns: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    env: frozenset[str] | None = frozenset()
    unknown: str = ""
    doubts: tuple[str, ...] = ()

    @property
    def instruction(self) -> Instruction:
        """The instruction itself."""
        return self.step.instruction

    @property
    def line(self) -> int:
        """Its first line, from 1."""
        return self.instruction.start

    @property
    def fixed(self) -> bool:
        """Whether it only sets the image's configuration: it has no layer, and never moves."""
        return self.step.keyword in _CONFIG

    @property
    def touches(self) -> bool:
        """Whether it has to do with files."""
        return bool(self.unknown or self.reads or self.writes or self.makes or self.step.keyword == "RUN")

    def may_use(self, name: str) -> bool:
        """Whether its result may depend on a variable."""
        if name in self.names:
            return True
        if self.step.keyword != "RUN":
            return False
        if self.unknown or STEERING.fullmatch(name):
            return True
        return matters(self.env, name)


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
        return _run(node, laid, known, subject.seen.get(instruction.text))
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
        reads=_lookup(node.step.user),
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


def _lookup(owner: str) -> frozenset[str]:
    """A name is looked up in the image's account files; a number isn't."""
    plain = all(part.isdigit() for part in owner.split(":") if part)
    return frozenset() if plain else frozenset({"/etc/passwd", "/etc/group"})


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
        reads=_lookup(step.expanded(chown)) if chown else frozenset(),
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


def _run(node: Node, laid: Laid, known: Known, seen: Seen | None) -> Node:
    effects = _run_effects(node.step, laid, known)
    if effects.unknown and seen is not None and node.step.cwd is not None:
        effects = traced_effects(seen, node.step.cwd, laid)
    node = replace(node, caches=_caches(node.step))
    if effects.unknown:
        laid.doubted.add("/")
        return replace(node, unknown=effects.unknown, env=None, opaque=True)
    # packages bring no settings that name files of a context
    laid.doubted |= {canonical(path) for path in effects.writes - effects.spares - SYSTEM}
    writes = frozenset(canonical(path) for path in effects.writes)
    enters = {canonical(path) for path in effects.enters} - {"/"}
    above = {above for path in writes | enters for above in ancestors(path)}
    how = f"by line {node.line}"
    return replace(
        node,
        reads=frozenset(canonical(path) for path in effects.reads),
        writes=PathSet(trees=writes),
        makes=dict.fromkeys(above | enters, how),
        enters=frozenset(enters),
        env=effects.env,
        opaque=effects.makes_links,
        doubts=effects.doubts if effects.trust is Trust.LIKELY else (),
    )


def _run_effects(step: Step, laid: Laid, known: Known) -> Effects:
    if step.cwd is None:
        return unknown("the directory it starts in depends on the base image or an argument")
    if step.user == UNSURE:
        return unknown("its user depends on a variable")
    if step.shell is not None and not step.instruction.json and not _SHELL.fullmatch(" ".join(step.shell)):
        return unknown("its shell reads files of its own")
    unsure = frozenset(step.scope.values.keys() & known.uncertain)
    if searched := unsure & {*SEARCHED, "CDPATH", "BASH_ENV"}:
        return unknown(f"{min(searched)} depends on an argument")
    env = {name: value for name, value in step.scope.values.items() if name not in known.uncertain}
    home = known.home(step)
    if home is None:
        return unknown(f"fastbuild doesn't know the home directory of user {step.user}")
    mounted = _mounted(step, laid)
    if mounted is None:
        return unknown("fastbuild doesn't understand one of its mounts")
    laid, shadows = mounted
    at = At(laid=laid, cwd=canonical(step.cwd), home=home, user=step.user, env=env, unsure=unsure)
    found = script_effects(step.script, at, _text(step))
    if found.unknown:
        return found
    if setting := _unsure_setting(found.env, known.uncertain):
        return unknown(f"only a build knows the value of {setting}, which may name other files to it")
    return replace(
        found,
        reads=frozenset(p for p in found.reads if not any(covers(s, canonical(p)) for s in shadows))
        | _lookup(step.user),
        writes=frozenset(p for p in found.writes if not any(covers(s, canonical(p)) for s in shadows)),
    )


_NAMES_NO_FILE = re.compile(
    r".*(URL|HOST|INDEX|REGISTRY|TOKEN|PASSWORD|USERNAME|TIMEOUT|RETRIES|VERSION|PROXY|KEY|GOPRIVATE|GOSUMDB)"
)


def _unsure_setting(env: frozenset[str] | None, uncertain: Iterable[str]) -> str:
    """A variable without a known value that a tool takes as a setting of its own; empty if there is none."""
    own = (env or frozenset()) - ANY_BUT_STAMPS - COMMON
    found = (name for name in sorted(uncertain) if matters(own, name) and not is_stamp(name))
    return next((name for name in found if not _NAMES_NO_FILE.fullmatch(name)), "")


_SHELL = re.compile(
    r"(?:/usr)?(?:/bin/)?(?:sh|bash|ash|dash)(?: -[eux]*o pipefail| -[eux]+)* -[eux]*c", re.IGNORECASE
)
"""Shells that read no files of their own at the start: no login shells."""


def _text(step: Step) -> str:
    """What the shell gets; empty where there is none."""
    instruction = step.instruction
    if instruction.json:
        return instruction.words[2] if len(instruction.words) == 3 else ""
    return "\n".join((*instruction.words[:1], *(body.content for body in instruction.heredocs)))


_SHADOWING = frozenset({"bind", "cache", "tmpfs"})


def _mounted(step: Step, laid: Laid) -> tuple[Laid, frozenset[str]] | None:
    """The files as the RUN sees them under its mounts, and the mounts' targets: what is there isn't the
    image's."""
    shadows = set()
    seen = laid
    for mount in step.instruction.mounts():
        target = mount_target(mount)
        if mount["type"] not in _SHADOWING:
            continue
        if not target or "$" in target or "$" in mount.get("source", ""):
            return None
        path = canonical(posixpath.join(step.cwd or "/", target))
        shadows.add(path)
        seen = seen.covered(path)
        if mount["type"] == "bind" and "from" not in mount:
            seen.mount(mount.get("source") or mount.get("src") or "", path)
    return seen, frozenset(shadows)


def _caches(step: Step) -> frozenset[str]:
    """The cache mounts' ids: what one RUN leaves there, the next one finds."""
    mounts = [mount for mount in step.instruction.mounts() if mount["type"] == "cache"]
    return frozenset(mount.get("id") or posixpath.normpath(mount_target(mount)) for mount in mounts)


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
