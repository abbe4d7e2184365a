"""Variables whose values only a build knows."""

from __future__ import annotations

import pytest

from fastbuild.reorder.given import misleading
from fastbuild.reorder.tools.environment import ANY_BUT_STAMPS, COMMON

NONE: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("env", "name", "found"),
    [
        (COMMON, "XDG_CONFIG_HOME", True),
        (COMMON, "SSL_CERT_FILE", True),
        (COMMON, "http_proxy", False),
        (COMMON, "TZ", False),
        (COMMON, "APP_MODE", False),
        (ANY_BUT_STAMPS, "APP_MODE", False),
        (COMMON | {"PIP_*"}, "PIP_TARGET", True),
        (COMMON | {"PIP_*"}, "PIP_INDEX_URL", False),
        (COMMON | {"NPM_*"}, "npm_config_registry", True),
        (COMMON | {"http_proxy"}, "http_proxy", True),
        (frozenset({"GO*"}), "GOOS", True),
        (frozenset({"GO*"}), "GOPROXY", False),
    ],
)
def test_a_value_counts_alike_whether_it_is_given_in_the_file_or_by_the_build(
    env: frozenset[str], name: str, found: bool
) -> None:
    assert misleading(env, frozenset({name}), NONE) == (name if found else "")
    assert misleading(env, NONE, frozenset({name})) == (name if found else "")


def test_to_the_project_s_own_code_every_variable_counts_that_is_set() -> None:
    assert misleading(None, frozenset({"APP_MODE"}), NONE) == "APP_MODE"
    assert misleading(None, frozenset({"GOOS", "TZ", "API_TOKEN"}), NONE) == ""
    assert misleading(None, NONE, frozenset({"APP_MODE"})) == ""
