from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.keys.graph import Graph, GraphError, read_graph
from fastbuild.keys.ops import op_key
from tests.keys.recorded_graphs import NAMES, recorded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RUNS, _ = recorded("runs")


def answer(ops: Mapping[str, object], **parts: object) -> str:
    return json.dumps({"def": ops, **parts})


def exec_op(*inputs: str, **fields: object) -> dict[str, object]:
    return {"exec": {"meta": {"args": ["true"]}}, "inputs": [{"digest": i} for i in inputs], **fields}


def pointer(to: str) -> dict[str, object]:
    return {"inputs": [{"digest": to}]}


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_comes_after_its_inputs_and_the_result_last(name: str) -> None:
    graph = read_graph(recorded(name)[0])
    seen: set[str] = set()
    for op in graph.ops:
        assert {digest for digest, _ in op.inputs} <= seen
        seen.add(op.digest)
    assert graph.final == graph.ops[-1].digest
    assert graph.op(graph.final) is graph.ops[-1]


def test_names_and_lines_are_those_of_the_dockerfile() -> None:
    found = {op.name: op.lines for op in read_graph(RUNS).ops}
    assert found['[stage-1 1/7] RUN echo "x & <y> \u2028 \u00fc" > /one'] == ((6, 6),)
    assert next(lines for name, lines in found.items() if "<<EOF" in name) == ((10, 13),)
    assert found["[stage-1 6/7] WORKDIR /work"] == ((15, 15),)


def test_the_copy_of_a_link_is_weak_and_the_merge_is_not() -> None:
    found = {op.name: (op.kind, op.weak) for op in read_graph(recorded("files")[0]).ops}
    assert found["[stage-1 5/7] ADD --link a.txt /linked"] == ("file", True)
    assert found["[stage-1 5/7] LINK ADD --link a.txt /linked"] == ("merge", False)


def test_an_empty_image_is_a_graph_without_operations() -> None:
    assert read_graph('result.json\n{"def": {}, "metadata": {}, "source": {}}') == Graph(ops=(), final="")


def test_names_without_a_custom_one_are_those_of_buildkit() -> None:
    copy = {"copy": {"src": "/a", "dest": "/b"}, "input": "-1", "secondaryInput": "0"}
    mkdir = {"mkdir": {"path": "/c"}}
    ops = {
        "a": {"source": {"identifier": "docker-image://x"}},
        "b": {"file": {"actions": [copy, mkdir]}, "inputs": [{"digest": "a"}]},
        "c": exec_op("b"),
        "d": {"merge": {"inputs": [{}, {"input": "1"}]}, "inputs": [{"digest": "a"}, {"digest": "c"}]},
        "e": pointer("d"),
    }
    names = [op.name for op in read_graph(answer(ops)).ops]
    assert names == ["docker-image://x", "copy /a /b, mkdir /c", "true", "merge (docker-image://x, true)"]


def test_options_are_read_from_the_metadata() -> None:
    meta = {"a": {"ignore_cache": True, "description": {"llb.customname": "[1/1] RUN true"}}}
    op = read_graph(answer({"a": exec_op(), "z": pointer("a")}, metadata=meta)).ops[0]
    assert (op.ignore_cache, op.name) == (True, "[1/1] RUN true")


def test_lines_of_other_files_than_the_dockerfile_are_left_out() -> None:
    own = {"ranges": [{"start": {"line": 3}, "end": {"line": 5}}, {"start": {"line": 7}}]}
    other = {"sourceIndex": 1, "ranges": [{"start": {"line": 9}, "end": {"line": 9}}]}
    source = {"locations": {"a": {"locations": [own, other, own]}}}
    assert read_graph(answer({"a": exec_op(), "z": pointer("a")}, source=source)).ops[0].lines == (
        (3, 5),
        (7, 7),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "result.json",
        "[]",
        "null",
        "{",
        '{"def": []}',
        "[" * 100_000,
        '{"def": {"a": ' * 50_000,
        '{"def": {"a": {"inputs": [{"digest": "a", "index": ' + "9" * 10_000 + "}]}}}",
        answer({"a": exec_op()}),  # no result
        answer({"a": exec_op(), "b": exec_op(), "z": pointer("a")}),  # one that nothing uses
        answer({"a": exec_op(), "y": pointer("a"), "z": pointer("a")}),  # two results
        answer({"a": exec_op("a"), "z": pointer("a")}),
        answer({"a": exec_op("b"), "b": exec_op("c"), "c": exec_op("a"), "z": pointer("a")}),
        answer({"z": pointer("z")}),
        answer({"z": pointer("gone")}),
        answer({"a": exec_op("gone"), "z": pointer("a")}),
        answer({"a": 1, "z": pointer("a")}),
        answer({"a": {"exec": [], "inputs": None}, "z": pointer("a")}),
        answer({"a": {"exec": {"meta": {"args": "true"}}}, "z": pointer("a")}),
        answer({"a": {"exec": {"meta": {"args": [1]}}}, "z": pointer("a")}),
        answer({"a": {"exec": {"mounts": [{"input": "x"}]}}, "z": pointer("a")}),
        answer({"a": {"exec": {"mounts": [{"input": 1.5}]}}, "z": pointer("a")}),
        answer({"a": {"exec": {"mounts": [{"readonly": 1}]}}, "z": pointer("a")}),
        answer({"a": {"exec": {}, "file": {}}, "z": pointer("a")}),
        answer({"a": {"file": {"actions": [{"mkfile": {"data": "?"}}]}}, "z": pointer("a")}),
        answer({"a": {"source": {"identifier": 5}}, "z": pointer("a")}),
        answer({"a": {"source": {"identifier": "x", "attrs": {"k": 1}}}, "z": pointer("a")}),
        answer({"a": {**exec_op(), "platform": {"OS": ["linux"]}}, "z": pointer("a")}),
        answer({"a": exec_op(), "z": {"inputs": [{"digest": "a", "index": "-1"}]}}),
        answer({"a": exec_op(), "z": pointer("a")}, metadata=[]),
        answer({"a": exec_op(), "z": pointer("a")}, metadata={"a": {"description": 1}}),
        answer(
            {"a": exec_op(), "z": pointer("a")}, source={"locations": {"a": {"locations": [{"ranges": [1]}]}}}
        ),
        answer({"a": {"exec": {"meta": {"args": ["\ud800"]}}}, "z": pointer("a")}),
    ],
)
def test_what_is_no_graph_is_refused(text: str) -> None:
    with pytest.raises(GraphError):
        read_graph(text)


def test_a_graph_deeper_than_the_stack_is_read() -> None:
    ops: dict[str, object] = {"0": exec_op()}
    ops |= {str(i): exec_op(str(i - 1)) for i in range(1, 20_000)}
    assert len(read_graph(answer({**ops, "z": pointer("19999")})).ops) == 20_000


def test_names_of_merges_of_merges_stay_short() -> None:
    ops: dict[str, object] = {"0": {"merge": {}}}
    for i in range(1, 60):
        ops[str(i)] = {"merge": {}, "inputs": [{"digest": str(i - 1)}, {"digest": str(i - 1)}]}
    assert all(len(op.name) <= 1000 for op in read_graph(answer({**ops, "z": pointer("59")})).ops)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5), below, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield from places(below, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


DOCUMENTS = [json.loads(recorded(name)[0].partition("\n")[2]) for name in NAMES]
PLACES = [list(places(document)) for document in DOCUMENTS]


def reads_or_refuses(text: str) -> None:
    try:
        graph = read_graph(text)
    except GraphError:
        return
    for op in graph.ops:
        op_key(op, ("linux", "amd64", ""))


@given(st.data())
def test_no_changed_value_does_more_than_be_refused(data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(DOCUMENTS) - 1))
    changed = DOCUMENTS[number]
    for path in data.draw(st.lists(st.sampled_from(PLACES[number]), min_size=1, max_size=2)):
        try:
            changed = replaced(changed, path, data.draw(JSON))
        except (LookupError, TypeError):
            continue  # the first change took the place of the second away
    reads_or_refuses(json.dumps(changed))


@given(st.integers(0, len(RUNS)), st.text(max_size=3), st.integers(0, 40))
def test_no_changed_text_does_more_than_be_refused(at: int, new: str, gone: int) -> None:
    reads_or_refuses(RUNS[:at] + new + RUNS[at + gone :])


@given(st.text())
def test_no_text_at_all_does_more_than_be_refused(text: str) -> None:
    reads_or_refuses(text)
