""".npmrc: https://docs.npmjs.com/cli/v11/configuring-npm/npmrc and https://pnpm.io/npmrc"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.known import (
    join,
    settings,
)
from fastbuild.reorder.tools.options import names
from fastbuild.reorder.tools.python import homes

if TYPE_CHECKING:
    from fastbuild.reorder.effects import Place

_VARIABLE = re.compile(r"\$\{([^}?]+)\??\}|\$([A-Za-z_]\w*)")
_HARMLESS = names(
    "registry save-exact save-prefix engine-strict legacy-peer-deps strict-peer-deps fund audit audit-level"
    " loglevel strict-ssl always-auth package-lock progress update-notifier fetch-retries fetch-timeout"
    " fetch-retry-mintimeout fetch-retry-maxtimeout maxsockets prefer-offline prefer-dedupe omit include"
    " production optional color unicode ignore-scripts access tag email _auth _authtoken _password username"
    " init-license init-author-name shamefully-hoist node-linker strict-peer-dependencies"
    " auto-install-peers public-hoist-pattern hoist hoist-pattern link-workspace-packages"
    " prefer-workspace-packages shared-workspace-lockfile save-workspace-protocol enable-pre-post-scripts"
    " resolution-mode side-effects-cache dedupe-peer-dependents dedupe-direct-deps package-import-method"
    " network-concurrency child-concurrency prefer-frozen-lockfile frozen-lockfile"
    " ignore-workspace-root-check resolve-peers-from-workspace-root include-workspace-root"
    " manage-package-manager-versions package-manager-strict package-manager-strict-version"
    " verify-deps-before-run use-lockfile-v6 lockfile extend-node-path ignore-pnpmfile symlink"
    " virtual-store-dir-max-length target_arch target_platform runtime disturl target recursive-install"
    " stream proxy https-proxy noproxy use-node-version node-version save-dev save global-style"
    " min-release-age minimum-release-age sign-git-tag message workspace-concurrency"
    " strict-store-pkg-content-check optimistic-repeat-install provenance commit-hooks bin-links"
    " foreground-scripts"
)


@dataclass(frozen=True, slots=True)
class NpmSettings:
    """`files` are those looked for; `variables` those that the texts expand."""

    files: frozenset[str]
    ignore_scripts: bool
    variables: frozenset[str]
    doubts: tuple[str, ...]


def npm_settings(place: Place, directory: str) -> NpmSettings:
    """The project's, the user's and the machine's settings. Raises Unclear for one that may name files."""
    files = {
        join(directory, ".npmrc"),
        join(place.cwd, ".npmrc"),
        "/etc/npmrc",
        "/usr/etc/npmrc",
        "/usr/local/etc/npmrc",
    }
    files |= {
        join(home, name)
        for home in homes(place)
        for name in (".npmrc", ".config/pnpm/rc", ".config/pnpm/config.yaml")
    }
    for name, value in place.env.items():
        if name.lower() in ("npm_config_userconfig", "npm_config_globalconfig") and value:
            files.add(place.absolute(value))
    texts, doubts = settings(place, sorted(files))
    variables: set[str] = set()
    ignore = False
    for path, text in texts.items():
        if path.endswith(".yaml"):
            raise Unclear(f"`{path}` has settings that fastbuild doesn't read")
        for key, value in _lines(text):
            variables |= {a or b for a, b in _VARIABLE.findall(f"{key} {value}")}
            ignore = value == "true" if key == "ignore-scripts" else ignore
            if not _harmless(key):
                raise Unclear(f"`{path}` sets `{key}`, which may name files")
    _check_environment(place)
    ignore = _from_environment(place, "ignore_scripts", ignore=ignore)
    return NpmSettings(frozenset(files), ignore, frozenset(variables), doubts)


def _lines(text: str) -> list[tuple[str, str]]:
    found = []
    for raw in text.splitlines():
        line = raw.strip()
        if line and not line.startswith(("#", ";")):
            key, _, value = line.partition("=")
            found.append((key.strip().removesuffix("[]"), value.strip().strip("\"'")))
    return found


def _harmless(key: str) -> bool:
    lowered = key.lower()
    if lowered.startswith("//"):  # //registry.example/:_authToken; certfile and keyfile are paths
        return not lowered.endswith(("certfile", "keyfile", "cafile"))
    return lowered in _HARMLESS or (key.startswith("@") and lowered.endswith(":registry"))


def _check_environment(place: Place) -> None:
    for name in place.env:
        lowered = name.lower()
        if lowered.startswith(("npm_config_", "pnpm_config_")):
            key = lowered.partition("config_")[2].replace("_", "-")
            if key not in ("cache", "prefix", "userconfig", "globalconfig", "cafile") and not _harmless(key):
                raise Unclear(f"variable `{name}` sets `{key}` of npm, which may name files")


def _from_environment(place: Place, key: str, *, ignore: bool) -> bool:
    for name, value in place.env.items():
        if name.lower() == f"npm_config_{key}":
            ignore = value.lower() in ("true", "1")
    return ignore
