"""Graphs of several platforms as one."""

from __future__ import annotations

from dataclasses import replace

from fastbuild.keys.graph import Graph, Op
from fastbuild.keys.merge import merge

NO_PLATFORM = ("", "", "")
AMD64, ARM64 = ("linux", "amd64", ""), ("linux", "arm64", "")


def op(
    digest: str, name: str, *inputs: str, platform: tuple[str, str, str] = NO_PLATFORM, **body: object
) -> Op:
    return Op(
        digest=digest,
        kind="exec" if platform[0] and inputs else "file" if inputs else "source",
        body=body,
        inputs=tuple((below, 0) for below in inputs),
        platform=platform,
        name=name,
        lines=((1, 1),),
        ignore_cache=False,
        weak=False,
    )


def context(digest: str, session: str) -> Op:
    return op(digest, "load build context", identifier="local://context", attrs={"local.session": session})


def cross(session: str, target: str, name: str) -> Graph:
    """A stage of the build platform whose last step knows the target."""
    ops = (
        op("base", "[linux/amd64 1/4] FROM a", platform=AMD64, identifier="docker-image://a"),
        context(f"context {session}", session),
        op(f"copy {session}", f"[{name} 2/4] COPY . .", "base", f"context {session}", actions=[1]),
        op(f"run {session}", f"[{name} 3/4] RUN", f"copy {session}", platform=AMD64, meta=target),
    )
    return Graph(ops=ops, final=ops[-1].digest)


ONE, OTHER = cross("1", "amd64", "linux/amd64"), cross("2", "arm64", "linux/amd64->arm64")


def test_what_is_equal_but_for_the_session_is_one_operation_with_both_names() -> None:
    merged = merge([ONE, OTHER])
    assert [each.digest for each in merged.ops] == ["base", "context 1", "copy 1", "run 1", "run 2"]
    assert merged.op("copy 1").also == ("[linux/amd64->arm64 2/4] COPY . .",)
    assert merged.op("base").also == ()


def test_what_stands_on_it_stands_on_the_first() -> None:
    assert merge([ONE, OTHER]).op("run 2").inputs == (("copy 1", 0),)


def test_each_platform_has_its_final_step() -> None:
    assert merge([ONE, OTHER]).finals == ("run 1", "run 2")
    assert merge([ONE, cross("3", "amd64", "linux/arm64")]).finals == ("run 1",)


def test_a_third_platform_adds_its_name() -> None:
    merged = merge([ONE, OTHER, cross("3", "s390x", "linux/amd64->s390x")])
    assert merged.op("copy 1").also == (
        "[linux/amd64->arm64 2/4] COPY . .",
        "[linux/amd64->s390x 2/4] COPY . .",
    )


def test_images_of_two_platforms_are_two() -> None:
    base = ONE.ops[0]
    other = replace(base, digest="base arm64", platform=ARM64)
    merged = merge([Graph(ops=(base,), final="base"), Graph(ops=(other,), final="base arm64")])
    assert merged.finals == ("base", "base arm64")


def test_a_single_graph_stays_as_it_is() -> None:
    assert merge([ONE]) is ONE


def test_empty_images_are_an_empty_graph() -> None:
    nothing = Graph(ops=(), final="")
    assert merge([nothing, nothing]) == nothing
    assert merge([nothing, ONE]).finals == ("run 1",)
