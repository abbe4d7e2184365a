"""What `fastbuild build` costs on top of the engine it drives: `python -m benchmarks.overhead [--runs N]`.

All contestants build the same files on the same daemon, their output thrown away. Results are kept in
`results/overhead.json` and `results/overhead.md`; what is written by hand below the latter's last rule stays.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.samples import Contestant, compare, interleave, machine, spread
from fastbuild.engines.toolchain import VERSION
from tests.lab.lab import lab
from tests.lab.tools import BUILDX_VERSION
from tests.live.builders import remote_builder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from benchmarks.samples import Samples
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner

RESULTS = Path(__file__).with_name("results")
STEPS = 60
FILES = 20_000
HELP_RUNS = 20
HAND = "\n---\n"
AIM_RATIO, AIM_SECONDS, AIM_HELP = 1.03, 0.150, 0.100

SCENARIOS = {
    "hit": f"All hit: {STEPS} RUN steps and a COPY, everything in the daemon's store",
    "run": f"{STEPS} steps executed: a new file is COPYed first, so every RUN runs",
    "large": f"All hit, context of {FILES:,} files",
}
PAIRS = (
    ("fastbuild, BUILDKIT_HOST", "buildctl"),
    ("fastbuild, BUILDKIT_HOST", "docker buildx"),
    ("fastbuild, buildx", "docker buildx"),
    ("fastbuild, private engine", "buildctl, private engine"),
    ("fastbuild, private engine", "the same --no-explain"),
    ("buildctl again", "buildctl"),
)
"""Ours, and what it is compared with; the last pair shows the noise."""
LARGE = (
    "buildctl",
    "buildctl again",
    "fastbuild, BUILDKIT_HOST",
    "fastbuild, private engine",
    "the same --no-explain",
)


@dataclass(frozen=True)
class Bench:
    """The daemons and programs that contestants use."""

    lab: Lab
    runner: Runner
    address: str
    private: str
    builder: str

    def contestants(self, scenario: str, folder: Path) -> list[Contestant]:
        """Each with a copy of the files of its own, in a directory of its own.

        But raw clients of one daemon share theirs: BuildKit has one copy for all directories that
        buildctl sends, and two that take turns would be sent whole each time.
        """
        client = self.lab.tools.buildctl
        ours = (*fastbuild(), "build", "--progress=plain")
        contestants: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
            "buildctl": (raw(client, self.address), {}),
            "buildctl again": (raw(client, self.address), {}),
            "fastbuild, BUILDKIT_HOST": (ours, {"BUILDKIT_HOST": self.address}),
            "docker buildx": (
                ("docker", "buildx", "build", "--progress=plain", f"--builder={self.builder}"),
                {},
            ),
            "fastbuild, buildx": ((*ours, "--engine=buildx", f"--builder={self.builder}"), {}),
            "buildctl, private engine": (raw(client, self.private), {}),
            "fastbuild, private engine": ((*ours, "--engine=private"), {}),
            "the same --no-explain": ((*ours, "--engine=private", "--no-explain"), {}),
        }
        if scenario == "run":
            del contestants["buildctl again"]  # each run takes seconds, and the noise is known from "hit"
        if scenario == "large":
            contestants = {name: contestants[name] for name in LARGE}
        where = {name: folder / scenario / name.removesuffix(" again") for name in contestants}
        for place in set(where.values()):
            context(place, scenario)
        return [
            self._contestant(name, argv, env, where[name], scenario)
            for name, (argv, env) in contestants.items()
        ]

    def _contestant(
        self, name: str, argv: tuple[str, ...], env: dict[str, str], where: Path, scenario: str
    ) -> Contestant:
        def renew() -> None:
            (where / "nonce").write_text(secrets.token_hex())

        if argv[-1].startswith("--local"):
            last = (f"--local=context={where}", f"--local=dockerfile={where}")
            argv = (*argv[:-1], *last)
        else:
            argv = (*argv, str(where))
        # with a docker engine the image would be loaded into it, which the raw client does not do
        environ = {**compiled(self.runner.env), "DOCKER_HOST": "unix:///nonexistent.sock", **env}
        return Contestant(
            name=name,
            argv=argv,
            env=environ,
            cwd=where,
            before=renew if scenario == "run" else lambda: None,
        )


def compiled(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with bytecode kept, as pip leaves it; a shell may forbid that for its checkouts.

    The warm-up rounds write it, outside the checkout.
    """
    kept = {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), "fastbuild-overhead-bytecode"))}


def fastbuild() -> tuple[str, ...]:
    """The command as installed."""
    return (str(Path(sys.executable).with_name("fastbuild")),)


def raw(client: Path, address: str) -> tuple[str, ...]:
    """Buildctl without its directories, which come in the place of the last word."""
    return (
        str(client),
        "--addr",
        address,
        "build",
        "--progress=plain",
        "--frontend=dockerfile.v0",
        "--local",
    )


def context(folder: Path, scenario: str) -> Path:
    """A repository with a Dockerfile, as a CI job finds it."""
    folder.mkdir(parents=True)
    steps = [f"RUN echo {number} > /step" for number in range(STEPS)]
    (folder / "Dockerfile").write_text("\n".join(("FROM busybox", "COPY . /src", *steps)) + "\n")
    (folder / ".dockerignore").write_text(".git\n")
    (folder / "nonce").write_text("0")
    if scenario == "large":
        for number in range(FILES):
            file = folder / "src" / str(number // 100) / f"{number}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{number}\n" * 20)
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-q", "-m", "start")):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def measure(scenarios: list[str], runs: int) -> dict[str, Any]:
    """The samples of each scenario, and when they were taken."""
    found: dict[str, Any] = {}
    with ExitStack() as stack:
        place = stack.enter_context(lab())
        daemon = stack.enter_context(place.buildkitd())
        runner = stack.enter_context(place.runner())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fbo-")))
        private = start_private(runner)
        bench = Bench(place, runner, daemon.address, private, remote_builder(runner, daemon.address))
        for scenario in scenarios:
            say(SCENARIOS[scenario])
            samples = interleave(bench.contestants(scenario, folder), runs, warm_ups=1)
            found[scenario] = {"machine": machine(), "samples": samples}
            shutil.rmtree(folder / scenario)
    return found


def start_private(runner: Runner) -> str:
    """Start the private engine; returns its address."""
    command = (*fastbuild(), "engine", "start")
    subprocess.run(command, env=runner.env, check=True, stdout=subprocess.DEVNULL)
    record = json.loads((runner.folder / "state/fastbuild/engine/record.json").read_text())
    return f"unix://{record['socket']}"


def measure_help() -> Samples:
    """`fastbuild --help` as a whole process, beside the interpreter alone."""
    programs = {
        "fastbuild --help": (*fastbuild(), "--help"),
        "python -c pass": (sys.executable, "-c", "pass"),
        "python -c 'import click'": (sys.executable, "-c", "import click"),
    }
    home, env = Path.cwd(), compiled(os.environ)
    return interleave(
        [Contestant(name=n, argv=argv, env=env, cwd=home) for n, argv in programs.items()], HELP_RUNS
    )


def say(text: str) -> None:
    print(f"overhead: {text}", file=sys.stderr, flush=True)


def as_markdown(result: dict[str, Any]) -> str:
    """The tables, and which aims were missed."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    lines = [
        "# Overhead of `fastbuild build`",
        "",
        "Contestants ran in random order within each round, on one daemon, output thrown away; ratios and",
        "differences are medians over the rounds. Times in seconds; CPU is the client side's user + system.",
        f"Aim: ≤ {AIM_RATIO}× and ≤ {AIM_SECONDS * 1000:.0f} ms; `--help` ≤ {AIM_HELP * 1000:.0f} ms.",
        f"With {versions}. Raw samples: `overhead.json`.",
        "Repeat: `python -m benchmarks.overhead --runs N` (Linux, root).",
    ]
    missed: list[str] = []
    for name in (n for n in SCENARIOS if n in result["scenarios"]):
        samples = result["scenarios"][name]["samples"]
        where = _where(result["scenarios"][name]["machine"])
        lines += ["", f"## {SCENARIOS[name]}", "", where, "", *_spreads(samples), ""]
        lines += ["| | against | ratio | difference | CPU | aim |", "|---|---|--:|--:|--:|---|"]
        for ours, theirs in PAIRS:
            if ours in samples and theirs in samples:
                lines.append(_comparison(name, samples, ours, theirs, missed))
    helped = result["help"]["samples"]
    help_seconds = spread(helped, "fastbuild --help")["median"]
    lines += ["", "## `fastbuild --help`", "", _where(result["help"]["machine"]), "", *_spreads(helped)]
    if help_seconds > AIM_HELP:
        missed.append(f"--help: {help_seconds * 1000:.0f} ms")
    lines += ["", "## Aims missed", "", *(f"- {text}" for text in missed or ["none"])]
    return "\n".join(lines) + "\n"


def _where(machine: dict[str, Any]) -> str:
    return (
        f"{machine['date']}, {machine['cores']} cores ({machine['architecture']}), Linux {machine['kernel']}"
        f", Python {machine['python']}, load at the end {' '.join(map(str, machine['load']))}."
    )


def _spreads(samples: Samples) -> list[str]:
    rows = ["| | n | median | min | max | CPU |", "|---|--:|--:|--:|--:|--:|"]
    for name, taken in samples.items():
        s = spread(samples, name)
        numbers = (f"{s[key]:.3f}" for key in ("median", "min", "max", "cpu"))
        rows.append(f"| {name} | {len(taken)} | {' | '.join(numbers)} |")
    return rows


def _comparison(scenario: str, samples: Samples, ours: str, theirs: str, missed: list[str]) -> str:
    found = compare(samples, ours, theirs)
    ratio, milliseconds = found["ratio"], found["difference"] * 1000
    said = "noise"
    if ours.startswith("fastbuild"):
        kept = [ratio <= AIM_RATIO, found["difference"] <= AIM_SECONDS]
        said = ("kept", "ratio missed", "milliseconds missed", "both missed")[
            (not kept[0]) + 2 * (not kept[1])
        ]
        if not all(kept):
            missed.append(f"{scenario}: {ours} against {theirs}: {ratio:.3f}×, {milliseconds:+.0f} ms")
    cpu = f"{found['cpu'] * 1000:+.0f} ms"
    return f"| {ours} | {theirs} | {ratio:.3f}× | {milliseconds:+.0f} ms | {cpu} | {said} |"


def write(result: dict[str, Any], folder: Path) -> None:
    """Both files; scenarios not measured this time are kept, and so is what was written by hand."""
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "overhead.json").exists():
        earlier = json.loads((folder / "overhead.json").read_text())
        result["scenarios"] = earlier["scenarios"] | result["scenarios"]
    (folder / "overhead.json").write_text(json.dumps(result, indent=1) + "\n")
    page = folder / "overhead.md"
    hand = page.read_text().partition(HAND)[2] if page.exists() else ""
    page.write_text(as_markdown(result) + (HAND + hand if hand else ""))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=12, help="rounds of each scenario [12]")
    parser.add_argument("--scenario", action="append", choices=SCENARIOS, help="only these [all]")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write [benchmarks/results]")
    options = parser.parse_args()
    result = {
        "version": 1,
        "scenarios": measure(options.scenario or list(SCENARIOS), options.runs),
        "help": {"samples": measure_help(), "machine": machine()},
        "versions": {"BuildKit": VERSION, "buildx": BUILDX_VERSION},
    }
    write(result, options.results)
    print(as_markdown(result))


if __name__ == "__main__":
    main()
