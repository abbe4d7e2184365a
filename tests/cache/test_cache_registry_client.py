from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from fastbuild.cache.objects_api import CacheReadError
from fastbuild.cache.registry_client import Answer, Registry
from fastbuild.cache.registry_reference import Repository

if TYPE_CHECKING:
    from pathlib import Path

FAR = Repository(host="registry.example", name="acme/cache")


@pytest.mark.parametrize(
    ("here", "location", "url"),
    [
        ("https://a/v2/x/", "/v2/y", "https://a/v2/y"),
        ("https://a/v2/x/", "https://b/y?z=1", "https://b/y?z=1"),
        ("http://a/v2/x/", "https://b/y", "https://b/y"),
        ("https://a/v2/x/", "//b/y", "https://b/y"),
        ("https://a/v2/x/", "http://a/v2/y", None),
        ("https://a/v2/x/", "file:///etc/passwd", None),
        ("http://a/v2/x/", "file:///etc/passwd", None),
    ],
)
def test_no_step_leads_out_of_tls(here: str, location: str, url: str | None) -> None:
    answer = Answer(status=302, url=here, headers={}, body=b"")
    with Registry(FAR, "pull") as registry:
        if url:
            assert registry.absolute(location, answer) == url
        else:
            with pytest.raises(CacheReadError, match="another scheme"):
                registry.absolute(location, answer)


def test_a_login_in_netrc_does_not_replace_the_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    plain = requests.Request("GET", "https://registry.example/", headers={"Authorization": "Bearer t"})
    with Registry(FAR, "pull") as registry, requests.Session() as ordinary:
        assert ordinary.prepare_request(plain).headers["Authorization"] != "Bearer t"
        assert registry.session.prepare_request(plain).headers["Authorization"] == "Bearer t"
