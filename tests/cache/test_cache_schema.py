from __future__ import annotations

import contextlib
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.cache.schema import BOOL, DURATION, KNOWN, TYPES, Direction, takes, validate
from fastbuild.errors import UsageError
from fastbuild.request import CacheSpec

GOOD: list[tuple[Direction, str]] = [
    ("import", "type=s3,bucket=b,region=r,prefix=p/,name=n,retry_max_attempts=2,retry_mode=adaptive"),
    ("export", "type=s3,bucket=b,region=r,mode=max,touch_refresh=36h,upload_parallelism=8"),
    ("export", "type=s3,bucket=b,compression=zstd,compression-level=22,force-compression=true"),
    ("export", "type=s3,bucket=b,compression=zstd,force-compression="),
    ("import", "type=s3,access_key_id=a,secret_access_key=b,session_token=c,bucket=b"),
    ("import", "acme/app:cache"),
    ("import", "type=registry,ref=h/r,registry.insecure=true"),
    ("export", "type=registry,ref=h/r,mode=min,image-manifest=1,oci-mediatypes=T,ignore-error=false"),
    ("import", "type=local,src=d,tag=t,digest=sha256:" + "0" * 64),
    ("export", "type=local,dest=d,reset=true,tag=t,compression=gzip,compression-level=9"),
    ("import", "type=gha,scope=s,timeout=1m30s,version=2"),
    ("export", "type=gha,mode=max,url=u,token=t"),
    ("import", "type=azblob,account_url=u,name=n"),
    ("export", "type=azblob,account_url=u,mode=max,ignore-error=true"),
    ("export", "type=inline"),
]


@pytest.mark.parametrize(("direction", "text"), GOOD)
def test_accepted(direction: Direction, text: str) -> None:
    validate(CacheSpec.parse(text), direction)


# what BuildKit would drop or misread in silence, and the words the user needs
BAD: list[tuple[Direction, str, str]] = [
    ("export", "type=s3,bucket=b,mod=max", "did you mean mode?"),
    ("import", "type=s3,bucket=b,mode=max", "move mode to --cache-to"),
    ("import", "type=registry,ref=r,compression=zstd", "move compression to --cache-to"),
    ("export", "type=inline,mode=max", "doesn't support it"),
    ("export", "type=inline,compression=zstd", "doesn't support it"),
    ("import", "type=inline", "type=registry,ref=IMAGE"),
    ("export", "type=azblob,account_url=u,compression=zstd", "doesn't support it"),
    ("export", "type=gha,compression=zstd", "doesn't support it"),
    ("export", "type=s3,bucket=b,touch_refresh=1d", "a duration"),
    ("import", "type=s3,bucket=b,use_path_style=yes", "true or false"),
    ("import", "type=s3,bucket=b,retry_max_attempts=0", "a whole number from 1"),
    ("import", "type=s3,bucket=b,retry_mode=legacy", "standard or adaptive"),
    ("import", "type=s3,bucket=b,compresion=zstd", "did you mean compression?"),
    ("export", "type=registry,ref=r,mode=full", "min or max"),
    ("export", "type=registry,ref=r,compression=brotli", "zstd"),
    ("export", "type=registry,ref=r,compression=gzip,compression-level=19", "zstd"),
    ("export", "type=registry,ref=r,ignore-error=", "true or false"),
    ("export", "type=registry", "ref is missing"),
    ("import", "type=local,dest=d", "move dest to --cache-to"),
    ("import", "type=local", "src is missing"),
    ("import", "type=local,src=d,digest=abc", "sha256"),
    ("import", "type=regitsry,ref=r", "did you mean registry?"),
    ("export", "type=gha,timeout=10", "a duration"),
]


@pytest.mark.parametrize(("direction", "text", "words"), BAD)
def test_refused(direction: Direction, text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        validate(CacheSpec.parse(text), direction)
    assert words in caught.value.render()


def test_error_names_the_flag() -> None:
    for direction, flag in (("import", "--cache-from"), ("export", "--cache-to")):
        with pytest.raises(UsageError, match=flag):
            validate(CacheSpec("nothing"), direction)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="--cache:"):
        validate(CacheSpec("nothing"), "import", flag="--cache")


@given(st.sampled_from(sorted(KNOWN)), st.text(min_size=1, max_size=20))
def test_unknown_options_are_always_refused(key: tuple[str, Direction], option: str) -> None:
    kind, direction = key
    spec = CacheSpec(kind, (("ref", "r"), ("src", "d"), ("dest", "d"), (option, "1")))
    spec = CacheSpec(kind, tuple(o for o in spec.options if takes(kind, direction, o[0]) or o[0] == option))
    if takes(kind, direction, option):
        return
    with pytest.raises(UsageError):
        validate(spec, direction)


@given(st.text(max_size=12), st.dictionaries(st.text(max_size=12), st.text(max_size=12)))
def test_validate_raises_nothing_but_usage_errors(kind: str, options: dict[str, str]) -> None:
    for direction in get_args(Direction):
        for name in (kind, *TYPES):
            with contextlib.suppress(UsageError):
                validate(CacheSpec(name, tuple(options.items())), direction)


@pytest.mark.parametrize("text", ["0", "1h", "1.5h", ".5s", "1h30m", "300ms", "1µs", "5ns"])
def test_go_durations(text: str) -> None:
    assert DURATION.fits(text)


@pytest.mark.parametrize("text", ["", "1", "1d", "h", "1 h", ".h", "1H", "-1h"])
def test_no_durations(text: str) -> None:
    assert not DURATION.fits(text)


def test_go_booleans() -> None:
    assert BOOL.fits("T")
    assert not BOOL.fits("yes")
    assert not BOOL.fits("tRUE")
