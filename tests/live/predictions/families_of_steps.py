"""Dockerfiles of one stage whose steps have settings, mounts or sources of their own."""

from __future__ import annotations

from tests.live.predictions.family import Family, Open

OF_STEPS: dict[str, Family] = {
    "arguments": Family(
        text="""\
FROM <base>
ARG ONE=1
ARG TWO
RUN echo $ONE > /x
ARG THREE=3
COPY a.txt /a
RUN echo $THREE > /end
""",
        build_args=(("TWO", "zwei & <2>"),),
    ),
    "environment": Family(
        text="""\
FROM <base>
ENV A=1 B="x & <y>"
RUN echo $A > /x
ENV C=3
COPY src/b.txt /b
RUN echo $C > /end
LABEL version=1
""",
    ),
    "bound": Family(
        text="""\
FROM <base>
RUN --mount=source=src,target=/src cat /src/b.txt > /x
RUN --mount=type=bind,source=a.txt,target=/a cat /a > /y
RUN --mount=target=/all ls -R /all > /end
""",
    ),
    "caches": Family(
        text="""\
FROM <base>
RUN --mount=type=cache,target=/c echo one > /c/x
RUN --mount=type=cache,target=/c,id=mine,sharing=locked --mount=type=tmpfs,target=/t echo two > /y
COPY a.txt /a
RUN --mount=type=cache,target=/d,id=/d cat /a > /end
""",
    ),
    "secrets": Family(
        text="""\
FROM <base>
RUN --mount=type=secret,id=token cat /run/secrets/token > /dev/null
RUN --mount=type=secret,id=token,env=TOKEN --mount=type=ssh echo one > /x
COPY src /src
RUN --mount=type=secret,id=absent echo two > /end
""",
        secrets=("id=token,src=<token>",),
    ),
    "heredocs": Family(
        text="""\
FROM <base>
COPY <<EOF /made
text <b> & c
EOF
RUN <<EOF
echo one > /x
echo two > /y
EOF
COPY a.txt <<TWO /both/
more
TWO
RUN cat /made > /end
""",
    ),
    "an address": Family(
        text="""\
FROM <base>
RUN echo one > /x
ADD <url> /file
RUN cat /file > /y
COPY src /src
RUN echo two > /end
""",
        open=(Open.SERVER,),
    ),
    "an address with its sum": Family(
        text="""\
FROM <base>
ADD --checksum=sha256:<sum> <url> /file
RUN cat /file > /y
COPY a.txt /a
RUN echo two > /end
""",
        open=(Open.SERVER,),
    ),
    "triggers": Family(
        text="""\
FROM busybox:with-triggers AS build
RUN echo one > /x
COPY src /src
RUN cat /triggered > /end
""",
    ),
    "a named directory": Family(
        text="""\
FROM <base>
COPY --from=side x.txt /x
RUN --mount=from=side,target=/s cat /s/deep/y.txt > /y
COPY a.txt /a
RUN cat /x > /end
""",
        build_contexts=(("side", "<side>"),),
        cache="registry",
    ),
    "an image's files": Family(
        text="""\
FROM <base>
COPY --from=busybox:stable /etc/passwd /p
RUN --mount=from=busybox:stable,source=/bin,target=/b ls /b > /l
COPY src /src
RUN cat /p > /end
""",
        open=(Open.STAGE,),
    ),
    "users and shells": Family(
        text="""\
FROM <base>
USER 1000:1000
RUN id > /tmp/x
SHELL ["/bin/sh", "-ec"]
RUN echo one > /tmp/y
USER root
WORKDIR /w
COPY --chown=root:root a.txt .
WORKDIR deep
RUN pwd > /end
""",
    ),
    "networks": Family(
        text="""\
FROM <base>
RUN --network=none echo one > /x
RUN --network=default echo two > /y
COPY src /src
RUN cat /x > /end
""",
    ),
    "a time": Family(
        text="""\
FROM <base>
WORKDIR /a/b
RUN echo one > /x
COPY a.txt .
RUN cat a.txt > /end
""",
        build_args=(("SOURCE_DATE_EPOCH", "1700000000"),),
    ),
}
