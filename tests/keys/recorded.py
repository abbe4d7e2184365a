"""One recorded build: its graph, and the caches that it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.keys.graph import Graph, read_graph
from fastbuild.keys.manifest import read_manifest
from fastbuild.keys.ops import op_key

if TYPE_CHECKING:
    from fastbuild.keys.ops import OpKey
    from fastbuild.keys.records import Records

FOLDER = Path(__file__).parent / "recordings/stages"
STORE = FOLDER / "store/cache.db"
LAST, COPIED, SOURCE_COPY, STAGE = (
    "[stage-1 5/5] RUN cat /out > /end",
    "[stage-1 3/5] COPY --from=build /out /out",
    "[stage-1 4/5] COPY src /src",
    "[build 4/4] RUN cat /x > /out && date +%N >> /never-copied",
)


def graph() -> Graph:
    return read_graph((FOLDER / "graph.txt").read_text())


def keys(of: Graph) -> dict[str, OpKey | None]:
    return {op.digest: op_key(op, ("linux", "amd64", "")) for op in of.ops}


def contents() -> dict[tuple[str, int], str]:
    listed = json.loads((FOLDER / "contents.json").read_text())
    return {(digest, place): content for digest, place, content in listed}


def s3(label: str = "s3") -> Records:
    return read_manifest((FOLDER / "s3.json").read_bytes(), label)


def local(label: str = "dir") -> Records:
    recorded = json.loads((FOLDER / "local.json").read_text())
    sizes = {layer["digest"]: (layer["size"], None) for layer in recorded["manifest"]["layers"]}
    return read_manifest(json.dumps(recorded["config"]).encode(), label, sizes)
