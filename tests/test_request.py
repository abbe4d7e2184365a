from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.errors import UsageError
from fastbuild.request import CacheSpec, Output, is_remote, join_fields, oci_layout_digest, parse_fields

if TYPE_CHECKING:
    from pathlib import Path

KEYS = st.text(alphabet="abcdefghijklmnopqrstuvwxyz-_.", min_size=1)
VALUES = st.text(alphabet=st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1)


@given(st.lists(st.tuples(KEYS, VALUES), min_size=1).map(tuple))
def test_option_strings_survive_a_round_trip(fields: tuple[tuple[str, str], ...]) -> None:
    assert parse_fields(join_fields(fields), flag="--output") == fields


@given(KEYS, st.dictionaries(KEYS.filter(lambda k: k != "type"), VALUES))
def test_cache_specs_survive_a_round_trip(kind: str, options: dict[str, str]) -> None:
    spec = CacheSpec(kind, tuple(options.items()))
    assert CacheSpec.parse(str(spec)) == spec


def test_a_bare_reference_is_a_registry_cache() -> None:
    spec = CacheSpec.parse("registry.example/app:cache")
    assert str(spec) == "type=registry,ref=registry.example/app:cache"


def test_a_cache_without_a_type_is_refused() -> None:
    with pytest.raises(UsageError, match="no type"):
        CacheSpec.parse("bucket=b,region=r", flag="--cache-to")


def test_broken_quoting_names_the_flag() -> None:
    with pytest.raises(UsageError, match="--output"):
        Output.parse('type=image,"name=a')


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("out", "type=local,dest=out"),
        ("-", "type=tar,dest=-"),
        ("type=registry", "type=image,push=true"),
        ('type=image,"name=a,b"', 'type=image,"name=a,b"'),
    ],
)
def test_outputs_mean_what_docker_means(text: str, meaning: str) -> None:
    assert str(Output.parse(text)) == meaning


@pytest.mark.parametrize(
    ("source", "remote"),
    [
        ("https://example.com/a.git#main", True),
        ("git@example.com:a/b.git", True),
        ("./dir", False),
        ("github.com/a/b", True),
        ("-", False),
    ],
)
def test_which_contexts_the_engine_fetches(source: str, remote: bool) -> None:
    assert is_remote(source) is remote


def test_a_layout_s_tag_is_looked_up_in_its_index(tmp_path: Path) -> None:
    name = "org.opencontainers.image.ref.name"
    index = {"manifests": [{"digest": "sha256:1", "annotations": {name: "v1"}}, {"digest": "sha256:2"}]}
    (tmp_path / "index.json").write_text(json.dumps(index))
    assert oci_layout_digest(f"oci-layout://{tmp_path}:v1") == "sha256:1"
    assert oci_layout_digest(f"oci-layout://{tmp_path}@sha256:9") == "sha256:9"
    with pytest.raises(UsageError, match="no manifest with the tag"):
        oci_layout_digest(f"oci-layout://{tmp_path}:v2")
