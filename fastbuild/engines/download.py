"""Fetch a file over HTTP and keep it only when its sha256 is the expected one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fastbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
_CHUNK = 1 << 20
_REPORT_SECONDS = 5.0


def download(
    url: str,
    target: Path,
    *,
    sha256: str,
    environ: Mapping[str, str],
    on_progress: Callable[[str], None],
) -> None:
    """Write the body of `url` to `target`.

    Trusts the certificates of REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or SSL_CERT_FILE. Raises ConnectionError
    when the file can't be had, and EngineError when its sum (lower-case hex) is another: then `target`
    is removed.
    """
    import hashlib

    import requests

    bundle = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    trust: str | bool = bundle or environ.get("SSL_CERT_FILE") or True
    digest = hashlib.sha256()
    started = reported = time.monotonic()
    got = 0
    try:
        with (
            requests.get(url, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS), verify=trust) as answer,
            target.open("wb") as file,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                digest.update(chunk)
                got += len(chunk)
                if time.monotonic() - reported >= _REPORT_SECONDS:
                    reported = time.monotonic()
                    on_progress(f"{reported - started:.0f} s: {got / 1e6:.0f} MB fetched")
    except (requests.RequestException, OSError) as error:
        target.unlink(missing_ok=True)
        raise ConnectionError(f"{url}: {error}") from error
    if digest.hexdigest() != sha256:
        target.unlink()
        raise EngineError(
            f"{url} has sha256 {digest.hexdigest()}, not {sha256}: nothing was installed",
            cause="the sum belongs to another version or architecture, or the file was altered",
            fix="read the sum from the release page, over a connection you trust",
        )
