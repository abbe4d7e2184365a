"""The go command: https://go.dev/ref/mod, https://pkg.go.dev/cmd/go

Traced with go 1.26: `go mod download` reads go.work and go.mod of the current directory and above, their .sum
files, and go.mod of `use`d and locally `replace`d directories; never vendor or a source file. It adds what
go.sum lacks of the build list (https://go.dev/doc/go1.18#go-command), and writes nothing when all is there.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from fastbuild.hierarchy import covers
from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import COMMON, GIT
from fastbuild.reorder.tools.go_mod import go_module
from fastbuild.reorder.tools.known import (
    SHIMS,
    guarded,
    join,
    likely,
    optional,
    parents,
    required,
    upwards,
)
from fastbuild.reorder.tools.options import Parsed, Syntax, names, parse
from fastbuild.reorder.tools.python import homes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_ENV = (
    COMMON
    | GIT
    | {
        "GO*",
        "CGO_*",
        "CC",
        "CXX",
        "AR",
        "FC",
        "GCCGO",
        "PKG_CONFIG*",
        "CPATH",
        "*_INCLUDE_PATH",
        "C_INCLUDE_PATH",
    }
    | {
        "CPLUS_INCLUDE_PATH",
        "OBJC_INCLUDE_PATH",
        "LIBRARY_PATH",
        "COMPILER_PATH",
        "GCC_*",
        "SOURCE_DATE_EPOCH",
    }
    | {"HGRCPATH", "SVN_SSH", "BZR_*", "DEPENDENCIES_OUTPUT"}
)
_SYNTAX = Syntax(
    words=True,
    flags=names(
        "-x -v -n -a -i -race -msan -asan -trimpath -json -modcacherw -buildvcs -linkshared -u -d -t -tool"
        " -cache -modcache -testcache -fuzzcache -w -h -help -work -cover -insecure -changed -s"
    ),
    values=names(
        "-p -ldflags -gcflags -asmflags -tags -o -mod -buildmode -installsuffix -compiler -gccgoflags"
        " -pkgdir -covermode"
    ),
)
_SAFE_GOFLAGS = names(
    "-modcacherw -trimpath -buildvcs -mod -ldflags -tags -race -v -x -a -p -buildmode -gcflags -insecure"
    " -count -cover"
)


def _effects(call: Call, place: Place) -> Effects:
    given = parse("go", call.args, _SYNTAX)
    _check_flags(place)
    command, *rest = given.words or ("version",)
    if command in ("version", "help", "env") and not given.has("-w"):
        return NONE
    base = _base(place)
    if command in ("env", "clean", "telemetry"):
        return base if not rest or command == "env" else _unknown(command, rest)
    if (command, *rest) == ("mod", "verify"):
        return base | _download(place, given, ())
    if (command, *rest[:1]) == ("mod", "download"):
        return base | _download(place, given, tuple(rest[1:]))
    if command == "install" and rest and all("@" in word and word[0] not in "./" for word in rest):
        return base
    if command in ("build", "install", "vet", "list"):
        return base | _build(place, given, command)
    return _unknown(command, rest)


def _unknown(command: str, rest: list[str]) -> Effects:
    raise Unclear(f"`go {' '.join([command, *rest[:1]])}` runs code of the project, or changes its go.mod")


def _base(place: Place) -> Effects:
    """https://pkg.go.dev/cmd/go#hdr-Environment_variables; golang images have GOPATH=/go."""
    workspaces = {
        "/go",
        *(join(place.cwd, value) for value in place.env.get("GOPATH", "").split(":") if value),
    }
    writes = set[str]()
    for home in homes(place):
        workspaces.add(join(home, "go"))
        writes |= {join(home, ".cache"), join(home, ".config/go")}
    writes |= {join(path, name) for path in workspaces for name in ("pkg", "bin")}
    for name in ("GOMODCACHE", "GOCACHE", "GOBIN", "GOENV", "GOTELEMETRYDIR"):
        value = place.env.get(name, "")
        writes |= {join(place.cwd, value)} if value not in ("", "off") else set()
    own = {
        join(home, name)
        for home in homes(place)
        for name in (".netrc", ".gitconfig", ".config/git", ".ssh", ".hgrc")
    }
    reads = upwards(place.cwd, "go.mod", "go.work", *SHIMS) | own | {"/etc/gitconfig"}
    return Effects(reads=reads, writes=frozenset(writes), env=_ENV)


def _check_flags(place: Place) -> None:
    for word in shlex.split(place.env.get("GOFLAGS", "")):
        if "-" + word.lstrip("-").partition("=")[0] not in _SAFE_GOFLAGS:
            raise Unclear(f"GOFLAGS has `{word}`")


def _download(place: Place, given: Parsed, rest: tuple[str, ...]) -> Effects:
    """https://go.dev/ref/mod#go-mod-download"""
    if rest and rest != ("all",):
        return (
            NONE
            if all("@" in word for word in rest) and not _module_at(place)
            else _unknown("mod download", list(rest))
        )
    files, sums, complete, pruned = _modules(place)
    writes = frozenset[str]()
    if rest or not complete or "-mod=mod" in place.env.get("GOFLAGS", "") or given.has("-u"):
        writes = frozenset(sums | {file for file in files if file.endswith(("go.mod", "go.work"))})
    effects = Effects(reads=frozenset(files | sums), writes=writes)
    if pruned:
        return effects
    if _work(place) is not None:
        return likely(effects, "go.work.sum may lack sums, which `go mod download` then adds.")
    return likely(
        effects, "go.sum may lack sums that `go mod download` adds, for go.mod is older than go 1.17."
    )


def _module_at(place: Place) -> bool:
    return any(place.exists(path) or place.doubtful(path) for path in upwards(place.cwd, "go.mod", "go.work"))


def _modules(place: Place) -> tuple[set[str], set[str], bool, bool]:
    """Files read, .sum files, whether these hold all that is required, whether all modules are pruned."""
    work = _work(place)
    roots = [_found(place, "go.mod")] if work is None else []
    files: set[str] = set()
    sums: set[str] = set()
    if work is not None:
        files.add(work)
        sums.add(work + ".sum")
        roots = [join(work.rpartition("/")[0] or "/", use) for use in go_module(required(place, work)).uses]
    modules = []
    for root in roots:
        module = go_module(required(place, join(root, "go.mod")))
        modules.append((root, module))
        files.add(join(root, "go.mod"))
        sums.add(join(root, "go.sum"))
    if work is not None:
        modules.append((work.rpartition("/")[0] or "/", go_module(required(place, work))))
    known = _sums(place, sums)
    replaced = frozenset(name for _, module in modules for name in module.replaced)
    needed = {pair for _, module in modules for pair in module.requires if pair[0] not in replaced}
    files |= {join(join(root, path), "go.mod") for root, module in modules for path in module.local}
    complete = needed <= known and bool(needed or not sums)
    if work is not None or replaced:
        complete = complete and any(optional(place, path) is not None for path in sums)
    return files, sums, complete or not needed, all(module.pruned for _, module in modules) and work is None


def _work(place: Place) -> str | None:
    """go.work's path: https://go.dev/ref/mod#workspaces"""
    chosen = place.env.get("GOWORK", "")
    if chosen == "off":
        return None
    if chosen:
        return place.absolute(chosen)
    for path in (join(each, "go.work") for each in parents(place.cwd)):
        if optional(place, path) is not None:
            return path
    return None


def _found(place: Place, name: str) -> str:
    for directory in parents(place.cwd):
        if optional(place, join(directory, name)) is not None:
            return directory
    raise Unclear(f"no `{name}` in `{place.cwd}` or above comes from the build context")


def _sums(place: Place, files: Iterable[str]) -> set[tuple[str, str]]:
    """Modules of which go.sum holds the content's and the go.mod's sum: https://go.dev/ref/mod#go-sum-files"""
    entries: set[tuple[str, str]] = set()
    for path in files:
        for line in (optional(place, path) or "").splitlines():
            parts = line.split()
            if len(parts) == 3:
                entries.add((parts[0], parts[1]))
    return {(name, version) for name, version in entries if (name, version + "/go.mod") in entries}


def _build(place: Place, given: Parsed, command: str) -> Effects:
    """`go build`: all of the modules; .git for the stamp, https://pkg.go.dev/cmd/go#hdr-Build_and_test_caching

    cgo may include files of anywhere, so files of the context outside of the modules are a doubt.
    """
    files, sums, _, _ = _modules(place)
    trees = {path.rpartition("/")[0] or "/" for path in files}
    outputs = {place.absolute(path) for path in given.all("-o")} or (
        {place.cwd} if command == "build" else set()
    )
    effects = Effects(
        reads=frozenset(trees | sums) | upwards(place.cwd, ".git", ".hg", ".svn", ".bzr", ".fossil"),
        writes=frozenset(outputs) | (frozenset(sums) if "-mod=mod" in str(given.options) else frozenset()),
    )
    if all(any(covers(tree, path) for tree in trees) for path in place.below("/")):
        return effects
    return likely(effects, "cgo may include files outside of the module.")


effects = guarded(_effects)
