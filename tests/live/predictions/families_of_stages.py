"""Dockerfiles of several stages."""

from __future__ import annotations

from tests.live.predictions.family import Family, Open

OF_STAGES: dict[str, Family] = {
    "global arguments": Family(
        text="""\
ARG TAG=<base>
ARG ONE=1
FROM $TAG AS build
ARG ONE
RUN echo $ONE > /x
FROM ${TAG}
RUN echo two > /y
COPY --from=build /x /x
RUN cat /x > /end
""",
        open=(Open.STAGE,),
        build_args=(("ONE", "1"),),
    ),
    "stages": Family(
        text="""\
FROM <base> AS build
RUN echo one > /x
COPY src /src
RUN cat /src/b.txt /x > /out
FROM <base>
WORKDIR /w
COPY --from=build /out /out
COPY a.txt /a
RUN cat /out > /end
""",
        open=(Open.STAGE,),
        cache="registry",
    ),
    "stages, fewest records": Family(
        text="""\
FROM <base> AS build
RUN echo one > /x
COPY src /src
FROM <base>
COPY a.txt /a
COPY --from=build /src/b.txt /b
RUN cat /b > /end
""",
        open=(Open.STAGE,),
        mode="min",
    ),
    "chain": Family(
        text="""\
FROM <base> AS build
RUN echo one > /x
FROM build AS next
COPY a.txt /a
FROM next AS last
COPY src /src
RUN cat /a > /end
""",
    ),
    "fork": Family(
        text="""\
FROM <base> AS base
COPY a.txt /a
FROM base AS build
RUN echo one > /x
FROM base AS other
COPY src /src
RUN echo two > /y
FROM build
COPY --from=other /src /src
RUN cat /src/b.txt > /end
""",
        open=(Open.STAGE,),
    ),
    "linked from a stage": Family(
        text="""\
FROM <base> AS build
RUN echo one > /x
COPY src /src
FROM <base>
RUN echo two > /y
COPY --link --from=build /x /x
COPY --link --from=build /src /src
RUN cat /x > /end
""",
        open=(Open.STAGE,),
        cache="s3",
    ),
    "bound from a stage": Family(
        text="""\
FROM <base> AS build
RUN echo one > /x
COPY src /src
FROM <base>
RUN --mount=from=build,source=/x,target=/x cat /x > /y
RUN --mount=from=build,target=/b cat /b/src/b.txt > /z
RUN cat /y > /end
""",
        open=(Open.STAGE,),
    ),
    "a named image": Family(
        text="""\
FROM ground AS build
RUN echo one > /x
COPY a.txt /a
FROM ground
COPY --from=build /x /x
RUN cat /x > /end
""",
        open=(Open.STAGE,),
        build_contexts=(("ground", "docker-image://<base>"),),
    ),
    "a target": Family(
        text="""\
FROM <base> AS build
RUN echo one > /x
COPY src /src
FROM build AS test
RUN echo two > /y
FROM <base> AS last
COPY a.txt /a
RUN exit 1
""",
        target="test",
    ),
    "platform arguments": Family(
        text="""\
FROM --platform=$BUILDPLATFORM <base> AS build
ARG TARGETARCH
RUN echo $TARGETARCH > /x
FROM <base>
ARG TARGETPLATFORM
COPY a.txt /a
RUN echo $TARGETPLATFORM > /y
COPY --from=build /x /x
RUN cat /x > /end
""",
        open=(Open.STAGE,),
    ),
    "several platforms": Family(
        text="""\
FROM --platform=$BUILDPLATFORM <base> AS build
WORKDIR /work
COPY a.txt /a
RUN cat /a > /b
ARG TARGETARCH
COPY src /src
RUN echo $TARGETARCH > /x
COPY run.sh /
FROM <base> AS base
COPY --from=build /x /x
FROM base AS last
RUN cat /x > /end
""",
        open=(Open.STAGE,),
        platforms=("linux/amd64", "linux/arm64"),
    ),
    "several platforms linked": Family(
        text="""\
FROM <base> AS base
COPY a.txt /a
COPY --link run.sh /run.sh
RUN cat /run.sh > /one
FROM base AS last
COPY --link src /src
""",
        platforms=("linux/arm64", "linux/amd64", "linux/386"),
    ),
    "several platforms from scratch": Family(
        text="""\
FROM scratch AS base
COPY a.txt /a
COPY src /src
FROM base AS last
ARG TARGETARCH
COPY run.sh /$TARGETARCH/run.sh
WORKDIR /w
""",
        platforms=("linux/arm64", "linux/amd64"),
        cache="registry",
    ),
    "several platforms with files of their own": Family(
        text="""\
FROM --platform=$BUILDPLATFORM <base> AS build
COPY a.txt /a
RUN cat /a > /b
ARG TARGETARCH
COPY src /src
FROM <base> AS last
ARG TARGETARCH
COPY bin/$TARGETARCH /of-platform
COPY --link run.sh /run.sh
COPY --from=build /b /b
RUN cat /b > /end
""",
        open=(Open.STAGE,),
        files=(("bin/amd64", "1\n"), ("bin/arm64", "2\n"), ("bin/386", "3\n"), ("bin/arm", "4\n")),
        platforms=("linux/amd64", "linux/arm64"),
        cache="s3",
    ),
}
