from __future__ import annotations

import pytest

from fastbuild.dockerfile.expand import expand, expand_text, mentions, references
from fastbuild.dockerfile.heredocs import split
from fastbuild.dockerfile.lexer import Lexer
from fastbuild.errors import DockerfileSyntax
from tests.dockerfile.expand_cases import ERRORS, HEREDOCS, NAMES, PORTS, VALUES, WORDS


def words(text: str) -> tuple[str, ...]:
    lexer = Lexer(text, VALUES, "\\", "process")
    lexer.run()
    return split(lexer.pieces)


@pytest.mark.parametrize(("text", "expected"), WORDS)
def test_each_word_expands_as_in_buildkit(text: str, expected: str) -> None:
    assert expand(text, VALUES).text == expand_text(text, VALUES) == expected


def test_the_table_is_worth_its_name() -> None:
    assert len(WORDS) == len(dict(WORDS)) >= 60


@pytest.mark.parametrize(("text", "expected"), HEREDOCS)
def test_heredocs_keep_their_quotes(text: str, expected: str) -> None:
    assert expand(text, VALUES, quotes="keep").text == expected


@pytest.mark.parametrize(("text", "expected"), NAMES[:-1])
def test_names_of_steps_keep_quotes_escapes_and_unset_variables(text: str, expected: str) -> None:
    assert expand(text, VALUES, quotes="raw").text == expected


@pytest.mark.parametrize(("text", "expected"), PORTS)
def test_words_are_split_after_expansion(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(("text", "problem"), ERRORS)
def test_errors_are_buildkit_s_words(text: str, problem: str) -> None:
    with pytest.raises(DockerfileSyntax) as caught:
        expand(text, VALUES)
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    assert caught.value.what == f'failed to process "{shown}": {problem}'


def test_the_escape_character_can_be_a_backquote() -> None:
    assert expand("`$A C:\\$A", VALUES, "`").text == "$A C:\\abc"
    assert expand("${P#a`/}", VALUES, "`").text == "a/b/a.b.tar.gz"


def test_a_trailing_escape_vanishes() -> None:
    assert expand("a\\", VALUES).text == "a"


def test_used_and_unset_names_are_told() -> None:
    found = expand("$A ${U:-${V:-$B}} \\$W '$P' $$", VALUES)
    assert found.used == {"A", "U", "V", "B", "$"}
    assert found.unset == {"U", "V", "$"}


def test_a_word_that_is_looked_up_in_vain_counts_even_where_it_is_not_needed() -> None:
    assert expand("${A:-$U}", VALUES).unset == {"U"}


@pytest.mark.parametrize("text", ["", "plain text", "/usr/src/app", "a=b", "é", "a\nb"])
def test_plain_text_stays(text: str) -> None:
    found = expand(text, {})
    assert (found.text, found.used) == (text, frozenset())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("echo hello", set()),
        ("echo $A ${B} ${C:-$D} '$E' \\$F", {"A", "B", "C", "D", "E", "F"}),
        ("echo ${#A} ${!B} $(cat $C) `echo $D`", {"A", "B", "C", "D"}),
        ("echo $((A + B)) $[C]; (( D++ ))", {"A", "B", "C", "D"}),
        ("echo %A% & Write-Host $env:B ${env:C}", {"A", "B", "C", "env"}),
        ("echo $1 $$ 100%", set()),
    ],
)
def test_references_of_any_text(text: str, names: set[str]) -> None:
    assert references(text) == names


def test_mentions_are_all_identifiers() -> None:
    assert mentions("printenv A; python -c 'os.environ[\"B\"]'") >= {"A", "B"}


def test_quoted_values_are_not_split() -> None:
    assert words("\"$L\" '6  6' $L") == ("80 81", "6  6", "80", "81")


def test_a_pattern_made_to_be_slow_is_not() -> None:
    values = {"A": "a" * 150}
    pattern = "*a" * 40 + "b"
    assert expand(f"${{A##{pattern}}}${{A%{pattern}}}${{A/{pattern}/}}", values).text == values["A"] * 3


def test_absurd_nesting_is_an_error() -> None:
    with pytest.raises(DockerfileSyntax, match="too many braces"):
        expand("${A:+" * 2000 + "}" * 2000, VALUES)


def test_bytes_that_are_no_utf8_become_the_replacement_character() -> None:
    assert expand("a\udcff", {}).text == "a\ufffd"
    with pytest.raises(DockerfileSyntax, match=r'^failed to process "\\xff\$\{": '):
        expand("\udcff${", {})
