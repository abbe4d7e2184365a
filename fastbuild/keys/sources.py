"""Keys of sources: images by digest, git by commit, URLs by checksum.

Formulas: `CacheKey` in source/{containerimage,git,http}, and how client/llb/source.go writes their
identifiers, BuildKit v0.34.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from fastbuild.keys import wire
from fastbuild.keys.selectors import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    Attrs = Mapping[str, str]

IMAGES = ("docker-image", "oci-layout")
PINNED = re.compile(r"@(sha256:[0-9a-f]{64})$")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}")
PLAIN_URL = re.compile(r"(?:[!-$&-~]|%[0-9A-Fa-f]{2})+")
HTTP_HEADERS = {"http.header.accept": "Accept", "http.header.user-agent": "User-Agent"}
"""The request headers that BuildKit sends and puts into the key."""


def source_text(body: Mapping[str, Any], platform: Mapping[str, Any]) -> str | None:
    """What the key of a source is the hash of; None where the source must be asked first.

    `platform` is the part of the key that it makes for an image.
    """
    scheme, _, rest = str(body.get("identifier") or "").partition("://")
    attrs = body.get("attrs") or {}
    if scheme in IMAGES:
        key = _image(rest, attrs, platform)
    elif scheme == "git":
        key = _git(rest, attrs)
    elif scheme in ("http", "https"):
        key = _http(f"{scheme}://{rest}", attrs)
    else:
        return None
    return None if key is None else f"buildkit.source.v0:{key}"


def _digest(value: Mapping[str, Any]) -> str:
    return f"sha256:{hashlib.sha256(wire.go_json(value).encode()).hexdigest()}"


def _image(reference: str, attrs: Attrs, platform: Mapping[str, Any]) -> str | None:
    pinned = PINNED.search(reference)
    if pinned is None:
        return None
    if "image.layerlimit" in attrs or "oci.layerlimit" in attrs:
        return None  # in the key, and nothing that a Dockerfile can ask for
    return _digest({"Digest": pinned[1], **platform})


def _git(rest: str, attrs: Attrs) -> str | None:
    """The key of a full commit is known; what a branch or tag stands for is asked of the server."""
    named, _, folder = unquote(rest.partition("#")[2]).partition(":")
    commit = _commit(named, attrs)
    if commit is None or "git.bundle" in attrs:
        return None
    key, reference = commit
    if attrs.get("git.keepgitdir") == "true":
        key += f".git#{reference}"
    folder = clean(folder).removeprefix("/")
    if folder:
        key += f":{folder}"
    if attrs.get("git.skipsubmodules") == "true":
        key += "(skip-submodules)"
    if attrs.get("git.mtime", "") not in ("", "checkout"):
        key += f"(mtime={attrs['git.mtime']})"
    if attrs.get("git.checkoutbundle") == "true":
        key += "(bundle)"
    return key


def _commit(named: str, attrs: Attrs) -> tuple[str, str] | None:
    """The commit, and the reference by which it is fetched."""
    if COMMIT.fullmatch(named):
        return named, named
    checksum = attrs.get("git.checksum", "")
    if attrs.get("git.fetchbycommit") != "true" or not COMMIT.fullmatch(checksum):
        return None
    branch = named if named.startswith("refs/") else f"refs/heads/{named}"
    return checksum, branch if named else checksum


def _http(url: str, attrs: Attrs) -> str | None:
    """With a checksum nothing is asked; else the key holds what the server says."""
    checksum = attrs.get("http.checksum", "")
    name = _file_name(url, attrs.get("http.filename", ""))
    numbers = [_number(attrs.get(f"http.{field}", "0")) for field in ("perm", "uid", "gid")]
    if not CHECKSUM.fullmatch(checksum) or not name or None in numbers:
        return None
    value: dict[str, Any] = {"Filename": name, **dict(zip(("Perm", "UID", "GID"), numbers, strict=True))}
    value["Checksum"] = checksum
    if attrs.get("http.authheadersecret"):
        value["AuthHeaderSecret"] = attrs["http.authheadersecret"]
    headers = [
        {"Name": header, "Value": attrs[attribute]}
        for attribute, header in HTTP_HEADERS.items()
        if attribute in attrs
    ]
    if headers:
        value["Header"] = headers
    return _digest(value)


def _file_name(url: str, given: str) -> str:
    """The name of the file that is made; empty where it would take Go's own parser to tell."""
    path = given if given else unquote(urlsplit(url).path) if PLAIN_URL.fullmatch(url) else ""
    name = posixpath.basename(path.strip().rstrip("/"))
    if given and name in ("", ".", ".."):
        return "download"
    return name if name.isprintable() and name not in (".", "..") else ""


def _number(text: str) -> int | None:
    """A number as Go reads it with base 0: octal after a leading zero."""
    if re.fullmatch(r"0[0-7]{0,10}", text):
        return int(text, 8)
    return int(text) if re.fullmatch(r"[1-9][0-9]{0,9}", text) else None
