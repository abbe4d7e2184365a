from __future__ import annotations

import stat

import pytest

from fastbuild.context.modes import Normal, is_suspect, normal_modes

GIT_FILE, GIT_EXECUTABLE, GIT_LINK, GIT_SUBMODULE = 0o100644, 0o100755, 0o120000, 0o160000
Tree = dict[str, int]


def index(tree: Tree, **inodes: int) -> dict[str, list[object]]:
    """What `copies.scan` gives for modes with their kind by path; `inodes` by path for hard links."""
    found: dict[str, list[object]] = {}
    for number, (path, mode) in enumerate(tree.items()):
        if stat.S_ISDIR(mode):
            found[path] = [0, [mode, "[]"]]
        else:
            found[path] = [[1, 2, mode, ""], [3, inodes.get(path, 1000 + number)]]
    return found


def file(mode: int) -> int:
    return stat.S_IFREG | mode


def directory(mode: int) -> int:
    return stat.S_IFDIR | mode


def checkout(umask: int, count: int = 3) -> tuple[Tree, dict[str, int]]:
    """The modes of a checkout under a umask, and what git tracks of it."""
    tree = {"src": directory(0o777 & ~umask), "run": file(0o777 & ~umask)}
    tree |= {f"src/{number}": file(0o666 & ~umask) for number in range(count)}
    tracked = {path: GIT_FILE for path in tree if path not in ("src", "run")} | {"run": GIT_EXECUTABLE}
    return tree, tracked


def decided(
    tree: Tree, tracked: dict[str, int], witness: int | None = None, **inodes: int
) -> tuple[int, dict[str, str]] | None:
    """The umask and the modes to send, in octal. Git's own index file is as the tree says unless given."""
    given = index(tree, **inodes)
    found = normal_modes(given, tracked, 0o644 if witness is None else witness)
    return None if found is None else (found.umask, {p: f"{m:o}" for p, m in sorted(found.modes.items())})


WHOLE = {"run": "755", "src": "755", "src/0": "644", "src/1": "644", "src/2": "644"}


@pytest.mark.parametrize("umask", [0o000, 0o002])
@pytest.mark.parametrize("witness", [0o644, 0o664, 0o600])
def test_a_checkout_under_an_open_umask_is_sent_as_under_022(umask: int, witness: int) -> None:
    assert decided(*checkout(umask), witness) == (umask, WHOLE)


@pytest.mark.parametrize("umask", [0o007, 0o027, 0o077])
def test_a_checkout_under_a_closed_umask_is_sent_as_under_022(umask: int) -> None:
    assert decided(*checkout(umask), 0o666 & ~umask) == (umask, WHOLE)


@pytest.mark.parametrize("umask", [0o007, 0o027, 0o077])
def test_files_are_not_opened_where_git_s_own_index_is_open(umask: int) -> None:
    assert decided(*checkout(umask), 0o644) is None


@pytest.mark.parametrize("umask", [0o007, 0o027, 0o077])
@pytest.mark.parametrize(("path", "mode"), [("src/1", file(0o644)), ("src", directory(0o755))])
def test_nothing_is_opened_where_one_tracked_file_or_directory_disagrees(
    umask: int, path: str, mode: int
) -> None:
    tree, tracked = checkout(umask)
    assert decided({**tree, path: mode}, tracked, 0o666 & ~umask) is None


@pytest.mark.parametrize("umask", [0o022, 0o033, 0o026])
def test_the_normal_umask_and_unknown_ones_change_nothing(umask: int) -> None:
    assert decided(*checkout(umask), 0o666 & ~umask) is None


KEPT = {
    "a key that git doesn't track": ("key", file(0o600), None),
    "a file that git doesn't track": ("new", file(0o664), None),
    "a directory without tracked files": ("made", directory(0o775), None),
    "a tracked key": ("key", file(0o600), GIT_FILE),
    "open to all": ("open", file(0o666), GIT_FILE),
    "setuid": ("su", file(0o4775), GIT_EXECUTABLE),
    "setgid": ("sg", file(0o2775), GIT_EXECUTABLE),
    "executable, but not for git": ("x", file(0o775), GIT_FILE),
    "not executable, but for git": ("nx", file(0o664), GIT_EXECUTABLE),
    "executable for the group alone": ("g", file(0o674), GIT_FILE),
    "read-only": ("ro", file(0o444), GIT_FILE),
    "a link": ("link", stat.S_IFLNK | 0o777, GIT_LINK),
    "a file where git has a link": ("was", file(0o664), GIT_LINK),
    "a link where git has a file": ("is", stat.S_IFLNK | 0o777, GIT_FILE),
    "a pipe": ("pipe", stat.S_IFIFO | 0o664, None),
}


@pytest.mark.parametrize("name", KEPT)
def test_a_mode_that_the_tree_s_umask_does_not_explain_is_kept(name: str) -> None:
    path, mode, git_mode = KEPT[name]
    tree, tracked = checkout(0o002)
    tree[path] = mode
    if git_mode is not None:
        tracked[path] = git_mode
    assert decided(tree, tracked) == (0o002, WHOLE)


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o2775, 0o700])
def test_a_directory_s_own_mode_is_kept(mode: int) -> None:
    tree, tracked = checkout(0o002)
    assert decided({**tree, "src": directory(mode)}, tracked) == (
        0o002,
        {path: sent for path, sent in WHOLE.items() if path != "src"},
    )


def test_a_few_open_files_in_an_ordinary_checkout_are_somebody_s_will() -> None:
    tree, tracked = checkout(0o022, 4)
    tree |= {"src/0": file(0o664), "src/1": file(0o664), "src": directory(0o777)}
    assert decided(tree, tracked) is None


def test_half_is_not_most() -> None:
    tree = {"a": file(0o664), "b": file(0o644)}
    assert decided(tree, dict.fromkeys(tree, GIT_FILE)) is None


def test_untracked_files_have_no_vote() -> None:
    tree, tracked = checkout(0o002)
    tree |= {f"node_modules/{n}": file(0o644) for n in range(100)}
    assert decided(tree, tracked) == (0o002, WHOLE)
    tree, tracked = checkout(0o022)
    tree |= {f"made/{n}": file(0o664) for n in range(100)}
    assert decided(tree, tracked) is None


def test_files_that_are_ignored_or_deleted_have_no_vote() -> None:
    tree, tracked = checkout(0o002)
    assert decided(tree, {**tracked, **{f"gone/{n}": GIT_FILE for n in range(100)}}) == (0o002, WHOLE)


def test_a_second_hard_link_in_the_context_keeps_both_as_they_are() -> None:
    tree, tracked = checkout(0o002)
    tree["again"] = file(0o664)
    inodes = {"again": 7, "src/0": 7}
    assert decided(tree, tracked, **inodes) == (0o002, {p: m for p, m in WHOLE.items() if p != "src/0"})


def test_a_submodule_s_directory_was_made_by_git() -> None:
    tree = {"sub": directory(0o775), "sub/f": file(0o664)}
    assert decided(tree, {"sub": GIT_SUBMODULE, "sub/f": GIT_FILE}) == (
        0o002,
        {"sub": "755", "sub/f": "644"},
    )


def test_the_numbers_are_of_what_is_changed() -> None:
    tree, tracked = checkout(0o002)
    found = normal_modes(index({**tree, "key": file(0o600)}), tracked, 0o644)
    assert isinstance(found, Normal)
    assert (found.files, found.directories) == (4, 1)


def test_git_is_asked_only_where_a_mode_is_unusual() -> None:
    assert not is_suspect(index(checkout(0o022)[0] | {"l": stat.S_IFLNK | 0o777, "s": file(0o4755)}))
    assert is_suspect(index({"d": directory(0o775)}))
    assert is_suspect(index({"k": file(0o600)}))
