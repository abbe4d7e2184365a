"""Expansion and the scope of ARG and ENV: what BuildKit makes of them, compared with what we say."""

from __future__ import annotations

import json
import platform
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fastbuild.dockerfile.expand import expand
from fastbuild.dockerfile.scope import Scope
from fastbuild.errors import DockerfileSyntax
from tests.dockerfile.expand_cases import ERRORS, HEREDOCS, NAMES, PORTS, VALUES, WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.lab.engine import Buildkitd

pytestmark = pytest.mark.live

PLATFORM = {"x86_64": "linux/amd64", "aarch64": "linux/arm64"}[platform.machine()]
ARGS = "FROM scratch\n" + "".join(f"ARG {name}\n" for name in VALUES)
GENERATED = settings(
    max_examples=4,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def given_args(values: Mapping[str, str]) -> list[str]:
    return [word for name, value in values.items() for word in ("--opt", f"build-arg:{name}={value}")]


def planted(folder: Path, dockerfile: str) -> Path:
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile)
    return context


def configured(daemon: Buildkitd, dockerfile: str) -> dict[str, Any]:
    """The image's configuration, VALUES given as build arguments."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        context = planted(folder, dockerfile)
        daemon.build(context, *given_args(VALUES), "--output", f"type=oci,tar=false,dest={folder}/image")
        found: Any = json.loads((folder / "image/index.json").read_text())
        for path in (("manifests", 0), ("config",)):
            for key in path:
                found = found[key]
            digest = found["digest"].partition(":")[2]
            found = json.loads((folder / "image/blobs/sha256" / digest).read_text())
        return dict(found)


def users(daemon: Buildkitd, words: Sequence[str], directive: str = "") -> list[str]:
    """What each word becomes as the user of one image's history."""
    dockerfile = directive + ARGS + "".join(f"USER u{word}.\n" for word in words)
    history = configured(daemon, dockerfile)["history"]
    made = [step["created_by"] for step in history if step["created_by"].startswith("USER ")]
    return [text.removeprefix("USER u").removesuffix(".") for text in made]


def test_every_word_of_the_table(daemon: Buildkitd) -> None:
    for (text, expected), got in zip(WORDS, users(daemon, [text for text, _ in WORDS]), strict=True):
        assert got == expected, text


def test_the_escape_character_can_be_a_backquote(daemon: Buildkitd) -> None:
    words = ["`$A", "C:\\$A", "${P#a`/}", '"`$A\\$A"', "a`b"]
    got = users(daemon, words, "# escape=`\n")
    assert got == [expand(word, VALUES, "`").text for word in words]


PIECES = st.sampled_from(
    [
        *[
            "$",
            "${",
            "}",
            "A",
            "B",
            "P",
            "U",
            "AXA",
            ":-",
            "-",
            "+",
            ":?",
            "#",
            "##",
            "%",
            "%%",
            "/",
            "//",
            "*",
        ],
        *[
            "?",
            "a",
            "\\",
            "'",
            '"',
            " x",
            "<",
            ".",
            "\\\\",
            "1",
            "$A",
            "${A}",
            "${A:-",
            "${P%",
            "${P//",
            "${U:-",
            "é",
        ],
    ]
)
OPERATIONS = st.tuples(
    st.sampled_from(["${A", "${P", "${U", "${B", "${AXA", "${W"]),
    st.sampled_from([":-", "-", ":+", "+", "#", "##", "%", "%%", "/", "//"]),
    st.lists(
        st.sampled_from(["a", "*", "?", "\\*", "\\/", "'b'", '"X"', "$A", "c", "/", "${U:-x}"]), max_size=4
    ),
    st.sampled_from(["}", "/x}", "/$A}", "/'$0'}"]),
).map(lambda drawn: drawn[0] + drawn[1] + "".join(drawn[2]) + drawn[3])


def ours(word: str) -> str | None:
    try:
        return expand(f"u{word}.", VALUES).text[1:-1]
    except DockerfileSyntax:
        return None


GOOD = (st.lists(PIECES, min_size=1, max_size=7).map("".join) | OPERATIONS).filter(
    lambda w: ours(w) is not None
)


@GENERATED
@given(st.lists(GOOD, min_size=150, max_size=150))
def test_random_words(daemon: Buildkitd, words: list[str]) -> None:
    for word, got in zip(words, users(daemon, words), strict=True):
        assert got == ours(word), word


@pytest.mark.parametrize(("text", "problem"), ERRORS)
def test_errors_are_the_same(daemon: Buildkitd, tmp_path: Path, text: str, problem: str) -> None:
    context = planted(tmp_path, f"{ARGS}USER {text}\n")
    done = daemon.buildctl(
        *("build", "--frontend", "dockerfile.v0", *given_args(VALUES)),
        *("--local", f"context={context}", "--local", f"dockerfile={context}"),
    )
    with pytest.raises(DockerfileSyntax) as caught:
        expand(text, VALUES)
    assert done.returncode != 0
    assert caught.value.what in done.stderr
    assert caught.value.what.endswith(problem)


def test_heredocs(daemon: Buildkitd, tmp_path: Path) -> None:
    marks = " ".join(f"<<E{number}" for number in range(len(HEREDOCS)))
    bodies = "".join(f"{text}\nE{number}\n" for number, (text, _) in enumerate(HEREDOCS))
    context = planted(tmp_path, f"{ARGS}COPY {marks} <<'RAW' /\n{bodies}$A\nRAW\n")
    daemon.build(context, *given_args(VALUES), "--output", f"type=local,dest={tmp_path}/out")
    for number, (text, expected) in enumerate(HEREDOCS):
        assert (tmp_path / f"out/E{number}").read_text() == f"{expected}\n", text
    assert (tmp_path / "out/RAW").read_text() == "$A\n"


def test_ports(daemon: Buildkitd) -> None:
    steps = "".join(f"EXPOSE {text}\n" for text, _ in PORTS)
    history = configured(daemon, ARGS + steps)["history"]
    made = [step["created_by"] for step in history if step["created_by"].startswith("EXPOSE ")]
    assert made == [f"EXPOSE [{' '.join(f'{port}/tcp' for port in ports)}]" for _, ports in PORTS]


def graph(daemon: Buildkitd, folder: Path, dockerfile: str, args: Mapping[str, str]) -> dict[str, Any]:
    """The build graph of a Dockerfile that is not built."""
    context = planted(folder, dockerfile)
    done = daemon.buildctl(
        *("build", "--frontend", "dockerfile.v0", *given_args(args)),
        *(
            "--opt",
            "requestid=frontend.convertllb",
            "--opt",
            "frontend.caps=moby.buildkit.frontend.subrequests",
        ),
        *("--local", f"context={context}", "--local", f"dockerfile={context}"),
    )
    assert done.returncode == 0, done.stderr + dockerfile
    return dict(json.loads(done.stdout[done.stdout.index("{") :]))


def test_names_of_steps(daemon: Buildkitd, tmp_path: Path) -> None:
    found = graph(daemon, tmp_path, ARGS + "".join(f"RUN {text}\n" for text, _ in NAMES), VALUES)
    names = [
        meta["description"]["llb.customname"] for meta in found["metadata"].values() if "description" in meta
    ]
    assert {name.partition("RUN ")[2] for name in names if "RUN " in name} == {text for _, text in NAMES}


Declaration = tuple[str, str, str | None]
VARIABLES = st.sampled_from(
    ["A", "B", "C", "PATH", "TARGETARCH", "TARGETSTAGE", "BUILDKIT_SBOM_SCAN_STAGE", "http_proxy"]
)
VALUE = st.sampled_from(["1", "x$A", "$B", "${C:-d}", "$TARGETARCH", ""])
DECLARATIONS = st.one_of(
    st.tuples(st.just("ARG"), VARIABLES, st.none() | VALUE),
    st.tuples(st.just("ENV"), VARIABLES, VALUE),
)
STAGE = st.lists(DECLARATIONS, max_size=6)
HEADER = st.lists(st.tuples(st.just("ARG"), VARIABLES, st.none() | VALUE), max_size=4)
GIVEN = st.dictionaries(
    st.sampled_from(["A", "B", "C", "TARGETARCH", "http_proxy"]), st.sampled_from(["g", "$A", ""])
)


def line(declaration: Declaration) -> str:
    keyword, name, value = declaration
    return f"{keyword} {name}" + ("" if value is None else f'="{value}"') + "\n"


def declared(scope: Scope, declaration: Declaration, args: Mapping[str, str]) -> Scope:
    keyword, name, value = declaration
    if keyword == "ENV":
        return scope.set_env(name, expand(value or "", scope.values).text)
    return scope.expand_arg(name, None if value is None else f'"{value}"', args)


@settings(GENERATED, max_examples=60)
@given(HEADER, st.lists(STAGE, min_size=1, max_size=3), GIVEN)
def test_every_run_has_the_environment_that_the_scope_says(
    daemon: Buildkitd, header: list[Declaration], stages: list[list[Declaration]], args: dict[str, str]
) -> None:
    scope = Scope.global_(PLATFORM, build_args=args, stage=f"s{len(stages) - 1}")
    for declaration in header:
        scope = declared(scope, declaration, args)
    top, parent = scope, None
    dockerfile, expected = "".join(map(line, header)), {}
    for number, stage in enumerate(stages):
        dockerfile += f"FROM {'scratch' if parent is None else f's{number - 1}'} AS s{number}\n"
        scope = top.stage(image=()) if parent is None else top.stage(parent)
        for index, declaration in enumerate([*stage, ("ENV", "LAST", "$A")]):
            scope = declared(scope, declaration, args)
            dockerfile += line(declaration) + f"RUN {number}-{index}\n"
            expected[f"{number}-{index}"] = [f"{name}={value}" for name, value in scope.run_environment]
        parent = scope
    with tempfile.TemporaryDirectory() as folder:
        found = graph(daemon, Path(folder), dockerfile, args)
    runs = [op["exec"]["meta"] for op in found["def"].values() if "exec" in op]
    assert {meta["args"][-1]: meta["env"] for meta in runs} == expected, dockerfile


def test_the_base_image_s_environment_comes_first(daemon: Buildkitd, tmp_path: Path) -> None:
    dockerfile = "FROM busybox:latest\nARG A=1\nENV B=2\nRUN x\n"
    found = graph(daemon, tmp_path, dockerfile, {})
    [meta] = [op["exec"]["meta"] for op in found["def"].values() if "exec" in op]
    base = [tuple(pair.split("=", 1)) for pair in meta["env"][:-2]]
    scope = Scope.global_(PLATFORM).stage(image=base).declare_arg("A", "1").set_env("B", "2")  # type: ignore[arg-type]
    assert meta["env"] == [f"{name}={value}" for name, value in scope.run_environment]


WHERE = (
    # an instruction in whose place $A is either expanded or not, and what the history then says
    ("ENV $A=$A", "ENV abc=abc"),
    ("LABEL $A=$A", "LABEL abc=abc"),
    ("ARG X$A=$A", "ARG X$A=abc"),
    ("WORKDIR /$A", "WORKDIR /abc"),
    ("USER $A", "USER abc"),
    ("VOLUME /$A", "VOLUME [/abc]"),
    ('VOLUME ["/$A", "/\'$A\'"]', "VOLUME [/abc /$A]"),
    ("STOPSIGNAL SIG$SIG", "STOPSIGNAL SIGTERM"),
    ("CMD $A", 'CMD ["/bin/sh" "-c" "$A"]'),
    ('ENTRYPOINT ["$A"]', 'ENTRYPOINT ["$A"]'),
    ('SHELL ["$A"]', "SHELL [$A]"),
    ("MAINTAINER $A", "MAINTAINER $A"),
    (
        "COPY --chown=$ID --chmod=$ID Dockerfile /$A",
        "COPY --chown=755 --chmod=755 Dockerfile /abc # buildkit",
    ),
    ("COPY --exclude=$A . /all/", "COPY . /all/ # buildkit"),
)


def test_which_instructions_expand(daemon: Buildkitd) -> None:
    lines = "\n".join(text for text, _ in WHERE)
    history = configured(daemon, f"{ARGS}ENV SIG=TERM\nENV ID=755\n{lines}\n")["history"]
    made = [step["created_by"] for step in history][-len(WHERE) :]
    assert made == [shown for _, shown in WHERE]


def test_from_expands_global_arguments_and_copy_from_does_not(daemon: Buildkitd, tmp_path: Path) -> None:
    made = configured(
        daemon, "ARG X=scratch\nARG Y=linux\nFROM --platform=$Y/${TARGETARCH} ${X:-busybox}\nUSER ok\n"
    )
    assert made["config"]["User"] == "ok"
    for number, refused in enumerate(("COPY --from=$X a b", "RUN --mount=from=$X,target=/m x")):
        folder = tmp_path / str(number)
        folder.mkdir()
        context = planted(folder, f"FROM scratch AS x\nFROM scratch\nARG X=x\n{refused}\n")
        done = daemon.buildctl(
            *("build", "--frontend", "dockerfile.v0"),
            *("--local", f"context={context}", "--local", f"dockerfile={context}"),
        )
        assert done.returncode != 0
        assert "variable expansion" in done.stderr


def test_options_of_mounts_expand_and_the_command_does_not(daemon: Buildkitd, tmp_path: Path) -> None:
    steps = "RUN --mount=type=cache,target=/$A,id=${B:-k} --network=none echo $A\n"
    found = graph(daemon, tmp_path, ARGS + steps, VALUES)
    [run] = [op["exec"] for op in found["def"].values() if "exec" in op]
    [mount] = [mount for mount in run["mounts"] if "cacheOpt" in mount]
    assert (mount["dest"], mount["cacheOpt"]["ID"]) == ("/abc", "/k")
    assert run["meta"]["args"][-1] == "echo $A"
