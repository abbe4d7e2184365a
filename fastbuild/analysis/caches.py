"""Where tools keep their download and compile caches, and which cache mounts a RUN has."""

from __future__ import annotations

import posixpath
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild import hierarchy
from fastbuild.analysis.commands import Kind
from fastbuild.dockerfile.model import mount_target

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastbuild.analysis.commands import Action
    from fastbuild.analysis.facts import Step

_SETTINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pip": ("PIP_CACHE_DIR", "XDG_CACHE_HOME"),
        "uv": ("UV_CACHE_DIR", "XDG_CACHE_HOME"),
        "poetry": ("POETRY_CACHE_DIR", "XDG_CACHE_HOME"),
        "npm": ("npm_config_cache", "NPM_CONFIG_CACHE"),
        "yarn": ("YARN_CACHE_FOLDER",),
        "go": ("GOCACHE", "GOMODCACHE", "GOPATH"),
        "cargo": ("CARGO_HOME", "CARGO_TARGET_DIR"),
        "gradle": ("GRADLE_USER_HOME",),
        "composer": ("COMPOSER_CACHE_DIR", "COMPOSER_HOME"),
        "dotnet": ("NUGET_PACKAGES",),
    }
)
"""Variables that move a tool's cache."""

_HOME_CACHES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "pip": (".cache/pip",),
        "uv": (".cache/uv",),
        "poetry": (".cache/pypoetry",),
        "npm": (".npm",),
        "pnpm": (".local/share/pnpm/store",),
        "bun": (".bun/install/cache",),
        "go": (".cache/go-build", "go/pkg/mod"),
        "cargo": (".cargo/registry", ".cargo/git"),
        "mvn": (".m2",),
        "gradle": (".gradle",),
        "dotnet": (".nuget/packages",),
    }
)
"""The tools' documented defaults below the home directory."""

_SYSTEM_CACHES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "apt": ("/var/cache/apt", "/var/lib/apt", "/var/lib/apt/lists"),
        "apk": ("/var/cache/apk", "/etc/apk/cache"),
        "dnf": ("/var/cache/dnf", "/var/cache/libdnf5"),
        "yum": ("/var/cache/yum", "/var/cache/dnf"),
        "microdnf": ("/var/cache/yum", "/var/cache/dnf"),
        "zypper": ("/var/cache/zypp",),
        "go": ("/go/pkg/mod",),
        "cargo": ("/usr/local/cargo/registry", "/usr/local/cargo/git"),
        "yarn": ("/usr/local/share/.cache/yarn",),
        "composer": ("/tmp/cache",),  # noqa: S108 - the official image's directory
    }
)


def cache_mounts(step: Step) -> tuple[str, ...]:
    """The absolute targets of the RUN's cache mounts."""
    mounts = [mount for mount in step.instruction.mounts() if mount["type"] == "cache"]
    targets = [mount_target(mount) for mount in mounts]
    return tuple(step.absolute(step.expanded(target)) or target for target in targets)


def covers(mount: str, path: str) -> bool:
    """Whether `path` lies in `mount`, both as written."""
    return hierarchy.covers(posixpath.normpath(mount), posixpath.normpath(path))


def overlaps(mount: str, path: str) -> bool:
    """Whether one of the two lies in the other, both as written."""
    return hierarchy.overlaps(posixpath.normpath(mount), posixpath.normpath(path))


def is_moved(step: Step, action: Action) -> bool:
    """Whether a variable moves the tool's cache."""
    names = {name for name, _ in action.call.assignments}
    return any(name in step.scope.values or name in names for name in _SETTINGS.get(action.tool, ()))


def cache_of(step: Step, action: Action) -> tuple[str, ...]:
    """Where the tool keeps its cache here, as far as known: configured directories and the usual ones."""
    configured = [step.scope.values.get(name) or "" for name in _SETTINGS.get(action.tool, ())]
    home = step.scope.values.get("HOME") or (
        "/root" if step.user in ("", "root", "0") else f"/home/{step.user}"
    )
    default = [posixpath.join(home, path) for path in _HOME_CACHES.get(action.tool, ())]
    return (*(c for c in configured if c.startswith("/")), *default, *_SYSTEM_CACHES.get(action.tool, ()))


def is_mounted(step: Step, action: Action) -> bool:
    """Whether a cache mount holds the tool's cache."""
    return any(overlaps(mount, cache) for mount in cache_mounts(step) for cache in cache_of(step, action))


LEFT: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "apt": ("package lists in /var/lib/apt/lists", 20_000_000),
        "apk": ("package index in /var/cache/apk", 2_500_000),
        "dnf": ("metadata and packages in /var/cache/dnf", 100_000_000),
        "yum": ("metadata and packages in /var/cache/yum", 100_000_000),
        "microdnf": ("metadata and packages in /var/cache/yum", 50_000_000),
        "zypper": ("metadata and packages in /var/cache/zypp", 50_000_000),
        "pip": ("downloads in ~/.cache/pip", 30_000_000),
        "npm": ("downloads in ~/.npm", 50_000_000),
    }
)
"""What an install leaves in its layer, and roughly how many bytes."""


def leaves(step: Step, action: Action, everything: tuple[Action, ...]) -> bool:
    """Whether `action` leaves a download cache in the layer of `step`."""
    if action.tool not in LEFT or not step.script.complete or is_mounted(step, action):
        return False
    if action.kind is not (Kind.REFRESH if action.tool == "apt" else Kind.INSTALL):
        return False
    if action.tool == "apk" and not _fetches_index(action, everything):
        return False
    if action.tool == "pip" and action.names and set(action.names) <= _TINY:
        return False
    if any(other.tool == action.tool and other.kind is Kind.CLEAN and _cleans(other) for other in everything):
        return False
    if _is_switched_off(step, action):
        return False
    return not any(_removes(other, action.tool) for other in everything)


def _fetches_index(action: Action, everything: tuple[Action, ...]) -> bool:
    """apk keeps the index only after `apk update`, `-U` or `--update-cache`, and never with `--no-cache`."""
    if action.has("--no-cache"):
        return False
    refreshed = any(other.tool == "apk" and other.kind is Kind.REFRESH for other in everything)
    return refreshed or action.has("-U", "--update-cache", "--update")


_TINY = frozenset({"pip", "setuptools", "wheel", "uv", "virtualenv"})
"""Packages whose download is not worth a word."""
_CLEANING = MappingProxyType({"dnf": "clean", "yum": "clean", "microdnf": "clean", "zypper": "clean"})
_REMOVED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "apt": ("/var/lib/apt",),
        "apk": ("/var/cache/apk",),
        **dict.fromkeys(("dnf", "yum", "microdnf"), ("/var/cache/dnf", "/var/cache/yum", "/var/cache")),
        "zypper": ("/var/cache/zypp",),
        "pip": (".cache",),
        "npm": (".npm", "npm-cache", "/root/.", "_cacache"),
    }
)
_OFF: Mapping[str, tuple[str, ...]] = MappingProxyType({"pip": ("PIP_NO_CACHE_DIR",)})


def _cleans(action: Action) -> bool:
    if action.tool in _CLEANING:
        return "clean" in action.call.args
    return action.tool in ("pip", "npm") and any(
        word in ("purge", "clean", "cache") for word in action.call.args
    )


def _is_switched_off(step: Step, action: Action) -> bool:
    if action.tool == "pip" and any(arg.startswith("--no-cache") for arg in action.call.args):
        return True
    if action.tool == "apk" and action.has("--no-cache"):
        return True
    text = step.instruction.text
    return any(name in text or step.scope.values.get(name) for name in _OFF.get(action.tool, ()))


def _removes(action: Action, tool: str) -> bool:
    if action.call.name not in ("rm", "find"):
        return False
    return any(path in arg for arg in action.call.args for path in _REMOVED.get(tool, ()))
