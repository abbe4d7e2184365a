"""Random Dockerfiles over busybox, with contexts, in which few paths are used by many steps."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from hypothesis import strategies as st

from fastbuild.analysis.subject import Subject
from fastbuild.dockerfile.parse import parse
from fastbuild.reorder.plan import Item
from fastbuild.reorder.shares import Commits
from tests.reorder.cases import Files

if TYPE_CHECKING:
    from fastbuild.analysis.facts import Step
    from fastbuild.reorder.cost import Costs

BITS = 6
DIRECTORIES = ("/d", "/d/e", "/d/e/g", "/w", "/w/x", "/tmp", "e", ".", "/var/q", "/n/o")
FILES = ("f", "h", "a.txt", "c.txt", "/d/f", "/d/a.txt", "/d/e/h", "/d/e/c.txt", "/w/f", "/w/x/h", "/n/o/f")
NAMES = ("A", "B", "C")

Draw = "Callable[[st.SearchStrategy[str]], str]"
directories = st.sampled_from(DIRECTORIES)
paths = st.sampled_from(FILES)
trees = directories.filter(lambda path: path != ".")
either = paths | directories
words = st.sampled_from(("one", "two", "$A", "${B:-none}", "'$C'"))


def _filled(text: str) -> st.SearchStrategy[str]:
    """`text` with its marks replaced: P a file, D a directory, T one that is not /, E either, W a word."""
    kinds = {"P": paths, "D": directories, "T": trees, "E": either, "W": words}
    parts = text.split(" ")
    return st.tuples(*(kinds.get(part, st.just(part)) for part in parts)).map(" ".join)


COMMANDS = (
    *(
        "echo W > P",
        "echo W > P",
        "echo W >> P",
        'V="$(cat P P )" ; echo "$V" > P',
        "cp P P",
        "cp P D",
        "cp -r T E",
        "mv P P",
    ),
    *("mv E E", "mkdir -p D", "mkdir -p D", "mkdir -m 700 D", "rm -rf E", "rm -f P", "rmdir D", "ln -s E P"),
    *("ln P P", "touch P", "chmod 700 E", "chmod -R 755 T", "ls -a D > P", "test -f P && echo W > P"),
    *("[ -d D ] && touch P", "[ -e P ] || echo W > P", "cd D && echo W > P", "cd D ; echo W > P"),
    *("( cd D && touch P )", "for x in one two; do echo $x >> P ; done", "env A=5 sh -c 'echo $A' > P"),
    *("V=W ; echo $V > P", "export A=W ; sh -c 'echo $A' > P", "A=1 ; sh -c 'echo $A' > P", "echo W | tee P"),
    *("sed -i s/o/0/ P", "sed -ie s/o/0/ P", "sort P > P", "uniq P P", "stat -c %a E > P", "wc -c P > P"),
    *("{ echo W ; ls P ; } > P", "if [ -x P ] ; then touch P ; else rm -f P ; fi", "> P", "id > P"),
    *("y() { echo W ; } ; y > P", "F=P ; touch $F", "find T | sort > P", "cp -a T D", "pwd > P"),
    *("for A in P P ; do touch $A ; done", "cat < P > P", "chown 5:6 E", "chown -R 7 T", "rmdir -p D"),
    *("cd D || cd D ; touch P", "type hello > P", "hello > P", "grep -c o P > P", "( echo W >> P ) & wait"),
    *(
        "cd D & wait ; touch P",
        "set > /dev/null ; touch P",
        "ls -l P | cut -c1-10 > P",
        "cat /etc/passwd > P",
    ),
)
GLOBBED = ('V="$(cat D/*.txt)" ; echo "$V" > P', "rm -rf D/*", "ls -d D/* > P", "cp D/* D")


def _command() -> st.SearchStrategy[str]:
    plain = st.sampled_from(COMMANDS).flatmap(_filled)
    globbed = st.tuples(st.sampled_from(GLOBBED), directories, paths, directories).map(
        lambda t: t[0].replace("D", t[1], 1).replace("P", t[2]).replace("D", t[3])
    )
    return st.one_of(plain, plain, plain, globbed)


def _run() -> st.SearchStrategy[str]:
    bodies = st.lists(_command(), min_size=1, max_size=2)
    loose = bodies.map(lambda commands: f"RUN {' ; '.join(commands)} ; true")
    strict = bodies.map(lambda commands: f"RUN {' && '.join(commands)}")
    mounted = st.tuples(
        st.sampled_from(
            ("bind,target=/m", "bind,source=sub,target=/d/e", "tmpfs,target=/w", "tmpfs,target=/tmp")
        ),
        _command(),
    ).map(lambda t: f"RUN --mount=type={t[0]} {t[1]} ; cat /m/* >> /seen ; true")
    json = st.tuples(paths, paths).map(lambda t: f'RUN ["sh", "-c", "cp {t[0]} {t[1]} ; true"]')
    heredoc = bodies.map(lambda commands: "RUN <<END\n" + "\n".join(commands) + "\ntrue\nEND")
    return st.one_of(loose, loose, loose, loose, loose, loose, strict, mounted, json, heredoc)


SOURCES = (
    *("a.txt", "b.txt", "run", "sub", "sub/deep", "sub/c.txt", "other", "other/a.txt", "empty", "."),
    *("*.txt", "sub/*", "*/a.txt", "*/*.txt", "a.txt b.txt", "sub other", "l", "s*", "dl", "dl/*"),
)
TARGETS = (
    *("/d", "/d/", "/d/e/", "/d/e", "./", "e/", "f", "/w/x/", "/w/f", "/n/o/", "/n/", "/d/a.txt", "/d/e/g/"),
    "/",
)
FLAGS = (
    *("", "", "", "", "", "--chown=5:6 ", "--chown=5 ", "--chmod=700 ", "--chmod=755 ", "--link "),
    "--chown=app ",
)


def _copy(stages: tuple[str, ...]) -> st.SearchStrategy[str]:
    local = st.tuples(
        st.sampled_from(("COPY", "COPY", "COPY", "ADD")),
        st.sampled_from(FLAGS),
        st.sampled_from(SOURCES),
        st.sampled_from(TARGETS),
    ).map(lambda t: f"{t[0]} {t[1]}{t[2]} {t[3] if ' ' not in t[2] else t[3].rstrip('/') + '/'}")
    heredoc = st.sampled_from(TARGETS).map(lambda target: f"COPY <<f {target}\nhere $A\nf")
    if not stages:
        return st.one_of(local, local, local, local, local, heredoc)
    other = st.tuples(st.sampled_from(stages), either, st.sampled_from(TARGETS)).map(
        lambda t: f"COPY --from={t[0]} {t[1]} {t[2]}"
    )
    return st.one_of(local, local, other)


def _setting() -> st.SearchStrategy[str]:
    names = st.sampled_from(NAMES)
    return st.one_of(
        st.tuples(names, words).map(lambda t: f"ENV {t[0]}={t[1]}"),
        st.tuples(names, words, words).map(lambda t: f"ENV GIT_COMMIT={t[1]} {t[0]}={t[2]}"),
        st.tuples(names, words).map(lambda t: f"ARG {t[0]}={t[1]}"),
        st.sampled_from(('RUN echo "$GIT_COMMIT" >> /seen', "ENV BUILD_ID=1 GIT_COMMIT=$A B=$BUILD_ID")),
        st.sampled_from(("WORKDIR /d", "WORKDIR e", "WORKDIR /w/x", "WORKDIR /n/$A", "USER 1000", "USER 0")),
        st.sampled_from(("LABEL x=$A", "ENV PATH=/d/e:$PATH", "CMD echo $A", "VOLUME /w")),
        st.sampled_from(("RUN adduser -D -H app", "ENV HOME=/d", 'SHELL ["/bin/sh", "-ec"]', "USER app")),
    )


def _stage(start: str, stages: tuple[str, ...], least: int, most: int) -> st.SearchStrategy[str]:
    step = st.one_of(_run(), _run(), _run(), _copy(stages), _copy(stages), _copy(stages), _setting())
    steps = st.lists(step, min_size=least, max_size=most)
    return st.tuples(st.sampled_from(PRELUDES), steps).map(lambda t: "\n".join((start, *t[0], *t[1])) + "\n")


PRELUDES = (
    (),
    ("RUN mkdir -p /d/e/g /w/x /n/o",),
    ("COPY . /d/",),
    ("COPY sub /d/e", "COPY other /w/x/"),
    ("WORKDIR /d/e", "RUN mkdir -p /w/x"),
)


def dockerfiles() -> st.SearchStrategy[str]:
    """One stage, or two of which the second builds on or copies from the first."""
    one = _stage("FROM busybox", (), 3, 9)
    first = _stage("FROM busybox AS one", (), 1, 4)
    onto = _stage("FROM one", (), 2, 7)
    beside = _stage("FROM busybox", ("one",), 2, 7)
    return st.one_of(one, one, st.tuples(first, onto).map("".join), st.tuples(first, beside).map("".join))


def contexts() -> st.SearchStrategy[Files]:
    """Nested directories, some with odd modes, and now and then links."""
    modes = st.dictionaries(
        st.sampled_from(("sub", "sub/deep", "other", "empty", "a.txt", "sub/c.txt", "run")),
        st.sampled_from((0o700, 0o755, 0o711, 0o600, 0o644, 0o4755)),
        max_size=3,
    ).map(
        lambda found: {
            p: m | 0o700 if p in ("sub", "sub/deep", "other", "empty") else m for p, m in found.items()
        }
    )
    links = st.sampled_from(
        ({}, {}, {}, {}, {"l": "a.txt"}, {"dl": "sub"}, {"l": "/d/f", "other/l": "a.txt"})
    )
    texts = {
        "a.txt": "one\ntwo\n",
        "b.txt": "bee\n",
        "run": "#!/bin/sh\necho run\n",
        "sub/c.txt": "sea\n",
        "sub/deep/h": "deep\n",
        "sub/f": "subf\n",
        "other/a.txt": "other a\n",
        "other/hello": "#!/bin/sh\necho hello\n",
    }
    return st.tuples(modes, links).map(
        lambda t: Files(
            texts=texts, modes={"empty": 0o755, "run": 0o755, "other/hello": 0o755, **t[0]}, links=t[1]
        )
    )


@dataclass(frozen=True)
class RandomCosts:
    """Seconds and commits that depend on an instruction's text alone: any order may be the best."""

    seed: int
    commits: Commits = field(default_factory=lambda: Commits(paths=(frozenset(),) * BITS))

    def seconds(self, step: Step) -> tuple[float, bool]:
        return float(self._dice(step) % 97), True

    def of(self, _subject: Subject) -> RandomCosts:
        return self

    def item(self, step: Step) -> Item:
        bits = (self._dice(step) >> 8) % (1 << BITS)
        return Item(seconds=self.seconds(step)[0], changes=bits & (self._dice(step) >> 16))

    def before(self, _stage: int) -> int:
        return 0

    def _dice(self, step: Step) -> int:
        return zlib.crc32(f"{self.seed} {step.instruction.text}".encode())


@dataclass(frozen=True)
class Example:
    """A Dockerfile, its context, and the seed of its costs."""

    dockerfile: str
    context: Files
    seed: int

    def subject(self, text: str = "") -> Subject:
        return Subject(parse(text or self.dockerfile), self.context)

    def costs(self) -> Costs:
        return cast("Costs", RandomCosts(self.seed))


def examples() -> st.SearchStrategy[Example]:
    return st.builds(Example, dockerfiles(), contexts(), st.integers(0, 1000))
