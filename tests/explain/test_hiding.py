from __future__ import annotations

import gzip

import pytest

from fastbuild.explain.hidden import HIDDEN
from fastbuild.explain.hiding import Hider, tainted
from fastbuild.explain.stored import to_json
from tests.explain.frontend import SALT, Project, changed, side

SECRET = "correct-horse-battery"


def stored(project: Project) -> str:
    return gzip.decompress(to_json(side(project))).decode()


ROWS = [
    "FROM d\nARG NPM_TOKEN\nRUN npm ci\n",
    "FROM d\nARG NPM_TOKEN\nENV URL=https://u:$NPM_TOKEN@h/\nRUN npm ci\n",
    "FROM d\nARG NPM_TOKEN\nCOPY f /$NPM_TOKEN/\n",
    "FROM d\nARG NPM_TOKEN\nWORKDIR /$NPM_TOKEN\n",
    "FROM d\nARG NPM_TOKEN\nCOPY <<EOF /f\nt=$NPM_TOKEN\nEOF\n",
    "FROM d\nARG NPM_TOKEN\nADD https://$NPM_TOKEN@example.org/f /f\n",
    "FROM d\nARG NPM_TOKEN\nADD https://u:$NPM_TOKEN@example.org/f /f\n",
    "ARG NPM_TOKEN\nFROM d\nARG NPM_TOKEN\nENV X=$NPM_TOKEN\nENV Y=$X\nRUN x\n",
    "FROM d\nARG NPM_TOKEN=correct-horse-battery\nRUN npm ci\n",
    "FROM d\nRUN npm ci --token=correct-horse-battery\n",
    "FROM d\nRUN PASSWORD='correct-horse-battery' npm ci\n",
    "FROM d\nRUN git clone https://me:correct-horse-battery@example.org/x\n",
    'FROM d\nENV DB_PASSWORD="correct-horse-battery"\nRUN x\n',
]


@pytest.mark.parametrize("text", ROWS, ids=range(len(ROWS)))
def test_no_secret_enters_a_side_file(text: str) -> None:
    given = {"NPM_TOKEN": SECRET} if "=correct" not in text.partition("\nRUN")[0] else {}
    found = stored(Project(dockerfile=text, files={"f": "1"}, args=given))
    assert SECRET not in found
    assert "correct-horse" not in found


SHORT = [text for text in ROWS[:5] if "RUN" not in text]


@pytest.mark.parametrize("text", [*SHORT, ROWS[0], ROWS[1], ROWS[7]])
def test_a_short_secret_is_hidden_where_it_is_expanded(text: str) -> None:
    found = stored(Project(dockerfile=text, files={"f": "1"}, args={"NPM_TOKEN": "q7x"}))
    assert "q7x" not in found


def test_names_are_secret_by_themselves_or_by_what_they_are_made_of() -> None:
    found = tainted([("API_KEY", "1"), ("URL", "https://$API_KEY@h"), ("AGAIN", "${URL}"), ("LANG", "C")])
    assert found == {"API_KEY", "URL", "AGAIN"}


def test_hidden_values_can_be_compared_under_one_salt_only() -> None:
    one, same, other = Hider(SALT), Hider(SALT), Hider("ff" * 16)
    assert HIDDEN.fullmatch(one.hidden(SECRET))
    assert one.hidden(SECRET) == same.hidden(SECRET) != other.hidden(SECRET)
    assert one.hidden(SECRET) != one.hidden(SECRET + "x")
    assert one.hidden(one.hidden(SECRET)) == one.hidden(SECRET)


def test_what_is_no_secret_stays_readable() -> None:
    hider = Hider(SALT)
    for text in (
        "RUN --mount=type=secret,id=npm_token,env=NPM_TOKEN npm ci",
        'RUN curl -H "Authorization: $TOKEN" https://example.org/a@b',
        "RUN git clone https://example.org/me/x.git",
        "PUBLIC_KEY=abc",
        "RUN a=b make",
    ):
        assert hider.text(text) == text


def test_a_wrong_salt_hides_all_the_same() -> None:
    project = Project(dockerfile=ROWS[0], args={"NPM_TOKEN": SECRET})
    assert stored(changed(project, about={"salt": "ff" * 16})) != stored(project)
