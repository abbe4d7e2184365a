"""The login docker has stored for a registry: `login_for`.

https://docs.docker.com/reference/cli/docker/login/#credential-stores
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastbuild.errors import EngineError
from fastbuild.process import Command, run

HELPER_TIMEOUT = 10.0
"""Seconds a credential helper may take."""

_HUB = "https://index.docker.io/v1/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user and a password or token, never shown."""

    user: str
    secret: str = field(repr=False)


def login_for(host: str) -> Login | None:
    """What `$DOCKER_CONFIG/config.json` or its helper knows for `host`; None when nothing usable."""
    config = _config()
    server = _HUB if host == "docker.io" else host
    helpers = config.get("credHelpers")
    helper = (helpers.get(host) if isinstance(helpers, dict) else None) or config.get("credsStore")
    if isinstance(helper, str) and helper:
        return _ask(helper, server)
    auths = config.get("auths")
    stored = auths if isinstance(auths, dict) else {}
    for name in (server, f"https://{server}", f"https://{server}/"):
        entry = stored.get(name)
        if isinstance(entry, dict) and isinstance(entry.get("auth"), str):
            return _decode(entry["auth"])
    return None


def _config() -> dict[str, Any]:
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path("~/.docker").expanduser()) / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _decode(text: str) -> Login | None:
    try:
        user, _, secret = base64.b64decode(text).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Login(user=user, secret=secret) if user and secret else None


def _ask(helper: str, server: str) -> Login | None:
    """https://github.com/docker/docker-credential-helpers#development (the protocol)"""
    command = Command(argv=(f"docker-credential-{helper}", "get"))
    try:
        done = run(command, timeout=HELPER_TIMEOUT, stdin=server)
        found = json.loads(done.stdout) if done.returncode == 0 else {}
    except (EngineError, ValueError):
        return None
    user, secret = found.get("Username"), found.get("Secret")
    return Login(user=user, secret=secret) if user and secret else None
