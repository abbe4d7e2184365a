"""The digests of images that the frontend's answer names by tag only.

It resolves the image of a FROM and writes its digest into the graph, but not that of a named context
(`--build-context base=docker-image://…`; frontend/dockerui/namedcontext.go). Asked for a Dockerfile of one
FROM, it tells.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fastbuild.errors import FastbuildError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.request import BuildRequest

UNPINNED = re.compile(r'"docker-image://([\w./:-]+)"', re.ASCII)
PINNED = re.compile(r'"docker-image://[\w./:-]+@(sha256:[0-9a-f]{64})"', re.ASCII)


def with_digests(text: str, request: BuildRequest, workdir: str, ask: Callable[[BuildRequest], str]) -> str:
    """The answer with every image by digest; one that can't be found stays as it is, and so without a key."""
    for image in dict.fromkeys(UNPINNED.findall(text)):
        folder = Path(tempfile.mkdtemp(prefix="image-", dir=workdir))
        (folder / "Dockerfile").write_text(f"FROM {image}\n", encoding="utf-8")
        asked = replace(
            request,
            context=str(folder),
            file=str(folder / "Dockerfile"),
            target=None,
            build_args=(),
            platforms=(),
            build_contexts=(),
        )
        try:
            found = PINNED.search(ask(asked))
        except FastbuildError:
            continue
        if found:
            text = text.replace(f'"docker-image://{image}"', f'"docker-image://{image}@{found[1]}"')
    return text
