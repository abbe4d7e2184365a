from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from fastbuild.keys.graph import Op, read_graph
from fastbuild.keys.ops import OpKey, normal_platform, op_key, record_key
from fastbuild.keys.selectors import Input, Selection
from tests.keys.recorded_graphs import NAMES, recorded

AMD64 = ("linux", "amd64", "")


def op(kind: str, body: dict[str, Any], inputs: int = 1, **fields: Any) -> Op:
    given = {"digest": "sha256:op", "name": "", "lines": (), "ignore_cache": False, "weak": False}
    given |= {"platform": AMD64, "inputs": tuple((f"sha256:{i}", 0) for i in range(inputs))}
    return Op(kind=kind, body=body, **{**given, **fields})


def key(op: Op, default: tuple[str, str, str] = AMD64) -> OpKey:
    found = op_key(op, default)
    assert found is not None
    return found


def hashed(op: Op, default: tuple[str, str, str] = AMD64) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(key(op, default).plaintext)
    return found


def run(*mounts: dict[str, Any], inputs: int = 1, **body: Any) -> Op:
    return op("exec", {"meta": {"args": ["true"]}, "mounts": [{"dest": "/"}, *mounts], **body}, inputs)


def sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@pytest.mark.parametrize("name", NAMES)
def test_recorded_operations_have_the_texts_that_the_daemon_hashed(name: str) -> None:
    answer, plaintexts = recorded(name)
    found = {op.name: key for op in read_graph(answer).ops if (key := op_key(op, AMD64))}
    assert {name: key.plaintext for name, key in found.items()} == plaintexts
    assert all(key.digest == sha256(key.plaintext) for key in found.values())


def test_a_record_is_named_after_operation_and_output() -> None:
    assert record_key("sha256:ab", 0) == sha256("sha256:ab@0")
    assert record_key("sha256:ab", -1) == sha256("sha256:ab@-1")


def test_a_plain_run_has_no_mounts_in_its_key() -> None:
    assert "mounts" not in hashed(run())["Exec"]
    assert "mounts" in hashed(op("exec", {"mounts": [{"dest": "/", "readonly": True}]}))["Exec"]


def test_addresses_of_hosts_and_proxies_are_not_in_the_key() -> None:
    meta = {
        "args": ["true"],
        "extraHosts": [{"Host": "db", "IP": "10.0.0.1"}],
        "proxyEnv": {"httpProxy": "x"},
    }
    assert hashed(op("exec", {"meta": meta}))["Exec"]["meta"] == {
        "args": ["true"],
        "extraHosts": [{"Host": "db"}],
    }


@pytest.mark.parametrize(
    ("cache", "kept"),
    [
        ({"ID": "/c"}, {"ID": "/c"}),
        ({"ID": "team//c"}, {"ID": "team//c"}),
        ({"ID": "//c"}, {"ID": "//c"}),
        ({"ID": "mine"}, {}),
        ({"ID": "a/b//c"}, {}),
        ({"ID": "/c", "sharing": "LOCKED"}, {}),
        ({}, {}),
    ],
)
def test_only_the_default_name_of_a_cache_is_in_the_key(cache: dict[str, Any], kept: dict[str, Any]) -> None:
    mount = {"input": "-1", "dest": "/c", "output": "-1", "mountType": "CACHE", "cacheOpt": cache}
    assert hashed(run(mount))["Exec"]["mounts"][1]["cacheOpt"] == kept


def test_a_device_leaves_the_key_open() -> None:
    assert op_key(run(cdiDevices=[{"name": "gpu"}]), AMD64) is None


def test_a_field_of_a_newer_buildkit_leaves_the_key_open() -> None:
    assert op_key(run(newField=1), AMD64) is None
    assert op_key(run({"dest": "/x", "mountType": "HOLOGRAM"}), AMD64) is None


def test_the_root_is_looked_up_by_key_and_a_mount_by_content_too() -> None:
    mount = {"input": "1", "dest": "/m", "selector": "/src/../lib", "output": "-1", "readonly": True}
    root, mounted = key(run(mount, inputs=2)).inputs
    assert root == Input(selector=sha256("/"), selections=None)
    assert mounted == Input(selector=sha256("/lib"), selections=(Selection(path="/lib", follow=True),))


def test_a_whole_mounted_stage_is_everything() -> None:
    assert key(run({"input": "1", "dest": "/m", "output": "-1"}, inputs=2)).inputs[1].selections == ()


def test_a_writable_part_of_a_stage_is_never_compared_by_content() -> None:
    mount = {"input": "1", "dest": "/m", "selector": "lib", "output": "1"}
    assert key(run(mount, inputs=2)).inputs[1] == Input(selector=sha256("/lib"), selections=None)


def test_paths_within_another_are_left_out() -> None:
    mounts = [
        {"input": "1", "dest": f"/{i}", "selector": path, "output": "-1"}
        for i, path in enumerate(("a/b", "a", "ab"))
    ]
    found = key(run(*mounts, inputs=2)).inputs[1]
    assert found.selector == sha256("/a/b\0/a\0/ab")
    assert [selection.path for selection in found.selections or ()] == ["/a", "/ab"]


@pytest.mark.parametrize(
    "refused",
    [
        run({"input": "7", "dest": "/m"}),
        run({"input": "1", "dest": "/m", "selector": "x", "output": "1", "contentCache": "ON"}, inputs=2),
        op("file", {"actions": [{"mkdir": {"owner": {"user": {"byName": {"name": "x", "input": "9"}}}}}]}),
    ],
)
def test_what_buildkit_would_refuse_has_no_key(refused: Op) -> None:
    assert op_key(refused, AMD64) is None


def copy(**body: Any) -> dict[str, Any]:
    return {"input": "0", "secondaryInput": "1", "output": "0", "copy": body}


def actions(found: Op) -> list[dict[str, Any]]:
    return [json.loads(base64.b64decode(action)) for action in hashed(found)["Actions"]]


@pytest.mark.parametrize(
    ("source", "base"), [("/a/b.txt", "b.txt"), ("/a/", "a"), ("/", "/"), ("", "."), ("x", "x"), ("//", "/")]
)
def test_only_the_last_part_of_a_copied_path_is_in_the_key(source: str, base: str) -> None:
    found = op("file", {"actions": [copy(src=source, dest="/d")]}, inputs=2)
    assert actions(found) == [{"src": base, "dest": "/d"}]


def test_copied_paths_are_hashed_in_reverse_and_selected_in_order() -> None:
    chain = [copy(src="/b", allowWildcard=True), {**copy(src="/a*", allowWildcard=True), "input": "2"}]
    found = key(op("file", {"actions": chain}, inputs=2)).inputs
    assert found[0] == Input()
    assert found[1].selector == sha256("/b\0/a*")
    assert found[1].selections == (Selection(path="/a*", wildcard=True), Selection(path="/b"))


def test_an_escaped_wildcard_is_none() -> None:
    found = key(op("file", {"actions": [copy(src=r"/a\*", allowWildcard=True)]}, inputs=2))
    assert found.inputs[1].selections == (Selection(path=r"/a\*"),)


def test_patterns_are_kept_with_their_path() -> None:
    body = {
        "src": "/a",
        "includePatterns": ["x"],
        "excludePatterns": ["y"],
        "requiredPaths": ["z"],
        "followSymlink": True,
    }
    found = key(op("file", {"actions": [copy(**body)]}, inputs=2)).inputs[1].selections
    assert found == (Selection(path="/a", follow=True, include=("x",), exclude=("y",), required=("z",)),)


def test_an_owner_by_name_is_looked_up_in_an_input_that_is_not_written_on() -> None:
    owner = {"user": {"byName": {"name": "me", "input": "1"}}, "group": {"byID": 5}}
    mkdir = {"input": "0", "secondaryInput": "-1", "output": "0", "mkdir": {"path": "/d", "owner": owner}}
    found = op("file", {"actions": [mkdir]}, inputs=2)
    assert key(found).inputs == (
        Input(),
        Input(selector=sha256("/etc/passwd"), selections=(Selection(path="/etc/passwd", follow=True),)),
    )
    written = {"user": {"User": {"byName": {"name": "me", "input": 1}}}, "group": {"User": {"byId": 5}}}
    assert actions(found) == [{"path": "/d", "owner": written}]


def test_user_zero_is_written_as_nothing() -> None:
    owner = {"user": {"byID": 0}}
    assert actions(op("file", {"actions": [{"mkdir": {"path": "/d", "owner": owner}}]})) == [
        {"path": "/d", "owner": {"user": {"User": {}}}}
    ]


def test_actions_out_of_the_ordinary_have_their_places_in_the_key() -> None:
    assert "indexes" not in hashed(op("file", {"actions": [copy(src="/a")]}, inputs=2))
    alone = {**copy(src="/a"), "input": "-1", "secondaryInput": "0"}
    assert hashed(op("file", {"actions": [alone]}))["indexes"] == [[-1, 0, 0]]


def test_text_is_escaped_as_go_does() -> None:
    text = key(
        op("exec", {"meta": {"args": ['<&>\u2028\u2029\u00e9\U0001f600\x01\x08\x0c\t\x7f"\\']}})
    ).plaintext
    assert (
        r'["\u003c\u0026\u003e\u2028\u2029' + "\u00e9\U0001f600" + r"\u0001\b\f\t" + "\x7f" + r'\"\\"]'
        in text
    )


@pytest.mark.parametrize(
    ("platform", "expected"),
    [
        (("linux", "amd64", ""), {"OS": "linux", "Arch": "amd64"}),
        (("linux", "x86_64", "v1"), {"OS": "linux", "Arch": "amd64"}),
        (("linux", "arm64", "v8"), {"OS": "linux", "Arch": "arm64"}),
        (("Linux", "arm", ""), {"OS": "linux", "Arch": "arm", "Variant": "v7"}),
    ],
)
def test_the_platform_is_in_the_key_in_one_spelling(
    platform: tuple[str, str, str], expected: dict[str, str]
) -> None:
    found = hashed(op("exec", {"meta": {}}, platform=platform))
    assert {name: found[name] for name in found if name not in ("Type", "Exec")} == expected


def test_an_operation_without_a_platform_has_the_engines() -> None:
    assert (
        hashed(op("exec", {"meta": {}}, platform=("", "", "")), ("linux", "arm64", "v8"))["Arch"] == "arm64"
    )


def test_platforms_have_one_spelling() -> None:
    assert normal_platform("macos", "aarch64", "9") == ("darwin", "arm64", "v9")
    assert normal_platform("", "armel", "") == ("linux", "arm", "v6")


def test_merges_and_differences_name_their_inputs() -> None:
    merge = op("merge", {"inputs": [{}, {"input": "1"}]}, inputs=2)
    assert key(merge).plaintext == '{"Type":"buildkit.merge.v0","Merge":{"inputs":[{},{"input":1}]}}'
    assert key(merge).inputs == (Input(), Input())
    diff = op("diff", {"lower": {"input": "-1"}, "upper": {}}, inputs=1)
    assert key(diff).plaintext == '{"Type":"buildkit.diff.v0","Diff":{"lower":{"input":-1},"upper":{}}}'


def test_a_nested_build_has_no_key() -> None:
    assert op_key(op("build", {}), AMD64) is None
