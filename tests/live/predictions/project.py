"""A project that is predicted and built: its files on disk, its request, and the servers it names."""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import http.server
import io
import os
import shutil
import tarfile
import threading
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastbuild.request import BuildRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab.lab import Lab
    from tests.live.predictions.family import Family

FILES = {
    "a.txt": "one\n",
    "notes.md": "notes\n",
    "run.sh": "#!/bin/sh\necho ran\n",
    "src/b.txt": "two\n",
    "src/c.py": "three\n",
    "src/deep/d.txt": "four\n",
    "src/deep/e.py": "five\n",
    "docs/f.md": "six\n",
    "docs/g.txt": "seven\n",
}
SIDE = {"x.txt": "side\n", "deep/y.txt": "deep side\n"}
LONG_AGO = 1_600_000_000.0
MANIFEST = "application/vnd.oci.image.manifest.v1+json,application/vnd.oci.image.index.v1+json," + (
    "application/vnd.docker.distribution.manifest.v2+json"
)


@dataclass(frozen=True, kw_only=True)
class World:
    """What projects name: a registry whose tags can be moved, and a web server's folder and host."""

    registry: str
    web: Path
    host: str

    def point(self, tag: str, image: str) -> None:
        """Let the tag of `library/busybox` be the image that another tag of it is."""
        address = f"http://{self.registry}/v2/library/busybox/manifests/"
        asked = urllib.request.Request(address + image, headers={"Accept": MANIFEST})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=30) as answer:
            kind, text = answer.headers["Content-Type"], answer.read()
        put = urllib.request.Request(address + tag, data=text, headers={"Content-Type": kind}, method="PUT")
        with opener.open(put, timeout=30):
            pass

    def digest(self, tag: str) -> str:
        """The digest of that tag's manifest."""
        address = f"http://{self.registry}/v2/library/busybox/manifests/{tag}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(address, headers={"Accept": MANIFEST}), timeout=30) as answer:
            return str(answer.headers["Docker-Content-Digest"])


@dataclass(frozen=True, kw_only=True)
class Project:
    """One family's files below `home`, as they are at the moment, and what is asked of the engine."""

    family: Family
    home: Path
    world: World
    request: BuildRequest

    @property
    def context(self) -> Path:
        return Path(self.request.context)

    @property
    def side(self) -> Path:
        """The directory of the named context."""
        return self.home / "side"

    @property
    def token(self) -> Path:
        """The file of the secret."""
        return self.home / "token"

    @property
    def dockerfile(self) -> Path:
        return Path(str(self.request.file))

    @property
    def tag(self) -> str:
        """The base image's tag, which is this project's own."""
        return self.home.name

    def edited(self, change: Callable[[str], str]) -> BuildRequest | None:
        """The same request with another Dockerfile; None where that is the same text."""
        old = self.dockerfile.read_text(encoding="utf-8")
        new = change(old)
        if new == old:
            return None
        self.dockerfile.write_text(new, encoding="utf-8", newline="")
        return self.request

    def asked(self, **changes: Any) -> BuildRequest:
        """The request with other fields."""
        return replace(self.request, **changes)


def lay_out(home: Path, family: Family, world: World) -> Project:
    """The project as it is before any change; whatever was in `home` is gone."""
    shutil.rmtree(home, ignore_errors=True)
    context = home / "context"
    write(context, FILES)
    write(home / "side", SIDE)
    (context / "run.sh").chmod(0o755)
    (context / "src/empty").mkdir()
    (context / "src/link").symlink_to("b.txt")
    (context / "e.tar.gz").write_bytes(archive("in the archive\n"))
    (home / "token").write_text("hush")
    write(world.web / home.name, {"file.bin": "bytes of a file\n"})
    values = {
        "base": f"busybox:{home.name}",
        "url": f"http://{world.host}/{home.name}/file.bin",
        "sum": hashlib.sha256(b"bytes of a file\n").hexdigest(),
        "side": str(home / "side"),
        "token": str(home / "token"),
    }
    (context / family.file).write_text(filled(family.text, values), encoding="utf-8")
    write(context, dict(family.files))
    past(context)
    request = BuildRequest(
        context=str(context),
        file=str(context / family.file),
        target=family.target,
        build_args=family.build_args,
        build_contexts=tuple((name, filled(source, values)) for name, source in family.build_contexts),
        secrets=tuple(filled(secret, values) for secret in family.secrets),
        platforms=family.platforms,
    )
    return Project(family=family, home=home, world=world, request=request)


def filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"<{name}>", value)
    return text


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def past(folder: Path) -> None:
    """All entries as old as in a checkout of long ago: what is written later differs."""
    for path in [*folder.rglob("*"), folder]:
        os.utime(path, (LONG_AGO, LONG_AGO), follow_symlinks=False)


def archive(text: str) -> bytes:
    """A compressed tar with one file, the same bytes for the same text."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as tar:
        entry = tarfile.TarInfo("inside/file.txt")
        entry.size = len(text.encode())
        tar.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(raw.getvalue(), mtime=0)


@contextlib.contextmanager
def world(lab: Lab, folder: Path) -> Iterator[World]:
    """The servers, with more tags of busybox beside the lab's: `other`, `relabelled`, `with-triggers`."""
    images = {
        "other": "FROM busybox:latest\nRUN echo other > /other\n",
        "relabelled": "FROM busybox:latest\nLABEL moved=yes\n",
        "with-triggers": "FROM busybox:latest\nONBUILD COPY a.txt /triggered\nONBUILD RUN cat /triggered\n",
    }
    with lab.buildkitd() as daemon:
        for tag, text in images.items():
            write(folder / tag, {"Dockerfile": text})
            name = f"{lab.registry}/library/busybox:{tag}"
            daemon.build(folder / tag, "--output", f"type=image,name={name},push=true")
    web = folder / "web"
    web.mkdir()
    handler = functools.partial(_Quiet, directory=str(web))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield World(registry=lab.registry, web=web, host=f"127.0.0.1:{server.server_port}")
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass
