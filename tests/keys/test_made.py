from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from fastbuild.keys.content import content_digest
from fastbuild.keys.graph import Op
from fastbuild.keys.made import made_files
from fastbuild.keys.ops import Selection


def op(*actions: dict[str, Any], kind: str = "file", inputs: tuple[tuple[str, int], ...] = ()) -> Op:
    return Op(
        digest="sha256:op",
        kind=kind,
        body={"actions": list(actions)},
        inputs=inputs,
        platform=("", "", ""),
        name="[internal] preparing inline document",
        lines=(),
        ignore_cache=False,
        weak=False,
    )


def mkfile(path: str, text: bytes = b"text\n", **fields: Any) -> dict[str, Any]:
    data = base64.b64encode(text).decode()
    return {"input": "-1", "mkfile": {"path": path, "mode": 420, "data": data, "timestamp": "-1", **fields}}


def test_a_heredoc_has_the_content_of_a_file_with_that_text() -> None:
    files = made_files(op(mkfile("/EOF"), mkfile("/TWO", b"more")))
    assert files is not None
    head = b"namemode420uid0gid0size5typeflag0linknameunamegnamedevmajor0devminor0"
    assert files.digest("/EOF") == "sha256:" + hashlib.sha256(head + b"text\n").hexdigest()
    assert files.names("/") == ["EOF", "TWO"]
    whole = content_digest(files, (Selection(path="/EOF"), Selection(path="/TWO")))
    assert whole != content_digest(files, (Selection(path="/EOF"),))


@pytest.mark.parametrize(
    "other",
    [
        op(mkfile("/EOF"), inputs=(("sha256:x", 0),)),
        op(mkfile("/EOF"), kind="exec"),
        op(mkfile("/EOF", owner={"user": {"byID": 1}})),
        op(mkfile("/deep/EOF")),
        op(mkfile("EOF")),
        op(mkfile("/EOF", data="?")),
        op(mkfile("/EOF", mode="x")),
        op({"mkdir": {"path": "/x"}}),
        op(),
    ],
)
def test_whatever_else_an_operation_does_is_not_known_from_the_graph(other: Op) -> None:
    assert made_files(other) is None
