"""What a build on this machine needs to reach package indexes: extra CAs, mirrors, pip settings.

All of it is read from the host at run time and goes into the lab's own base images only.
"""

from __future__ import annotations

import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.lab.settings import index_settings

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
SHIPPED = Path("/usr/share/ca-certificates")  # what the distribution itself trusts
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
BUNDLE_VARIABLES = (
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
)
FORWARDED = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT"),
    *("NPM_CONFIG_REGISTRY", "npm_config_registry", "YARN_REGISTRY", "UV_INDEX_URL", "UV_DEFAULT_INDEX"),
    *("GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
DEBIAN = "http://deb.debian.org/debian"
SUITE = "bookworm"


@dataclass(frozen=True)
class Trust:
    """``bundle`` and ``extra`` are empty on a machine that trusts only the usual CAs."""

    bundle: str
    extra: tuple[str, ...]
    env: tuple[tuple[str, str], ...]

    def dockerfile_env(self) -> str:
        """ENV lines for a base image; dollars and quotes kept as they are."""
        escaped = ((name, re.sub(r'(["\\$])', r"\\\1", value)) for name, value in self.env)
        return "".join(f'ENV {name}="{value}"\n' for name, value in escaped)


def host_trust() -> Trust:
    """The host's extra CAs and package index settings."""
    bundle = _host_bundle()
    usual = {
        match
        for path in (SHIPPED.rglob("*.crt") if SHIPPED.is_dir() else ())
        for match in CERTIFICATE.findall(path.read_text(errors="replace"))
    }
    # Without the distribution's own list nothing can be called extra.
    extra = tuple(pem for pem in CERTIFICATE.findall(bundle) if usual and pem not in usual)
    env = [(name, os.environ[name]) for name in FORWARDED if os.environ.get(name)]
    named = {name.upper() for name, _ in env}
    env += [(name, value) for name, value in index_settings(Path.home()).items() if name not in named]
    if extra:
        env += [(name, BUNDLE) for name in BUNDLE_VARIABLES]
    return Trust(bundle if extra else "", extra, tuple(env))


def _host_bundle() -> str:
    named = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    for path in (named, BUNDLE):
        if path and Path(path).is_file():
            return Path(path).read_text(errors="replace")
    return ""


@dataclass(frozen=True)
class DebianSources:
    """Where packages come from: the host's mirror, else Debian's own."""

    main: str
    lines: tuple[str, ...]  # for /etc/apt/sources.list of the base


def debian_sources(folder: Path = Path("/etc/apt")) -> DebianSources:
    """The host's mirror, from both forms of apt sources."""
    found = _one_line_sources(folder) + _deb822_sources(folder)
    suites = {suite: uri for uri, suite in reversed(found)}  # the first mention wins
    main = suites.get(SUITE, DEBIAN)
    lines = [f"deb {main} {SUITE} main"]
    for suite in (f"{SUITE}-updates", f"{SUITE}-security"):
        if suite in suites:
            lines.append(f"deb {suites[suite]} {suite} main")
    return DebianSources(main, tuple(lines))


def _one_line_sources(folder: Path) -> list[tuple[str, str]]:
    pattern = re.compile(r"^deb\s+(?:\[.*?\]\s+)?(\S+)\s+(\S+)\s+.*\bmain\b", re.MULTILINE)
    files = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]
    texts = [path.read_text(errors="replace") for path in files if path.is_file()]
    return [
        (match[1], match[2])
        for text in texts
        for match in pattern.finditer(text)
        if match[1].startswith("http")
    ]


def _deb822_sources(folder: Path) -> list[tuple[str, str]]:
    found = []
    for path in sorted(folder.glob("sources.list.d/*.sources")):
        text = re.sub(r"(?m)^#.*\n?", "", path.read_text(errors="replace"))
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"(?m)^(\w[\w-]*):[ \t]*(.+)$", stanza))
            if "main" not in fields.get("Components", "").split():
                continue
            for uri in fields.get("URIs", "").split():
                found += [(uri, suite) for suite in fields.get("Suites", "").split()]
    return [(uri, suite) for uri, suite in found if uri.startswith("http")]
