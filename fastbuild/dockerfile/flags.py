"""Which `--flags` an instruction takes, and what BuildKit refuses in their values before it builds.

Sources: frontend/dockerfile/instructions/{bflag,parse,commands_run*}.go of BuildKit v0.34.1; csv fields as
tonistiigi/go-csvvalue reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.dockerfile.lexer import go_quoted
from fastbuild.dockerfile.suggest import did_you_mean
from fastbuild.dockerfile.syntax import Fault
from fastbuild.dockerfile.words import utf8

if TYPE_CHECKING:
    from fastbuild.dockerfile.model import Flag, Instruction

_BOOL, _ONE, _MANY = "bool", "one", "many"
FLAGS: dict[str, dict[str, str]] = {
    "ADD": {
        **dict.fromkeys(("chown", "chmod", "checksum"), _ONE),
        **dict.fromkeys(("link", "keep-git-dir", "unpack"), _BOOL),
        "exclude": _MANY,
    },
    "COPY": {
        **dict.fromkeys(("chown", "chmod", "from"), _ONE),
        **dict.fromkeys(("link", "parents"), _BOOL),
        "exclude": _MANY,
    },
    "FROM": {"platform": _ONE},
    "HEALTHCHECK": dict.fromkeys(("interval", "timeout", "start-period", "start-interval", "retries"), _ONE),
    "RUN": {"mount": _MANY, "device": _MANY, "network": _ONE, "security": _ONE},
}
"""By keyword; the others take none."""
_TRUE_OR_FALSE = frozenset({"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})


def check_flags(instruction: Instruction) -> None:
    """Raises Fault for unknown, repeated and wrong flags."""
    if not instruction.flags:
        return
    known = FLAGS.get(instruction.keyword, {})
    used = set()
    for flag in instruction.flags:
        kind = known.get(flag.name)
        if kind is None:
            raise Fault(
                f"unknown flag: --{flag.name}{did_you_mean(flag.name, known, fold=False)}",
                fix=_takes(instruction.keyword, known),
            )
        if flag.name in used and kind != _MANY:
            raise Fault(f"duplicate flag specified: --{flag.name}", fix="write it once")
        used.add(flag.name)
        _value(flag, kind)
    if instruction.keyword == "RUN":
        _run(instruction)


def _takes(keyword: str, known: dict[str, str]) -> str:
    names = ", ".join(f"--{name}" for name in sorted(known))
    return f"{keyword} takes {names}" if names else f"{keyword} takes no flags"


def _value(flag: Flag, kind: str) -> None:
    if kind != _BOOL:
        if flag.value is None:
            raise Fault(f"missing a value on flag: --{flag.name}", fix=f"write --{flag.name}=value")
        return
    if flag.value == "":
        raise Fault(f"missing a value on flag: --{flag.name}", fix=f"write --{flag.name}")
    if (flag.value or "true").lower() not in ("true", "false"):
        raise Fault(f"expecting boolean value for flag --{flag.name}, not: {flag.value}")


def _run(instruction: Instruction) -> None:
    """The hooks of RUN, in BuildKit's order: device, mount, network, security."""
    flags = instruction.flags
    for flag in flags:
        if flag.name == "device":
            _device(flag.value or "")
    for flag in flags:
        if flag.name == "mount":
            _mount(flag.value or "")
    network = instruction.flag("network")
    if network is not None and network not in ("default", "none", "host"):
        raise Fault(f"invalid network mode {go_quoted(network)}", fix="write default, none or host")
    security = instruction.flag("security")
    if security is not None and security not in ("insecure", "sandbox"):
        raise Fault(f"security {go_quoted(security)} is not valid", fix="write sandbox or insecure")


def _mount(value: str) -> None:
    for field in csv_fields(value, "mounts"):
        key, separator, text = field.partition("=")
        if separator and key.lower() == "from" and "$" in text[:-1]:
            raise Fault("'from' doesn't support variable expansion, define alias stage instead")


def _device(value: str) -> None:
    name = ""
    for field in csv_fields(value, "devices"):
        key, separator, text = field.partition("=")
        key = key.lower()
        if key == "required":
            if separator and text not in _TRUE_OR_FALSE:
                raise Fault(f"invalid value for {key}: {text}")
        elif separator and key == "name":
            if name:
                raise Fault(f"device name already set to {name}")
            name = text
        elif not name:
            name = field
        elif not separator:
            raise Fault(f"invalid field '{field}' must be a key=value pair")
        else:
            hint = did_you_mean(key, ("name", "required"), fold=False)
            raise Fault(f"unexpected key '{key}' in '{field}'{hint}")


def csv_fields(line: str, what: str) -> list[str]:
    """The fields of one CSV line. Raises Fault for a stray quote and for an empty line."""
    line = line.removesuffix("\n")
    if not line:
        raise Fault(f"failed to parse csv {what}: EOF", fix="write type=cache,target=/path")
    found: list[str] = []
    position = 0
    while True:
        quoted = line.startswith('"', position)
        field, end = _quoted(line, position + 1, what) if quoted else _plain(line, position, what)
        found.append(field)
        if end >= len(line):
            return found
        position = end + 1
        if position == len(line):
            return [*found, ""]


def _plain(line: str, start: int, what: str) -> tuple[str, int]:
    end = line.find(",", start)
    field = line[start : end if end >= 0 else len(line)]
    if '"' in field:
        column = len(utf8(line[: start + field.index('"')])) + 1
        raise Fault(
            f'failed to parse csv {what}: parse error on line 1, column {column}: bare " in non-quoted-field',
            fix="quote the whole field, or nothing",
        )
    return field, start + len(field)


def _quoted(line: str, start: int, what: str) -> tuple[str, int]:
    """A quoted field whose text begins at `start`, and where it ends (behind its quote)."""
    found = []
    while (end := line.find('"', start)) >= 0:
        found.append(line[start:end])
        following = line[end + 1 : end + 2]
        if following in ("", ","):
            return "".join(found), end + 1
        if following != '"':
            break
        found.append('"')
        start = end + 2
    at = end if end >= 0 else start
    column = len(utf8(line[:at])) + 1
    raise Fault(
        f"failed to parse csv {what}: parse error on line 1, column {column}: "
        'extraneous or missing " in quoted-field',
        fix="close the quote",
    )
