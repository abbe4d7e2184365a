"""Record graphs and the keys that a daemon computes for them: `python -m tests.live.record_graphs`.

Writes tests/keys/recordings, which the unit tests of `fastbuild.keys` read.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from fastbuild.keys.graph import read_graph
from fastbuild.keys.ops import op_key
from tests.lab.lab import lab
from tests.live.debug_daemon import DebugDaemon, convert, debug_daemon
from tests.live.started import wait_until

RECORDINGS = Path(__file__).parents[1] / "keys/recordings"
BASE = "FROM scratch AS base\nCOPY --from=busybox / /\n"
"""Without the environment of an image: the lab's hold settings of the machine that made them."""
DOCKERFILES = {
    "runs": BASE
    + """\
FROM base
ENV A="x & <y> \u2028 \u00fc" B=
ARG GIVEN=1
RUN echo "$A" > /one
RUN --mount=type=cache,target=/c --mount=type=cache,target=/d,id=mine,sharing=locked echo caches
RUN --mount=type=secret,id=token --mount=type=ssh --mount=type=tmpfs,target=/t,size=1m echo others
RUN --mount=from=base,source=/bin,target=/b --mount=source=src,target=/s --mount=from=base,target=/r,rw ls /b
RUN --network=none <<EOF
echo one
echo two
EOF
USER 1:2
WORKDIR /work
RUN pwd
""",
    "files": BASE
    + """\
FROM base
COPY a.txt src/ /two/
COPY --chown=1:2 --chmod=640 --parents --exclude=*.py src/./deep *.txt /p/
COPY --chown=root:root a.txt /owned
COPY --from=base /bin /etc/passwd /from/
ADD --link a.txt /linked
COPY <<EOF /made
text <b> & "c"
EOF
WORKDIR /a/b
""",
}


def main() -> None:
    """Build each Dockerfile once and keep its graph with the keys' plain texts, by the step's name."""
    RECORDINGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, lab() as it, debug_daemon(it) as daemon:
        context = Path(folder)
        (context / "src/deep").mkdir(parents=True)
        for name in ("a.txt", "src/b.py", "src/deep/c.txt"):
            (context / name).write_text(f"{name}\n")
        for name, dockerfile in DOCKERFILES.items():
            (context / "Dockerfile").write_text(dockerfile)
            record(daemon, context, name)


def record(daemon: DebugDaemon, context: Path, name: str) -> None:
    """One recording. The texts are the daemon's: what we compute only says which of them belong here."""
    asked = convert(daemon, context)
    daemon.build(context)
    graph = read_graph(asked.out)
    keys = {op.name: key for op in graph.ops if (key := op_key(op, ("linux", "amd64", "")))}
    wait_until(lambda: {key.digest for key in keys.values()} <= daemon.plaintexts().keys(), 60)
    hashed = daemon.plaintexts()
    texts = {step: hashed[key.digest].decode() for step, key in keys.items()}
    document = {"answer": asked.out, "plaintexts": texts}
    (RECORDINGS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
