"""`fastbuild check` on a real engine: edits that silently break a cache are caught, neutral ones are not."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.live.builds import build, fastbuild

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

DOCKERFILE = r"""# the application
FROM busybox:latest AS tools
RUN printf '#!/bin/sh\necho "$@" > /made\n' | tee /bin/pip > /bin/npm && chmod +x /bin/pip /bin/npm

FROM tools AS web
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci
COPY web ./
RUN npm run build && mkdir -p dist && cat src/* > dist/app.js

FROM tools AS app
WORKDIR /app
COPY requirements.txt ./
RUN --mount=type=cache,target=/root/.cache pip install -r requirements.txt
COPY . .
COPY --from=web /web/dist ./static
ARG GIT_COMMIT
RUN echo "$GIT_COMMIT" > version
LABEL title=app
LABEL vendor=us
CMD ["/app/run"]
"""
INSTALL = "RUN --mount=type=cache,target=/root/.cache pip install -r requirements.txt\n"
IGNORE = ".git\ndist\ndocs\ntests\n**/*.md\nfastbuild.toml\n"
PROMISES = """
[[contract]]
name = "code"
change = ["src/**", "web/src/**"]
change_args = ["GIT_COMMIT"]
must_not_rerun = ["pip install", "npm ci"]

[[contract]]
name = "outputs"
change = ["dist/**", ".git/**"]
must_not_rerun = "*"

[[contract]]
name = "docs"
change = ["docs/**", "**/*.md"]
must_not_rerun = "*"

[[contract]]
name = "tests"
change = "tests/**"
must_not_rerun = "*"
"""
FILES = {
    "Dockerfile": DOCKERFILE,
    ".dockerignore": IGNORE,
    "fastbuild.toml": PROMISES,
    ".git/HEAD": "ref: refs/heads/main\n",
    "dist/app.whl": "built\n",
    "docs/guide.md": "Read this.\n",
    "README.md": "An application.\n",
    "tests/test_app.py": "def test(): pass\n",
    "requirements.txt": "idna==3.7\n",
    "src/app.py": "print()\n",
    "src/words.txt": "one\ntwo\n",
    "web/package.json": "{}\n",
    "web/package-lock.json": "{}\n",
    "web/src/app.ts": "let a = 1\n",
}
Edit = tuple[str, ...]


@pytest.fixture
def context(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / name).write_text(text)
    return tmp_path / "app"


def swap(*pairs: str, file: str = "Dockerfile") -> Callable[[Path], Edit]:
    """Replace texts in a file, each of which must be there."""

    def edit(context: Path) -> Edit:
        text = (context / file).read_text()
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in text
            text = text.replace(old, new)
        (context / file).write_text(text)
        return ()

    return edit


def write(name: str, text: str) -> Callable[[Path], Edit]:
    def edit(context: Path) -> Edit:
        (context / name).write_text(text)
        return ()

    return edit


def flags(*args: str) -> Callable[[Path], Edit]:
    return lambda _: args


def both(*edits: Callable[[Path], Edit]) -> Callable[[Path], Edit]:
    return lambda context: tuple(word for edit in edits for word in edit(context))


def requirements_from_sources(context: Path) -> Edit:
    shutil.move(context / "requirements.txt", context / "src/requirements.txt")
    (context / "requirements.txt").symlink_to("src/requirements.txt")
    return ()


def above_install(line: str) -> Callable[[Path], Edit]:
    return swap(INSTALL, f"{line}\n{INSTALL}")


BREAKING: dict[str, tuple[Callable[[Path], Edit], str, str]] = {
    "all copied before the install": (swap("COPY requirements.txt ./", "COPY . ."), "code", "COPY . ."),
    "sources copied before the install": (above_install("COPY src ./src"), "code", "COPY src ./src"),
    "commit declared before the install": (above_install("ARG GIT_COMMIT"), "code", "GIT_COMMIT"),
    "commit in the base's environment": (
        swap("RUN printf", "ARG GIT_COMMIT\nENV COMMIT=$GIT_COMMIT\nRUN printf"),
        "code",
        "GIT_COMMIT",
    ),
    "commit in the working directory": (
        swap("WORKDIR /app\n", "ARG GIT_COMMIT=x\nWORKDIR /app/$GIT_COMMIT\n"),
        "code",
        "GIT_COMMIT",
    ),
    "context mounted for the install": (
        swap(INSTALL, "RUN --mount=type=bind,target=/context pip install -r /context/requirements.txt\n"),
        "code",
        "mounts",
    ),
    "sources mounted for the install": (
        swap("RUN --mount=type=cache,", "RUN --mount=type=bind,source=src,target=/src --mount=type=cache,"),
        "code",
        "mounts",
    ),
    "manifest glob widened": (
        swap("COPY requirements.txt ./", "COPY requirements.txt src/*.txt ./"),
        "code",
        "src/words.txt",
    ),
    "manifests found anywhere": (
        swap("COPY requirements.txt ./", "COPY --parents **/*.txt ./"),
        "code",
        "src/words.txt",
    ),
    "directory added before the install": (above_install("ADD src /code/"), "code", "ADD src /code/"),
    "linked copy before the install": (above_install("COPY --link src /code/"), "code", "COPY --link"),
    "a stage's output before the install": (
        above_install("COPY --from=web /web/dist ./static"),
        "code",
        "only building can tell",
    ),
    "a stage's output mounted for the install": (
        swap(
            "RUN --mount=type=cache,",
            "RUN --mount=type=bind,from=web,source=/web,target=/w --mount=type=cache,",
        ),
        "code",
        "only building can tell",
    ),
    "install on top of a built stage": (swap("FROM tools AS app", "FROM web AS app"), "code", "COPY web ./"),
    "all of the front end before its install": (
        swap("COPY web/package.json web/package-lock.json ./", "COPY web ./"),
        "code",
        "COPY web ./",
    ),
    "ignore line for git removed": (swap(".git\n", "", file=".dockerignore"), "outputs", ".git/HEAD"),
    "ignore line for outputs removed": (swap("dist\n", "", file=".dockerignore"), "outputs", "dist/app.whl"),
    "ignore line for tests removed": (
        swap("tests\n", "", file=".dockerignore"),
        "tests",
        "tests/test_app.py",
    ),
    "an exception brings documents back": (
        swap("fastbuild.toml\n", "fastbuild.toml\n!docs/guide.md\n", file=".dockerignore"),
        "docs",
        "docs/guide.md",
    ),
    "an ignore file of the Dockerfile's own": (
        write("Dockerfile.dockerignore", ".git\n"),
        "docs",
        "README.md",
    ),
    "manifest linked into the sources": (requirements_from_sources, "code", "src/requirements.txt"),
    "a version file copied before the install": (
        both(write("src/version.txt", "1\n"), above_install("COPY src/version.txt ./")),
        "code",
        "src/version.txt",
    ),
    "install in a heredoc with the context": (
        swap(INSTALL, "RUN --mount=type=bind,target=/c <<EOF\npip install -r /c/requirements.txt\nEOF\n"),
        "code",
        "mounts",
    ),
    "a stage's cache forbidden": (flags("--no-cache-filter", "app"), "code", "--no-cache"),
    "the install renamed": (swap(INSTALL, "RUN uv sync\n"), "code", "no step matches"),
    "the sources renamed": (
        swap('"src/**", "web/src/**"', '"source/**"', file="fastbuild.toml"),
        "code",
        "no file of the context matches",
    ),
}
NEUTRAL: dict[str, Callable[[Path], Edit]] = {
    "nothing": flags(),
    "a comment": swap("COPY . .", "# all of it\nCOPY . ."),
    "blank lines": swap("COPY . .", "\n\nCOPY . ."),
    "another label": swap("title=app", "title=other"),
    "labels in another order": swap("LABEL title=app\nLABEL vendor=us", "LABEL vendor=us\nLABEL title=app"),
    "a label before the install": above_install("LABEL stage=app"),
    "another command": swap('["/app/run"]', '["/app/run", "-v"]'),
    "an entry point": swap("LABEL title=app", 'ENTRYPOINT ["/bin/sh"]\nLABEL title=app'),
    "a port": above_install("EXPOSE 8080"),
    "a health check": above_install("HEALTHCHECK CMD true"),
    "a stage renamed": swap("AS web", "AS frontend", "--from=web", "--from=frontend"),
    "a source written with a dot": swap("COPY web ./", "COPY ./web ./"),
    "a directory with a slash": swap("COPY web ./", "COPY web/ ./"),
    "keywords in lower case": swap("COPY requirements.txt", "copy requirements.txt"),
    "a line continued": swap("pip install -r", "pip install \\\n  -r"),
    "a stage that nothing uses": swap("FROM tools AS app", "FROM tools AS x\nCOPY . .\n\nFROM tools AS app"),
    "a comment in the ignore file": swap("dist\n", "# outputs\ndist\n", file=".dockerignore"),
    "more ignored": swap("dist\n", "dist\nbuild\n*.log\n", file=".dockerignore"),
    "an argument that nobody sets": above_install("ARG UNSET"),
    "a step after the install": swap("COPY . .", "RUN pip check\nCOPY . ."),
    "documents edited": write("README.md", "Another application.\n"),
    "a new source": write("src/new.py", "print()\n"),
    "another requirement": write("requirements.txt", "idna==3.8\n"),
    "the manifest mounted alone": swap(
        "RUN --mount=type=cache,",
        "RUN --mount=type=bind,source=requirements.txt,target=r.txt --mount=type=cache,",
    ),
    "a glob that finds the manifest alone": swap("COPY requirements.txt", "COPY requirements*.txt"),
    "a user at the end": swap("CMD [", "USER 1000\nCMD ["),
}


def check(runner: Runner, context: Path, *args: str) -> subprocess.CompletedProcess[bytes]:
    return fastbuild(runner, "check", *args, str(context), cwd=context)


def checked(runner: Runner, context: Path, *args: str) -> tuple[int, dict[str, Any]]:
    done = check(runner, context, "--format", "json", *args)
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def test_enough_edits_are_tried() -> None:
    assert len(BREAKING) >= 20
    assert len(NEUTRAL) >= 20


@pytest.mark.parametrize("name", BREAKING)
def test_an_edit_that_breaks_a_cache_is_caught(warm: Runner, context: Path, name: str) -> None:
    edit, contract, words = BREAKING[name]
    code, report = checked(warm, context, *edit(context))
    assert code == 1
    failed = [each for each in report["promises"] if each["status"] != "kept"]
    assert contract in [each["name"] for each in failed]
    said = [f["message"] for each in failed if each["name"] == contract for f in each["findings"]]
    assert any(words in message for message in said), said


@pytest.mark.parametrize("name", NEUTRAL)
def test_a_neutral_edit_passes(warm: Runner, context: Path, name: str) -> None:
    code, report = checked(warm, context, *NEUTRAL[name](context))
    assert [each["said"] for each in report["promises"] if each["status"] != "kept"] == []
    assert code == 0


def test_the_message_names_contract_file_step_and_culprit(warm: Runner, context: Path) -> None:
    swap("COPY requirements.txt ./", "COPY . .")(context)
    done = check(warm, context)
    assert done.returncode == 1
    said = done.stdout.decode()
    assert 'contract "code" is broken: changing src/app.py runs `RUN --mount=type=cache' in said
    assert "(line 15) again, because `COPY . .` (line 14) above it takes src/app.py" in said
    assert "move line 14 below line 15, or copy only what that line needs" in said
    assert "3 of 4 promises kept" in said


@pytest.mark.parametrize("form", ["sarif", "github", "gitlab", "markdown"])
def test_findings_come_in_every_format_at_their_line(warm: Runner, context: Path, form: str) -> None:
    swap("COPY requirements.txt ./", "COPY . .")(context)
    done = check(warm, context, "--format", form, "-o", str(context.parent / "report"))
    assert done.returncode == 1
    text = (context.parent / "report").read_text()
    assert "contract-broken" in text
    if form == "sarif":
        results = json.loads(text)["runs"][0]["results"]
        places = [result["locations"][0]["physicalLocation"] for result in results]
        assert {place["region"]["startLine"] for place in places} == {14}
        assert {place["artifactLocation"]["uri"] for place in places} == {"Dockerfile"}


REAL_BREAKS = [
    "all copied before the install",
    "context mounted for the install",
    "install on top of a built stage",
    "commit declared before the install",
    "a stage's output before the install",
    "ignore line for git removed",
    "manifest linked into the sources",
]


@pytest.mark.parametrize("name", REAL_BREAKS)
def test_the_engine_agrees_that_an_edit_breaks(warm: Runner, context: Path, name: str) -> None:
    code, report = checked(warm, context, "--real", *BREAKING[name][0](context))
    assert code == 1
    agreed = [each["steps"] - each["open"] - each["agree"] for each in report["real"] if each["steps"]]
    assert agreed
    assert set(agreed) == {0}
    assert report["others"] == []
    ran = [step for each in report["real"] if each["contract"] == BREAKING[name][1] for step in each["ran"]]
    forbidden = ("pip install", "npm ci") if BREAKING[name][1] == "code" else ("",)
    assert any(text in step for step in ran for text in forbidden), ran


@pytest.mark.parametrize("name", ["nothing", "a stage renamed", "the manifest mounted alone"])
def test_the_engine_agrees_that_an_edit_is_neutral(warm: Runner, context: Path, name: str) -> None:
    code, report = checked(warm, context, "--real", *NEUTRAL[name](context))
    assert code == 0, report
    tried = [each for each in report["real"] if each["contract"] == "code"]
    assert len(tried) == 2
    for each in tried:
        assert each["steps"] >= 10
        assert each["agree"] + each["open"] == each["steps"]
        assert not any("install" in step or "npm ci" in step for step in each["ran"])


def test_a_build_argument_is_tried_for_real(warm: Runner, context: Path) -> None:
    above_install("ARG GIT_COMMIT")(context)
    swap('change = ["src/**", "web/src/**"]\n', "", file="fastbuild.toml")(context)
    code, report = checked(warm, context, "--real")
    assert code == 1
    tried = report["real"][0]
    assert tried["change"] == "another value of GIT_COMMIT"
    assert any("pip install" in step for step in tried["ran"])
    assert tried["agree"] == tried["steps"]


def test_a_changed_build_that_fails_is_said_and_still_evidence(warm: Runner, context: Path) -> None:
    install = INSTALL.rstrip()
    swap(INSTALL, f'COPY src ./src\n{install} && test "$(wc -c < src/app.py)" -lt 20\n')(context)
    code, report = checked(warm, context, "--real")
    assert code == 1
    tried = report["real"][0]
    assert "failed" in tried["note"]
    assert tried["agree"] == tried["steps"]


@pytest.mark.parametrize("name", ["all copied before the install", "a comment"])
def test_every_engine_gives_the_same_answer(
    runner: Runner, engine: dict[str, str], context: Path, name: str
) -> None:
    breaks = name in BREAKING
    edit = BREAKING[name][0] if breaks else NEUTRAL[name]
    edit(context)
    done = fastbuild(runner, "check", "--real", str(context), cwd=context, **engine)
    assert done.returncode == int(breaks), done.stderr.decode()
    said = done.stdout.decode()
    assert ('contract "code" is broken' in said) is breaks
    assert "real: contract" in said
    assert "keys exclude" not in said


def test_files_of_a_named_context_have_its_name(warm: Runner, context: Path) -> None:
    library = context.parent / "lib"
    library.mkdir()
    (library / "lib.py").write_text("x = 1\n")
    above_install("COPY --from=lib lib.py ./")(context)
    swap('change = ["src/**", "web/src/**"]', 'change = ["lib:**"]', file="fastbuild.toml")(context)
    code, report = checked(warm, context, "--build-context", f"lib={library}")
    assert code == 1
    assert "changing lib:lib.py runs" in report["promises"][0]["findings"][0]["message"]


def test_the_users_files_are_as_before(warm: Runner, context: Path) -> None:
    before = {path: path.read_bytes() for path in context.rglob("*") if path.is_file()}
    checked(warm, context, "--real")
    assert before == {path: path.read_bytes() for path in context.rglob("*") if path.is_file()}


def test_maybe_can_be_allowed(warm: Runner, context: Path) -> None:
    above_install("COPY --from=web /web/dist ./static")(context)
    swap('name = "code"\n', 'name = "code"\nmaybe = "allow"\n', file="fastbuild.toml")(context)
    assert checked(warm, context)[0] == 0


def test_budgets_are_priced_with_recorded_seconds(runner: Runner, context: Path) -> None:
    install = "RUN sleep 3 && pip install -r requirements.txt\n"
    swap(INSTALL, install)(context)
    toml = '[budget]\ncode_change = "10m"\ndependency_change = "2s"\ndocs_change = 0\n'
    (context / "fastbuild.toml").write_text(toml)
    code, report = checked(runner, context)
    statuses = {each["name"]: each["status"] for each in report["promises"]}
    assert code == 0
    assert statuses == {"code_change": "unknown", "dependency_change": "unknown", "docs_change": "kept"}
    assert build(runner, context).code == 0
    code, report = checked(runner, context)
    statuses = {each["name"]: each["status"] for each in report["promises"]}
    assert code == 1
    assert statuses == {"code_change": "kept", "dependency_change": "broken", "docs_change": "kept"}
    assert "changing requirements.txt" in report["promises"][1]["findings"][0]["message"]


def test_recorded_builds_are_a_gate(runner: Runner, context: Path) -> None:
    (context / "fastbuild.toml").write_text("[budget]\nmin_hit_rate = 0.6\nslower_than_median = '20%'\n")
    assert build(runner, context).code == 0
    code, report = checked(runner, context)
    statuses = {each["name"]: each["status"] for each in report["promises"]}
    assert (code, statuses) == (1, {"slower_than_median": "unknown", "min_hit_rate": "broken"})
    for _ in range(2):
        assert build(runner, context).code == 0
    code, report = checked(runner, context)
    assert (code, report["promises"][1]["status"]) == (0, "kept")


def test_a_file_that_is_missing_is_said(warm: Runner, context: Path) -> None:
    (context / "requirements.txt").unlink()
    code, report = checked(warm, context)
    assert code == 1
    assert "requirements.txt" in report["others"][0]["message"]
    assert report["others"][0]["start"] == 14


def test_an_argument_without_a_known_effect_is_told_and_passes(warm: Runner, context: Path) -> None:
    swap("FROM busybox:latest", "ARG TAG=latest\nFROM busybox:${TAG}")(context)
    swap('change_args = ["GIT_COMMIT"]', 'change_args = ["TAG"]', file="fastbuild.toml")(context)
    code, report = checked(warm, context)
    assert (code, report["promises"][0]["status"]) == (0, "unknown")
    assert "what another value of TAG changes is not known" in report["notes"][0]


def test_without_promises_there_is_nothing_to_check(warm: Runner, context: Path) -> None:
    (context / "fastbuild.toml").unlink()
    done = check(warm, context)
    assert done.returncode == 2
    assert b"promises nothing" in done.stderr


def test_a_dockerfile_that_does_not_parse_ends_with_4(warm: Runner, context: Path) -> None:
    (context / "Dockerfile").write_text("FROM busybox\nNONSENSE\n")
    assert check(warm, context).returncode == 4
