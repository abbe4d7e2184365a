"""Language tools: which subcommand installs, builds or cleans, and which manifests an install reads."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from fastbuild.analysis.arguments import LOCAL, after, positional, split
from fastbuild.analysis.commands import Action, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastbuild.dockerfile.shell import Call

_PIP_VALUES = frozenset(
    {
        *(
            "-r",
            "--requirement",
            "-c",
            "--constraint",
            "-e",
            "--editable",
            "-i",
            "--index-url",
            "--extra-index-url",
        ),
        *(
            "-f",
            "--find-links",
            "-t",
            "--target",
            "--prefix",
            "--root",
            "--trusted-host",
            "--cert",
            "--cache-dir",
        ),
        *(
            "--timeout",
            "--retries",
            "--platform",
            "--python-version",
            "--no-binary",
            "--only-binary",
            "--proxy",
        ),
        *("-d", "--dest", "-w", "--wheel-dir", "--progress-bar", "--log", "--python", "-p", "--group"),
    }
)


def pip(call: Call, args: tuple[str, ...], tool: str = "pip") -> Action:
    """What pip, or `uv pip`, does with `args`."""
    words = positional(args, _PIP_VALUES)
    verb = words[0] if words else ""
    rest = after(args, verb) if verb else ()
    if verb in ("install", "sync", "download", "wheel"):
        files = _values(rest, "-r", "--requirement", "-c", "--constraint")
        names = words[1:]
        if verb == "sync":
            files, names = (*files, *names), ()
        editable = any(arg in ("-e", "--editable") or arg.startswith("--editable=") for arg in rest)
        local = editable or any(LOCAL.match(name) or "$" in name or "*" in name for name in names)
        names = tuple(name for name in names)
        return Action(
            kind=Kind.INSTALL, tool=tool, call=call, args=rest, names=names, manifests=files, sources=local
        )
    kind = Kind.CLEAN if verb in ("cache", "uninstall") else Kind.OTHER
    return Action(kind=kind, tool=tool, call=call, args=rest)


def _values(args: tuple[str, ...], *flags: str) -> tuple[str, ...]:
    """The values of options, written `-r x`, `-rx`, `--requirement x` or `--requirement=x`."""
    found = []
    for index, arg in enumerate(args):
        name, separator, value = arg.partition("=")
        if arg in flags and index + 1 < len(args):
            found.append(args[index + 1])
        elif separator and name in flags:
            found.append(value)
        elif arg[:2] in flags and not arg.startswith("--") and len(arg) > 2:
            found.append(arg[2:])
    return tuple(found)


def _uv(call: Call) -> Action:
    words = positional(call.args, _PIP_VALUES)
    verb = words[0] if words else ""
    if verb == "pip":
        return pip(call, after(call.args, "pip"), "uv")
    rest = after(call.args, verb) if verb else ()
    if verb == "sync":
        files = ("pyproject.toml", "uv.lock")
        return Action(kind=Kind.INSTALL, tool="uv", call=call, args=rest, manifests=files)
    if verb == "tool" and "install" in words:
        return Action(kind=Kind.INSTALL, tool="uv", call=call, args=rest, names=words[2:])
    kind = {"build": Kind.BUILD, "run": Kind.OTHER, "cache": Kind.CLEAN}.get(verb, Kind.OTHER)
    return Action(kind=kind, tool="uv", call=call, args=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A language tool's subcommands: `install` reads manifests, `named` takes names, `build`, `clean`."""

    manifests: tuple[str, ...]
    install: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    build: frozenset[str] = frozenset()
    clean: frozenset[str] = frozenset()
    with_value: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    """Words before the subcommand: `go mod download`, `yarn global add`."""


_NODE_VALUES = split(
    "--prefix --registry --cache --cache-folder --filter -F --workspace -w -C --dir --cwd --omit"
)
_NODE_INSTALL = split("install i ci clean-install")
_TABLES: Mapping[str, _Table] = MappingProxyType(
    {
        "npm": _Table(
            manifests=("package.json", "package-lock.json"),
            install=_NODE_INSTALL,
            named=split("install i add"),
            build=split("run run-script test build"),
            clean=split("cache prune uninstall"),
            with_value=_NODE_VALUES,
        ),
        "yarn": _Table(
            manifests=("package.json", "yarn.lock"),
            install=split("install"),
            named=split("add"),
            build=split("build run test compile"),
            clean=split("cache"),
            with_value=_NODE_VALUES,
            prefixes=split("global"),
        ),
        "pnpm": _Table(
            manifests=("package.json", "pnpm-lock.yaml"),
            install=_NODE_INSTALL | {"fetch"},
            named=split("add install i"),
            build=split("run build test"),
            clean=split("store prune"),
            with_value=_NODE_VALUES,
        ),
        "bun": _Table(
            manifests=("package.json", "bun.lock"),
            install=_NODE_INSTALL,
            named=split("add"),
            build=split("run build test"),
            with_value=_NODE_VALUES,
        ),
        "poetry": _Table(manifests=("pyproject.toml", "poetry.lock"), install=split("install sync")),
        "pdm": _Table(manifests=("pyproject.toml", "pdm.lock"), install=split("install sync")),
        "pipenv": _Table(
            manifests=("Pipfile", "Pipfile.lock"), install=split("install sync"), named=split("install"),
        ),
        "go": _Table(
            manifests=("go.mod", "go.sum"), install=split("download"),
            build=split("build test vet generate run"),
            prefixes=split("mod"), with_value=split("-C"),
        ),
        "cargo": _Table(
            manifests=("Cargo.toml", "Cargo.lock"), install=split("fetch"), named=split("install binstall"),
            build=split("build test check run rustc clippy bench zigbuild"),
            with_value=split("--version --git --rev --tag --branch --root --features --target --vers -j"),
        ),
        "mvn": _Table(
            manifests=("pom.xml",),
            install=split("dependency:go-offline dependency:resolve dependency:resolve-plugins"),
            build=split("package install verify compile test deploy"),
            with_value=split("-f --file -pl -P -T -s"),
        ),
        "gradle": _Table(
            manifests=("build.gradle*", "settings.gradle*", "gradle.properties"),
            install=split("dependencies resolveDependencies downloadDependencies"),
            build=split("build assemble bootJar jar test installDist shadowJar war"),
            clean=split("clean"),
            with_value=split("-p -b"),
        ),
        "composer": _Table(
            manifests=("composer.json", "composer.lock"), install=split("install"), named=split("require"),
            build=split("dump-autoload dumpautoload"), clean=split("clear-cache clearcache"),
            with_value=split("-d"),
        ),
        "bundle": _Table(manifests=("Gemfile", "Gemfile.lock"), install=split("install")),
        "gem": _Table(
            manifests=(), named=split("install"), with_value=split("-v --version"), clean=split("cleanup"),
        ),
        "dotnet": _Table(
            manifests=("*.csproj", "*.sln"), install=split("restore"), build=split("build publish test pack"),
        ),
    }
)  # fmt: skip
_ALIASES = {"mvnw": "mvn", "gradlew": "gradle", "bundler": "bundle", "xx-go": "go", "xx-cargo": "cargo"}


def _language(call: Call) -> Action:
    tool = _ALIASES.get(call.name, call.name)
    table = _TABLES[tool]
    words = positional(call.args, table.with_value)
    while words and words[0] in table.prefixes:
        words = words[1:]
    verb = words[0] if words else ""
    names = words[1:]
    rest = after(call.args, verb) if verb else call.args
    if tool == "yarn" and not words and not call.args.count("--version"):
        verb = "install"
    if tool in ("mvn", "gradle"):
        return _goals(tool, table, call, words)
    return _verb(tool, table, call, verb, names, rest)


def _verb(
    tool: str, table: _Table, call: Call, verb: str, names: tuple[str, ...], rest: tuple[str, ...]
) -> Action:
    if tool == "cargo" and verb in table.named and ("--path" in rest or not names):
        return Action(kind=Kind.BUILD, tool=tool, call=call, args=rest, sources=True)
    if verb in table.named and names:
        local = any(LOCAL.match(name) or "$" in name for name in names)
        return Action(kind=Kind.INSTALL, tool=tool, call=call, args=rest, names=names, sources=local)
    if tool == "go" and verb in ("install", "get"):
        kind = Kind.INSTALL if any("@" in name for name in names) else Kind.BUILD
        return Action(kind=kind, tool=tool, call=call, args=rest, names=names, sources=kind is Kind.BUILD)
    if verb in table.install:
        return Action(
            kind=Kind.INSTALL, tool=tool, call=call, args=rest, names=names, manifests=table.manifests
        )
    kind = Kind.BUILD if verb in table.build else Kind.CLEAN if verb in table.clean else Kind.OTHER
    return Action(kind=kind, tool=tool, call=call, args=rest, names=names, sources=kind is not Kind.CLEAN)


def _goals(tool: str, table: _Table, call: Call, goals: tuple[str, ...]) -> Action:
    """Maven and Gradle take several goals: one that builds decides."""
    last = {goal.rpartition(":")[2] if tool == "gradle" else goal for goal in goals}
    if last & table.build:
        kind = Kind.BUILD
    elif any(goal in table.install or goal.endswith(tuple(table.install)) for goal in last):
        kind = Kind.INSTALL
    else:
        kind = Kind.OTHER
    manifests = table.manifests if kind is Kind.INSTALL else ()
    return Action(
        kind=kind, tool=tool, call=call, args=call.args, manifests=manifests, sources=kind is not Kind.INSTALL
    )


TOOLS: Mapping[str, Callable[[Call], Action]] = MappingProxyType(
    {**dict.fromkeys((*_TABLES, *_ALIASES), _language), "uv": _uv}
)
"""What each of these programs does, by name."""
LANGUAGE_WORDS = frozenset((*TOOLS, "pip", "pip2", "pip3")) - {"xx-go", "xx-cargo"}
"""What a RUN that uses one of these mentions."""
