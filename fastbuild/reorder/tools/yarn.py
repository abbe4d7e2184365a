"""Yarn classic and Yarn 2+: https://classic.yarnpkg.com/en/docs/cli/install, https://yarnpkg.com/cli/install

Which of the two runs is decided by .yarnrc.yml, packageManager and what is installed, so both are answered
together. Traced with 1.22 and 4: classic opens README and LICENSE beside package.json;
Yarn 2+ makes the programs of all workspaces executable, the root's too.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS
from fastbuild.reorder.tools.flat_yaml import sections
from fastbuild.reorder.tools.known import (
    guarded,
    join,
    likely,
    parents,
    required,
    settings,
    upwards,
)
from fastbuild.reorder.tools.node_package import (
    NODE,
    local_dependencies,
    manifest,
    members,
    own_package,
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
        "--frozen-lockfile --immutable --immutable-cache --no-immutable --pure-lockfile --production --prod"
        " --ignore-scripts --ignore-engines --ignore-optional --ignore-platform --non-interactive"
        " --no-progress --silent -s --offline --prefer-offline --force --check-files --flat --har"
        " --no-bin-links --inline-builds --check-cache --json --verbose --no-default-rc -v --version -h"
        " --help --check-resolutions --refresh-lockfile -W --ignore-workspace-root-check --all -A"
        " --no-audit --no-emoji --link-duplicates --no-node-version-check -H --home"
    ),
    values=names("--network-timeout --network-concurrency --mode --mutex --registry --cache-folder"),
)
_YML_KEYS = names(
    "nodeLinker yarnPath plugins enableGlobalCache npmRegistryServer npmScopes npmAuthToken npmAlwaysAuth"
    " npmRegistries compressionLevel enableTelemetry packageExtensions supportedArchitectures enableScripts"
    " nmHoistingLimits nmMode nmSelfReferences checksumBehavior enableImmutableInstalls enableMirror"
    " logFilters defaultSemverRangePrefix httpTimeout httpRetry networkConcurrency pnpMode pnpFallbackMode"
    " pnpIgnorePatterns pnpEnableEsmLoader enableProgressBars enableInlineBuilds enableStrictSsl"
    " enableNetwork enableColors enableHyperlinks enableTimers enableMessageNames preferInteractive"
    " preferTruncatedLines preferAggregateCacheInfo preferReuse preferDeferredVersions tsEnableAutoTypes"
    " npmPublishAccess npmAuditRegistry npmMinimalAgeGate npmPreapprovedPackages approvedGitRepositories"
    " catalog catalogs enableTransparentWorkspaces enableConstraintsChecks cacheMigrationMode"
    " enableHardenedMode winLinkType immutablePatterns unsafeHttpWhitelist changesetIgnorePatterns"
    " changesetBaseRefs initScope initFields"
)
_RC_KEYS = names(
    "registry network-timeout lastUpdateCheck save-prefix ignore-engines strict-ssl workspaces-experimental"
    " init-license child-concurrency ignore-optional ignore-platform save-exact disable-self-update-check"
    " version-git-message version-tag-prefix unsafe-disable-integrity-migration"
    " workspaces-nohoist-experimental email username"
)
_STATE = (
    *(".pnp.cjs", ".pnp.js", ".pnp.loader.mjs", ".pnp.data.json"),
    *(".yarn/cache", ".yarn/unplugged", ".yarn/install-state.gz", ".yarn/build-state.yml", ".yarn/berry"),
)
_NOTICE = re.compile(r"(readme|licen[cs]e|unlicen[cs]e|copying)([.-].*)?", re.IGNORECASE)
"""Files whose text classic puts into the manifest that it normalises; nothing of it is installed."""


def _effects(call: Call, place: Place) -> Effects:
    given = parse("yarn", call.args, _SYNTAX)
    if given.has("-v", "--version", "-h", "--help"):
        return NONE
    command, *rest = given.words or ("install",)
    if (command == "install" and not rest) or (command, *rest[:1]) == ("workspaces", "focus"):
        return _install(place, given, focus=command == "workspaces")
    if (command, *rest[:1]) == ("global", "add"):
        return global_install(call, place, tuple(rest[1:]))
    base = Effects(
        reads=upwards(place.cwd, ".yarnrc", ".yarnrc.yml", ".npmrc", "package.json", ".yarn"), env=NODE
    )
    if (command, *rest[:1]) == ("cache", "clean"):
        return base | Effects(writes=_caches(place) | {join(place.cwd, ".yarn/cache")})
    if (command, *rest[:1]) == ("config", "set"):
        files = frozenset(join(home, name) for home in homes(place) for name in (".yarnrc", ".yarnrc.yml"))
        return base | Effects(writes=files | {join(place.cwd, ".yarnrc.yml")})
    raise Unclear(f"`yarn {' '.join([command, *rest[:1]])}` may run code of the project")


def _caches(place: Place) -> frozenset[str]:
    """Classic's cache is /usr/local/share/.cache for root."""
    found = {"/usr/local/share/.cache", "/usr/local/share/.config", "/usr/local/share/.yarnrc"} | caches(
        place
    )
    found |= {join(home, name) for home in homes(place) for name in (".yarn", ".yarnrc")}
    found |= {
        place.absolute(place.env[n]) for n in ("YARN_CACHE_FOLDER", "YARN_GLOBAL_FOLDER") if place.env.get(n)
    }
    return frozenset(found)


def _install(place: Place, given: Parsed, *, focus: bool) -> Effects:
    root = place.cwd
    table = manifest(place, root)
    lock_file = join(root, "yarn.lock")
    lock = required(place, lock_file)
    _check_environment(place)
    rc = _settings(place, root)
    own = npm_settings(place, root)
    scripts = not (given.has("--ignore-scripts") or given.last("--mode") == "skip-build")
    inside = members(place, root, table.texts("workspaces") or table.table("workspaces").texts("packages"))
    immutable = given.has("--frozen-lockfile", "--immutable") or given.has("--pure-lockfile")
    effects = surroundings(place, root) | rc
    for directory in (root, *inside):
        effects |= own_package(
            place, directory, scripts=scripts, bins=directory != root or "__metadata:" in lock
        )
        effects |= local_dependencies(place, directory, manifest(place, directory), scripts=scripts)
        if not immutable:
            effects |= Effects(writes=frozenset({join(directory, "package.json")}))
    if scripts:
        effects |= third_party_scripts(_locked(lock), listed=False)
    written = frozenset() if immutable and not focus else frozenset({lock_file})
    modules = frozenset(join(directory, "node_modules") for directory in (root, *inside))
    state = frozenset(join(root, name) for name in _STATE)
    looked = (
        ".npmrc",
        "npm-shrinkwrap.json",
        "package-lock.json",
        ".yarnclean",
        ".env.yarn",
        "yarn.json",
    )
    # no program reads the directory as such: new files in it need a line in a manifest or in .yarnrc.yml
    own_files = frozenset(place.below(join(root, ".yarn")))
    effects |= Effects(
        reads=own.files
        | own_files
        | modules
        | state
        | {lock_file}
        | frozenset(join(root, name) for name in looked),
        writes=modules | state | written | _caches(place),
        env=NODE | own.variables | ANY_BUT_STAMPS | {"YARN_*", "BERRY_*"},
        makes_links=True,
    )
    notices = frozenset(
        path
        for path in place.below(root)
        if posixpath.dirname(path) in (root, *inside) and _NOTICE.fullmatch(posixpath.basename(path))
    )
    effects |= Effects(reads=notices | upwards(root, "node_modules", ".npmrc", ".yarn-metadata.json"))
    return likely(effects, *own.doubts)


def _locked(lock: str) -> set[str]:
    """Package names of a yarn.lock of either kind."""
    return set(re.findall(r'^"?(@?[^@\s",]+)@', lock, re.MULTILINE))


def _check_environment(place: Place) -> None:
    for name in place.env:
        if name in (
            "YARN_RC_FILENAME",
            "YARN_CACHE_FOLDER_OVERRIDE",
            "YARN_LOCKFILE_FILENAME",
            "YARN_PLUGINS",
            "YARN_YARN_PATH",
        ):
            raise Unclear(f"variable `{name}` changes which files yarn reads")


def _settings(place: Place, root: str) -> Effects:
    """https://classic.yarnpkg.com/en/docs/yarnrc and https://yarnpkg.com/configuration/yarnrc, upwards."""
    directories = (*parents(root), *sorted(homes(place)))
    old = [join(each, ".yarnrc") for each in directories]
    new = [join(each, ".yarnrc.yml") for each in directories]
    effects = Effects(reads=frozenset((*old, *new)))
    texts, doubts = settings(place, sorted({*old, *new}))
    for path, text in texts.items():
        effects |= _classic(path, text) if path.endswith(".yarnrc") else _modern(path, text)
    return likely(effects, *doubts)


def _classic(path: str, text: str) -> Effects:
    effects = NONE
    for raw in text.splitlines():
        key, _, value = raw.strip().partition(" ")
        key = key.strip('"')
        file = join(path.rpartition("/")[0] or "/", value.strip().strip("\"'"))
        if key in ("yarn-path", "yarn-offline-mirror"):
            writes = frozenset({file}) if key == "yarn-offline-mirror" else frozenset()
            effects |= Effects(reads=frozenset({file}), writes=writes)
        elif key and not key.startswith(("#", "--install.", "@")) and key not in _RC_KEYS:
            raise Unclear(f"`{path}` sets `{key}`, which may name files")
    return effects


def _modern(path: str, text: str) -> Effects:
    found = sections(text, path)
    for key in found:
        if key not in _YML_KEYS:
            raise Unclear(f"`{path}` sets `{key}`, which may name files")
    directory = path.rpartition("/")[0] or "/"
    files = [
        value
        for value in (*found.get("yarnPath", ()), *found.get("plugins", ()))
        if value.endswith((".cjs", ".js"))
    ]
    effects = Effects(
        reads=frozenset(join(directory, file) for file in files),
        env=frozenset(re.findall(r"\$\{(\w+)", text)),
    )
    foreign = [f for f in found.get("plugins", ()) if f.endswith(".cjs") and "/plugins/@yarnpkg/" not in f]
    return likely(
        effects, *(f"Yarn's plugin `{file}` is code, which may read other files." for file in foreign)
    )


effects = guarded(_effects)
