"""Package index settings that the host keeps in files; like ``trust``, for the lab's own bases only."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from pathlib import Path


def index_settings(home: Path, system: Path = Path("/etc")) -> dict[str, str]:
    """Indexes named in pip's, npm's and Go's files, as the variables that mean the same."""
    found = {
        "PIP_INDEX_URL": _pip_index(home, system),
        "NPM_CONFIG_REGISTRY": _assigned(home / ".npmrc", "registry"),
        "GOPROXY": _assigned(home / ".config/go/env", "GOPROXY"),
    }
    return {name: value for name, value in found.items() if value}


def cargo_config(home: Path | None = None) -> dict[str, str]:
    """Cargo's ``[source]`` tables, which no variable can express; the rest of the file is the host's own.

    Format: https://doc.rust-lang.org/cargo/reference/source-replacement.html
    """
    folder = (home or Path.home()) / ".cargo"
    path = next((folder / name for name in ("config.toml", "config") if (folder / name).is_file()), None)
    sources = tomllib.loads(path.read_text()).get("source", {}) if path else {}
    lines = []
    for name, table in sources.items():
        lines.append(f"[source.{json.dumps(name)}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in table.items() if isinstance(value, str)]
    return {"usr/local/cargo/config.toml": "\n".join(lines) + "\n"} if lines else {}


def maven_settings(home: Path | None = None) -> dict[str, str]:
    """The host's settings.xml without its own folder of downloads."""
    path = (home or Path.home()) / ".m2/settings.xml"
    if not path.is_file():
        return {}
    text = re.sub(r"<localRepository>.*?</localRepository>", "", path.read_text(), flags=re.DOTALL)
    return {"root/.m2/settings.xml": text}


def _pip_index(home: Path, system: Path) -> str:
    parser = configparser.RawConfigParser(strict=False)
    # The last one read wins, as in pip.
    files = [system / "pip.conf", home / ".pip/pip.conf", home / ".config/pip/pip.conf"]
    try:
        parser.read(files)
    except configparser.Error:
        return ""
    return parser.get("global", "index-url", fallback="")


def _assigned(path: Path, name: str) -> str:
    text = path.read_text(errors="replace") if path.is_file() else ""
    match = re.search(rf"(?m)^\s*{name}\s*=\s*(\S+)", text)
    return match[1] if match else ""
