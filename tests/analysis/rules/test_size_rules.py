from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastbuild.analysis.rules import (
    archive_left,
    files_changed_in_own_layer,
    large_layer,
    removed_in_later_layer,
)
from tests.analysis.rules.catching import case, caught, name_of, text_of

if TYPE_CHECKING:
    from fastbuild.analysis.rule import Rule

CATCHES = [
    case(files_changed_in_own_layer, "COPY . /app", "RUN chown -R app /app"),
    case(files_changed_in_own_layer, "WORKDIR /app", "COPY . .", "RUN useradd app && chown -R app:app ."),
    case(files_changed_in_own_layer, "ADD a.tgz /srv/www/", "RUN chmod -R 755 /srv"),
    case(removed_in_later_layer, "COPY tool.deb /tmp/", "RUN dpkg -i /tmp/tool.deb && rm /tmp/tool.deb"),
    case(removed_in_later_layer, "COPY src /tmp/src", "RUN make -C /tmp/src && rm -rf /tmp/src"),
    case(
        removed_in_later_layer,
        "COPY *.whl /tmp/wheels/",
        "RUN pip install /tmp/wheels/*.whl && rm -rf /tmp/wheels",
    ),
    case(removed_in_later_layer, "RUN apt-get update", "RUN rm -rf /var/lib/apt/lists/*"),
    case(archive_left, "RUN curl -LO https://example.com/a-1.tar.gz && tar xzf a-1.tar.gz"),
    case(archive_left, "RUN wget https://example.com/a.zip && unzip a.zip"),
    case(archive_left, "RUN wget -O /tmp/a.tgz https://example.com/x && tar -xzf /tmp/a.tgz"),
]

CATCHES_NOT = [
    case(files_changed_in_own_layer, "COPY . /app", "RUN chown app /app"),
    case(files_changed_in_own_layer, "COPY . /app", "RUN chown -R app /var/log"),
    case(files_changed_in_own_layer, "COPY . /app", "RUN chown -R root:root /app"),
    case(files_changed_in_own_layer, "COPY . /app", "RUN chmod -R a+rX /app"),
    case(files_changed_in_own_layer, "COPY . /app", "RUN npm ci && chown -R app /app"),
    case(files_changed_in_own_layer, "RUN chown -R app /app", "COPY . /app"),
    case(
        files_changed_in_own_layer,
        "FROM a AS b",
        "COPY . /app",
        "RUN chown -R a /app",
        "FROM scratch",
        "COPY --from=b / /",
    ),
    case(removed_in_later_layer, "COPY requirements.txt /tmp/", "RUN rm /tmp/requirements.txt"),
    case(removed_in_later_layer, "COPY . /app", "RUN rm -rf /app/tests"),
    case(removed_in_later_layer, "COPY a.bin /opt/a.bin", "RUN rm -rf /tmp/*"),
    case(removed_in_later_layer, "RUN apt-get update && apt-get install -y a && rm -rf /var/lib/apt/lists/*"),
    case(
        removed_in_later_layer,
        "RUN --mount=type=cache,target=/var/lib/apt apt-get update",
        "RUN rm -rf /var/lib/apt/lists/*",
    ),
    case(
        removed_in_later_layer,
        "FROM a AS b",
        "COPY a.deb /",
        "RUN rm /a.deb",
        "FROM scratch",
        "COPY --from=b / /",
    ),
    case(archive_left, "RUN curl -LO https://example.com/a.tgz && tar xzf a.tgz && rm a.tgz"),
    case(archive_left, "RUN curl -L https://example.com/a.tgz | tar xz"),
    case(archive_left, "RUN curl -LO https://example.com/a.tgz"),
    case(
        archive_left,
        "FROM a AS b",
        "RUN wget https://e.com/a.zip && unzip a.zip",
        "FROM scratch",
        "COPY --from=b / /",
    ),
]


@pytest.mark.parametrize(("rule", "lines"), CATCHES, ids=name_of)
def test_it_is_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines))


@pytest.mark.parametrize(("rule", "lines"), CATCHES_NOT, ids=name_of)
def test_it_is_not_caught(rule: Rule, lines: tuple[str, ...]) -> None:
    assert caught(rule, text_of(lines)) == []


def test_the_three_largest_measured_layers_are_named_and_nothing_without_measures() -> None:
    text = "FROM a\n" + "RUN x\n" * 5
    measured = "2 1 150000000\n3 1 900000000\n4 1 99000000\n5 1 400000000\n6 1 300000000"
    found = caught(large_layer, text, measured=measured)
    assert [(each.start, each.cost and each.cost.measured) for each in found] == [
        (3, True),
        (5, True),
        (6, True),
    ]
    assert found[0].message == "this layer holds 900 MB"
    assert caught(large_layer, text) == []
