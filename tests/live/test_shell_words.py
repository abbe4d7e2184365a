"""Words as `read_script` sees them, beside those that real shells hand to a program."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from fastbuild.dockerfile.shell import read_script

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.live

ATOMS = [
    *("a", "b-c", "/x/y", "--z=1", "A=b", "'q r'", '"s t"', "''", '""', "\\ ", "\\\\", '\\"', "\\'", "\\\n"),
    *('"\\$"', '"\\\n"', '"a\\b"', '"\\`"', '"\\""', "~", "~/x", "a~", "{a,b}", "{1..3}", "{a}", "*", "?"),
    *("[ab]", "#", "a#", "=", "==", "%", "@", "+", ":", ",", "^", "!", "$", '"$"', "\\$", "'$x'", "é", "\t"),
    *("'\n'", '"\n"', "\\a", "\\~", "'~'", "\\*", "\\{a,b}", "{a\\,b}", '{"a",b}', "-", "..", "0", "\\#"),
    *(
        '"#"',
        "[",
        "]",
        "{",
        "}",
        "\\n",
        "\r",
        "$'a'",
        '$"b"',
        "a=~",
        "<",
        "2",
        "x=",
        "if",
        "then",
        "\v",
        "\xa0",
    ),
]
JOINS = [" && ", " ; ", "\n", " && \\\n ", "&&", ";", " # c & d\n"]
PRINTER = "p() { for w in \"$@\"; do printf '%s\\2' \"$w\"; done; printf '\\1'; }\nset -f\n"
"""A word ends with the byte 2, a command with the byte 1; patterns are off, for they match nothing anyway."""
SCRIPTS = 1500


def script(dice: random.Random) -> str:
    def command() -> str:
        words = ("".join(dice.choices(ATOMS, k=dice.choice([1, 1, 2, 3]))) for _ in range(dice.randint(0, 4)))
        return " ".join(("p", *words))

    return command() + "".join(dice.choice(JOINS) + command() for _ in range(dice.choice([0, 0, 1, 2])))


def handed_over(shell: str, text: str, folder: Path) -> list[tuple[str, ...]] | None:
    """The words of each command; None if the shell complains."""
    done = subprocess.run([shell, "-c", PRINTER + text], capture_output=True, cwd=folder, timeout=30)
    if done.stderr or done.returncode:
        return None
    commands = done.stdout.decode().split("\1")[:-1]
    return [tuple(command.split("\2")[:-1]) for command in commands]


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_known_word_is_what_a_shell_hands_over(shell: str, tmp_path: Path) -> None:
    dice = random.Random(7)
    fates: Counter[str] = Counter()
    for _ in range(SCRIPTS):
        text = script(dice)
        found = read_script(text)
        if not found.complete or not all(call.literal for call in found.calls):
            fates["unknown"] += 1
            continue
        real = handed_over(shell, text, tmp_path)
        if real is None:
            fates["refused"] += 1
            continue
        assert (text, [call.args for call in found.calls if call.name == "p"]) == (text, real)
        fates["equal"] += 1
    assert fates["equal"] > SCRIPTS / 4
    assert fates["refused"] < SCRIPTS / 20
