"""`make demo`: the main job on a real application, from nothing.

A web service is built cold; then one source line changes and a runner that has never built anything
builds it again, once without and once with the S3 cache. Then fastbuild finds a better order of the
Dockerfile, proves it by building, and another line changes. Everything is real: BuildKit, S3, a registry,
and third-party packages installed inside the build. The numbers are those of this run.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.lab import DEMO, lab

if TYPE_CHECKING:
    from tests.lab.runner import Runner

CHANGED = "ledger/__init__.py"


@dataclass(frozen=True)
class Row:
    """One build of the comparison; `record` is what `fastbuild build --record` wrote."""

    what: str
    record: dict[str, Any]

    @property
    def seconds(self) -> float:
        return float(self.record["seconds"])

    def count(self, *statuses: str) -> int:
        return sum(step["status"] in statuses for step in self.record["timing"]["steps"])

    @property
    def fetched(self) -> float:
        """Megabytes of layers that came from the cache."""
        steps = self.record["timing"]["steps"]
        return sum(s["bytes_downloaded"] for s in steps if s["status"] != "source") / 1e6


def main() -> int:
    say("fastbuild demo: a Flask service with pandas and matplotlib, one source line changed, fresh runners")
    with (
        lab() as running,
        running.runner() as desk,
        tempfile.TemporaryDirectory(prefix="fastbuild-demo-") as folder,
    ):
        app = Path(shutil.copytree(DEMO, Path(folder, "app")))
        cache = ("--cache", f"s3://{running.s3.bucket}/demo")
        rows = [build(desk, "cold, first build ever", app, *cache)]
        change(app, "one line")
        with running.runner() as fresh:
            rows.append(build(fresh, "code change, fresh runner, no cache", app))
        with running.runner() as fresh:
            rows.append(build(fresh, "code change, fresh runner, S3 cache", app, *cache))
        reorder(desk, app)
        build(desk, "the new order, built once for the cache", app, *cache)
        change(app, "another line")
        with running.runner() as fresh:
            rows.append(build(fresh, "code change, the same, in the new order", app, *cache))
    report(rows)
    return 0


def say(text: str) -> None:
    print(text, flush=True)


def change(app: Path, what: str) -> None:
    source = app / CHANGED
    source.write_text(f"{source.read_text()}\n# {what} changed\n")
    say(f"\n== {what} changed in {CHANGED}")


def reorder(desk: Runner, app: Path) -> None:
    """Propose a better order, build it and the old one cold, and write it if the images are equal."""
    asked = ["reorder", "--prove", "--write", "--engine", "private"]
    say(f"\n== a better order, proved by building (three cold builds)\n$ fastbuild {' '.join(asked)} .")
    argv = [sys.executable, "-m", "fastbuild", *asked, "."]
    done = subprocess.run(argv, check=False, cwd=app, env=desk.env, stdout=subprocess.PIPE, text=True)
    say(done.stdout.rstrip())
    if done.returncode != 0:
        raise SystemExit(f"demo: reorder failed with code {done.returncode}")


def build(runner: Runner, what: str, app: Path, *args: str) -> Row:
    """One build on a runner; shows its step table and why steps ran."""
    asked = ["build", "--engine", "private", "--name", "ledger", *args]
    say(f"\n== {what}\n$ fastbuild {' '.join(asked)} .")
    record = runner.folder / "record.json"
    argv = [sys.executable, "-m", "fastbuild", *asked]
    argv += ["--progress", "plain", "--record", str(record), str(app)]
    process = subprocess.Popen(argv, env=runner.env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    table: list[str] = []
    for line in process.stderr:
        if table or line.startswith("line  step"):
            table.append(line)
        elif line.startswith("#") and (" RUN " in line or "exporting cache" in line):
            say(f"   {line.rstrip()[:100]}")
        elif line.startswith("error"):
            sys.stderr.write(line)
    if process.wait() != 0:
        raise SystemExit(f"demo: the build failed with code {process.returncode}")
    say("".join(table).rstrip())
    return Row(what, json.loads(record.read_text()))


def report(rows: list[Row]) -> None:
    say("\n== the comparison\n")
    say(f"{'build':38} {'seconds':>8} {'ran':>4} {'hits':>5} {'skipped':>8} {'fetched':>9}")
    for row in rows:
        hits = row.count("hit", "hit_local", "hit_remote")
        counts = f"{row.count('ran'):4} {hits:5} {row.count('skipped'):8}"
        say(f"{row.what:38} {row.seconds:8.1f} {counts} {row.fetched:6.1f} MB")
    without, cached, better = (row.seconds for row in rows[1:])
    say(f"\nWith the S3 cache a fresh runner rebuilt in {cached / without:.0%} of the time without it,")
    say(f"and in {better / without:.0%} in the order that fastbuild found and proved to make the same image.")
    say("Steps are skipped when a later step was found in the cache; `seconds` is the whole command.")


if __name__ == "__main__":
    raise SystemExit(main())
