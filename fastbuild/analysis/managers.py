"""Package managers and build tools: which subcommand does what, and what it reads."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.arguments import LOCAL, after, positional, split
from fastbuild.analysis.commands import Action, Kind
from fastbuild.analysis.languages import TOOLS, pip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.dockerfile.shell import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Manager:
    """A system package manager: its options that take a value, and its subcommands."""

    name: str
    with_value: frozenset[str]
    verbs: Mapping[str, Kind]


_APT = Manager(
    name="apt",
    with_value=frozenset({"-t", "--target-release", "-o", "--option", "-c", "-a", "--host-architecture"}),
    verbs=MappingProxyType(
        {
            **dict.fromkeys(("install", "build-dep", "reinstall", "satisfy"), Kind.INSTALL),
            **dict.fromkeys(("upgrade", "dist-upgrade", "full-upgrade", "safe-upgrade"), Kind.UPGRADE),
            **dict.fromkeys(("clean", "autoclean", "autoremove", "purge", "remove"), Kind.CLEAN),
            "update": Kind.REFRESH,
        }
    ),
)
_APK = Manager(
    name="apk",
    with_value=frozenset(
        {"-t", "--virtual", "-X", "--repository", "-p", "--root", "--repositories-file", "--arch"}
    ),
    verbs=MappingProxyType(
        {
            "add": Kind.INSTALL,
            "update": Kind.REFRESH,
            "upgrade": Kind.UPGRADE,
            "del": Kind.CLEAN,
            "cache": Kind.CLEAN,
        }
    ),
)
_RPM_VERBS = MappingProxyType(
    {
        **dict.fromkeys(("install", "groupinstall", "localinstall", "builddep", "in"), Kind.INSTALL),
        **dict.fromkeys(("upgrade", "update", "distro-sync", "up", "dup", "patch"), Kind.UPGRADE),
        **dict.fromkeys(("clean", "autoremove", "remove", "erase"), Kind.CLEAN),
        **dict.fromkeys(("makecache", "refresh", "ref"), Kind.REFRESH),
    }
)
_RPM_VALUES = frozenset(
    {"-c", "--config", "-x", "--exclude", "--enablerepo", "--disablerepo", "--installroot"}
)
_RPM = {
    name: Manager(name=name, with_value=_RPM_VALUES, verbs=_RPM_VERBS)
    for name in ("dnf", "yum", "microdnf", "tdnf", "zypper")
}
SYSTEM: Mapping[str, Manager] = MappingProxyType(
    {
        **dict.fromkeys(("apt", "apt-get", "aptitude", "xx-apt", "xx-apt-get"), _APT),
        **dict.fromkeys(("apk", "xx-apk"), _APK),
        "dnf5": _RPM["dnf"],
        **_RPM,
    }
)
SYSTEM_WORDS = frozenset({"apt", "aptitude", "apk", "dnf", "dnf5", "yum", "microdnf", "tdnf", "zypper"})
"""What a RUN that uses one of these mentions."""
SYSTEM_TOOLS = frozenset(manager.name for manager in SYSTEM.values())
_INSTALLING = frozenset({"-i", "--install", "-U", "-ivh", "-Uvh", "--unpack"})


def classify(call: Call) -> Action:
    """What one unwrapped call does."""
    name = call.name
    if name in SYSTEM:
        return _system(SYSTEM[name], call)
    if name in _TOOLS:
        return _TOOLS[name](call)
    if re.match(r"pip[\d.]*$", name):
        return pip(call, call.args)
    kind = Kind.PLAIN if not call.words or name in _PLAIN else Kind.OTHER
    if name in ("dpkg", "rpm") and not any(arg in _INSTALLING or LOCAL.match(arg) for arg in call.args):
        kind = Kind.PLAIN
    return Action(kind=kind, tool=name, call=call, args=call.args)


def _system(manager: Manager, call: Call) -> Action:
    words = positional(call.args, manager.with_value)
    verb = words[0] if words else ""
    kind = manager.verbs.get(verb, Kind.OTHER)
    names = words[1:]
    rest = after(call.args, verb) if verb else ()
    return Action(
        kind=kind,
        tool=manager.name,
        call=call,
        args=rest,
        names=names,
        sources=any(LOCAL.match(name) for name in names) or any(r.operator == "<" for r in call.redirects),
    )


def _fetch(call: Call) -> Action:
    urls = tuple(arg for arg in call.args if re.match(r"[\"']?(https?|ftp)://", arg))
    return Action(kind=Kind.FETCH, tool=call.name, call=call, args=call.args, names=urls)


def _git(call: Call) -> Action:
    words = positional(
        call.args, split("-C -c -b --branch --depth -j --jobs --origin -o --filter --reference")
    )
    verb = words[0] if words else ""
    kind = Kind.CLONE if verb == "clone" else Kind.PLAIN if verb == "config" else Kind.OTHER
    return Action(kind=kind, tool="git", call=call, args=call.args, names=words[1:])


def _build(call: Call) -> Action:
    return Action(kind=Kind.BUILD, tool=call.name, call=call, args=call.args, sources=True)


_PLAIN = split(
    ". : [ [[ a2enmod add-apt-repository addgroup adduser apt-cache apt-key apt-mark arch awk basename "
    "cat cd chmod chown command cp cut date debconf-set-selections dirname dpkg-query dpkg-reconfigure "
    "echo exit export false find gpg grep groupadd gunzip gzip hash head id install ldconfig ln local "
    "locale-gen ls lsb_release md5sum mkdir mktemp mv printf pwd readonly return rm rmdir rpmkeys sed "
    "set sha256sum sha512sum sleep sort source sync tail tar tee test touch tr true type ulimit umask "
    "uname unset unzip update-alternatives update-ca-certificates useradd usermod wait which xz "
)
_TOOLS: Mapping[str, Callable[[Call], Action]] = MappingProxyType(
    {
        **TOOLS,
        "git": _git,
        **dict.fromkeys(("curl", "wget"), _fetch),
        **dict.fromkeys(
            ("make", "cmake", "ninja", "meson", "gcc", "g++", "clang", "rustc", "javac", "tsc"), _build
        ),
        **dict.fromkeys(
            ("configure", "bazel", "ant", "sbt", "mix", "stack", "cabal", "msbuild", "swift"), _build
        ),
    }
)
