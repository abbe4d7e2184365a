"""Changes to a Dockerfile's text. One that leaves the text as it is makes no sense for that family."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastbuild.request import BuildRequest
    from tests.live.predictions.project import Project

    Change = Callable[[Project], BuildRequest | None]

FROM = r"(?m)^FROM .*$"
SHELL_RUN = r"(?m)^RUN ((?!--|<<|exit).+)$"


def edit(change: Callable[[str], str]) -> Change:
    return lambda project: project.edited(change)


def swap(pattern: str, new: str, count: int = 1) -> Change:
    """Replace the first matches of a pattern (all for 0)."""
    return edit(lambda text: re.sub(pattern, new, text, count=count))


def last(pattern: str, new: str) -> Change:
    """Replace the last match."""

    def change(text: str) -> str:
        found = list(re.finditer(pattern, text))
        if not found:
            return text
        at = found[-1]
        return text[: at.start()] + at.expand(new) + text[at.end() :]

    return edit(change)


def after_from(line: str) -> Change:
    """A line after the first FROM."""
    return swap(FROM, r"\g<0>\n" + line.replace("\\", r"\\"))


def at_end(line: str) -> Change:
    return edit(lambda text: f"{text}{line}\n")


def without_last(text: str) -> str:
    """Without the last RUN."""
    found = list(re.finditer(r"(?m)^RUN (?!<<|exit).*\n", text))
    return text[: found[-1].start()] + text[found[-1].end() :] if found else text


def copies_exchanged(text: str) -> str:
    """The first two COPYs of local files, where they follow one another."""
    local = r"COPY (?!--from|--link --from|<<).*\n"
    return re.sub(rf"(?m)^({local})({local})", r"\2\1", text, count=1)


def stage_renamed(text: str) -> str:
    return re.sub(r"\bbuild\b(?!\.)", "made", text) if " AS build" in text else text


def continued(text: str) -> str:
    """The first RUN over two lines."""
    return re.sub(r"(?m)^RUN (?!--|<<)(\w+) ", r"RUN \1 \\\n", text, count=1)


def exec_form(text: str) -> str:
    """The last RUN as a list; with the default shell that is the same command."""
    found = list(re.finditer(SHELL_RUN, text))
    if not found:
        return text
    at = found[-1]
    command = at[1].replace("\\", "\\\\").replace('"', '\\"')
    return text[: at.start()] + f'RUN ["/bin/sh", "-c", "{command}"]' + text[at.end() :]


def lowered(text: str) -> str:
    return re.sub(r"(?m)^(FROM|RUN|COPY|ENV|ARG) ", lambda found: found[0].lower(), text)


def base_by_digest(project: Project) -> BuildRequest | None:
    name = f"busybox:{project.tag}"
    digest = project.world.digest(project.tag)
    return project.edited(lambda text: text.replace(name, f"{name}@{digest}"))


def base_named(tag: str) -> Change:
    return lambda project: project.edited(
        lambda text: text.replace(f"busybox:{project.tag}", f"busybox:{tag}")
    )


def base_moved(image: str) -> Change:
    """The text as it is, the tag at another image."""

    def change(project: Project) -> BuildRequest | None:
        names = [project.dockerfile.read_text(), *(source for _, source in project.request.build_contexts)]
        if not any(f"busybox:{project.tag}" in text for text in names):
            return None
        project.world.point(project.tag, image)
        return project.request

    return change


COPY = r"(?m)^(COPY|ADD) (?!--(?:from|link|parents|exclude|chmod|chown|checksum|unpack)|.*<<|http)"

CHANGES_OF_TEXT: dict[str, Change] = {
    "a comment": swap(r"(?m)^FROM", "# a comment\nFROM"),
    "a comment between steps": after_from("# a comment"),
    "blank lines": swap(FROM, r"\g<0>\n\n\n"),
    "blanks at the end of a line": last(SHELL_RUN, r"\g<0>   "),
    "blanks after a keyword": swap(r"(?m)^(COPY|RUN) ", r"\1    "),
    "keywords in lower case": edit(lowered),
    "CRLF": edit(lambda text: text if "<<" in text else text.replace("\n", "\r\n")),
    "a syntax directive's neighbour": edit(lambda text: f"# escape=\\\n{text}"),
    "a check directive": edit(lambda text: f"# check=skip=all\n{text}"),
    "a line continued": edit(continued),
    "blanks inside a command": swap(r"(?m)^(RUN (?!<<).*)(echo|cat|ls|id|pwd) ", r"\1\2  "),
    "the first command": swap(r"(?m)^(RUN (?!<<|exit).*)$", r"\1 ; true"),
    "the last command": last(r"(?m)^(RUN (?!<<|exit).*)$", r"\1 && true"),
    "a command's output": swap("echo one", "echo uno"),
    "a command with the same output": swap("echo one", "echo 'one'"),
    "a command added": at_end("RUN echo more > /more"),
    "a command inserted": after_from("RUN echo early > /tmp/early"),
    "a command that does nothing inserted": after_from("RUN true"),
    "a command removed": edit(without_last),
    "a command as a list": edit(exec_form),
    "a command as a heredoc": last(SHELL_RUN, r"RUN <<END\n\1\nEND"),
    "a heredoc's text": swap("(?m)^(echo one|text <b>)", r"\1 changed"),
    "a heredoc's name": edit(lambda text: text.replace("EOF", "STOP")),
    "a label": at_end("LABEL added=yes"),
    "a label in the middle": after_from("LABEL added=yes"),
    "a start command": at_end('CMD ["/bin/sh"]'),
    "an entry point": at_end('ENTRYPOINT ["/bin/sh"]'),
    "a port": after_from("EXPOSE 8080"),
    "a volume": at_end("VOLUME /data"),
    "a health check": at_end("HEALTHCHECK NONE"),
    "a stop signal": at_end("STOPSIGNAL SIGINT"),
    "a trigger": at_end("ONBUILD RUN echo later"),
    "a variable added": after_from("ENV ADDED=1"),
    "a variable added at the end": at_end("ENV ADDED=1"),
    "a variable that is the default": after_from(
        "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    ),
    "a variable's value": swap(r"(?m)^ENV A=1", "ENV A=2"),
    "variables in another order": swap(r'(?m)^ENV A=1 B="(.*)"$', r'ENV B="\1" A=1'),
    "a variable quoted": swap(r"(?m)^ENV A=1", 'ENV A="1"'),
    "a variable as an argument": swap(r"(?m)^ENV C=", "ARG C="),
    "an argument's default": swap(r"(?m)^(ARG (?:ONE|THREE))=\d", r"\1=9"),
    "an argument without a value": after_from("ARG NOTHING"),
    "an argument with a value": after_from("ARG SOMETHING=1"),
    "an argument at the top": edit(lambda text: f"ARG UNUSED=1\n{text}"),
    "an argument of the platform": after_from("ARG TARGETARCH"),
    "a working directory": after_from("WORKDIR /inserted"),
    "a working directory that is the default": after_from("WORKDIR /"),
    "a working directory's name": swap(r"(?m)^WORKDIR (/\w+)", r"WORKDIR \g<1>2"),
    "a user": after_from("USER 0:0"),
    "a user at the end": at_end("USER 1000"),
    "the default shell": after_from('SHELL ["/bin/sh", "-c"]'),
    "another shell": after_from('SHELL ["/bin/sh", "-uc"]'),
    "a stage renamed": edit(stage_renamed),
    "a stage never used": edit(
        lambda text: re.sub(FROM, r"FROM scratch AS never\nCOPY a.txt /\n\g<0>", text, count=1)
    ),
    "a stage with a name": last(r"(?m)^FROM (\S+)$", r"FROM \1 AS named"),
    "COPY turned into ADD": swap(COPY + r"(?!e\.tar)", "ADD "),
    "COPY as root": swap(COPY, r"\1 --chown=0:0 "),
    "COPY with an owner": swap(COPY, r"\1 --chown=12:34 "),
    "COPY with an owner's name": swap(COPY, r"\1 --chown=root:root "),
    "COPY with a mode": swap(COPY, r"\1 --chmod=640 "),
    "COPY with a mode in letters": swap(COPY, r"\1 --chmod=go-w "),
    "COPY linked": swap(COPY, r"\1 --link "),
    "every COPY linked": swap(COPY, r"\1 --link ", 0),
    "COPY with parents": swap(COPY + r"(?=src)(?<!ADD )", r"\1 --parents "),
    "COPY with an exclusion": swap(COPY, r"\1 --exclude=*.py "),
    "COPY with an exclusion without effect": swap(COPY, r"\1 --exclude=not-there "),
    "COPY from ./": swap(r"(?m)^(COPY|ADD) (a\.txt|src|run\.sh)", r"\1 ./\2"),
    "COPY of src/": swap(r"(?m)^(COPY|ADD)((?: --\S+)*) src ", r"\1\2 src/ "),
    "COPY to another place": swap(r"(?m)^((?:COPY|ADD) (?:.* )?/)(\w+)$", r"\1new-\2"),
    "COPY by a pattern": swap(r"(?m)^(COPY|ADD) a\.txt", r"\1 a.tx?"),
    "COPY of one more file": swap(r"(?m)^(COPY) (a\.txt) /(\w+)$", r"\1 \2 notes.md /\3/"),
    "COPYs exchanged": edit(copies_exchanged),
    "a cache mount": last(SHELL_RUN, r"RUN --mount=type=cache,target=/k \1"),
    "a cache mount's sharing": swap("sharing=locked", "sharing=private"),
    "a cache mount's name": swap("id=mine", "id=other"),
    "a cache mount's default name": swap("id=/d", "id=/e"),
    "a cache mount's target": swap("target=/d", "target=/e"),
    "a tmpfs mount": last(SHELL_RUN, r"RUN --mount=type=tmpfs,target=/k \1"),
    "a tmpfs mount's size": swap("type=tmpfs,target=/t", "type=tmpfs,size=1m,target=/t"),
    "a secret mount": last(SHELL_RUN, r"RUN --mount=type=secret,id=new \1"),
    "a secret mount's target": swap("id=absent", "id=absent,target=/k"),
    "an ssh mount": last(SHELL_RUN, r"RUN --mount=type=ssh \1"),
    "a bind mount": last(SHELL_RUN, r"RUN --mount=source=src,target=/k \1"),
    "a bind mount of a file": last(SHELL_RUN, r"RUN --mount=source=a.txt,target=/k \1"),
    "a bind mount that may be written": swap("source=src,target=/src", "source=src,target=/src,rw"),
    "a bind mount of an image": last(SHELL_RUN, r"RUN --mount=from=busybox:stable,source=/bin,target=/k \1"),
    "no network for a command": last(SHELL_RUN, r"RUN --network=none \1"),
    "the default network for a command": last(SHELL_RUN, r"RUN --network=default \1"),
    "the platform named": swap(
        r"(?m)^FROM (?!--|scratch|build|next|base|ground)", "FROM --platform=linux/amd64 "
    ),
    "base by digest": base_by_digest,
    "same base under another tag": base_named("stable"),
    "another base": base_named("other"),
    "base moved": base_moved("other"),
    "base moved, layers equal": base_moved("relabelled"),
}
