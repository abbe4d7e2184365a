"""`fastbuild cache prune`: what a cache need not keep."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fastbuild.commands.cache_options import CACHE, FORM, opened, told
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastbuild.cache.prune_plan import Policy
    from fastbuild.cache.stores import Opened

_KEEP_FOR = "14d"


@click.command("prune")
@click.argument("names", nargs=-1)
@CACHE
@click.option("--keep-for", metavar="TIME", help="Drop names that were not written for so long: 14d.")
@click.option(
    "--keep-bytes", metavar="SIZE", help="Drop the least recently written until the rest fits: 20GB."
)
@click.option(
    "--branches-from-git", is_flag=True, help="Drop names of branches that this clone and origin lack."
)
@click.option(
    "--branches", metavar="FILE", help="Drop names of branches that aren't lines of FILE (- is stdin)."
)
@click.option(
    "--name", help="First part of cache names, whose branches are meant (default: the repository's)."
)
@click.option("--protect", multiple=True, metavar="BRANCH", help="Keep this branch, besides the default one.")
@click.option(
    "--grace", metavar="TIME", default="24h", show_default=True, help="Longer than any build takes."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--lifecycle", is_flag=True, help="Print rules for the bucket instead, by --keep-for.")
@FORM
def command(cache: str | None, lifecycle: bool, dry_run: bool, form: str, **flags: Any) -> None:
    """Delete what is old, too much or of branches that are gone; NAMES go in any case. Safe while builds run.

    Manifests go first. Their blobs go when two runs, --grace apart, have found no name that needs them: run
    it daily. The default branch and --protect stay. Without a rule only blobs go that no name needs.
    """
    from fastbuild.cache.prune import prune
    from fastbuild.commands.deliver import deliver
    from fastbuild.reports import cache_pruned

    found = opened(cache)
    if found.spec.type == "registry":
        raise UsageError(
            "a registry's cache is not pruned from here",
            cause="the protocol says neither how old a tag is nor which blobs nothing needs",
            fix="use the registry's own retention rules and garbage collection",
        )
    if lifecycle:
        _print_lifecycle(found, flags["keep_for"] or _KEEP_FOR)
        return
    with told():
        inventory = found.store.read()
        policy = _policy(found, [name.name for name in inventory.names], flags)
        pruned = prune(found.store, inventory, policy, dry_run=dry_run)
    deliver(cache_pruned.render(pruned, policy, form), None)


def _print_lifecycle(found: Opened, keep_for: str) -> None:
    from fastbuild.cache.stores import seconds
    from fastbuild.reports.cache_lifecycle import lifecycle

    if found.spec.type != "s3":
        raise UsageError("--lifecycle is for buckets", fix="name an s3://… cache")
    rules, caveat = lifecycle(found.spec, seconds(keep_for, "--keep-for"), found.touch_refresh)
    click.echo(caveat, err=True)
    click.echo(rules, nl=False)


def _policy(found: Opened, names: Sequence[str], flags: dict[str, Any]) -> Policy:
    from fastbuild.cache.name_parts import of_branches, of_dead_branches
    from fastbuild.cache.prune_plan import Policy
    from fastbuild.cache.stores import seconds, size

    unknown = sorted(set(flags["names"]) - set(names))
    if unknown:
        raise UsageError(f"the cache holds no name {unknown[0]}", fix="see fastbuild cache ls")
    repository, default = _here(flags["name"])
    living = _living(flags)
    kept = (*flags["protect"], *((default,) if default else ("main", "master")))
    return Policy(
        keep_for=seconds(flags["keep_for"], "--keep-for") if flags["keep_for"] else None,
        keep_bytes=size(flags["keep_bytes"], "--keep-bytes") if flags["keep_bytes"] else None,
        dead=frozenset() if living is None else of_dead_branches(names, repository, living),
        protected=of_branches(names, kept) | frozenset(flags["protect"]),
        named=frozenset(flags["names"]),
        grace=seconds(flags["grace"], "--grace"),
        touch_refresh=found.touch_refresh,
    )


def _here(name: str | None) -> tuple[str, str | None]:
    """The repository's part of names, as a build in this directory spells it, and its default branch."""
    from dataclasses import replace

    from fastbuild import config
    from fastbuild.cache.names import derive
    from fastbuild.pipeline.caches import read_origin
    from fastbuild.request import BuildRequest

    origin = read_origin(BuildRequest(context="."), os.environ)
    name = name or config.load(Path.cwd(), os.environ, {}).name
    job = replace(origin.ci, repository=name) if name else origin.ci
    made = derive(job, origin.git, directory=Path.cwd(), machine=os.uname().machine)
    default = job.default_branch or (origin.git.default_branch if origin.git else None)
    return made.read[0].rsplit("/", 3)[0], default


def _living(flags: dict[str, Any]) -> frozenset[str] | None:
    """Branches that are not gone; None when that is not asked for. An empty list is more likely a mistake."""
    if flags["branches"] and flags["branches_from_git"]:
        raise UsageError("--branches and --branches-from-git exclude one another", fix="give one of them")
    if flags["branches_from_git"]:
        from fastbuild.git.branches import living_branches

        found = living_branches(Path.cwd())
    elif flags["branches"]:
        text = sys.stdin.read() if flags["branches"] == "-" else _text(flags["branches"])
        found = frozenset(line.strip() for line in text.splitlines() if line.strip())
    else:
        return None
    if not found:
        raise UsageError("no branch is living", cause="the list of branches is empty", fix="check the list")
    return found


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise UsageError(
            f"{file} can't be read: {error.strerror}", fix="name a file, or - for stdin"
        ) from None
