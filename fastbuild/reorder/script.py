"""The effects of a RUN: those of all its commands together, whatever the shell's control flow does with
them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastbuild.hierarchy import covers
from fastbuild.reorder.commands import HANDLERS
from fastbuild.reorder.effects import NONE, Effects, Trust, unknown
from fastbuild.reorder.flow import Flow, flow
from fastbuild.reorder.given import misleading
from fastbuild.reorder.lists import filled, gathered
from fastbuild.reorder.named import named_files, rewritten
from fastbuild.reorder.operands import GLOB, tree
from fastbuild.reorder.surroundings import (
    BUILDING,
    DOTFILES,
    HELPERS,
    LOADER,
    STEERING,
    is_foreign,
    programs,
    search_path,
)
from fastbuild.reorder.tools import tool_for
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.wrappers import unwrap
from fastbuild.reorder.values import value_of, with_values

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call, Redirect, Script, Word
    from fastbuild.reorder.place import At

HARMLESS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/zero", "/dev/urandom", "/dev/tty"})
_BACK = re.compile(r"(?:^|[/=])(?!\.{0,2}/)[^/\s]+/\.\.(?:/|$)")
"""A path that goes into a directory and out again; not `../..`."""
_SHELLS = frozenset({"sh", "bash", "dash", "ash"})


@dataclass(slots=True)
class _State:
    """What the commands so far have changed for the next one."""

    at: At
    flow: Flow
    script: Script
    text: str
    lost: bool = False  # a `cd` that may or may not have happened
    values: dict[str, str | None] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)


def script_effects(script: Script, at: At, text: str) -> Effects:
    """The union over all commands of a script with this text; `unknown` as soon as one of them is."""
    if not script.complete:
        return unknown("its text can't be read as a shell script")
    if hidden := next((name for name in ("BASH_ENV", "CDPATH") if at.env.get(name)), ""):
        return unknown(f"{hidden} is set")
    found = flow(script, text)
    if found.problem:
        return unknown(found.problem)
    total = _calls(script, _State(at, found, script, text, values=dict.fromkeys(found.lost)))
    if found.again and total.writes:
        total = _calls(
            script,
            _State(
                at.after(total.writes - total.spares), found, script, text, values=dict.fromkeys(found.lost)
            ),
        )
    return total


def _calls(script: Script, state: _State) -> Effects:
    """One pass over all commands: each finds the files as those before it may have left them."""
    total = Effects(reads=search_path(state.at) | programs({"sh", "bash", "dash", "ash"}) | LOADER)
    for call in script.calls:
        found = _function(call, state) if call.name in script.functions else _call(call, state)
        total |= found
        if total.unknown:
            return total
        if found.writes:
            state.at = state.at.after(found.writes - found.spares)
    return total


def _function(call: Call, state: _State) -> Effects:
    """A call of a function of the script, whose body is among the other calls."""
    if call.name in HANDLERS or call.name == "cd" or tool_for(call.name) or call.assignments:
        return unknown(f"`{call.name}` is a function")
    return _redirects(call.redirects, state)


def _call(call: Call, state: _State) -> Effects:
    assigned = {name: value_of(word, state.values, state.at.env) for name, word in call.assignments}
    if any(STEERING.fullmatch(name) for name in assigned):
        return unknown(f"it sets {next(name for name in assigned if STEERING.fullmatch(name))}")
    redirected = _redirects(call.redirects, state)
    if redirected.unknown:
        return redirected
    if not call.words or call.words[0].text in _DECLARING:
        return redirected | _declare(call, state, assigned)
    known = with_values(call, state.values, state.at.env)
    if known is None:
        return unknown("only the shell knows which program it starts")
    if any(_BACK.search(arg) for arg in known.args):
        return unknown("behind a link `..` leads elsewhere")
    if known.name == "cd":
        return redirected | _cd(known, state)
    return redirected | _command(known, state, assigned)


_DECLARING = frozenset({"export", "readonly", "local", "declare", "typeset", "unset"})


def _declare(call: Call, state: _State, assigned: dict[str, str | None]) -> Effects:
    """Assignments for what follows. Without any, `export` lists all variables."""
    names = {word.text for word in call.words[1:] if re.fullmatch(r"\w+", word.text)}
    if any(STEERING.fullmatch(name) for name in names) and call.name == "unset":
        return unknown("it unsets a variable that matters to every program")
    state.values |= {name: None if name in state.flow.lost else value for name, value in assigned.items()}
    if any(word.text.startswith("-") and word.text != "-p" for word in call.words[1:]):
        return unknown(f"`{call.name}` has an option that fastbuild doesn't know")
    if call.name == "export":
        state.exported |= names | assigned.keys()
    listed = call.words and not names and not assigned
    return Effects(env=None) if listed else NONE


def _environment(state: _State, assigned: dict[str, str | None]) -> At:
    """The place with the variables that a program gets: a shell keeps for itself what nobody exported."""
    inherited = state.exported | state.at.env.keys() | state.at.unsure
    passed = {name: value for name, value in state.values.items() if name in inherited} | assigned
    env = {name: value for name, value in state.at.env.items() if name not in passed}
    return replace(state.at, env=env | {name: value for name, value in passed.items() if value is not None})


def _command(call: Call, state: _State, assigned: dict[str, str | None]) -> Effects:
    name = call.name
    at = _environment(state, assigned)
    program = call.words[0].value or ""
    if is_foreign(program) and (name in HANDLERS or name in _SHELLS):
        return unknown(f"fastbuild doesn't know the program {program}")
    if name in _SHELLS and len(call.args) >= 2 and re.fullmatch(r"-[eux]*c", call.args[0]):
        return _inner(call, state, at)
    if handler := HANDLERS.get(name):
        if state.lost and name not in _DEAF and not _is_absolute(call):
            return unknown("only the shell knows where it is")
        odd = [word for word in call.words[1:] if word.value is None]
        if not all(_is_pattern(word) or (name in _DEAF and _QUOTED.fullmatch(word.text)) for word in odd):
            return unknown(f"only the shell knows what `{name}` gets")
        listed = frozenset(tree(word.text, at) for word in odd if _is_pattern(word))
        return Effects(reads=listed | programs({name})) | handler(name, call.args, at)
    if name == "xargs":
        return _gathered(call, state, at)
    inner = unwrap(call)
    if inner is None or not inner.name:
        return unknown(f"`{name}` is started in a way that fastbuild doesn't follow")
    if inner is not call:
        return Effects(reads=programs({name})) | _call(inner, state)
    return _tool(call, state, at)


def _gathered(call: Call, state: _State, at: At) -> Effects:
    """`xargs` with a package manager."""
    try:
        inner, files = gathered(call, state.script, state.text, at)
    except Unclear as reason:
        return unknown(str(reason))
    started = unwrap(inner)
    if started is None or tool_for(started.name) is None:
        return unknown("`xargs` starts a program that fastbuild doesn't know")
    return Effects(reads=files | programs({"xargs"})) | _call(inner, state)


def _tool(inner: Call, state: _State, at: At) -> Effects:
    """A package manager or the like."""
    tool = tool_for(inner.name)
    if tool is None:
        return unknown(f"fastbuild doesn't know what `{inner.name}` reads and writes")
    if state.lost:
        return unknown(f"only the shell knows what `{inner.name}` gets")
    try:
        inner, listed = filled(inner, at)
    except Unclear as reason:
        return unknown(str(reason))
    found = tool.effects(inner, at) | Effects(reads=listed)
    hidden = at.unsure | {name for name, value in state.values.items() if value is None}
    if setting := misleading(found.env, hidden, at.unset):
        return unknown(f"the value of {setting}, which `{inner.name}` looks at, is not known")
    program = inner.words[0].value or ""
    own = frozenset({at.absolute(program)}) if "/" in program else frozenset()
    personal = frozenset(f"{at.home.rstrip('/')}/{name}" for name in DOTFILES)
    around = Effects(reads=programs({inner.name, *HELPERS}) | BUILDING | personal | own | named_files(at))
    effects: Effects = around | found
    if doubts := rewritten(at):
        effects |= Effects(trust=Trust.LIKELY, doubts=doubts)
    return effects


def _inner(call: Call, state: _State, at: At) -> Effects:
    """`sh -c TEXT`."""
    from fastbuild.dockerfile.shell import read_script

    if state.lost or call.words[2].value is None:
        return unknown("only the shell knows where it is")
    return script_effects(read_script(call.args[1]), at, call.args[1])


def _is_absolute(call: Call) -> bool:
    """Whether it names files, and all by absolute paths."""
    operands = [arg for arg in call.args if not arg.startswith("-")]
    return bool(operands) and all(arg.startswith("/") for arg in operands)


_DEAF = frozenset(
    {"echo", "printf", "set", "export", "true", ":", "exit", "sleep", "expr", "seq", "basename", "dirname"}
)
"""Their words are no files."""
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
"""One word to the shell, whatever is in it: no pattern in it is looked for."""


def _is_pattern(word: Word) -> bool:
    return bool(GLOB.search(word.text)) and not re.search(r"[$`~{\"'\\]", word.text)


def _cd(call: Call, state: _State) -> Effects:
    """Goes to a directory, if it is there. Where a script goes on without it, it must be sure to be there."""
    if len(call.args) != 1 or not call.literal or call.args[0].startswith("-"):
        return unknown("only the shell knows where it goes")
    if state.lost and not call.args[0].startswith("/"):
        return unknown("only the shell knows where it is")
    target = state.at.absolute(call.args[0])
    if call.nested or call.conditional or not (state.flow.straight or _is_there(target, state.at)):
        state.lost = True
    elif not state.lost:
        state.at = state.at.moved(call.args[0])
    return Effects(enters=frozenset({target}))


def _is_there(path: str, at: At) -> bool:
    """Whether root is sure to find a directory: it starts there, or a COPY brought something below."""
    root = at.user.partition(":")[0] in ("", "root", "0")
    brought = bool(at.below(path)) and not any(covers(each, path) for each in at.laid.doubted)
    return root and (covers(path, at.cwd) or brought)


def _redirects(redirects: tuple[Redirect, ...], state: _State) -> Effects:
    total = NONE
    for redirect in redirects:
        if redirect.target is None:
            continue
        path = value_of(redirect.target, state.values, state.at.env)
        if path is None or _BACK.search(path) or (state.lost and not path.startswith("/")):
            return unknown("only the shell knows where it writes")
        path = state.at.absolute(path)
        if path in HARMLESS:
            continue
        here = frozenset({path})
        total |= Effects(reads=here) if redirect.operator == "<" else Effects(reads=here, writes=here)
    return total
