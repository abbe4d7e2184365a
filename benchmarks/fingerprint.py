"""How long it takes to know every file's digest: `python -m benchmarks.fingerprint [--runs N]`.

A context of 6,000 files and 25 MB, first (nothing known) and after (nothing changed), as whole processes,
beside `whycache` from PyPI, which is installed into a temporary virtual environment. Both read the same
files, which the page cache holds. Ours makes BuildKit's content digest (SHA-256 of headers and bytes, a
tree of directories), whycache a table of 64-bit BLAKE2b hashes of the bytes.

Results are kept in `results/fingerprint.json` and `results/fingerprint.md`.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.samples import Contestant, compare, interleave, machine, spread

RESULTS = Path(__file__).with_name("results")
WHYCACHE = "0.1.0"
SIZES = {"6,000 files, 25 MB": (6000, 4370), "20,000 files, 40 MB": (20_000, 2100)}
"""Files, and the mean of their bytes."""
AIMED = "6,000 files, 25 MB"
AIM_FIRST, AIM_AFTER = 1.0, 0.2
SETTLE = 3.0
"""Seconds until files are old enough for an index to trust their times."""

OURS = """
import sys
from pathlib import Path
from fastbuild.context.digest_index import DigestIndex
from fastbuild.context.hashed import HashedTree
from fastbuild.dockerfile.ignore import Ignore
from fastbuild.keys.content import content_digest
folder, index = map(Path, sys.argv[1:])
tree = HashedTree(folder, Ignore(()), DigestIndex(index, folder))
print(content_digest(tree, ()))
tree.save()
"""
THEIRS = """
import sys
from whycache.manifest import build_manifest, load_state, save_state
manifest, stat = build_manifest(sys.argv[1], load_state(sys.argv[1]))
save_state(sys.argv[1], {"manifest": manifest, "stat": stat})
"""


@dataclass(frozen=True)
class Bench:
    """One context, and where each contestant keeps what it knows of it."""

    context: Path
    home: Path
    whycache: Path

    @property
    def index(self) -> Path:
        return self.home / "index"

    def contestants(self, *, first: bool) -> list[Contestant]:
        """Each as a whole process; `first`: without what it learnt before."""
        programs = {
            "fastbuild": (sys.executable, "-c", OURS, str(self.context), str(self.index)),
            "whycache": (str(self.whycache), "-c", THEIRS, str(self.context)),
            "python -c pass": (sys.executable, "-c", "pass"),
        }
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        env |= {"HOME": str(self.home), "PYTHONPYCACHEPREFIX": str(self.home / "bytecode")}
        cwd = Path(__file__).resolve().parents[1]
        before = self.forget if first else lambda: None
        return [
            Contestant(name=name, argv=argv, env=env, cwd=cwd, before=before)
            for name, argv in programs.items()
        ]

    def forget(self) -> None:
        """Throw away both stores."""
        for file in (self.index, *self.home.glob(".whycache/*")):
            file.unlink(missing_ok=True)


def make_context(folder: Path, files: int, size: int) -> None:
    """Files of a source tree's shape: 20 in a directory, lengths between nothing and four times the mean."""
    dice = random.Random(6000)
    for number in range(files):
        place = folder / f"part{number // 400}" / f"module{number // 20}"
        place.mkdir(parents=True, exist_ok=True)
        length = int(size * dice.random() ** 2 * 3)
        (place / f"file{number}.py").write_bytes(dice.randbytes(length))


def install_whycache(folder: Path) -> Path:
    """A virtual environment with whycache; returns its interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    words = (str(python), "-m", "pip", "install", "--quiet", f"whycache=={WHYCACHE}")
    subprocess.run(words, check=True)
    return python


def measure(runs: int) -> dict[str, Any]:
    """The samples of each context, first and after."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="fbf-") as text:
        whycache = install_whycache(Path(text, "venv"))
        for name, (files, size) in SIZES.items():
            place = Path(text, str(files))
            (place / "home").mkdir(parents=True)
            make_context(place / "context", files, size)
            time.sleep(SETTLE)
            bench = Bench(place / "context", place / "home", whycache)
            data = sum(file.stat().st_size for file in bench.context.rglob("*") if file.is_file())
            found[name] = {"files": files, "bytes": data}
            for when in ("first", "after"):
                say(f"{name}, {when}")
                samples = interleave(bench.contestants(first=when == "first"), runs, warm_ups=1)
                found[name][when] = {"machine": machine(), "samples": samples}
    return found


def say(text: str) -> None:
    print(f"fingerprint: {text}", file=sys.stderr, flush=True)


def as_markdown(result: dict[str, Any]) -> str:
    """One table for each context, and which aims were missed."""
    lines = [
        "# Fingerprint of a build context",
        "",
        "Whole processes in random order within each round; the page cache is warm. `first`: nothing is",
        "known; `after`: nothing changed. fastbuild computes the digest that BuildKit computes of `COPY . .`",
        f"(SHA-256), whycache {WHYCACHE} a table of 64-bit hashes of the bytes. Seconds.",
        f"Aim for {AIMED}: ≤ {AIM_FIRST} s first, ≤ {AIM_AFTER} s after. Raw samples: `fingerprint.json`.",
        "Repeat: `python -m benchmarks.fingerprint --runs N`.",
    ]
    missed: list[str] = []
    for name, found in result["contexts"].items():
        lines += ["", f"## {name} ({found['bytes'] / 1e6:.1f} MB)"]
        for when in ("first", "after"):
            lines += ["", f"### {when}", "", *_table(found[when])]
            median = spread(found[when]["samples"], "fastbuild")["median"]
            aim = AIM_FIRST if when == "first" else AIM_AFTER
            if name == AIMED and median > aim:
                missed.append(f"{name}, {when}: {median:.3f} s, aim {aim} s")
    lines += ["", "## Aims missed", "", *(f"- {text}" for text in missed or ["none"])]
    return "\n".join(lines) + "\n"


def _table(found: dict[str, Any]) -> list[str]:
    samples, where = found["samples"], found["machine"]
    rows = [
        f"{where['date']}, {where['cores']} cores ({where['architecture']}), Linux {where['kernel']}, "
        f"Python {where['python']}, load at the end {' '.join(map(str, where['load']))}.",
        "",
        "| | n | median | min | max | CPU |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, taken in samples.items():
        s = spread(samples, name)
        numbers = (f"{s[key]:.3f}" for key in ("median", "min", "max", "cpu"))
        rows.append(f"| {name} | {len(taken)} | {' | '.join(numbers)} |")
    ratio = compare(samples, "fastbuild", "whycache")["ratio"]
    return [*rows, "", f"fastbuild / whycache: {ratio:.2f} (median of the rounds' ratios)."]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=15, help="rounds [15]")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write [benchmarks/results]")
    options = parser.parse_args()
    result = {"version": 1, "contexts": measure(options.runs), "versions": {"whycache": WHYCACHE}}
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "fingerprint.json").write_text(json.dumps(result, indent=1) + "\n")
    (options.results / "fingerprint.md").write_text(as_markdown(result))
    print(as_markdown(result))


if __name__ == "__main__":
    main()
