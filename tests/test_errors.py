from __future__ import annotations

from fastbuild import errors
from fastbuild.errors import FastbuildError, Interrupted


def tree() -> list[type[FastbuildError]]:
    return FastbuildError.__subclasses__()


def test_each_exit_code_belongs_to_one_class() -> None:
    codes = [kind.exit_code for kind in tree()]
    assert sorted(codes) == [1, 2, 3, 4, 130]


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    assert errors.__doc__ is not None
    for kind in tree():
        assert kind.__name__ in errors.__doc__


def test_a_message_says_what_why_and_what_to_do() -> None:
    error = errors.UsageError("no Dockerfile", cause="wrong directory", fix="use -f")
    assert error.render() == "error: no Dockerfile\n  likely cause: wrong directory\n  what to do: use -f"


def test_a_build_failure_is_the_engines_own_words() -> None:
    assert errors.BuildFailed("error: exit code 3").render() == "error: exit code 3"


def test_sigterm_exits_as_shells_do() -> None:
    assert (Interrupted(2).exit_code, Interrupted(15).exit_code) == (130, 143)
