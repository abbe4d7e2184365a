from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.cache.expand import expand, parse
from fastbuild.cache.names import CacheNames
from fastbuild.errors import UsageError
from fastbuild.request import CacheSpec

if TYPE_CHECKING:
    from pathlib import Path

OWN, MAIN = "acme/app/final/linux-amd64/fix", "acme/app/final/linux-amd64/main"
NAMES = CacheNames(write=OWN, read=(OWN, MAIN), reason="reads fix, then main")
READ_ONLY = CacheNames(write=None, read=(OWN, MAIN), reason="read-only: a fork")
GHA = {"ACTIONS_RUNTIME_TOKEN": "t", "ACTIONS_RESULTS_URL": "https://r"}


def lines(
    value: str, names: CacheNames = NAMES, environ: dict[str, str] | None = None
) -> tuple[list[str], list[str]]:
    imports, exports = expand(value, names, environ or {})
    return [str(spec) for spec in imports], [str(spec) for spec in exports]


def test_s3() -> None:
    place = "type=s3,bucket=b,region=eu-west-1,prefix=team/cache/"
    assert lines("s3://b/team/cache?region=eu-west-1") == (
        [f"{place},name={name},retry_max_attempts=2" for name in (OWN, MAIN)],
        [f"{place},name={OWN},mode=max,ignore-error=true,compression=zstd"],
    )


def test_s3_server_of_ones_own() -> None:
    imports, exports = lines("s3://b?endpoint_url=http://127.0.0.1:9000&retry_max_attempts=1&mode=min")
    place = "type=s3,bucket=b,region=us-east-1,endpoint_url=http://127.0.0.1:9000,use_path_style=true"
    assert imports[0] == f"{place},name={OWN},retry_max_attempts=1"
    assert exports == [f"{place},name={OWN},mode=min,ignore-error=true,compression=zstd,retry_max_attempts=1"]


@pytest.mark.parametrize(
    ("value", "environ", "region"),
    [
        ("s3://b", {"AWS_REGION": "r1", "AWS_DEFAULT_REGION": "r2"}, "r1"),
        ("s3://b", {"AWS_DEFAULT_REGION": "r2"}, "r2"),
        ("s3://b?region=r0", {"AWS_REGION": "r1"}, "r0"),
        ("s3://b", {"AWS_ENDPOINT_URL": "http://s3"}, "us-east-1"),
    ],
)
def test_s3_region(value: str, environ: dict[str, str], region: str) -> None:
    assert expand(value, NAMES, environ).imports[0].get("region") == region


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({"AWS_ENDPOINT_URL_S3": "http://one", "AWS_ENDPOINT_URL": "http://two"}, "http://one"),
        ({"AWS_ENDPOINT_URL": "http://two"}, "http://two"),
        ({"AWS_ENDPOINT_URL": "http://two", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, ""),
        ({}, ""),
    ],
)
def test_s3_endpoint(environ: dict[str, str], endpoint: str) -> None:
    spec = expand("s3://b?region=r", NAMES, environ).exports[0]
    assert spec.get("endpoint_url") == endpoint
    assert spec.get("use_path_style") == ("true" if endpoint else "")


@given(st.text("ab/", max_size=8))
def test_s3_prefix_is_empty_or_ends_with_one_slash(path: str) -> None:
    for value in (f"s3://b/{path}?region=r", f"type=s3,bucket=b,region=r,prefix={path}"):
        prefix = expand(value, NAMES, {}).exports[0].get("prefix")
        assert prefix == "" or (prefix.endswith("/") and "//" not in f"/{prefix}")


def test_csv_is_the_same_as_the_url() -> None:
    csv = "type=s3,bucket=b,region=r,prefix=p,compression=gzip"
    assert lines(csv) == lines("s3://b/p?region=r&compression=gzip")
    assert lines("type=registry,ref=h/r") == lines("registry://h/r")
    assert lines("type=gha", environ=GHA) == lines("gha", environ=GHA)


def test_registry() -> None:
    imports, exports = lines("registry://registry.example:5000/acme/cache?registry.insecure=true")
    ref = "ref=registry.example:5000/acme/cache:acme_app_final_linux-amd64_"
    assert imports == [f"type=registry,{ref}{name},registry.insecure=true" for name in ("fix", "main")]
    assert exports == [
        f"type=registry,{ref}fix,mode=max,ignore-error=true,compression=zstd,"
        "image-manifest=true,oci-mediatypes=true,registry.insecure=true"
    ]


@pytest.mark.parametrize(
    "value", ["registry://", "registry://h/App", "registry://h/r@sha256:0", "registry://h//r"]
)
def test_registry_refuses_other_references(value: str) -> None:
    with pytest.raises(UsageError, match="not an image repository"):
        expand(value, NAMES, {})


def test_local_imports_what_exists(tmp_path: Path) -> None:
    own = tmp_path / "acme_app_final_linux-amd64_fix"
    assert lines(f"local:{tmp_path}") == (
        [],
        [f"type=local,dest={own},mode=max,ignore-error=true,compression=zstd,reset=true"],
    )
    own.mkdir()
    (own / "index.json").touch()
    assert lines(f"local:{tmp_path}")[0] == [f"type=local,src={own}"]


def test_gha() -> None:
    imports, exports = lines("gha?timeout=5m", environ=GHA)
    assert imports == [f"type=gha,scope={name},timeout=5m" for name in (OWN, MAIN)]
    assert exports == [f"type=gha,scope={OWN},mode=max,ignore-error=true,timeout=5m"]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "not a GitHub Actions job"),
        ({"GITHUB_ACTIONS": "true"}, "ghaction-github-runtime"),
        ({"ACTIONS_RUNTIME_TOKEN": "t"}, "ACTIONS_RESULTS_URL not set"),
    ],
)
def test_gha_needs_its_variables(environ: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        expand("gha", NAMES, environ)
    assert words in caught.value.render()


def test_azblob() -> None:
    imports, exports = lines("type=azblob,account_url=https://a.example,mode=min")
    assert imports[1] == f"type=azblob,name={MAIN},account_url=https://a.example"
    assert exports == [f"type=azblob,name={OWN},mode=min,ignore-error=true,account_url=https://a.example"]


def test_explicit_names_win_but_do_not_make_a_build_trusted() -> None:
    imports, exports = expand("s3://b?region=r&name=one;two", NAMES, {})
    assert [spec.get("name") for spec in imports] == ["one", "two"]
    assert [spec.get("name") for spec in exports] == ["one;two"]
    assert expand("s3://b?region=r&name=one", READ_ONLY, {}).exports == ()
    assert expand("registry://h/r:tag", NAMES, {}).imports[0].get("ref") == "h/r:tag"


EVERY = ["s3://b?region=r", "registry://h/r", "local:d", "gha", "type=azblob,account_url=u"]


@pytest.mark.parametrize("value", EVERY)
def test_read_only_exports_nothing_yet_checks_the_options(value: str) -> None:
    assert expand(value, READ_ONLY, GHA).exports == ()
    if value != "local:d":
        query = "," if value.startswith("type") else "&" if "?" in value else "?"
        with pytest.raises(UsageError, match="mode=mx is not min or max"):
            expand(f"{value}{query}mode=mx", READ_ONLY, GHA)


@pytest.mark.parametrize("value", EVERY)
def test_specs_survive_their_text_form(value: str) -> None:
    for specs in expand(value, NAMES, GHA):
        assert [CacheSpec.parse(str(spec)) for spec in specs] == list(specs)


@pytest.mark.parametrize(
    "value",
    [
        "s3://b?region=r&access_key_id=AKIA",
        "s3://b?region=r&secret_access_key=hunter2",
        "type=s3,bucket=b,session_token=hunter2",
        "type=azblob,account_url=u,secret_access_key=hunter2",
        "gha?token=hunter2",
        "s3://AKIA:hunter2@b/p",
        "registry://me:hunter2@h/r",
        "https://me:hunter2@h/r",
    ],
)
def test_credentials_are_refused_and_not_repeated(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        expand(value, NAMES, GHA)
    assert "hunter2" not in caught.value.render()


@pytest.mark.parametrize("value", ["", "s3:b", "https://b", "type=inline", "type=", "gcs://b", "ghax"])
def test_unknown_forms(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        expand(value, NAMES, {})
    assert caught.value.fix


def test_unknown_option_gets_a_suggestion() -> None:
    with pytest.raises(UsageError) as caught:
        expand("s3://b?region=r&compresion=zstd", NAMES, {})
    assert caught.value.fix == "did you mean compression?"


def test_plus_signs_are_kept() -> None:
    assert dict(parse("s3://b?region=r&endpoint_url=http://a+b").options)["endpoint_url"] == "http://a+b"


@given(
    st.text(max_size=40), st.sampled_from(["", "s3://", "registry://", "local:", "gha?", "type=", "type=s3,"])
)
def test_only_usage_errors(text: str, start: str) -> None:
    with contextlib.suppress(UsageError):
        expand(start + text, NAMES, {"AWS_REGION": "r"} | GHA)


def test_a_home_that_nobody_has_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="home"):
        expand("local:~0", NAMES, {})
