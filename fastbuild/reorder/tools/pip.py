"""pip: https://pip.pypa.io/en/stable/cli/

What pip reads was traced with strace (tests/live/test_tools_read.py): the requirements files, `https:` as a
path that doesn't exist, and rustup's files through `rustc --version`. Where pip takes its paths from
distutils (before Python 3.10), that reads setup.cfg of the current directory.
"""

from __future__ import annotations

import configparser
from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS, GIT, PYTHON
from fastbuild.reorder.tools.known import (
    guarded,
    join,
    likely,
    settings,
)
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.python import environments, homes, imports, local_project, shims
from fastbuild.reorder.tools.requirements import Wanted, add_file, add_links, add_requirement

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_HARMLESS_FLAGS = names(
    "-q --quiet -v --verbose --no-cache-dir --disable-pip-version-check --no-input --isolated --no-color"
    " --require-virtualenv --break-system-packages -U --upgrade --force-reinstall -I --ignore-installed"
    " --ignore-requires-python --no-deps --no-build-isolation --use-pep517 --no-use-pep517 --compile"
    " --no-compile --no-warn-script-location --no-warn-conflicts --no-index --prefer-binary"
    " --require-hashes --pre --no-clean --user --no-user --dry-run --check-build-dependencies"
    " --root-user-action --debug --allow-external -y --yes --no-python-version-warning -V --version -h"
    " --help --no-require-hashes --editable-mode --exists"
)
_HARMLESS_VALUES = names(
    "-i --index-url --extra-index-url --pypi-url --trusted-host --timeout --default-timeout --retries"
    " --proxy --exists-action --use-feature --use-deprecated --progress-bar --upgrade-strategy --no-binary"
    " --only-binary --platform --python-version --implementation --abi --root-user-action"
    " --keyring-provider --global-option --install-option --build-option -C --config-setting"
    " --config-settings --resume-retries --uploaded-prior-to --all-releases --only-final"
)
_READ_VALUES = names(
    "-r --requirement -c --constraint -e --editable -f --find-links --build-constraint --cert --client-cert"
)
_WRITE_VALUES = names(
    "-t --target --prefix --root --src -d --dest --destination-directory -w --wheel-dir --log --log-file"
    " --local-log --report --cache-dir"
)
_SYNTAX = Syntax(flags=_HARMLESS_FLAGS, values=_HARMLESS_VALUES | _READ_VALUES | _WRITE_VALUES)
_READ_ONLY = names("list show freeze check debug help inspect index search hash")
_HARMLESS_SETTINGS = {o.lstrip("-") for o in _HARMLESS_FLAGS | _HARMLESS_VALUES if o.startswith("--")} | {
    "cache-dir"
}


def _effects(call: Call, place: Place) -> Effects:
    given = parse("pip", (*_from_environment(place), *call.args), _SYNTAX)
    command, *rest = given.words or ("",)
    legacy = {join(place.cwd, "setup.cfg")} | {join(home, ".pydistutils.cfg") for home in homes(place)}
    base = Effects(reads=imports(call, place) | shims(place) | legacy, env=PYTHON | {"PIP_*"})
    if command in _READ_ONLY or given.has("-V", "--version", "-h", "--help"):
        return base
    if command == "":
        return NONE
    if command == "cache":
        return base | Effects(writes=frozenset(join(home, ".cache/pip") for home in homes(place)))
    if command == "config":
        return base | Effects(writes=_config_files(place))
    if command == "uninstall" and not given.all("-r", "--requirement"):
        return base | Effects(writes=environments(call, place))
    if command not in ("install", "download", "wheel"):
        raise Unclear(f"`pip {command}` is not a command fastbuild knows")
    return base | _install(call, place, command, given, tuple(rest))


def _install(call: Call, place: Place, command: str, given: Parsed, rest: tuple[str, ...]) -> Effects:
    wanted = Wanted(unbuilt=":all:" in ",".join(given.all("--only-binary")).split(","))
    for path in given.all("-r", "--requirement", "-c", "--constraint", "--build-constraint"):
        add_file(path if "://" in path else place.absolute(path), place, wanted)
    for text in rest:
        add_requirement(text, place, wanted)
    for text in given.all("-e", "--editable"):
        add_requirement(text, place, wanted, editable=True)
    for value in given.all("-f", "--find-links"):
        add_links(value, place, wanted)
    for value in (*given.all("-i", "--index-url"), *given.all("--extra-index-url")):
        if value.startswith(("file:", "/", ".")):
            raise Unclear(f"index `{value}` is a local directory")
    wanted.reads |= {place.absolute(path) for path in given.all("--cert", "--client-cert")}
    if wanted.checkouts:
        wanted.reads.add(_checkouts(given, place))
    effects = Effects(
        reads=frozenset(wanted.reads),
        writes=_writes(call, place, command, given, wanted),
        env=(GIT if wanted.vcs else frozenset())
        | wanted.variables
        | (frozenset() if wanted.unbuilt else ANY_BUT_STAMPS),
    )
    for project in sorted(wanted.projects):
        effects |= local_project(project, place)
    return effects | configured(place)


def _writes(call: Call, place: Place, command: str, given: Parsed, wanted: Wanted) -> frozenset[str]:
    """Also what an installation to elsewhere leaves in caches. Temporary directories are gone at the end."""
    found = {place.absolute(value) for name, value in given.options if name in _WRITE_VALUES}
    found |= environments(call, place)
    if command == "download" and not given.all("-d", "--dest", "--destination-directory"):
        found.add(place.cwd)
    if command == "wheel" and not given.all("-w", "--wheel-dir"):
        found.add(place.cwd)
    if wanted.checkouts:
        found.add(_checkouts(given, place))
    return frozenset(found)


def _checkouts(given: Parsed, place: Place) -> str:
    """`<venv>/src`, or `src` of the current directory: https://pip.pypa.io/en/stable/topics/vcs-support/"""
    return place.absolute(given.last("--src") or "src")


def _from_environment(place: Place) -> tuple[str, ...]:
    """PIP_FIND_LINKS=a → --find-links=a: https://pip.pypa.io/en/stable/topics/configuration/#environment-variables

    Raises Unclear for an option that fastbuild doesn't know.
    """
    found: list[str] = []
    for name, value in sorted(place.env.items()):
        option = "--" + name[4:].lower().replace("_", "-")
        if (
            not name.startswith("PIP_")
            or name in _NOT_OPTIONS
            or option in _HARMLESS_FLAGS | _HARMLESS_VALUES
        ):
            continue
        if option not in _SYNTAX.values:
            raise Unclear(f"variable `{name}` is not one of pip's that fastbuild knows")
        values = [value] if option in _WRITE_VALUES else value.split()
        found += [f"{option}={each}" for each in values]
    return tuple(found)


_NOT_OPTIONS = names(
    "PIP_CONFIG_FILE PIP_VERSION PIP_DEFAULT_TIMEOUT PIP_ROOT_USER_ACTION PIP_NO_CACHE PIP_PYTHON_VERSION"
    " PIP_SHA256 PIP_DISABLE_PIP_VERSION_CHECK PIP_NO_CACHE_DIR PIP_GET_PIP_URL PIP_GET_PIP_SHA256"
    " PIP_PREFER_BINARY PIP_NO_WARN_SCRIPT"
)
"""Names of pip itself, and of Dockerfiles, that pip doesn't read as options, or that are harmless."""


def _config_files(place: Place) -> frozenset[str]:
    """https://pip.pypa.io/en/stable/topics/configuration/#location"""
    found = {"/etc/pip.conf", "/etc/xdg/pip/pip.conf", "/usr/pip.conf", "/usr/local/pip.conf"}
    for home in homes(place):
        found |= {join(home, ".pip/pip.conf"), join(home, ".config/pip/pip.conf")}
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if place.env.get(name):
            found.add(join(place.env[name], "pip.conf"))
    if place.env.get("XDG_CONFIG_HOME"):
        found.add(join(place.env["XDG_CONFIG_HOME"], "pip/pip.conf"))
    file = place.env.get("PIP_CONFIG_FILE", "")
    return frozenset(found | ({place.absolute(file)} if file and file != "/dev/null" else set()))


def configured(place: Place) -> Effects:
    """pip's settings files, for tools built on pip, too. Raises Unclear for one that may name files."""
    files = _config_files(place)
    environments_ = tuple(place.env[name] for name in ("VIRTUAL_ENV", "CONDA_PREFIX") if place.env.get(name))
    texts, doubts = settings(place, sorted(files), sure=("/usr", *environments_))
    for path, text in texts.items():
        reader = configparser.RawConfigParser()
        try:
            reader.read_string(text)
        except configparser.Error:
            raise Unclear(f"`{path}` is not a settings file of pip") from None
        for section in reader.sections():
            for key, value in reader.items(section):
                if key.replace("_", "-") not in _HARMLESS_SETTINGS or value.startswith(("file:", "/", ".")):
                    raise Unclear(f"`{path}` sets `{key}`, which may name files")
    netrc = frozenset(join(home, ".netrc") for home in homes(place))
    return likely(Effects(reads=files | netrc), *doubts)


effects = guarded(_effects)
