from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import boto3  # noqa: F401 - imported while sockets are still classes: its import subclasses one
import pytest

from fastbuild.cache.credentials import Credentials
from fastbuild.cache.objects import CacheReadError, Manifest, Objects, Unreadable, objects_for
from fastbuild.cache.objects_api import SIDE_LIMIT, check_side, within
from fastbuild.cache.objects_local import LocalObjects
from fastbuild.cache.objects_registry import RegistryObjects, side_manifest, side_tag
from fastbuild.cache.objects_s3 import S3Objects
from fastbuild.cache.s3_client import code_of, host_of
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from pathlib import Path

KEYS = Credentials(access_key_id="AKIAEXAMPLE", secret_access_key="hunter2", source="a test")
DIGEST = f"sha256:{'a' * 64}"


def objects(text: str, credentials: Credentials | None = KEYS) -> Objects | Unreadable:
    return objects_for(CacheSpec.parse(text), credentials, {})


def s3(text: str, **environ: str) -> S3Objects:
    found = objects_for(CacheSpec.parse(f"type=s3,{text}"), KEYS, environ)
    assert isinstance(found, S3Objects)
    return found


def registry(text: str) -> RegistryObjects:
    found = objects(f"type=registry,{text}")
    assert isinstance(found, RegistryObjects)
    return found


def test_s3_keys_are_glued_as_buildkit_glues_them() -> None:
    found = s3("bucket=b,region=r,prefix=ci/x,name=team/app")
    assert found.manifest_key == "ci/xmanifests/team/app"
    assert found.side_keys == ("ci/xfastbuild/side/manifests/team/app",)


def test_s3_defaults_are_buildkit_s() -> None:
    found = s3("", AWS_BUCKET="b", AWS_REGION="eu-west-1")
    assert (found.bucket, found.place.region, found.place.endpoint) == ("b", "eu-west-1", "")
    assert found.manifest_key == "manifests/buildkit"


def test_s3_another_folder_of_manifests_has_side_files_of_its_own() -> None:
    here, there = s3("bucket=b,region=r,name=n"), s3("bucket=b,region=r,name=n,manifests_prefix=other/")
    assert there.manifest_key == "other/n"
    assert here.side_keys != there.side_keys


def test_s3_several_names_are_read_by_the_first_and_written_all() -> None:
    found = s3("bucket=b,region=r,name=a;b")
    assert found.manifest_key == "manifests/a"
    assert [key.rpartition("/")[2] for key in found.side_keys] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "path_style"),
    [
        ("use_path_style=true", False),
        ("use_path_style=true,endpoint_url=http://s3:9000", True),
        ("use_path_style=1,endpoint_url=http://s3:9000", True),
        ("use_path_style=yes,endpoint_url=http://s3:9000", False),
        ("endpoint_url=http://s3:9000", False),
    ],
)
def test_s3_path_style_counts_only_with_an_endpoint(text: str, path_style: bool) -> None:
    assert s3(f"bucket=b,region=r,{text}").place.path_style is path_style


def test_s3_keys_in_the_spec_go_before_those_found_and_are_not_shown() -> None:
    found = s3("bucket=b,region=r,access_key_id=AKIAOTHER,secret_access_key=swordfish")
    assert found.credentials.access_key_id == "AKIAOTHER"
    assert "swordfish" not in repr(found)
    assert "AKIAOTHER" not in repr(found)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("type=s3,region=r", "bucket"),
        ("type=s3,bucket=b", "region"),
        ("type=s3,bucket=b,region=r,access_key_id=only", "secret_access_key"),
        ("type=local,mode=max", "src"),
        ("type=local,src=d,digest=sha256:../../etc/passwd", "sha256:<64 digits>"),
        ("type=registry,ref=user:hunter2@host/app", "digest"),
        ("type=registry,ref=https://user:hunter2@host/app", "not an image reference"),
        ("type=registry,mode=max", "not an image reference"),
        ("type=registry,ref=host.example/a@sha256:12", "digest"),
        ("type=gha,scope=s", "GitHub"),
        ("type=inline", "type=registry"),
        ("type=azblob,name=n", "azblob"),
    ],
)
def test_what_cannot_be_read_has_a_reason(text: str, word: str) -> None:
    found = objects(text)
    assert isinstance(found, Unreadable)
    assert word in found.reason
    assert "hunter2" not in found.reason


def test_s3_without_credentials_has_a_reason() -> None:
    found = objects("type=s3,bucket=b,region=r", None)
    assert isinstance(found, Unreadable)
    assert "AWS_PROFILE" in found.reason


@pytest.mark.parametrize(
    ("ref", "bases", "tag"),
    [
        ("app", ["https://registry-1.docker.io/v2/library/app/"], "latest"),
        ("me/app:x", ["https://registry-1.docker.io/v2/me/app/"], "x"),
        ("index.docker.io/me/app", ["https://registry-1.docker.io/v2/me/app/"], "latest"),
        ("ghcr.io/me/app:main", ["https://ghcr.io/v2/me/app/"], "main"),
        ("localhost:5000/a/b:c", ["http://localhost:5000/v2/a/b/"], "c"),
        ("127.0.0.1:5000/a", ["http://127.0.0.1:5000/v2/a/"], "latest"),
        ("[::1]:5000/a", ["http://[::1]:5000/v2/a/"], "latest"),
        ("127.evil.example/a", ["https://127.evil.example/v2/a/"], "latest"),
        ("localhost.evil.example/a", ["https://localhost.evil.example/v2/a/"], "latest"),
    ],
)
def test_registry_references_are_read_as_docker_reads_them(ref: str, bases: list[str], tag: str) -> None:
    found = registry(f"ref={ref}")
    assert list(found.repository.bases) == bases
    assert found.tag == tag


def test_an_insecure_registry_is_tried_with_tls_first() -> None:
    found = registry("ref=registry.example/a,registry.insecure=true")
    assert [base.partition(":")[0] for base in found.repository.bases] == ["https", "http"]


def test_a_reference_may_have_a_digest() -> None:
    assert registry(f"ref=registry.example/a:b@{DIGEST}").digest == DIGEST


def test_side_tags_fit_and_differ() -> None:
    assert side_tag("main") == "main.fastbuild"
    long, other = side_tag("x" * 128), side_tag("x" * 127 + "y")
    assert len(long) == 128
    assert long != other
    assert len(side_tag("x" * 118)) == 128


def test_the_side_file_s_manifest_is_told_apart_from_a_cache() -> None:
    made = side_manifest(b"data", DIGEST)
    assert made["config"]["mediaType"] != "application/vnd.buildkit.cacheconfig.v0"
    assert made["layers"][0]["size"] == 4
    assert DIGEST in made["annotations"].values()


def test_a_local_tag_never_leads_out_of_the_directory(tmp_path: Path) -> None:
    for tag in ("../../etc/passwd", "/etc/passwd", ".", "..", "a/b", "", "\udcff"):
        assert LocalObjects(folder=tmp_path, tag=tag).side_path.parent == tmp_path
    assert LocalObjects(folder=tmp_path).side_path.name == "fastbuild-side-latest"


def test_nothing_is_left_of_an_error_but_its_kind() -> None:
    def leak() -> None:
        raise OSError("https://user:hunter2@host/")

    with pytest.raises(CacheReadError) as caught:
        within(5, "reading it", leak)
    assert caught.value.sentence == "reading it failed (OSError)"


def test_what_takes_too_long_is_given_up() -> None:
    with pytest.raises(CacheReadError, match="given up after"):
        within(0.05, "reading it", lambda: time.sleep(0.5))


def test_results_and_sentences_come_through_a_thread() -> None:
    def refuse() -> None:
        raise CacheReadError("no", cause="why", fix="do")

    assert within(5, "it", lambda: None) is None
    with pytest.raises(CacheReadError) as caught:
        within(5, "it", refuse)
    assert caught.value.sentence == "no (why): do"


def test_a_side_file_that_could_not_be_read_again_is_not_written() -> None:
    check_side(bytes(SIDE_LIMIT))
    with pytest.raises(CacheReadError, match="not written"):
        check_side(bytes(SIDE_LIMIT + 1))


def test_hosts_are_shown_without_passwords() -> None:
    assert host_of("http://user:hunter2@s3.example:9000/x") == "s3.example:9000"
    assert host_of("http://[") == ""


def test_a_server_s_error_code_is_not_trusted() -> None:
    class Error:
        def __init__(self, code: str) -> None:
            self.response = {"Error": {"Code": code}}

    assert code_of(Error("NoSuchBucket")) == "NoSuchBucket"
    assert code_of(Error("Authorization: AWS4 hunter2")) == "error"


def test_a_manifest_s_text_is_not_printed() -> None:
    assert "hunter2" not in repr(Manifest(text=b"hunter2", digest=DIGEST, sizes={}))


def test_unreadable_objects_raise_nothing(tmp_path: Path) -> None:
    surrogate = os.fsdecode(b"\xff")
    for text in (f"type=local,src={surrogate}", f"type=registry,ref={surrogate}", "type=local,src=/dev/null"):
        found = objects(text)
        assert isinstance(found, Unreadable) or found.read_side() is None
