"""Verdicts are what the engine does: a fresh one with an imported cache, and one that built before."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from fastbuild.keys.match import Verdict
from fastbuild.keys.store import read_store
from tests.live.predicted import build, disagreements, local_cache, predict

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab

pytestmark = pytest.mark.live

PLAIN = """\
FROM busybox:latest
RUN echo one > /x
COPY a /a
COPY src /src
WORKDIR /w
RUN cat /a /src/b > /end
"""
STAGES = """\
FROM busybox:latest AS build
RUN echo one > /x
COPY a /a
RUN cat /x > /out && date +%N >> /never-copied
FROM busybox:latest
WORKDIR /w
COPY --from=build /out /out
COPY src /src
RUN cat /out > /end
"""
LINKED = """\
FROM busybox:latest AS build
RUN echo one > /x
FROM busybox:latest
RUN echo base > /base
COPY --link a /a
COPY --link --from=build /x /x
COPY --link src/ /src/
RUN cat /x > /end
"""
MOUNTED = """\
FROM busybox:latest AS build
RUN echo one > /x
FROM busybox:latest
RUN --mount=type=bind,source=src,target=/src --mount=type=cache,target=/c cat /src/* > /all
RUN --mount=type=bind,from=build,source=/x,target=/x cat /x > /y
COPY --from=build /x /z
RUN cat /z > /end
"""
HEREDOC = """\
ARG V=1
FROM busybox:latest AS build
ARG V
ENV MODE=fast
COPY <<EOF /script
hello
EOF
RUN <<EOF
echo one > /x
EOF
ADD a src/b /both/
RUN cat /both/* > /end
"""
FORK = """\
FROM busybox:latest AS base
COPY a /a
FROM base AS build
RUN echo one > /x
FROM base AS other
COPY src /src
FROM build AS last
COPY --from=other /src /src
COPY --from=busybox:latest /etc/passwd /passwd
RUN cat /src/b > /end
"""
SELECTED = """\
FROM busybox:latest AS build
COPY --parents src/* /parents/
COPY --exclude=*.md . /app/
RUN echo one > /x
FROM scratch AS files
COPY --from=build /parents /
COPY --from=build /x /x
FROM build
COPY --from=files / /files
RUN cat /files/x > /end
"""
FAMILIES = {
    "plain": PLAIN,
    "stages": STAGES,
    "linked": LINKED,
    "mounted": MOUNTED,
    "heredoc": HEREDOC,
    "fork": FORK,
    "selected": SELECTED,
}
Options = tuple[str, ...]


def write(name: str, text: str) -> Callable[[Path], Options]:
    def change(context: Path) -> Options:
        (context / name).write_text(text)
        return ()

    return change


def replace(old: str, new: str) -> Callable[[Path], Options]:
    def change(context: Path) -> Options:
        path = context / "Dockerfile"
        path.write_text(path.read_text().replace(old, new))
        return ()

    return change


def permit(name: str, mode: int) -> Callable[[Path], Options]:
    def change(context: Path) -> Options:
        (context / name).chmod(mode)
        return ()

    return change


def touch(context: Path) -> Options:
    os.utime(context / "a", (1, 1))
    return ()


def remove(context: Path) -> Options:
    (context / "src/c").unlink()
    return ()


def option(*words: str) -> Callable[[Path], Options]:
    return lambda _: tuple(word for one in words for word in ("--opt", one))


MUTATIONS: dict[str, Callable[[Path], Options]] = {
    "nothing": lambda _: (),
    "file": write("a", "changed\n"),
    "file below": write("src/b", "changed\n"),
    "new file": write("src/new", "new\n"),
    "removed file": remove,
    "unrelated file": write("notes.md", "changed\n"),
    "mtime": touch,
    "mode": permit("a", 0o600),
    "comment": replace("\nRUN", "\n# a comment\nRUN"),
    "same output": replace("echo one", "echo  one"),
    "other output": replace("echo one", "echo uno"),
    "last step": replace("> /end", "> /end2"),
    "last step added": replace("> /end\n", "> /end\nRUN true\n"),
    "no cache": option("no-cache="),
    "no cache of a stage": option("no-cache=build"),
    "argument": option("build-arg:V=2"),
    "environment": replace("MODE=fast", "MODE=slow"),
    "a file and the last step": lambda c: write("a", "changed\n")(c) + replace("/end", "/e")(c),
}


def context_of(folder: Path, dockerfile: str) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "src").mkdir(parents=True)
    for name, text in {"a": "one\n", "src/b": "two\n", "src/c": "three\n", "notes.md": "four\n"}.items():
        (folder / name).write_text(text)
    (folder / "Dockerfile").write_text(dockerfile)
    return folder


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fresh_engine_with_an_imported_directory_does_what_was_predicted(
    lab: Lab, new_daemon: Buildkitd, tmp_path: Path, family: str
) -> None:
    cache = tmp_path / "cache"
    build(
        new_daemon,
        context_of(tmp_path / "first", FAMILIES[family]),
        *("--export-cache", f"type=local,dest={cache},mode=max"),
    )
    wrong = []
    for name, change in MUTATIONS.items():
        context = context_of(tmp_path / "next", FAMILIES[family])
        options = change(context)
        with lab.buildkitd() as fresh:
            predicted = predict(fresh, context, [local_cache(cache)], *options)
            done = build(fresh, context, *options, "--import-cache", f"type=local,src={cache}")
        wrong += [f"{name}: {one}" for one in disagreements(predicted, done)]
    assert wrong == []


@pytest.mark.parametrize("family", FAMILIES)
def test_an_engine_that_built_before_does_what_its_store_predicts(
    new_daemon: Buildkitd, tmp_path: Path, family: str
) -> None:
    store = new_daemon.root / "cache.db"
    new_daemon.buildctl("debug", "workers")  # the store is there when this answers
    wrong = []
    for turn in ("first", "second"):
        for name, change in MUTATIONS.items():
            context = context_of(tmp_path / "context", FAMILIES[family])
            options = change(context)
            predicted = predict(new_daemon, context, [read_store(store)], *options)
            done = build(new_daemon, context, *options)
            wrong += [f"{turn} {name}: {one}" for one in disagreements(predicted, done)]
    assert wrong == []


def test_without_records_every_step_is_a_miss(new_daemon: Buildkitd, tmp_path: Path) -> None:
    context = context_of(tmp_path / "context", FORK)
    predicted = predict(new_daemon, context, [])
    verdicts = {step.verdict for step in predicted.verdicts.values()}
    assert verdicts == {Verdict.MISS, Verdict.SOURCE}
