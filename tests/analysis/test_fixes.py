from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.analysis.finding import Edit, Finding, Fix, Level, Safety
from fastbuild.analysis.fixes import Mended, Texts, edited, mend
from fastbuild.analysis.run import analyse
from fastbuild.analysis.subject import Subject
from fastbuild.analysis.syntax import read
from tests.analysis.fakes import keyword_rule, rule

FROM = "FROM busybox\n"


def _mend(text: str, *rules: object, unsafe: bool = False) -> Mended:
    def again(texts: Texts) -> tuple[Finding, ...] | None:
        parsed = read(texts.dockerfile)
        return None if isinstance(parsed, Finding) else analyse(Subject(dockerfile=parsed), rules)  # type: ignore[arg-type]

    findings = again(Texts(dockerfile=text))
    assert findings is not None
    return mend(Texts(dockerfile=text), findings, again, unsafe=unsafe)


def test_a_safe_fix_is_applied_everywhere() -> None:
    mended = _mend(
        FROM + "MAINTAINER a\nRUN b\nMAINTAINER c\n", keyword_rule("FB101", "MAINTAINER", "LABEL a=b\n")
    )
    assert mended.texts.dockerfile == FROM + "LABEL a=b\nRUN b\nLABEL a=b\n"
    assert (len(mended.applied), mended.left) == (2, ())


def test_an_unsafe_fix_is_applied_on_demand_only() -> None:
    unsafe = keyword_rule("FB101", "MAINTAINER", "LABEL a=b\n", Safety.UNSAFE)
    text = FROM + "MAINTAINER a\n"
    assert _mend(text, unsafe).texts.dockerfile == text
    assert _mend(text, unsafe, unsafe=True).texts.dockerfile == FROM + "LABEL a=b\n"


def test_a_fix_whose_result_does_not_parse_is_not_applied() -> None:
    text = FROM + "MAINTAINER a\n"
    mended = _mend(text, keyword_rule("FB101", "MAINTAINER", "LABLE a\n"))
    assert (mended.texts.dockerfile, mended.applied) == (text, ())


def test_a_fix_that_does_not_mend_its_finding_is_not_applied() -> None:
    text = FROM + "MAINTAINER a\n"
    assert _mend(text, keyword_rule("FB101", "MAINTAINER", "MAINTAINER b\n")).texts.dockerfile == text


def test_a_finding_that_only_moved_is_not_mended() -> None:
    def check(subject: Subject):  # type: ignore[no-untyped-def]
        first = subject.dockerfile.instructions[-1].start
        edit = Edit(start=1, end=0, text="# more\n")
        fix = Fix(title="move it", safety=Safety.SAFE, edits=(edit,))
        yield Finding(
            code="FB101", level=Level.INFO, message=f"line {first}", start=first, end=first, fix=fix
        )

    assert _mend(FROM, rule("FB101", check)).texts.dockerfile == FROM


def test_a_fix_may_uncover_the_next_finding_of_its_rule() -> None:
    def check(subject: Subject):  # type: ignore[no-untyped-def]
        keyword = subject.dockerfile.instructions[-1].keyword
        new = {"LABEL": "ENV a=b\n", "ENV": "RUN a\n"}.get(keyword)
        if new:
            fix = Fix(title=new, safety=Safety.SAFE, edits=(Edit(start=2, end=2, text=new),))
            yield Finding(code="FB101", level=Level.INFO, message=keyword, start=2, end=2, fix=fix)

    assert _mend(FROM + "LABEL a=b\n", rule("FB101", check)).texts.dockerfile == FROM + "RUN a\n"


def test_a_fix_that_brings_a_new_error_is_not_applied() -> None:
    text = FROM + "MAINTAINER a\n"
    worse = keyword_rule("FB102", "LABEL", level=Level.ERROR)
    assert _mend(text, keyword_rule("FB101", "MAINTAINER", "LABEL a=b\n"), worse).texts.dockerfile == text


def test_of_two_fixes_for_one_line_the_second_waits_for_the_next_round() -> None:
    first = keyword_rule("FB101", "MAINTAINER", "LABEL a=b\n")
    second = keyword_rule("FB102", "MAINTAINER", "ENV a=b\n")
    third = keyword_rule("FB103", "LABEL", "ENV c=d\n")
    mended = _mend(FROM + "MAINTAINER a\n", first, second, third)
    assert mended.texts.dockerfile == FROM + "ENV c=d\n"
    assert [f.code for f in mended.applied] == ["FB101", "FB103"]


def test_two_rules_that_undo_each_other_come_to_an_end() -> None:
    one, two = keyword_rule("FB101", "LABEL", "ENV a=b\n"), keyword_rule("FB102", "ENV", "LABEL a=b\n")
    assert len(_mend(FROM + "ENV a=b\n", one, two).applied) == 3


def test_files_of_the_context_are_changed_with_the_dockerfile() -> None:
    edits = (
        Edit(start=2, end=2, text="ENV a=b\n"),
        Edit(start=1, end=0, text=".git\n", file=".dockerignore"),
    )
    fix = Fix(title="both", safety=Safety.SAFE, edits=edits)
    finding = Finding(code="FB101", level=Level.INFO, message="m", start=2, end=2, fix=fix)
    text = FROM + "LABEL a=b\n"

    def again(texts: Texts) -> tuple[Finding, ...]:
        return () if texts.others == {".dockerignore": ".git\n"} else (finding,)

    mended = mend(Texts(dockerfile=text), (finding,), again, unsafe=False, load=lambda _: "")
    assert mended.texts == Texts(dockerfile=FROM + "ENV a=b\n", others={".dockerignore": ".git\n"})
    refused = mend(Texts(dockerfile=text), (finding,), again, unsafe=False)
    assert refused.texts.dockerfile == text, "half of a fix is none"


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        ("a\nb\n", Edit(start=2, end=2, text="c\n"), "a\nc\n"),
        ("a\r\nb\r\n", Edit(start=2, end=2, text="c\nd\n"), "a\r\nc\r\nd\r\n"),
        ("a\nb", Edit(start=2, end=2, text="c\n"), "a\nc"),
        ("a\r\nb", Edit(start=3, end=2, text="c\n"), "a\r\nb\r\nc"),
        ("a\nb\n", Edit(start=3, end=2, text="c"), "a\nb\nc\n"),
        ("a\nb\n", Edit(start=1, end=0, text="c\n"), "c\na\nb\n"),
        ("a\nb\nc\n", Edit(start=1, end=2, text=""), "c\n"),
        ("", Edit(start=1, end=0, text="a\n"), "a\n"),
        ("a\n", Edit(start=3, end=3, text="x"), None),
        ("a\n", Edit(start=0, end=0, text="x"), None),
        ("a\n", Edit(start=2, end=0, text="x"), None),
    ],
)
def test_edits_of_lines(before: str, edit: Edit, after: str | None) -> None:
    assert edited(before, [edit]) == after


def test_overlapping_edits_of_one_fix_are_refused() -> None:
    edits = [Edit(start=1, end=2, text="x\n"), Edit(start=2, end=3, text="y\n")]
    assert edited("a\nb\nc\n", edits) is None


@given(st.text("ab\n", max_size=40), st.data())
def test_an_edit_leaves_all_other_lines_alone(text: str, data: st.DataObject) -> None:
    lines = text.removesuffix("\n").split("\n") if text else []
    start = data.draw(st.integers(1, len(lines) + 1))
    end = data.draw(st.integers(start - 1, len(lines)))
    after = edited(text, [Edit(start=start, end=end, text="new\n")])
    assert after is not None
    expected = "".join(f"{line}\n" for line in [*lines[: start - 1], "new", *lines[end:]])
    assert after == (expected if text == "" or text.endswith("\n") else expected.removesuffix("\n"))


def test_a_finding_without_a_fix_stays() -> None:
    mended = _mend(FROM + "RUN a\n", keyword_rule("FB101", "RUN"))
    assert [f.code for f in mended.left] == ["FB101"]


def test_rules_see_the_text_of_the_round_before() -> None:
    def check(subject: Subject):  # type: ignore[no-untyped-def]
        runs = [i for i in subject.dockerfile.instructions if i.keyword == "RUN"]
        for one, two in pairwise(runs):
            text = f"RUN {one.words[0]} && {two.words[0]}\n"
            edit = Edit(start=one.start, end=two.end, text=text)
            fix = Fix(title="join", safety=Safety.SAFE, edits=(edit,))
            yield Finding(code="FB101", level=Level.INFO, message="m", start=one.start, end=two.end, fix=fix)

    mended = _mend(FROM + "RUN a\nRUN b\nRUN c\n", rule("FB101", check))
    assert mended.texts.dockerfile == FROM + "RUN a && b && c\n"
