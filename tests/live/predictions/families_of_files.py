"""Dockerfiles of one stage that copy files."""

from __future__ import annotations

from tests.live.predictions.family import Family

OF_FILES: dict[str, Family] = {
    "plain": Family(
        text="""\
FROM <base>
RUN echo one > /x
COPY a.txt /a
COPY src /src
WORKDIR /w
RUN cat /a > /end
""",
    ),
    "everything copied": Family(
        text="""\
FROM <base>
WORKDIR /app
COPY . .
RUN ls -R /app > /list
RUN ls -l /list > /end
""",
        cache="s3",
    ),
    "only files": Family(
        text="""\
FROM scratch
COPY a.txt /
COPY src/ /src/
ADD run.sh /bin/
""",
    ),
    "only runs": Family(
        text="""\
FROM <base>
RUN echo one > /x
RUN echo two > /y
RUN cat /x /y > /end
""",
    ),
    "linked": Family(
        text="""\
FROM <base>
RUN echo one > /x
COPY --link a.txt /a
COPY --link src/ /src/
RUN cat /a > /end
""",
    ),
    "wildcards": Family(
        text="""\
FROM <base>
COPY *.txt /w/
COPY src/*/d.txt /x/
COPY src/b.* a.tx[t] /y/
COPY s?c /z/
RUN ls -R /w > /end
""",
    ),
    "parents": Family(
        text="""\
FROM <base>
COPY --parents src/deep/d.txt /p/
COPY --parents src/./deep/*.txt a.txt /q/
COPY --parents **/*.md /r/
RUN ls -R /p > /end
""",
    ),
    "excluded": Family(
        text="""\
FROM <base>
COPY --exclude=*.txt src /1
COPY --exclude=deep --exclude=*.py src /2
COPY --exclude=*.md . /3
RUN ls -R /3 > /end
""",
    ),
    "modes and owners": Family(
        text="""\
FROM <base>
COPY --chmod=755 a.txt /1
COPY --chown=7:8 src /2
COPY --chown=root src/b.txt /3
ADD --chmod=u+x --chown=1 run.sh /4
RUN ls -l / > /end
""",
    ),
    "archives": Family(
        text="""\
FROM <base>
ADD e.tar.gz /1/
ADD --unpack=false e.tar.gz /2/
ADD a.txt /a
RUN ls -R /1 > /end
""",
    ),
    "ignoring": Family(
        text="""\
FROM <base>
COPY . /all
RUN ls -R /all > /list
COPY src /src
RUN ls -R /src > /end
""",
        files=((".dockerignore", "# comment\n**/*.md\nsrc/deep\n!src/deep/d.txt\n"),),
    ),
    "another Dockerfile": Family(
        text="""\
FROM <base>
COPY . /all
RUN ls -R /all > /end
""",
        file="build.Dockerfile",
        files=(("build.Dockerfile.dockerignore", "docs\n*.Dockerfile*\n"), (".dockerignore", "src\n")),
    ),
    "many steps": Family(
        text="FROM <base>\n"
        + "".join(f"RUN echo {n} > /{n}\nCOPY src/b.txt /b{n}\n" for n in range(6))
        + "COPY a.txt /a\nRUN cat /a > /end\n",
    ),
}
