"""Contexts and histories made of the sample applications."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.samples import MANIFESTS, SAMPLES, change, lay_out

if TYPE_CHECKING:
    from pathlib import Path

    from tests.samples import Sample

PUBLIC = {
    *("registry.npmjs.org", "registry.yarnpkg.com", "pypi.org", "files.pythonhosted.org"),
    "github.com",  # Cargo's name of crates.io
}
each = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


@each
def test_a_context_has_one_dockerfile_and_what_the_change_names(sample: Sample, tmp_path: Path) -> None:
    context = lay_out(sample, "good", tmp_path / "context")
    assert [path.name for path in context.glob("Dockerfile*")] == ["Dockerfile"]
    assert (context / "Dockerfile").read_bytes() == (sample.folder / "Dockerfile.good").read_bytes()
    before = (context / sample.change).read_text()
    change(sample, context)
    assert (context / sample.change).read_text() == before + sample.append


@each
def test_locks_name_public_registries_only(sample: Sample) -> None:
    locks = [path for path in sample.folder.rglob("*") if "lock" in path.name or path.name == "go.sum"]
    for path in locks:
        # npm keeps the addresses of people who take money for a package as well.
        lines = [line for line in path.read_text().splitlines() if '"url": "https://' not in line]
        hosts = set(re.findall(r"https?://([^/\"' ]+)", "\n".join(lines)))
        assert hosts <= PUBLIC, path


@pytest.mark.live
@each
def test_a_history_ends_with_the_application_itself(sample: Sample, tmp_path: Path) -> None:
    plain = lay_out(sample, "bad", tmp_path / "plain")
    first = lay_out(sample, "bad", tmp_path / "first", commits=30)
    again = lay_out(sample, "bad", tmp_path / "again", commits=30)
    assert git(first, "rev-list", "HEAD") == git(again, "rev-list", "HEAD")
    assert git(first, "status", "--porcelain") == []
    files = {str(path.relative_to(plain)) for path in plain.rglob("*") if path.is_file()}
    assert set(git(first, "ls-files")) == files
    assert all((first / name).read_bytes() == (plain / name).read_bytes() for name in files)


@pytest.mark.live
def test_most_commits_touch_sources_few_a_manifest_some_documents(tmp_path: Path) -> None:
    (sample,) = (sample for sample in SAMPLES if sample.name == "flask-shop")
    context = lay_out(sample, "bad", tmp_path, commits=30)
    subjects = git(context, "log", "--format=%s")
    touched = [subject.removeprefix("Change ") for subject in subjects if subject != "Start"]
    assert len(subjects) == 30
    manifests = [p for p in touched if p.rpartition("/")[2] in MANIFESTS or p.startswith("requirements/")]
    assert len(manifests) == 2
    assert sum(path.endswith(".md") for path in touched) == 4


def git(context: Path, *words: str) -> list[str]:
    done = subprocess.run(["git", *words], cwd=context, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
