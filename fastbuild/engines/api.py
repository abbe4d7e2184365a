"""What an engine is: a module that turns a `Job` into a `Command`, and says what it can't do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from fastbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.process import Command
    from fastbuild.progress.events import Event
    from fastbuild.request import BuildRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A request made concrete for one run: nothing in it has to be looked up any more.

    In `request`, `context` and `file` are existing paths or URLs ("-" has been staged to files).
    `program` begins the command line: `("buildctl", "--addr", "unix://…")` or `("docker", "buildx")`.
    `context_name` names the daemon's copy of the context; `named_copies` those of local
    `--build-context`s, by name; `links` has a link of each such name to its directory. `workdir` is
    a fresh directory for the engine's result files.
    `host_gateway` is the address that `host-gateway` stands for, empty where unknown.
    `default_provenance`: images get the provenance that buildx adds unasked.
    """

    request: BuildRequest
    program: tuple[str, ...]
    workdir: str
    context_name: str = ""
    named_copies: tuple[tuple[str, str], ...] = ()
    proxy_args: tuple[tuple[str, str], ...] = ()
    host_gateway: str = ""
    default_provenance: bool = True
    env: tuple[tuple[str, str], ...] = ()
    secret_env: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def links(self) -> str:
        """A directory of links, one per copy, each named as the copy."""
        return f"{self.workdir}/links"

    @property
    def metadata_file(self) -> str:
        """Where the engine writes its result metadata (JSON)."""
        return f"{self.workdir}/metadata.json"

    @property
    def answer_file(self) -> str:
        """Where the engine's answer to a `--call` is kept, where we have to judge it."""
        return f"{self.workdir}/answer"

    @property
    def image_archive(self) -> str:
        """Where the image is written for loading into a docker engine."""
        return f"{self.workdir}/image.tar"


class Engine(Protocol):
    """Implemented by modules; see `ENGINES` in `detect`."""

    NAME: str
    KEEPS_COPIES: bool
    """Whether the daemon keeps a copy of each context, to be sent only what changed."""

    def build_command(self, job: Job) -> Command:
        """The command that builds `job`.

        Raises UsageError naming the flag and the engine that can, for what this one can't do.
        """

    def reader(self) -> Callable[[bytes], tuple[Event, ...]]:
        """A function from one line of the command's output to events, for one run."""


def unsupported(flag: str, engine: str, instead: str) -> UsageError:
    """The error for a flag that `engine` can't carry out; `instead` says what can."""
    return UsageError(f"{flag} is not possible with the {engine} engine", fix=instead)
