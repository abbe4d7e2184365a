"""The effects of a RUN: those of all its commands together, whatever the shell's control flow does with
them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell import Word
from fastbuild.hierarchy import covers
from fastbuild.reorder.commands import GLOB, HANDLERS, tree
from fastbuild.reorder.effects import NONE, Effects, Trust, unknown
from fastbuild.reorder.flow import Flow, flow
from fastbuild.reorder.lists import filled, gathered
from fastbuild.reorder.named import named_files, rewritten
from fastbuild.reorder.tools import tool_for
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import matters
from fastbuild.reorder.tools.wrappers import unwrap

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call, Redirect, Script
    from fastbuild.reorder.place import At

HARMLESS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/zero", "/dev/urandom", "/dev/tty"})
STEERING = re.compile(
    r"PATH|HOME|IFS|ENV|BASH_.*|SHELLOPTS|BASHOPTS|CDPATH|PWD|OLDPWD|TMPDIR|LD_.*|LANG|LANGUAGE|LC_.*|TZ"
    r"|GLOB(?:IGNORE|SORT)|TE?MP|.*BLOCK_?SIZE|COLUMNS|LS_COLORS|QUOTING_STYLE|TIME_STYLE|GREP_.*|PS4"
    r"|POSIXLY_CORRECT|.*_(?:PROXY|proxy)|SSL_CERT_(?:FILE|DIR)|CURL_CA_BUNDLE|REQUESTS_CA_BUNDLE|MALLOC_.*|GCONV_PATH"
)
"""Variables that matter to every program or to the shell itself."""
SEARCHED = (
    "PATH",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "PYTHONPATH",
    "PYTHONHOME",
    "NODE_PATH",
    "GEM_PATH",
    "PERL5LIB",
    "RUBYLIB",
    *("CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH", "GIT_TEMPLATE_DIR"),
    *("SSL_CERT_DIR", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO"),
)
"""Variables whose files or directories every program of their kind looks into."""
BIN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where programs are looked for; a file copied there may be the one that is started."""
LOADER = frozenset({"/etc/ld.so.preload", "/etc/ld.so.cache", "/usr/lib", "/usr/lib64"})
"""What starting any program reads."""
HELPERS = frozenset(
    {
        *(
            "sh",
            "bash",
            "dash",
            "env",
            "git",
            "ssh",
            "gpg",
            "tar",
            "gzip",
            "xz",
            "unzip",
            "uname",
            "perl",
            "make",
        ),
        *(
            "cc",
            "gcc",
            "c++",
            "g++",
            "ld",
            "as",
            "ar",
            "pkg-config",
            "cmake",
            "python",
            "python3",
            "node",
            "ldd",
        ),
        *("rustc", "rustup", "go", "java", "javac", "ruby", "php", "getconf", "lsb_release", "dpkg", "id"),
    }
)
"""Programs that package managers start themselves."""
BUILDING = frozenset(
    {
        *("/usr/lib", "/usr/libexec", "/usr/include", "/usr/share", "/usr/local/lib", "/usr/local/include"),
        *("/usr/local/share", "/usr/local/etc", "/usr/lib64", "/usr/local/libexec"),
        *("/etc/ssl", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/ld.so.cache"),
        *("/etc/pki", "/etc/crypto-policies", "/etc/ssh", "/etc/wgetrc", "/etc/gemrc"),
        *("/etc/sudoers", "/etc/sudoers.d", "/etc/pam.d", "/etc/security"),
        *(
            "/etc/ld.so.conf.d",
            "/etc/ld.so.preload",
            "/etc/gitconfig",
            "/etc/ca-certificates",
            "/etc/os-release",
        ),
        *(
            "/etc/localtime",
            "/etc/passwd",
            "/etc/group",
            "/etc/host.conf",
            "/etc/gai.conf",
            "/etc/environment",
        ),
    }
)
"""What compiling a package's native part, or reaching a registry, may read."""
DOTFILES = (".netrc", ".gitconfig", ".ssh", ".config", ".curlrc", ".wgetrc", ".gnupg", ".local", ".cache")
_SIMPLE = re.compile(r"\$(?:([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\})")
_BACK = re.compile(r"(?:^|[/=])(?!\.{0,2}/)[^/\s]+/\.\.(?:/|$)")
"""A path that goes into a directory and out again; not `../..`."""
_SHELLS = frozenset({"sh", "bash", "dash", "ash"})
_SYSTEM_DIRECTORIES = re.compile(r"/(?:usr/(?:local/)?)?s?bin/?")


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
    total = Effects(reads=_search_path(state.at) | _programs({"sh", "bash", "dash", "ash"}) | LOADER)
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


def _search_path(at: At) -> frozenset[str]:
    """Directories outside the system's that variables make every program search."""
    listed = (path for name in SEARCHED for path in at.env.get(name, "").replace(" ", ":").split(":"))
    return frozenset(at.absolute(path) for path in listed if path and not _SYSTEM_DIRECTORIES.fullmatch(path))


def _call(call: Call, state: _State) -> Effects:
    assigned = {name: _value(word, state) for name, word in call.assignments}
    if any(STEERING.fullmatch(name) for name in assigned):
        return unknown(f"it sets {next(name for name in assigned if STEERING.fullmatch(name))}")
    redirected = _redirects(call.redirects, state)
    if redirected.unknown:
        return redirected
    if not call.words or call.words[0].text in _DECLARING:
        return redirected | _declare(call, state, assigned)
    known = _with_values(call, state)
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
    if _is_foreign(program) and (name in HANDLERS or name in _SHELLS):
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
        return Effects(reads=listed | _programs({name})) | handler(name, call.args, at)
    if name == "xargs":
        return _gathered(call, state, at)
    inner = unwrap(call)
    if inner is None or not inner.name:
        return unknown(f"`{name}` is started in a way that fastbuild doesn't follow")
    if inner is not call:
        return Effects(reads=_programs({name})) | _call(inner, state)
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
    return Effects(reads=files | _programs({"xargs"})) | _call(inner, state)


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
    told = None if found.env is None else found.env - {"*"}
    for name in sorted(hidden):
        if not _HARMLESS_VALUES.fullmatch(name) and matters(told, name):
            return unknown(f"the value of {name}, which `{inner.name}` looks at, is not known")
    program = inner.words[0].value or ""
    own = frozenset({at.absolute(program)}) if "/" in program else frozenset()
    personal = frozenset(f"{at.home.rstrip('/')}/{name}" for name in DOTFILES)
    around = Effects(reads=_programs({inner.name, *HELPERS}) | BUILDING | personal | own | named_files(at))
    effects: Effects = around | found
    if doubts := rewritten(at):
        effects |= Effects(trust=Trust.LIKELY, doubts=doubts)
    return effects


_HARMLESS_VALUES = re.compile(
    r"\w*_(?:PROXY|proxy)|DEBIAN_FRONTEND|CI|LANG|LANGUAGE|LC_\w+|TZ|TERM|USER|NODE_ENV|\w*(?:INDEX_URL|TOKEN|PASSWORD)"
    r"|GOPROXY|GOPRIVATE|GOSUMDB|GOOS|GOARCH|GOARM|CGO_ENABLED|NPM_CONFIG_REGISTRY|npm_config_registry|FORCE_COLOR"
    r"|NO_COLOR|PYTHONUNBUFFERED|\w*_VERSION"
)
"""Variables that lead no tool to another file of the image, whatever their value is."""


def _is_foreign(program: str) -> bool:
    """Whether it is started from a directory that is not the system's."""
    directory, slash, _ = program.rpartition("/")
    return bool(slash) and not _SYSTEM_DIRECTORIES.fullmatch(directory)


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


def _programs(names: set[str]) -> frozenset[str]:
    return frozenset(f"{directory}/{name}" for directory in BIN for name in names)


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


def _with_values(call: Call, state: _State) -> Call | None:
    """The call with the words filled in whose variables are known; None if the program isn't."""
    words = tuple(Word(word.text, _value(word, state)) for word in call.words)
    return replace(call, words=words) if words[0].value is not None else None


def _value(word: Word, state: _State) -> str | None:
    """A word's value, with known variables; None where the shell would do more than replace them."""
    if word.value is not None:
        return word.value
    text = word.text
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1]
    elif re.search(r"[\"'*?\[{~\\`]", _SIMPLE.sub("", text)):
        return None
    values = {name: state.values.get(a or b, state.at.env.get(a or b)) for name, a, b in _names(text)}
    if not values or any(
        value is None or not re.fullmatch(r"[\w./:@%+,=-]*", value) for value in values.values()
    ):
        return None
    filled = _SIMPLE.sub(lambda m: values[m[0]] or "", text)
    return None if not filled or re.search(r"[$`\"\\]", filled) else filled


def _names(text: str) -> list[tuple[str, str, str]]:
    return [(m[0], m[1] or "", m[2] or "") for m in _SIMPLE.finditer(text)]


def _redirects(redirects: tuple[Redirect, ...], state: _State) -> Effects:
    total = NONE
    for redirect in redirects:
        if redirect.target is None:
            continue
        path = _value(redirect.target, state)
        if path is None or _BACK.search(path) or (state.lost and not path.startswith("/")):
            return unknown("only the shell knows where it writes")
        path = state.at.absolute(path)
        if path in HARMLESS:
            continue
        here = frozenset({path})
        total |= Effects(reads=here) if redirect.operator == "<" else Effects(reads=here, writes=here)
    return total
