from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.cache.names import CacheNames, as_tag, derive, native_platform, slug
from fastbuild.ci import CIContext
from fastbuild.git import GitFacts

HERE = Path("/srv/app")
LOCAL = CIContext(provider="none")
START = "acme/app/final/linux-amd64"


def names(ci: CIContext = LOCAL, git: GitFacts | None = None, **options: object) -> CacheNames:
    merged = {"directory": HERE, "machine": "x86_64"} | options
    return derive(ci, git, **merged)  # type: ignore[arg-type]


def ci(**facts: object) -> CIContext:
    merged = {"provider": "github", "repository": "acme/app", "default_branch": "main"} | facts
    return CIContext(**merged)  # type: ignore[arg-type]


def test_default_branch_reads_only_itself() -> None:
    found = names(ci(branch="main"))
    assert found.write == f"{START}/main"
    assert found.read == (f"{START}/main",)


def test_branch_then_base_then_default() -> None:
    found = names(ci(branch="fix", base_branch="release", is_pull_request=True))
    assert found.write == f"{START}/fix"
    assert found.read == (f"{START}/fix", f"{START}/release", f"{START}/main")
    assert found.reason == "reads fix, then release, then main"


def test_untrusted_reads_and_never_writes() -> None:
    found = names(ci(branch="fix", base_branch="main", why_untrusted="a fork"))
    assert found.write is None
    assert found.read == (f"{START}/fix", f"{START}/main")
    assert found.reason.startswith("read-only: a fork")


def test_users_word_beats_the_context() -> None:
    untrusted = ci(branch="fix", why_untrusted="a fork")
    assert names(untrusted, write=True).write == f"{START}/fix"
    assert names(ci(branch="fix"), write=False).write is None


def test_tags_share_one_name_which_is_not_a_branch() -> None:
    one, two = names(ci(tag="v1")), names(ci(tag="v2"))
    assert one == two
    assert one.write == one.read[0]
    assert one.write != names(ci(branch="tags")).write
    assert one.read[1:] == (f"{START}/main",)


def test_detached_head_reads_and_writes_only_when_told() -> None:
    git = GitFacts(root=HERE, repository="acme/app", default_branch="main")
    found = names(git=git)
    assert (found.write, found.read) == (None, (f"{START}/main",))
    assert "detached" in found.reason
    told = names(git=git, write=True)
    assert told.write is not None
    assert told.read == (told.write, f"{START}/main")


def test_git_fills_what_ci_does_not_say() -> None:
    git = GitFacts(root=HERE, repository="acme/app", branch="fix", default_branch="trunk")
    assert names(git=git).read == (f"{START}/fix", f"{START}/trunk")
    assert names(ci(default_branch=None, branch="x"), git).read == (f"{START}/x", f"{START}/trunk")


def test_unknown_default_branch_is_guessed_and_said_so() -> None:
    found = names(ci(default_branch=None, branch="fix"))
    assert found.read == tuple(f"{START}/{branch}" for branch in ("fix", "main", "master"))
    assert "guess" in found.reason


def test_no_git_is_named_by_directory() -> None:
    found, other = names(), names(directory=Path("/tmp/app"))
    assert found.write is not None
    assert re.fullmatch(r"app-[0-9a-f]{12}/final/linux-amd64/local", found.write)
    assert found.read == (found.write,)
    assert found.write != other.write


def test_target_and_platforms() -> None:
    found = names(ci(branch="main"), target="test", platforms=("linux/arm64", "linux/amd64"))
    assert found.write == "acme/app/test/linux-amd64.linux-arm64/main"
    assert names(ci(branch="main"), machine="aarch64").write == "acme/app/final/linux-arm64/main"
    assert native_platform("armv7l") == "linux/arm/v7"
    assert native_platform("riscv64") == "linux/riscv64"


@pytest.mark.parametrize(
    "platforms", [("linux-amd64",), ("linux/amd64", "linux/arm64", "linux/s390x"), ("LINUX/AMD64\n",)]
)
def test_odd_platforms_get_a_hash(platforms: tuple[str, ...]) -> None:
    found = names(ci(branch="main"), platforms=platforms)
    assert found.write is not None
    assert re.fullmatch(r"[a-z0-9.-]+-[0-9a-f]{12}", found.write.split("/")[3])


def test_slug_keeps_plain_names_and_marks_changed_ones() -> None:
    assert slug("feature-a", 37) == "feature-a"
    assert re.fullmatch(r"feature-a-[0-9a-f]{12}", slug("feature/a", 37))
    assert re.fullmatch(r"x-[0-9a-f]{12}", slug("日本", 37))
    assert slug("Main", 37) != slug("main", 37)


TEXTS = st.text(max_size=60) | st.from_regex(r"[a-zA-Z0-9._/-]{0,60}", fullmatch=True)


@given(TEXTS, TEXTS)
def test_slugs_are_safe_and_never_clash(one: str, two: str) -> None:
    for text in (one, two):
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", slug(text, 37))
        assert len(slug(text, 37)) <= 37
        # a slug of a slug is another: nobody can name a branch like the slug of another branch
        assert slug(text, 37) == text or slug(slug(text, 37), 37) != slug(text, 37)
    assert (slug(one, 37) == slug(two, 37)) is (one == two)


PARTS = st.tuples(
    st.text(min_size=1, max_size=70),
    st.text(min_size=1, max_size=50),
    st.lists(st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7", "windows/amd64"]), min_size=1),
    st.text(min_size=1, max_size=70),
)


def own_name(parts: tuple[str, str, list[str], str]) -> str:
    repository, target, platforms, branch = parts
    context = ci(repository=repository, branch=branch)
    found = names(context, target=target, platforms=tuple(platforms)).write
    assert found is not None
    return found


@given(PARTS, PARTS)
def test_names_are_tags_and_never_clash(
    one: tuple[str, str, list[str], str], two: tuple[str, str, list[str], str]
) -> None:
    for parts in (one, two):
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", as_tag(own_name(parts)))
    same = (*one[:2], set(one[2]), one[3]) == (*two[:2], set(two[2]), two[3])
    assert (own_name(one) == own_name(two)) is same
    assert (as_tag(own_name(one)) == as_tag(own_name(two))) is same
