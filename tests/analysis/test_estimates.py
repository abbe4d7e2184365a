from __future__ import annotations

import pytest

from fastbuild.analysis.estimates import estimate_seconds, seconds, size_cost, time_cost
from fastbuild.analysis.subject import Measured, Subject
from fastbuild.dockerfile.parse import parse


def of(line: str, **more: object) -> tuple[Subject, float]:
    subject = Subject(parse(f"FROM a\n{line}\n"), **more)  # type: ignore[arg-type]
    return subject, estimate_seconds(subject.stages[0].steps[1])


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        ("LABEL a=b", "COPY a b"),
        ("COPY a b", "RUN ./script"),
        ("RUN mkdir /a", "RUN ./script"),
        ("RUN ./script", "RUN apk add git"),
        ("RUN apk add git", "RUN apt-get install -y git"),
        ("RUN go mod download", "RUN go mod download && go build ."),
        ("RUN npm ci", "RUN cargo build --release"),
    ],
)
def test_dear_steps_are_estimated_above_cheap_ones(cheap: str, dear: str) -> None:
    assert of(cheap)[1] < of(dear)[1]


def test_what_only_changes_the_configuration_takes_no_time() -> None:
    assert {of(line)[1] for line in ("ENV A=1", "LABEL a=b", "CMD x", "USER a", "EXPOSE 1")} == {0.0}


def test_measures_go_before_estimates_and_are_marked() -> None:
    subject, _ = of("RUN npm ci", measured={1: Measured(seconds=3.5, size=70)})
    step = subject.stages[0].steps[1]
    assert seconds(subject, step) == (3.5, True)
    assert time_cost(subject, [step]).measured
    assert size_cost(subject, step, 9).size == 70
    assert size_cost(subject, step, 9).measured


def test_a_sum_of_measures_and_estimates_is_an_estimate() -> None:
    subject = Subject(parse("FROM a\nRUN npm ci\nRUN make\n"), measured={1: Measured(seconds=3.5)})
    cost = time_cost(subject, subject.stages[0].steps[1:])
    assert not cost.measured
    assert cost.seconds is not None
    assert cost.seconds > 3.5
