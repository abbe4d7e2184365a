"""Docker's classic builder: real output of version 20.10 to events."""

from __future__ import annotations

from fastbuild.progress.classic import Classic
from fastbuild.progress.events import Event, Log, Text, Vertex
from fastbuild.progress.timings import BuildTiming, Fold

COLD = """\
Sending build context to Docker daemon  6.144kB\r\r
Step 1/3 : FROM busybox:latest
latest: Pulling from library/busybox
87222aded395: Pull complete
 ---> cfc59189da0b
Step 2/3 : RUN echo out; echo err >&2
 ---> Running in b71b1a285b32
\x1b[91merr
\x1b[0mout
Removing intermediate container b71b1a285b32
 ---> 8bd41069b9a0
Step 3/3 : CMD ["sh"]
 ---> Running in 5f0c2a1b9d7e
Removing intermediate container 5f0c2a1b9d7e
 ---> 942990e01e69
Successfully built 942990e01e69
Successfully tagged x:latest
"""

DEPRECATED = """\
\0DEPRECATED: The legacy builder is deprecated and will be removed in a future release.
\0            BuildKit is currently disabled; enable it by removing the DOCKER_BUILDKIT=0
\0            environment-variable.
\0
"""


def events(text: str) -> list[Event]:
    """One second passes before each line."""
    seconds = iter(range(1_700_000_000, 1_700_001_000))
    reader = Classic(lambda: float(next(seconds)))
    return [event for line in text.splitlines() for event in reader.parse(line.rstrip("\r").encode())]


def timing(text: str) -> BuildTiming:
    fold = Fold(imports=False, store_was_empty=False)
    for event in events(text):
        fold.add(event)
    return fold.timing()


def results(text: str) -> list[tuple[str, str]]:
    return [(step.instruction, str(step.status)) for step in timing(text).steps]


def test_steps_come_in_the_dockerfile_s_order_with_their_times() -> None:
    assert results(COLD) == [
        ("FROM busybox:latest", "source"),
        ("RUN echo out; echo err >&2", "ran"),
        ('CMD ["sh"]', "ran"),
    ]
    assert timing(COLD).steps[1].execute == 6


def test_output_of_run_has_its_stream_and_no_colours() -> None:
    logs = [event for event in events(COLD) if isinstance(event, Log) and event.step == "step-2"]
    assert [(log.stream, log.text) for log in logs] == [(2, "err\n"), (1, "out\n")]


def test_colour_that_spans_lines() -> None:
    text = "Step 1/1 : RUN make\n\x1b[91ma\nb\n\x1b[0mc\n\x1b[91md\x1b[0m\ne\n"
    logs = [event for event in events(text) if isinstance(event, Log)]
    assert [(log.stream, log.text) for log in logs] == [
        (2, "a\n"),
        (2, "b\n"),
        (1, "c\n"),
        (2, "d\n"),
        (1, "e\n"),
    ]


def test_hits_are_recognised() -> None:
    text = (
        "Step 1/3 : FROM busybox\n ---> cfc59189da0b\n"
        "Step 2/3 : COPY f /f\n ---> Using cache\n ---> 2f554b2c0080\n"
        "Step 3/3 : RUN make\n ---> Using cache\n ---> 942990e01e69\nSuccessfully built 942990e01e69\n"
    )
    assert results(text) == [
        ("FROM busybox", "source"),
        ("COPY f /f", "hit_local"),
        ("RUN make", "hit_local"),
    ]


def test_the_step_that_fails_is_named_with_the_engine_s_words_alone() -> None:
    words = "The command '/bin/sh -c echo a; exit 3' returned a non-zero code: 3"
    text = "Step 1/1 : RUN echo a; exit 3\n ---> Running in b71b1a285b32\na\n" + DEPRECATED + f"\0{words}\n"
    ended = timing(text)
    assert ended.text == words
    assert [(str(step.status), step.error, step.log_tail) for step in ended.steps] == [
        ("failed", words, "a\n")
    ]


def test_a_failure_before_any_step_is_closing_words() -> None:
    words = "Error response from daemon: dockerfile parse error line 2: unknown instruction: COPXY"
    ended = timing("Sending build context to Docker daemon  6.144kB\n" + DEPRECATED + f"\0{words}\n")
    assert (ended.text, ended.steps) == (words, ())


def test_a_warning_is_not_a_failure() -> None:
    text = "Step 1/1 : RUN make\n\0WARNING: Error loading config file\n\0no space left on device\n"
    assert [step.error for step in timing(text).steps] == ["no space left on device"]


def test_output_that_looks_like_a_step_or_a_failure_is_output() -> None:
    text = (
        "Step 1/2 : RUN make\n ---> Running in b71b1a285b32\nStep 1/2 : FROM x\nStep 7/9 : RUN y\n"
        "The command 'x' returned a non-zero code: 3\n ---> 8bd41069b9a0\nStep 2/2 : CMD x\n"
        " ---> Running in 5f0c2a1b9d7e\nSuccessfully built 942990e01e69\n"
    )
    assert results(text) == [("RUN make", "ran"), ("CMD x", "ran")]
    assert not [event for event in events(text) if isinstance(event, Text)]
    assert {event.id for event in events(text) if isinstance(event, Vertex)} == {"step-1", "step-2"}
