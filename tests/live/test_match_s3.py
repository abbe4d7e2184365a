"""Verdicts and downloads with caches in S3: a fresh engine, half a result, two caches at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.keys.manifest import read_manifest
from fastbuild.keys.match import Verdict
from fastbuild.keys.store import read_store
from tests.live.predicted import build, disagreements, predict
from tests.live.test_match import FORK, MUTATIONS, PLAIN, STAGES, context_of

if TYPE_CHECKING:
    from pathlib import Path

    from fastbuild.keys.records import Records
    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.live.predicted import Predicted

pytestmark = pytest.mark.live


def where(lab: Lab, name: str) -> str:
    return (
        f"type=s3,bucket={lab.s3.bucket},region={lab.s3.region},name={name},prefix=match/,"
        f"endpoint_url={lab.s3.endpoint},use_path_style=true"
    )


def exporting(lab: Lab, name: str, mode: str = "max") -> tuple[str, str]:
    return "--export-cache", f"{where(lab, name)},mode={mode}"


def importing(lab: Lab, name: str) -> tuple[str, str]:
    return "--import-cache", where(lab, name)


def cached(lab: Lab, name: str) -> Records:
    answer = lab.s3.client().get_object(Bucket=lab.s3.bucket, Key=f"match/manifests/{name}")
    return read_manifest(answer["Body"].read(), name)


def downloads(predicted: Predicted) -> set[str]:
    """The blobs of all hits that a later step works on; a hit that nothing works on stays where it is."""
    return {
        blob
        for digest, step in predicted.verdicts.items()
        if step.verdict is Verdict.HIT and step.needed and digest != predicted.graph.final
        for blob, _ in step.fetch
    }


def bases(*caches: Records) -> set[str]:
    """The lowest layers, which FROM may fetch as well."""
    results = [result for cache in caches for id in cache.held if (result := cache.result(id))]
    return {result.layers[0][0] for result in results if result.layers}


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("text", [PLAIN, STAGES, FORK], ids=["plain", "stages", "fork"])
def test_a_fresh_engine_fetches_what_was_predicted(
    lab: Lab, new_daemon: Buildkitd, tmp_path: Path, text: str, mode: str
) -> None:
    name = f"{mode}-{len(text)}"
    build(new_daemon, context_of(tmp_path / "first", text), *exporting(lab, name, mode))
    wrong = []
    for mutation in ("nothing", "file", "file below", "same output", "other output", "last step"):
        context = context_of(tmp_path / "next", text)
        options = MUTATIONS[mutation](context)
        cache = cached(lab, name)
        with lab.buildkitd() as fresh:
            predicted = predict(fresh, context, [cache], *options)
            done = build(fresh, context, *options, *importing(lab, name))
        wrong += [f"{mutation}: {one}" for one in disagreements(predicted, done)]
        verdicts = {step.verdict for step in predicted.verdicts.values()}
        if Verdict.MAYBE not in verdicts and downloads(predicted) - bases(cache) != done.fetched - bases(
            cache
        ):
            wrong.append(f"{mutation}: {downloads(predicted)} predicted, {done.fetched} fetched")
    assert wrong == []


def test_a_hit_that_was_never_fetched_is_none_without_its_cache(
    lab: Lab, new_daemon: Buildkitd, tmp_path: Path
) -> None:
    context = context_of(tmp_path / "context", PLAIN)
    build(new_daemon, context, *exporting(lab, "lazy"))
    with lab.buildkitd() as fresh:
        build(fresh, context, *importing(lab, "lazy"))
        store = fresh.root / "cache.db"
        alone = predict(fresh, context, [read_store(store)])
        both = predict(fresh, context, [read_store(store), cached(lab, "lazy")])
        assert alone.by_name()["[6/6] RUN cat /a /src/b > /end"].verdict is Verdict.MISS
        assert both.by_name()["[6/6] RUN cat /a /src/b > /end"].caches == ("lazy",)
        assert disagreements(both, build(fresh, context, *importing(lab, "lazy"))) == []
        assert disagreements(predict(fresh, context, [read_store(store)]), build(fresh, context)) == []


def test_a_newer_import_is_fetched_although_the_own_store_has_the_step(
    lab: Lab, new_daemon: Buildkitd, tmp_path: Path
) -> None:
    context = context_of(tmp_path / "context", PLAIN)
    build(new_daemon, context)
    with lab.buildkitd() as later:
        build(later, context, *exporting(lab, "newer"))
    options = MUTATIONS["last step"](context)
    caches = [read_store(new_daemon.root / "cache.db"), cached(lab, "newer")]
    predicted = predict(new_daemon, context, caches, *options)
    assert predicted.by_name()["[5/6] WORKDIR /w"].caches == ("local", "newer")
    done = build(new_daemon, context, *options, *importing(lab, "newer"))
    assert disagreements(predicted, done) == []
    assert downloads(predicted) == done.fetched
    assert downloads(predicted)


def test_steps_of_two_caches_are_found_in_either(lab: Lab, new_daemon: Buildkitd, tmp_path: Path) -> None:
    context = context_of(tmp_path / "context", STAGES)
    build(new_daemon, context, *exporting(lab, "one"))
    MUTATIONS["last step"](context)
    MUTATIONS["file below"](context)
    with lab.buildkitd() as second:
        build(second, context, *exporting(lab, "two"))
    for mutation in ("nothing", "file below", "last step"):
        context = context_of(tmp_path / "next", STAGES)
        MUTATIONS[mutation](context)
        with lab.buildkitd() as fresh:
            predicted = predict(fresh, context, [cached(lab, "one"), cached(lab, "two")])
            done = build(fresh, context, *importing(lab, "one"), *importing(lab, "two"))
        assert disagreements(predicted, done, imports=2) == [], mutation
