"""What `fastbuild reorder` saves: `python -m benchmarks.reorder [--rounds N] [--expert] [SAMPLE…]`.

Every sample application is built as it was found, reordered with a proof, and then both orders are built
again and again after code changes, on one engine whose cache is warm. Results are kept in
`results/reorder.json` and `results/reorder.md` as they come; samples that have some are left out unless
named. What is written by hand below the latter's last rule stays.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.overhead import compiled, fastbuild
from benchmarks.reorder_page import AS_FOUND, EXPERT, REORDERED, write
from benchmarks.samples import Contestant, interleave, machine
from fastbuild.engines.toolchain import VERSION
from tests.lab.lab import lab
from tests.lab.languages import add_languages, families_of
from tests.samples import SAMPLES, change, lay_out

if TYPE_CHECKING:
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.samples import Sample

RESULTS = Path(__file__).with_name("results")
COMMITS = 30
COMMENTS = {".py": "#", ".md": ""}
"""How a line begins that changes nothing else, by the end of a file's name; `//` in all other languages."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One order of a sample's instructions, in a directory of its own."""

    name: str
    sample: Sample
    context: Path
    env: dict[str, str]

    def argv(self) -> tuple[str, ...]:
        """The build as CI calls it: values of arguments come from its environment."""
        stamps = (f"--build-arg={name}" for name in arguments(self.context))
        record = f"--record={self.context}.record.json"
        return (*fastbuild(), "build", "--progress=plain", record, *stamps, str(self.context))

    def commit(self) -> None:
        """A new code change and a new value for every argument."""
        nonce = random.getrandbits(64)
        file = self.context / self.sample.change
        file.write_bytes((self.sample.folder / self.sample.change).read_bytes())
        change(self.sample, self.context)
        with file.open("a") as opened:
            opened.write(f"{COMMENTS.get(file.suffix, '//')} {nonce:016x}\n")
        self.env.update(dict.fromkeys(arguments(self.context), f"{nonce:016x}"))

    def build(self) -> float:
        """Build once, untimed; returns the seconds that it took all the same."""
        start = time.monotonic()
        _run(self.argv(), self.env)
        return time.monotonic() - start

    def ran(self) -> dict[str, float]:
        """Instruction → seconds of what the last build executed."""
        steps = json.loads(Path(f"{self.context}.record.json").read_text())["timing"]["steps"]
        return {step["instruction"]: round(step["execute"], 2) for step in steps if step["status"] == "ran"}

    def contestant(self) -> Contestant:
        """For `interleave`. Its environment is the one that `commit` changes."""
        return Contestant(
            name=self.name, argv=self.argv(), env=self.env, cwd=self.context, before=self.commit
        )


def arguments(context: Path) -> list[str]:
    """The names of all ARGs: in the samples, what CI stamps an image with."""
    return re.findall(r"(?m)^ARG (\w+)", (context / "Dockerfile").read_text())


def _run(argv: tuple[str, ...], env: dict[str, str]) -> None:
    done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-15:])
        raise SystemExit(f"code {done.returncode}: {' '.join(argv)}\n{last}")


def measure(place: Lab, sample: Sample, rounds: int, *, expert: bool) -> dict[str, Any]:
    """Everything about one sample, on an engine of its own with an empty history."""
    add_languages(
        place.registry_server, place.tools, families_of((sample.folder / "Dockerfile.bad").read_text())
    )
    found: dict[str, Any] = {"ecosystem": sample.ecosystem, "load": _load()}
    with (
        place.runner(FASTBUILD_ENGINE="private") as runner,
        tempfile.TemporaryDirectory(prefix="fbp-") as name,
    ):
        found_as = _variant(sample, AS_FOUND, Path(name), runner)
        found["arguments"] = arguments(found_as.context)
        say(f"{sample.name}: the first build")
        found["first_build"] = round(found_as.build(), 2)  # its record gives the seconds of the steps
        say(f"{sample.name}: the proof")
        reordered = _variant(sample, REORDERED, Path(name), runner)
        found["reorder"] = reorder(reordered)
        variants = [found_as]
        if (reordered.context / "Dockerfile").read_bytes() != (found_as.context / "Dockerfile").read_bytes():
            variants.append(reordered)
        if expert:
            variants.append(_variant(sample, EXPERT, Path(name), runner))
        for each in variants[1:]:
            each.build()
        say(f"{sample.name}: {rounds} rounds of {', '.join(each.name for each in variants)}")
        random.shuffle(variants)
        found["samples"] = interleave([each.contestant() for each in variants], rounds, warm_ups=0)
        found["ran"] = {each.name: each.ran() for each in variants}
    found["machine"] = machine()
    return found


def _variant(sample: Sample, name: str, folder: Path, runner: Runner) -> Variant:
    context = folder / name.replace(" ", "-")
    lay_out(sample, "good" if name == EXPERT else "bad", context, commits=COMMITS)
    # With a docker engine the image would be loaded into it; here all output is thrown away.
    env = {**compiled(runner.env), "DOCKER_HOST": "unix:///nonexistent.sock"}
    return Variant(name=name, sample=sample, context=context, env=env)


def reorder(variant: Variant) -> dict[str, Any]:
    """Reorder with a proof, as a user does; returns the report and the exit code."""
    report = Path(f"{variant.context}.report.json")
    ours = ("reorder", "--prove", "--write", "--progress=plain", "--format=json", f"--report={report}")
    start, before = time.monotonic(), _load()
    done = subprocess.run(
        (*fastbuild(), *ours, str(variant.context)),
        env=variant.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    told = json.loads(report.read_text()) if report.exists() else {}
    kept = ("changes", "seconds_per_commit", "basis", "doubts", "stages", "proof", "diff", "dockerfile")
    return {
        "exit_code": done.returncode,
        "error": done.stderr.splitlines()[-1] if done.returncode else "",
        "seconds": round(time.monotonic() - start, 2),
        "load": before,
        **{name: told.get(name) for name in kept},
    }


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]


def say(text: str) -> None:
    print(f"reorder: {text}", file=sys.stderr, flush=True)


def kept(folder: Path) -> dict[str, Any]:
    """The results so far."""
    file = folder / "reorder.json"
    empty: dict[str, Any] = {"version": 1, "samples": {}}
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else empty
    return found | {"versions": {"BuildKit": VERSION}, "commits": COMMITS}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="SAMPLE", help="only these, measured anew [all that miss]"
    )
    parser.add_argument("--rounds", type=int, default=3, help="code changes per sample [3]")
    parser.add_argument("--expert", action="store_true", help="time the order of an expert, too")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write [benchmarks/results]")
    options = parser.parse_args()
    known = {sample.name: sample for sample in SAMPLES}
    if unknown := set(options.names) - set(known):
        parser.error(f"no such sample: {', '.join(sorted(unknown))}")
    measured = kept(options.results)["samples"]
    with lab() as place:
        for name in options.names or [name for name in known if name not in measured]:
            taken = measure(place, known[name], options.rounds, expert=options.expert)
            result = kept(options.results)  # read again: another process may have measured another sample
            result["samples"][name] = taken
            write(result, options.results)
    print((options.results / "reorder.md").read_text())


if __name__ == "__main__":
    main()
