from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastbuild.dockerfile.directives import directives, syntax
from fastbuild.dockerfile.model import Dockerfile, Flag, Heredoc, Instruction
from fastbuild.dockerfile.parse import decode, encode, parse
from fastbuild.dockerfile.validate import validate
from fastbuild.errors import DockerfileSyntax

ODD = "\t\v\f\r\x00\x1c\x85\xa0\u2028\u2029\ufeff\ud800\udc80é'\"\\`$<>[]{}=#- "
BITS = [
    *(
        "FROM a",
        "RUN b \\",
        "  c",
        "# d",
        "",
        "RUN <<E",
        "E",
        "COPY <<-'E' <<F /g",
        "\tE",
        "F",
        "ENV a=b c='d e'",
    ),
    *(
        "# escape=`",
        "# syntax=x",
        "RUN e `",
        'CMD ["a"]',
        "ONBUILD RUN <<E",
        "HEALTHCHECK CMD [",
        "\\",
        "ARG a",
    ),
]
TEXTS = st.lists(
    st.tuples(
        st.sampled_from(BITS) | st.text(st.sampled_from(ODD) | st.characters(), max_size=12),
        st.sampled_from(["\n", "\r\n", "\n", "\\\n", " \\ \r\n", "`\n", "\n\n", ""]),
    ).map("".join),
    max_size=12,
).map("".join)


def read(text: str) -> Dockerfile:
    parsed = parse(text)
    assert parsed.source == text
    return parsed


def only(text: str) -> Instruction:
    (found,) = read(text).instructions
    return found


@given(TEXTS)
@example("\ufeffFROM a")
@example("FROM a\nCOPY --\ud800=é b c")
@example("FROM a\x0b\nRUN b\x85\u2028c\r\n# d\n\nRUN e \\\n\n # f\n g")
def test_a_text_is_refused_or_comes_back_unchanged(text: str) -> None:
    try:
        parsed = parse(text)
    except DockerfileSyntax:
        return
    assert parsed.source == text
    assert [each.index for each in parsed.instructions] == list(range(len(parsed.instructions)))
    lines = text.count("\n") + 1
    previous = 0
    for each in parsed.instructions:
        assert previous < each.start <= each.end <= lines
        assert each.source.count("\n") in (each.end - each.start, each.end - each.start + 1)
        previous = each.end


@given(st.binary(max_size=200) | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_bytes_are_refused_or_come_back_unchanged(raw: bytes) -> None:
    text = decode(raw)
    assert encode(text) == raw
    try:
        parsed = parse(text)
    except DockerfileSyntax:
        return
    assert encode(parsed.source) == raw


@given(TEXTS)
def test_a_file_that_is_judged_twice_gets_the_same_judgement(text: str) -> None:
    def judgement() -> str:
        try:
            validate(parse(text))
        except DockerfileSyntax as error:
            return error.what
        return ""

    assert judgement() == judgement()


def test_a_continued_instruction_has_no_comments_and_blank_lines_in_its_text() -> None:
    run = read("FROM a\nRUN b \\\n# c\n\n   # d\n  e \\  \r\n f\n").instructions[1]
    assert (run.start, run.end) == (2, 7)
    assert run.words == ("b   e  f",)
    assert run.source == "RUN b \\\n# c\n\n   # d\n  e \\  \r\n f\n"


def test_an_escaped_backslash_at_the_end_continues_nothing() -> None:
    assert [each.keyword for each in read("FROM a\nRUN b \\\\\nRUN c").instructions] == ["FROM", "RUN", "RUN"]


def test_a_comment_belongs_to_the_instruction_directly_below() -> None:
    text = (
        "# licence\n\n# base\n  # image\nFROM a\n# loose\n\nRUN b\n# c\nRUN <<E\n# not a comment\nE\n# end\n"
    )
    parsed = read(text)
    assert [each.comment for each in parsed.instructions] == ["# base\n  # image\n", "", "# c\n"]
    strings = [piece for piece in parsed.pieces if isinstance(piece, str)]
    assert strings == ["# licence\n\n", "# loose\n\n", "# end\n"]


@pytest.mark.parametrize(
    "top", ["# syntax=a\n", "#!/bin/sh\n", "#!/bin/sh\n# check=skip=all\n", "\ufeff", "\ufeff# escape=`\n"]
)
def test_what_means_something_only_at_the_top_belongs_to_no_instruction(top: str) -> None:
    parsed = read(top + "# base\nFROM a\n")
    assert "".join(piece for piece in parsed.pieces if isinstance(piece, str)) == top
    assert parsed.instructions[0].comment == "# base\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# Syntax = a b \n#escape=`\nFROM x", (("syntax", "a b"), ("escape", "`"))),
        ("# check=skip=all;error=true\n# syntax=a\n", (("check", "skip=all;error=true"), ("syntax", "a"))),
        ("# a comment\n# escape=`\n", ()),
        ("\n# escape=`\n", ()),
        ("# unknown=x\n# escape=`\n", ()),
        ("FROM x\n# escape=`\n", ()),
        ("#!/usr/bin/env x\n# syntax=a\n# escape=`\n", (("syntax", "a"),)),
        ("  # escape=`\n", (("escape", "`"),)),
        ("  # syntax=a\n", ()),
        ("\ufeff# escape=`\r\n", (("escape", "`"),)),
    ],
)
def test_directives_are_found_where_buildkit_finds_them(
    text: str, found: tuple[tuple[str, str], ...]
) -> None:
    assert directives(text) == found


def test_the_frontend_may_be_named_in_three_ways() -> None:
    assert syntax("# syntax=a/b:1 c\nFROM x") == "a/b:1"
    assert syntax("#!/usr/bin/env x\n// syntax = a\nrest") == "a"
    assert syntax('{"syntax": "a", "b": 1}') == "a"
    assert syntax('{"syntax": 1}') is None
    assert syntax("{") is None
    assert syntax("FROM x\n# syntax=a") is None


def test_a_backtick_escapes_where_the_directive_says_so() -> None:
    copy = read("# escape=`\nFROM a\nCOPY --chown=a`\n  b c:\\\nUSER x\n").instructions[1]
    assert copy.words == ("b", "c:\\")
    assert copy.flag("chown") == "a"


def test_heredocs_are_read_with_their_kind() -> None:
    copy = read("FROM a\nCOPY <<-E <<'F g' /h\n\ti\n\tE\n$j\nF g\n").instructions[1]
    assert copy.heredocs == (
        Heredoc("E", "\ti\n", expand=True, chomp=True),
        Heredoc("F g", "$j\n", expand=False, chomp=False),
    )
    assert copy.text == "COPY <<-E <<'F g' /h\n\ti\nE\n$j\nF g\n"


def test_a_heredoc_may_have_a_blank_before_its_name() -> None:
    assert [each.end for each in read("FROM a\nRUN cat << E\nx\nE\nRUN y").instructions] == [1, 4, 5]


@pytest.mark.parametrize(
    "words", ["echo don't <<E", "cat <<<E", "ONBUILD ENV a=<<E", '["a", "<<E"]', "x=$((1<<2))"]
)
def test_what_looks_like_a_heredoc_and_is_none_takes_no_lines(words: str) -> None:
    text = words if words.startswith("ONBUILD") else f"RUN {words}"
    assert read(f"FROM a\n{text}\nRUN E\n").instructions[2].start == 3


def test_a_trigger_has_the_flags_words_and_heredocs() -> None:
    onbuild = read("FROM a\nOnBuild\tcopy --from=b <<E c\nd\nE\n").instructions[1]
    assert (onbuild.keyword, onbuild.flags, onbuild.words, onbuild.heredocs) == ("ONBUILD", (), (), ())
    trigger = onbuild.trigger
    assert trigger is not None
    assert (trigger.keyword, trigger.words) == ("COPY", ("<<E", "c"))
    assert trigger.flags == (Flag("from", "b"),)
    assert trigger.heredocs == (Heredoc("E", "d\n"),)
    assert trigger.text == "copy --from=b <<E c\nd\nE\n"


@pytest.mark.parametrize(
    ("line", "words", "json"),
    [
        ('CMD ["a", "\\u00e9"]', ("a", "é"), True),
        ("CMD [ 'a' ]", ("[ 'a' ]",), False),
        ('ENTRYPOINT ["a"] # b', ('["a"] # b',), False),
        ('COPY ["a b", "c"]', ("a b", "c"), True),
        ("CMD []", (), True),
        ("ENV a b  c", ("a", "b  c"), False),
        ("ENV a=b c='d e' f=g\\ h", ("a", "b", "c", "'d e'", "f", "g\\ h"), False),
        ("ARG a b=c", ("a", "b=c"), False),
        ("HEALTHCHECK --interval=1s CMD a  b", ("CMD", "a  b"), False),
        ("EXPOSE 80\t81/udp", ("80", "81/udp"), False),
        ("WORKDIR /a b", ("/a b",), False),
        ("from  A  as  B", ("A", "as", "B"), False),
    ],
)
def test_words_are_split_as_their_instruction_wants(line: str, words: tuple[str, ...], json: bool) -> None:
    found = only(line)
    assert (found.words, found.json) == (words, json)


@pytest.mark.parametrize(
    ("text", "what", "cause"),
    [
        ("", "Dockerfile:1: file with no instructions", "empty"),
        ("FROM a\n\nRUN <<E\nb\n E\n", "Dockerfile:3: unterminated heredoc", "just E"),
        ("FROM a\nENV b\n", "Dockerfile:2: ENV must have two arguments", ""),
        ("FROM a\n# b\nLABEL c=d e\n", "Dockerfile:3: Syntax error - can't find =", "not quoted"),
        ('FROM a\nCMD ["b", 1]', "Dockerfile:2: when using JSON array syntax", ""),
        ("# escape=`\n# escape=`\nFROM a", "Dockerfile:2: only one escape parser directive", ""),
        ("# escape=x\nFROM a", "Dockerfile:1: invalid escape token", ""),
        ("FROM a\nRUN " + "b" * 66_000, "Dockerfile:2: dockerfile line greater than", ""),
        (
            "# syntax=tonistiigi/dockerfile-x\nENV a\n",
            "Dockerfile:2: ENV must",
            "frontend tonistiigi/dockerfile-x",
        ),
    ],
)
def test_an_error_names_the_line_and_the_likely_cause(text: str, what: str, cause: str) -> None:
    with pytest.raises(DockerfileSyntax) as caught:
        parse(text)
    assert caught.value.what.startswith(what)
    assert cause in caught.value.cause
    assert caught.value.fix
    assert caught.value.exit_code == 4


def test_an_error_names_the_file() -> None:
    with pytest.raises(DockerfileSyntax, match=r"^api/Dockerfile:1: file with no instructions"):
        parse("# nothing\n", "api/Dockerfile")


def test_deep_json_is_no_crash() -> None:
    assert not only("CMD " + "[" * 30_000).json


def test_a_megabyte_is_read() -> None:
    assert len(read("FROM a\n" + "RUN b \\\n  c\n" * 80_000).instructions) == 80_001
