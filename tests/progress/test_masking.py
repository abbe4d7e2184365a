from __future__ import annotations

import pytest

from fastbuild.progress.masking import looks_secret, masked, secret_values
from fastbuild.progress.timings import BuildTiming, Status, StepTiming


@pytest.mark.parametrize(
    "name",
    [
        "TOKEN",
        "NPM_TOKEN",
        "github_token",
        "DB_PASSWORD",
        "API_KEY",
        "APIKEY",
        "MY_SECRET_2",
        "KEY2",
        "NPM_AUTH",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize("name", ["VERSION", "KEYBOARD", "MONKEY", "PUBLIC_KEY", "TOKENIZER", "AUTHOR", ""])
def test_names_that_only_look_alike(name: str) -> None:
    assert not looks_secret(name)


def test_short_values_are_left_for_they_stand_everywhere() -> None:
    args = (
        ("TOKEN", "abc"),
        ("SECRET", "true"),
        ("KEY", None),
        ("PASSWORD", "long-enough"),
        ("A", "visible"),
    )
    assert secret_values(args, ()) == ("long-enough",)


def test_passwords_and_tokens_in_urls() -> None:
    urls = (
        "https://x-access-token:hunter2hunter@host/r.git#main",
        "https://ghp_1234567@host/r.git",
        "git@host:o/r.git",
        "ssh://someuser@host/r.git",
        "https://host/a@b",
        "./plain",
    )
    assert set(secret_values((), urls)) == {"hunter2hunter", "ghp_1234567"}


def test_a_secret_inside_another_is_masked_with_it() -> None:
    values = secret_values((("A_KEY", "secret-1"), ("B_KEY", "secret-1-2")), ())
    assert masked("x secret-1-2 secret-1 y", values) == "x *** *** y"


def test_every_text_of_a_timing_is_masked_and_nothing_else_changes() -> None:
    name = "[2/2] ADD https://u:planted-value@h/f /"
    step = StepTiming(
        id="i",
        name=name,
        stage="",
        index=2,
        platform="",
        line=2,
        instruction=name[6:],
        status=Status.FAILED,
        execute=1.5,
        error="planted-value",
    )
    timing = BuildTiming(steps=(step,), text=f"{name}: no", error="planted-value", started=1.0)
    found = masked(timing, ("planted-value",))
    assert "planted-value" not in repr(found)
    assert found.steps[0].instruction == "ADD https://u:***@h/f /"
    assert found.steps[0].status is Status.FAILED
    assert (found.steps[0].execute, found.started) == (1.5, 1.0)


def test_without_secrets_the_value_itself_comes_back() -> None:
    timing = BuildTiming(text="x")
    assert masked(timing, ()) is timing
