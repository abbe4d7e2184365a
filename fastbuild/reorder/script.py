"""The effects of a RUN: those of all its commands together, whatever the shell's control flow does with
them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell import Word
from fastbuild.reorder.commands import GLOB, HANDLERS, tree
from fastbuild.reorder.effects import NONE, Effects, unknown
from fastbuild.reorder.tools import tool_for
from fastbuild.reorder.tools.wrappers import unwrap

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call, Redirect, Script
    from fastbuild.reorder.place import At

HARMLESS = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/zero", "/dev/urandom", "/dev/tty"})
STEERING = re.compile(
    r"PATH|HOME|IFS|ENV|BASH_ENV|SHELLOPTS|BASHOPTS|CDPATH|PWD|OLDPWD|TMPDIR|LD_.*|LANG|LANGUAGE|LC_.*|TZ"
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
)
"""Variables whose directories every program of their kind looks into."""
BIN = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
"""Where programs are looked for; a file copied there may be the one that is started."""
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
_SHELLS = frozenset({"sh", "bash", "dash", "ash"})
_SYSTEM_DIRECTORIES = re.compile(r"/(?:usr/(?:local/)?)?s?bin/?")


@dataclass(slots=True)
class _State:
    """What the commands so far have changed for the next one."""

    at: At
    lost: bool = False  # a `cd` that may or may not have happened
    values: dict[str, str | None] = field(default_factory=dict)


def script_effects(script: Script, at: At) -> Effects:
    """The union over all commands; `unknown` as soon as one of them is."""
    if not script.complete:
        return unknown("its text can't be read as a shell script")
    state = _State(at)
    total = Effects(reads=_search_path(at))
    for call in script.calls:
        if call.name and call.name in script.functions:
            continue
        total |= _call(call, state)
        if total.unknown:
            return total
    return total


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
    if not call.words or call.words[0].text in ("export", "readonly", "local", "declare", "unset"):
        state.values |= {name: None if call.conditional or call.nested else v for name, v in assigned.items()}
        return redirected
    known = _with_values(call, state)
    if known is None:
        return unknown("only the shell knows which program it starts")
    if known.name == "cd":
        return redirected | _cd(known, state)
    return redirected | _command(known, state, assigned)


def _command(call: Call, state: _State, assigned: dict[str, str | None]) -> Effects:
    name = call.name
    env = {**state.values, **assigned}
    at = state.at.with_env({key: value for key, value in env.items() if value is not None})
    if name in _SHELLS and len(call.args) >= 2 and re.fullmatch(r"-[euxl]*c", call.args[0]):
        from fastbuild.dockerfile.shell import read_script

        return (
            unknown("only the shell knows where it is")
            if state.lost
            else script_effects(read_script(call.args[1]), at)
        )
    if handler := HANDLERS.get(name):
        if state.lost and any(not arg.startswith(("/", "-")) for arg in call.args):
            return unknown("only the shell knows where it is")
        odd = [word for word in call.words[1:] if word.value is None]
        if not all(_is_pattern(word) or (name in _DEAF and _QUOTED.fullmatch(word.text)) for word in odd):
            return unknown(f"only the shell knows what `{name}` gets")
        listed = frozenset(tree(word.text, at) for word in odd if _is_pattern(word))
        return Effects(reads=listed | _programs({name})) | handler(name, call.args, at)
    inner = unwrap(call)
    if inner is None or not inner.name:
        return unknown(f"`{name}` is started in a way that fastbuild doesn't follow")
    if inner.name in HANDLERS or inner.name in _SHELLS:
        return unknown(f"`{inner.name}` behind `{name}`") if inner == call else _call(inner, state)
    tool = tool_for(inner.name)
    if tool is None:
        return unknown(f"fastbuild doesn't know what `{inner.name}` reads and writes")
    if state.lost or not inner.literal:
        return unknown(f"only the shell knows what `{inner.name}` gets")
    personal = frozenset(f"{at.home.rstrip('/')}/{name}" for name in DOTFILES)
    around = Effects(reads=_programs({name, inner.name, *HELPERS}) | BUILDING | personal)
    effects: Effects = around | tool.effects(inner, at)
    return effects


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
    if call.nested or call.conditional or len(call.args) != 1 or not call.literal or state.lost:
        state.lost = True
        return NONE
    target = state.at.absolute(call.args[0])
    state.at = state.at.moved(call.args[0])
    return Effects(reads=frozenset()) if target else NONE


def _with_values(call: Call, state: _State) -> Call | None:
    """The call with the words filled in whose variables are known; None if the program isn't."""
    from dataclasses import replace

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
    return None if re.search(r"[$`\"\\]", filled) else filled


def _names(text: str) -> list[tuple[str, str, str]]:
    return [(m[0], m[1] or "", m[2] or "") for m in _SIMPLE.finditer(text)]


def _redirects(redirects: tuple[Redirect, ...], state: _State) -> Effects:
    total = NONE
    for redirect in redirects:
        if redirect.target is None or (redirect.operator.endswith("&") and redirect.target.text in "012-"):
            continue
        path = _value(redirect.target, state)
        if path is None or (state.lost and not path.startswith("/")):
            return unknown("only the shell knows where it writes")
        path = state.at.absolute(path)
        if path in HARMLESS:
            continue
        here = frozenset({path})
        total |= Effects(reads=here) if redirect.operator == "<" else Effects(reads=here, writes=here)
    return total
