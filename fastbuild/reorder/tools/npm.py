"""npm: https://docs.npmjs.com/cli/v11/commands/npm-ci

Traced with npm 11: package.json of all directories above, .npmrc, the lock files, workspace members'
package.json, binding.gyp. Members' programs are made executable (bin-links), package-lock.json is written by
`npm install` even when nothing changes. npm records `hasInstallScript` in package-lock.json.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS
from fastbuild.reorder.tools.known import (
    SHIMS,
    Table,
    guarded,
    join,
    json_table,
    likely,
    optional,
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
from fastbuild.reorder.tools.node_scripts import READS_NOTHING, third_party_scripts
from fastbuild.reorder.tools.npmrc import NpmSettings, npm_settings
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.python import environments, homes

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

SYNTAX = Syntax(
    flags=names(
        "-g --global --ignore-scripts --production --no-optional --no-audit --no-fund --no-save --save -S"
        " -D --save-dev -E --save-exact --legacy-peer-deps --strict-peer-deps --force -f --prefer-offline"
        " --offline --prefer-online --silent -s --quiet -q --verbose -d --no-progress --no-package-lock"
        " --package-lock-only --no-update-notifier --unsafe-perm --no-bin-links --audit --fund --progress"
        " --only=prod --only=production --dry-run --foreground-scripts -y --yes --workspaces --no-color"
        " --color -v --version -h --help --allow-root --no-production --all --global-style"
        " --install-strategy --loglevel --omit --include --registry --only --no-shrinkwrap --engine-strict"
        " --no-dev --also"
    ),
    values=names(
        "--cache --fetch-timeout --fetch-retries --maxsockets --fetch-retry-maxtimeout"
        " --fetch-retry-mintimeout"
    ),
)
_MAYBE_SPACED = names("--loglevel --omit --include --registry --only --install-strategy --also")
_INSTALL = names("install i in ins inst add isntall ci clean-install ic install-clean")
_CLEAN = names("ci clean-install ic install-clean")
_TRUSTED_PROGRAMS = READS_NOTHING | names(
    "npm pnpm yarn corepack typescript serve http-server nodemon rimraf cross-env ts-node grunt-cli"
    " gulp-cli pm2 turbo node-gyp npm-check-updates concurrently eslint prettier bower tsx vite @nestjs/cli"
    " lerna ts-node-dev npm-run-all dotenv-cli"
)
"""Packages often installed with -g that have no install script that reads the current directory."""


def _effects(call: Call, place: Place) -> Effects:
    given = parse("npm", _joined(call.args), SYNTAX)
    if given.has("-v", "--version", "-h", "--help") or not given.words:
        return NONE
    command, *rest = given.words
    if command in _INSTALL:
        if given.has("-g", "--global"):
            return global_install(call, place, tuple(rest))
        return _install(place, given, command, tuple(rest))
    base = Effects(reads=frozenset({join(place.cwd, ".npmrc")}) | upwards(place.cwd, *SHIMS), env=NODE)
    if command == "cache":
        return base | Effects(writes=caches(place))
    if command in ("config", "set") and "project" not in " ".join(given.words):
        return base | Effects(
            writes=frozenset(join(h, ".npmrc") for h in homes(place)) | {"/usr/etc", "/usr/local/etc"}
        )
    raise Unclear(
        f"`npm {command}` may run code of the project"
        if "run" in command
        else f"`npm {command}` is not known"
    )


def _joined(args: tuple[str, ...]) -> tuple[str, ...]:
    """`--omit dev` → `--omit=dev`."""
    found: list[str] = []
    for word in args:
        if found and found[-1] in _MAYBE_SPACED and not word.startswith("-"):
            found[-1] += f"={word}"
        else:
            found.append(word)
    return tuple(found)


def caches(place: Place) -> frozenset[str]:
    """npm's cache and logs, what install scripts download, and node-gyp's headers."""
    found = {
        join(home, name)
        for home in homes(place)
        for name in (".npm", ".cache", ".config/configstore", ".local", ".node-gyp")
    }
    found |= {
        place.absolute(v)
        for k, v in place.env.items()
        if k.lower() in ("npm_config_cache", "xdg_cache_home") and v
    }
    return frozenset(found)


def global_install(call: Call, place: Place, packages: tuple[str, ...]) -> Effects:
    """`npm install -g x`: no file of the project but .npmrc (npm 6; later ones not even that, as traced)."""
    names_ = []
    for package in packages:
        if package.startswith((".", "/", "file:", "~")) or package.endswith((".tgz", ".tar.gz")):
            raise Unclear(f"`{package}` is a local package")
        names_.append(package[0] + package[1:].partition("@")[0])
    if not packages:
        raise Unclear("`npm install -g` installs the current directory")
    own = npm_settings(place, place.cwd)
    prefixes = {
        v for k, v in place.env.items() if k.lower() in ("npm_config_prefix", "pnpm_home", "nvm_dir") and v
    }
    prefixes |= {
        join(home, n) for home in homes(place) for n in (".nvm", ".npm-global", ".volta", ".bun", ".yarn")
    }
    effects = Effects(
        reads=own.files | upwards(place.cwd, *SHIMS),
        writes=environments(call, place) | caches(place) | prefixes,
        env=NODE | own.variables | ANY_BUT_STAMPS,
        makes_links=True,
    )
    odd = [name for name in names_ if name not in _TRUSTED_PROGRAMS]
    return likely(effects | third_party_scripts(odd, listed=True), *own.doubts)


def _install(place: Place, given: Parsed, command: str, rest: tuple[str, ...]) -> Effects:
    if rest:
        raise Unclear(f"`npm {command} {rest[0]}` changes package.json")
    root = place.cwd
    table = manifest(place, root)
    own = npm_settings(place, root)
    scripts = not (given.has("--ignore-scripts") or own.ignore_scripts)
    inside = members(place, root, _patterns(table))
    effects = surroundings(place, root) | _lock(place, root, command, inside, scripts=scripts)
    for directory in (root, *inside):
        effects |= own_package(place, directory, scripts=scripts, bins=directory != root)
        effects |= local_dependencies(place, directory, manifest(place, directory), scripts=scripts)
    return likely(effects | _ground(place, root, inside, own), *own.doubts)


def _ground(place: Place, root: str, inside: tuple[str, ...], own: NpmSettings) -> Effects:
    modules = frozenset(join(directory, "node_modules") for directory in (root, *inside))
    return Effects(
        reads=own.files | modules | {join(root, "yarn.lock")} | upwards(root, "node_modules"),
        writes=modules | caches(place),
        env=NODE | own.variables,
        makes_links=True,
    )


def _patterns(table: Table) -> tuple[str, ...]:
    return table.texts("workspaces") or table.table("workspaces").texts("packages")


def _lock(place: Place, root: str, command: str, inside: tuple[str, ...], *, scripts: bool) -> Effects:
    """package-lock.json or npm-shrinkwrap.json: https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json"""
    files = tuple(join(root, name) for name in ("npm-shrinkwrap.json", "package-lock.json"))
    written = frozenset() if command in _CLEAN else frozenset(files)
    effects = Effects(reads=frozenset(files), writes=written, env=ANY_BUT_STAMPS if scripts else frozenset())
    path = next((file for file in files if optional(place, file) is not None), None)
    if path is None:
        if command in _CLEAN:
            raise Unclear(f"`{files[1]}` doesn't come from the build context")
        return effects | (third_party_scripts(None, listed=False) if scripts else NONE)
    packages = json_table(optional(place, path) or "", path).table("packages")
    with_scripts: list[str] = []
    for key in packages.values:
        entry = packages.table(key)
        name = key.rpartition("node_modules/")[2]
        if entry.values.get("link") is True:
            _check_link(join(root, entry.text("resolved")), path, inside, place)
        elif entry.text("resolved").startswith("file:"):
            effects |= Effects(reads=frozenset({join(root, entry.text("resolved")[5:])}))
        if entry.values.get("hasInstallScript") is True and "node_modules/" in key and _for_linux(entry):
            with_scripts.append(entry.text("name") or name)
    if scripts:
        effects |= third_party_scripts(with_scripts, listed=bool(packages.values))
    return effects if with_scripts or not packages.values else _without_scripts(effects)


def _without_scripts(effects: Effects) -> Effects:
    return Effects(reads=effects.reads, writes=effects.writes, trust=effects.trust, doubts=effects.doubts)


def _for_linux(entry: Table) -> bool:
    """Whether a package with an `os` list is installed on Linux."""
    systems = entry.texts("os")
    return not systems or ("linux" in systems or any(s.startswith("!") and s != "!linux" for s in systems))


def _check_link(directory: str, path: str, inside: tuple[str, ...], place: Place) -> None:
    """A linked package is a member or a `file:` dependency; both are looked at through package.json files."""
    if directory not in inside and place.read(join(directory, "package.json")) is None:
        raise Unclear(f"`{path}` links `{directory}`, which has no package.json from the context")


effects = guarded(_effects)


def _corepack(call: Call, place: Place) -> Effects:
    """`corepack enable`, `corepack prepare pnpm@9 --activate`: https://github.com/nodejs/corepack#readme

    It reads `packageManager` of the nearest package.json; `use` and `up` change it.
    """
    given = parse(
        "corepack",
        call.args,
        Syntax(flags=names("--activate -g --global"), values=names("--install-directory")),
    )
    command, *rest = given.words or ("",)
    if command not in ("enable", "disable", "prepare", "install") or any("/" in word for word in rest):
        raise Unclear(f"`corepack {command}` is not a command fastbuild knows")
    homes_ = frozenset(place.absolute(place.env[name]) for name in ("COREPACK_HOME",) if place.env.get(name))
    targets = frozenset(place.absolute(path) for path in given.all("--install-directory"))
    return Effects(
        reads=upwards(place.cwd, "package.json", ".corepack.env", *SHIMS),
        writes=environments(call, place) | caches(place) | homes_ | targets,
        env=NODE,
        makes_links=True,
    )


corepack = guarded(_corepack)
