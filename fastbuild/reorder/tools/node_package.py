"""package.json files: workspaces, local dependencies, scripts that an installation runs, programs it links.

https://docs.npmjs.com/cli/v11/configuring-npm/package-json and
https://docs.npmjs.com/cli/v11/using-npm/scripts#life-cycle-scripts
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import COMMON, GIT
from fastbuild.reorder.tools.known import (
    SHIMS,
    Table,
    join,
    json_table,
    likely,
    optional,
    parents,
    required,
    upwards,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fastbuild.reorder.effects import Place

NODE = (
    COMMON
    | GIT
    | frozenset({"NODE_*", "NPM_*", "NODE", "COREPACK_*", "NVM_*", "FNM_*", "N_PREFIX", "VOLTA_HOME", "UV_*"})
)
"""https://nodejs.org/api/cli.html#environment-variables; npm reads `npm_config_*` in any case."""

SCRIPTS = (
    *("preinstall", "install", "postinstall", "prepublish", "preprepare", "prepare", "postprepare"),
    *("dependencies", "pnpm:devPreinstall", "postdependencies", "predependencies"),
)
"""What an installation runs of the project's own packages."""

_DEPENDENCIES = (
    "dependencies",
    "devDependencies",
    "optionalDependencies",
    "peerDependencies",
    "overrides",
    "resolutions",
)
_ONLY_ALLOW = re.compile(r"npx (-y |--yes )?only-allow (npm|pnpm|yarn|bun)")
_HUSKY = re.compile(r"husky( install)?( \|\| (true|exit 0|:))?")


def manifest(place: Place, directory: str) -> Table:
    """A directory's package.json. Raises Unclear when it isn't one from the context."""
    path = join(directory, "package.json")
    return json_table(required(place, path), path)


def surroundings(place: Place, directory: str) -> Effects:
    """package.json of the directories above, where npm and yarn look for a workspace that holds this one.

    Raises Unclear when there is one.
    """
    for above in parents(directory)[1:]:
        text = optional(place, join(above, "package.json"))
        if text is not None and "workspaces" in json_table(text, join(above, "package.json")).values:
            raise Unclear(f"`{directory}` may belong to a workspace of `{above}`")
    return Effects(reads=upwards(directory, "package.json", *SHIMS), env=NODE)


def members(place: Place, root: str, patterns: Iterable[str]) -> tuple[str, ...]:
    """Directories of packages that match workspace patterns; too many where a pattern is hard to read."""
    found: set[str] = set()
    packages = [
        posixpath.dirname(path)
        for path in place.below(root)
        if path.endswith(("/package.json", "/package.yaml", "/package.json5"))
        and "/node_modules/" not in path
    ]
    for pattern in patterns:
        text = pattern.removeprefix("./").strip("/")
        if text.startswith("!"):
            continue
        if text.startswith("../"):
            raise Unclear(f"workspace pattern `{pattern}` leads out of `{root}`")
        special = re.search(r"[*?\[{(+@!]", text)
        fixed = text[: special.start()].rpartition("/")[0] if special else text
        if place.doubtful(join(root, fixed)):
            raise Unclear(f"`{join(root, fixed)}` may have been changed by an earlier step")
        matches = _matcher(text)
        found |= {
            each
            for each in packages
            if each != root and matches.fullmatch(each.removeprefix(root).lstrip("/"))
        }
    return tuple(sorted(found))


def _matcher(pattern: str) -> re.Pattern[str]:
    if re.search(r"[?\[{(+@!]", pattern):
        return re.compile(".*")
    escaped = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*\*", ".*").replace(r"\*", "[^/]*")
    return re.compile(escaped)


def own_package(place: Place, directory: str, *, scripts: bool, bins: bool) -> Effects:
    """What installing a package of the context needs beyond its package.json's text.

    `scripts`: whether install scripts may run; one that does raises Unclear, for it may read any file.
    `bins`: whether its programs get linked, which makes them executable.
    """
    table = manifest(place, directory)
    effects = Effects(reads=frozenset({join(directory, name) for name in ("package.json", "binding.gyp")}))
    for odd in ("package.yaml", "package.json5"):
        effects |= Effects(reads=frozenset({join(directory, odd)}))
        if optional(place, join(directory, odd)) is not None:
            raise Unclear(f"`{join(directory, odd)}` is a form of package.json that fastbuild doesn't read")
    if bins:
        programs = frozenset(join(directory, path) for path in _programs(table))
        effects |= Effects(reads=programs, writes=programs)
    return effects | _scripts(place, directory, table) if scripts else effects


def _programs(table: Table) -> Iterator[str]:
    bins = table.values.get("bin")
    if isinstance(bins, str):
        yield bins
    elif isinstance(bins, dict):
        yield from (each for each in bins.values() if isinstance(each, str))
    if directory := table.table("directories").text("bin"):
        yield directory


def _scripts(place: Place, directory: str, table: Table) -> Effects:
    effects = NONE
    given = table.table("scripts")
    for name in SCRIPTS:
        text = given.text(name).strip()
        if not text or _ONLY_ALLOW.fullmatch(text):
            continue
        if _HUSKY.fullmatch(text) and not _has_git(place, directory):
            doubt = f"The `{name}` script `{text}` is believed to do nothing where there is no .git."
            effects |= likely(Effects(reads=upwards(directory, ".git") | {join(directory, ".husky")}), doubt)
            continue
        raise Unclear(f"`{join(directory, 'package.json')}` has a `{name}` script, which may read any file")
    gyp = join(directory, "binding.gyp")
    if optional(place, gyp) is not None and not given.text("install") and not given.text("preinstall"):
        raise Unclear(f"`{gyp}` has npm compile the package's sources")
    return effects


def _has_git(place: Place, directory: str) -> bool:
    return any(
        place.exists(path) or bool(place.below(path)) or place.doubtful(path)
        for path in upwards(directory, ".git")
    )


def local_dependencies(place: Place, directory: str, table: Table, *, scripts: bool) -> Effects:
    """`file:`, `link:`, `portal:` and `patch:` dependencies of one package.json, and of those in turn.

    https://docs.npmjs.com/cli/v11/configuring-npm/package-json#local-paths,
    https://yarnpkg.com/protocols
    """
    effects = NONE
    pending = [(directory, value) for value in specifiers(table)]
    seen: set[str] = set()
    while pending:
        base, value = pending.pop()
        path = _local_path(value, base, directory)
        if path is None or path in seen:
            continue
        seen.add(path)
        effects |= Effects(reads=frozenset({path}))
        if place.read(join(path, "package.json")) is None:
            if not place.exists(path) or place.below(path) not in ((), (path,)):
                raise Unclear(f"local dependency `{path}` has no package.json from the context")
            continue
        effects |= own_package(place, path, scripts=scripts, bins=True) | Effects(writes=frozenset({path}))
        pending += [(path, each) for each in specifiers(manifest(place, path))]
    return effects


def specifiers(table: Table) -> Iterator[str]:
    """All version texts of a package.json, those of overrides at any depth included."""
    for holder in (table, table.table("pnpm")):
        for name in _DEPENDENCIES:
            yield from _strings(holder.values.get(name))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)


def _local_path(value: str, base: str, root: str) -> str | None:
    """The path that a version text names, None for what comes from a registry or git."""
    if value.startswith("patch:"):
        _, _, tail = value.partition("#")
        path = unquote(tail.partition("::")[0])
        if path.startswith(("~builtin", "builtin", "optional!builtin")) or not path:
            return None
        path = path.removeprefix("optional!")
        return join(root, path[2:]) if path.startswith("~/") else join(base, path)
    for scheme in ("file:", "link:", "portal:"):
        if value.startswith(scheme):
            path = unquote(value[len(scheme) :].partition("#")[0].partition("::")[0])
            return join(base, re.sub(r"^//(?=/)|^//(?=\.)", "", path))
    if value.startswith(("./", "../", "/", "~/")) or value in (".", ".."):
        return join(base, value)
    if value.startswith("exec:") or (value.endswith((".tgz", ".tar.gz", ".tar")) and "://" not in value):
        raise Unclear(f"dependency `{value}` is of a form fastbuild doesn't know")
    return None


def project_code(place: Place, path: str) -> Effects:
    """A settings file that is code (`.pnpmfile.cjs`): a doubt where it exists."""
    effects = Effects(reads=frozenset({path}))
    if optional(place, path) is None:
        return effects
    return likely(effects, f"`{path}` is code, which may read other files.")
