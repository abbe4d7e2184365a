"""Names of base images: their parts, and what is publicly known of the official ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import StageFacts, Step
    from fastbuild.analysis.subject import Subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """An image reference. `host` is empty for Docker Hub, `path` without `library/`."""

    host: str
    path: str
    tag: str
    digest: str

    @property
    def is_official(self) -> bool:
        """Whether this is one of Docker Hub's official images."""
        return not self.host and "/" not in self.path

    @property
    def version(self) -> tuple[int, ...]:
        """The numbers the tag starts with: 3.12-slim is (3, 12)."""
        match = re.match(r"\d+(\.\d+)*", self.tag)
        return tuple(int(part) for part in match[0].split(".")) if match else ()


_REFERENCE = re.compile(
    r"(?P<name>[^@:]+(?::\d+/[^@:]+)?)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>\w+:[0-9a-fA-F]+))?$"
)


def image(reference: str) -> Image | None:
    """The parts of a reference; None for `scratch` and for what is no reference (or one with a variable).

    A name with capitals is none: BuildKit refuses it.
    """
    if not reference or reference == "scratch" or "$" in reference:
        return None
    match = _REFERENCE.match(reference)
    if not match:
        return None
    name = match["name"]
    first, slash, rest = name.partition("/")
    host = first if slash and ("." in first or ":" in first or first == "localhost") else ""
    path = rest if host else name
    if path != path.lower():
        return None
    if host in ("docker.io", "index.docker.io"):
        host = ""
    return Image(
        host=host, path=path.removeprefix("library/"), tag=match["tag"] or "", digest=match["digest"] or ""
    )


def pulled(subject: Subject) -> tuple[tuple[Step, str, Image], ...]:
    """Every image that the file pulls: the step, the reference and its parts; each reference once."""
    return subject.pulled


def all_pulled(subject: Subject) -> Iterator[tuple[Step, str, Image]]:
    """What `pulled` tells, without its memory."""
    seen: set[str] = set()
    for facts in subject.stages:
        for step, reference in _references(subject, facts):
            found = None if reference in seen or reference.isdigit() else image(reference)
            if found is not None:
                seen.add(reference)
                yield step, reference, found


def _references(subject: Subject, facts: StageFacts) -> Iterator[tuple[Step, str]]:
    """What a stage names that is no other stage."""
    from fastbuild.analysis.reach import sources_of

    if facts.parent is None:
        yield facts.steps[0], facts.base
    for step in facts.steps[1:]:
        for reference in sources_of(step) if "from=" in step.instruction.text else ():
            if not subject.dockerfile.stage(reference, before=facts.stage.index):
                yield step, reference


DEBIAN_FAMILY = frozenset(
    {
        *(
            "debian",
            "ubuntu",
            "python",
            "node",
            "golang",
            "rust",
            "ruby",
            "php",
            "perl",
            "buildpack-deps",
            "gcc",
        ),
        *(
            "eclipse-temurin",
            "maven",
            "gradle",
            "nginx",
            "httpd",
            "postgres",
            "redis",
            "mariadb",
            "tomcat",
            "openjdk",
        ),
    }
)
"""Official images that hold apt with Docker's settings, unless the tag says otherwise."""


def is_debian(found: Image | None) -> bool:
    """Whether the image surely is an official Debian or Ubuntu."""
    if found is None or not found.is_official or found.path not in DEBIAN_FAMILY:
        return False
    return not re.search(r"alpine|windows|nanoserver|oracle|ubi|centos", found.tag)


RUNS_AS_ROOT = DEBIAN_FAMILY - {"nginx", "httpd", "postgres", "redis", "mariadb"} | {
    *("alpine", "busybox", "fedora", "amazonlinux", "rockylinux", "almalinux", "archlinux", "amazoncorretto"),
    *(
        "composer",
        "swift",
        "elixir",
        "erlang",
        "haskell",
        "julia",
        "r-base",
        "clojure",
        "dart",
        "pypy",
        "oraclelinux",
    ),
}
"""Official images that name no user and don't give up root by themselves."""
