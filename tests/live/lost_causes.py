"""Causes that lie in what became of a cache, each arranged for real with the builds that lead to it."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastbuild.explain.reasons import Cause
from tests.lab.faults import Respond, Rule, on
from tests.lab.proxy import FaultProxy
from tests.live import causes
from tests.live.builds import build

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tests.lab.engine import Buildkitd
    from tests.lab.lab import Lab
    from tests.lab.runner import Runner
    from tests.lab.services import S3Account
    from tests.live.builds import Built


def branch(name: str) -> dict[str, str]:
    """The environment of a CI job on a branch."""
    ci = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "team/app", "GITHUB_EVENT_NAME": "push"}
    return {**ci, "GITHUB_REF": f"refs/heads/{name}", "GITHUB_REF_NAME": name, "GITHUB_REF_TYPE": "branch"}


MAIN, X, Y = branch("main"), branch("x"), branch("y")


@dataclass
class Place:
    """Where one story takes place: a lab, a directory, a bucket with one name in it that all share."""

    lab: Lab
    folder: Path
    account: S3Account = field(init=False)
    _copies: int = 0

    def __post_init__(self) -> None:
        self.account = self.lab.s3_server.account.new_bucket("lost")

    def app(self, *changes: Callable[[Path], object]) -> Path:
        """A clean checkout of the application, changed."""
        self._copies += 1
        folder = self.folder / f"app{self._copies}"
        folder.mkdir(parents=True)
        causes.lay_out(folder)
        for change in changes:
            change(folder)
        return folder

    def s3(self, endpoint: str = "") -> str:
        where = endpoint or self.account.endpoint
        place = f"bucket={self.account.bucket},region=us-east-1,endpoint_url={where},use_path_style=true"
        return f"type=s3,{place},name=shared"

    def fresh(self, env: dict[str, str], folder: Path, cache: str, *flags: str, mode: str = "") -> Built:
        """A build on a fresh runner that reads `cache`, and writes it if a `mode` is given."""
        with self.lab.runner(**env) as runner:
            return self.on(runner, folder, cache, *flags, mode=mode)

    def on(self, runner: Runner, folder: Path, cache: str, *flags: str, mode: str = "") -> Built:
        reading = ("--cache-from", cache) if cache else ()
        written = cache.replace("src=", "dest=")
        writing = ("--cache-to", f"{written},mode={mode}") if mode else ()
        done = build(runner, folder, "--engine", "private", *reading, *writing, *flags)
        assert done.code == 0, done.err
        assert not mode or not any(note.startswith("cache: writing") for note in done.notes()), done.err
        return done

    def manifests(self) -> list[str]:
        """The keys of BuildKit's manifests in the bucket."""
        listed = self.account.client().list_objects_v2(Bucket=self.account.bucket)["Contents"]
        return [each["Key"] for each in listed if each["Key"].startswith("manifests/")]


@dataclass(frozen=True, slots=True)
class Story:
    """`cause` is that of the first reason, `blamed` a part of its step, `says` of its sentence.

    `then` are causes of later steps, by a part of the instruction.
    """

    name: str
    cause: Cause | None
    blamed: str
    says: str
    happens: Callable[[Place], Built]
    then: tuple[tuple[str, Cause, str], ...] = ()


def is_told(story: Story, reasons: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the reasons of its last build, as in a record, are what the story should come to."""
    if story.cause is None or not reasons:
        return story.cause is None and not reasons
    first = _is(reasons[0], story.blamed, story.cause, story.says)
    return first and all(any(_is(one, *wanted) for one in reasons) for wanted in story.then)


def _is(reason: Mapping[str, Any], step: str, cause: Cause, says: str) -> bool:
    blamed = step in str(reason["step"]).replace("\n", " ")
    return blamed and reason["cause"] == cause and says in reason["sentence"]


OTHER_VERSION = causes._text("FROM busybox AS deps\nARG VERSION=1", "FROM busybox AS deps\nARG VERSION=7")
OTHER_END = causes._text("RUN cat /out > /final", "RUN cat /out > /last")
OTHER_FILE = causes._write("src/a.py", "a = 6\n")
OTHER_OUT = causes._text("/out /out\nRUN cat /out", "/out /moved\nRUN cat /moved")
OTHER_TOOL = causes._write("tools/make.sh", "echo x\n")


def _overwritten(cache: Callable[[Place], str], *ours: Callable[[Path], object]) -> Callable[[Place], Built]:
    def happens(place: Place) -> Built:
        where = cache(place)
        place.fresh(MAIN, place.app(), where, mode="max")
        place.fresh(X, place.app(OTHER_VERSION, OTHER_TOOL), where, mode="max")
        return place.fresh(MAIN, place.app(*ours), where)

    return happens


def _registry(place: Place) -> str:
    return f"type=registry,ref={place.lab.registry}/cache/{place.account.bucket}:shared"


def _directory(place: Place) -> str:
    return f"type=local,src={place.folder / 'cache'}"


def _after_a_skip(place: Place) -> Built:
    """What the last build of main found is in its cache all the same."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    place.fresh(MAIN, place.app(OTHER_END), place.s3(), mode="max")
    place.fresh(X, place.app(OTHER_VERSION, OTHER_TOOL), place.s3(), mode="max")
    return place.fresh(MAIN, place.app(OTHER_END), place.s3())


def _two_writers(place: Place) -> Built:
    """The first of two that had no use for it, not the last."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    place.fresh(X, place.app(OTHER_VERSION, OTHER_TOOL), place.s3(), mode="max")
    place.fresh(Y, place.app(OTHER_VERSION, OTHER_FILE, OTHER_TOOL), place.s3(), mode="max")
    return place.fresh(MAIN, place.app(), place.s3())


def _by_another_tool(place: Place) -> Built:
    """It leaves no side file: ours tells of a manifest that isn't there any more."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    _plain_build(place, place.app(OTHER_VERSION, OTHER_TOOL))
    return place.fresh(MAIN, place.app(), place.s3())


def _by_another_tool_first(place: Place) -> Built:
    """What x found was that tool's cache, so x removed nothing of main's."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    _plain_build(place, place.app(OTHER_VERSION, OTHER_TOOL))
    place.fresh(X, place.app(OTHER_VERSION, OTHER_TOOL, OTHER_FILE), place.s3(), mode="max")
    return place.fresh(MAIN, place.app(), place.s3())


def _plain_build(place: Place, folder: Path) -> None:
    with place.lab.buildkitd() as daemon:
        daemon.build(folder, "--export-cache", f"{place.s3()},mode=max")


def _another_target(place: Place) -> Built:
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    place.fresh(MAIN, place.app(OTHER_FILE), place.s3(), "--target", "deps", mode="max")
    return place.fresh(MAIN, place.app(), place.s3())


def _own_branch(place: Place) -> Built:
    """A branch that goes on does not overwrite itself."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    place.fresh(MAIN, place.app(OTHER_FILE), place.s3(), mode="max")
    return place.fresh(MAIN, place.app(), place.s3())


def _nothing_lost(place: Place) -> Built:
    """The other branch's cache holds all that this build needs."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    place.fresh(X, place.app(causes._write("README", "x\n")), place.s3(), mode="max")
    return place.fresh(MAIN, place.app(), place.s3())


def _shared_part(place: Place) -> Built:
    """x has changed the end only: all before is found."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    place.fresh(X, place.app(OTHER_END), place.s3(), mode="max")
    return place.fresh(MAIN, place.app(), place.s3())


def _shared_and_changed(place: Place) -> Built:
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    place.fresh(X, place.app(OTHER_END), place.s3(), mode="max")
    return place.fresh(MAIN, place.app(OTHER_FILE), place.s3())


def _manifest_deleted(place: Place) -> Built:
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    for key in place.manifests():
        place.account.client().delete_object(Bucket=place.account.bucket, Key=key)
    return place.fresh(MAIN, place.app(), place.s3())


def _manifest_truncated(place: Place) -> Built:
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    client = place.account.client()
    for key in place.manifests():
        whole = client.get_object(Bucket=place.account.bucket, Key=key)["Body"].read()
        client.put_object(Bucket=place.account.bucket, Key=key, Body=whole[: len(whole) // 2])
    return place.fresh(MAIN, place.app(), place.s3())


def _everything_deleted(place: Place) -> Built:
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    client = place.account.client()
    for each in client.list_objects_v2(Bucket=place.account.bucket)["Contents"]:
        client.delete_object(Bucket=place.account.bucket, Key=each["Key"])
    return place.fresh(MAIN, place.app(), place.s3())


def _least_mode(place: Place) -> Built:
    """Only the last stage's results were written; now something else is copied out of the first."""
    place.fresh(MAIN, place.app(), place.s3(), mode="min")
    return place.fresh(MAIN, place.app(OTHER_OUT), place.s3())


def _refused(place: Place) -> Built:
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    with FaultProxy(place.account.endpoint) as proxy, proxy.refused():
        return place.fresh(MAIN, place.app(), place.s3(proxy.endpoint))


def _forbidden(place: Place) -> Built:
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    with FaultProxy(place.account.endpoint, rules=[Rule(on("GET", "/manifests/"), Respond(403))]) as proxy:
        return place.fresh(MAIN, place.app(), place.s3(proxy.endpoint))


def _blobs_gone(place: Place) -> Built:
    """The engine promises hits and can't get them: all is built again without the cache."""
    place.fresh(MAIN, place.app(), place.s3(), mode="max")
    with FaultProxy(place.account.endpoint, rules=[Rule(on("GET", "/blobs/"), Respond(404))]) as proxy:
        out = place.folder / "out"
        return place.fresh(MAIN, place.app(OTHER_END), place.s3(proxy.endpoint), "-o", str(out))


def _prune(place: Place, runner: Runner) -> None:
    (socket,) = (runner.folder / "run").rglob("buildkitd.sock")
    words = [str(place.lab.tools.buildctl), "--addr", f"unix://{socket}", "prune", "--all"]
    subprocess.run(words, check=True, capture_output=True)


def _pruned(place: Place) -> Built:
    folder = place.app()
    with place.lab.runner(**MAIN) as runner:
        place.on(runner, folder, "")
        _prune(place, runner)
        return place.on(runner, folder, "")


def _pruned_and_changed(place: Place) -> Built:
    folder = place.app()
    with place.lab.runner(**MAIN) as runner:
        place.on(runner, folder, "")
        _prune(place, runner)
        (folder / "req.txt").write_text("x==3\n")
        return place.on(runner, folder, "")


def _pruned_elsewhere(place: Place) -> Built:
    """The store of an engine that we only reach through its socket."""
    folder = place.app()
    with place.lab.buildkitd() as daemon, place.lab.runner(**MAIN) as runner:
        _on_daemon(runner, folder, daemon)
        daemon.buildctl("prune", "--all")
        return _on_daemon(runner, folder, daemon)


def _on_daemon(runner: Runner, folder: Path, daemon: Buildkitd) -> Built:
    done = build(runner, folder, "--engine", "buildctl", BUILDKIT_HOST=daemon.address)
    assert done.code == 0, done.err
    return done


def _another_store(place: Place) -> Built:
    """A runner that got another one's state, but not its engine's store."""
    folder = place.app()
    with place.lab.runner(**MAIN) as first, place.lab.runner(**MAIN) as fresh:
        place.on(first, folder, "")
        (sides,) = (first.folder / "state").rglob("sides")
        shutil.copytree(sides, fresh.folder / sides.relative_to(first.folder), dirs_exist_ok=True)
        for each in (fresh.folder / "state").rglob("*"):
            each.chmod(0o700)
        return place.on(fresh, folder, "")


def _base_moved(place: Place, days: float, *, first: str = "one", then: str = "two") -> Built:
    base = f"{place.lab.registry}/library/moving:{place.account.bucket}"
    text = causes.DOCKERFILE.replace("FROM busybox AS deps", f"FROM {base} AS deps")

    def other_base(folder: Path) -> None:
        (folder / "Dockerfile").write_text(text)

    _push_base(place, base, first, time.time() - 30 * 86400)
    place.fresh(MAIN, place.app(other_base), place.s3(), mode="max")
    _push_base(place, base, then, time.time() - days * 86400)
    return place.fresh(MAIN, place.app(other_base), place.s3())


def _push_base(place: Place, name: str, text: str, made: float) -> None:
    folder = place.folder / f"base-{text}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(f"FROM busybox\nRUN echo {text} > /which\n")
    with place.lab.buildkitd() as daemon:
        epoch = f"build-arg:SOURCE_DATE_EPOCH={made:.0f}"
        daemon.build(folder, "--opt", epoch, "--output", f'type=image,"name={name}",push=true')


FIRST_RUN, SRC = causes.FIRST_RUN, causes.SRC
BY_X = "same inputs; the record is gone: branch `x` overwrote `"
STORIES = (
    Story("overwritten by a branch", Cause.OVERWRITTEN, FIRST_RUN, BY_X, _overwritten(Place.s3)),
    Story("overwritten in a registry", Cause.OVERWRITTEN, FIRST_RUN, BY_X, _overwritten(_registry)),
    Story("overwritten in a directory", Cause.OVERWRITTEN, FIRST_RUN, BY_X, _overwritten(_directory)),
    Story("overwritten after a skip", Cause.OVERWRITTEN, FIRST_RUN, BY_X, _after_a_skip),
    Story("overwritten twice", Cause.OVERWRITTEN, FIRST_RUN, BY_X, _two_writers),
    Story(
        "overwritten by another target",
        Cause.OVERWRITTEN,
        SRC,
        "a build of target `deps` overwrote `s3 shared`",
        _another_target,
    ),
    Story(
        "overwritten, and a file changed",
        Cause.OVERWRITTEN,
        FIRST_RUN,
        BY_X,
        _overwritten(Place.s3, OTHER_FILE),
        ((SRC, Cause.FILE_CHANGED, "`src/a.py` changed"), ("RUN cat /out", Cause.FOLLOWS, "line 8")),
    ),
    Story(
        "a shared part overwritten",
        Cause.OVERWRITTEN,
        "RUN cat /out",
        BY_X,
        _shared_part,
    ),
    Story(
        "overwritten by another tool",
        Cause.OVERWRITTEN,
        FIRST_RUN,
        "`s3 shared` was overwritten by another build",
        _by_another_tool,
    ),
    Story(
        "a manifest deleted", Cause.EVICTED, "WORKDIR", "nothing is left under `s3 shared`", _manifest_deleted
    ),
    Story("a store pruned", Cause.EVICTED, "WORKDIR", "the engine's own store dropped it", _pruned),
    Story("mode=min", Cause.MODE_MIN, "WORKDIR", "has its key but not its result", _least_mode),
    Story("a port closed", Cause.IMPORT_FAILED, "WORKDIR", "`s3 shared` could not be read", _refused),
    Story("a cache forbidden", Cause.IMPORT_FAILED, "WORKDIR", "`s3 shared` could not be read", _forbidden),
    Story("a manifest cut off", Cause.IMPORT_FAILED, "WORKDIR", "could not be read", _manifest_truncated),
    Story("layers gone", Cause.IMPORT_FAILED, "WORKDIR", "`s3 shared` could not be read", _blobs_gone),
    Story("a base moved", Cause.BASE_MOVED, "WORKDIR", ", 3 days old", lambda it: _base_moved(it, 3)),
    Story("a base just made", Cause.BASE_MOVED, "WORKDIR", "than a day old", lambda it: _base_moved(it, 0.2)),
    Story("another store", Cause.NOT_READ, "WORKDIR", "ran on another engine", _another_store),
    Story("all deleted", Cause.NEVER_BUILT, "WORKDIR", "nothing lies under `s3 shared`", _everything_deleted),
)
"""In all of them something is to be blamed on a cache, or a base."""

ORDINARY = (
    Story("another tool came between", Cause.VARIABLE, FIRST_RUN, "`VERSION`", _by_another_tool_first),
    Story("nothing lost", None, "", "", _nothing_lost),
    Story("the same branch", Cause.FILE_CHANGED, SRC, "`src/a.py` changed", _own_branch),
    Story(
        "overwritten in part, and a file changed", Cause.FILE_CHANGED, SRC, "`src/a.py`", _shared_and_changed
    ),
    Story(
        "pruned, and a file changed",
        Cause.EVICTED,
        "WORKDIR",
        "dropped",
        _pruned_and_changed,
        (("COPY req.txt", Cause.FILE_CHANGED, "`req.txt` changed"),),
    ),
    Story("a store that can't be seen", Cause.UNKNOWN, "WORKDIR", "unknown", _pruned_elsewhere),
)
"""In these it isn't, or can't be known: silence, the ordinary reason, or `unknown`."""
