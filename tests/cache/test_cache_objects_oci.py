from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from fastbuild.cache.objects_api import CacheReadError
from fastbuild.cache.objects_oci import (
    CACHE_CONFIG,
    IMPORT_LIMIT,
    digest_of,
    parse_time,
    read_cache_image,
)

CONFIG = b'{"layers":[{"blob":"sha256:x","parent":-1}],"records":[]}'
LAYER = {
    "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
    "digest": f"sha256:{'b' * 64}",
    "size": 123,
    "annotations": {"buildkit/createdat": "2026-01-02T03:04:05.123456789Z"},
}
CREATED = 1767323045.123456


def of(data: bytes, kind: str = CACHE_CONFIG) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest_of(data), "size": len(data)}


def image(**changes: Any) -> bytes:
    fields = {"schemaVersion": 2, "config": of(CONFIG), "layers": [LAYER]} | changes
    return json.dumps(fields).encode()


def read(text: bytes, *blobs: bytes) -> Any:
    held = {digest_of(blob): blob for blob in (CONFIG, *blobs)}
    return read_cache_image(text, lambda digest, _limit: held.get(digest, b"something else"))


def test_an_image_s_config_is_the_cache_and_its_layers_have_the_sizes() -> None:
    text = image()
    found = read(text)
    assert found.text == CONFIG
    assert found.digest == digest_of(text)
    assert found.sizes == {LAYER["digest"]: (123, CREATED)}
    assert found.refused == ""


@pytest.mark.parametrize("kind", ["index.v1+json", "distribution.manifest.list.v2+json"])
def test_an_index_names_the_cache_among_its_blobs(kind: str) -> None:
    text = json.dumps({"mediaType": kind, "manifests": [LAYER, of(CONFIG)]}).encode()
    found = read(text)
    assert found.text == CONFIG
    assert found.sizes == {LAYER["digest"]: (123, CREATED)}


def inline(records: bytes = b'[{"digest":"sha256:r"}]', layers: int = 1) -> bytes:
    history = [
        {"created": "2020-01-01T00:00:00Z", "empty_layer": True},
        {"created": "2026-01-02T03:04:05.123456789Z"},
    ]
    return json.dumps(
        {
            "rootfs": {"diff_ids": ["sha256:d"] * layers},
            "history": history,
            "moby.buildkit.cache.v0": base64.b64encode(records).decode(),
        }
    ).encode()


def test_an_inline_cache_gets_the_form_of_the_others() -> None:
    config = inline()
    found = read(image(config=of(config, "application/vnd.oci.image.config.v1+json")), config)
    assert json.loads(found.text) == {
        "layers": [{"blob": LAYER["digest"], "parent": -1}],
        "records": [{"digest": "sha256:r"}],
    }
    assert found.sizes == {LAYER["digest"]: (123, CREATED)}


@pytest.mark.parametrize("config", [b"{}", inline(layers=2)])
def test_an_image_without_a_cache_is_none(config: bytes) -> None:
    assert read(image(config=of(config, "application/vnd.oci.image.config.v1+json")), config) is None


def test_what_buildkit_refuses_to_import_is_read_and_said() -> None:
    config = b"{" + b" " * IMPORT_LIMIT + b"}"
    found = read(image(config=of(config)), config)
    assert found.text == config
    assert "1 MiB" in found.refused


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"{}",
        image()[:-20],
        image(config=None),
        image(config={"digest": "sha256:../../etc/passwd", "size": 1}),
        image(config=of(CONFIG) | {"size": -1}),
        image(config=of(CONFIG) | {"size": 10**30}),
        image(config=of(CONFIG) | {"size": True}),
        image(config=of(CONFIG) | {"size": 1.5}),
        image(config=of(CONFIG) | {"digest": f"sha256:{'c' * 64}"}),
        image(layers=[1]),
        image(layers=[LAYER | {"digest": 7}]),
        b'{"manifests":[]}',
        b'{"config":{"size":' + b"9" * 10_000 + b"}}",
        image(config=of(inline(b"{}"), "other")),
        image(config=of(inline(b"[" * 100_000), "other")),
    ],
)
def test_what_is_no_cache_is_one_sentence(text: bytes) -> None:
    with pytest.raises(CacheReadError) as caught:
        read(text, inline(b"{}"), inline(b"[" * 100_000))
    assert "\n" not in caught.value.sentence


def damaged(data: bytes, chance: random.Random) -> bytes:
    text = bytearray(data)
    for _ in range(chance.randrange(4)):
        text[chance.randrange(len(text))] = chance.choice(b'{}[]",:0e-\x00\xffn')
    return bytes(text[: chance.randrange(len(text)) if chance.random() < 0.1 else None])


def test_damaged_manifests_raise_nothing_else() -> None:
    chance = random.Random(5)
    refused = 0
    for _ in range(3000):
        config = damaged(inline(), chance)
        text = damaged(image(config=of(config, "other")), chance)
        try:
            read(text, config)
        except CacheReadError:
            refused += 1
    assert 0 < refused < 3000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-02T03:04:05Z", 1767323045.0),
        ("2026-01-02T04:04:05+01:00", 1767323045.0),
        ("2026-01-02T03:04:05.123456789Z", CREATED),
        ("0001-01-01T00:00:00Z", None),
        ("2026-01-02T03:04:05", None),
        ("9999-12-31T23:59:59-23:59", 253402387139.0),
        ("yesterday", None),
        (None, None),
        (5, None),
    ],
)
def test_times_are_those_of_go(text: object, seconds: float | None) -> None:
    assert parse_time(text) == seconds
