"""What evidence is filed under: all that is written above a RUN, and nothing else."""

from __future__ import annotations

from fastbuild.tracing.chains import chains
from fastbuild.tracing.store import chain_key

FILE = """\
ARG TAG=1
ARG UNUSED
FROM base:$TAG AS first
ARG MODE
RUN one
FROM other AS second
COPY --from=first /x /
RUN two \\
    more
FROM first
RUN three
"""


def keys(text: str = FILE, platform: str = "", **build_args: str) -> list[str]:
    """The key of each RUN, in file order."""
    return [chain_key(chain.texts) for chain in chains(text, build_args, platform).values()]


def same(text: str = FILE, platform: str = "", **build_args: str) -> list[bool]:
    """For each RUN, whether it has the key that it has in `FILE`."""
    return [new == old for new, old in zip(keys(text, platform, **build_args), keys(), strict=True)]


def test_lines_and_texts() -> None:
    found = chains(FILE, {})
    assert [(chain.line, chain.instruction) for chain in found.values()] == [
        (5, "RUN one"),
        (8, "RUN two     more"),
        (11, "RUN three"),
    ]
    assert list(found) == [5, 8, 11]


def test_a_heredoc_is_part_of_the_text() -> None:
    (chain,) = chains("FROM a\nRUN <<EOF\nfoo\nEOF\n", {}).values()
    assert "foo" in chain.instruction


def test_comments_and_what_follows_change_nothing() -> None:
    assert same(
        "# hello\n" + FILE.replace("FROM other", "# x\nFROM other") + "RUN four\n".replace("RUN four\n", "")
    ) == [
        True,
        True,
        True,
    ]


def test_a_change_reaches_the_stages_that_depend_on_it() -> None:
    assert same(FILE.replace("RUN one", "RUN uno")) == [False, False, False]
    assert same(FILE.replace("RUN two", "RUN duo")) == [True, False, True]
    assert same(FILE.replace("RUN three", "RUN tre")) == [True, True, False]
    assert same(FILE.replace("base:", "vase:")) == [False, False, False]


def test_values_of_arguments_count_where_they_are_declared() -> None:
    assert same(MODE="fast") == [False, False, False]
    assert same(FILE.replace("ARG MODE\n", "ARG MODE\n"), OTHER="x") == [True, True, True]
    assert same(TAG="2") == [False, False, False]


def test_the_platform_counts() -> None:
    assert same(platform="linux/arm64") == [False, False, False]


def test_a_reference_with_a_variable_may_be_any_earlier_stage() -> None:
    text = "ARG S=a\nFROM x AS a\nRUN 1\nFROM y AS b\nRUN 2\nFROM $S\nRUN 3\n"
    before, after = keys(text), keys(text.replace("RUN 2", "RUN two"))
    assert [old == new for old, new in zip(before, after, strict=True)] == [True, False, False]
