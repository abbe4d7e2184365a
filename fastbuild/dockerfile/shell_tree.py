"""Any shell text, by tree-sitter's grammar of bash.

POSIX shells differ from bash in ways that don't matter here. The grammar drops characters that it has no use
for (`\\ `, `$`, a carriage return): where it does so in a command, the script is not complete.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from fastbuild.dockerfile.shell_model import Call, Redirect, Script, Word
from fastbuild.dockerfile.shell_plain import names_descriptor, split_plain
from fastbuild.dockerfile.shell_word import word_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Parser

_ODD = re.compile("[\v\f\r\ud800-\udfff]|\\\\[ \t]")
"""Blanks to the grammar, characters to a shell; and bytes that are no UTF-8."""
_GAP = re.compile(r"(?:[ \t\n]|\\\n)*")
_DEEP = 200
"""Levels of nesting that are followed; no script written by a person has more."""
_SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})
_NESTING = _SUBSTITUTIONS | {
    *("subshell", "pipeline", "function_definition"),
    *("for_statement", "c_style_for_statement", "while_statement", "if_statement", "case_statement"),
}
_CONDITIONAL = frozenset({"if_statement", "case_statement", "while_statement", "for_statement"})
_BUILTINS = frozenset({"variable_assignment", "declaration_command", "unset_command", "test_command"})
_REDIRECTS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_HEREDOC = frozenset({"<<", "<<-", "heredoc_start", "heredoc_end", "file_redirect", "herestring_redirect"})


Last = tuple[tuple[Redirect, ...], tuple[Word, ...]]
"""What the grammar hangs behind a whole list, and belongs to its last command: redirections, words."""
NOTHING: Last = ((), ())


class _TooDeep(Exception):
    pass


def read_tree(text: str) -> Script:
    """The commands of a shell text. Never raises."""
    raw = text.encode("utf-8", "replace")
    root = parser().parse(raw).root_node
    found = _Reader(raw)
    try:
        found.visit(root, nested=False, conditional=False)
    except _TooDeep:
        found.whole = False
    return Script(
        calls=tuple(found.calls),
        complete=found.whole and not root.has_error and not _ODD.search(text),
        variables=frozenset(found.variables),
        functions=frozenset(found.functions),
    )


@cache
def parser() -> Parser:
    """The parser, made on the first call; its packages take 10 ms to import."""
    import tree_sitter_bash
    from tree_sitter import Language, Parser

    return Parser(Language(tree_sitter_bash.language()))


class _Reader:
    """Collects while walking one tree."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.calls: list[Call] = []
        self.variables: set[str] = set()
        self.functions: set[str] = set()
        self.whole = True
        self.depth = 0

    def text(self, node: Node) -> str:
        return self.raw[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def visit(
        self,
        node: Node,
        *,
        nested: bool,
        conditional: bool,
        redirects: tuple[Redirect, ...] = (),
        last: Last = NOTHING,
    ) -> None:
        """Read what lies below. `redirects` are every command's, `last` is for a list's last command."""
        self.depth += 1
        if self.depth > _DEEP:
            raise _TooDeep
        kind = node.type
        words = last[1]
        if kind not in ("list", "pipeline"):
            redirects, last = redirects + last[0], NOTHING
            self.whole = self.whole and (kind == "command" or not words)
        if kind == "redirected_statement":
            self._redirected(node, nested=nested, conditional=conditional, outer=redirects)
        elif kind == "command":
            self._command(node, words, nested=nested, conditional=conditional, redirects=redirects)
        elif kind in _BUILTINS:
            self._builtin(node, nested=nested, conditional=conditional, redirects=redirects)
        elif kind == "heredoc_body":
            self._look_inside(node)
        else:
            self._others(node, nested=nested, conditional=conditional, redirects=redirects, last=last)
        self.depth -= 1

    def _others(
        self,
        node: Node,
        *,
        nested: bool,
        conditional: bool,
        redirects: tuple[Redirect, ...],
        last: Last,
    ) -> None:
        kind = node.type
        if kind in ("variable_name", "special_variable_name"):
            self.variables.add(self.text(node))
        if kind == "function_definition" and (name := node.child_by_field_name("name")):
            self.functions.add(self.text(name))
        nested = nested or kind in _NESTING
        conditional = conditional or kind in _CONDITIONAL
        after_or = False
        for number, child in enumerate(node.children, 1):
            self.visit(
                child,
                nested=nested,
                conditional=conditional or after_or,
                redirects=redirects,
                last=last if number == node.child_count else NOTHING,
            )
            after_or = after_or or child.type == "||"

    def _redirected(
        self, node: Node, *, nested: bool, conditional: bool, outer: tuple[Redirect, ...]
    ) -> None:
        own = tuple(self._redirect(each) for each in _redirects(node))
        words = tuple(word for each in _redirects(node) for word in self._swallowed(each))
        heredocs = [child for child in node.children if child.type == "heredoc_redirect"]
        piped = any(each.type == "pipeline" for heredoc in heredocs for each in heredoc.children)
        for child in node.children:
            if child.type not in _REDIRECTS:
                # the grammar takes the redirection of `a && b > c` for that of the whole list
                self.visit(
                    child, nested=nested or piped, conditional=conditional, redirects=outer, last=(own, words)
                )
        for child in node.children:
            if child.type == "heredoc_redirect":
                self._behind(child, nested=nested, conditional=conditional, redirects=outer)
            elif child.type in _REDIRECTS:
                self._look_inside(child)

    def _behind(
        self, heredoc: Node, *, nested: bool, conditional: bool, redirects: tuple[Redirect, ...]
    ) -> None:
        """What stands behind `<<NAME` on its line: the grammar hangs it below the heredoc."""
        after_or = False
        for child in heredoc.children:
            if child.type in _HEREDOC:
                self._look_inside(child)
            else:
                self.visit(child, nested=nested, conditional=conditional or after_or, redirects=redirects)
            after_or = child.type == "||" or (after_or and child.type != "&&")

    def _redirect(self, node: Node) -> Redirect:
        operator = next((c.type for c in node.children if not c.is_named), "")
        if node.type != "file_redirect":
            return Redirect("<<" if operator == "<<-" else operator or "<<", None)
        target = node.child_by_field_name("destination")
        word = self._word(target) if target else None
        if operator in (">&-", "<&-"):
            return Redirect(operator[:2], None)
        return Redirect(operator, None if word and names_descriptor(operator, word) else word)

    def _swallowed(self, redirect: Node) -> Iterator[Word]:
        """`b` of `echo >a b`: the grammar takes it for another target."""
        targets = redirect.children_by_field_name("destination")
        if len(targets) > 1:
            self._check_gaps(targets)
        yield from map(self._word, targets[1:])

    def _command(
        self,
        node: Node,
        more: tuple[Word, ...],
        *,
        nested: bool,
        conditional: bool,
        redirects: tuple[Redirect, ...],
    ) -> None:
        words: list[Word] = []
        assignments: list[tuple[str, Word]] = []
        own = list(redirects)
        self._check_gaps(node.children)
        for child in node.children:
            if child.type == "variable_assignment":
                assignments.append(self._assignment(child))
            elif child.type in _REDIRECTS:
                for each in (child, *_redirects(child)):
                    own.append(self._redirect(each))
                    words += self._swallowed(each)
            elif child.is_named and child.end_byte > child.start_byte:
                words.append(self._word(child))
            elif child.type in ("$", "==", "=~"):
                words.append(Word(child.type, child.type))
        words += more
        if words or assignments:
            self.calls.append(
                Call(
                    words=tuple(words),
                    assignments=tuple(assignments),
                    redirects=tuple(own),
                    nested=nested,
                    conditional=conditional,
                )
            )
        for child in node.children:
            self._look_inside(child)

    def _check_gaps(self, parts: list[Node]) -> None:
        """Between a command's parts there must be blanks, and only they."""
        end = parts[0].start_byte if parts else 0
        touching = False
        for child in parts:
            gap = self.raw[end : child.start_byte].decode("utf-8", "replace")
            word = child.type not in _REDIRECTS
            if not _GAP.fullmatch(gap) or (touching and word and not gap.strip("\\\n")):
                self.whole = False  # the grammar parts a word where a line is continued inside it
            end, touching = child.end_byte, word and child.end_byte > child.start_byte

    def _builtin(
        self, node: Node, *, nested: bool, conditional: bool, redirects: tuple[Redirect, ...]
    ) -> None:
        """`x=1`, `export X=1`, `unset x`, `[ … ]`: commands to the shell, statements to the grammar."""
        words: tuple[Word, ...] = ()
        if node.type == "variable_assignment":
            assigned: tuple[tuple[str, Word], ...] = (self._assignment(node),)
        else:
            assigned = tuple(self._assignment(c) for c in node.children if c.type == "variable_assignment")
            plain = None if self.text(node).startswith("[[") else split_plain(self.text(node))
            words = plain or tuple(self._parts_of(node))
        self.calls.append(
            Call(
                words=words,
                assignments=assigned,
                redirects=redirects,
                nested=nested,
                conditional=conditional,
            )
        )
        self._look_inside(node)

    def _parts_of(self, node: Node) -> Iterator[Word]:
        for child in node.children:
            if child.type == "variable_assignment":
                name, value = self._assignment(child)
                known = None if value.value is None else f"{name}={value.value}"
                yield Word(self.text(child), known)
            elif child.is_named and child.type.endswith("_expression"):
                yield Word(self.text(child), None)
            else:
                yield self._word(child) if child.is_named else Word(child.type, child.type)

    def _assignment(self, node: Node) -> tuple[str, Word]:
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        return self.text(name) if name else "", self._word(value) if value else Word("", "")

    def _look_inside(self, node: Node) -> None:
        """Variables and substituted commands below a word."""
        pending = [(node, False)]
        while pending:
            each, assigned = pending.pop()
            if each.type in _SUBSTITUTIONS:
                self.visit(each, nested=True, conditional=False)
                continue
            if each.type in ("variable_name", "special_variable_name") and not assigned:
                self.variables.add(self.text(each))
            naming = each.type == "variable_assignment"
            pending += [(child, naming and number == 0) for number, child in enumerate(each.children)][::-1]

    def _word(self, node: Node) -> Word:
        return word_of(node, self.text)


def _redirects(node: Node) -> Iterator[Node]:
    """The redirections of a statement; the grammar hangs those after a heredoc's name below the heredoc."""
    for child in node.children:
        if child.type in _REDIRECTS:
            yield child
            yield from _redirects(child)
