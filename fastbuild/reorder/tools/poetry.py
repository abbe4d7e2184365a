"""Poetry and Pipenv: https://python-poetry.org/docs/cli/ and https://pipenv.pypa.io/en/latest/commands.html

Traced: `poetry install --no-root` builds path dependencies unless --no-directory, and reads their
pyproject.toml in either case; pipenv lists the directories where it looks for a Pipfile, and reads .env.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS, GIT, PYTHON
from fastbuild.reorder.tools.known import (
    Table,
    guarded,
    join,
    json_table,
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
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.pip import configured
from fastbuild.reorder.tools.python import environments, homes, imports, local_project, shims

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_POETRY = Syntax(
    flags=names(
        "--no-root --no-directory --sync --dry-run --all-extras --all-groups --compile --no-dev -q --quiet"
        " --ansi --no-ansi -n --no-interaction --no-plugins --no-cache -v -vv -vvv --verbose --unset"
        " --regenerate --no-update --remove-untracked -V --version -h --help --local"
    ),
    values=names("--without --with --only -E --extras"),
)
_PIPENV = Syntax(
    flags=names(
        "--system --deploy --dev -d --ignore-pipfile --skip-lock --pre --clear -q --quiet -v --verbose"
        " --keep-outdated --site-packages --no-site-packages --categories-only --rm --venv --version -h"
        " --help --extra-pip-args --python-only"
    ),
    values=names("--python --pypi-mirror -i --index --categories"),
)


def _poetry(call: Call, place: Place) -> Effects:
    given = parse("poetry", call.args, _POETRY)
    if given.has("-V", "--version", "-h", "--help") or not given.words:
        return NONE
    command = given.words[0]
    local = tuple(each for directory in parents(place.cwd) for each in (join(directory, "poetry.toml"),))
    own = frozenset(join(home, ".config/pypoetry") for home in homes(place))
    base = Effects(
        reads=imports(call, place) | shims(place) | own | frozenset(local),
        writes=environments(call, place) | _directories(place),
        env=PYTHON | {"POETRY_*"},
        makes_links=True,
    )
    if command == "config":
        return base | Effects(
            writes=own
            | (frozenset({join(place.cwd, "poetry.toml")}) if given.has("--local") else frozenset())
        )
    if command != "install":
        raise Unclear(f"`poetry {command}` is not a command fastbuild knows")
    texts, doubts = settings(place, local)
    for path, text in texts.items():
        toml_table(text, path)
    return likely(base | _poetry_install(place, given), *doubts)


def _directories(place: Place) -> frozenset[str]:
    """https://python-poetry.org/docs/configuration/"""
    found = {join(home, ".cache/pypoetry") for home in homes(place)}
    for name in ("POETRY_HOME", "POETRY_CACHE_DIR", "POETRY_VIRTUALENVS_PATH", "POETRY_DATA_DIR"):
        if place.env.get(name):
            found.add(place.absolute(place.env[name]))
    return frozenset(found) | upwards(place.cwd, ".venv")


def _poetry_install(place: Place, given: Parsed) -> Effects:
    root = nearest(place, "pyproject.toml")
    project_file, lock_file = join(root, "pyproject.toml"), join(root, "poetry.lock")
    project = toml_table(required(place, project_file), project_file)
    if project.table("tool", "poetry", "requires-plugins").values:
        raise Unclear(f"`{project_file}` requires plugins of Poetry, which may read any file")
    lock = toml_table(required(place, lock_file), lock_file)
    effects = Effects(
        reads=frozenset({project_file, lock_file, join(root, ".venv")}),
        writes=frozenset({join(root, ".venv")}),
        env=GIT | ANY_BUT_STAMPS,
    )
    if not given.has("--no-root") and project.table("tool", "poetry").values.get("package-mode") is not False:
        effects |= own_build(root, place)
    for package in lock.tables("package"):
        source = package.table("source")
        path = join(root, source.text("url"))
        if source.text("type") == "directory":
            static = frozenset(join(path, name) for name in ("pyproject.toml", "setup.py", "setup.cfg"))
            effects |= Effects(reads=static) if given.has("--no-directory") else own_build(path, place)
            if given.has("--no-directory") and optional(place, join(path, "pyproject.toml")) is None:
                effects |= own_build(path, place)
        elif source.text("type") == "file":
            effects |= local_project(path, place)
        elif source.text("type") in ("legacy", "git", "url", "") and not source.text("url").startswith(
            "file:"
        ):
            continue
        else:
            raise Unclear(f"`{lock_file}` has a package with a source fastbuild doesn't know")
    return effects | configured(place)


def _pipenv(call: Call, place: Place) -> Effects:
    given = parse("pipenv", call.args, _PIPENV)
    if given.has("--version", "-h", "--help") or not given.words:
        return NONE
    command, *rest = given.words
    odd = [
        name
        for name in place.env
        if name in ("PIPENV_PIPFILE", "PIPENV_DOTENV_LOCATION", "PIPENV_INSTALL_TIMEOUT_DIR")
    ]
    if command not in ("install", "sync") or rest or odd or given.has("--skip-lock"):
        raise Unclear("`pipenv " + " ".join([command, *rest, *odd]) + "` is not a command fastbuild knows")
    root = nearest(place, "Pipfile")
    pipfile, lockfile, dotenv = (join(root, name) for name in ("Pipfile", "Pipfile.lock", ".env"))
    lock = json_table(required(place, lockfile), lockfile)
    toml_table(required(place, pipfile), pipfile)
    exact = command == "sync" or given.has("--deploy", "--ignore-pipfile")
    effects = Effects(
        reads=upwards(place.cwd, "Pipfile")
        | {lockfile, dotenv, join(root, "pylock.toml"), join(root, ".venv")},
        writes=environments(call, place)
        | {join(root, ".venv")}
        | (frozenset() if exact else {lockfile, pipfile}),
        env=GIT | PYTHON | ANY_BUT_STAMPS,
        makes_links=True,
    )
    effects |= Effects(reads=imports(call, place) | shims(place)) | configured(place)
    for section, packages in lock.values.items():
        if section != "_meta" and isinstance(packages, dict):
            for entry in packages.values():
                effects |= _pipenv_package(entry, root, place)
    return effects


def _pipenv_package(entry: Any, root: str, place: Place) -> Effects:
    package = Table(entry if isinstance(entry, dict) else {})
    path = package.text("path") or package.text("file")
    if not path or path.startswith(("http://", "https://")):
        return NONE
    if "://" in path:
        raise Unclear(f"`Pipfile.lock` names `{path}`")
    return local_project(join(root, path), place)


poetry = guarded(_poetry)
pipenv = guarded(_pipenv)
