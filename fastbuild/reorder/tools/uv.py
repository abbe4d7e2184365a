"""uv: https://docs.astral.sh/uv/reference/cli/ and https://docs.astral.sh/uv/concepts/projects/layout/

Traced: `--no-install-project` still builds other members and path dependencies, and every command looks at
pyproject.toml, uv.toml and .python-version of the current directory and above. With --locked the metadata of
local projects are compared with uv.lock, which builds those whose metadata are dynamic.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS, GIT, PYTHON
from fastbuild.reorder.tools.known import (
    Table,
    guarded,
    join,
    likely,
    nearest,
    optional,
    own_build,
    parents,
    required,
    settings,
    toml_table,
    upwards,
)
from fastbuild.reorder.tools.options import Parsed, parse
from fastbuild.reorder.tools.python import environments, homes, local_project, shims
from fastbuild.reorder.tools.requirements import Wanted, add_file, add_links, add_requirement
from fastbuild.reorder.tools.uv_options import DIRECTORIES, FILES, SYNTAX, VARIABLES

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place


def _effects(call: Call, place: Place) -> Effects:
    for name in place.env:
        if name.startswith("UV_") and name not in VARIABLES and not name.startswith("UV_INDEX_"):
            raise Unclear(f"variable `{name}` is not one of uv's that fastbuild knows")
    given = parse("uv", call.args, SYNTAX)
    if given.has("-h", "--help", "-V", "--version") or not given.words:
        return NONE
    command, *rest = given.words
    if command in ("pip", "tool", "python", "cache"):
        command, rest = f"{command} {(rest or [''])[0]}", rest[1:]
    base = _always(call, place)
    if command in ("sync", "export"):
        return base | _sync(place, given, builds=command == "sync")
    if command in ("pip install", "pip sync"):
        return base | _pip(place, given, command, tuple(rest))
    if command in (
        "venv",
        "python install",
        "pip uninstall",
        "pip list",
        "pip freeze",
        "pip check",
        "cache clean",
        "cache prune",
    ):
        targets = frozenset(place.absolute(word) for word in rest) if command == "venv" else frozenset[str]()
        return base | Effects(reads=targets, writes=targets, env=PYTHON)
    if (
        command == "tool install"
        and not given.all("--with", *FILES)
        and not any("/" in word for word in rest)
    ):
        return base | Effects(env=ANY_BUT_STAMPS)
    raise Unclear(f"`uv {command}` is not a command fastbuild knows")


def _always(call: Call, place: Place) -> Effects:
    """Settings and workspace members that any command looks at; environments and caches it may change.

    https://docs.astral.sh/uv/concepts/configuration-files/
    """
    reads = upwards(place.cwd, "pyproject.toml", "uv.toml", ".python-version", ".python-versions", ".venv")
    own = frozenset(join(home, ".config/uv") for home in homes(place)) | {"/etc/uv/uv.toml"}
    writes = environments(call, place) | upwards(place.cwd, ".venv")
    named = [value for name, value in place.env.items() if name in DIRECTORIES and value]
    writes |= {join(each, value) for value in named for each in parents(place.cwd)}
    texts, doubts = settings(
        place, sorted(f for f in reads | own if f.endswith(".toml") and "pyproject" not in f)
    )
    for path, text in texts.items():
        _check_settings(toml_table(text, path), path)
    for directory in parents(place.cwd):
        path = join(directory, "pyproject.toml")
        if (text_ := optional(place, path)) is not None:
            table = toml_table(text_, path).table("tool", "uv")
            _check_settings(table, path)
            if "workspace" in table.values:
                for file in place.below(directory):
                    if file.endswith("/pyproject.toml"):
                        reads |= upwards(posixpath.dirname(file), "pyproject.toml")
    effects = Effects(
        reads=reads | own | shims(place), writes=writes, env=PYTHON | {"UV_*"}, makes_links=True
    )
    return likely(effects, *doubts)


def _check_settings(table: Table, path: str) -> None:
    addresses = [*table.texts("find-links"), *table.texts("extra-index-url"), table.text("index-url")]
    addresses += [index.text("url") for index in table.tables("index")]
    pip = table.table("pip")
    addresses += [*pip.texts("find-links"), *pip.texts("extra-index-url"), pip.text("index-url")]
    for address in addresses:
        if address and not address.startswith(("https://", "http://")):
            raise Unclear(f"`{path}` names `{address}` as an index, which may be a local directory")
    odd = {"target", "prefix", "output-file"} & set(pip.values)
    if odd:
        raise Unclear(f"`{path}` sets `{min(odd)}` for uv pip")


def _sync(place: Place, given: Parsed, *, builds: bool) -> Effects:
    root = nearest(place, "pyproject.toml")
    project_file, lock_file = join(root, "pyproject.toml"), join(root, "uv.lock")
    for above in parents(root)[1:]:
        if optional(place, join(above, "pyproject.toml")) is not None:
            raise Unclear(f"`{project_file}` may belong to a workspace of `{above}`")
    required(place, project_file)
    lock = toml_table(required(place, lock_file), lock_file)
    frozen = given.has("--frozen") or _set(place, "UV_FROZEN")
    locked = frozen or given.has("--locked", "--check") or _set(place, "UV_LOCKED")
    written = frozenset() if locked else frozenset({lock_file})
    written |= {place.absolute(path) for path in given.all("-o", "--output-file", "--cache-dir")}
    effects = Effects(reads=frozenset({project_file, lock_file}), writes=written, env=GIT | ANY_BUT_STAMPS)
    effects |= Effects(reads=frozenset({join(root, ".venv")}), writes=frozenset({join(root, ".venv")}))
    members = lock.table("manifest").texts("members")
    for package in lock.tables("package"):
        effects |= _package(package, root, place, given, frozen=frozen, builds=builds, members=members)
    return effects


def _package(
    package: Table,
    root: str,
    place: Place,
    given: Parsed,
    *,
    frozen: bool,
    builds: bool,
    members: tuple[str, ...],
) -> Effects:
    """What one entry of uv.lock needs: nothing of the context, or a local project's directory."""
    source = package.table("source")
    for kind in ("registry", "git", "url"):
        address = source.text(kind)
        if address:
            if kind == "registry" and "://" not in address:
                raise Unclear(f"`uv.lock` has a package of the local index `{address}`")
            return NONE
    path = (
        source.text("editable") or source.text("directory") or source.text("virtual") or source.text("path")
    )
    if not path:
        raise Unclear("`uv.lock` has a package with a source fastbuild doesn't know")
    directory = join(root, path)
    if source.text("path"):
        return Effects(reads=frozenset({directory}))
    reads = frozenset(join(directory, name) for name in ("pyproject.toml", "setup.py", "setup.cfg"))
    member = directory == root or package.text("name") in members
    if (
        builds
        and not source.text("virtual")
        and not _left_out(given, place, root=directory == root, member=member)
    ):
        return own_build(directory, place)
    if not frozen and not _static(place, directory):
        return own_build(directory, place)
    return Effects(reads=reads)


def _left_out(given: Parsed, place: Place, *, root: bool, member: bool) -> bool:
    def has(name: str) -> bool:
        return given.has(f"--no-install-{name}") or _set(place, f"UV_NO_INSTALL_{name.upper()}")

    return has("local") or (member and has("workspace")) or (root and has("project"))


def _static(place: Place, directory: str) -> bool:
    """Whether a project's metadata can be told without building it.

    https://packaging.python.org/en/latest/specifications/pyproject-toml/#dynamic
    """
    path = join(directory, "pyproject.toml")
    text = optional(place, path)
    project = toml_table(text, path).table("project") if text is not None else Table({})
    return bool(project.text("name")) and not project.texts("dynamic")


def _set(place: Place, name: str) -> bool:
    return place.env.get(name, "").lower() in ("1", "true", "yes", "on", "y", "t")


def _pip(place: Place, given: Parsed, command: str, rest: tuple[str, ...]) -> Effects:
    """`uv pip`, https://docs.astral.sh/uv/pip/: `uv pip sync` takes files, `install` requirements."""
    wanted = Wanted()
    files = [*given.all(*FILES), *(rest if command == "pip sync" else ())]
    for file in files:
        path = file if "://" in file else place.absolute(file)
        if path.endswith((".py", ".cfg", "/pylock.toml")):
            raise Unclear(f"`{path}` is not a file of requirements")
        if path.endswith(".toml"):
            _static_project(path, place, wanted)
        else:
            add_file(path, place, wanted)
    for text in rest if command == "pip install" else ():
        add_requirement(text, place, wanted)
    _pip_options(place, given, wanted)
    writes = frozenset(place.absolute(v) for v in given.all("-t", "--target", "--prefix", "--cache-dir"))
    effects = Effects(
        reads=frozenset(wanted.reads), writes=writes, env=GIT | wanted.variables | ANY_BUT_STAMPS
    )
    for project in sorted(wanted.projects):
        effects |= local_project(project, place)
    return effects


def _pip_options(place: Place, given: Parsed, wanted: Wanted) -> None:
    for text in given.all("-e", "--editable"):
        add_requirement(text, place, wanted, editable=True)
    for value in given.all("-f", "--find-links"):
        add_links(value, place, wanted)
    if given.all("--group"):
        raise Unclear("`uv pip --group` names groups of a pyproject.toml")
    for value in given.all("-i", "--index-url", "--extra-index-url", "--index", "--default-index"):
        if "://" not in value or "file:" in value:
            raise Unclear(f"index `{value}` may be a local directory")


def _static_project(path: str, place: Place, wanted: Wanted) -> None:
    """`uv pip install -r pyproject.toml`. Raises Unclear when a build or local sources are needed."""
    table = toml_table(required(place, path), path)
    if not path.endswith("/pyproject.toml") or table.table("project").texts("dynamic"):
        raise Unclear(f"`{path}` has metadata that only a build can tell")
    for source in table.table("tool", "uv", "sources").values.values():
        if not isinstance(source, dict) or not {"git", "url", "index"} & set(source):
            raise Unclear(f"`{path}` names local sources")
    text = str(table.table("project").values)
    if "file:" in text or "{root:uri}" in text:
        raise Unclear(f"`{path}` names local requirements")
    wanted.reads.add(path)


effects = guarded(_effects)
