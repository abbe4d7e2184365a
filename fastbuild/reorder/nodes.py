"""A stage's instructions with everything they use, set, read and write."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.reach import lineage
from fastbuild.dockerfile.expand import references
from fastbuild.reorder.copying import copied
from fastbuild.reorder.effects import SYSTEM, Effects, Trust, covers, unknown
from fastbuild.reorder.paths import PathSet, ancestors, canonical
from fastbuild.reorder.place import At, Laid
from fastbuild.reorder.script import STEERING, script_effects
from fastbuild.reorder.tools.environment import matters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.subject import Subject
    from fastbuild.dockerfile.model import Instruction
    from fastbuild.dockerfile.shell import Script
    from fastbuild.reorder.copying import Copied

EXISTING = frozenset({"/usr", "/etc", "/var", "/tmp", "/home", "/root"})  # noqa: S108
"""Directories that every base with a shell has."""
_CONFIG = frozenset(
    {"LABEL", "CMD", "ENTRYPOINT", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL", "VOLUME", "MAINTAINER", "ONBUILD"}
)
_HOME_OPTIONS = (
    "-d",
    "-h",
    "-b",
    "-H",
    "-md",
    "-M",
    "-r",
    "-S",
    "--home",
    "--base-dir",
    "--no-create-home",
    "--system",
)
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


def nodes_of(subject: Subject, stage: int) -> tuple[Node, ...]:
    """The nodes of one stage, its FROM left out."""
    chain = lineage(subject, subject.stages[stage])
    laid = Laid(subject.context)
    found: list[Node] = []
    base = _base_doubt(chain[0])
    known = _Known(frozenset(name for arg in subject.dockerfile.header for name, _ in arg.pairs()))
    for each in chain:
        found = [_node(known.seen(step), subject, laid, known) for step in each.steps[1:]]
    doubted = [replace(node, doubts=(*node.doubts, *base)) if node.touches else node for node in found]
    return _without_links(tuple(doubted))


class _Known:
    """Which variables have values that only a build decides: those of ARGs, and what is made of them."""

    def __init__(self, arguments: frozenset[str]) -> None:
        self.uncertain = set(arguments)
        self.users = {"node"}  # of the official images
        self._lost = False

    def seen(self, step: Step) -> Step:
        """The step, without a directory if a variable of unknown value led there; then takes note of it."""
        given = replace(step, cwd=None) if self._lost else step
        instruction = step.instruction
        if step.keyword == "ARG":
            self.uncertain |= {name for name, _ in instruction.pairs()}
        elif step.keyword == "ENV":
            for name, value in instruction.pairs():
                unsure = references(value or "") & self.uncertain
                self.uncertain = self.uncertain | {name} if unsure else self.uncertain - {name}
        elif step.keyword == "WORKDIR":
            unsure = references(" ".join(instruction.words)) & self.uncertain
            self._lost = bool(unsure) or (self._lost and not _absolute(step))
        elif step.keyword == "RUN":
            self._take_users(step.script)
        return given

    def _take_users(self, script: Script) -> None:
        """Users made with a home below /home; one whose home is elsewhere, or may be, is not known."""
        for call in script.calls:
            if call.name in ("useradd", "adduser", "usermod"):
                words = [word.value or word.text for word in call.words[1:]]
                name = words[-1] if words else ""
                elsewhere = any(word.startswith(_HOME_OPTIONS) for word in words)
                self.users = (
                    self.users - {name} if elsewhere or call.name == "usermod" else self.users | {name}
                )
                if call.name == "adduser" and not elsewhere:
                    self.users |= {word for word in words if word.isalnum() and not word.isdigit()}

    def in_text(self, texts: tuple[str, ...]) -> bool:
        """Whether one of the texts has such a variable."""
        return any("$" in text and references(text) & self.uncertain for text in texts)


def _base_doubt(facts: StageFacts) -> tuple[str, ...]:
    name = facts.base.partition("@")[0].removeprefix("docker.io/").removeprefix("library/")
    if name == "scratch" or "/" not in name:
        return ()
    return (f"a directory of the base {name} may be a symbolic link; fastbuild has not looked into it",)


def _node(step: Step, subject: Subject, laid: Laid, known: _Known) -> Node:
    keyword = step.keyword
    instruction = step.instruction
    node = Node(step=step, names=_names(step), uses=_uses(step))
    if keyword in ("COPY", "ADD"):
        return _copy(node, subject, laid, known)
    if keyword == "RUN":
        return _run(node, laid, known)
    if keyword == "WORKDIR":
        return _workdir(node, known)
    if keyword in ("ENV", "ARG"):
        return replace(node, assigns=frozenset(name for name, _ in instruction.pairs()))
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


def _workdir(node: Node, known: _Known) -> Node:
    path = node.step.destination
    settled = replace(node, sets=frozenset({"cwd"}))
    if path is None or known.in_text(node.instruction.words):
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


def _lookup(owner: str) -> frozenset[str]:
    """A name is looked up in the image's account files; a number isn't."""
    plain = all(part.isdigit() for part in owner.split(":") if part)
    return frozenset() if plain else frozenset({"/etc/passwd", "/etc/group"})


def _copy(node: Node, subject: Subject, laid: Laid, known: _Known) -> Node:
    step = node.step
    instruction = step.instruction
    unsure = known.in_text((*instruction.words[-1:], *(flag.text for flag in instruction.flags)))
    found = None if unsure else copied(step, None if known.in_text(instruction.words) else subject.context)
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
    laid.doubted |= found.writes.trees
    laid.add({to: name for to, name in found.files.items() if listed[name].kind != "directory"})


def _run(node: Node, laid: Laid, known: _Known) -> Node:
    effects = _run_effects(node.step, laid, known)
    node = replace(node, caches=_caches(node.step))
    if effects.unknown:
        laid.doubted.add("/")
        return replace(node, unknown=effects.unknown, env=None, opaque=True)
    laid.doubted |= effects.writes - SYSTEM  # packages bring no settings that name files of a context
    writes = frozenset(canonical(path) for path in effects.writes)
    how = f"by line {node.line}"
    return replace(
        node,
        reads=frozenset(canonical(path) for path in effects.reads),
        writes=PathSet(trees=writes),
        makes={above: how for path in writes for above in ancestors(path)},
        env=effects.env,
        opaque=effects.makes_links,
        doubts=effects.doubts if effects.trust is Trust.LIKELY else (),
    )


def _run_effects(step: Step, laid: Laid, known: _Known) -> Effects:
    if step.cwd is None:
        return unknown("the directory it starts in depends on the base image or an argument")
    if "$" in step.user:
        return unknown("its user depends on a variable")
    env = {name: value for name, value in step.scope.values.items() if name not in known.uncertain}
    home = _home(step.user.partition(":")[0], env, known)
    if home is None:
        return unknown(f"fastbuild doesn't know the home directory of user {step.user}")
    mounted = _mounted(step, laid)
    if mounted is None:
        return unknown("fastbuild doesn't understand one of its mounts")
    laid, shadows = mounted
    at = At(laid=laid, cwd=step.cwd, home=home, user=step.user, env=env)
    found = script_effects(step.script, at)
    if found.unknown:
        return found
    return replace(
        found,
        reads=frozenset(p for p in found.reads if not any(covers(s, p) for s in shadows))
        | _lookup(step.user),
        writes=frozenset(p for p in found.writes if not any(covers(s, p) for s in shadows)),
    )


_SHADOWING = frozenset({"bind", "cache", "tmpfs"})


def _mounted(step: Step, laid: Laid) -> tuple[Laid, frozenset[str]] | None:
    """The files as the RUN sees them under its mounts, and the mounts' targets: what is there isn't the
    image's."""
    shadows = set()
    seen = laid
    for mount in step.instruction.mounts():
        target = mount.get("target") or mount.get("dst") or mount.get("destination") or ""
        if mount["type"] not in _SHADOWING:
            continue
        if not target or "$" in target or "$" in mount.get("source", ""):
            return None
        path = posixpath.normpath(posixpath.join(step.cwd or "/", target))
        shadows.add(path)
        seen = seen.covered(path)
        if mount["type"] == "bind" and "from" not in mount:
            seen.mount(mount.get("source") or mount.get("src") or "", path)
    return seen, frozenset(shadows)


def _caches(step: Step) -> frozenset[str]:
    """The cache mounts' ids: what one RUN leaves there, the next one finds."""
    mounts = [mount for mount in step.instruction.mounts() if mount["type"] == "cache"]
    return frozenset(mount.get("id") or mount.get("target") or mount.get("dst") or "" for mount in mounts)


def _home(user: str, env: Mapping[str, str], known: _Known) -> str | None:
    """$HOME: as set, of root, or of a user that an earlier RUN made in the ordinary way. None if unknown."""
    if env.get("HOME", "").startswith("/"):
        return env["HOME"]
    if user in ("", "root", "0"):
        return "/root"
    return f"/home/{user}" if user in known.users else None


def _without_links(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Steps that reach through a copied symbolic link are where they don't seem to be: nothing is known."""
    links = frozenset().union(*(node.links for node in nodes))
    if not links:
        return nodes
    marked = []
    known = PathSet(entries=dict.fromkeys(links, ("link",)))
    for node in nodes:
        touched = node.reads | node.writes.trees
        through = known.reaches(touched) if touched else None
        through = through or next((a for p in node.writes.entries for a in ancestors(p) if a in links), None)
        if through and not node.unknown:
            marked.append(replace(node, unknown=f"it reaches through the symbolic link {through}"))
        else:
            marked.append(node)
    return tuple(marked)
