from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.stamps import fault, parted

NAMES = ("GIT_COMMIT", "BUILD_DATE", "MODE", "LEVEL", "HOME_DIR")
VALUES = ("1", '"a b"', "$GIT_COMMIT", "${MODE}-x", "a\\ b", "", "$LEVEL")


@st.composite
def files(draw: st.DrawFn) -> str:
    pairs = draw(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES)), min_size=1, max_size=5))
    newline = draw(st.sampled_from(("\n", "\r\n")))
    gap = draw(st.sampled_from((" ", f" \\{newline}  ", "  ")))
    env = gap.join(f"{name}={value}" for name, value in pairs)
    end = draw(st.sampled_from(("", newline, f"{newline}{newline}# done{newline}")))
    return f"FROM a{newline}# why{newline}ENV {env}{end}"


@given(files())
def test_what_is_parted_sets_the_same_variables_and_once_parted_stays(text: str) -> None:
    new, found = parted(parse(text), 0)
    if not found:
        assert new == text
        return
    instructions = parse(new).instructions
    assert instructions[1:] == found[0].parts
    assert instructions[1].comment == "# why" + ("\r\n" if "\r\n" in text else "\n")
    assert fault(found[0].whole, found[0].parts) == ""
    assert new.endswith("\n") == text.endswith("\n")
    assert parted(parse(new), 0) == (new, ())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ("ENV MODE=1\nENV GIT_COMMIT=$C", ""),
        ("ENV MODE=2\nENV GIT_COMMIT=$C", "other variables"),
        ("ENV MODE=1\nENV GIT_COMMIT=$C A=1", "other variables"),
        ("ENV GIT_COMMIT=$C\nENV MODE=1", ""),
    ],
)
def test_a_wrong_part_is_noticed(parts: str, words: str) -> None:
    (whole,) = parse("FROM a\nENV GIT_COMMIT=$C MODE=1\n").stages[0].body
    said = fault(whole, parse(f"FROM a\n{parts}\n").stages[0].body)
    assert (words in said) if words else said == ""


def test_a_part_that_would_see_the_other_is_noticed() -> None:
    (whole,) = parse("FROM a\nENV GIT_COMMIT=$MODE MODE=1\n").stages[0].body
    parts = parse("FROM a\nENV MODE=1\nENV GIT_COMMIT=$MODE\n").stages[0].body
    assert "expanded" in fault(whole, parts)
