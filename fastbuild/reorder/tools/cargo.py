"""Cargo: https://doc.rust-lang.org/cargo/commands/cargo-fetch.html

Traced with cargo 1.95: `cargo fetch` reads Cargo.toml of all members and path dependencies, Cargo.lock,
.cargo/config(.toml) and rust-toolchain(.toml) upwards. Of each package src/lib.rs or src/main.rs must
exist ("no targets specified in the manifest"); their content doesn't matter. It also lists src/bin, examples,
tests and benches, and looks for README files: these name targets, and nothing that a fetch writes depends on
them unless the manifest asks for one of them.
"""

from __future__ import annotations

import fnmatch
import posixpath
from typing import TYPE_CHECKING, Any

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS, COMMON, GIT
from fastbuild.reorder.tools.known import (
    RUST_SHIMS,
    SHIMS,
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
from fastbuild.reorder.tools.options import Syntax, names, parse
from fastbuild.reorder.tools.python import homes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.dockerfile.shell import Call
    from fastbuild.reorder.effects import Place

_SYNTAX = Syntax(
    flags=names(
        "--locked --frozen --offline -v -vv --verbose -q --quiet -r --release --all-features"
        " --no-default-features --workspace --all --all-targets --bins --lib --force -f --no-track --debug"
        " -V --version -h --help --keep-going --no-fail-fast --tests --examples --benches"
    ),
    values=names(
        "--target --features -F --bin --example --profile -j --jobs -p --package --color --git --tag"
        " --branch --rev --version --root --registry --index --target-dir --exclude --message-format --path"
    ),
)
_DEPENDENCIES = (
    "dependencies",
    "dev-dependencies",
    "build-dependencies",
    "dev_dependencies",
    "build_dependencies",
)
_HOME = names(
    "bin registry git .crates.toml .crates2.json .package-cache .package-cache-mutate .global-cache"
    " .global-cache-wal"
)
_ENV = COMMON | GIT | {"CARGO*", "RUST*"}


def _effects(call: Call, place: Place) -> Effects:
    args = call.args[1:] if call.args[:1] and call.args[0].startswith("+") else call.args
    given = parse("cargo", args, Syntax(flags=_SYNTAX.flags - {"--version"}, values=_SYNTAX.values))
    command, *rest = given.words or ("version",)
    if command == "version" or given.has("-V", "-h", "--help"):
        return NONE
    base = _base(place) | _configured(place)
    if command == "fetch" and not rest:
        return base | _fetch(place, locked=given.has("--locked", "--frozen"))
    if command == "install" and rest and not given.all("--path"):
        roots = frozenset(place.absolute(root) for root in given.all("--root", "--target-dir"))
        return base | Effects(writes=roots, env=ANY_BUT_STAMPS)
    if command in ("build", "check", "b", "c") and not rest:
        return base | own_build(_workspace(place, nearest(place, "Cargo.toml")), place)
    raise Unclear(f"`cargo {command}` is not a command fastbuild knows")


def _base(place: Place) -> Effects:
    """CARGO_HOME without its settings, and RUSTUP_HOME; rust images have them in /usr/local.

    https://doc.rust-lang.org/cargo/guide/cargo-home.html
    """
    own_homes = {"/usr/local/cargo", *(join(home, ".cargo") for home in homes(place))}
    own_homes |= {
        place.absolute(place.env[n]) for n in ("CARGO_HOME", "CARGO_INSTALL_ROOT") if place.env.get(n)
    }
    writes = {join(each, name) for each in own_homes for name in _HOME}
    writes |= {
        "/usr/local/rustup",
        *(join(home, name) for home in homes(place) for name in (".rustup", ".cache")),
    }
    writes |= {place.absolute(place.env[n]) for n in ("RUSTUP_HOME", "CARGO_TARGET_DIR") if place.env.get(n)}
    own = {
        join(home, name) for home in homes(place) for name in (".netrc", ".gitconfig", ".config/git", ".ssh")
    }
    reads = upwards(place.cwd, ".cargo/config", ".cargo/config.toml", "Cargo.toml", *RUST_SHIMS, *SHIMS) | own
    return Effects(reads=reads, writes=frozenset(writes), env=_ENV)


def _configured(place: Place) -> Effects:
    """.cargo/config.toml: https://doc.rust-lang.org/cargo/reference/config.html"""
    files = sorted(upwards(place.cwd, ".cargo/config", ".cargo/config.toml"))
    files += [
        join(home, f".cargo/{name}") for home in sorted(homes(place)) for name in ("config", "config.toml")
    ]
    files += [f"/usr/local/cargo/{name}" for name in ("config", "config.toml")]
    texts, doubts = settings(place, dict.fromkeys(files))
    reads: set[str] = set(files)
    for path, text in texts.items():
        table = toml_table(text, path)
        base = posixpath.dirname(posixpath.dirname(path))
        for odd in ("include", "patch", "credential-alias"):
            if odd in table.values:
                raise Unclear(f"`{path}` sets `{odd}`, which may name files")
        if any("credential-provider" in str(key) for key in table.table("registry").values):
            raise Unclear(f"`{path}` sets a credential provider")
        reads |= {join(base, each) for each in table.texts("paths")}
        for name in table.table("source").values:
            source = table.table("source", name)
            reads |= {
                join(base, source.text(kind)) for kind in ("directory", "local-registry") if source.text(kind)
            }
    return likely(Effects(reads=frozenset(reads)), *doubts)


def _workspace(place: Place, package: str) -> str:
    """The workspace's directory: https://doc.rust-lang.org/cargo/reference/workspaces.html"""
    table = _manifest(place, package)
    if table.table("package").text("workspace"):
        return join(package, table.table("package").text("workspace"))
    for directory in parents(package):
        path = join(directory, "Cargo.toml")
        text = optional(place, path)
        if text is not None and "workspace" in toml_table(text, path).values:
            return directory
    return package


def _manifest(place: Place, directory: str) -> Table:
    path = join(directory, "Cargo.toml")
    return toml_table(required(place, path), path)


def _fetch(place: Place, *, locked: bool) -> Effects:
    root = _workspace(place, nearest(place, "Cargo.toml"))
    lock = join(root, "Cargo.lock")
    if locked:
        required(place, lock)
    reads = {lock, join(root, "target")} | upwards(root, "Cargo.toml")
    table = _manifest(place, root)
    pending = [root, *_members(place, root, table)]
    seen: set[str] = set()
    while pending:
        directory = pending.pop()
        if directory in seen:
            continue
        seen.add(directory)
        package = _manifest(place, directory)
        reads.add(join(directory, "Cargo.toml"))
        if package.table("package").values:
            reads |= {join(directory, path) for path in _targets(place, directory, package)}
        pending += [join(directory, path) for path in _paths(package)]
    return Effects(reads=frozenset(reads), writes=frozenset() if locked else frozenset({lock}))


def _members(place: Place, root: str, table: Table) -> list[str]:
    workspace = table.table("workspace")
    patterns = [
        join(root, each) for each in (*workspace.texts("members"), *workspace.texts("default-members"))
    ]
    for pattern in patterns:
        fixed = pattern.partition("*")[0].rpartition("/")[0]
        if "*" in pattern and fixed not in ("", root) and place.doubtful(fixed):
            raise Unclear(f"`{fixed}` may have been changed by an earlier step")
    found = [posixpath.dirname(p) for p in place.below("/") if p.endswith("/Cargo.toml")]
    matched = [each for each in found if any(fnmatch.fnmatchcase(each, pattern) for pattern in patterns)]
    return [*matched, *(p for p in patterns if not any(c in p for c in "*?["))]


def _targets(place: Place, directory: str, package: Table) -> Iterator[str]:
    """Files whose existence a manifest needs: https://doc.rust-lang.org/cargo/reference/cargo-targets.html"""
    yield from ("src/lib.rs", "src/main.rs", "build.rs")
    if isinstance(build := package.table("package").values.get("build"), str):
        yield build
    if path := package.table("lib").text("path"):
        yield path
    for kind, folder in (
        ("bin", "src/bin"),
        ("example", "examples"),
        ("test", "tests"),
        ("bench", "benches"),
    ):
        for target in package.tables(kind):
            name = target.text("name")
            yield from (
                (target.text("path"),) if target.text("path") else (f"{folder}/{name}.rs", f"{folder}/{name}")
            )
    if package.table("package").text("default-run") or not _has_main(place, directory):
        yield "src/bin"


def _has_main(place: Place, directory: str) -> bool:
    return any(place.exists(join(directory, name)) for name in ("src/lib.rs", "src/main.rs"))


def _paths(package: Table) -> Iterator[str]:
    """Path dependencies of any section: https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html"""
    for name in _DEPENDENCIES:
        yield from _dependency_paths(package.values.get(name))
    yield from _dependency_paths(package.table("workspace").values.get("dependencies"))
    for section in ("target", "patch"):
        for key in package.table(section).values:
            own = package.table(section, key)
            yield from _dependency_paths(own.values) if section == "patch" else ()
            for name in _DEPENDENCIES:
                yield from _dependency_paths(own.values.get(name))
    yield from _dependency_paths(package.values.get("replace"))


def _dependency_paths(value: Any) -> Iterator[str]:
    for each in value.values() if isinstance(value, dict) else ():
        if isinstance(each, dict) and isinstance(each.get("path"), str):
            yield each["path"]


effects = guarded(_effects)
