"""Trying an engine for real: a build of one empty file from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastbuild.errors import EngineError
from fastbuild.pipeline import prepare
from fastbuild.pipeline.attempt import Bench, attempt
from fastbuild.request import BuildRequest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fastbuild.engines.detect import Choice
    from fastbuild.paths import Paths


def try_engine(
    choice: Choice, folder: Path, paths: Paths, environ: Mapping[str, str], *, config: str = ""
) -> str:
    """Build a Dockerfile that copies one empty file onto nothing; returns what was seen.

    Needs no registry. Raises EngineError with the engine's words when it fails.
    """
    context = folder / "context"
    context.mkdir()
    (context / "empty").touch()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY empty /\n", encoding="utf-8")
    request = BuildRequest(context=str(context), file=str(context / "Dockerfile"))
    with prepare.ready(choice, request, folder, paths, environ, config=config) as ready:
        bench = Bench(
            engine=choice.engine,
            job=ready.job,
            daemon=ready.daemon,
            client=prepare.client_id(paths),
            copies_home=folder / "copies",
            cache_timeout=60,
            store_was_empty=False,
            on_event=lambda _: None,
            on_line=lambda _: None,
        )
        made = attempt(bench, request)
    timing = made.fold.timing()
    if made.returncode != 0:
        raise EngineError(
            f"a one-file build failed: {timing.text.strip() or made.returncode}",
            fix="read the engine's log (`fastbuild engine status` names it)",
        )
    return f"built one file in {timing.seconds:.2f} s"
