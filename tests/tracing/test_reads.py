"""Evidence as JSON, and whether it still holds for a context."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fastbuild.tracing.reads import RunReads, broken_guards

READS = RunReads(
    vertex="sha256:1",
    args=("/bin/sh", "-c", "make"),
    cwd="/app",
    user="0:0",
    env=("PATH",),
    instruction="RUN make",
    line=3,
    complete=True,
    read=("/app/Makefile", "/app/\udcff"),
    absent=("/app/config.mk", "/etc/ld.so.preload", "/lib/no"),
    listed=("/app/src", "/usr/lib"),
    entries=(("a.c", "b.c"), ()),
    written=("/app/out",),
)
WHOLE = {"/app": "."}
FILES = {"Makefile", "src/a.c", "src/b.c"}


def broken(files: set[str], mapping: dict[str, str] = WHOLE, reads: RunReads = READS) -> tuple[str, ...]:
    """`broken_guards` for a context of these files."""

    def listing(folder: str) -> tuple[str, ...]:
        start = "" if folder == "." else f"{folder}/"
        return tuple({name[len(start) :].split("/")[0] for name in files if name.startswith(start)})

    return broken_guards(reads, mapping, lambda path: path in files or bool(listing(path)), listing)


def test_json_gives_back_the_same() -> None:
    assert RunReads.from_json(READS.to_json()) == READS


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format":0}', '{"format":1,"vertex":"x"}'])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        RunReads.from_json(text)


def test_an_unchanged_context_breaks_nothing() -> None:
    assert broken(FILES) == ()


def test_a_file_that_was_looked_for_in_vain_breaks_it() -> None:
    assert broken(FILES | {"config.mk"}) == ("/app/config.mk",)
    assert broken(FILES | {"config.mk/below"}) == ("/app/config.mk",)


def test_another_name_in_a_listed_directory_breaks_it() -> None:
    assert broken(FILES | {"src/c.c"}) == ("/app/src",)
    assert broken(FILES - {"src/b.c"}) == ("/app/src",)


def test_what_is_not_looked_at_may_come_and_go() -> None:
    assert broken(FILES | {"README", "docs/x"}) == ()


def test_the_longest_match_of_the_mapping_decides() -> None:
    mapping = {"/app": "other", "/app/src": "src", "/app/Makefile": "Makefile"}
    assert broken(FILES | {"config.mk"}, mapping) == ()
    assert broken(FILES | {"other/config.mk"}, mapping) == ("/app/config.mk",)


def test_a_file_copied_to_where_nothing_was_breaks_it() -> None:
    assert broken(FILES, {"/app/src": "src", "/lib/no/x": "Makefile"}) == ("/lib/no",)


def test_names_of_single_files_copied_into_a_listed_directory_count() -> None:
    single = {"/app/src/a.c": "src/a.c", "/app/src/b.c": "src/b.c"}
    assert broken(FILES, single) == ()
    assert broken(FILES, {**single, "/app/src/c.c": "c.c"}) == ("/app/src",)


def test_a_context_at_the_root_of_the_container() -> None:
    reads = replace(READS, absent=("/etc/x", "/new"), listed=("/",), entries=(("Makefile", "src"),))
    assert broken(FILES, {"/": "."}, reads) == ()
    assert broken(FILES | {"new"}, {"/": "."}, reads) == ("/new", "/")
