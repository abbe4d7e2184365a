"""What docker's own config.json says: plug-in directories, and proxies that builds get as arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "ftpProxy": "FTP_PROXY",
    "noProxy": "NO_PROXY",
    "allProxy": "ALL_PROXY",
}


def config_folder(environ: Mapping[str, str]) -> Path:
    """$DOCKER_CONFIG, or ~/.docker."""
    return Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/"), ".docker"))


def docker_config(environ: Mapping[str, str]) -> dict[str, Any]:
    """The contents of docker's config.json; empty when it is absent or unreadable.

    Format: https://docs.docker.com/reference/cli/docker/#docker-cli-configuration-file-configjson-properties
    """
    try:
        found = json.loads((config_folder(environ) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def proxy_args(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The build arguments that docker would add: each name in upper and lower case.

    Reads `proxies.default`, or the entry of the DOCKER_HOST in use.
    Format: https://docs.docker.com/engine/cli/proxy/
    """
    proxies = docker_config(environ).get("proxies") or {}
    chosen = proxies.get(environ.get("DOCKER_HOST", ""), proxies.get("default", {}))
    found = [(NAMES[key], str(value)) for key, value in chosen.items() if key in NAMES]
    return tuple((name, value) for upper, value in found for name in (upper, upper.lower()))
