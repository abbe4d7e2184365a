"""BuildKit's own parser as a program, and the Dockerfiles of the lab's Go modules to try it on."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

from tests.lab.places import digest, lab_dir, making, step
from tests.lab.processes import run
from tests.lab.tools import BUILDX_VERSION, MODULE, _go, _go_env

ORACLE = Path(__file__).with_name("oracle")  # go.mod pins BuildKit
ENGINE = Path(__file__).parents[2] / "fastbuild/engines/gomod"
MORE = (
    f"github.com/docker/buildx@{BUILDX_VERSION}",
    "github.com/docker/docker@v28.5.2+incompatible",
    "github.com/open-policy-agent/opa@v1.19.0",
)
"""Modules with Dockerfiles beside those that the lab's tools are built from."""


def ensure_oracle() -> Path:
    """The program; see its source for what goes in and out. Built once for each version of it."""
    sources = [(ORACLE / name).read_text() for name in ("go.mod", "go.sum", "main.go")]
    target = lab_dir() / "tools" / f"oracle-{digest(*sources)}"
    with making(target) as draft:
        if draft:
            go = _go()
            with step("building BuildKit's parser from the Go module proxy"):
                run([go, "install", "-ldflags=-s -w", "."], env=_go_env(draft), cwd=ORACLE)
    return target / "oracle"


def ask(texts: list[bytes]) -> list[dict[str, Any]]:
    """What BuildKit's parser makes of each text."""
    lines = b"".join(base64.b64encode(text) + b"\n" for text in texts)
    done = subprocess.run([ensure_oracle()], input=lines, capture_output=True, check=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(texts), done.stderr[-2000:]
    return answers


def module_files() -> dict[str, bytes]:
    """Every distinct Dockerfile of the lab's Go modules and every file of BuildKit's parser tests.

    Keyed `module@version/path`; in the order of their sha256, which is as good as random and never changes.
    """
    found: dict[str, tuple[str, bytes]] = {}
    for module, folder in sorted(_modules().items()):
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            wanted = "dockerfile" in path.name.lower() or "dockerfile/parser/testfiles" in name
            if wanted and path.suffix != ".go" and path.is_file():
                content = path.read_bytes()
                found.setdefault(hashlib.sha256(content).hexdigest(), (f"{module}/{name}", content))
    return dict(found[key] for key in sorted(found))


def _modules() -> dict[str, Path]:
    """Every module, `path@version` → its folder; downloaded where it is missing."""
    env = _go_env(lab_dir()) | {"GOFLAGS": "-mod=readonly"}
    go = str(_go())
    found: dict[str, Path] = {}
    for folder, names in ((MODULE, ()), (ENGINE, ()), (ORACLE, ()), (lab_dir(), MORE)):
        with step(f"go mod download {' '.join(names) or folder.name}"):
            done = run([go, "mod", "download", "-json", *names], env=env, cwd=folder)
        found |= {f"{each['Path']}@{each['Version']}": Path(each["Dir"]) for each in _objects(done)}
    return found


def _objects(text: str) -> list[dict[str, str]]:
    decoder, found, position = json.JSONDecoder(), [], 0
    text = text.strip()
    while position < len(text):
        value, position = decoder.raw_decode(text, position)
        found.append(value)
        position += len(text[position:]) - len(text[position:].lstrip())
    return found
