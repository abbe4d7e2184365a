"""The side file: what decided each step's key in one build, so that a later build can say what changed.

It lies in the history and beside the remote manifest. No secret enters it: see `hiding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from fastbuild.progress.rawjson import StepName

if TYPE_CHECKING:
    from fastbuild.explain.trees import Node

VERSION = 1


class SideFileError(ValueError):
    """The bytes are no side file that this fastbuild reads. The message is one line."""


class InputKind(StrEnum):
    """Where an input of a step comes from. `remote` is git or HTTP, `none` is scratch."""

    STEP = "step"
    IMAGE = "image"
    CONTEXT = "context"
    REMOTE = "remote"
    NONE = "none"


class Origin(StrEnum):
    """Who set a variable.

    `flag`: --build-arg NAME=VALUE; `environment`: --build-arg NAME; `default`: ARG in a stage; `global`: ARG
    before the first FROM; `env`: ENV; `platform`: one that BuildKit predefines.
    """

    FLAG = "flag"
    ENVIRONMENT = "environment"
    DEFAULT = "default"
    GLOBAL = "global"
    ENV = "env"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """An ARG or ENV with a value. `stage` is the stage's number, -1 before the first FROM.

    `line` is the line of the instruction that set or declared it. `value` is `secret:…` if it is hidden.
    """

    name: str
    value: str
    origin: Origin
    line: int
    stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseImage:
    """An image that the build began with. `digest` is that of the manifest or index that the key holds.

    `created` is the image's own date in Unix seconds, None where unknown.
    """

    stage: str
    reference: str
    digest: str
    platform: str
    created: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepInput:
    """One input of a step. `step` is the number of an earlier step, -1 for others.

    `name` and `digest` tell an image or remote source; `digest` is empty where unknown. `content` is the
    content digest, empty where it doesn't count or isn't known. `paths` are what was selected, `tree` is the
    root of the copied files, -1 where they aren't recorded.
    """

    kind: InputKind
    step: int = -1
    name: str = ""
    digest: str = ""
    platform: str = ""
    selector: str = ""
    content: str = ""
    paths: tuple[str, ...] = ()
    tree: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class StepKey:
    """What decides one step's key.

    `name` is as progress shows it, `instruction` as the Dockerfile has it (empty where unknown); `op` is the
    digest of `plaintext`, which is BuildKit's JSON with secrets hidden, actions of file operations decoded.
    `stage` is the stage's number, -1 where unknown. `status` is a `progress.timings.Status` or empty. `held`
    tells whether the cache that the file lies beside had its result when it was written; None: not known.
    """

    name: str
    instruction: str = ""
    stage: int = -1
    lines: tuple[tuple[int, int], ...] = ()
    platform: str = ""
    op: str = ""
    plaintext: str = ""
    status: str = ""
    seconds: float = 0.0
    ignore_cache: bool = False
    held: bool | None = None
    inputs: tuple[StepInput, ...] = ()

    @property
    def line(self) -> int | None:
        """The first line in the Dockerfile."""
        return self.lines[0][0] if self.lines else None

    @property
    def text(self) -> str:
        """The instruction as written, else as the engine shows it."""
        return self.instruction or StepName.parse(self.name).instruction

    @property
    def keyword(self) -> str:
        """`RUN`, `COPY` …, in capitals."""
        return self.text.partition(" ")[0].upper()


def is_internal(step: StepKey) -> bool:
    """Whether it is no instruction, but what one needs: a heredoc's file (`preparing inline document`)."""
    return step.name.startswith("[internal] ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """An earlier build whose results were lost when another one wrote the same cache.

    `steps` are the identities (see `explain.earlier`) of the steps whose results that build's cache held and
    the next one's lacked. The `by_…` are of that next build, which wrote the cache `at` (Unix seconds).
    """

    build: str
    branch: str = ""
    target: str = ""
    platforms: tuple[str, ...] = ()
    dockerfile: str = ""
    created: float = 0.0
    commit: str = ""
    steps: tuple[str, ...] = ()
    by_build: str = ""
    by_branch: str = ""
    by_target: str = ""
    by_platforms: tuple[str, ...] = ()
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SideFile:
    """One build. Unknown texts are empty; `created` is Unix seconds.

    `cache` is the label of the cache it belongs to (empty: the engine's own store only), `manifest` the
    digest of the manifest it was written beside, `mode` that export's mode; `store` tells engine roots apart.
    `dockerfile` and `ignore` are paths within the context, empty if they lie elsewhere. `salt` is what hidden
    values were hashed with. `modes_apart` tells that digests of files don't cover their modes. `lost` says
    what was left out to keep the file small. `earlier` are builds that the cache was overwritten after, the
    latest loss first.
    """

    version: int = VERSION
    build: str
    created: float = 0.0
    commit: str = ""
    branch: str = ""
    dirty: bool | None = None
    cache: str = ""
    manifest: str = ""
    mode: str = ""
    store: str = ""
    engine: str = ""
    engine_version: str = ""
    frontend: str = ""
    platforms: tuple[str, ...] = ()
    target: str = ""
    dockerfile: str = ""
    dockerfile_digest: str = ""
    ignore: str = ""
    ignore_digest: str = ""
    salt: str = ""
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    bases: tuple[BaseImage, ...] = ()
    variables: tuple[Variable, ...] = ()
    steps: tuple[StepKey, ...] = ()
    nodes: tuple[Node, ...] = ()
    modes_apart: bool = True
    lost: tuple[str, ...] = ()
    earlier: tuple[Earlier, ...] = ()
