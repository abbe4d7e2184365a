"""Damaged and hostile caches: predictions of them are what the engine makes of them, and nothing breaks."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import random
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.paths import Paths
from fastbuild.pipeline.score import score
from fastbuild.request import CacheSpec
from tests.live.predictions.engines import Seat, engine
from tests.live.predictions.families import FAMILIES
from tests.live.predictions.project import lay_out, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.lab import Lab

pytestmark = [pytest.mark.live, pytest.mark.timeout(0)]

SEED = int(os.environ.get("FASTBUILD_PREDICTIONS_SEED") or random.randrange(10_000))
CASES = int(os.environ.get("FASTBUILD_HOSTILE_CASES") or 12)
VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 10**18, 10**30, -(10**30), 1.5, 1e308, "", "x", "sha256:" + "0" * 64),
    *("sha256:../../../etc/passwd", "random:x", "\ud83d\u0000"),
    *([], {}, [[]], [{}], {"link": 0}, [[{"link": 2}]]),
)
"""What a field is replaced by."""


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to everything in a JSON document."""
    if isinstance(value, dict):
        inner: Any = value.items()
    else:
        inner = enumerate(value) if isinstance(value, list) else ()
    return [path, *(p for key, child in inner for p in places(child, (*path, key)))]


def damaged(dice: random.Random, config: Any) -> bytes:
    """The cache's records with values replaced, dropped, doubled or linked in circles; or not even JSON."""
    for _ in range(dice.choice((1, 1, 2, 5))):
        path = dice.choice(places(config)[1:])
        holder: Any = config
        for key in path[:-1]:
            holder = holder[key]
        match dice.randrange(4):
            case 0 if isinstance(holder, dict):
                del holder[path[-1]]
            case 1 if isinstance(holder, list):
                holder.append(holder[path[-1]])
            case _:
                holder[path[-1]] = dice.choice(VALUES)
    text = json.dumps(config).encode()
    return text[: dice.randrange(len(text))] if dice.random() < 0.1 else text


def rewrite(cache: Path, change: Callable[[Any], bytes]) -> None:
    """Replace the records of a `type=local` cache, with digests that are right."""

    def blob(digest: str) -> Path:
        return cache / "blobs" / digest.replace(":", "/")

    def store(text: bytes) -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(text).hexdigest()
        blob(digest).write_bytes(text)
        return {"digest": digest, "size": len(text)}

    index = json.loads((cache / "index.json").read_text())
    manifest = json.loads(blob(index["manifests"][0]["digest"]).read_text())
    config = json.loads(blob(manifest["config"]["digest"]).read_text())
    manifest["config"] |= store(change(config))
    index["manifests"][0] |= store(json.dumps(manifest).encode())
    (cache / "index.json").write_text(json.dumps(index))


def test_records_that_were_tampered_with_are_foreseen_as_the_engine_takes_them(
    lab: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n FASTBUILD_PREDICTIONS_SEED={SEED}")
    dice, compared, wrong = random.Random(SEED), 0, []
    paths = Paths.from_environ({"FASTBUILD_HOME": str(tmp_path / "home")}, os.getuid()).ensure()
    seat = Seat(paths=paths, buildctl=str(lab.tools.buildctl), workdir=tmp_path)
    cache = tmp_path / "cache"
    with world(lab, tmp_path / "world") as it:
        it.point("project", "latest")
        request = lay_out(tmp_path / "project", FAMILIES["stages"], it).request
        exporting = replace(request, cache_to=(CacheSpec.parse(f"type=local,dest={cache}-whole,mode=max"),))
        with engine(lab) as first:
            assert seat.build(first, exporting, "whole", fresh=True).error == ""
        imported = CacheSpec.parse(f"type=local,src={cache}")
        for number in range(CASES):
            shutil.rmtree(cache, ignore_errors=True)
            shutil.copytree(f"{cache}-whole", cache)
            rewrite(cache, functools.partial(damaged, dice))
            with engine(lab) as fresh:
                told = seat.predict(fresh, request, (imported,), fresh.root)
                importing = replace(request, cache_from=(imported,))
                built = seat.build(fresh, importing, f"damaged-{number}", fresh=True)
            if not built.error:  # a layer that is not there stops BuildKit itself
                compared += 1
                wrong += [f"case {number}: {one}" for one in score(told.steps, built).wrong]
    assert wrong == [], f"seed {SEED}"
    assert compared > CASES / 2
