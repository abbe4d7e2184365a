"""Real installs under strace: what a tool touches of a project is what fastbuild.reorder.tools says it may.

Two questions for each command. Is every path of the project that it opened, listed, tested or changed
within the answer? And does it install the same when only the files of the answer are there?
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.hierarchy import covers
from fastbuild.reorder.effects import Trust
from tests.reorder.tools.places import MemoryPlace, effects, from_disk
from tests.reorder.tools.tracer import Seen, trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from fastbuild.reorder.effects import Effects

pytestmark = pytest.mark.live

Files = dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Case:
    """`before` makes the lock file; `harmless` are paths that may be touched beyond the answer, and why.

    `listed` are directories whose names are read and don't matter. `result` holds what is installed; without
    it, that isn't looked at: one case of each tool is enough.
    """

    name: str
    program: str
    files: Files
    command: str
    result: tuple[str, ...] = ()
    before: str = ""
    harmless: tuple[tuple[str, str], ...] = ()
    listed: tuple[tuple[str, str], ...] = ()
    noise: str = r"(?!)"
    trust: Trust = Trust.MODEL
    needs_not: tuple[str, ...] = ()


NOISE: Files = {
    "README.md": "# demo\n",
    "LICENSE": "none\n",
    ".gitignore": "*.pyc\n",
    ".editorconfig": "root = true\n",
    "src/main.c": "int main(void) { return 0; }\n",
    "docs/index.md": "hello\n",
    "scripts/run.sh": "#!/bin/sh\n",
    "Makefile": "all:\n",
}
"""What lies beside the manifests; no install may need it."""

PIP_FILES: Files = {
    "requirements.txt": "-r requirements/base.txt\n-c limits.txt\n",
    "requirements/base.txt": "# base\nidna \\\n  ; python_version >= '3'\n-c ../limits.txt\n",
    "limits.txt": "idna<4\n",
    "app.py": "",
    "demo/__init__.py": "",
    "setup.cfg": "[metadata]\nname = demo\n",
}
_BACKEND = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
_PYPROJECT = (
    '[project]\nname = "{name}"\nversion = "0.1"\nreadme = "README.md"\n'
    'requires-python = ">=3.9"\ndependencies = {deps}\n'
)
UV_FILES: Files = {
    "pyproject.toml": _PYPROJECT.format(name="demo", deps='["idna"]') + _BACKEND,
    "demo/__init__.py": "",
}
UV_WORKSPACE: Files = {
    "pyproject.toml": _PYPROJECT.format(name="demo", deps='["idna", "member"]')
    + '[tool.uv.workspace]\nmembers = ["packages/*"]\n[tool.uv.sources]\nmember = { workspace = true }\n'
    + _BACKEND,
    "packages/member/pyproject.toml": _PYPROJECT.format(name="member", deps="[]") + _BACKEND,
    "packages/member/README.md": "",
    "packages/member/member/__init__.py": "",
    "demo/__init__.py": "",
}
_NODE = (
    '{"name": "demo", "version": "1.0.0", "private": true, '
    '"dependencies": {"ms": "2.1.3", "esbuild": "0.21.5"}'
)
NODE_FILES: Files = {
    "package.json": _NODE + "}",
    "src/index.js": "",
    "tsconfig.json": "{}",
    ".eslintrc.json": "{}",
}
NODE_WORKSPACE: Files = {
    **NODE_FILES,
    "package.json": _NODE + ', "workspaces": ["packages/*"]}',
    "packages/a/package.json": '{"name": "a", "version": "1.0.0", "dependencies": {"depd": "2.0.0"}}',
    "packages/a/index.js": "",
    "packages/b/package.json": '{"name": "b", "version": "1.0.0", "dependencies": {"a": "1.0.0"}}',
    "packages/b/lib/b.js": "",
}
NODE_PNPM: Files = {
    **NODE_WORKSPACE,
    "package.json": _NODE + "}",
    "pnpm-workspace.yaml": "packages:\n  - packages/*\n",
    "packages/b/package.json": '{"name": "b", "version": "1.0.0", "dependencies": {"a": "workspace:*"}}',
}
GO_FILES: Files = {
    "go.mod": "module example.org/demo\n\ngo 1.22\n\n"
    "require rsc.io/quote v1.5.2\nrequire example.org/near v0.0.0\n\n"
    "replace example.org/near => ./near\n",
    "main.go": 'package main\n\nimport (\n\t_ "example.org/near"\n\t_ "rsc.io/quote"\n)\n\nfunc main() {}\n',
    "cmd/tool/main.go": "package main\n\nfunc main() {}\n",
    "near/go.mod": "module example.org/near\n\ngo 1.22\n",
    "near/near.go": "package near\n",
}
_CRATE = '[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n'
CARGO_FILES: Files = {
    "Cargo.toml": _CRATE.format(name="demo")
    + '[workspace]\nmembers = ["crates/*"]\n[dependencies]\nitoa = "1"\nnear = { path = "crates/near" }\n',
    "src/main.rs": "fn main() {}\n",
    "src/other.rs": "",
    "src/bin/second.rs": "fn main() {}\n",
    "tests/it.rs": "",
    "examples/show.rs": "fn main() {}\n",
    "benches/fast.rs": "",
    "crates/near/Cargo.toml": _CRATE.format(name="near"),
    "crates/near/src/lib.rs": "pub mod deep;\n",
    "crates/near/src/deep.rs": "",
}
_POM = "<project><modelVersion>4.0.0</modelVersion>{}</project>"
MAVEN_FILES: Files = {
    "pom.xml": _POM.format(
        "<groupId>x</groupId><artifactId>p</artifactId><version>1</version><packaging>pom</packaging>"
        "<modules><module>one</module></modules>"
    ),
    "one/pom.xml": _POM.format(
        "<parent><groupId>x</groupId><artifactId>p</artifactId><version>1</version></parent><artifactId>one</artifactId>"
    ),
    "one/src/main/java/A.java": "class A {}\n",
}
_TARGETS = "names targets; nothing that is fetched depends on them"
_GLOB = "looks for members, whose manifests are in the answer"
_ADDRESSES = ((r"https?:(/.*)?", "pip asks whether an address is a file"),)
_PNPM = (
    (r"_tmp_\w+", "made and removed, to see what links work"),
    (r"!.*", "a pattern taken for a path"),
)
_NODE_FOLDERS = (".", "packages", "packages/a", "packages/b")


def _each(folders: Iterable[str], why: str) -> tuple[tuple[str, str], ...]:
    return tuple((folder, why) for folder in folders)


CASES = (
    Case(
        name="pip -r",
        program="pip",
        files=PIP_FILES,
        command="pip install --no-compile -r requirements.txt",
        result=("{venv}/lib",),
        noise=r".*\.pyc",
        harmless=_ADDRESSES,
        needs_not=("app.py", "demo/__init__.py"),
    ),
    Case(
        name="python -m pip -r",
        program="pip",
        files=PIP_FILES,
        command="python -m pip install --no-compile -r requirements.txt",
        harmless=_ADDRESSES,
        listed=(
            (".", "the current directory is on sys.path; what could be imported from it is in the answer"),
        ),
    ),
    Case(
        name="uv sync of dependencies",
        program="uv",
        files=UV_FILES,
        before="uv lock",
        command="uv sync --locked --no-install-project",
        result=(".venv",),
        needs_not=("README.md", "demo/__init__.py"),
        noise=r".*/(CACHEDIR\.TAG|\.lock)|.*\.pyc",
    ),
    Case(
        name="uv sync of a workspace's dependencies",
        program="uv",
        files=UV_WORKSPACE,
        before="uv lock",
        command="uv sync --frozen --no-install-workspace",
        listed=(("packages", _GLOB),),
        needs_not=("packages/member/member/__init__.py",),
    ),
    Case(
        name="npm ci",
        program="npm",
        files=NODE_FILES,
        before="npm install --package-lock-only",
        command="npm ci",
        needs_not=("src/index.js", "tsconfig.json"),
    ),
    Case(
        name="npm ci of workspaces",
        program="npm",
        files=NODE_WORKSPACE,
        before="npm install --package-lock-only",
        command="npm ci --no-audit",
        result=("node_modules", "packages/a/node_modules"),
        listed=(("packages", _GLOB),),
        needs_not=("packages/a/index.js", "packages/b/lib/b.js"),
    ),
    Case(
        name="pnpm of workspaces",
        program="pnpm",
        files=NODE_PNPM,
        before="pnpm install --lockfile-only",
        command="pnpm install --frozen-lockfile",
        result=("node_modules", "packages/b/node_modules"),
        harmless=_PNPM,
        listed=_each(_NODE_FOLDERS, _GLOB),
        noise=r".*/(\.modules\.yaml|\.pnpm-workspace-state.*)",
        trust=Trust.LIKELY,
        needs_not=("packages/a/index.js", "src/index.js"),
    ),
    Case(
        name="pnpm fetch",
        program="pnpm",
        files=NODE_PNPM,
        before="pnpm install --lockfile-only",
        command="pnpm fetch",
        harmless=_PNPM,
        listed=((".", _GLOB),),
        trust=Trust.LIKELY,
        needs_not=("packages/a/index.js", "src/index.js"),
    ),
    Case(
        name="yarn classic of workspaces",
        program="yarn",
        files=NODE_WORKSPACE,
        before="yarn install --ignore-scripts",
        command="yarn install --frozen-lockfile",
        result=("node_modules",),
        listed=_each(_NODE_FOLDERS, "its manifest and README are looked for"),
        harmless=(
            (r"packages/\w+/(\.yarn-metadata\.json|README.*|readme.*)", "looked for beside a manifest"),
        ),
        noise=r".*/\.yarn-integrity",
        trust=Trust.LIKELY,
        needs_not=("packages/a/index.js", "src/index.js"),
    ),
    Case(
        name="go mod download",
        program="go",
        files=GO_FILES,
        before="go mod tidy",
        command="go mod download",
        result=("{home}/go/pkg/mod",),
        needs_not=("main.go", "near/near.go"),
        noise=r".*/cache/(lock|vcs|.*\.lock|.*\.info|.*/list)",
    ),
    Case(
        name="cargo fetch",
        program="cargo",
        files=CARGO_FILES,
        before="cargo generate-lockfile",
        command="cargo fetch --locked",
        result=("{home}/.cargo/registry/src",),
        harmless=(
            (r"(.*/)?(src/bin|tests|examples|benches)", _TARGETS),
            (r"(.*/)?README(\.\w+)?", "only asked for, to fill in a default"),
        ),
        listed=_each(("src/bin", "tests", "examples", "benches"), _TARGETS) + _each((".", "crates"), _GLOB),
        needs_not=("src/other.rs", "src/bin/second.rs", "tests/it.rs", "crates/near/src/deep.rs"),
    ),
    Case(
        name="mvn go-offline",
        program="mvn",
        files=MAVEN_FILES,
        command="mvn -B -q -Dmaven.repo.local={home}/.m2 dependency:go-offline",
        trust=Trust.LIKELY,
        needs_not=("one/src/main/java/A.java",),
    ),
)


@dataclass(frozen=True)
class Workshop:
    """A project three directories down, a home, and the tools."""

    root: Path
    home: Path
    venv: Path
    env: dict[str, str]

    def run(self, command: str) -> None:
        done = subprocess.run(
            command.split(),
            cwd=self.root,
            env=self.env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert done.returncode == 0, done.stdout[-2000:]

    def expand(self, path: str) -> Path:
        return self.root / path.format(home=self.home, venv=self.venv)


def _venv(directory: Path, *options: str) -> Path:
    """A new virtual environment's bin directory."""
    subprocess.run([sys.executable, "-m", "venv", *options, str(directory)], check=True)
    return directory / "bin"


@cache
def _tools(kind: str, base: str) -> str:
    """A bin directory with tools that the machine may lack, from the registries."""
    directory = Path(base) / kind
    if kind == "python":
        programs = _venv(directory)
        subprocess.run([str(programs / "pip"), "install", "-q", "uv"], check=True)
        return str(programs)
    directory.mkdir()
    (directory / "package.json").write_text("{}")
    install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "pnpm@9", "yarn@1"]
    subprocess.run(install, cwd=directory, check=True)
    return str(directory / "node_modules/.bin")


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tools")


def _id(case: Case) -> str:
    return case.name.replace(" ", "-")


def _works(program: str) -> bool:
    """Whether it starts: rustup's `cargo` is there and does nothing in a home without a toolchain."""
    found = shutil.which(program)
    version = "version" if program == "go" else "--version"
    return bool(found) and subprocess.run([program, version], capture_output=True).returncode == 0


@pytest.fixture(params=CASES, ids=_id)
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    if shutil.which("strace") is None:
        pytest.skip("this machine lacks strace")
    needs = {"pip": "", "uv": "", "pnpm": "npm", "yarn": "npm"}.get(found.program, found.program)
    if needs and not _works(needs):
        pytest.skip(f"this machine lacks {needs}")
    return found


@pytest.fixture
def workshop(case: Case, tmp_path: Path, toolbox: Path) -> Iterator[Workshop]:
    root, home, venv = tmp_path / "a/b/app", tmp_path / "home", tmp_path / "venv"
    home.mkdir()
    root.mkdir(parents=True)
    env = {
        k: v
        for k, v in os.environ.items()
        if not re.match(r"VIRTUAL_ENV|PYTHON|PYENV|GO(?!PROXY|SUMDB|ROOT)|CARGO", k)
    }
    path = [env["PATH"]]
    if case.program in ("pnpm", "yarn"):
        path.insert(0, _tools("node", str(toolbox)))
    if case.program == "pip":
        path.insert(0, str(_venv(venv)))
    if case.program == "uv":
        path[:0] = [str(_venv(venv, "--without-pip")), _tools("python", str(toolbox))]
    rustup = os.environ.get("RUSTUP_HOME", str(Path.home() / ".rustup"))
    env |= {
        "HOME": str(home),
        "PATH": ":".join(path),
        "RUSTUP_HOME": rustup,
        "CI": "1",
        "GOFLAGS": "-modcacherw",
    }
    yield Workshop(root, home, venv, env)
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path)], check=False)


def _write(root: Path, files: Mapping[str, str | None]) -> None:
    """Names may be absolute."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or "")


def _emptied(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.mkdir()


def _asked(case: Case, workshop: Workshop) -> tuple[MemoryPlace, str, Effects]:
    """The project with its lock file, before the command; the command; and what it may touch."""
    _write(workshop.root, {**NOISE, **case.files})
    if case.before:
        workshop.run(case.before)
    for leftover in ("node_modules", "packages/a/node_modules", "packages/b/node_modules", ".venv"):
        shutil.rmtree(workshop.root / leftover, ignore_errors=True)
    _emptied(workshop.home)
    place = from_disk(workshop.root, env=workshop.env, home=str(workshop.home))
    command = case.command.format(home=workshop.home)
    return place, command, effects(command, place)


def _unexplained(case: Case, workshop: Workshop, seen: Seen, found: Effects) -> list[str]:
    """Paths of the project, and of the two directories above it, that the answer doesn't hold."""
    top = str(workshop.root.parents[1])
    wrong: list[str] = []
    for path in sorted(seen.looked | seen.listed | seen.changed):
        relative = os.path.relpath(path, workshop.root)
        if not covers(top, path) or _covered(found.writes, path) or _harmless(case, relative):
            continue
        if path in seen.changed:
            wrong.append(f"changed {relative}")
        elif relative in dict(case.listed):
            continue
        elif path in seen.listed and not _covered(found.reads, path):
            wrong.append(f"listed {relative}")
        elif not any(covers(each, path) or covers(path, each) for each in found.reads | found.writes):
            wrong.append(f"looked at {relative}")
    return wrong


def _covered(places: Iterable[str], path: str) -> bool:
    return any(covers(place, path) for place in places)


def _harmless(case: Case, relative: str) -> bool:
    return any(re.fullmatch(pattern, relative) for pattern, _ in case.harmless)


def _installed(case: Case, workshop: Workshop) -> dict[str, str]:
    """Relative path → digest of everything that was installed, less what differs between any two installs."""
    found: dict[str, str] = {}
    for place in case.result:
        base = workshop.expand(place)
        for path in sorted(base.rglob("*")):
            name = f"{place}/{path.relative_to(base)}"
            if path.is_symlink():
                found[name] = f"link to {path.readlink()}"
            elif path.is_file() and not re.fullmatch(case.noise, name):
                found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _locks(root: Path) -> dict[str, str]:
    """The text of each lock file."""
    return {p.name: p.read_text() for p in root.iterdir() if "lock" in p.name or p.name == "go.sum"}


def test_a_tool_touches_only_what_its_effects_hold(case: Case, workshop: Workshop, tmp_path: Path) -> None:
    _, command, found = _asked(case, workshop)
    assert not found.unknown, found.unknown
    assert found.trust == case.trust, found.doubts
    seen = trace(command.split(), cwd=workshop.root, env=workshop.env, out=tmp_path / "trace")
    assert seen.status == 0, seen.output[-2000:]
    assert seen.looked & {str(workshop.root / "package.json"), *map(str, workshop.root.glob("*.*"))}, (
        "nothing traced"
    )
    assert _unexplained(case, workshop, seen, found) == []


@pytest.mark.parametrize("case", [case for case in CASES if case.result], indirect=True, ids=_id)
def test_a_tool_installs_the_same_from_the_files_of_its_effects(case: Case, workshop: Workshop) -> None:
    place, command, found = _asked(case, workshop)
    workshop.run(command)
    whole = _installed(case, workshop)
    assert whole
    locks = _locks(workshop.root)
    _emptied(workshop.root)
    _emptied(workshop.home)
    if case.program == "pip":
        _venv(workshop.venv, "--clear")
    needed = {path: text for path, text in place.files.items() if _covered(found.reads, path)}
    _write(workshop.root, needed)
    for name in case.needs_not:
        assert str(workshop.root / name) not in needed
    workshop.run(command)
    assert _installed(case, workshop) == whole
    assert _locks(workshop.root) == locks
