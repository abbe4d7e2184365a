"""How long `fastbuild replay` takes: `python -m benchmarks.replay [--files N] [--commits N] [--rounds N]`.

A repository with a realistic history is generated, always the same one, and its last 100 commits are
replayed: the first time nothing is known, later ones find the digests of blobs on disk. With
`--real [SAMPLE…]` sample applications are replayed and built instead (`benchmarks/replay_real.py`).
Results are kept in `results/replay.json` and `results/replay.md`; each half keeps the other's, and what is
written by hand below the page's last rule stays.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import replay_real
from benchmarks.overhead import compiled, fastbuild
from benchmarks.samples import machine
from fastbuild.engines.toolchain import VERSION
from tests.lab.lab import lab

if TYPE_CHECKING:
    from collections.abc import Iterator

RESULTS = Path(__file__).with_name("results")
HAND = "\n---\n"
START = 1_704_096_000  # the first commit, seconds since 1970
WHO = "A Developer <developer@example.com>"
FIRST = """\
FROM busybox:latest
WORKDIR /app
COPY . .
RUN sort requirements.txt > /installed
RUN ls -R src > /built
"""
LATER = """\
FROM busybox:latest AS assets
COPY web /web
RUN ls -R /web > /assets

FROM busybox:latest
WORKDIR /app
COPY requirements.txt .
RUN sort requirements.txt > /installed
COPY src src
RUN ls -R src > /built
COPY . .
COPY --from=assets /assets /assets
"""


def generate(folder: Path, files: int, commits: int) -> None:
    """A repository whose commits touch sources mostly, documents, tests and manifests sometimes, with some
    renames, removals and merges. The same arguments give the same commit ids."""
    folder.mkdir()
    apart = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    env = {**{k: v for k, v in os.environ.items() if not k.startswith("GIT_")}, **apart}
    stream = b"".join(_history(files, commits))
    for words, stdin in ((("init", "-q", "-b", "main"), b""), (("fast-import", "--quiet"), stream)):
        subprocess.run(["git", "-C", str(folder), *words], env=env, input=stdin, check=True)
    subprocess.run(["git", "-C", str(folder), "reset", "-q", "--hard"], env=env, check=True)


def _history(files: int, commits: int) -> Iterator[bytes]:
    """Format: https://git-scm.com/docs/git-fast-import"""
    dice = random.Random(files)
    names = _names(dice, files)
    there = list(names)
    for number in range(commits):
        head = f"commit refs/heads/main\nmark :{number + 1}\n"
        when = START + 3600 * number
        head += f"author {WHO} {when} +0000\ncommitter {WHO} {when} +0000\n"
        yield head.encode() + _data(f"Commit {number}".encode())
        if number == 0:
            for name in there:
                yield _file(name, _content(dice, name))
            yield _file("Dockerfile", FIRST.encode()) + _file(".dockerignore", b".git\ndocs\n")
            continue
        if number % 9 == 5 and number > 20:
            yield f"merge :{number - 15}\n".encode()
        if number == commits * 2 // 3:
            yield _file("Dockerfile", LATER.encode())
        for name in _touched(dice, there):
            yield _file(name, _content(dice, name))
        if number % 6 == 3:
            gone = there.pop(dice.randrange(len(there) - 1))
            new = gone.replace("/", f"/moved{number}_", 1)
            there.insert(0, new)
            yield f"D {gone}\n".encode() + _file(new, _content(dice, new))


def _names(dice: random.Random, files: int) -> list[str]:
    shares = (("src", 0.5, ".py"), ("web", 0.25, ".ts"), ("tests", 0.15, ".py"), ("docs", 0.1, ".md"))
    names = []
    for top, share, end in shares:
        for number in range(round(files * share)):
            depth = dice.choice((1, 2, 2, 3, 3, 4))
            folders = "/".join(f"part{dice.randrange(6)}" for _ in range(depth))
            names.append(f"{top}/{folders}/file{number}{end}")
    return [*names, "requirements.txt"]


def _touched(dice: random.Random, there: list[str]) -> list[str]:
    kind = dice.random()
    if kind < 0.06:
        return ["requirements.txt"]
    top = "docs/" if kind < 0.16 else "tests/" if kind < 0.26 else "web/" if kind < 0.45 else "src/"
    among = [name for name in there if name.startswith(top)]
    return dice.sample(among, min(len(among), dice.choice((1, 1, 2, 2, 3, 5, 9))))


def _content(dice: random.Random, name: str) -> bytes:
    lines = min(3000, int(dice.lognormvariate(4.3, 1.0)) + 1)
    return b"".join(b"%s %016x\n" % (name[:30].encode(), dice.getrandbits(64)) for _ in range(lines))


def _file(name: str, content: bytes) -> bytes:
    return f"M 100644 inline {name}\n".encode() + _data(content)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def measure(files: int, commits: int, rounds: int) -> dict[str, Any]:
    """Seconds of the first replay, of later ones, and of one that looks at a single commit."""
    with lab() as place, tempfile.TemporaryDirectory(prefix="fbp-") as name:
        root = Path(name, "repository")
        generate(root, files, commits + 20)
        with place.runner(FASTBUILD_ENGINE="private") as runner:
            env = compiled(runner.env)
            _timed(env, root, 1)  # starts the engine and resolves the base image
            found: dict[str, Any] = {}
            samples: dict[str, list[dict[str, float]]] = {"first": [], "again": [], "one commit": []}
            for _ in range(rounds):
                for file in (Path(env["XDG_CACHE_HOME"]) / "fastbuild/blobs").glob("*"):
                    file.unlink()
                samples["first"].append(_timed(env, root, commits)[0])
                taken, found = _timed(env, root, commits)
                samples["again"].append(taken)
                samples["one commit"].append(_timed(env, root, 1)[0])
        tracked = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True)
    columns = {column["name"]: column["seconds"] for column in found["columns"]}
    return {
        "files": len(tracked.stdout.splitlines()),
        "commits": len(found["commits"]),
        "columns": columns,
        "samples": samples,
        "machine": machine(),
        "versions": {"BuildKit": VERSION},
    }


def _timed(env: dict[str, str], root: Path, commits: int) -> tuple[dict[str, float], dict[str, Any]]:
    argv = (*fastbuild(), "replay", f"--commits={commits}", "--format=json", str(root))
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    seconds = time.perf_counter() - start
    after = os.times()
    if done.returncode:
        raise SystemExit(f"code {done.returncode}: {done.stderr.decode()[-2000:]}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": round(seconds, 3), "cpu": round(cpu, 3)}, json.loads(done.stdout)


def write(result: dict[str, Any], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "replay.json").write_text(json.dumps({"version": 1, **result}, indent=1) + "\n")
    page = folder / "replay.md"
    _, rule, hand = (page.read_text() if page.exists() else "").rpartition(HAND)
    text = ["# Replays of histories", ""]
    text += _speed(result) if "samples" in result else []
    text += replay_real.page(result["real"]) if result.get("real") else []
    page.write_text("\n".join(text) + (rule + hand if rule else ""))


def _speed(result: dict[str, Any]) -> list[str]:
    rows = []
    for name, samples in result["samples"].items():
        seconds = statistics.median(sample["seconds"] for sample in samples)
        cpu = statistics.median(sample["cpu"] for sample in samples)
        rows.append(f"| {name} | {seconds:.2f} | {cpu:.2f} |")
    where = result["machine"]
    return [
        "## How long a replay takes",
        "",
        f"The last {result['commits']} commits of a generated repository with {result['files']:,} files, for "
        f"{len(result['columns'])} Dockerfiles each; medians of {len(result['samples']['first'])} rounds. "
        f"Made by `python -m benchmarks.replay` on {where['cores']} cores, BuildKit "
        f"{result['versions']['BuildKit']}; the machine's load was {where['load'][0]} (more than the cores: "
        "others worked on it, and the CPU seconds tell more).",
        "",
        "| replay | seconds | CPU seconds |",
        "|---|---:|---:|",
        *rows,
        "",
        "*first*: no digest is known. *again*: blobs' digests are on disk. *one commit*: what starting, the",
        "engine's graphs (one for each distinct Dockerfile text) and one commit take.",
        "",
    ]


def kept(folder: Path) -> dict[str, Any]:
    """The results so far."""
    file = folder / "replay.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=3500)
    parser.add_argument("--commits", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write [benchmarks/results]")
    parser.add_argument(
        "--real", nargs="*", metavar="SAMPLE", help="build sample applications for comparison [all]"
    )
    options = parser.parse_args()
    result = kept(options.results)
    if options.real is None:
        taken = measure(options.files, options.commits, options.rounds)
        write({**result, **taken}, options.results)
        return
    runs = result.setdefault("real", {})
    replay_real.run(runs, lambda: write(result, options.results), options.real)


if __name__ == "__main__":
    main()
