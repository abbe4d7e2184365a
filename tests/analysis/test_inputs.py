from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.inputs import LIMIT, STDIN, Finder
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILE = "FROM busybox\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _write(root: Path, *names: str, text: str = DOCKERFILE) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def _find(*paths: str, file: str | None = None, **options: object) -> Finder:
    def bake(path: Path) -> str:
        raise UsageError(f"{path}: no docker")

    finder = Finder(environ={"WHERE": "web"}, stdin=lambda: b"FROM a\n", bake=bake, **options)  # type: ignore[arg-type]
    finder.find(paths, file)
    return finder


def _paths(finder: Finder) -> list[str]:
    return [target.path for target in finder.targets]


def test_without_arguments_it_is_this_directory(here: Path) -> None:
    _write(here, "Dockerfile")
    finder = _find()
    assert _paths(finder) == ["Dockerfile"]
    assert finder.targets[0].context is not None
    assert finder.targets[0].context.resolve() == here


def test_a_directory_is_the_context_of_all_its_dockerfiles(here: Path) -> None:
    _write(here, "a/Dockerfile", "a/web.Dockerfile", "a/Dockerfile.dev", "a/Containerfile", "a/b/Dockerfile")
    _write(
        here, "a/Dockerfile.dockerignore", "a/Dockerfile.j2", "a/dockerfile.py", "a/README", "a/Dockerfile~"
    )
    finder = _find("a")
    assert _paths(finder) == ["a/Containerfile", "a/Dockerfile", "a/Dockerfile.dev", "a/web.Dockerfile"]
    assert {str(target.context) for target in finder.targets} == {"a"}


def test_recursive_enters_all_but_what_is_made_or_others(here: Path) -> None:
    _write(
        here,
        "Dockerfile",
        "x/Dockerfile",
        "x/y/Containerfile",
        "node_modules/p/Dockerfile",
        ".git/Dockerfile",
    )
    (here / "x/loop").symlink_to("..")
    finder = _find(".", recursive=True)
    assert _paths(finder) == ["Dockerfile", "x/Dockerfile", "x/y/Containerfile"]
    assert str(finder.targets[2].context) == "x/y"


def test_a_named_file_may_have_any_name(here: Path) -> None:
    _write(here, "build/image.txt")
    assert _paths(_find("build/image.txt")) == ["build/image.txt"]


def test_the_file_flag_makes_the_argument_the_context(here: Path) -> None:
    _write(here, "docker/Dockerfile")
    finder = _find(".", file="docker/Dockerfile")
    assert (finder.targets[0].path, str(finder.targets[0].context)) == ("docker/Dockerfile", ".")
    assert str(_find(file="docker/Dockerfile").targets[0].context) == "docker"
    with pytest.raises(UsageError):
        _find("docker/Dockerfile", file="docker/Dockerfile")


def test_the_context_flag_beats_everything(here: Path) -> None:
    _write(here, "a/Dockerfile")
    assert _find("a", context=here).targets[0].context == here


def test_standard_input(here: Path) -> None:
    target = _find("-").targets[0]
    assert (target.path, target.raw, target.file, target.context) == (STDIN, b"FROM a\n", None, None)


def test_what_can_not_be_read_does_not_hide_the_rest(here: Path) -> None:
    _write(here, "Dockerfile")
    (here / "empty").mkdir()
    finder = _find("absent", "empty", "Dockerfile", "a\0b")
    assert _paths(finder) == ["Dockerfile"]
    assert [problem.partition(":")[0] for problem in finder.problems] == ["absent", "empty", "a\0b"]


def test_a_directory_called_dockerfile_is_no_dockerfile(here: Path) -> None:
    (here / "Dockerfile").mkdir()
    assert "no Dockerfile" in _find(".").problems[0]
    assert "no Dockerfile" in _find("Dockerfile").problems[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_named(here: Path) -> None:
    _write(here, "Dockerfile")
    (here / "Dockerfile").chmod(0)
    assert _find("Dockerfile").problems == ["Dockerfile: Permission denied"]


def test_a_file_is_analysed_once_however_often_it_is_named(here: Path) -> None:
    _write(here, "Dockerfile")
    assert len(_find("Dockerfile", ".", recursive=True).targets) == 1


COMPOSE = """
x-common: &common {A: one}
services:
  web:
    build:
      context: ./${WHERE}
      args: {<<: *common, B: 2, C: null}
  api:
    build:
      context: api
      dockerfile: docker/Api.Dockerfile
      args: [D=4, E]
  short: {build: "${OTHER:-short}"}
  inline:
    build:
      dockerfile_inline: |
        FROM busybox
        RUN $$HOME
  reset:
    build: !reset null
  remote: {build: "https://example.com/repo.git"}
  image: {image: postgres}
"""


def test_a_compose_file_names_dockerfiles_contexts_and_arguments(here: Path) -> None:
    _write(here, "web/Dockerfile", "api/docker/Api.Dockerfile", "short/Dockerfile")
    _write(here, "compose.yaml", text=COMPOSE)
    finder = _find("compose.yaml")
    assert finder.problems == []
    found = {target.path: target for target in finder.targets}
    assert list(found) == [
        "web/Dockerfile", "api/docker/Api.Dockerfile", "short/Dockerfile", "compose.yaml#inline",
    ]  # fmt: skip
    assert found["web/Dockerfile"].build_args == (("A", "one"), ("B", "2"), ("C", None))
    assert found["api/docker/Api.Dockerfile"].build_args == (("D", "4"), ("E", None))
    assert str(found["api/docker/Api.Dockerfile"].context) == "api"
    assert found["compose.yaml#inline"].raw == b"FROM busybox\nRUN $HOME\n"
    assert found["compose.yaml#inline"].file is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: [", "not valid YAML"),
        ("a: &a [*a]\nb: 1", "no `services`"),
        ("!!python/object/apply:os.system [ls]", "not valid YAML"),
        ("services: {web: {image: a}}", "builds nothing"),
        ("services: {web: 1, api: {build: 2}}", "builds nothing"),
        ("- a\n- b\n", "no `services`"),
        ("a: " * 3000, "not valid YAML"),
        ("[" * 2_000, "not valid YAML"),
    ],
)
def test_a_file_that_is_no_compose_file_is_a_problem(here: Path, text: str, said: str) -> None:
    _write(here, "compose.yml", text=text)
    finder = _find("compose.yml")
    assert finder.targets == ()
    assert said in finder.problems[0]


BAKE = """{
  "group": {"default": {"targets": ["web"]}},
  "target": {
    "_base": {"args": {"A": "1"}, "dockerfile": "Base.Dockerfile"},
    "web": {"inherits": ["_base"], "context": "web", "args": {"B": "2"}},
    "loop": {"inherits": ["loop"], "dockerfile-inline": "FROM scratch\\n"}
  }
}"""


def test_a_bake_file_in_json_is_read_with_what_targets_inherit(here: Path) -> None:
    _write(here, "Base.Dockerfile", "web/Base.Dockerfile")
    _write(here, "docker-bake.json", text=BAKE)
    finder = _find("docker-bake.json")
    assert _paths(finder) == ["Base.Dockerfile", "web/Base.Dockerfile", "docker-bake.json#loop"]
    assert finder.targets[1].build_args == (("B", "2"),)


def test_texts_that_no_file_can_hold_do_no_harm(here: Path) -> None:
    bake = r'{"target": {"a": {"dockerfile-inline": "FROM a\ud800\n"}, "b": {"context": "\ud800\u0000"}}}'
    _write(here, "docker-bake.json", text=bake)
    finder = _find("docker-bake.json")
    assert finder.targets[0].raw == b"FROM a?\n"
    assert len(finder.problems) == 1
    _write(
        here,
        "compose.yaml",
        text=r'services: {a: {build: {dockerfile_inline: "FROM b\ud800\0", args: {C: yes}}}}',
    )
    (target,) = _find("compose.yaml").targets
    assert (target.raw, target.build_args) == (b"FROM b?\0", (("C", "true"),))


def test_what_is_far_too_long_is_no_dockerfile(here: Path) -> None:
    with (here / "Dockerfile").open("wb") as file:
        file.truncate(LIMIT + 1)
    finder = Finder(environ={}, stdin=lambda: bytes(LIMIT + 1), bake=str)
    finder.find(["Dockerfile", "-"])
    assert finder.targets == ()
    assert [problem.partition(":")[0] for problem in finder.problems] == ["Dockerfile", STDIN]


def test_a_bake_file_in_hcl_needs_docker(here: Path) -> None:
    _write(here, "docker-bake.hcl", text='target "a" {}')
    assert _find("docker-bake.hcl").problems == ["docker-bake.hcl: no docker"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"target": []}', "[" * 100_000])
def test_a_file_that_is_no_bake_file_is_a_problem(here: Path, text: str) -> None:
    _write(here, "docker-bake.json", text=text)
    assert len(_find("docker-bake.json").problems) == 1
