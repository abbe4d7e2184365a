"""What every program written in Python reads, and where installers of packages write."""

from __future__ import annotations

import posixpath
import sys
from typing import TYPE_CHECKING

from fastbuild.hierarchy import covers
from fastbuild.reorder.effects import Effects
from fastbuild.reorder.tools.known import RUST_SHIMS, SHIMS, guarded, join, own_build, upwards
from fastbuild.reorder.tools.options import Syntax, names, parse

if TYPE_CHECKING:
    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_BELOW_PREFIX = (
    *("bin", "sbin", "lib", "lib64", "include", "share", "etc", "man", "doc", "libexec", "pyvenv.cfg"),
    "local",
)
"""A prefix's directories in sysconfig's schemes, and those that wheels' data_files use; not /usr/src.

https://docs.python.org/3/library/sysconfig.html#installation-paths
"""

_SHADOWS = frozenset(sys.stdlib_module_names) | names(
    "pip setuptools wheel pkg_resources _distutils_hack sitecustomize usercustomize keyring truststore"
    " brotli brotlicffi socks h2 uv poetry pipenv virtualenv distlib filelock platformdirs packaging"
    " certifi idna requests urllib3 cryptography charset_normalizer chardet colorama rich tomli"
    " typing_extensions importlib_metadata importlib_resources zipp distutils imp asyncore asynchat smtpd"
    " telnetlib cgi cgitb"
)
"""Modules that an installer may import, of any Python: one of that name in a directory before it wins."""

VENV = Syntax(
    flags=names(
        "--system-site-packages --symlinks --copies --clear --upgrade --without-pip --upgrade-deps"
        " --without-scm-ignore-files --no-download --download --always-copy --no-setuptools --no-wheel"
        " --no-pip -q -v --quiet --verbose"
    ),
    values=names("--prompt -p --python"),
)


def homes(place: Place) -> frozenset[str]:
    """$HOME, and root's for what sudo runs."""
    return frozenset({place.home, "/root"})


def search_paths(call: Call, place: Place) -> tuple[str, ...]:
    """Directories that stand before the standard library: PYTHONPATH, and the current one for `-m`.

    https://docs.python.org/3/library/sys_path_init.html
    """
    found = [place.absolute(part or ".") for part in place.env.get("PYTHONPATH", "").split(":") if part]
    if " " in call.words[0].text:  # wrappers.unwrap took off `python -m`
        found.append(place.cwd)
    return tuple(found)


def imports(call: Call, place: Place) -> frozenset[str]:
    """Files of the context that Python would import instead of an installer's, or count as installed.

    Only those that exist: an installer that finds one more breaks or changes, and did so before.
    """
    found: set[str] = set()
    for directory in search_paths(call, place):
        for path in place.below(directory):
            first = path.removeprefix(directory).lstrip("/").partition("/")[0]
            if first.partition(".")[0] in _SHADOWS or first.endswith(
                (".egg-info", ".dist-info", ".egg", ".egg-link")
            ):
                found.add(join(directory, first))
    return frozenset(found)


def environments(call: Call, place: Place) -> frozenset[str]:
    """Where an installer of unknown interpreter writes: prefixes, environments, user's site, caches."""
    found = {join(prefix, name) for prefix in ("/usr", "/usr/local") for name in _BELOW_PREFIX}
    for home in homes(place):
        found |= {
            join(home, name)
            for name in (".local", ".cache", ".pyenv", ".conda", ".rustup", ".cargo/registry")
        }
    found |= {place.absolute(v) for name, v in place.env.items() if name in _DIRECTORIES and v}
    program = call.words[0].text.split(" ")[0]
    if "/" in program:
        found.add(posixpath.dirname(posixpath.dirname(place.absolute(program))) or "/")
    return frozenset((found | {"/var/lang"} | _prefixes_of_path(place)) - {"/", "/usr", "/usr/local"})


_DIRECTORIES = names(
    "VIRTUAL_ENV CONDA_PREFIX XDG_CACHE_HOME XDG_DATA_HOME XDG_CONFIG_HOME PIP_CACHE_DIR PYTHONUSERBASE"
)


def _prefixes_of_path(place: Place) -> frozenset[str]:
    """Prefixes that PATH names: /opt/venv of /opt/venv/bin; /opt, where the base's PATH is not known."""
    path = place.env.get("PATH")
    if path is None:
        return frozenset({"/opt"})
    entries = [part.rstrip("/") for part in path.split(":") if part.startswith("/")]
    return frozenset(
        posixpath.dirname(e) or "/" for e in entries if posixpath.basename(e) in ("bin", "sbin", "shims")
    )


def shims(place: Place) -> frozenset[str]:
    """Files of version managers; pip asks `rustc --version` for its user agent, which is rustup's shim."""
    return upwards(place.cwd, *SHIMS, *RUST_SHIMS)


def local_project(directory: str, place: Place) -> Effects:
    """`pip install .`, or an archive: built in its directory, or unpacked."""
    if place.exists(directory) and not place.below(directory):
        return Effects(reads=frozenset({directory}))
    if not any(covers(directory, path) and path != directory for path in place.below(directory)):
        return Effects(reads=frozenset({directory}))
    return own_build(directory, place)


def _venv(call: Call, place: Place) -> Effects:
    """`python -m venv DIR`, `virtualenv DIR`: https://docs.python.org/3/library/venv.html

    `bin/python` is a link to the interpreter.
    """
    given = parse(call.name, call.args, VENV)
    targets = frozenset(place.absolute(word) for word in given.words)
    from fastbuild.reorder.tools.environment import PYTHON

    seeds = frozenset(join(home, ".local/share/virtualenv") for home in homes(place))
    return Effects(
        reads=targets | imports(call, place) | shims(place),
        writes=targets | seeds | frozenset(join(home, ".cache") for home in homes(place)),
        env=PYTHON | {"PIP_*", "VIRTUALENV_*"},
        makes_links=True,
    )


venv = guarded(_venv)
