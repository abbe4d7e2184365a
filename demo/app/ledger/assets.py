"""Static files under names that change with their content, so browsers may keep them for ever."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

SUFFIXES = {".css", ".js"}


def squeeze(text: str) -> str:
    """Without comments and needless blanks."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return re.sub(r"\s*\n\s*", "\n", text).strip() + "\n"


def collect(source: Path, target: Path) -> dict[str, str]:
    """Fill ``target`` and write ``manifest.json``: plain name to hashed name."""
    target.mkdir(exist_ok=True)
    manifest = {}
    for path in sorted(p for p in source.iterdir() if p.suffix in SUFFIXES):
        text = squeeze(path.read_text())
        short = hashlib.sha256(text.encode()).hexdigest()[:10]
        manifest[path.name] = f"{path.stem}.{short}{path.suffix}"
        (target / manifest[path.name]).write_text(text)
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def asset_path(static: Path, name: str) -> str:
    """Where a page finds ``name``: the collected file, or the plain one while developing."""
    manifest = static / "dist" / "manifest.json"
    if not manifest.exists():
        return name
    return f"dist/{json.loads(manifest.read_text())[name]}"
