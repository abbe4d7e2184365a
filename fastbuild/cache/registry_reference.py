"""Where an image reference leads: the registry's address, the repository, tag and digest."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fastbuild.cache.registry import split_reference

# https://pkg.go.dev/github.com/containerd/containerd/v2/core/remotes/docker#MatchLocalhost
_HERE = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """`name` on `host`, as docker spells both; `insecure` as in `registry.insecure=true`."""

    host: str
    name: str
    insecure: bool = False

    @property
    def local(self) -> bool:
        """Whether the registry is on this machine, where the engine speaks plain HTTP unasked."""
        return bool(_HERE.fullmatch(self.host))

    @property
    def bases(self) -> tuple[str, ...]:
        """Where its API may be, in the engine's order: plain HTTP on this machine, or when told to."""
        address = "registry-1.docker.io" if self.host == "docker.io" else self.host
        order = ("https", "http") if self.insecure else ("http",) if self.local else ("https",)
        return tuple(f"{scheme}://{address}/v2/{self.name}/" for scheme in order)


def read_reference(text: str, *, insecure: bool) -> tuple[Repository, str, str]:
    """The repository, the tag (`latest` if there is none) and the digest (or empty) of an image reference.

    Docker's short names are docker.io's. Raises UsageError for anything else.
    https://github.com/distribution/reference/blob/main/normalize.go
    """
    named, _, digest = text.partition("@")
    path, tag = split_reference(named)
    host, _, name = path.partition("/")
    if not name or not ("." in host or ":" in host or host == "localhost"):
        host, name = "docker.io", path
    if host in ("docker.io", "index.docker.io"):
        host, name = "docker.io", name if "/" in name else f"library/{name}"
    return Repository(host=host, name=name, insecure=insecure), tag or "latest", digest
