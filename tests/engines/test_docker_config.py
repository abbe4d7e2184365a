from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fastbuild.engines.docker_config import docker_config, proxy_args

if TYPE_CHECKING:
    from pathlib import Path


def test_proxies_become_arguments_in_both_spellings(tmp_path: Path) -> None:
    proxies = {"default": {"httpProxy": "http://p:1", "noProxy": "x", "unknown": "y"}, "tcp://h": {}}
    (tmp_path / "config.json").write_text(json.dumps({"proxies": proxies}))
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    assert proxy_args(environ) == (
        *(("HTTP_PROXY", "http://p:1"), ("http_proxy", "http://p:1")),
        *(("NO_PROXY", "x"), ("no_proxy", "x")),
    )
    assert proxy_args({**environ, "DOCKER_HOST": "tcp://h"}) == ()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"proxies": null}'])
def test_a_config_without_sense_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    assert proxy_args({"DOCKER_CONFIG": str(tmp_path)}) == ()


def test_an_absent_config_is_empty(tmp_path: Path) -> None:
    assert docker_config({"HOME": str(tmp_path)}) == {}
