from __future__ import annotations

import contextlib
import json
import tracemalloc
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastbuild.keys.manifest import MOST_BYTES, MOST_VALUES, ManifestError, read_manifest
from fastbuild.keys.records import Records, Result

BASE, RUN, COPY, CONTENT = (f"sha256:{digit * 64}" for digit in "abcd")
SELECTOR = "sha256:" + "e" * 64


def layer(blob: str, parent: int, size: int = 10) -> dict[str, Any]:
    notes = {"mediaType": "x", "diffID": "sha256:0", "size": size, "createdAt": "2026-01-01T00:00:00Z"}
    return {"blob": blob, "parent": parent, "annotations": notes}


def manifest(**changes: Any) -> dict[str, Any]:
    """FROM, RUN and a COPY of a context, whose layers are one on top of the other."""
    return {
        "layers": [layer("sha256:1", -1, 100), layer("sha256:2", 0), layer("sha256:3", 1)],
        "records": [
            {"digest": BASE},
            {
                "digest": RUN,
                "layers": [{"layer": 1, "createdAt": "2026-01-02T00:00:00Z"}],
                "inputs": [[{"selector": SELECTOR, "link": 0}]],
            },
            {"digest": CONTENT},
            {
                "digest": COPY,
                "layers": [{"layer": 2, "createdAt": "2026-01-03T00:00:00.5+01:00"}],
                "inputs": [[{"link": 1}], [{"link": 2}]],
            },
        ],
        **changes,
    }


def read(value: object, **more: Any) -> Records:
    return read_manifest(json.dumps(value).encode(), "main", **more)


def only(ids: frozenset[str]) -> str:
    (one,) = ids
    return one


def test_records_are_found_from_their_inputs_alone() -> None:
    records = read(manifest())
    assert records.label == "main"
    assert records.root(BASE) is not None
    assert records.root(RUN) is None
    run = only(records.children(BASE, 0, RUN, SELECTOR))
    copy = only(records.children(run, 0, COPY, ""))
    assert records.children(CONTENT, 1, COPY, "") == {copy}
    assert not records.children(BASE, 0, RUN, "")
    assert not records.children(BASE, 1, RUN, SELECTOR)


def test_a_result_is_its_layer_with_all_below_it() -> None:
    records = read(manifest())
    run = only(records.children(BASE, 0, RUN, SELECTOR))
    copy = only(records.children(run, 0, COPY, ""))
    assert records.result(BASE) is None
    assert records.result(run) == Result(created=1767312000.0, layers=(("sha256:1", 100), ("sha256:2", 10)))
    found = records.result(copy)
    assert found is not None
    assert found.layers[-1] == ("sha256:3", 10)
    assert found.created == 1767394800.5


def test_an_explicit_list_of_layers_brings_no_layers_below() -> None:
    value = manifest()
    value["records"][1]["chains"] = [{"layers": [2], "createdAt": "2026-02-01T00:00:00Z"}]
    records = read(value)
    found = records.result(only(records.children(BASE, 0, RUN, SELECTOR)))
    assert found is not None
    assert found.layers == (("sha256:3", 10),)


def test_of_several_results_the_newest_counts_whatever_the_order() -> None:
    for order in (1, -1):
        value = manifest()
        value["records"][1]["layers"] = [
            {"layer": 0, "createdAt": "2025-01-01T00:00:00Z"},
            {"layer": 2, "createdAt": "2026-01-01T00:00:00Z"},
            {"layer": 1, "createdAt": None},
        ][::order]
        records = read(value)
        found = records.result(only(records.children(BASE, 0, RUN, SELECTOR)))
        assert found is not None
        assert found.layers[-1] == ("sha256:3", 10)


def test_without_descriptors_layers_must_say_what_they_are() -> None:
    value = manifest()
    del value["layers"][0]["annotations"]
    with pytest.raises(ManifestError, match="diffID"):
        read(value)


def test_with_descriptors_sizes_come_from_them_and_what_is_not_offered_is_no_result() -> None:
    value = manifest()
    for one in value["layers"]:
        del one["annotations"]
    records = read(value, descriptors={"sha256:1": (7, None), "sha256:2": (8, 1.0)})
    run = only(records.children(BASE, 0, RUN, SELECTOR))
    found = records.result(run)
    assert found is not None
    assert found.layers == (("sha256:1", 7), ("sha256:2", 8))
    assert records.result(only(records.children(run, 0, COPY, ""))) is None


def test_records_of_a_session_are_no_records() -> None:
    value = manifest()
    value["records"].append({"digest": "random:1"})
    assert read(value).root("random:1") is None


def test_equal_roots_are_one_and_so_are_records_that_an_alternative_connects() -> None:
    other = "sha256:" + "f" * 64
    value = manifest()
    value["records"] = [
        {"digest": BASE},
        {"digest": BASE},
        {"digest": other},
        {"digest": RUN, "inputs": [[{"link": 0}]]},
        {"digest": RUN, "inputs": [[{"link": 1}, {"link": 2}]]},
    ]
    records = read(value)
    assert records.children(BASE, 0, RUN, "") == records.children(other, 0, RUN, "")
    assert len(records.children(BASE, 0, RUN, "")) == 1


def test_records_with_one_input_in_common_stay_apart() -> None:
    value = manifest()
    value["records"] += [{"digest": SELECTOR}, {"digest": COPY, "inputs": [[{"link": 1}], [{"link": 4}]]}]
    records = read(value)
    run = only(records.children(BASE, 0, RUN, SELECTOR))
    assert len(records.children(run, 0, COPY, "")) == 2
    assert len(records.children(CONTENT, 1, COPY, "")) == 1


def test_names_match_in_any_case_and_unknown_ones_are_ignored() -> None:
    value = manifest()
    text = json.dumps(value).replace('"records"', '"Records"').replace('"selector"', '"SELECTOR"')
    text = text.replace('"parent": -1', '"parent": -1, "new": {"a": [1.5, 1e999]}')
    assert read_manifest(text.encode(), "main").children(BASE, 0, RUN, SELECTOR)


def test_an_empty_manifest_has_no_records() -> None:
    for text in (b"{}", b"null", b'{"records": null, "layers": []}'):
        assert not read_manifest(text, "main").roots


def broken(path: list[str | int], value: object) -> dict[str, Any]:
    whole: Any = manifest()
    place = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return dict(whole)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["layers", 0, "parent"], 2),  # a loop
        (["layers", 0, "parent"], 0),
        (["layers", 0, "parent"], -2),
        (["layers", 0, "parent"], 10**30),
        (["layers", 0, "parent"], 0.5),
        (["layers", 0, "parent"], True),
        (["layers", 0, "blob"], 5),
        (["layers", 0, "annotations", "size"], "5"),
        (["layers", 0, "annotations", "size"], 1 << 63),
        (["layers", 0, "annotations", "createdAt"], "yesterday"),
        (["layers", 0, "annotations", "createdAt"], "2026-13-01T00:00:00Z"),
        (["layers", 0, "annotations", "createdAt"], 5),
        (["layers", 0, "annotations"], []),
        (["layers"], {}),
        (["records"], "x"),
        (["records", 0], []),
        (["records", 0, "digest"], ["sha256"]),
        (["records", 1, "inputs"], [[]]),
        (["records", 1, "inputs"], [{"link": 0}]),
        (["records", 1, "inputs", 0, 0, "link"], 1),  # itself
        (["records", 1, "inputs", 0, 0, "link"], 3),  # a loop of two
        (["records", 1, "inputs", 0, 0, "link"], 4),
        (["records", 1, "inputs", 0, 0, "link"], -1),
        (["records", 1, "inputs", 0, 0, "selector"], 1),
        (["records", 0, "digest"], "random:1"),  # others link to it
        (["records", 1, "layers", 0, "layer"], 3),
        (["records", 1, "layers", 0, "layer"], -1),
        (["records", 1, "layers", 0, "createdAt"], "x"),
        (["records", 1, "chains"], [{"layers": [9]}]),
        (["records", 1, "chains"], [{"layers": 1}]),
    ],
)
def test_what_the_engine_refuses_is_refused(path: list[str | int], value: object) -> None:
    with pytest.raises(ManifestError):
        read(broken(path, value))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{",
        b'{"records": [NaN]}',
        b'{"records": []} x',
        b'"' + b"9" * 5000 + b'"',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
        b'{"x": ' + b"9" * 5000 + b"}{",
        b"\xff\xfe{}",
        b" " * (MOST_BYTES + 1),
        b"[" + b"0," * MOST_VALUES + b"0]",
    ],
)
def test_text_that_is_no_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(ManifestError):
        read_manifest(text, "main")


def test_memory_stays_bounded_for_the_largest_text_that_is_read() -> None:
    text = b'{"records":[' + b'{"x":"yy"},' * (MOST_VALUES // 2 - 10) + b"{}]}"
    tracemalloc.start()
    try:
        read_manifest(text, "main")
        assert tracemalloc.get_traced_memory()[1] < 200 << 20
    finally:
        tracemalloc.stop()


def test_a_long_chain_of_layers_and_records_needs_no_recursion_and_no_square() -> None:
    count = 5_000
    value = {
        "layers": [layer(f"sha256:{n}", n - 1) for n in range(count)],
        "records": [
            {"digest": f"sha256:{n}", "layers": [{"layer": n}], "inputs": [[{"link": n + 1}]]}
            for n in range(count)
        ]
        + [{"digest": BASE}],
    }
    records = read(value)
    top = only(records.children(BASE, 0, f"sha256:{count - 1}", ""))
    found = records.result(top)
    assert found is not None
    assert len(found.layers) == count


def test_records_made_to_be_joined_over_and_over_are_refused() -> None:
    # Each copy of the second record is joined with it, for which all below it is looked through.
    below = [{"digest": f"sha256:{n}", "inputs": [[{"link": n}]]} for n in range(1, 3000)]
    copies = [{"digest": RUN, "inputs": [[{"link": 0}]]} for _ in range(3000)]
    with pytest.raises(ManifestError, match="joined"):
        read({"records": [{"digest": BASE}, {"digest": RUN, "inputs": [[{"link": 0}]]}, *below, *copies]})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(max_size=8), below, max_size=4),
    max_leaves=10,
)
PLACES: list[list[str | int]] = [
    ["layers"],
    ["layers", 0],
    ["layers", 0, "parent"],
    ["layers", 1, "annotations"],
    ["layers", 1, "annotations", "size"],
    ["records"],
    ["records", 1],
    ["records", 1, "inputs"],
    ["records", 1, "inputs", 0],
    ["records", 1, "inputs", 0, 0, "link"],
    ["records", 3, "layers"],
    ["records", 3, "layers", 0, "layer"],
    ["records", 3, "digest"],
]


@settings(deadline=None)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_anywhere_is_read_or_refused(path: list[str | int], value: object) -> None:
    try:
        records = read(broken(deepcopy(path), value))
    except ManifestError:
        return
    for id in records.held:
        assert records.result(id) is not None


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    with contextlib.suppress(ManifestError):
        read_manifest(text, "main")


RECORD = st.fixed_dictionaries(
    {"digest": st.sampled_from([BASE, RUN, COPY, CONTENT, "random:1", "#1", ""])},
    optional={
        "inputs": st.lists(
            st.lists(
                st.fixed_dictionaries(
                    {"link": st.integers(-1, 8)}, optional={"selector": st.sampled_from(["", "s"])}
                ),
                max_size=3,
            ),
            max_size=3,
        ),
        "layers": st.lists(st.fixed_dictionaries({"layer": st.integers(-1, 4)}), max_size=2),
        "chains": st.lists(
            st.fixed_dictionaries({"layers": st.lists(st.integers(-1, 4), max_size=3)}), max_size=2
        ),
    },
)
GRAPHS = st.fixed_dictionaries(
    {
        "records": st.lists(RECORD, max_size=8),
        "layers": st.lists(
            st.builds(layer, st.sampled_from(["sha256:1", "sha256:2"]), st.integers(-1, 4)), max_size=4
        ),
    }
)


@settings(max_examples=300, deadline=None)
@given(GRAPHS)
def test_any_graph_of_records_is_read_or_refused_and_every_link_leads_somewhere(
    graph: dict[str, Any],
) -> None:
    try:
        records = read(graph)
    except ManifestError:
        return
    known = set(records.roots) | {child for ids in records.edges.values() for child in ids}
    assert set(records.held) <= known | {"#0", "#1", "#2", "#3", "#4", "#5", "#6", "#7"}
    for (parent, _, _, _), children in records.edges.items():
        assert parent not in children
