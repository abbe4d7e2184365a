"""Install scripts of packages from npm's registry: which of them read the project."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.reorder.effects import NONE, Effects
from fastbuild.reorder.tools.assigned import Unclear
from fastbuild.reorder.tools.known import (
    likely,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

READS_PROJECT = {
    "@prisma/client": "generates its client from the project's schema.prisma",
    "prisma": "looks for the project's schema.prisma",
    "husky": "changes the project's git hooks",
    "simple-git-hooks": "changes the project's git hooks",
    "lefthook": "changes the project's git hooks",
    "pre-commit": "changes the project's git hooks",
    "yorkie": "changes the project's git hooks",
    "patch-package": "reads the project's patches",
    "puppeteer": "looks for its settings in the project",
    "cypress": "looks for its settings in the project",
    "msw": "writes into directories of the project",
    "nx": "reads the project's workspace",
    "@swc/core": "may install into the project",
    "postinstall-postinstall": "runs the project's scripts",
}
"""Packages of which it is known that their install script reads the project."""

READS_NOTHING = frozenset({"esbuild", "core-js", "core-js-pure", "core-js-bundle", "es5-ext", "fsevents"})
"""Packages whose install script reads its own package only; esbuild and core-js were traced."""


def third_party_scripts(packages: Iterable[str] | None, *, listed: bool) -> Effects:
    """Install scripts of dependencies. `packages` have one (`listed`), or are all that there are.

    Raises Unclear for one that is known to read the project; others are a doubt, for they may.
    """
    names = sorted(set(packages or ()))
    for name in names:
        if name in READS_PROJECT and (listed or name in ("@prisma/client", "husky", "simple-git-hooks")):
            raise Unclear(f"the install script of `{name}` {READS_PROJECT[name]}")
    unknown = [name for name in names if name not in READS_NOTHING] if listed else []
    if listed and not unknown:
        return NONE
    if listed:
        shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
        return likely(
            NONE, f"Install scripts of {shown} are code of third parties that may read the project."
        )
    return likely(
        NONE, "Install scripts of dependencies are code of third parties that may read the project."
    )
