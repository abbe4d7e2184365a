"""A `type=registry` cache: an image whose config is BuildKit's cache config, and our side file as another.

The side file of `repository:tag` is `repository:tag.fastbuild`: an OCI image manifest with an artifact type
and a config media type of ours and one layer. A tag and not a referrer: registries without the referrers API
take it, too, and writing it doesn't touch the cache's manifest. BuildKit reads only the tag it is given.
A rule that keeps the newest n tags counts both; both are pushed by each build, so they grow old together.
https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.cache.objects_api import (
    READ_SECONDS,
    SIDE_LIMIT,
    WRITE_SECONDS,
    CacheReadError,
    Manifest,
    Unreadable,
    check_side,
    is_true,
    within,
)
from fastbuild.cache.objects_oci import (
    OCI_LIMIT,
    descriptor,
    digest_of,
    is_digest,
    parse_object,
    read_cache_image,
    verified,
)
from fastbuild.cache.registry_client import Registry
from fastbuild.cache.registry_reference import Repository, read_reference
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from fastbuild.cache.registry_client import Answer
    from fastbuild.request import CacheSpec

SIDE_TYPE = "application/vnd.fastbuild.side.v1"
SIDE_CONFIG_TYPE = "application/vnd.fastbuild.side.config.v1+json"
IMAGE = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = ", ".join(
    (
        IMAGE,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
_SUFFIX = ".fastbuild"
_TAG_LENGTH = 128
_CONFIG = b"{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryObjects:
    """The cache in `repository` under `tag`, or the one with this `digest` if it isn't empty."""

    repository: Repository
    tag: str
    digest: str = ""

    def read_manifest(self) -> Manifest | None:
        """What an import would read; None when the tag or the repository isn't there, or holds no cache."""
        return within(READ_SECONDS, f"reading {self._named(self.tag)}", self._manifest)

    def read_side(self) -> bytes | None:
        """The side file of this tag; None when there is none."""
        return within(READ_SECONDS, f"reading {self._named(side_tag(self.tag))}", self._side)

    def write_side(self, data: bytes, manifest_digest: str) -> None:
        """Replace the side file of this tag; the digest is also an annotation of its manifest."""
        check_side(data)
        what = f"writing {self._named(side_tag(self.tag))}"
        within(WRITE_SECONDS, what, lambda: self._write(data, manifest_digest))

    def _named(self, tag: str) -> str:
        return f"{self.repository.host}/{self.repository.name}:{tag}"

    def _manifest(self) -> Manifest | None:
        with Registry(self.repository, "pull") as registry:
            answer = self._get_manifest(registry, self.digest or self.tag)
            if answer is None:
                return None
            if self.digest:
                verified(answer.body, self.digest, "the cache's manifest")
            return read_cache_image(answer.body, lambda digest, limit: self._blob(registry, digest, limit))

    def _side(self) -> bytes | None:
        with Registry(self.repository, "pull") as registry:
            answer = self._get_manifest(registry, side_tag(self.tag))
            if answer is None:
                return None
            fields = parse_object(answer.body, "the side file's manifest")
            layers, config = fields.get("layers"), fields.get("config")
            ours = isinstance(config, dict) and config.get("mediaType") == SIDE_CONFIG_TYPE
            if not ours or not isinstance(layers, list) or len(layers) != 1:
                raise CacheReadError(f"{self._named(side_tag(self.tag))} is not a side file of fastbuild")
            digest = descriptor(layers[0]).digest
            return verified(self._blob(registry, digest, SIDE_LIMIT), digest, "the side file")

    def _get_manifest(self, registry: Registry, reference: str) -> Answer | None:
        answer = registry.ask("GET", f"manifests/{reference}", limit=OCI_LIMIT, Accept=ACCEPT)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise self._refused(registry, answer.status, "read")
        return answer

    def _blob(self, registry: Registry, digest: str, limit: int) -> bytes:
        answer = registry.ask("GET", f"blobs/{digest}", limit=limit)
        if answer.status != 200:
            raise self._refused(registry, answer.status, "read")
        return answer.body

    def _write(self, data: bytes, manifest_digest: str) -> None:
        with Registry(self.repository, "pull,push") as registry:
            for blob in (_CONFIG, data):
                upload(registry, blob, self._named(self.tag))
            manifest = json.dumps(side_manifest(data, manifest_digest)).encode()
            answer = registry.ask(
                "PUT",
                f"manifests/{side_tag(self.tag)}",
                limit=OCI_LIMIT,
                data=manifest,
                Content_Type=IMAGE,
            )
            if answer.status != 201:
                raise self._refused(registry, answer.status, "written")

    def _refused(self, registry: Registry, status: int, verb: str) -> CacheReadError:
        return refused(registry, self._named(self.tag), status, verb)


def upload(registry: Registry, data: bytes, what: str) -> None:
    """Put a blob of `what` into the registry's repository unless it is there. Raises CacheReadError."""
    digest = digest_of(data)
    if registry.ask("HEAD", f"blobs/{digest}", limit=0).status == 200:
        return
    begun = registry.ask("POST", "blobs/uploads/", limit=OCI_LIMIT, data=b"")
    if begun.status != 202:
        raise refused(registry, what, begun.status, "written")
    url = registry.absolute(begun.headers.get("location", ""), begun)
    url += f"{'&' if '?' in url else '?'}digest={digest}"
    done = registry.ask("PUT", url, limit=OCI_LIMIT, data=data, Content_Type="application/octet-stream")
    if done.status != 201:
        raise refused(registry, what, done.status, "written")


def refused(registry: Registry, what: str, status: int, verb: str) -> CacheReadError:
    """The error for an answer that is none; `verb` is "read" or "written"."""
    host = registry.repository.host
    return CacheReadError(
        f"{what} can't be {verb}",
        cause=f"{host} answers {status}",
        fix=registry.mend() if status in (401, 403) else "",
    )


def registry_objects(spec: CacheSpec) -> RegistryObjects | Unreadable:
    """From an import's or export's `ref`."""
    try:
        found = read_reference(spec.get("ref"), insecure=is_true(spec.get("registry.insecure")))
    except UsageError:
        # not its text: a reference that isn't one may hold a password
        return Unreadable("type=registry: ref is not an image reference")
    repository, tag, digest = found
    if digest and not is_digest(digest):
        return Unreadable("type=registry: the digest in ref is not sha256:<64 digits>")
    return RegistryObjects(repository=repository, tag=tag, digest=digest)


def side_tag(tag: str) -> str:
    """The tag of the side file; a tag too long for a suffix is cut and gets a hash.

    https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests (128 characters)
    """
    if len(tag) + len(_SUFFIX) <= _TAG_LENGTH:
        return f"{tag}{_SUFFIX}"
    end = f"-{hashlib.sha256(tag.encode()).hexdigest()[:16]}{_SUFFIX}"
    return f"{tag[: _TAG_LENGTH - len(end)]}{end}"


def side_manifest(data: bytes, manifest_digest: str) -> Mapping[str, Any]:
    """The manifest of a side file that describes the cache with `manifest_digest`."""
    return {
        "schemaVersion": 2,
        "mediaType": IMAGE,
        "artifactType": SIDE_TYPE,
        "config": {"mediaType": SIDE_CONFIG_TYPE, "digest": digest_of(_CONFIG), "size": len(_CONFIG)},
        "layers": [{"mediaType": SIDE_TYPE, "digest": digest_of(data), "size": len(data)}],
        "annotations": {"fastbuild.manifest": manifest_digest},
    }
