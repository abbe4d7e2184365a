"""Base images with a language's tools, for the sample applications: made one by one, when first wanted."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from tests.lab.bases import Base, ensure_bases, made
from tests.lab.settings import cargo_config, maven_settings
from tests.lab.toolchains import NODE_VERSION, YARN_VERSION, golang_rootfs, node_rootfs
from tests.lab.trust import host_trust

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.lab.services import RegistryServer
    from tests.lab.tools import Tools

NODE = f"""\
FROM debian:bookworm-slim
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
ENV NODE_VERSION={NODE_VERSION} YARN_VERSION={YARN_VERSION}
ADD rootfs.tar /
CMD ["node"]
"""
GOLANG = """\
FROM debian:bookworm-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates git \\
 && rm -rf /var/lib/apt/lists/* \\
 && mkdir -p /go/src /go/bin && chmod -R 1777 /go
ENV GOTOOLCHAIN=local GOPATH=/go PATH=/go/bin:/usr/local/go/bin:$PATH
WORKDIR /go
ADD rootfs.tar /
"""
# rustc-web is the newest Rust of the release; bookworm's own is too old for the sparse registry.
RUST = """\
FROM debian:bookworm-slim
RUN apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates cargo-web gcc libc6-dev rustc-web \\
 && rm -rf /var/lib/apt/lists/*
ENV CARGO_HOME=/usr/local/cargo PATH=/usr/local/cargo/bin:$PATH
COPY host/ /
"""
JRE = """\
FROM debian:bookworm-slim
RUN mkdir -p /usr/share/man/man1 && apt-get update \\
 && apt-get install -y --no-install-recommends ca-certificates openjdk-17-jre-headless tzdata \\
 && rm -rf /var/lib/apt/lists/*
"""
MAVEN = """\
FROM eclipse-temurin:17-jre
RUN apt-get update \\
 && apt-get install -y --no-install-recommends maven openjdk-17-jdk-headless \\
 && rm -rf /var/lib/apt/lists/*
COPY host/ /
CMD ["mvn"]
"""

# Later ones of a family may start from earlier ones, all from debian:bookworm-slim.
FAMILIES: dict[str, tuple[Base, ...]] = {
    "node": (
        Base(("node:20-slim", "node:20-bookworm-slim", "node:20", "node:20-bookworm"), NODE, node_rootfs),
    ),
    "golang": (
        Base(("golang:1.26-bookworm", "golang:1.26", "golang:1-bookworm", "golang:1"), GOLANG, golang_rootfs),
    ),
    "rust": (
        Base(("rust:1-slim", "rust:1-slim-bookworm", "rust:1", "rust:1-bookworm"), RUST, None, cargo_config),
    ),
    "maven": (
        Base(("eclipse-temurin:17-jre", "eclipse-temurin:17"), JRE),
        Base(("maven:3-eclipse-temurin-17", "maven:3.8-eclipse-temurin-17"), MAVEN, None, maven_settings),
    ),
}


def families_of(dockerfile: str) -> set[str]:
    """The families whose images a Dockerfile starts stages from."""
    wanted = set(re.findall(r"(?mi)^FROM\s+(?:--\S+\s+)*(\S+)", dockerfile))
    return {
        family
        for family, bases in FAMILIES.items()
        if any(name in wanted for base in bases for name in base.names)
    }


def add_languages(registry: RegistryServer, tools: Tools, families: Iterable[str] = tuple(FAMILIES)) -> None:
    """Give a running registry further bases; they are made when nobody did so before."""
    trust, core = host_trust(), ensure_bases(tools)
    for family in sorted(families):
        storage = made(tools, FAMILIES[family], trust, onto=core)
        _add(storage, registry.storage)


def _add(source: Path, target: Path) -> None:
    """Copy what is missing: a name that the target has may have been pushed anew."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(exist_ok=True)
        elif not place.exists():
            # Beside and renamed: the registry may be serving while this runs.
            draft = place.with_name(f".{place.name}.new")
            shutil.copyfile(path, draft)
            draft.rename(place)
