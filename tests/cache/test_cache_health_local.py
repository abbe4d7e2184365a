from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastbuild.cache.api import ReadOnly, Untried, Unusable, Usable
from fastbuild.cache.health import check
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from pathlib import Path


def test_local(tmp_path: Path) -> None:
    def local(path: Path) -> Any:
        return check(CacheSpec("local", (("dest", str(path)),)), None)

    assert local(tmp_path / "not/yet") == Usable()
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert isinstance(local(tmp_path / "file"), Unusable)
    if os.geteuid() != 0:
        tmp_path.chmod(0o555)
        assert isinstance(local(tmp_path), ReadOnly)


def test_others() -> None:
    assert isinstance(check(CacheSpec("azblob"), None), Untried)
    assert isinstance(check(CacheSpec("gha"), None, environ={}), Unusable)
    set_up = {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_CACHE_URL": "u"}
    assert isinstance(check(CacheSpec("gha"), None, environ=set_up), Untried)
