from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastbuild.progress.events import Log, Text, Transfer, Vertex, Warning
from fastbuild.progress.rawjson import StepKind, StepName, is_cancellation, parse, transfer_kind
from tests import recordings


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "[linux/amd64 build 2/5] RUN pip install",
            ("step", "linux/amd64", "build", 2, 5, "RUN pip install"),
        ),
        ("[linux/amd64->arm64 b 2/2] RUN a", ("step", "linux/amd64->arm64", "b", 2, 2, "RUN a")),
        ("[linux/arm/v7 b  2/12] RUN a", ("step", "linux/arm/v7", "b", 2, 12, "RUN a")),
        ("[stage-1  3/10] COPY a b", ("step", "", "stage-1", 3, 10, "COPY a b")),
        ("[ 3/10] COPY a b", ("step", "", "", 3, 10, "COPY a b")),
        ("[3/4] RUN a\nb", ("step", "", "", 3, 4, "RUN a\nb")),
        ("[base 1/3] FROM docker.io/a@sha256:0", ("from", "", "base", 1, 3, "FROM docker.io/a@sha256:0")),
        ("FROM docker.io/a", ("from", "", "", 0, 0, "FROM docker.io/a")),
        ("[a 2/3] LINK COPY --link a b", ("link", "", "a", 2, 3, "COPY --link a b")),
        ("[internal] load build context", ("context", "", "", 0, 0, "load build context")),
        ("[internal] load .dockerignore", ("context", "", "", 0, 0, "load .dockerignore")),
        (
            "[linux/arm64 internal] load metadata for a",
            ("metadata", "linux/arm64", "", 0, 0, "load metadata for a"),
        ),
        (
            "[internal] settings cache mount permissions",
            ("internal", "", "", 0, 0, "settings cache mount permissions"),
        ),
    ],
)
def test_names_are_taken_apart(name: str, expected: tuple[object, ...]) -> None:
    step = StepName.parse(name)
    assert (step.kind, step.platform, step.stage, step.index, step.total, step.instruction) == expected


def test_onbuild_is_a_mark_of_its_own() -> None:
    step = StepName.parse("[stage-1 2/3] ONBUILD WORKDIR /made")
    assert (step.onbuild, step.instruction, step.keyword) == (True, "WORKDIR /made", "WORKDIR")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("importing cache manifest from s3:123", StepKind.CACHE_IMPORT),
        ("exporting cache to Amazon S3", StepKind.CACHE_EXPORT),
        ("exporting cache to registry", StepKind.CACHE_EXPORT),
        ("exporting to image", StepKind.EXPORT),
        ("exporting to docker image format", StepKind.EXPORT),
        ("pushing host/app with docker", StepKind.PUSH),
        ("importing to docker", StepKind.LOAD),
        ("[auth] library/a:pull token for registry-1.docker.io", StepKind.AUTH),
        ("[context base] load from client", StepKind.CONTEXT),
        ("[context base] load metadata for docker.io/a", StepKind.METADATA),
        ("[context base] docker.io/a", StepKind.SOURCE),
        ("https://example.com/a.tar", StepKind.SOURCE),
        ("docker-image://docker.io/docker/dockerfile:1", StepKind.SOURCE),
        ("resolve image config for docker-image://docker.io/docker/dockerfile:1", StepKind.METADATA),
        ("mystery", StepKind.OTHER),
    ],
)
def test_names_without_a_number_have_a_kind(name: str, kind: StepKind) -> None:
    assert StepName.parse(name).kind is kind


@pytest.mark.parametrize("name", recordings.NAMES)
def test_every_name_of_the_recordings_is_known(name: str) -> None:
    kinds = {StepName.parse(e.name).kind for e in recordings.events(name) if isinstance(e, Vertex)}
    assert StepKind.OTHER not in kinds


@pytest.mark.parametrize("name", recordings.NAMES)
def test_every_json_line_of_the_recordings_is_understood(name: str) -> None:
    for line in recordings.lines(name):
        texts = [event for event in parse(line) if isinstance(event, Text)]
        assert bool(texts) is (not line.startswith(b"{"))


def test_times_keep_their_microseconds() -> None:
    line = b'{"vertexes":[{"digest":"d","name":"n","started":"2026-01-02T03:04:05.123456789Z"}]}'
    (vertex,) = parse(line)
    assert isinstance(vertex, Vertex)
    assert vertex.started == pytest.approx(1767323045.123456789, abs=1e-6)
    assert vertex.completed is None


def test_whole_seconds_offsets_and_go_zero_time() -> None:
    def started(stamp: str) -> float | None:
        (vertex,) = parse(json.dumps({"vertexes": [{"digest": "d", "started": stamp}]}).encode())
        assert isinstance(vertex, Vertex)
        return vertex.started

    assert started("2026-01-02T03:04:05Z") == 1767323045.0
    assert started("2026-01-02T04:04:05+01:00") == 1767323045.0
    assert started("0001-01-01T00:00:00Z") is None


def test_logs_and_warnings_are_decoded() -> None:
    logs = [event.text for event in recordings.events("failing") if isinstance(event, Log)]
    assert sorted(logs) == ["slow starts\n", "to err\n", "to out\n"]
    warnings = [event for event in recordings.events("warned") if isinstance(event, Warning)]
    assert [warning.line for warning in warnings] == [1, 2, 3, 3]
    assert warnings[1].short.startswith("WorkdirRelativePath: ")
    assert warnings[1].url.startswith("https://")


def test_output_that_is_not_utf8_is_shown_with_marks() -> None:
    data = base64.b64encode(b"\xff\n").decode()
    (log,) = parse(json.dumps({"logs": [{"vertex": "v", "stream": 1, "data": data}]}).encode())
    assert isinstance(log, Log)
    assert log.text == "\ufffd\n"


@pytest.mark.parametrize(
    "line", [b"{", b'{"a":1}', b"[]", b'{"vertexes":[1]}', b'{"logs":[{"vertex":1,"data":1}]}']
)
def test_what_is_not_progress_is_text(line: bytes) -> None:
    assert parse(line) == (Text(text=line.decode()),)


@given(st.binary())
def test_no_line_can_break_the_reader(line: bytes) -> None:
    assert parse(line) or json.loads(line) == {}  # which BuildKit says when nothing is new


@given(
    st.dictionaries(
        st.sampled_from(["vertexes", "statuses", "logs", "warnings"]),
        st.recursive(
            st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
        ),
    )
)
def test_no_json_can_break_the_reader(status: dict[str, object]) -> None:
    parse(json.dumps(status).encode())


@given(st.text())
def test_no_name_can_break_the_reader(name: str) -> None:
    StepName.parse(name)


def test_a_command_that_mentions_cancelling_is_not_cancelled() -> None:
    assert is_cancellation(
        "process did not complete successfully: exit code: 137: context canceled: context canceled"
    )
    assert not is_cancellation('process "echo context canceled" did not complete successfully: exit code: 1')


def test_transfers_are_told_apart_by_id() -> None:
    ids = ("sha256:0", "extracting sha256:0", "transferring context:", "pushing layers", "exporting layers")
    assert [str(transfer_kind(i)) for i in ids] == ["download", "unpack", "transfer", "push", "work"]


def test_names_of_copies_are_not_shown() -> None:
    name = "5608bf9ed65915486476-0-a176b1b8"
    status = {"id": f"transferring {name}-{name}-context:", "vertex": "sha256:1", "current": 2}
    (event,) = parse(json.dumps({"statuses": [status]}).encode())
    assert isinstance(event, Transfer)
    assert event.id == "transferring context:"
