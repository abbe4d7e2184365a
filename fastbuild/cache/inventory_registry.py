"""A whole `type=registry` cache: the tags of one repository. Read only; see `objects_registry`.

The protocol lists tags and no blobs, and says of neither when it was written. So nothing here can tell an
orphan, or what is old: a registry's own retention and garbage collection are the tools for that.
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#content-discovery
"""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin

from fastbuild.cache.inventory import Blob, Inventory, Name, read_contents
from fastbuild.cache.objects_api import CacheReadError, within
from fastbuild.cache.objects_oci import OCI_LIMIT
from fastbuild.cache.objects_registry import RegistryObjects, side_tag
from fastbuild.cache.registry_client import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fastbuild.cache.inventory import Idle
    from fastbuild.cache.registry_reference import Repository

LIST_SECONDS = 300.0
"""Seconds for all tags, or all blobs' sizes."""
_AT_ONCE = 4
_NEXT = re.compile(r'<([^>]+)>;\s*rel="?next"?')


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryStore:
    """All caches in `repository`; `name_of` turns a tag into our name."""

    repository: Repository
    name_of: Callable[[str], str]

    @property
    def label(self) -> str:
        """Where it lies."""
        return f"registry://{self.repository.host}/{self.repository.name}"

    def read(self) -> Inventory:
        """The tags that hold caches; their blobs as the registry has them now."""
        now = time.time()
        tags = within(LIST_SECONDS, f"listing {self.label}", self._tags)
        sides = {side_tag(tag) for tag in tags}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(self._name, sorted(set(tags) - sides))
            names = tuple(name for name in found if name)
            wanted = sorted({digest for name in names for digest in name.contents.layers})
            sizes = list(pool.map(self.size_of, wanted))
        blobs = {
            digest: Blob(key=digest, digest=digest, size=size)
            for digest, size in zip(wanted, sizes, strict=True)
            if size is not None
        }
        return Inventory(label=self.label, now=now, names=names, blobs=blobs)

    def digest_of(self, key: str) -> NoReturn:
        """Not done: a registry compares a blob with its digest when it takes it."""
        raise CacheReadError(
            f"{key} is not read: a registry's blobs are not hashed from here",
            fix="leave --deep out: a registry checks digests when blobs are pushed",
        )

    def size_of(self, key: str) -> int | None:
        """A blob's bytes; None when it is absent."""
        with Registry(self.repository, "pull") as registry:
            answer = registry.ask("HEAD", f"blobs/{key}", limit=0)
        if answer.status not in (200, 404):
            raise CacheReadError(f"{key} can't be looked at", cause=f"the registry answers {answer.status}")
        return int(answer.headers.get("content-length", "0")) if answer.status == 200 else None

    def drop(self, name: Name) -> NoReturn:
        """Not done: a digest may have other tags, and registries differ in what deleting one does."""
        raise CacheReadError(
            f"{name.name} is not dropped: names in a registry are not deleted from here",
            fix="delete the tag with the registry's own tools",
        )

    def sweep(self, _blobs: Sequence[Blob]) -> frozenset[str]:
        """Blobs are the registry's own to collect."""
        return frozenset()

    def discard(self, _blob: Blob) -> bool:
        """Blobs are the registry's own to collect."""
        return False

    def delete_side(self, key: str) -> None:
        """Side files go with the tags."""

    def remember(self, idle: Mapping[str, Idle]) -> None:
        """There is nothing to remember."""

    def _name(self, tag: str) -> Name | None:
        """One tag with its side file; None for an image without a cache."""
        objects = RegistryObjects(repository=self.repository, tag=tag)
        bare = Name(name=self.name_of(tag), key=f"{self.repository.host}/{self.repository.name}:{tag}")
        try:
            manifest = objects.read_manifest()
            if manifest is None:
                return None
            side = objects.read_side()
        except CacheReadError as error:
            return replace(bare, problem=error.sentence)
        contents, problem = read_contents(manifest, lambda digest: digest, sized=False)
        return replace(bare, digest=manifest.digest, side=side, contents=contents, problem=problem)

    def _tags(self) -> list[str]:
        found: list[str] = []
        where = "tags/list?n=1000"
        with Registry(self.repository, "pull") as registry:
            while where:
                answer = registry.ask("GET", where, limit=OCI_LIMIT)
                if answer.status == 404:
                    return found
                if answer.status != 200:
                    fix = registry.mend() if answer.status in (401, 403) else ""
                    raise CacheReadError(
                        f"the tags of {self.label} can't be listed",
                        cause=f"the registry answers {answer.status}",
                        fix=fix,
                    )
                found += _strings(answer.body)
                following = _NEXT.search(answer.headers.get("link", ""))
                where = urljoin(answer.url, following[1]) if following else ""
        return found


def _strings(body: bytes) -> Iterable[str]:
    try:
        tags = json.loads(body)["tags"] or []
        return [tag for tag in tags if isinstance(tag, str)]
    except (ValueError, TypeError, LookupError, RecursionError):
        raise CacheReadError("the registry's list of tags is no JSON of tags") from None
