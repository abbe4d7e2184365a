from __future__ import annotations

import io
import json
import os
import stat
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fastbuild import cli
from fastbuild.analysis.finding import Edit, Finding, Fix, Level, Safety
from fastbuild.analysis.syntax import read
from fastbuild.commands import analyze_arguments, analyze_shared
from fastbuild.dockerfile.parse import decode
from fastbuild.history import BuildRecord, History
from fastbuild.paths import Paths
from fastbuild.progress.timings import BuildTiming, Status, StepTiming
from tests.analysis.fakes import keyword_rule, rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from fastbuild.analysis.rule import Rule
    from fastbuild.analysis.subject import Subject

    Analyze = Callable[..., tuple[int, str, str]]

LABELLED = keyword_rule("FB901", "MAINTAINER", "LABEL a=b\n")
UNSAFE = keyword_rule("FB902", "STOPSIGNAL", "", Safety.UNSAFE, Level.INFO)
TEXT = "FROM busybox\nMAINTAINER me\nSTOPSIGNAL INT\n"
MENDED = "FROM busybox\nLABEL a=b\nSTOPSIGNAL INT\n"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to be in, no engine, no history, and two rules of our own."""
    monkeypatch.setenv("FASTBUILD_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BUILDKIT_HOST", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(analyze_arguments, "RULES", (LABELLED, UNSAFE))
    return tmp_path / "here"


@pytest.fixture
def analyze(capsys: pytest.CaptureFixture[str]) -> Analyze:
    def run(*args: str) -> tuple[int, str, str]:
        code = cli.run(["analyze", *args])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def _codes(out: str) -> list[str]:
    return [f["code"] for file in json.loads(out)["files"] for f in file["findings"]]


@pytest.mark.parametrize(
    ("argument", "more", "context"),
    [
        ("Dockerfile", (), "."),
        ("sub/Dockerfile", (), "sub"),
        ("sub", (), "sub"),
        ("sub/Dockerfile", ("--context", "."), "."),
        ("sub/../Dockerfile", (), "."),
    ],
)
def test_the_context_is_named_as_seen_from_here(
    analyze: Analyze, here: Path, argument: str, more: tuple[str, ...], context: str
) -> None:
    for folder in (here, here / "sub"):
        folder.mkdir(exist_ok=True)
        (folder / "Dockerfile").write_text(TEXT)
    out = analyze("--format", "json", argument, *more)[1]
    assert [file["context"] for file in json.loads(out)["files"]] == [context]


# what the exit code says


@pytest.mark.parametrize(
    ("text", "args", "code"),
    [
        ("FROM busybox\n", (), 0),
        (TEXT, (), 1),
        (TEXT, ("--fail-on", "error"), 0),
        (TEXT, ("--fail-on", "never"), 0),
        (TEXT, ("--ignore", "fb901"), 0),
        (TEXT, ("--ignore", "fb901", "--fail-on", "info"), 1),
        (TEXT, ("--select", "FB902"), 0),
        ("FROM busybox\nRUM x\n", ("--fail-on", "never"), 4),
    ],
)
def test_exit_codes(analyze: Analyze, here: Path, text: str, args: tuple[str, ...], code: int) -> None:
    (here / "Dockerfile").write_text(text)
    assert analyze(*args)[0] == code


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("absent",), "No such file"),
        (("--select", "FB90"), "did you mean FB90"),
        (("--ignore", "nothing"), "--list-rules"),
        (("--context", "absent"), "no such directory"),
        (("--unsafe-fixes",), "--fix or --diff"),
        (("--build-arg", "=x"), "has no name"),
        (("-o", "absent/report"), "can't be written"),
        (("--format", "yaml"), "yaml"),
    ],
)
def test_wrong_usage_is_code_2(analyze: Analyze, here: Path, args: tuple[str, ...], said: str) -> None:
    (here / "Dockerfile").write_text(TEXT)
    code, _, err = analyze(*args)
    assert (code, said in err) == (2, True)


def test_a_syntax_error_is_reported_like_a_finding_and_the_others_go_on(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text("FROM busybox\n\nCOPPY a b\n")
    (here / "Dockerfile.other").write_text(TEXT)
    code, out, _ = analyze("--format", "json")
    assert (code, _codes(out)) == (4, ["FB001", "FB901", "FB902"])
    assert json.loads(out)["files"][0]["findings"][0]["start"] == 3


def test_a_file_that_can_not_be_read_does_not_hide_the_others(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text(TEXT)
    code, out, err = analyze("absent", "Dockerfile")
    assert (code, "FB901" in out, "absent: No such file or directory" in err) == (2, True, True)


# rules


def test_a_rule_that_fails_is_named_once_and_the_rest_goes_on(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(subject: Subject) -> Iterator[Finding]:
        yield from ()
        raise ValueError("\x1b[1mboom")

    monkeypatch.setattr(analyze_arguments, "RULES", (rule("FB903", check), LABELLED))
    for name in ("Dockerfile", "Dockerfile.other"):
        (here / name).write_text(TEXT)
    code, out, err = analyze("--format", "json")
    assert (code, _codes(out)) == (1, ["FB901", "FB901"])
    assert err.count("the rule FB903 failed on Dockerfile (ValueError: \\x1b[1mboom)") == 1
    assert "report it" in err


def test_inline_ignores_know_names_of_rules_and_of_buildkits_checks(analyze: Analyze, here: Path) -> None:
    text = '# fastbuild global ignore=FB901,fb902,FromAsCasing reason="x"\n' + TEXT
    (here / "Dockerfile").write_text(text)
    assert _codes(analyze("--format", "json")[1]) == []


def test_build_arguments_reach_the_rules(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(subject: Subject) -> Iterator[Finding]:
        yield Finding(code="FB903", level=Level.INFO, message=subject.stages[0].base, start=1, end=1)

    monkeypatch.setattr(analyze_arguments, "RULES", (rule("FB903", check),))
    monkeypatch.setenv("TAG", "from-environment")
    (here / "Dockerfile").write_text("ARG TAG=old\nFROM busybox:${TAG}\n")
    assert "busybox:old" in analyze()[1]
    assert "busybox:new" in analyze("--build-arg", "TAG=new")[1]
    assert "busybox:from-environment" in analyze("--build-arg", "TAG")[1]


def test_arguments_of_a_compose_file_come_from_the_environment_too(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "Dockerfile").write_text("ARG ONE\nARG TWO=two\nFROM a:${ONE:?one}-${TWO:?two}\n")
    (here / "compose.yaml").write_text("services: {a: {build: {context: ., args: {ONE: , TWO: }}}}")
    assert "FB006" in analyze("compose.yaml")[1]
    monkeypatch.setenv("ONE", "1")
    assert analyze("compose.yaml")[0] == 0
    assert "FB006" not in analyze("compose.yaml", "--fail-on", "info")[1]


def test_a_variable_that_must_be_given_is_no_syntax_error(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text("ARG TAG\nFROM busybox:${TAG:?needed}\nMAINTAINER me\n")
    code, out, _ = analyze()
    assert (code, "TAG: needed" in out, "--build-arg" in out) == (0, True, True)
    assert analyze("--build-arg", "TAG=1")[0] == 1


def test_a_broken_expansion_is_a_syntax_error_at_its_line(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text("FROM busybox\nRUN a\nENV A=${B\nCOPY a $A\n")
    code, out, _ = analyze("--format", "json")
    (found,) = json.loads(out)["files"][0]["findings"]
    assert (code, found["code"], found["start"]) == (4, "FB001", 3)


def test_a_broken_expansion_in_a_flag_is_one_syntax_error_at_its_line(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastbuild.analysis.rules import RULES

    monkeypatch.setattr(analyze_arguments, "RULES", RULES)
    (here / "Dockerfile").write_text(
        "FROM debian:12\nENV A=1\nRUN --mount=type=cache,target=${A apt-get install -y curl\n"
    )
    code, out, err = analyze("--format", "json")
    found = [f for f in json.loads(out)["files"][0]["findings"] if f["code"] == "FB001"]
    assert ([f["start"] for f in found], code, err) == ([3], 4, "")


# input and output


def test_standard_input(analyze: Analyze, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    code, out, _ = analyze("-")
    assert (code, out.startswith("<stdin>:2: warning")) == (1, True)


def test_the_report_goes_to_a_file_whole_and_with_its_mode(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text(TEXT)
    (here / "report.sarif").write_text("old")
    (here / "report.sarif").chmod(0o640)
    code, out, _ = analyze("--format", "sarif", "-o", "report.sarif")
    assert (code, out) == (1, "")
    assert json.loads((here / "report.sarif").read_text())["version"] == "2.1.0"
    assert stat.S_IMODE((here / "report.sarif").stat().st_mode) == 0o640
    assert sorted(path.name for path in here.iterdir()) == ["Dockerfile", "report.sarif"]


@pytest.mark.parametrize("form", ["text", "json", "sarif", "markdown", "github", "gitlab"])
def test_every_format_can_be_asked_for(analyze: Analyze, here: Path, form: str) -> None:
    (here / "Dockerfile").write_text(TEXT)
    code, out, err = analyze("--format", form)
    assert (code, "FB901" in out, err) == (1, True, "")


def test_one_dockerfile_of_two_services_is_one_report(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text(TEXT)
    (here / "compose.yaml").write_text("services: {a: {build: {context: ., args: {X: 1}}}, b: {build: .}}")
    code, out, _ = analyze("compose.yaml", "--format", "json")
    assert (code, _codes(out)) == (1, ["FB901", "FB902"])


def test_a_bad_ignore_file_is_said(analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def check(subject: Subject) -> Iterator[Finding]:
        assert subject.context is not None
        assert "Dockerfile" in subject.context.files()
        yield from ()

    monkeypatch.setattr(analyze_arguments, "RULES", (rule("FB903", check),))
    (here / "Dockerfile").write_text(TEXT)
    (here / ".dockerignore").write_text("[\n")
    code, _, err = analyze()
    assert (code, ".dockerignore:1" in err) == (0, True)


def test_rules_are_explained_and_listed(analyze: Analyze) -> None:
    assert "## Why" in analyze("--explain", "fb101")[1]
    code, out, _ = analyze("--list-rules")
    assert code == 0
    assert {line.split()[0] for line in out.splitlines()} >= {"FB001", "FB101"}
    assert analyze("--explain", "FB1")[0] == 2


def test_many_files_on_two_cores_give_the_same_report(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        (here / f"{number:02}").mkdir()
        (here / f"{number:02}" / "Dockerfile").write_text(TEXT if number % 3 else f"FROM a:{number}\nRUM x\n")
    split = analyze("-r", "--format", "json")
    monkeypatch.setattr(analyze_shared, "WORTH_IT", 10_000)
    assert analyze("-r", "--format", "json") == split
    assert len(json.loads(split[1])["files"]) == 60


def test_a_copy_that_dies_leaves_its_work_to_us() -> None:
    parent = os.getpid()

    def work(items: object) -> list[int]:
        if os.getpid() != parent:
            raise MemoryError
        return list(items)  # type: ignore[call-overload, no-any-return]

    prepared: list[int] = []
    parts = analyze_shared.shared(range(1000), work, lambda: prepared.append(os.getpid()))
    assert [number for part in parts for number in part] == list(range(1000))
    assert prepared == [parent]


def test_two_processes_share_the_work() -> None:
    def work(items: Sequence[int]) -> tuple[int, Sequence[int]]:
        time.sleep(0.001)
        return os.getpid(), items

    parts = analyze_shared.shared(range(1000), work, lambda: None)
    assert [number for _, items in parts for number in items] == list(range(1000))
    assert len({process for process, _ in parts}) == 2


# fixes


def test_fix_writes_safe_fixes_and_reports_what_is_left(analyze: Analyze, here: Path) -> None:
    path = here / "Dockerfile"
    path.write_text(TEXT)
    path.chmod(0o600)
    code, out, err = analyze("--fix")
    assert (code, path.read_text()) == (0, MENDED)
    assert ("FB901" in out, "FB902" in out, "1 finding mended in Dockerfile" in err) == (False, True, True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_fix_writes_unsafe_fixes_on_demand(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text(TEXT)
    assert analyze("--fix", "--unsafe-fixes")[0] == 0
    assert (here / "Dockerfile").read_text() == "FROM busybox\nLABEL a=b\n"


def test_fix_keeps_crlf_the_missing_newline_links_and_foreign_bytes(analyze: Analyze, here: Path) -> None:
    (here / "real").write_bytes(b"FROM busybox\r\n# \xff\xfe\r\nMAINTAINER me")
    (here / "Dockerfile").symlink_to("real")
    analyze("--fix")
    assert (here / "real").read_bytes() == b"FROM busybox\r\n# \xff\xfe\r\nLABEL a=b"
    assert (here / "Dockerfile").is_symlink()


def test_a_second_fix_changes_nothing(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text(TEXT)
    analyze("--fix")
    before = (here / "Dockerfile").stat()
    assert analyze("--fix")[2] == ""
    assert (here / "Dockerfile").stat() == before


def test_a_file_without_fixes_is_not_touched(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text("FROM busybox\n")
    before = (here / "Dockerfile").stat()
    analyze("--fix")
    assert (here / "Dockerfile").stat() == before


def test_a_file_that_does_not_parse_is_not_touched(analyze: Analyze, here: Path) -> None:
    text = "FROM busybox\nMAINTAINER me\nRUM x\n"
    (here / "Dockerfile").write_text(text)
    assert analyze("--fix")[0] == 4
    assert (here / "Dockerfile").read_text() == text


def test_diff_shows_the_change_and_writes_nothing(analyze: Analyze, here: Path) -> None:
    (here / "Dockerfile").write_text(TEXT.removesuffix("\n"))
    for args in (("--diff",), ("--fix", "--diff")):
        code, out, _ = analyze(*args)
        assert code == 1
        assert out == (
            "--- a/Dockerfile\n+++ b/Dockerfile\n@@ -1,3 +1,3 @@\n FROM busybox\n-MAINTAINER me\n+LABEL a=b\n"
            " STOPSIGNAL INT\n\\ No newline at end of file\n"
        )
    assert (here / "Dockerfile").read_text() == TEXT.removesuffix("\n")


def test_a_diff_can_be_applied_whatever_bytes_are_in_it(
    here: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    (here / "Dockerfile").write_bytes(b"FROM busybox\r\n# \xff\x1b[1m\r\nMAINTAINER me\r\n")
    cli.run(["analyze", "--diff"])
    out, _ = capfdbinary.readouterr()
    assert b"\n # \xff\x1b[1m\r\n-MAINTAINER me\r\n+LABEL a=b\r\n" in out


def _ignoring(*names: str) -> Rule:
    """Wants these files of the context to have a line each."""

    def check(subject: Subject) -> Iterator[Finding]:
        assert subject.context is not None
        if subject.context.ignore_file() is None:
            edits = tuple(Edit(start=1, end=0, text=".git\n", file=name) for name in names)
            fix = Fix(title="ignore .git", safety=Safety.SAFE, edits=edits)
            yield Finding(
                code="FB904", level=Level.WARNING, message="no ignore file", start=0, end=0, fix=fix
            )

    return rule("FB904", check)


def test_a_fix_may_make_an_ignore_file(analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyze_arguments, "RULES", (_ignoring(".dockerignore"),))
    (here / "app").mkdir()
    (here / "app" / "Dockerfile").write_text("FROM busybox\n")
    code, out, _ = analyze("--diff", "app")
    assert (code, out) == (1, "--- /dev/null\n+++ b/app/.dockerignore\n@@ -0,0 +1 @@\n+.git\n")
    assert analyze("--fix", "app")[0] == 0
    assert (here / "app" / ".dockerignore").read_text() == ".git\n"


@pytest.mark.parametrize(
    "name", ["../.dockerignore", "/tmp/x.dockerignore", "other.txt", "link.dockerignore"]
)
def test_a_fix_may_write_nothing_else(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(analyze_arguments, "RULES", (_ignoring(".dockerignore", name),))
    (here / "link.dockerignore").symlink_to("target")
    (here / "Dockerfile").write_text("FROM busybox\n")
    assert analyze("--fix")[0] == 1
    assert sorted(path.name for path in here.iterdir()) == ["Dockerfile", "link.dockerignore"]


def test_what_is_no_file_is_not_written(analyze: Analyze, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    code, _, err = analyze("--fix", "-")
    assert (code, "it is no file" in err) == (1, True)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(TEXT.encode())))
    assert "+LABEL a=b" in analyze("--diff", "-")[1]


def test_a_file_that_changes_meanwhile_is_left_alone(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = TEXT + "RUN later\n"

    def check(subject: Subject) -> Iterator[Finding]:
        (here / "Dockerfile").write_text(other)
        return LABELLED.check(subject)

    monkeypatch.setattr(analyze_arguments, "RULES", (rule("FB901", check),))
    (here / "Dockerfile").write_text(TEXT)
    code, _, err = analyze("--fix")
    assert (code, "changed meanwhile" in err) == (1, True)
    assert (here / "Dockerfile").read_text() == other


# recorded builds


def _record(number: int, seconds: float, *instructions: str) -> BuildRecord:
    step = StepTiming(
        id="", name="", stage="", index=0, platform="", line=None, instruction="", status=Status.RAN
    )
    steps = tuple(replace(step, instruction=text, execute=seconds) for text in instructions)
    timing = BuildTiming(steps=steps)
    return BuildRecord(id=f"b{number}", started="", seconds=1, result="ok", exit_code=0, timing=timing)


def test_recorded_builds_of_the_same_steps_give_measured_seconds(
    analyze: Analyze, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(subject: Subject) -> Iterator[Finding]:
        for index, measured in subject.measured.items():
            text = f"#{index}: {measured.seconds} in {measured.builds}"
            yield Finding(code="FB903", level=Level.INFO, message=text, start=1, end=1)

    monkeypatch.setattr(analyze_arguments, "RULES", (rule("FB903", check),))
    (here / "Dockerfile").write_text("FROM busybox\nRUN  one \\\n  && two\nCOPY a b\nRUN <<E\nx\nE\n")
    path = Paths.from_environ(os.environ, os.getuid()).ensure().history
    for number, record in enumerate(
        (
            _record(1, 2.0, "RUN one   && two", "COPY a b"),
            _record(2, 4.0, "RUN one   && two"),
            _record(3, 99.0, "RUN other"),
            _record(4, 9.0, "RUN one   && two", "RUN and", "RUN many", "RUN more"),
        )
    ):
        History(path).add(replace(record, id=f"b{number}"))
    out = analyze()[1]
    assert "#1: 4.0 in 3" in out
    assert "#2: 2.0 in 1" in out
    assert "#3" not in out
    assert "FB903" not in analyze("--no-history")[1]


def test_a_damaged_history_is_no_obstacle(analyze: Analyze, here: Path) -> None:
    Paths.from_environ(os.environ, os.getuid()).ensure().history.write_text("no database")
    (here / "Dockerfile").write_text(TEXT)
    assert analyze()[0] == 1


# anything at all


@pytest.mark.parametrize(
    "raw",
    [b"", b"\n", b"\0", b"\x7fELF\x02\x01\0\0\xff", b"FROM a\nRUN \xed\xa0\x80\n", b"\xef\xbb\xbfFROM a\n"],
)
def test_odd_files_end_in_a_report(
    analyze: Analyze, here: Path, raw: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    (here / "Dockerfile").write_bytes(raw)
    for form in ("text", "json", "sarif"):
        code, out, err = analyze("--format", form, "--check", "off", "--no-history", str(here / "Dockerfile"))
        assert code in (0, 1, 4)
        assert out
        assert "failed on" not in err


_PIECES = st.sampled_from(
    [
        *(
            b"FROM ",
            b"RUN ",
            b"COPY ",
            b"ENV ",
            b"ARG ",
            b"ONBUILD ",
            b"\n",
            b"\\\n",
            b"\r\n",
            b"<<E",
            b"E\n",
            b"$",
        ),
        *(
            b"${",
            b"}",
            b'"',
            b"'",
            b"[",
            b"]",
            b"--from=",
            b"--mount=",
            b"#",
            b" ",
            b"a",
            b"# escape=`\n",
            b"\xff",
        ),
        *(
            b"&&",
            b"|",
            b";",
            b"$(",
            b")",
            b"pip install ",
            b"apt-get install ",
            b"=",
            b":",
            b"@",
            b"/",
            b"*",
            b"`",
        ),
    ]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(_PIECES, max_size=40).map(b"".join),
        st.lists(_PIECES, max_size=20).map(lambda pieces: b"FROM a\nRUN " + b"".join(pieces)),
        st.lists(_PIECES, max_size=8).map(
            lambda pieces: b"FROM a\nCOPY a " + b"".join(pieces) + b"\nUSER b\n"
        ),
    )
)
@example(b"FROM a\nRUN \xed\xb3\xbf\n")
def test_no_bytes_crash_it(raw: bytes) -> None:
    from fastbuild.analysis.rules import RULES
    from fastbuild.analysis.run import analyse
    from fastbuild.analysis.subject import Subject
    from fastbuild.analysis.syntax import refused

    source = decode(raw)
    dockerfile = read(source)
    if isinstance(dockerfile, Finding):
        assert dockerfile.message
        return
    assert dockerfile.source == source
    subject = Subject(dockerfile=dockerfile)
    if refused(subject) is None:
        analyse(subject, RULES)
