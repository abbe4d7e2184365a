from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.dockerfile.shell import Call, Redirect, Script, Word, read_script
from fastbuild.dockerfile.shell_plain import read_plain
from fastbuild.dockerfile.shell_tree import read_tree


def calls(text: str) -> list[tuple[str | None, ...]]:
    script = read_script(text)
    assert script.complete
    return [tuple(word.value for word in call.words) for call in script.calls]


def only(text: str) -> Call:
    script = read_script(text)
    assert script.complete
    (call,) = script.calls
    return call


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("a", "a"),
        ("'a b'", "a b"),
        ('"a \\" \\a \\$"', 'a " \\a $'),
        ("a'b'\"c\"\\ d", "abc d"),
        ("\\ ", " "),
        ("a\\\nb", "ab"),
        ('"a\\\nb"', "ab"),
        ("''", ""),
        ("a#b", "a#b"),
        ("$", "$"),
        ("a$", "a$"),
        ('"$"', "$"),
        ("a{b", "a{b"),
        ("{}", "{}"),
        ("'*'", "*"),
        ("\\*", "*"),
        ("==", "=="),
        ("a~", "a~"),
        ("a\r", "a\r"),
        ("é", "é"),
        ("~", None),
        ("~/a", None),
        ("--x=~/a", None),
        ("*", None),
        ("a?", None),
        ("[ab]", None),
        ("{a,b}", None),
        ("{1..3}", None),
        ("$a", None),
        ("'a'$b", None),
        ('"$a"', None),
        ('"${a:-b}"', None),
        ("$(a)", None),
        ("`a`", None),
        ('"$(a "b c")"', None),
        ("$((1 + 2))", None),
        ("$'a'", None),
        ('$"a"', None),
    ],
)
def test_a_word_has_the_value_that_its_command_gets(word: str, value: str | None) -> None:
    found = read_script(f"p {word} z")
    call = found.calls[0]
    if word == '$"a"':  # shells differ, and the grammar takes it for two words
        assert not found.complete
        return
    assert found.complete
    assert [each.value for each in call.words] == ["p", value, "z"]
    assert call.words[1].text == word


def test_commands_come_in_the_order_of_the_text() -> None:
    found = calls("a b && c;d\n\ne \\\n f | # g\n h & i")
    assert found == [("a", "b"), ("c",), ("d",), ("e", "f"), ("h",), ("i",)]


@pytest.mark.parametrize(
    ("text", "nested", "conditional"),
    [
        ("a && b", "", ""),
        ("a || b", "", "b"),
        ("a || b && c", "", "b"),
        ("a || b; c", "", "b"),
        ("a | b && c", "ab", ""),
        ("a |& b", "ab", ""),
        ("a || b | c", "bc", "bc"),
        ("(a; b); c", "ab", ""),
        ("{ a; b; } && c", "", ""),
        ("! a", "", ""),
        ("if a; then b; else c; fi; d", "abc", "abc"),
        ("for x in y; do a; done", "a", "a"),
        ("while a; do b; done", "ab", "ab"),
        ("case x in y) a;; *) b;; esac", "ab", "ab"),
        ("a $(b) `c`", "bc", ""),
        ("a <(b)", "b", ""),
        ("f() { a; }; b", "a", ""),
        ("cat <<E && b\nx\nE\nc", "", ""),
        ("cat <<E || b\n$(a)\nE\nc", "a", "b"),
        ("cat <<E | b\nx\nE", "b", ""),
    ],
)
def test_it_is_known_whether_a_command_surely_runs(text: str, nested: str, conditional: str) -> None:
    script = read_script(text)
    named = [call for call in script.calls if call.name != "cat"]
    assert script.complete
    assert "".join(sorted(call.name for call in named if call.nested)) == nested
    assert "".join(sorted(call.name for call in named if call.conditional)) == conditional


@pytest.mark.parametrize("tail", ["", " $(x)"])
def test_a_redirection_belongs_to_its_own_command(tail: str) -> None:
    script = read_script(f"a{tail} && b >/f 2>&1 | c <g && d &>h >&i >&- && e <<<j")
    found = {
        call.name: [(each.operator, each.target and each.target.value) for each in call.redirects]
        for call in script.calls
        if call.name != "x"
    }
    assert found == {
        "a": [],
        "b": [(">", "/f"), (">&", None)],
        "c": [("<", "g")],
        "d": [("&>", "h"), (">&", "i"), (">&", None)],
        "e": [("<<<", None)],
    }


@pytest.mark.parametrize("head", ["", "$(x); "])
def test_words_behind_a_redirection_are_the_command_s(head: str) -> None:
    script = read_script(head + "a b >f c && d >&2 'e g' | <h i j")
    assert script.complete
    found = {call.name: call.args for call in script.calls if call.name in ("a", "d", "i")}
    assert found == {"a": ("b", "c"), "d": ("e g",), "i": ("j",)}


def test_a_redirection_of_a_group_is_that_of_all_its_commands() -> None:
    script = read_script("(a; b && c) >f")
    redirect = Redirect(">", Word("f", "f"))
    assert [call.redirects for call in script.calls] == [(redirect,)] * 3


def test_assignments_are_told_from_words() -> None:
    call = only("A=1 B='x y' c D=2")
    assert call.assignments == (("A", Word("1", "1")), ("B", Word("'x y'", "x y")))
    assert call.args == ("D=2",)
    alone = only("A=$B")
    assert (alone.words, alone.assignments) == ((), (("A", Word("$B", None)),))
    export = only('export A="b c" D')
    assert export.args == ("A=b c", "D")
    assert export.assignments == (("A", Word('"b c"', "b c")),)


def test_variables_and_functions_are_named() -> None:
    script = read_script('f() { a; }; b $c "${d:-$e}" $(g $h) <<E\n$i \\$j\nE\nunset k')
    assert script.variables == {"c", "d", "e", "h", "i", "k"}
    assert script.functions == {"f"}
    assert read_script("cat <<'E'\n$a\nE\n").variables == frozenset()
    assert read_script('A=1 b "$c"').variables == {"c"}


@pytest.mark.parametrize(
    "text", ["a 'b", 'a "b', "a &&", "if a", "a )", "<<E\nx", "a $(b", "for", "a;;;b(", "(" * 99]
)
def test_what_is_no_script_is_not_complete(text: str) -> None:
    assert not read_script(text).complete


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 10_000 + "a" + ")" * 10_000,
        "$(" * 10_000 + ")" * 10_000,
        '"$(' * 5_000,
        "if " * 10_000,
        "{ " * 10_000,
        "`" * 10_001,
        "a && " * 10_000 + "$(b)",
        "x" * 1_000_000,
    ],
)
def test_deep_and_long_texts_are_no_crash(text: str) -> None:
    assert not read_script(text).complete


def test_a_long_list_is_read_whole() -> None:
    assert len(read_script("a && " * 10_000 + "b").calls) == 10_001


FIRST = ["w", "x=y z", "! w", "test -f"]
TOKENS = [
    *("a", "--b=c", "'d e'", '"f"', "\\g", "$h", '"$i j"', "k=l", "~", "*", "/m", "n#", "${o}", "-"),
    "p\\\nq",
]
JOINS = [
    *(" && ", " || ", "; ", "\n", " | ", " >r ", " 2>&1 ", " # s\n", " && \\\n  ", " <t && "),
    "\nexport u=v\n",
]
COMMANDS = st.tuples(st.sampled_from(FIRST), st.lists(st.sampled_from(TOKENS), max_size=4)).map(
    lambda found: " ".join((found[0], *found[1]))
)
SCRIPTS = st.lists(st.tuples(COMMANDS, st.sampled_from(JOINS)).map("".join), max_size=3).map("".join)


@given(SCRIPTS)
def test_the_quick_reader_finds_what_the_grammar_finds(text: str) -> None:
    text += "w"
    quick, slow = read_plain(text), read_tree(text)
    if slow.complete:  # it is not where a line is continued inside a word
        assert as_known(quick) == as_known(slow)
        # the grammar takes all of `a && b >f | c` for a pipeline: more nested, never less
        assert all(a.nested <= b.nested for a, b in zip(quick.calls, slow.calls, strict=True))


def as_known(script: Script) -> Script:
    return replace(script, calls=tuple(replace(call, nested=False) for call in script.calls))


@given(st.text(st.sampled_from("ab '\"\\$`(){}[]<>|&;#\n=~*!E\t\r\ud800é0-"), max_size=40))
def test_any_text_is_read_without_a_crash(text: str) -> None:
    assert isinstance(read_script(text), Script)
    assert isinstance(read_tree(text), Script)
