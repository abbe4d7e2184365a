"""The engine's own store, read beside the running engine, holds what the engine says it holds."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import urllib.request
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from fastbuild.keys.bbolt import read_bolt
from fastbuild.keys.manifest import read_manifest
from fastbuild.keys.match import Verdict
from fastbuild.keys.store import read_store
from tests.live.debug_daemon import DebugDaemon, debug_daemon
from tests.live.predicted import build, disagreements, predict
from tests.live.test_match import LINKED, MOUNTED, STAGES, context_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastbuild.keys.records import Records
    from tests.lab.lab import Lab

pytestmark = pytest.mark.live


@pytest.fixture
def engine(lab: Lab) -> Iterator[DebugDaemon]:
    with debug_daemon(lab) as daemon:
        daemon.buildctl("debug", "workers")
        yield daemon


def shapes(roots: dict[Any, str], links: list[tuple[Any, int, str, str, Any]]) -> Counter[str]:
    """Each record's name made of all that leads to it; ids differ between engine and reader."""
    above: dict[Any, list[tuple[int, str, str, Any]]] = {root: [] for root in roots}
    for parent, place, key, selector, child in links:
        above.setdefault(child, []).append((place, key, selector, parent))
    names: dict[Any, str] = {}

    def name(record: Any) -> str:
        if record not in names:
            lines = sorted(
                f"{place} {key} {selector} {name(parent)}" for place, key, selector, parent in above[record]
            )
            text = "\n".join([roots.get(record, ""), *lines])
            names[record] = hashlib.sha256(text.encode()).hexdigest()
        return names[record]

    return Counter(name(record) for record in above)


def loaded(engine: DebugDaemon, manifest: bytes) -> list[dict[str, Any]]:
    """A manifest's records as the engine reads them."""
    address = f"http://127.0.0.1:{engine._port}/debug/cache/load"
    asked = urllib.request.Request(address, manifest, {"Accept": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(asked, timeout=60) as answer:
        return list(json.load(answer))


def of_engine(store: list[dict[str, Any]]) -> Counter[str]:
    roots = {r["id"]: f"{r.get('random', False)} {r['digest']}" for r in store if r.get("digest")}
    links = [
        (link["target"], link["input"], link["digest"], link.get("selector", ""), record["id"])
        for record in store
        for link in record.get("parents") or ()
    ]
    return shapes(roots, links)


def of_reader(records: Records) -> Counter[str]:
    roots = {root: f"{root.startswith('random:')} sha256:{root.partition(':')[2]}" for root in records.roots}
    links = [(*edge, child) for edge, children in records.edges.items() for child in children]
    return shapes(roots, links)


# Not with two COPYs of equal content and target, as in a stage that copies from another what that copied from
# the context: their records lead to themselves then, and the engine's debug address fails at it.
def numbered(folder: Path, number: int) -> Path:
    context = context_of(folder, (STAGES, LINKED, MOUNTED)[number % 3])
    (context / "a").write_text(f"{number // 3}\n")
    (context / "src/b").write_text(f"{number // 2}\n")
    return context


def test_every_record_and_link_is_read_after_1_10_and_50_builds_and_after_a_prune(
    engine: DebugDaemon, tmp_path: Path
) -> None:
    path = engine.root / "cache.db"
    for number in range(50):
        build(engine, numbered(tmp_path / "context", number))
        if number + 1 in (1, 10, 50):
            assert of_reader(read_store(path)) == of_engine(engine.store())
    engine.buildctl("prune", "--filter", "type==source.local")
    assert of_reader(read_store(path)) == of_engine(engine.store())
    engine.buildctl("prune")
    after = read_store(path)
    assert of_reader(after) == of_engine(engine.store())
    assert not after.held


def test_a_build_is_in_the_store_when_it_ends(engine: DebugDaemon, tmp_path: Path) -> None:
    path = engine.root / "cache.db"
    for number in range(5):
        build(engine, numbered(tmp_path / "context", number * 3))
        at_once = read_store(path)
        time.sleep(2)
        later = read_store(path)
        assert (later.roots, later.edges, later.held) == (at_once.roots, at_once.edges, at_once.held)


def test_after_a_prune_the_results_are_those_that_the_engine_keeps(
    engine: DebugDaemon, tmp_path: Path
) -> None:
    """On a prune the engine forgets the results that it doesn't find any more."""
    for number in range(6):
        build(engine, numbered(tmp_path / "context", number))
    left = []
    for pattern in ("COPY src", "from exec .*cat /x", "COPY"):
        engine.buildctl("prune", "--filter", f'description~="{pattern}"')
        results = read_bolt(engine.root / "cache.db").bucket(b"_result")
        assert results is not None
        kept = {name.decode() for name, bucket in results.buckets() if any(bucket.items())}
        kept = {name for name in kept if not name.startswith("random:")}
        assert {
            id for id in read_store(engine.root / "cache.db").held if not id.startswith("random:")
        } == kept
        left.append(len(kept))
    assert left[0] > left[1] > left[2] > 0


def test_steps_whose_snapshots_were_pruned_are_misses(engine: DebugDaemon, tmp_path: Path) -> None:
    context = numbered(tmp_path / "context", 0)
    build(engine, context)
    engine.buildctl("prune", "--filter", 'description~="cat /out"')
    predicted = predict(engine, context, [read_store(engine.root / "cache.db")])
    verdicts = {name: step.verdict for name, step in predicted.by_name().items()}
    assert verdicts["[stage-1 5/5] RUN cat /out > /end"] is Verdict.MISS
    assert verdicts["[stage-1 4/5] COPY src /src"] is Verdict.HIT
    assert disagreements(predicted, build(engine, context)) == []


def test_reading_while_the_engine_builds_neither_fails_nor_disturbs(
    engine: DebugDaemon, tmp_path: Path
) -> None:
    path = engine.root / "cache.db"
    build(engine, numbered(tmp_path / "context", 0))
    failures: list[str] = []
    readings = 0
    ended = threading.Event()

    def read() -> None:
        nonlocal readings
        while not ended.is_set():
            try:
                records = read_store(path)
            except ValueError as error:
                failures.append(str(error))
                continue
            known = records.roots | {child for children in records.edges.values() for child in children}
            failures.extend(f"{edge} leads nowhere" for edge in records.edges if edge[0] not in known)
            readings += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 15):
            build(engine, numbered(tmp_path / "context", number))
    finally:
        ended.set()
        reader.join()
    assert failures == []
    assert readings > 20


def test_a_manifest_has_the_records_and_links_that_the_engine_reads_from_it(engine: DebugDaemon) -> None:
    """Manifests that BuildKit doesn't write itself, whose records it joins in reading.

    Which of several records the others are joined into is left to the order of a Go map: one of its readings.
    """
    digests = [f"sha256:{letter * 64}" for letter in "0123456789"]
    roots = [{"digest": digest} for digest in digests[:4]]
    for links in ([[0], [0, 1], [2]], [[1], [2], [0, 1, 2]], [[0], [0], [3, 0]], [[3, 2], [2, 1], [1, 0]]):
        records = [*roots, {"digest": digests[0]}]
        records += [{"digest": digests[5], "inputs": [[{"link": n} for n in ns]]} for ns in links]
        records += [{"digest": digests[6], "inputs": [[{"link": 5}], [{"link": 3, "selector": "s"}]]}]
        records += [{"digest": digests[6], "inputs": [[{"link": 6}], [{"link": 3, "selector": "s"}]]}]
        records += [{"digest": digests[7], "inputs": [[{"link": 8}, {"link": 9}]]}]
        text = json.dumps({"records": records}).encode()
        ours = of_reader(read_manifest(text, "a"))
        assert any(ours == of_engine(loaded(engine, text)) for _ in range(30)), links


def test_the_reader_finds_every_bucket_of_a_large_store(engine: DebugDaemon, tmp_path: Path) -> None:
    """Big enough for trees of several levels: branch pages, and buckets that aren't inline."""
    for number in range(12):
        build(engine, numbered(tmp_path / "context", number))
    root = read_bolt(engine.root / "cache.db")
    links = root.bucket(b"_links")
    assert links is not None
    names = [name for name, _ in links.buckets()]
    assert names == sorted(names)
    assert len(names) > 60
