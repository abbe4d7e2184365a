"""Orders that rest on what a traced build read: proposed, proved, written, and looked at again."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.live.builds import build, fastbuild

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab.runner import Runner

pytestmark = pytest.mark.live

DOCKERFILE = """\
FROM busybox:latest
WORKDIR /app
COPY . .
RUN sh tools/make-list.sh
RUN cat list/all src/*.txt > /built.txt
"""
SCRIPT = """\
sleep 2
mkdir -p list
test -f overrides.txt && cat overrides.txt >> list/all
cat names.txt >> list/all
"""


def project(folder: Path) -> Path:
    (folder / "src").mkdir(parents=True)
    (folder / "tools").mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\n")
    (folder / "names.txt").write_text("ada\ngrace\n")
    (folder / "tools/make-list.sh").write_text(SCRIPT)
    for number in range(5):
        (folder / f"src/{number}.txt").write_text(f"{number}\n")
    commit(folder)
    for number in range(12):
        (folder / "src/0.txt").write_text(f"0 {number}\n")
        commit(folder)
    return folder


def commit(folder: Path) -> None:
    who = ("-c", "user.name=A Developer", "-c", "user.email=developer@example.com")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "A change")):
        subprocess.run(("git", "-C", str(folder), *words), check=True)


def proposal(runner: Runner, context: Path, *args: str) -> dict[str, object]:
    done = fastbuild(runner, "reorder", *args, "--format", "json", str(context))
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.fixture
def traced(warm: Runner, tmp_path: Path) -> Path:
    context = project(tmp_path / "app")
    done = build(warm, context, "--trace-reads")
    assert done.code == 0, done.err
    assert any("evidence for 2 of 2" in note for note in done.notes()), done.notes()
    return context


def test_a_script_nobody_knows_moves_up_once_its_reads_were_traced_and_proved(
    warm: Runner, traced: Path
) -> None:
    unproved = proposal(warm, traced)
    assert not unproved["changes"]
    assert "traced" in json.dumps(unproved["with_proof"])
    proved = proposal(warm, traced, "--prove", "--write")
    verdict = proved["proof"]
    assert isinstance(verdict, dict)
    assert verdict["verdict"] == "equivalent", verdict
    written = (traced / "Dockerfile").read_text().splitlines()
    assert written.index("RUN sh tools/make-list.sh") < written.index("COPY . .")
    assert "COPY names.txt ./" in written


def test_a_build_says_when_a_file_appears_that_was_looked_for_in_vain(warm: Runner, traced: Path) -> None:
    proposal(warm, traced, "--prove", "--write")
    assert not [note for note in build(warm, traced).notes() if "traced" in note]
    (traced / "overrides.txt").write_text("linus\n")
    notes = build(warm, traced).notes()
    assert any("overrides.txt" in note and "traced" in note for note in notes), notes


def test_a_dockerfile_that_changed_above_the_run_has_no_evidence(warm: Runner, traced: Path) -> None:
    text = (traced / "Dockerfile").read_text()
    (traced / "Dockerfile").write_text(text.replace("COPY . .", "ENV MODE=fast\nCOPY . ."))
    assert proposal(warm, traced)["with_proof"] is None
