from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from fastbuild.dockerfile.shell_plain import read_plain
from fastbuild.dockerfile.shell_tree import read_tree
from tests.lab.reference import ask, module_files
from tests.live.parsers import mutant, ours, scripts, theirs

pytestmark = pytest.mark.live

FRAGMENTS = Path(__file__).with_name("fragments.txt").read_bytes().splitlines()
MUTANTS = 4000


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return module_files()


def test_every_dockerfile_of_the_go_modules_is_read_as_buildkit_reads_it(files: dict[str, bytes]) -> None:
    assert len(files) >= 200
    answers = [theirs(answer) for answer in ask(list(files.values()))]
    assert sum("stages" in answer for answer in answers) >= 150  # most are no tests of errors
    wrong = {
        name: (ours(text), answer)
        for (name, text), answer in zip(files.items(), answers, strict=True)
        if ours(text) != answer
    }
    assert wrong == {}


def test_what_is_almost_a_dockerfile_is_read_as_buildkit_reads_it(files: dict[str, bytes]) -> None:
    dice = random.Random(34)
    texts = [mutant(dice, list(files.values()), FRAGMENTS) for _ in range(MUTANTS)]
    answers = [theirs(answer) for answer in ask(texts)]
    fates = Counter("error" in answer for answer in answers)
    assert min(fates.values()) > MUTANTS / 10  # both fates are tried
    wrong = [
        (text, ours(text), answer)
        for text, answer in zip(texts, answers, strict=True)
        if ours(text) != answer
    ]
    assert wrong == []


def test_each_instruction_is_judged_as_buildkit_judges_it() -> None:
    texts = [b"FROM a\n" + fragment + b"\nEOF\n" for fragment in FRAGMENTS]
    texts += [fragment + b"\nFROM a\n" for fragment in FRAGMENTS]
    for text, answer in zip(texts, ask(texts), strict=True):
        assert (text, ours(text)) == (text, theirs(answer))


def test_the_quick_reader_of_scripts_finds_what_the_grammar_finds(files: dict[str, bytes]) -> None:
    compared = 0
    for text in files.values():
        for script in scripts(text):
            quick, slow = read_plain(script), read_tree(script)
            if quick is not None and slow.complete:
                assert (script, quick) == (script, slow)
                compared += 1
    assert compared > 300


def test_lines_are_as_long_as_buildkit_allows() -> None:
    texts = [
        b"FROM a\nRUN " + b"x" * (length - 4) + end
        for length in (65_534, 65_535, 65_536)
        for end in (b"", b"\n", b"\r\n", b"\nRUN y\n")
    ]
    texts.append(b"FROM a\n" + b"RUN x\n" * 200_000)
    assert [ours(each) for each in texts] == [theirs(answer) for answer in ask(texts)]
