"""Proxy settings in docker's config.json, which docker passes to builds as build arguments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "ftpProxy": "FTP_PROXY",
    "noProxy": "NO_PROXY",
    "allProxy": "ALL_PROXY",
}


def proxy_args(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The build arguments that docker would add: each name in upper and lower case.

    Reads `proxies.default` of $DOCKER_CONFIG/config.json (~/.docker by default), or the entry of the
    DOCKER_HOST in use. An absent or unreadable file means none.
    Format: https://docs.docker.com/engine/cli/proxy/
    """
    folder = environ.get("DOCKER_CONFIG") or f"{environ.get('HOME', '')}/.docker"
    try:
        proxies = json.loads(Path(folder, "config.json").read_text(encoding="utf-8"))["proxies"]
        chosen = proxies.get(environ.get("DOCKER_HOST", ""), proxies.get("default", {}))
    except (OSError, ValueError, KeyError, AttributeError):
        return ()
    found = [(NAMES[key], str(value)) for key, value in chosen.items() if key in NAMES]
    return tuple((name, value) for upper, value in found for name in (upper, upper.lower()))
