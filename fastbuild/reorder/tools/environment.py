"""Which variables a step may use: names, families, and everything that a third party might think of.

In `Effects.env` a name that ends with `*` stands for all names that begin so, and `ANY_BUT_STAMPS` for all
but those that only the project's own build can mean: commit, branch, build number, build date. `None`
stays what it was: any variable at all, for the project's own code.
"""

from __future__ import annotations

import re

ANY_BUT_STAMPS = frozenset({"*"})
"""For steps that run code of third parties (build scripts of packages)."""

_STAMP = re.compile(
    r"((CI|GIT|GITHUB|VCS|SCM|SOURCE|BUILD|APP|IMAGE|DOCKER|DRONE|CIRCLE|BITBUCKET|BUILDKITE|TRAVIS)_)*"
    r"(COMMIT|SHA1?|REVISION|REV|REF|BRANCH|BUILD_(DATE|TIME|TIMESTAMP|ID|NUMBER|NUM|TAG|REF)"
    r"|SHORT_SHA|COMMIT_(SHA|HASH|ID|REF|SHORT_SHA|TAG|BRANCH|DATE|TIME)|GIT_(HASH|TAG|DESCRIBE)|REF_NAME|RUN_ID|RUN_NUMBER"
    r"|PIPELINE_(ID|IID)|JOB_ID)"
)

NETWORK = frozenset(
    {
        *(
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "ALL_PROXY",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "REQUESTS_CA_BUNDLE",
        ),
        *("CURL_CA_BUNDLE", "SSLKEYLOGFILE", "NETRC", "FTP_PROXY"),
    }
)
PROCESS = frozenset(
    {"HOME", "PATH", "USER", "LOGNAME", "TMPDIR", "TMP", "TEMP", "PWD", "SHELL", "TZ", "LANG"}
)
LOADER = frozenset({"LD_*", "LC_*", "LANGUAGE", "XDG_*", "MALLOC_*", "CI", "TERM", "NO_COLOR", "FORCE_COLOR"})
COMMON = NETWORK | PROCESS | LOADER
"""What nearly every program that downloads looks at."""

GIT = frozenset({"GIT_*", "SSH_*"})
"""For tools that may start git: https://git-scm.com/docs/git#_environment_variables"""

PYTHON = COMMON | {"PYTHON*", "VIRTUAL_ENV", "CONDA_*", "PYENV_*", "__PYVENV_LAUNCHER__"}
"""https://docs.python.org/3/using/cmdline.html#environment-variables"""


def matters(env: frozenset[str] | None, name: str) -> bool:
    """Whether the variable `name` may matter to a step with this `Effects.env`.

    Case is ignored, for npm and proxies. A stamp is in no family: no program that reads `GIT_*` knows a
    GIT_COMMIT.
    """
    if env is None:
        return True
    upper = name.upper()
    if is_stamp(name):
        return any(each.upper() == upper for each in env)
    return "*" in env or any(_fits(each.upper(), upper) for each in env if each != "*")


def is_stamp(name: str) -> bool:
    """Whether a name means a commit, branch, build number or build date, so that no third party knows it."""
    return name.upper() != "SOURCE_DATE_EPOCH" and _STAMP.fullmatch(name.upper()) is not None


def _fits(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
