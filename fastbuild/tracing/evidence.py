"""From what the tracing runtime left behind to `RunReads`, refused where it is not the whole truth."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastbuild.tracing.deeds import is_outside
from fastbuild.tracing.programs import interpreter
from fastbuild.tracing.reads import RunReads
from fastbuild.tracing.reduce import Before, reduce
from fastbuild.tracing.strace import TraceError
from fastbuild.tracing.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastbuild.tracing.chains import Chain
    from fastbuild.tracing.deeds import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A traced RUN: what ran, the files before it, and how its trace is read.

    `span` is the id of BuildKit's span that it ran in. `lines` reads the trace; `messages` is what strace
    said about itself. `changed` are the paths in the layer, folders with a `/` at the end; None if unknown.
    `head` reads the first bytes of a program by its path in the container, None if no layer has it.
    """

    span: str
    args: tuple[str, ...]
    user: str
    env: tuple[str, ...]
    before: Before
    messages: str
    changed: tuple[str, ...] | None
    lines: Callable[[], Sequence[str]] = field(repr=False)
    head: Callable[[str], bytes | None] = field(repr=False)


def judge(container: Container, vertex: str, chain: Chain, names: frozenset[str]) -> RunReads:
    """The evidence about one RUN; `names` are all names of files and directories in the build context."""
    reason, facts = "", None
    try:
        facts = _facts(container)
    except TraceError as error:
        reason = str(error)
    except (LookupError, ValueError) as error:  # a call with other arguments than its signature has
        reason = f"its trace is not understood: {error!r}"
    reads = RunReads(
        vertex=vertex,
        args=container.args,
        cwd=container.before.cwd,
        user=container.user,
        env=container.env,
        instruction=chain.instruction,
        line=chain.line,
        complete=facts is not None,
        reason=reason,
    )
    return _with_facts(reads, facts, container.before, names) if facts else reads


def _with_facts(reads: RunReads, facts: Facts, before: Before, names: frozenset[str]) -> RunReads:
    listed = tuple(sorted(facts.listed))
    known = (before.folders.get(folder, ()) for folder in listed)
    return replace(
        reads,
        read=tuple(sorted(facts.read)),
        absent=tuple(sorted(facts.absent)),
        listed=listed,
        entries=tuple(tuple(sorted(name for name in entries if name in names)) for entries in known),
        written=tuple(sorted(facts.written)),
    )


def _facts(container: Container) -> Facts:
    if container.messages.strip():
        raise TraceError(f"strace said: {container.messages.strip().splitlines()[0]}")
    if container.changed is None:
        raise TraceError("its layer could not be compared with the trace")
    facts = reduce(container.lines(), container.before)
    _add_interpreters(facts, container)
    if unseen := uncovered(container.changed, facts.written, container.before):
        raise TraceError(f"it changed {unseen[0]}, which is not in the trace")
    return facts


def _add_interpreters(facts: Facts, container: Container) -> None:
    """The kernel reads the interpreter of a script and the loader of a program on its own."""
    before = container.before
    tree = Tree(before.folders, before.links, before.mounts)
    pending, done = sorted(facts.programs), set[str]()
    while pending:
        program = pending.pop()
        if program in done or is_outside(program):
            continue
        done.add(program)
        head = container.head(program)
        if head is None:
            if program in facts.written:
                continue  # made and removed by the RUN
            raise TraceError(f"it executed {program}, which can't be looked at")
        name = interpreter(head)
        if not name:
            continue
        if not name.startswith("/"):
            raise TraceError(f"{program} names its interpreter by a relative path")
        place = tree.place(name)
        found = {*place.links, place.path} - facts.made
        facts.read |= found if not place.missing else set(place.links)
        pending.append(place.path)


def uncovered(changed: Sequence[str], written: set[str], before: Before) -> list[str]:
    """The paths in a layer that no call of the trace explains.

    The runtime makes mount points and the working directory; overlayfs copies the directories above a change.
    """
    ours = {above for path in (*before.mounts, before.cwd) for above in _with_parents(path)}
    missing = []
    for path in changed:
        plain = path.rstrip("/")
        copied_up = path.endswith("/") and plain in before.folders
        if plain not in written and plain not in ours and not copied_up and not is_outside(plain):
            missing.append(plain)
    return missing


def _with_parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1)]
