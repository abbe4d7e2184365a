"""A conversation with a container registry: where it is, docker's login, bounded answers.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import base64
import functools
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from fastbuild.cache.docker_login import login_for
from fastbuild.cache.objects_api import CONNECT_TIMEOUT, SILENCE_TIMEOUT, CacheReadError

if TYPE_CHECKING:
    import requests

    from fastbuild.cache.docker_login import Login
    from fastbuild.cache.registry_reference import Repository

_REDIRECTS = {301, 302, 303, 307, 308}
_MAX_REDIRECTS = 5
_CHUNK = 2**16
_TOKEN_LIMIT = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response, read to its end. `url` is where it came from, `headers` has lower-case names."""

    status: int
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Registry:
    """One conversation; closes its connections when the `with` ends.

    `actions` are the rights to ask for: "pull", or "pull,push".
    """

    def __init__(self, repository: Repository, actions: str) -> None:
        import requests

        self.repository = repository
        self._actions = actions
        self._base = ""
        self._authorization = ""
        self.session = requests.Session()
        self.session.headers["User-Agent"] = "fastbuild"
        # what is stored compressed must arrive as it is: digests are of those bytes
        self.session.headers["Accept-Encoding"] = "identity"
        # requests would otherwise put ~/.netrc's login over our token
        self.session.auth = _as_it_is
        # Go, and so the engine, never uses a proxy to reach its own machine
        self.session.trust_env = not repository.local
        if repository.insecure:
            import urllib3

            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.session.close()

    def ask(
        self, method: str, where: str, *, limit: int, data: bytes | None = None, **headers: str
    ) -> Answer:
        """The answer to a request; `where` is below the repository, or a URL the registry gave.

        Logs in when asked to. Header names take `_` for `-`. Raises CacheReadError when the registry
        can't be reached or sends more than `limit` bytes.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._ask(method, where, limit, data, named)
        if answer.status == 401 and self._ours(answer.url) and self._log_in(answer):
            answer = self._ask(method, where, limit, data, named)
        return answer

    def absolute(self, location: str, answer: Answer) -> str:
        """A Location header as a URL; raises CacheReadError for a step from https to anything else."""
        url = urljoin(answer.url, location)
        self._check_step(answer.url, url)
        return url

    def mend(self) -> str:
        """What helps when the registry refuses."""
        if self._login is None:
            return f"run `docker login {self.repository.host}`"
        return f"give the login for {self.repository.host} the right to this repository"

    @functools.cached_property
    def _login(self) -> Login | None:
        # asked for once: a helper is a program, and may take its time
        return login_for(self.repository.host)

    def _ask(
        self, method: str, where: str, limit: int, data: bytes | None, headers: dict[str, str]
    ) -> Answer:
        import requests

        failure = ""
        for base in (self._base,) if self._base else self.repository.bases:
            try:
                answer = self._follow(method, urljoin(base, where), limit, data, headers)
            except requests.RequestException as error:
                # not its text, which may hold addresses and headers
                failure = type(error).__name__
                continue
            self._base = base
            return answer
        raise CacheReadError(
            f"{self.repository.host} gives no usable answer",
            cause=failure,
            fix="check the address and the network; a registry without TLS needs registry.insecure=true",
        )

    def _follow(
        self, method: str, url: str, limit: int, data: bytes | None, headers: dict[str, str]
    ) -> Answer:
        for _ in range(_MAX_REDIRECTS):
            # storage that a registry sends us to gets no credentials
            own = {"Authorization": self._authorization} if self._authorization and self._ours(url) else {}
            answer = self._once(method, url, limit, data=data, headers={**headers, **own})
            location = answer.headers.get("location", "")
            if answer.status not in _REDIRECTS or method not in ("GET", "HEAD") or not location:
                return answer
            url = self.absolute(location, answer)
        raise CacheReadError(f"{self.repository.host} redirects without end")

    def _once(self, method: str, url: str, limit: int, **sent: Any) -> Answer:
        with self.session.request(
            method,
            url,
            timeout=(CONNECT_TIMEOUT, SILENCE_TIMEOUT),
            # not set for the session, where REQUESTS_CA_BUNDLE would go before it
            verify=False if self._unverified(url) else None,
            allow_redirects=False,
            stream=True,
            **sent,
        ) as response:
            return Answer(
                status=response.status_code,
                url=url,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=b"" if method == "HEAD" else _bounded(response, limit, self.repository.host),
            )

    def _ours(self, url: str) -> bool:
        """Whether this is the registry itself, as first reached."""
        bases = (self._base,) if self._base else self.repository.bases
        return any(urlsplit(url)[:2] == urlsplit(base)[:2] for base in bases)

    def _unverified(self, url: str) -> bool:
        """Whether certificates were waived for this host: never for a token service or storage elsewhere."""
        own = urlsplit(self.repository.bases[0]).hostname
        return self.repository.insecure and urlsplit(url).hostname == own

    def _check_step(self, here: str, there: str) -> None:
        schemes = ("https",) if here.startswith("https:") else ("http", "https")
        if urlsplit(there).scheme not in schemes:
            raise CacheReadError(f"{self.repository.host} sends us to another scheme, which is not followed")

    def _log_in(self, challenge: Answer) -> bool:
        """Set the authorization the registry asks for; False when there is nothing to try."""
        text = challenge.headers.get("www-authenticate", "")
        bearer = re.search(r"\bbearer\s+(.*)", text, re.IGNORECASE)
        if bearer:
            fields = dict(re.findall(r'(\w+)="([^"]*)"', bearer[1]))
            self._authorization = f"Bearer {self._token(challenge, fields)}"
            return True
        if self._login and re.match(r"\s*basic\b", text, re.IGNORECASE):
            self._authorization = _basic(self._login)
            return True
        return False

    def _token(self, challenge: Answer, fields: dict[str, str]) -> str:
        realm = self.absolute(fields.get("realm", ""), challenge)
        login = self._login
        asked = {"scope": f"repository:{self.repository.name}:{self._actions}"}
        if fields.get("service"):
            asked["service"] = fields["service"]
        if login and login.user == "<token>":
            # https://distribution.github.io/distribution/spec/auth/oauth/
            form = {"grant_type": "refresh_token", "refresh_token": login.secret, "client_id": "fastbuild"}
            answer = self._once("POST", realm, _TOKEN_LIMIT, data={**form, **asked})
        else:
            headers = {"Authorization": _basic(login)} if login else {}
            answer = self._once("GET", realm, _TOKEN_LIMIT, params=asked, headers=headers)
        token = _token_in(answer.body) if answer.status == 200 else ""
        if not token:
            raise CacheReadError(
                f"{self.repository.host} gives no access",
                cause=f"its token service answers {answer.status}",
                fix=self.mend(),
            )
        return token


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(f'{login.user}:{login.secret}'.encode()).decode()}"


def _token_in(body: bytes) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    token = (found.get("token") or found.get("access_token")) if isinstance(found, dict) else ""
    return token if isinstance(token, str) and re.fullmatch(r"[\x21-\x7e]+", token) else ""


def _bounded(response: requests.Response, limit: int, host: str) -> bytes:
    """The whole body as sent; raises CacheReadError beyond `limit` bytes."""
    parts: list[bytes] = []
    read = 0
    while read <= limit and (part := response.raw.read(_CHUNK, decode_content=False)):
        parts.append(part)
        read += len(part)
    if read > limit:
        raise CacheReadError(f"an answer of {host} is not read", cause=f"it has more than {limit} bytes")
    return b"".join(parts)
