"""Does `--skip auto` ever use a wrong image, and what does a skipped build cost? `python -m benchmarks.skip`.

A project goes through generated commits: sources, modes, links, documents, comments, arguments, the base,
steps back to an earlier state. Each is built with `--skip auto`; what was skipped is built again, without,
on another engine with a store of its own, and both images are compared, file by file. All steps are
reproducible. An unchanged commit is also built on fresh runners, behind a registry that counts bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.samples import machine
from fastbuild.cache.kept_images import read_parts
from fastbuild.cache.registry_client import Registry
from fastbuild.cache.registry_reference import read_reference
from fastbuild.engines.toolchain import VERSION
from fastbuild.pipeline.skip import Place
from fastbuild.pipeline.skip_check import compare
from tests.lab.lab import lab
from tests.lab.proxy import FaultProxy
from tests.live.builds import build

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

COMMITS = 120
FRESH = 5
DOCKERFILE = """\
ARG TAG=latest
FROM busybox:latest AS made
COPY src /src
RUN cat /src/*.txt > /made.txt
FROM BASE:${TAG}
ARG LEVEL=1
ENV LEVEL=$LEVEL
WORKDIR /app
COPY --from=made /made.txt .
COPY src/main.txt .
RUN --mount=type=bind,source=conf,target=/conf cat /conf/* > conf.txt
LABEL level=$LEVEL
CMD ["cat", "made.txt"]
"""
Files = dict[str, tuple[str, int]]
"""Path → text and mode; a text that begins with `-> ` is a link."""


def changes(dice: random.Random, files: Files, past: list[Files]) -> tuple[str, Files]:
    """The next commit's kind and files."""
    kinds: dict[str, Callable[[], Files]] = {
        "documents": lambda: {**files, "README.md": (f"{dice.random()}", 0o644)},
        "source": lambda: {**files, f"src/{dice.choice('abc')}.txt": (f"{dice.randrange(4)}", 0o644)},
        "main": lambda: {**files, "src/main.txt": (f"{dice.randrange(4)}", 0o644)},
        "mode": lambda: {
            **files,
            "src/main.txt": (files["src/main.txt"][0], files["src/main.txt"][1] ^ 0o111),
        },
        "configuration": lambda: {**files, "conf/a": (f"{dice.randrange(3)}", 0o644)},
        "link": lambda: {**files, "src/link": (f"-> {dice.choice('abc')}.txt", 0)},
        "comment": lambda: {
            **files,
            "Dockerfile": (f"{files['Dockerfile'][0]}# {dice.randrange(3)}\n", 0o644),
        },
        "argument": lambda: {**files, "LEVEL": (f"{dice.randrange(3)}", 0o644)},
        "base": lambda: {**files, "VERSION": (f"{dice.randrange(2)}", 0o644)},
        "nothing": lambda: dict(files),
        "back": lambda: dict(dice.choice(past)),
    }
    kind = dice.choice(list(kinds))
    return kind, kinds[kind]()


def lay(folder: Path, files: Files) -> Path:
    """The files on disk, as a new checkout makes them: with new times."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, (text, mode) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text.startswith("-> "):
            path.symlink_to(text[3:])
        else:
            path.write_text(text)
            path.chmod(mode)
    return folder


def made(runner: Runner, context: Path, name: str, *args: str) -> dict[str, Any]:
    """The record of a build that was pushed."""
    flags = ("--engine", "private", "--push", "-t", name, "--provenance", "false")
    done = build(runner, context, *flags, *args, FASTBUILD_SKIP_VERIFY_EVERY="0")
    if done.code or done.record is None:
        raise SystemExit(done.err)
    return done.record


def replay(place: Lab, folder: Path, commits: int) -> dict[str, Any]:
    """Every commit built both ways: how many were skipped, and which of those wrongly."""
    name, base = f"{place.registry}/replay/app", f"{place.registry}/replay/base"
    dice = random.Random(20)
    files: Files = {"src/main.txt": ("0", 0o644), "conf/a": ("0", 0o644), "LEVEL": ("0", 0o644)}
    files |= {f"src/{each}.txt": ("0", 0o644) for each in "abc"}
    files |= {"VERSION": ("0", 0o644), "Dockerfile": (DOCKERFILE.replace("BASE", base), 0o644)}
    files |= {".dockerignore": ("LEVEL\nVERSION\n", 0o644)}
    past, rows, version = [files], [], ""
    repository, _, _ = read_reference(name, insecure=False)
    with place.runner() as ours, place.runner() as real:
        for number in range(commits):
            kind, files = changes(dice, files, past) if number else ("first", files)
            past.append(files)
            if files["VERSION"][0] != version:
                version = files["VERSION"][0]
                text = (f"FROM busybox\nENV VERSION={version}\nRUN echo {version} > /version\n", 0o644)
                made(real, lay(folder / "base", {"Dockerfile": text}), f"{base}:latest")
            context = lay(folder / "app", files)
            level = ("--build-arg", f"LEVEL={files['LEVEL'][0]}")
            mine = made(ours, context, f"{name}:main", "--skip", "auto", *level)
            row = {
                "commit": number,
                "kind": kind,
                "skipped": bool(mine["skipped"]),
                "seconds": mine["seconds"],
            }
            if mine["skipped"]:
                theirs = made(real, context, f"{name}:real", *level)
                with Registry(repository, "pull") as registry:
                    parts = read_parts(registry, mine["digest"])
                found = compare(Place(repository=repository, tags=()), parts, theirs["digest"], folder)
                row["differences"] = [str(one) for one in found]
            rows.append(row)
            print(json.dumps(row), file=sys.stderr, flush=True)
    skipped = [row for row in rows if row["skipped"]]
    wrong = [row for row in skipped if row["differences"]]
    return {"commits": commits, "skipped": len(skipped), "false_skips": len(wrong), "rows": rows}


def unchanged(place: Lab, folder: Path, times: int) -> dict[str, Any]:
    """One commit on fresh runners whose registry and mirror is a proxy that counts."""
    context = lay(
        folder / "same", {"Dockerfile": ("FROM busybox\nCOPY a /\nRUN cat /a\n", 0o644), "a": ("a", 0o644)}
    )
    rows = []
    with FaultProxy(f"http://{place.registry}") as proxy:
        toml = folder / "buildkitd.toml"
        toml.write_text(place.toml_text(mirror=proxy.address, plain_http=(proxy.address,)))
        for number in range(times + 1):
            before = proxy.traffic
            with place.runner(FASTBUILD_ENGINE_CONFIG=str(toml)) as fresh:
                record = made(fresh, context, f"{proxy.address}/replay/same:{number}", "--skip", "auto")
            after = proxy.traffic
            moved = after.up + after.down - before.up - before.down
            rows.append({"skipped": bool(record["skipped"]), "seconds": record["seconds"], "bytes": moved})
    fresh_rows = rows[1:]
    return {
        "first": rows[0],
        "fresh": fresh_rows,
        "seconds": median(row["seconds"] for row in fresh_rows),
        "bytes": max(row["bytes"] for row in fresh_rows),
    }


def page(found: dict[str, Any]) -> str:
    """The results as Markdown."""
    history, fresh = found["replay"], found["unchanged"]
    kinds = sorted({row["kind"] for row in history["rows"]})
    lines = ["# Skipping a build", "", __doc__.split("\n\n", 1)[1].strip(), ""]
    lines += [
        f"{history['skipped']} of {history['commits']} commits were skipped, "
        f"{history['false_skips']} of them wrongly.",
        "",
        "| kind of commit | commits | skipped |",
        "|---|---|---|",
    ]
    for kind in kinds:
        rows = [row for row in history["rows"] if row["kind"] == kind]
        lines.append(f"| {kind} | {len(rows)} | {sum(row['skipped'] for row in rows)} |")
    lines += [
        "",
        f"Unchanged on a fresh runner: {fresh['seconds']:.2f} s (median of {len(fresh['fresh'])}), "
        f"{fresh['bytes'] / 1000:.0f} kB moved at most, the engine's start and the base's metadata included; "
        f"first build {fresh['first']['seconds']:.2f} s, {fresh['first']['bytes'] / 1000:.0f} kB.",
        "",
        f"BuildKit {VERSION}; {json.dumps(found['machine'])}",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and write benchmarks/results/skip.{json,md}."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=COMMITS)
    parser.add_argument("--fresh", type=int, default=FRESH)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    with lab() as place, tempfile.TemporaryDirectory() as folder:
        found = {"unchanged": unchanged(place, Path(folder), given.fresh), "machine": machine()}
        found["replay"] = replay(place, Path(folder), given.commits)
    (given.results / "skip.json").write_text(json.dumps(found, indent=1) + "\n")
    (given.results / "skip.md").write_text(page(found))


if __name__ == "__main__":
    main()
