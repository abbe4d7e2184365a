"""Small but real applications, each with a Dockerfile in a usual bad order and in the order of an expert.

Both files of a sample make the same image. `lay_out` makes a context of one of them.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Which = Literal["bad", "good"]

MANIFESTS = {
    *("requirements.txt", "requirements.lock", "constraints.txt", "pyproject.toml", "uv.lock"),
    *("Pipfile", "Pipfile.lock", "package.json", "package-lock.json", "pnpm-lock.yaml", "yarn.lock"),
    *("go.mod", "go.sum", "Cargo.toml", "Cargo.lock", "pom.xml"),
}
"""Names of files that say which packages are installed."""
WHO, ROLES = "A Developer <developer@example.com>", ("author", "committer")
START = 1_704_096_000  # the first commit, seconds since 1970; the next ones follow hour by hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One application. A code change appends `append` to the file `change` (a path relative to the folder).

    `reinstalls` is the beginning of the instruction that the change runs again in the bad order only.
    """

    name: str
    folder: Path
    change: str
    append: str
    ecosystem: str
    reinstalls: str


def _sample(name: str, ecosystem: str, reinstalls: str, change: str, append: str) -> Sample:
    folder = Path(__file__).with_name(name)
    return Sample(
        name=name,
        folder=folder,
        change=change,
        append=append,
        ecosystem=ecosystem,
        reinstalls=reinstalls,
    )


SAMPLES: tuple[Sample, ...] = (
    _sample("flask-shop", "pip", "RUN pip install", "shop/prices.py", "\nVAT_PERCENT = 20\n"),
    _sample("fastapi-notes", "pip", "RUN apt-get", "src/notes/tags.py", "\nLONGEST = 40\n"),
    _sample("uv-worker", "uv", "RUN uv sync", "worker/clean.py", "\nLONGEST = 500\n"),
    _sample("pipenv-invoices", "pipenv", "RUN pipenv sync", "invoices/totals.py", "\nSMALLEST = 100\n"),
    _sample("express-links", "npm", "RUN npm ci", "src/codes.js", "\nexport const LENGTH = 6;\n"),
    _sample("vite-board", "npm", "RUN npm ci", "src/dates.ts", "\nexport const unit = 'day';\n"),
    _sample("pnpm-queue", "pnpm", "RUN pnpm install", "lib/call.js", "\nmodule.exports.retries = 3;\n"),
    _sample("yarn-tickets", "yarn", "RUN yarn install", "packages/jobs/remind.js", "\nremind.hour = 8;\n"),
    _sample("go-gateway", "go", "RUN go mod", "internal/health/health.go", '\nconst path = "/health"\n'),
    _sample("go-ledger", "go", "RUN go mod", "libs/money/format.go", "\nconst digits = 2\n"),
    _sample("cargo-words", "cargo", "RUN apt-get", "src/words.rs", "\n// Digits count as letters.\n"),
    _sample(
        "maven-weather",
        "maven",
        "RUN mvn -B -q dependency",
        "src/main/java/com/example/weather/Units.java",
        "\n// Always with a dot.\n",
    ),
    _sample("apt-handbook", "apt", "RUN <<EOF", "pages/faq.md", "\nAsk again.\n"),
    _sample(
        "node-python-survey",
        "npm and pip",
        "RUN npm ci",
        "frontend/src/api.js",
        "\nexport const version = 1;\n",
    ),
)


def lay_out(sample: Sample, which: Which, target: Path, *, commits: int = 0) -> Path:
    """Copy the application to `target`, with the chosen file as `Dockerfile`; returns `target`.

    With `commits`, `target` becomes a git repository whose last commit is the application: of 30 commits,
    24 touch sources, 2 a manifest and its lock, 4 documents (sources where there are no documents).
    The same arguments give the same modes, times and commit ids.
    """
    for path in _files(sample.folder):
        if path.name in ("Dockerfile.bad", "Dockerfile.good"):
            continue
        place = target / path.relative_to(sample.folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    shutil.copyfile(sample.folder / f"Dockerfile.{which}", target / "Dockerfile")
    for place in (target, *target.rglob("*")):
        # Not the checkout's modes: they depend on the umask.
        place.chmod(0o755 if place.is_dir() or place.suffix == ".sh" else 0o644)
        os.utime(place, (START, START))
    if commits:
        _commit(sample, target, commits)
    return target


def change(sample: Sample, context: Path) -> None:
    """Change the code of a laid-out application."""
    with (context / sample.change).open("a") as file:
        file.write(sample.append)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def _commit(sample: Sample, context: Path, commits: int) -> None:
    """Each commit takes one empty line from the end of its files: the last is the application itself."""
    plan = _touched(sample, context, commits - 1)
    files = {str(path.relative_to(context)): path for path in _files(context)}
    left = {name: sum(name in names for names in plan) for name in files}
    stream = b""
    for number, names in enumerate([tuple(files), *plan]):
        subject = f"Change {names[0]}" if number else "Start"
        who = "".join(f"{role} {WHO} {START + 3600 * number} +0000\n" for role in ROLES)
        stream += f"commit refs/heads/main\n{who}".encode() + _data(subject.encode())
        for name in names:
            left[name] -= bool(number)
            mode = "100755" if files[name].stat().st_mode & 0o100 else "100644"
            stream += f"M {mode} inline {name}\n".encode()
            stream += _data(files[name].read_bytes() + b"\n" * left[name])
    _git(context, "init", "-q", "-b", "main")
    _git(context, "fast-import", "--quiet", stdin=stream)
    _git(context, "reset", "-q")


def _touched(sample: Sample, context: Path, commits: int) -> list[tuple[str, ...]]:
    """The paths of every commit after the first, in shares of 24 : 2 : 4."""
    names = [str(path.relative_to(context)) for path in _files(context) if path.name != "Dockerfile"]
    manifests = [n for n in names if Path(n).name in MANIFESTS or n.startswith("requirements/")]
    docs = [name for name in names if name.startswith("docs/") or name.endswith("README.md")]
    source = [name for name in names if name not in (*manifests, *docs) and not name.startswith(".")]
    dice = random.Random(sample.name)
    plan: list[tuple[str, ...]] = []
    for number in range(commits):
        place = number % 15  # in 30 commits twice: 12 source, 1 manifest, 2 docs
        if place == 7 and manifests:
            folder = Path(dice.choice(manifests)).parent
            plan.append(tuple(name for name in manifests if Path(name).parent == folder))
        elif place in (3, 11) and docs:
            plan.append((dice.choice(docs),))
        else:
            chosen = dice.sample(source, min(len(source), dice.choice((1, 1, 1, 2, 3))))
            plan.append(tuple(sorted(chosen)))
    return plan


def _data(content: bytes) -> bytes:
    """Format: https://git-scm.com/docs/git-fast-import#_data"""
    return b"data %d\n%s\n" % (len(content), content)


def _git(context: Path, *words: str, stdin: bytes = b"") -> None:
    apart = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(context), *words]
    subprocess.run(command, env={**kept, **apart}, input=stdin, check=True, capture_output=True)
