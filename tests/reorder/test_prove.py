"""The judgement on three builds, with images made of small layers; real builds are in tests/live."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.errors import BuildFailed, EngineError, UsageError
from fastbuild.images.archive import Image
from fastbuild.images.entries import members
from fastbuild.reorder.prove import Built, Proof, Smoke, Verdict, prove
from tests.images.archives import CONFIG, files, layer, member

if TYPE_CHECKING:
    import tarfile
    from collections.abc import Collection, Mapping

Member = tuple["tarfile.TarInfo", bytes]
BASE = layer(member("bin", "dir"), member("bin/sh", content=b"shell"))
BULK = member("bulk", content=b"b" * 4000)


def built(
    *entries: Member,
    settings: Mapping[str, Any] | None = None,
    step: str = "RUN make",
    context: str = "same",
    smoke: int = 0,
    platforms: tuple[str, ...] = ("linux/amd64",),
) -> Built:
    """A build of a base and one layer of `entries` beside some that never changes."""
    top = layer(BULK, *entries)
    image = Image(
        platform="linux/amd64",
        config={**CONFIG, "config": settings or {}, "rootfs": {"diff_ids": ["base", str(hash(top))]}},
        files=files(BASE, top),
        steps=("FROM", step),
    )

    def contents(platform: str, paths: Collection[str], limit: int) -> Mapping[str, bytes]:
        return {
            path: content.read()
            for path, _, content in members(io.BytesIO(top), "top")
            if path in paths and content is not None
        }

    return Built(
        images=dict.fromkeys(platforms, image),
        contents=contents,
        smoke=lambda command: Smoke(exit_code=smoke, output=command),
        seconds=1.5,
        context=context,
    )


Result = Built | Exception


def proof(one: Result, new: Result, two: Result, *, smoke: str = "", original: str = "RUN make") -> Proof:
    """The proof of three prepared builds; they are asked for in this order, each with its own text."""
    results = [(original, one), ("rewritten", new), (original, two)]

    def build(text: str, label: str) -> Built:
        expected, result = results.pop(0)
        assert text == expected
        if isinstance(result, Exception):
            raise result
        return result

    found = prove(build, original, "rewritten", smoke=smoke)
    assert results == []
    return found


def judged(one: Member, new: Member, two: Member) -> Proof:
    return proof(built(one), built(new), built(two))


def test_equal_builds_are_equivalent() -> None:
    found = proof(built(member("f")), built(member("f")), built(member("f")))
    assert found.verdict is Verdict.EQUIVALENT
    assert (found.noise, found.differences, found.seconds) == ((), (), (1.5, 1.5, 1.5))


def test_a_difference_outside_noise_decides() -> None:
    found = judged(member("f"), member("f", mode=0o600), member("f"))
    assert found.verdict is Verdict.DIFFERENT
    assert [(d.path, d.what, d.a, d.b, d.step) for d in found.differences] == [
        ("/f", "mode", "0644", "0600", "RUN make")
    ]


def test_added_and_missing_entries_are_differences() -> None:
    found = proof(built(member("gone")), built(member("added")), built(member("gone")))
    assert [(d.path, d.what) for d in found.differences] == [("/added", "entry"), ("/gone", "entry")]


def test_noise_in_content_is_told_and_the_rest_of_that_file_still_counts() -> None:
    times = [member("log", content=f"at 12:00:{n:02}".encode()) for n in (1, 2, 3)]
    found = judged(times[0], times[1], times[2])
    assert (found.verdict, found.noise, found.unexplained) == (Verdict.EQUIVALENT, ("/log",), ())
    owned = member("log", content=b"at 12:00:02", uid=5)
    found = judged(times[0], owned, times[2])
    assert [(d.path, d.what) for d in found.differences] == [("/log", "owner")]


def test_more_than_noise_in_a_noisy_file_is_a_difference() -> None:
    found = judged(
        member("log", content=b"12:00:01 one"),
        member("log", content=b"12:00:02 two"),
        member("log", content=b"12:00:03 one"),
    )
    assert found.verdict is Verdict.DIFFERENT
    assert found.differences[0].path == "/log"


def test_unexplained_noise_is_told_apart_and_too_much_of_it_proves_nothing() -> None:
    small = [member("f", content=text * 10) for text in (b"alpha", b"gamma", b"delta")]
    found = judged(*small)
    assert (found.verdict, found.unexplained) == (Verdict.EQUIVALENT, ("/f",))
    assert "1 varying path(s) can't be compared" in found.reason
    large = [member("f", content=text * 1000) for text in (b"alpha", b"gamma", b"delta")]
    found = judged(*large)
    assert found.verdict is Verdict.CANNOT_TELL
    assert "5000 of 9000 bytes" in found.reason


def test_a_program_that_varies_without_a_reason_proves_nothing() -> None:
    found = judged(*(member("p", content=text, mode=0o755) for text in (b"alpha", b"gamma", b"delta")))
    assert found.verdict is Verdict.CANNOT_TELL
    assert "/p is a program" in found.reason


def test_what_only_its_own_tool_reads_is_told_but_not_weighed() -> None:
    path = "var/cache/ldconfig/aux-cache"
    found = judged(*(member(path, content=text * 1000) for text in (b"alpha", b"gamma", b"delta")))
    assert (found.verdict, found.unexplained) == (Verdict.EQUIVALENT, (f"/{path}",))


def test_a_reminder_that_npm_wrote_in_one_build_only_is_no_difference() -> None:
    path, cache = "root/.npm/_update-notifier-last-checked", member("root/.npm/_cacache")
    found = proof(built(cache), built(cache, member(path)), built(cache))
    assert (found.verdict, found.noise) == (Verdict.EQUIVALENT, (f"/{path}",))


def test_a_kind_or_mode_that_varies_must_be_one_of_those_seen() -> None:
    one, two = member("f", mode=0o600), member("f", mode=0o640)
    assert judged(one, two, two).verdict is Verdict.EQUIVALENT
    assert judged(one, member("f", mode=0o777), two).verdict is Verdict.CANNOT_TELL
    assert judged(one, member("f", "dir", mode=0o640), two).verdict is Verdict.DIFFERENT


def test_a_link_to_a_varying_name() -> None:
    links = [member("l", "link", linkname=f"run-{n}") for n in (1, 2, 3)]
    assert judged(*links).verdict is Verdict.EQUIVALENT
    assert judged(links[0], member("l", "link", linkname="/etc"), links[2]).verdict is Verdict.CANNOT_TELL


def log(number: int, **facts: Any) -> Member:
    return member(f"logs/2026-11-23T12_00_{number:02}-debug-0.log", content=b"same", **facts)


def test_varying_names_are_noise_where_the_originals_have_them() -> None:
    found = judged(log(1), log(2), log(3))
    assert found.verdict is Verdict.EQUIVALENT
    assert len(found.noise) == 3


def test_a_varying_directory_with_what_is_in_it() -> None:
    tree = [(member(f"tmp/run{n}", "dir"), member(f"tmp/run{n}/x", content=b"1")) for n in (1, 2, 3)]
    found = proof(built(*tree[0]), built(*tree[1]), built(*tree[2]))
    assert found.verdict is Verdict.EQUIVALENT
    more = (*tree[1], member("tmp/run2/extra"))
    found = proof(built(*tree[0]), built(*more), built(*tree[2]))
    assert [(d.path, d.what) for d in found.differences] == [("/tmp/run2/extra", "entry")]


def test_a_varying_name_with_another_owner_or_place_is_a_difference() -> None:
    assert judged(log(1), log(2, uid=3), log(3)).verdict is Verdict.DIFFERENT
    elsewhere = member("etc/2026-11-23T12_00_02-debug-0.log", content=b"same")
    assert judged(log(1), elsewhere, log(3)).verdict is Verdict.DIFFERENT


def test_a_varying_name_that_holds_other_text_is_a_difference() -> None:
    other = member("logs/2026-11-23T12_00_02-debug-0.log", content=b"other")
    assert judged(log(1), other, log(3)).verdict is Verdict.DIFFERENT


def test_more_or_fewer_varying_names_than_the_originals_have_prove_nothing() -> None:
    assert proof(built(log(1)), built(log(2), log(4)), built(log(3))).verdict is Verdict.CANNOT_TELL
    folder = member("logs", "dir")
    found = proof(built(folder, log(1)), built(folder), built(folder, log(3)))
    assert found.verdict is Verdict.CANNOT_TELL
    found = proof(built(log(1)), built(log(2), log(4)), built(log(3), log(5)))
    assert found.verdict is Verdict.EQUIVALENT


def test_what_only_one_original_has_the_rewrite_may_have_or_not() -> None:
    assert proof(built(member("lock")), built(), built()).verdict is Verdict.EQUIVALENT
    found = proof(built(), built(member("lock")), built(member("lock")))
    assert (found.verdict, found.noise) == (Verdict.EQUIVALENT, ("/lock",))
    assert proof(built(), built(log(1)), built(log(2))).verdict is Verdict.CANNOT_TELL


def test_configuration_differs() -> None:
    one, other = built(settings={"Cmd": ["a"]}), built(settings={"Cmd": ["b"]})
    found = proof(one, other, one)
    assert [(d.path, d.what) for d in found.differences] == [("", "Cmd")]
    found = proof(one, one, other)
    assert found.verdict is Verdict.CANNOT_TELL
    assert "configuration's Cmd" in found.reason


def test_a_context_that_changed_proves_nothing() -> None:
    assert proof(built(), built(), built(context="other")).verdict is Verdict.CANNOT_TELL
    assert proof(built(), built(context="other"), built()).verdict is Verdict.CANNOT_TELL


def test_noise_from_a_plain_copy_is_suspicious() -> None:
    builds = [
        built(member("f", content=text), step="COPY f /") for text in (b"at 12:01", b"at 12:02", b"at 12:03")
    ]
    found = proof(*builds)
    assert found.verdict is Verdict.CANNOT_TELL
    assert "/f was copied from the context" in found.reason
    assert proof(*builds, original="COPY --from=x f /").verdict is Verdict.EQUIVALENT
    ignore = [
        built(member("app/.dockerignore", content=text), step="COPY . /app")
        for text in (b"*.tmp\n.dockerfile.0123ab", b"*.tmp\n.dockerfile.4567cd", b"*.tmp\n.dockerfile.89abef")
    ]
    assert proof(*ignore).verdict is Verdict.EQUIVALENT


def test_platforms_are_compared_each() -> None:
    both = ("linux/amd64", "linux/arm64")
    one, new = built(member("f"), platforms=both), built(member("f", uid=1), platforms=both)
    found = proof(one, new, one)
    assert [d.path for d in found.differences] == ["linux/amd64:/f", "linux/arm64:/f"]
    assert proof(one, built(member("f")), one).verdict is Verdict.DIFFERENT


def test_failures() -> None:
    failed = BuildFailed("exit code: 9")
    found = proof(built(), failed, built())
    assert (found.verdict, found.seconds) == (Verdict.DIFFERENT, (1.5, 0.0, 1.5))
    assert "exit code: 9" in found.reason
    assert proof(built(), failed, failed).verdict is Verdict.CANNOT_TELL
    assert proof(built(), built(), failed).verdict is Verdict.CANNOT_TELL


@pytest.mark.parametrize("error", [BuildFailed("x"), EngineError("x")])
def test_a_failure_of_the_first_build_passes_through(error: Exception) -> None:
    def build(text: str, label: str) -> Built:
        raise error

    with pytest.raises(type(error)):
        prove(build, "a", "b")


def test_an_engine_that_dies_meanwhile_is_no_verdict() -> None:
    results: list[Result] = [built(), EngineError("gone")]

    def build(text: str, label: str) -> Built:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    with pytest.raises(EngineError):
        prove(build, "a", "b")


@pytest.mark.parametrize(
    ("codes", "verdict", "runs"),
    [
        ((0, 0, 0), Verdict.EQUIVALENT, [0, 0]),
        ((0, 3, 0), Verdict.DIFFERENT, [0, 3]),
        ((0, 3, 1), Verdict.CANNOT_TELL, [0, 3]),
        ((2, 0, 0), Verdict.CANNOT_TELL, [2]),
    ],
)
def test_smoke(codes: tuple[int, int, int], verdict: Verdict, runs: list[int]) -> None:
    one, new, two = (built(smoke=code) for code in codes)
    found = proof(one, new, two, smoke="app --version")
    assert found.verdict is verdict
    assert [run.exit_code for run in found.smoke] == runs


def test_images_that_differ_are_not_smoked() -> None:
    assert proof(built(), built(member("f")), built(), smoke="x").smoke == ()


def test_a_smoke_command_of_several_lines_is_refused_before_anything_is_built() -> None:
    def build(text: str, label: str) -> Built:
        pytest.fail("nothing may be built")

    with pytest.raises(UsageError, match="one line"):
        prove(build, "a", "b", smoke="one\ntwo")
