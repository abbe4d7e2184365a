"""A RUN around its script: user, shell, mounts, and variables that only a build knows."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.model import mount_target
from fastbuild.hierarchy import ancestors, covers
from fastbuild.reorder.effects import SYSTEM, Effects, Trust, unknown
from fastbuild.reorder.evidence import traced_effects
from fastbuild.reorder.given import UNSURE, Known, looked_up
from fastbuild.reorder.paths import PathSet, canonical
from fastbuild.reorder.place import At, Laid
from fastbuild.reorder.script import script_effects
from fastbuild.reorder.surroundings import SEARCHED

if TYPE_CHECKING:
    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.subject import Seen
    from fastbuild.reorder.node import Node


def run_node(node: Node, laid: Laid, known: Known, seen: Seen | None) -> Node:
    """The node of a RUN with its effects; `laid` takes note of what it may have written.

    `seen` is traced evidence, for a RUN that isn't known.
    """
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
    unset = frozenset(known.uncertain - step.scope.values.keys())
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
    at = At(
        laid=laid, cwd=canonical(step.cwd), home=home, user=step.user, env=env, unsure=unsure, unset=unset
    )
    found = script_effects(step.script, at, _text(step))
    if found.unknown:
        return found
    return replace(
        found,
        reads=frozenset(p for p in found.reads if not any(covers(s, canonical(p)) for s in shadows))
        | looked_up(step.user),
        writes=frozenset(p for p in found.writes if not any(covers(s, canonical(p)) for s in shadows)),
    )


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
