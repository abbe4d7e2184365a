"""The manifests that BuildKit writes, read from where it writes them, and our side file beside them."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastbuild.cache import objects_local, objects_registry, objects_s3
from fastbuild.cache.credentials import Credentials
from fastbuild.cache.objects import CacheReadError, Manifest, Objects, Unreadable, objects_for
from fastbuild.cache.objects_api import SIDE_LIMIT
from fastbuild.cache.objects_oci import digest_of
from fastbuild.request import CacheSpec
from tests.lab.faults import Fault, Respond, Rule, Stall, Trickle, Truncate, on
from tests.lab.proxy import FaultProxy
from tests.live.builds import project

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab

pytestmark = pytest.mark.live

APP = """\
FROM busybox:latest AS tools
RUN echo tool > /tool
FROM busybox:latest
COPY --from=tools /tool /tool
RUN echo made > /made
COPY app.txt /app.txt
RUN cat /app.txt /made > /built.txt
"""
KINDS = ["s3", "registry", "local", "local-index", "local-docker"]
SIDE = json.dumps({"steps": ["ä" * 500] * 100}).encode()


@dataclass(frozen=True)
class Cache:
    """Where one test's cache lies: options for both directions, and those of an export."""

    kind: str
    options: dict[str, str]
    extra: dict[str, str]

    def spec(self, direction: str) -> CacheSpec:
        options = dict(self.options)
        if self.kind == "local":
            options["src" if direction == "import" else "dest"] = options.pop("folder")
        return CacheSpec(
            self.kind, tuple({**options, **(self.extra if direction == "export" else {})}.items())
        )

    def flags(self, *directions: str) -> list[str]:
        return [word for one in directions for word in (f"--{one}-cache", str(self.spec(one)))]

    def objects(self, lab: Lab, direction: str = "import") -> Objects:
        found = objects_for(self.spec(direction), identity(lab), {})
        assert not isinstance(found, Unreadable), found
        return found


def identity(lab: Lab) -> Credentials:
    return Credentials(access_key_id=lab.s3.access_key, secret_access_key=lab.s3.secret_key, source="the lab")


def cache(kind: str, lab: Lab, folder: Path, **options: str) -> Cache:
    max_mode = {"mode": "max"}
    if kind == "s3":
        account = lab.s3_server.account.new_bucket("objects")
        place = {"bucket": account.bucket, "region": account.region, "endpoint_url": account.endpoint}
        named = {"prefix": "ci/", "name": "team/app", "use_path_style": "true"}
        return Cache("s3", {**place, **named, **options}, max_mode)
    if kind == "registry":
        name = folder.name.lower().replace("_", "-").strip("-")
        return Cache("registry", {"ref": f"{lab.registry}/objects/{name}:main", **options}, max_mode)
    forms = {"local-index": {"image-manifest": "false"}, "local-docker": {"oci-mediatypes": "false"}}
    extra = {**max_mode, "reset": "true", **forms.get(kind, {})}
    return Cache("local", {"folder": str(folder / "cache dir"), **options}, extra)


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


def manifest_of(objects: Objects) -> Manifest:
    found = objects.read_manifest()
    assert found is not None
    return found


def sentence(call: Callable[[], object]) -> str:
    with pytest.raises(CacheReadError) as caught:
        call()
    text = caught.value.sentence
    assert "\n" not in text
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_manifest_and_side_file_are_read_and_neither_disturbs_the_other(
    lab: Lab, daemon: Buildkitd, new_daemon: Buildkitd, tmp_path: Path, kind: str
) -> None:
    context, made = project(tmp_path / "app", APP, app_txt="one\n"), cache(kind, lab, tmp_path)
    reader, writer = made.objects(lab), made.objects(lab, "export")
    assert reader.read_manifest() is None
    assert reader.read_side() is None

    daemon.build(context, *made.flags("export"))
    first = manifest_of(reader)
    config = json.loads(first.text)
    assert len(config["records"]) > 5
    for layer in config["layers"]:
        noted = layer.get("annotations")
        size, created = (noted["size"], noted["createdAt"]) if noted else first.sizes[layer["blob"]]
        assert size > 0
        assert created
    assert first.refused == ""
    assert manifest_of(writer).digest == first.digest

    writer.write_side(SIDE, first.digest)
    assert reader.read_side() == SIDE
    assert manifest_of(reader) == first

    (context / "app.txt").write_text("two\n")
    daemon.build(context, *made.flags("export"))
    second = manifest_of(reader)
    assert second.digest != first.digest
    assert reader.read_side() == SIDE
    writer.write_side(b"two", second.digest)
    assert reader.read_side() == b"two"

    told = new_daemon.build(context, *made.flags("import"))
    assert told.count("CACHED") == 5
    new_daemon.build(context, *made.flags("import", "export"))
    assert reader.read_side() == b"two"


@pytest.mark.parametrize("kind", ["s3", "local"])
def test_times_are_those_of_the_storage(lab: Lab, daemon: Buildkitd, tmp_path: Path, kind: str) -> None:
    context, made = project(tmp_path / "app", APP), cache(kind, lab, tmp_path)
    before = (context / "Dockerfile").stat().st_mtime
    daemon.build(context, *made.flags("export"))
    modified = manifest_of(made.objects(lab)).modified
    assert modified is not None
    assert before - 2 <= modified <= before + 600


def test_an_inline_cache_is_read_from_its_image(lab: Lab, daemon: Buildkitd, tmp_path: Path) -> None:
    context = project(tmp_path / "app", APP, app_txt="one\n")
    ref = f"{lab.registry}/objects/inline:1"
    output = f"type=image,name={ref},push=true"
    made = Cache("registry", {"ref": ref}, {})
    daemon.build(context, "--output", output)
    assert made.objects(lab).read_manifest() is None  # an image without a cache
    daemon.build(context, "--output", output, "--export-cache", "type=inline")
    found = manifest_of(made.objects(lab))
    config = json.loads(found.text)
    assert config["records"]
    assert {layer["blob"] for layer in config["layers"]} == set(found.sizes)


def test_the_engine_refuses_what_we_say_it_refuses(
    lab: Lab, daemon: Buildkitd, new_daemon: Buildkitd, tmp_path: Path
) -> None:
    context, made = project(tmp_path / "app", APP, app_txt="one\n"), cache("local", lab, tmp_path)
    daemon.build(context, *made.flags("export"))
    folder = Path(made.options["folder"])
    index = json.loads((folder / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads(blob(folder, entry["digest"]).read_text())
    config = blob(folder, manifest["config"]["digest"]).read_bytes()
    for size, refused in ((2**20, ""), (2**20 + 1, f"{2**20 + 1} bytes")):
        padded = config.ljust(size)
        manifest["config"] |= {"digest": digest_of(padded), "size": len(padded)}
        text = json.dumps(manifest).encode()
        for data in (padded, text):
            blob(folder, digest_of(data)).write_bytes(data)
        entry |= {"digest": digest_of(text), "size": len(text)}
        (folder / "index.json").write_text(json.dumps(index))
        assert refused in manifest_of(made.objects(lab)).refused
        assert bool(manifest_of(made.objects(lab)).refused) is bool(refused)
        new_daemon.buildctl("prune", "--all")
        told = new_daemon.build(context, *made.flags("import"))
        assert ("is too large" in told) is bool(refused)
        assert told.count("CACHED") == (0 if refused else 5)


def blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def test_s3_wrong_keys_and_names_are_a_sentence_without_secrets(lab: Lab, tmp_path: Path) -> None:
    made = cache("s3", lab, tmp_path)
    right = made.objects(lab)
    assert isinstance(right, objects_s3.S3Objects)
    wrong = replace(right, credentials=replace(identity(lab), secret_access_key="hunter2"))
    unknown = replace(right, credentials=replace(identity(lab), access_key_id="NOBODY"))
    for objects in (wrong, unknown):
        for call in (objects.read_manifest, objects.read_side, lambda o=objects: o.write_side(b"x", "d")):
            told = sentence(call)
            assert "AWS_SECRET_ACCESS_KEY" in told
            assert "hunter2" not in told
            assert lab.s3.secret_key not in told
    assert "create the bucket" in sentence(replace(right, bucket="not-there").read_manifest)
    assert "create the bucket" in sentence(lambda: replace(right, bucket="not-there").write_side(b"", "d"))
    assert "ParamValidationError" in sentence(replace(right, bucket="no bucket").read_side)


def test_what_cannot_be_reached_is_a_sentence(lab: Lab) -> None:
    s3 = (("bucket", "b"), ("region", "r"), ("endpoint_url", "http://me:hunter2@127.0.0.1:1"))
    for spec in (
        CacheSpec("s3", s3),
        CacheSpec("registry", (("ref", "127.0.0.1:1/a/b"),)),
        CacheSpec("registry", (("ref", f"{lab.s3.endpoint.removeprefix('http://')}/a/b"),)),
    ):
        objects = objects_for(spec, identity(lab), {})
        assert not isinstance(objects, Unreadable)
        for call in (objects.read_manifest, objects.read_side, lambda o=objects: o.write_side(b"x", "d")):
            told = sentence(call)
            assert "127.0.0.1" in told
            assert "hunter2" not in told


DENIED = Respond(403, b"<Error><Code>AccessDenied</Code><Message>hunter2</Message></Error>")
FAULTS: dict[str, tuple[Fault, str]] = {
    "denied": (DENIED, "allow s3:|docker login"),
    "broken": (Respond(500, b"hunter2"), "500|InternalError"),
    "empty": (Respond(200, b""), ""),
    "elsewhere": (Respond(404), "(404)"),
    "moved": (Respond(302, b""), "302"),
    "cut": (Truncate(0.5), "Incomplete|Protocol"),
    "silent": (Stall(30.0), "ReadTimeout"),
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("kind", ["s3", "registry"])
def test_a_broken_server_is_a_sentence_or_bytes_and_never_more(
    lab: Lab,
    tmp_path: Path,
    kind: str,
    name: str,
) -> None:
    fault, word = FAULTS[name]
    made = cache(kind, lab, tmp_path)
    made.objects(lab, "export").write_side(SIDE, "sha256:x")
    through = {"s3": "endpoint_url", "registry": "ref"}[kind]
    target = lab.s3.endpoint if kind == "s3" else lab.registry
    with FaultProxy(target, rules=[Rule(on("GET"), fault)]) as proxy:
        moved = made.options[through].replace(target.removeprefix("http://"), proxy.address)
        objects = replace(made, options={**made.options, through: moved}).objects(lab)
        if kind == "s3" and not word:
            assert objects.read_side() == b""  # what was stored can't be known; the reader judges it
        elif kind == "registry" and name == "elsewhere":
            assert objects.read_side() is None  # registries' proxies shorten their answers
        else:
            told = sentence(objects.read_side)
            assert "hunter2" not in told
            assert any(part in told for part in word.split("|"))


@pytest.mark.parametrize("kind", ["s3", "registry"])
def test_a_byte_a_second_is_given_up(
    lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    made = cache(kind, lab, tmp_path)
    made.objects(lab, "export").write_side(SIDE, "sha256:x")
    monkeypatch.setattr({"s3": objects_s3, "registry": objects_registry}[kind], "READ_SECONDS", 2.0)
    through = {"s3": "endpoint_url", "registry": "ref"}[kind]
    target = lab.s3.endpoint if kind == "s3" else lab.registry
    with FaultProxy(target, rules=[Rule(on("GET"), Trickle(100.0))]) as proxy:
        moved = made.options[through].replace(target.removeprefix("http://"), proxy.address)
        objects = replace(made, options={**made.options, through: moved}).objects(lab)
        assert "given up after 2 seconds" in sentence(objects.read_side)


def test_s3_objects_beyond_the_limit_are_not_read(lab: Lab, tmp_path: Path) -> None:
    made = cache("s3", lab, tmp_path)
    objects = made.objects(lab)
    assert isinstance(objects, objects_s3.S3Objects)
    (key,) = objects.side_keys
    for size, read in ((SIDE_LIMIT, True), (SIDE_LIMIT + 1, False)):
        lab.s3.client().put_object(Bucket=objects.bucket, Key=key, Body=bytes(size))
        if read:
            assert objects.read_side() == bytes(size)
        else:
            assert f"more than {SIDE_LIMIT} bytes" in sentence(objects.read_side)


def test_s3_several_names_get_a_side_file_each(lab: Lab, daemon: Buildkitd, tmp_path: Path) -> None:
    context, made = project(tmp_path / "app", APP), cache("s3", lab, tmp_path, name="a;b")
    daemon.build(context, *made.flags("export"))
    made.objects(lab).write_side(SIDE, "sha256:x")
    for name in ("a", "b"):
        alone = replace(made, options={**made.options, "name": name}).objects(lab)
        assert json.loads(manifest_of(alone).text)["records"]
        assert alone.read_side() == SIDE


def test_registry_a_foreign_image_under_the_side_tag_is_a_sentence(
    lab: Lab, daemon: Buildkitd, tmp_path: Path
) -> None:
    context, made = project(tmp_path / "app", APP), cache("registry", lab, tmp_path)
    foreign = replace(made, options={"ref": f"{made.options['ref']}.fastbuild"})
    daemon.build(context, *foreign.flags("export"))
    assert "not a side file of fastbuild" in sentence(made.objects(lab).read_side)


def test_registry_damaged_blobs_are_a_sentence(lab: Lab, daemon: Buildkitd, tmp_path: Path) -> None:
    context, made = project(tmp_path / "app", APP), cache("registry", lab, tmp_path)
    daemon.build(context, *made.flags("export"))
    unique = json.dumps(str(tmp_path)).encode()
    made.objects(lab).write_side(unique, "sha256:x")
    for data, call in (
        (manifest_of(made.objects(lab)).text, made.objects(lab).read_manifest),
        (unique, made.objects(lab).read_side),
    ):
        digest = digest_of(data).removeprefix("sha256:")
        (stored,) = lab.registry_server.storage.glob(f"**/{digest}/data")
        stored.write_bytes(data[:-1] + b"!")
        assert "damaged" in sentence(call)
        stored.write_bytes(data[: len(data) // 2])
        assert sentence(call)
        stored.write_bytes(data)
        assert call() is not None


def test_local_hostile_directories_are_a_sentence(
    lab: Lab, daemon: Buildkitd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, made = project(tmp_path / "app", APP), cache("local", lab, tmp_path)
    daemon.build(context, *made.flags("export"))
    folder, objects = Path(made.options["folder"]), made.objects(lab)
    assert isinstance(objects, objects_local.LocalObjects)
    index = folder / "index.json"
    good = index.read_text()
    digest = json.loads(good)["manifests"][0]["digest"]
    for text in ("", "[]", good[:-9], good.replace(digest, "sha256:../../../../etc/passwd")):
        index.write_text(text)
        assert sentence(objects.read_manifest)
    for text in (
        "{}",
        '{"manifests":7}',
        '{"manifests":[1,{"annotations":[]}]}',
        good.replace("latest", "x"),
    ):
        index.write_text(text)
        assert objects.read_manifest() is None
    index.unlink()
    os.mkfifo(index)
    assert "not a file" in sentence(objects.read_manifest)
    index.unlink()
    index.write_text(good)
    stored = blob(folder, digest)
    stored.write_bytes(stored.read_bytes()[:-1])
    assert "damaged" in sentence(objects.read_manifest)
    stored.unlink()
    assert "incomplete" in sentence(objects.read_manifest)
    shutil.rmtree(folder)
    assert objects.read_manifest() is None
    assert "can't be written" in sentence(lambda: objects.write_side(b"x", "d"))


def test_local_a_link_in_the_side_file_s_place_is_not_followed(lab: Lab, tmp_path: Path) -> None:
    objects = cache("local", lab, tmp_path).objects(lab)
    assert isinstance(objects, objects_local.LocalObjects)
    objects.folder.mkdir()
    precious = tmp_path / "precious"
    precious.write_text("mine")
    objects.side_path.symlink_to(precious)
    assert "can't be read" in sentence(objects.read_side)
    objects.write_side(b"side", "sha256:x")
    assert precious.read_text() == "mine"
    assert objects.read_side() == b"side"


def test_local_tags_and_digests_name_a_cache(lab: Lab, daemon: Buildkitd, tmp_path: Path) -> None:
    context = project(tmp_path / "app", APP, app_txt="one\n")
    one, two = (cache("local", lab, tmp_path, tag=tag) for tag in ("one", "two"))
    for made in (one, two):
        plain = replace(made, extra={"mode": "max"})
        daemon.build(context, *plain.flags("export"))
        (context / "app.txt").write_text("two\n")
    first, second = (manifest_of(made.objects(lab)) for made in (one, two))
    assert first.digest != second.digest
    one.objects(lab).write_side(b"1", first.digest)
    assert two.objects(lab).read_side() is None
    pinned = objects_for(
        CacheSpec("local", (("src", one.options["folder"]), ("digest", first.digest))), None, {}
    )
    assert not isinstance(pinned, Unreadable)
    assert manifest_of(pinned).text == first.text
