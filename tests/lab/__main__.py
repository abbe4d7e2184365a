"""``python -m tests.lab up|tools|docker|check``."""

from __future__ import annotations

import argparse
import contextlib
import shlex
import signal
import sys

from tests.lab.lab import lab
from tests.lab.packages import ensure_docker
from tests.lab.places import LabError, lab_dir
from tests.lab.runner import can_run_containers
from tests.lab.tools import ensure_tools


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    jobs = {
        "up": (up, "start S3 and the registry, print export lines, stay until Ctrl-C"),
        "tools": (tools, "only install and build the programs"),
        "docker": (docker, "install Debian's docker engine, for tests of the plain engine"),
        "check": (check, "say whether containers can run here"),
    }
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, (job, text) in jobs.items():
        commands.add_parser(name, help=text).set_defaults(job=job)
    try:
        return int(parser.parse_args().job())
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def up() -> int:
    # TERM is turned into the same orderly end as Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    with contextlib.suppress(KeyboardInterrupt), lab() as running:
        env = {"FASTBUILD_CACHE": f"s3://{running.s3.bucket}/lab", **running.env()}
        for name, value in env.items():
            print(f"export {name}={shlex.quote(value)}")
        print("lab: ready; Ctrl-C ends it", file=sys.stderr)
        sys.stdout.flush()
        signal.pause()
    return 0


def tools() -> int:
    found = ensure_tools()
    print(f"export FASTBUILD_LAB={shlex.quote(str(lab_dir()))}")
    print(f"export PATH={shlex.quote(found.path())}")
    return 0


def docker() -> int:
    print(ensure_docker())
    return 0


def check() -> int:
    possible, why = can_run_containers()
    print("containers can run here" if possible else f"containers cannot run here: {why}")
    return 0 if possible else 1


if __name__ == "__main__":
    sys.exit(main())
