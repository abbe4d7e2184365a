"""Files that settings and variables name: the program that looks at them reads those files, too.

`signed-by=/app/own.gpg` in a source list, `sslCAInfo = /app/own.pem` in .gitconfig, `-I/app/include` in
CFLAGS. Only absolute paths are found, and only in settings that COPYs brought; what a RUN wrote is a doubt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.reorder.place import At

_SETTINGS = (
    *("/etc/apt", "/etc/apk", "/etc/yum.repos.d", "/etc/dnf", "/etc/gitconfig", "/etc/ssh", "/etc/wgetrc"),
    *("/etc/gemrc", "/usr/local/cargo/config", "/usr/local/cargo/config.toml"),
)
_PERSONAL = (
    *(".gitconfig", ".config/git", ".ssh", ".curlrc", ".config/curlrc", ".wgetrc", ".gemrc"),
    *(".cargo/config", ".cargo/config.toml"),
)
_WRITTEN = (".gitconfig", ".curlrc", ".wgetrc", ".gemrc", ".ssh/config")
_NAMING = re.compile(
    r"(?:CGO_)?(?:C|CPP|CXX|F|LD|RUST)FLAGS|CPATH|\w*(?:INCLUDE|LIBRARY)_(?:PATH|DIR)S?|PKG_CONFIG_PATH|RUBYLIB"
    r"|GIT_(?:SSH\w*|SSL\w+|CONFIG\w*|TEMPLATE_DIR)|NODE_OPTIONS|JAVA_TOOL_OPTIONS|(?:MAVEN|GRADLE|RUBY)_?OPTS?"
)
"""Variables of the tools' compilers and helpers; each tool's module knows its own."""
_PATH = re.compile(r"(?:(?<![\w.:/-])|(?<=-[A-Za-z])|(?<=file://))/[\w.+@%-][\w.+@%/-]*")


def named_files(at: At) -> frozenset[str]:
    """Absolute paths in settings that COPYs brought and in variables; some may be no paths at all."""
    return frozenset(at.absolute(path) for text in _texts(at) for path in _PATH.findall(text))


def rewritten(at: At) -> tuple[str, ...]:
    """A doubt for each file of personal settings that a RUN may have written."""
    home = at.home.rstrip("/")
    written = (path for name in _WRITTEN if at.doubtful(path := f"{home}/{name}"))
    return tuple(f"{path} was written by a RUN and may name files of the context" for path in written)


def _texts(at: At) -> Iterator[str]:
    home = at.home.rstrip("/")
    for root in (*_SETTINGS, *(f"{home}/{name}" for name in _PERSONAL)):
        for path in (root, *at.below(root)):
            yield _brought(path, at).replace("~/", home + "/")
    for name, value in at.env.items():
        if _NAMING.fullmatch(name):
            yield from value.split(":")


def _brought(path: str, at: At) -> str:
    """What the last COPY brought, even where another step may have changed it: more paths only keep more."""
    name = at.laid.files.get(path)
    raw = at.laid.context.read(name) if name is not None and at.laid.context else None
    return (raw or b"").decode(errors="replace")
