"""A check of downloads is switched off.

## What it finds
`curl -k`, `wget --no-check-certificate`, `apt-get --allow-unauthenticated`, `[trusted=yes]`, `apk
--allow-untrusted`, `yum --nogpgcheck`, `strict-ssl false`, `NODE_TLS_REJECT_UNAUTHORIZED=0`,
`GIT_SSL_NO_VERIFY` and the like.

## Why
Anyone on the way to the server can then put what he likes into the image, and the cache keeps it. In an ENV
it also holds for the running container.

## Example
```dockerfile
FROM debian:bookworm-slim
RUN curl -kfsSLO https://example.com/tool-1.2.tar.gz
```
```dockerfile
FROM debian:bookworm-slim
RUN curl -fsSLO https://example.com/tool-1.2.tar.gz
```

## When this is wrong
For servers on the same machine, and where a checksum or signature is verified right after it.

## Fix safety
No fix: add the missing certificate authority to the image instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastbuild.analysis.about import about
from fastbuild.analysis.commands import actions
from fastbuild.analysis.finding import Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastbuild.analysis.facts import Step
    from fastbuild.analysis.finding import Finding
    from fastbuild.analysis.subject import Subject

CODE = "FB507"
LEVEL = Level.WARNING

_MENTIONS = re.compile(
    r"-[a-zA-Z]*k|--insecure|no-check-certificate|allow-unauthenticated|force-yes|allow-untrusted|nogpgcheck|no-gpg-checks"
    r"|trusted=yes|strict-ssl|TLS_REJECT|SSL_NO_VERIFY|sslVerify|PYTHONHTTPSVERIFY|GONOSUMDB|GONOSUMCHECK|GOINSECURE"
)
_ANYWHERE = re.compile(
    r"\[[^\]\n]*trusted=yes[^\]\n]*\]|NODE_TLS_REJECT_UNAUTHORIZED[= ][\"']?0"
    r"|GIT_SSL_NO_VERIFY[= ][\"']?(1|true)"
    r"|http\.sslVerify[= ][\"']?(false|0)|PYTHONHTTPSVERIFY[= ][\"']?0|strict-ssl[= ][\"']?false"
)
_FLAGS = {
    "curl": ("--insecure",),
    "wget": ("--no-check-certificate",),
    "apt-get": ("--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"),
    "apt": ("--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"),
    "apk": ("--allow-untrusted",),
    "yum": ("--nogpgcheck",),
    "dnf": ("--nogpgcheck",),
    "zypper": ("--no-gpg-checks",),
}
_LOCAL = re.compile(r"https?://(localhost|127\.|\[::1\])")
_VERIFIED = re.compile(r"sha(256|512)sum\s.*(-c|--check)|gpg\s.*--verify|cosign verify", re.DOTALL)


def check(subject: Subject) -> Iterator[Finding]:
    """One finding for each instruction that switches a check off."""
    for step in subject.steps():
        text = step.instruction.text
        if step.keyword not in ("RUN", "ENV") or not _MENTIONS.search(text):
            continue
        what = _switched_off(step)
        if what and not _LOCAL.search(text) and not _VERIFIED.search(text):
            yield about(
                step,
                CODE,
                LEVEL,
                f"{what} switches off the check of what is downloaded",
                hint="install the certificate or key that is missing",
            )


def _switched_off(step: Step) -> str:
    match = _ANYWHERE.search(step.instruction.text)
    if match:
        return f"`{match[0]}`"
    for action in actions(step):
        name = action.call.name
        for flag in _FLAGS.get(name, ()):
            if action.has(flag):
                return f"`{name} {flag}`"
        if name == "curl" and any(
            re.fullmatch(r"-[fsSLOgiIv#]*k[fsSLOgiIv#]*[o]?", arg) for arg in action.call.args
        ):
            return "`curl -k`"
    return ""
