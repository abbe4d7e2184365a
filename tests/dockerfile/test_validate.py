from __future__ import annotations

import pytest

from fastbuild.dockerfile.parse import parse
from fastbuild.dockerfile.validate import validate
from fastbuild.errors import DockerfileSyntax


def refusal(text: str) -> DockerfileSyntax:
    with pytest.raises(DockerfileSyntax) as caught:
        validate(parse(text))
    return caught.value


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("FRM a", "unknown instruction: FRM (did you mean FROM?)"),
        ("cpoy a b", "unknown instruction: cpoy (did you mean copy?)"),
        ("apt-get install", "unknown instruction: apt-get"),
        ("FROM", "FROM requires either one or three arguments"),
        ("FROM a b", "FROM requires either one or three arguments"),
        ("FROM a AS b # c", "FROM requires either one or three arguments"),
        (
            "FROM a AS 1b",
            'invalid name for build stage: "1b", name can\'t start with a number or contain symbols',
        ),
        (
            "COPY a",
            "COPY requires at least two arguments, but only one was provided. "
            "Destination could not be determined",
        ),
        ("COPY a <<E\nE", "COPY cannot accept a heredoc as a destination"),
        ("COPY --form=a b c", "unknown flag: --form (did you mean from?)"),
        ("COPY --From=a b c", "unknown flag: --From (did you mean from?)"),
        ("COPY --link=yes a b", "expecting boolean value for flag --link, not: yes"),
        ("COPY --chown a b", "missing a value on flag: --chown"),
        ("ADD --chmod=1 --chmod=2 a b", "duplicate flag specified: --chmod"),
        ("ENV =a", "ENV names can not be blank"),
        ("ENV", "ENV requires at least one argument"),
        ("LABEL =a", "LABEL names can not be blank"),
        ("ARG a =b", "ARG names can not be blank"),
        ("RUN --network=x y", 'invalid network mode "x"'),
        ("RUN --security=x y", 'security "x" is not valid'),
        (
            "RUN --mount=from=$a,target=/b c",
            "'from' doesn't support variable expansion, define alias stage instead",
        ),
        ("RUN --mount= a", "failed to parse csv mounts: EOF"),
        ("ONBUILD FROM a", "FROM isn't allowed as an ONBUILD trigger"),
        ("ONBUILD onbuild RUN a", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"),
        ("ONBUILD", "ONBUILD requires at least one argument"),
        ("SHELL bash -c", "SHELL requires the arguments to be in JSON form"),
        ("SHELL []", "SHELL requires at least one argument"),
        ("HEALTHCHECK NONE a", "HEALTHCHECK NONE takes no arguments"),
        ("HEALTHCHECK a", 'Unknown type "A" in HEALTHCHECK (try CMD)'),
        ("HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"),
        ("HEALTHCHECK --interval=5 CMD a", 'time: missing unit in duration "5"'),
        ("HEALTHCHECK --timeout=1us CMD a", 'Interval "timeout" cannot be less than 1ms'),
        ("HEALTHCHECK --retries=-1 CMD a", "--retries cannot be negative (-1)"),
        ("EXPOSE", "EXPOSE requires at least one argument"),
        ("STOPSIGNAL", "STOPSIGNAL requires exactly one argument"),
        ("USER", "USER requires exactly one argument"),
        ("WORKDIR", "WORKDIR requires exactly one argument"),
        ("MAINTAINER", "MAINTAINER requires exactly one argument"),
        ('VOLUME ["a", " "]', "VOLUME specified can not be an empty string"),
    ],
)
def test_what_buildkit_refuses_is_refused_in_its_words_with_the_line(line: str, message: str) -> None:
    assert refusal(f"FROM a\n\n# b\n{line}\n").what == f"Dockerfile:4: {message}"


@pytest.mark.parametrize(
    "line",
    [
        "ONBUILD FOO bar",
        "RUN",
        "CMD",
        "ENTRYPOINT []",
        "EXPOSE anything at all",
        "STOPSIGNAL a b",
        "ARG --x a",
        "HEALTHCHECK --x NONE",
        "HEALTHCHECK --interval=0 --retries= CMD a",
        "HEALTHCHECK --interval=1h2m3.5s CMD []x",
        "RUN --mount=anything,goes=here,type=x --mount=target=$a b",
        "RUN --device=a=b,required c",
        "COPY --exclude=a --exclude=b --parents c d",
        "ADD --keep-git-dir=false --unpack a b",
        "MAINTAINER a b c",
        "FROM --platform=$A b aS C.d_e-f",
        "COPY --chown=$A --from=$B c d",
    ],
)
def test_what_buildkit_accepts_is_accepted(line: str) -> None:
    validate(parse(f"FROM a\n{line}\n"))


def test_only_arg_may_stand_before_the_first_stage() -> None:
    validate(parse("ARG a\nFROM $a\n"))
    found = refusal("ARG a\nRUN b\nFROM c\n")
    assert found.what == "Dockerfile:2: no build stage in current context"
    assert "before the first FROM" in found.cause


def test_a_file_without_stages_is_refused() -> None:
    found = refusal("ARG a\n")
    assert found.what == "Dockerfile: dockerfile contains no stages to build"
    assert found.fix == "add a FROM instruction"


def test_a_wrong_flag_is_answered_with_the_right_ones() -> None:
    assert refusal("FROM a\nRUN --cache b\n").fix == "RUN takes --device, --mount, --network, --security"
    assert refusal("FROM a\nUSER --x b\n").fix == "USER takes no flags"


def test_the_first_error_of_a_file_is_told() -> None:
    assert refusal("FROM a\nFOO\nBAR\n").what.startswith("Dockerfile:2: ")
