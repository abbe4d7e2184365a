from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from fastbuild.keys.sources import source_text

AMD64 = {"OS": "linux", "Arch": "amd64"}
DIGEST = "sha256:" + "ab" * 32
COMMIT = "0123456789" * 4


def text(identifier: str, **attrs: str) -> str | None:
    named = {name.replace("_", "."): value for name, value in attrs.items()}
    return source_text({"identifier": identifier, "attrs": named}, AMD64)


def image(**value: Any) -> str:
    plain = json.dumps(value, separators=(",", ":"))
    return f"buildkit.source.v0:sha256:{hashlib.sha256(plain.encode()).hexdigest()}"


def test_an_image_is_its_digest_and_platform() -> None:
    expected = image(Digest=DIGEST, OS="linux", Arch="amd64")
    assert text(f"docker-image://docker.io/library/x:1@{DIGEST}") == expected
    assert text(f"docker-image://elsewhere/y@{DIGEST}") == expected
    assert text(f"oci-layout://store@{DIGEST}", oci_session="s") == expected


@pytest.mark.parametrize(
    "identifier",
    [
        *(
            "docker-image://docker.io/library/x:1",
            "local://context",
            "git://host/repo#main",
            "https://host/file",
            "",
        ),
        *("git://host/repo", f"git://host/repo#{COMMIT[:12]}", "docker-image+blob://x@sha256:ab", "git://"),
    ],
)
def test_what_must_be_asked_of_a_server_has_no_key(identifier: str) -> None:
    assert text(identifier) is None


@pytest.mark.parametrize(
    ("fragment", "attrs", "key"),
    [
        (COMMIT, {}, COMMIT),
        (COMMIT, {"git_keepgitdir": "true"}, f"{COMMIT}.git#{COMMIT}"),
        (f"{COMMIT}:a/b", {}, f"{COMMIT}:a/b"),
        (f"{COMMIT}:a%20b/../c", {"git_skipsubmodules": "true"}, f"{COMMIT}:c(skip-submodules)"),
        (COMMIT, {"git_mtime": "commit"}, f"{COMMIT}(mtime=commit)"),
        (COMMIT, {"git_mtime": "checkout", "git_checkoutbundle": "true"}, f"{COMMIT}(bundle)"),
        ("main", {"git_checksum": COMMIT, "git_fetchbycommit": "true"}, COMMIT),
        (
            "main",
            {"git_checksum": COMMIT, "git_fetchbycommit": "true", "git_keepgitdir": "true"},
            f"{COMMIT}.git#refs/heads/main",
        ),
    ],
)
def test_a_commit_of_git_is_a_key(fragment: str, attrs: dict[str, str], key: str) -> None:
    assert text(f"git://host/repo#{fragment}", **attrs) == f"buildkit.source.v0:{key}"


def test_a_bundle_of_git_must_be_looked_into() -> None:
    assert text(f"git://host/repo#{COMMIT}", git_bundle="docker-image+blob://x") is None


def test_a_file_with_a_checksum_is_a_key() -> None:
    found = text("https://host/a/file%20name.bin?x=y#z", http_checksum=DIGEST, http_perm="0600", http_uid="7")
    assert found == image(Filename="file name.bin", Perm=0o600, UID=7, GID=0, Checksum=DIGEST)
    named = text("https://host/", http_checksum=DIGEST, http_filename="given")
    assert named == image(Filename="given", Perm=0, UID=0, GID=0, Checksum=DIGEST)


def test_a_file_whose_name_only_go_can_tell_has_no_key() -> None:
    assert text("https://host/%zz", http_checksum=DIGEST) is None
    assert text("https://host/", http_checksum=DIGEST) is None
    assert text("https://host/x", http_checksum=DIGEST, http_perm="0x1") is None
