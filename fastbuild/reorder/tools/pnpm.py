"""pnpm: https://pnpm.io/cli/install, https://pnpm.io/cli/fetch, https://pnpm.io/settings

Traced with pnpm 9 and 10: the manifests in all spellings, .pnpmfile.cjs, members' .npmrc; directories of
members are listed; files of `file:` dependencies are linked, which changes them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS
from fastbuild.reorder.tools.flat_yaml import sections
from fastbuild.reorder.tools.known import (
    SHIMS,
    Table,
    guarded,
    join,
    likely,
    optional,
    required,
    upwards,
)
from fastbuild.reorder.tools.node_package import (
    NODE,
    local_dependencies,
    manifest,
    members,
    own_package,
    project_code,
    surroundings,
)
from fastbuild.reorder.tools.node_scripts import third_party_scripts
from fastbuild.reorder.tools.npm import caches, global_install
from fastbuild.reorder.tools.npmrc import npm_settings
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.python import homes

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_SYNTAX = Syntax(
    flags=names(
        "--frozen-lockfile --no-frozen-lockfile --prod -P --production --dev -D --no-optional"
        " --ignore-scripts --offline --prefer-offline --force --shamefully-hoist --silent -s --no-color -r"
        " --recursive -g --global --reporter -v --version -h --help --strict-peer-dependencies"
        " --no-strict-peer-dependencies --ignore-workspace-root-check -w --workspace-root"
        " --aggregate-output --stream --unsafe-perm --no-verify-store-integrity --prefer-frozen-lockfile"
        " --color --config.ci"
    ),
    values=names("-F --filter --network-concurrency --child-concurrency --loglevel --reporter"),
)
_WORKSPACE_KEYS = names(
    "packages catalog catalogs catalogMode onlyBuiltDependencies ignoredBuiltDependencies"
    " neverBuiltDependencies allowBuilds overrides packageExtensions patchedDependencies"
    " peerDependencyRules allowedDeprecatedVersions minimumReleaseAge minimumReleaseAgeExclude"
    " autoInstallPeers shamefullyHoist publicHoistPattern hoistPattern hoist nodeLinker"
    " strictPeerDependencies linkWorkspacePackages preferWorkspacePackages sharedWorkspaceLockfile"
    " saveWorkspaceProtocol savePrefix saveExact engineStrict dedupePeerDependents resolutionMode"
    " strictDepBuilds trustPolicy trustPolicyExclude supportedArchitectures updateConfig auditConfig"
    " includeWorkspaceRoot cleanupUnusedCatalogs packageImportMethod preferFrozenLockfile"
    " managePackageManagerVersions verifyDepsBeforeRun enablePrePostScripts ignoreScripts"
    " ignorePatchFailures allowUnusedPatches allowNonAppliedPatches blockExoticSubdeps nodeVersion"
    " useNodeVersion injectWorkspacePackages dedupeInjectedDeps disallowWorkspaceCycles"
    " ignoredOptionalDependencies"
)
_HOOKS = tuple(f".pnpmfile.{ending}" for ending in ("cjs.js", "cjs.json", "cjs.node"))
_MANIFESTS = ("package.json", "package.yaml", "package.json5", ".npmrc")
_SPELLINGS = (
    *("pnpm-workspace.yaml", "pnpm-workspace.yml", "pnpm-workspaces.yaml", "pnpm-workspaces.yml"),
    *(".pnpm-workspace.yaml", ".pnpm-workspace.yml", ".pnpm-workspaces.yaml", ".pnpm-workspaces.yml"),
)
_DIRECTORY = re.compile(r"\bdirectory: ([^,}\n]+)")
_TARBALL = re.compile(r"\btarball: file:([^,}\n]+)")
_PATCH = re.compile(r"^\s+path: (\S+\.patch|\S+\.diff)\s*$", re.MULTILINE)
_BUILT = re.compile(
    r"^  (['\"]?)/?(@?[^@\s('\"]+)[@/][^\n]*:\n(?:    [^\n]*\n)*?    requiresBuild: true$", re.MULTILINE
)


def _effects(call: Call, place: Place) -> Effects:
    given = parse("pnpm", call.args, _SYNTAX)
    if given.has("-v", "--version", "-h", "--help") or not given.words:
        return NONE
    command, *rest = given.words
    if command in ("add", "install", "i") and given.has("-g", "--global"):
        return global_install(call, place, tuple(rest))
    if command in ("install", "i", "fetch") and not rest:
        return _install(place, given, command)
    base = Effects(
        reads=upwards(place.cwd, ".npmrc", "pnpm-workspace.yaml", *SHIMS), writes=_stores(place), env=NODE
    )
    if command == "store":
        return base
    if command in ("config", "set") and "project" not in " ".join(rest):
        return base | Effects(
            writes=frozenset(join(home, name) for home in homes(place) for name in (".npmrc", ".config"))
        )
    raise Unclear(f"`pnpm {' '.join([command, *rest[:1]])}` is not a command fastbuild knows")


def _stores(place: Place) -> frozenset[str]:
    """The store is in the user's data directory, or at the root of the project's file system.

    https://pnpm.io/settings#storedir
    """
    found = {join(place.cwd, ".pnpm-store"), "/.pnpm-store"} | caches(place)
    found |= {join(home, ".pnpm-store") for home in homes(place)} | {
        join(home, ".pnpm-state") for home in homes(place)
    }
    found |= {
        place.env[name] for name in ("PNPM_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME") if place.env.get(name)
    }
    return frozenset(found)


def _root(place: Place) -> str:
    """The workspace's directory: the nearest one with pnpm-workspace.yaml, else the current one."""
    for path in sorted(upwards(place.cwd, "pnpm-workspace.yaml"), reverse=True):
        if optional(place, path) is not None:
            return path.rpartition("/")[0] or "/"
    return place.cwd


def _install(place: Place, given: Parsed, command: str) -> Effects:
    root = _root(place)
    own = npm_settings(place, root)
    table = (
        manifest(place, root)
        if command == "install" or place.exists(join(root, "package.json"))
        else Table({})
    )
    workspace = _workspace(place, root)
    inside = members(place, root, workspace.get("packages", ())) if command != "fetch" else ()
    scripts = not (
        given.has("--ignore-scripts") or own.ignore_scripts or workspace.get("ignoreScripts") == ["true"]
    )
    frozen = given.has("--frozen-lockfile") or command == "fetch"
    effects = _lock(place, root, frozen=frozen, scripts=scripts) | surroundings(place, root)
    effects |= project_code(place, join(root, ".pnpmfile.cjs")) | project_code(
        place, join(root, ".pnpmfile.mjs")
    )
    packages = (root, *inside) if command != "fetch" else ()
    for directory in packages:
        effects |= own_package(place, directory, scripts=scripts, bins=directory != root)
        effects |= local_dependencies(place, directory, manifest(place, directory), scripts=scripts)
    effects |= local_dependencies(place, root, _overrides(table, workspace), scripts=scripts)
    modules = frozenset(join(directory, "node_modules") for directory in (root, *inside))
    looked = frozenset(join(directory, name) for directory in (root, *inside) for name in _MANIFESTS)
    looked |= {join(root, name) for name in _HOOKS}
    effects |= Effects(
        reads=own.files | modules | looked | upwards(place.cwd, "node_modules", *_SPELLINGS),
        writes=modules | _stores(place),
        env=NODE | own.variables | ANY_BUT_STAMPS,
        makes_links=True,
    )
    effects |= Effects(reads=frozenset(join(root, path) for path in _patches(table, workspace)))
    return likely(effects, *own.doubts)


def _overrides(table: Table, workspace: dict[str, list[str]]) -> Table:
    values = {
        str(at): value
        for at, value in enumerate((*workspace.get("overrides", ()), *workspace.get("catalog", ())))
    }
    return Table({"overrides": values, "pnpm": {"overrides": table.table("pnpm").values.get("overrides")}})


def _patches(table: Table, workspace: dict[str, list[str]]) -> tuple[str, ...]:
    own = table.table("pnpm", "patchedDependencies").values.values()
    return (*(str(path) for path in own), *workspace.get("patchedDependencies", ()))


def _workspace(place: Place, root: str) -> dict[str, list[str]]:
    for name in _SPELLINGS[1:]:
        if optional(place, join(root, name)) is not None:
            raise Unclear(f"`{join(root, name)}` is a spelling pnpm refuses")
    path = join(root, "pnpm-workspace.yaml")
    text = optional(place, path)
    found = sections(text, path) if text is not None else {}
    for key in found:
        if key not in _WORKSPACE_KEYS:
            raise Unclear(f"`{path}` sets `{key}`, which may name files")
    return found


def _lock(place: Place, root: str, *, frozen: bool, scripts: bool) -> Effects:
    """pnpm-lock.yaml: directories, archives and patches it names, and before version 9 what is built."""
    path = join(root, "pnpm-lock.yaml")
    text = required(place, path)
    effects = Effects(reads=frozenset({path}), writes=frozenset() if frozen else frozenset({path}))
    for found in _DIRECTORY.findall(text):
        directory = join(root, found.strip().strip("'\""))
        effects |= Effects(reads=frozenset({directory}), writes=frozenset({directory}))
        effects |= own_package(place, directory, scripts=scripts, bins=True)
    files = (*_TARBALL.findall(text), *_PATCH.findall(text))
    effects |= Effects(reads=frozenset(join(root, found.strip().strip("'\"")) for found in files))
    if not scripts:
        return effects
    version = re.search(r"^lockfileVersion: ['\"]?(\d+)", text, re.MULTILINE)
    if version and int(version[1]) < 9:
        return effects | third_party_scripts([match[2] for match in _BUILT.finditer(text)], listed=True)
    installed = set(re.findall(r"^  ['\"]?(@?[^@\s('\"]+)@[^\n]*:", text, re.MULTILINE))
    return effects | third_party_scripts(installed, listed=False)


effects = guarded(_effects)
