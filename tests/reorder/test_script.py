"""What a shell text reads and writes, and where nobody can tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.dockerfile.shell import read_script
from fastbuild.reorder.place import At, Laid
from fastbuild.reorder.script import script_effects
from tests.reorder.cases import Files

if TYPE_CHECKING:
    from fastbuild.reorder.effects import Effects

ENV = {"PLACE": "/env", "NAME": "n", "EMPTY": ""}


def effects(text: str, env: dict[str, str] | None = None, user: str = "", files: str = "") -> Effects:
    laid = Laid(Files(texts={"f": ""}))
    laid.add(dict.fromkeys(files.split(), "f"))
    at = At(laid=laid, cwd="/w", home="/root", user=user, env=ENV if env is None else env)
    return script_effects(read_script(text), at, text)


WRITES = [
    ("echo a > f", "/w/f"),
    ("echo a >> /x/f 2>&1", "/x/f"),
    ("echo a 3>f", "/w/f"),
    ("echo a >| f", "/w/f"),
    ("{ echo a; echo b; } > f", "/w/f"),
    ("(echo a) > f", "/w/f"),
    ("if [ -f a ]; then touch b; else rm c; fi", "/w/b /w/c"),
    ("touch $PLACE/f", "/env/f"),
    ("touch ${PLACE}/$NAME.txt", "/env/n.txt"),
    ("V=/v; touch $V/f", "/v/f"),
    ("V=/v && touch $V/f", "/v/f"),
    ("export PLACE=/v && sh -c 'touch $PLACE/f'", "/v/f"),
    ("PLACE=/v; sh -c 'touch $PLACE/f'", "/v/f"),
    ("env V=/v sh -c 'touch $V/f'", "/v/f"),
    ("cd /x && touch f", "/x/f"),
    ("cd x && cd y && touch f", "/w/x/y/f"),
    ("set -e; cd /x; touch f", "/x/f"),
    ("rm -rf /a/* /b", "/a /b"),
    ("mv a b", "/w/a /w/b"),
    ("cp a b c d", "/w/d"),
    ("mkdir -p -m 755 a/b", "/w/a/b"),
    ("ln -s /t l", "/w/l"),
    ("sed -i s/a/b/ f", "/w/f"),
    ("echo a | tee f | cat", "/w/f"),
    ("y() { echo a; }; y > f", "/w/f"),
    ("cat <<E > f\ntext\nE\n", "/w/f"),
    ("nice cp a b", "/w/b"),
    ("echo a > /dev/null", ""),
    ("cat a < b", ""),
    ("touch /lib/f", "/usr/lib/f"),
]


@pytest.mark.parametrize(("text", "paths"), WRITES)
def test_what_is_written(text: str, paths: str) -> None:
    found = effects(text)
    assert found.unknown == ""
    assert found.writes == frozenset(paths.split())


READS = [
    ("cat a /b", "/w/a /b"),
    ("cat *.txt", "/w"),
    ("cat /x/*/a", "/x"),
    ("cat < a", "/w/a"),
    ("[ -f a ] || [ -d '/b' ]", "/w/a /b"),
    ('test -e "a"', "/w/a"),
    ("ls", "/w"),
    ("ls -l a", "/w/a /etc/passwd /etc/group"),
    ("id", "/etc/passwd /etc/group"),
    ("grep -r x", "/w"),
    ("find -name a", "/w"),
    ("find /a /b -type f", "/a /b"),
    ("chown app a", "/w/a /etc/passwd"),
    ("echo *", "/w"),
    ("cp a b", "/w/a /w/b /usr/local/bin/cp"),
    ("adduser app", "/etc"),
]


@pytest.mark.parametrize(("text", "paths"), READS)
def test_what_is_read(text: str, paths: str) -> None:
    found = effects(text)
    assert found.unknown == ""
    assert frozenset(paths.split()) <= found.reads


UNKNOWN = [
    *("make", "./cp a b", "/opt/bin/ls", "touch $UNSET/f", "rm -rf $EMPTY", 'rm "$1"', "rm $(cat list)"),
    *("> f", "true; > f", "x=$(< f)", "cd x; touch f", "cd x || cd y; touch f", "cd; touch f", "cd - && ls"),
    *("cd $UNSET && touch /f", "(cd x && touch f)", "cd x & touch f", "false || cd x; ls"),
    *("for PLACE in /a /b; do rm $PLACE; done", "while true; do touch $PLACE/f; PLACE=/b; done"),
    *("test -f q && PLACE=/b; touch $PLACE/f", "PLACE=/b & touch $PLACE/f", "(PLACE=/b); touch $PLACE/f"),
    *("unset PLACE; touch $PLACE/f", ": ${PLACE:=/b}; touch $PLACE/f", "y() { touch f; }; cd /x && y"),
    *("y() { touch $V; }; V=/v; y", "cp() { rm b; }; cp a b", "V=/v; sh -c 'touch $V/f'", "set -a; V=1"),
    *("PATH=/x:$PATH ls", "export LD_PRELOAD=/x.so", "unset PATH", "eval ls", ". ./env", "source env"),
    *("alias ls=rm", "trap 'rm a' EXIT", "exec > f", "umask 077", "bash -lc ls", "sh script", "xargs rm < f"),
    *(
        "uniq a b",
        "sort -o a b",
        "sha256sum -c sums",
        "ls -t",
        "cp -u a b",
        "rmdir -p a/b",
        "sed -ie s/a/b/ f",
    ),
    *("sed 's/a/b/w f' g", "sed -n '/a/r f' g", "find -L a", "find . -exec rm {} +", "find . -newer a"),
    *(
        "[ a -nt b ]",
        "[ -f ~/a ]",
        '[ -f "$X/a" ]',
        "touch -r a b -d x",
        "cp --target-directory=/x a",
        "cat a/../b",
    ),
    *(
        "chmod --reference=a b",
        "date -r a",
        "type ls",
        "usermod -md /x app",
        "useradd -D -b /x",
        "cp -t /x a",
    ),
    *(
        "tar -C",
        "echo a > $UNSET",
        "echo a > 'x/../y'",
        "cat <(ls)",
        "read x < f",
        "test -v x -o -f $y",
        "cp 'a",
        "printf -v PLACE /b; touch $PLACE/f",
        "P=/a; P+=/b; touch $P/f",
        "export -n PLACE",
        "declare -u P=/a; touch $P/f",
        "local P=/a && touch $P/f",
    ),
]


@pytest.mark.parametrize("text", UNKNOWN)
def test_nothing_is_said_where_only_a_shell_could_tell(text: str) -> None:
    assert effects(text).unknown


@pytest.mark.parametrize("text", ["set", "export", "export -p", "readonly", "set > f"])
def test_listing_the_variables_uses_all_of_them(text: str) -> None:
    assert effects(text).env is None


def test_a_directory_that_was_copied_is_sure_to_be_there() -> None:
    assert effects("cd /x; touch f", files="/x/a").writes == {"/x/f"}
    assert effects("cd /x; touch f", files="/x/a", user="1000").unknown
    assert effects("cd /w; touch f").writes == {"/w/f"}


def test_a_directory_that_is_gone_to_is_needed() -> None:
    assert effects("cd /x && echo a > /f").enters == {"/x"}
    assert effects("(cd /x && echo a > /f)").enters == {"/x"}


@pytest.mark.parametrize("name", ["BASH_ENV", "CDPATH"])
def test_variables_that_steer_the_shell_itself(name: str) -> None:
    assert effects("touch f", {name: "/x"}).unknown


def test_programs_and_search_paths_are_read() -> None:
    found = effects("touch f", {"PATH": "/app/bin:/usr/bin", "LD_LIBRARY_PATH": "/app/lib"})
    assert {"/app/bin", "/app/lib", "/usr/local/bin/touch", "/bin/sh", "/etc/ld.so.preload"} <= found.reads


def test_homes_that_are_made() -> None:
    for text in ("useradd -md /srv/app app", "useradd --home-dir=/srv/app app", "adduser -h /srv/app app"):
        assert "/srv/app" in effects(text).writes
