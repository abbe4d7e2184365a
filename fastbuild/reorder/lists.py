"""Words that a shell makes of lists in files: `apt-get install $(cat list)`, `xargs -a list apk add`.

A list is followed where its text is known, its filters are few and well known, and every word that is left
is a plain name; then the command gets these words. Sources: POSIX.1-2017 volume 3, 2.6.3 and 2.6.5 for
substitutions and field splitting, 2.13 for patterns, and `xargs`; GNU findutils for the options of `xargs`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import product
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell import Word, read_script
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.known import required
from fastbuild.reorder.tools.options import Syntax, names, parse

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call, Script
    from fastbuild.reorder.effects import Place

MOST = 512
"""Names that a pattern may stand for, and still be looked for one by one."""
_PLAIN = re.compile(r"[A-Za-z0-9][\w+.:/=@~<>!^,*\[\]-]*", re.ASCII)
_SUBSTITUTION = re.compile(r"\$\((?!\()(.*)\)|`([^`\\]*)`", re.DOTALL)
_LINE = r"""(?:'[^'\n]*'|"(?:[^"$`\\\n]|\$(?![\w({]))*"|[^;&\n(){}`<>'"|]|\|(?!\|))*"""
_PIPELINE = re.compile(_LINE)
_PIPED = re.compile(rf"(?:\A|;|&&|\|\||\n)({_LINE})\|[ \t]*(?:sudo[ \t]+)?\Z")
_WILD = re.compile(r"[*?\[]")
_BRACKETS = re.compile(r"\[(\w[\w,-]*)\]", re.ASCII)
_PATTERN = re.compile(r"(?:[\w./=,@:+<>-]|~=|!=)*(?:\[[\w,-]+\](?:[\w./=,@:+<>-]|~=|!=)*)+", re.ASCII)
_XARGS = Syntax(
    flags=names("-r --no-run-if-empty -t --verbose"),
    values=names("-a --arg-file -n --max-args -L --max-lines -d --delimiter"),
)
_FILTERS = names("cat grep egrep sed sort tr")
_BLANKS = r"(?:\\s\*| \*)?"
_DROPPED = re.compile(rf"\^?{_BLANKS}(?:#|\$|\((?:#\|\$|\$\|#)\))(?:\|\^?{_BLANKS}(?:#|\$))*")
_CUT_SHORT = re.compile(rf"s([/|,])({_BLANKS}#\.\*)\$?\1\1g?")


def filled(call: Call, place: Place) -> tuple[Call, frozenset[str]]:
    """The call with the words of its lists, and what else it reads: files, and names it looks for in vain.

    Raises Unclear for a word that stays unknown.
    """
    words: list[Word] = []
    reads: frozenset[str] = frozenset()
    for word in call.words:
        found = [word.text]
        if word.value is not None:
            words.append(word)
            continue
        if match := _SUBSTITUTION.fullmatch(word.text):
            text, files = _output(match[1] if match[1] is not None else match[2], place)
            found = _plain(_fields(text), files)
            reads |= files
        elif not _PATTERN.fullmatch(word.text):
            raise Unclear(f"only the shell knows what `{call.name}` gets")
        for each in found:
            words.append(Word(each, each))
            reads |= _looked_for(each, place) if _WILD.search(each) else frozenset()
    return replace(call, words=tuple(words)), reads


def gathered(call: Call, script: Script, text: str, place: Place) -> tuple[Call, frozenset[str]]:
    """What `xargs` runs, with the words that it gets, and the files that they come from.

    `call` is that of `xargs`, the only one of a script with this text. Raises Unclear where its input isn't
    known. That it may run the command more than once makes no difference to what is read and written.
    """
    options = _options(call)
    given = parse("xargs", tuple(word.value or "" for word in call.words[1:options]), _XARGS)
    input_, files = _input(call, given.last("-a", "--arg-file"), script, text, place)
    delimiter = given.last("-d", "--delimiter")
    if delimiter not in ("", "\\n", "\n"):
        raise Unclear(f"`xargs` splits at `{delimiter}`")
    found = input_.split("\n")[: -1 if input_.endswith("\n") else None] if delimiter else _fields(input_)
    words = tuple(Word(each, each) for each in _plain(found, files))
    if not call.words[options:]:
        raise Unclear("`xargs` is given no command")
    return replace(call, words=(*call.words[options:], *words), redirects=()), files


def _options(call: Call) -> int:
    """The index of the command among the words of `xargs`."""
    at = 1
    while at < len(call.words) and (call.words[at].value or "").startswith("-"):
        word = call.words[at].value or ""
        at += 2 if word in _XARGS.values else 1
    return at


def _input(call: Call, file: str, script: Script, text: str, place: Place) -> tuple[str, frozenset[str]]:
    """The text that `xargs` splits, and its files."""
    if file:
        path = place.absolute(file)
        return required(place, path), frozenset({path})
    into = [each for each in call.redirects if each.operator.startswith("<")]
    if into:
        target = into[-1].target
        if len(into) > 1 or into[0].operator != "<" or target is None or target.value is None:
            raise Unclear("`xargs` is given a text that fastbuild doesn't follow")
        path = place.absolute(target.value)
        return required(place, path), frozenset({path})
    return _output(_piped(script, text.replace("\\\n", " ")), place)


def _piped(script: Script, text: str) -> str:
    """The pipeline before the one `xargs` of a script; it must be as the text and the calls both have it."""
    unclear = Unclear("fastbuild can't tell what `xargs` is given")
    before, *after = re.split(r"\bxargs\b", text)
    places = [at for at, call in enumerate(script.calls) if any(word.value == "xargs" for word in call.words)]
    match = _PIPED.search(before)
    if len(after) != 1 or len(places) != 1 or match is None:
        raise unclear
    calls = read_script(match[1]).calls
    first = places[0] - len(calls)
    if first < 0 or [c.words for c in calls] != [c.words for c in script.calls[first : places[0]]]:
        raise unclear
    return match[1]


def _output(pipeline: str, place: Place) -> tuple[str, frozenset[str]]:
    """What a pipeline of known filters prints, and the files that it reads."""
    script = read_script(pipeline)
    if not script.complete or not script.calls or not _PIPELINE.fullmatch(pipeline):
        raise Unclear(f"fastbuild can't tell what `{pipeline.strip()}` prints")
    text: str | None = None
    files: set[str] = set()
    for call in script.calls:
        if not call.literal or call.assignments or call.redirects or call.words[0].value != call.name:
            raise Unclear(f"fastbuild can't tell what `{pipeline.strip()}` prints")
        read = [place.absolute(path) for path in _files(call)]
        if read:
            text = "".join(required(place, path) for path in read)
        if text is None:
            raise Unclear(f"`{call.name}` is given no file")
        text = _through(call, text)
        files.update(read)
    if text is None or "\0" in text:
        raise Unclear(f"fastbuild can't tell what `{pipeline.strip()}` prints")
    return text, frozenset(files)


def _files(call: Call) -> tuple[str, ...]:
    """The files that a filter reads instead of what comes through the pipe."""
    operands = tuple(arg for arg in call.args if not arg.startswith("-"))
    if call.name not in _FILTERS:
        raise Unclear(f"fastbuild doesn't follow the filter `{' '.join((call.name, *call.args))}`")
    if call.name == "tr":
        return ()
    if call.name in ("grep", "egrep", "sed"):
        operands = operands[1:]
    if call.name != "cat" and len(operands) > 1:
        raise Unclear(f"`{call.name}` is given several files")
    return operands


def _through(call: Call, text: str) -> str:
    """`text` after one filter."""
    options = tuple(arg for arg in call.args if arg.startswith("-"))
    operands = tuple(arg for arg in call.args if not arg.startswith("-"))
    if call.name == "cat" and not options:
        return text
    if call.name == "tr" and call.args == ("\\n", " "):
        return text.replace("\n", " ")
    if call.name == "tr" and call.args == ("-d", "\\r"):
        return text.replace("\r", "")
    lines = text.split("\n")
    lines = lines[:-1] if lines[-1] == "" else lines
    if call.name == "sort" and options in ((), ("-u",)):
        return _joined(sorted(lines))
    letters = {*"".join(options)} - {"-"}
    if call.name in ("grep", "egrep") and "v" in letters and letters <= {*"vE"}:
        extended = call.name == "egrep" or "E" in letters
        dropped = _expression(operands[0] if operands else "", extended=extended)
        return _joined([line for line in lines if not dropped.search(line)])
    if call.name == "sed" and options in ((), ("-e",), ("-E",), ("-r",)) and operands:
        return _joined(_edited(lines, operands[0], extended=bool({"-E", "-r"} & {*options})))
    raise Unclear(f"fastbuild doesn't follow the filter `{' '.join((call.name, *call.args))}`")


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _edited(lines: list[str], script: str, *, extended: bool) -> list[str]:
    """`sed` with `s/#.*//` or `/^#/d`."""
    if match := _CUT_SHORT.fullmatch(script.replace("[[:space:]]", "\\s")):
        comment = re.compile(match[2], re.ASCII)
        return [comment.sub("", line) for line in lines]
    if len(script) > 3 and script.startswith("/") and script.endswith("/d"):
        dropped = _expression(script[1:-2], extended=extended)
        return [line for line in lines if not dropped.search(line)]
    raise Unclear(f"fastbuild doesn't follow the filter `sed {script}`")


def _expression(text: str, *, extended: bool) -> re.Pattern[str]:
    """An expression for comments and empty lines; no other is followed."""
    plain = text.replace("[[:space:]]", "\\s")
    if not extended:
        if re.search(r"(?<!\\)[|()]", plain):
            raise Unclear(f"fastbuild doesn't follow the expression `{text}`")
        plain = re.sub(r"\\([|()])", r"\1", plain)
    if not _DROPPED.fullmatch(plain):
        raise Unclear(f"fastbuild doesn't follow the expression `{text}`")
    return re.compile(plain, re.ASCII)


def _fields(text: str) -> list[str]:
    """A carriage return parts no words."""
    return [word for word in re.split(r"[ \t\n]+", text) if word]


def _plain(words: list[str], files: frozenset[str]) -> list[str]:
    for word in words:
        if not _PLAIN.fullmatch(word):
            raise Unclear(f"`{word}` of `{min(files)}` is not a plain name of a package")
    return words


def _looked_for(text: str, place: Place) -> frozenset[str]:
    """The paths that the shell looks for in vain: the pattern `.[dev]` stays as it is where no `.d` is.

    Raises Unclear where one of them may be there.
    """
    if not _PATTERN.fullmatch(text):
        raise Unclear(f"only the shell knows which files `{text}` matches")
    parts = _BRACKETS.split(text)
    choices = [_members(part) if at % 2 else (part,) for at, part in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MOST or "[" in "".join(parts[::2]):
        raise Unclear(f"only the shell knows which files `{text}` matches")
    looked = frozenset(place.absolute("".join(each)) for each in product(*choices))
    for path in sorted(looked):
        if place.exists(path) or place.doubtful(path):
            raise Unclear(f"`{text}` is a pattern to the shell, and may match `{path}`")
    return looked


def _members(inner: str) -> tuple[str, ...]:
    """The characters that a bracket expression may match. What a range holds is the locale's to say."""
    rest = re.sub(r"[a-z]-[a-z]|[A-Z]-[A-Z]|[0-9]-[0-9]", "", inner)
    if re.search(r".-.", rest):
        raise Unclear(f"only the shell knows what `[{inner}]` matches")
    return tuple(dict.fromkeys(inner + (ascii_letters + digits if rest != inner else "")))
