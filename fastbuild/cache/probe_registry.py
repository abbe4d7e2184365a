"""Tries a registry cache: the API's root, a token if one is asked for, an upload begun and cancelled.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from fastbuild.cache.api import Health, ReadOnly, Unusable, Usable
from fastbuild.cache.docker_login import Login, login_for
from fastbuild.cache.registry import split_reference
from fastbuild.errors import UsageError

if TYPE_CHECKING:
    import requests

    from fastbuild.request import CacheSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    host: str
    repository: str
    base: str

    @property
    def upload(self) -> str:
        return f"{self.base}/v2/{self.repository}/blobs/uploads/"


def check_registry(spec: CacheSpec, *, timeout: float) -> Health:
    """Begins an upload and cancels it, with docker's login; `timeout` is seconds for each request."""
    import requests

    try:
        host, repository = _place(spec)
    except UsageError as error:
        return Unusable(reason=error.what)
    insecure = spec.get("registry.insecure") == "true"
    failure = ""
    for base in _bases(host, insecure):
        target = _Target(host=host, repository=repository, base=base)
        try:
            with requests.Session() as session, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # unverified TLS was asked for
                session.headers["User-Agent"] = "fastbuild"
                session.verify = not insecure
                return _Probe(session, target, login_for(host), timeout).run()
        except requests.RequestException as error:
            failure = type(error).__name__
    return Unusable(
        reason=f"{host} can't be reached ({failure}): check the address, the network, "
        "and registry.insecure=true for a registry without TLS"
    )


def _place(spec: CacheSpec) -> tuple[str, str]:
    """Host and repository."""
    name, _tag = split_reference(spec.get("ref"))
    host, _, path = name.partition("/")
    if not path or not ("." in host or ":" in host or host == "localhost"):
        # docker's short names: `app` is docker.io/library/app, `me/app` is docker.io/me/app
        return "docker.io", name if "/" in name else f"library/{name}"
    return host, path


def _bases(host: str, insecure: bool) -> tuple[str, ...]:
    """Where to find the API; the engine, too, tries plain HTTP last, on this machine or when told to."""
    address = "registry-1.docker.io" if host == "docker.io" else host
    here = re.match(r"(localhost|127\.|\[::1\])", host)
    schemes = ("https", "http") if insecure or here else ("https",)
    return tuple(f"{scheme}://{address}" for scheme in schemes)


@dataclass(slots=True)
class _Probe:
    session: requests.Session
    target: _Target
    login: Login | None
    timeout: float

    def run(self) -> Health:
        root = self.session.get(f"{self.target.base}/v2/", timeout=self.timeout)
        if root.status_code not in (200, 401):
            reason = f"{self.target.host}/v2/ answers {root.status_code}: this is not a container registry"
            return Unusable(reason=reason)
        self._authorise(root, "pull,push")
        begun = self.session.post(self.target.upload, timeout=self.timeout)
        if begun.status_code == 202:
            # a relative Location is allowed; cancelling is a courtesy, registries tidy up by themselves
            self.session.delete(
                urljoin(self.target.upload, begun.headers.get("Location", "")), timeout=self.timeout
            )
            return Usable()
        why = f"an upload to {self.target.host}/{self.target.repository} is refused ({begun.status_code}): "
        mend = f"{why}{self._mend(begun.status_code)}"
        return ReadOnly(reason=mend) if self._readable(root) else Unusable(reason=mend)

    def _mend(self, status: int) -> str:
        if status in (401, 403) and self.login is None:
            return f"run `docker login {self.target.host}`"
        if status in (401, 403, 404):
            return "give this login the right to push, and create the repository if the registry wants that"
        return "see the registry's log; it may be in read-only mode"

    def _readable(self, root: requests.Response) -> bool:
        self._authorise(root, "pull")
        url = f"{self.target.base}/v2/{self.target.repository}/tags/list"
        answer = self.session.get(url, timeout=self.timeout)
        # 404: nothing was ever pushed there, which is an empty cache and no obstacle
        return answer.status_code in (200, 404)

    def _authorise(self, challenge: requests.Response, actions: str) -> None:
        header = challenge.headers.get("WWW-Authenticate", "")
        kind, _, rest = header.partition(" ")
        if kind.lower() == "basic" and self.login:
            self.session.auth = (self.login.user, self.login.secret)
        if kind.lower() != "bearer":
            return
        asked = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        answer = self.session.get(
            asked.get("realm", ""),
            params={
                "service": asked.get("service", ""),
                "scope": f"repository:{self.target.repository}:{actions}",
            },
            auth=(self.login.user, self.login.secret) if self.login else None,
            headers={"Authorization": ""} if self.login is None else None,
            timeout=self.timeout,
        )
        found = answer.json() if answer.ok else {}
        token = found.get("token") or found.get("access_token") or ""
        self.session.headers["Authorization"] = f"Bearer {token}"
