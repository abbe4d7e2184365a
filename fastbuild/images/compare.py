"""What differs between two images: files, and the part of the configuration that a container sees.

Not compared: times, the history, the layers' digests and the date of making.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastbuild.images.archive import Image
    from fastbuild.images.entries import Entry

CONFIG_KEYS = (
    "User",
    "ExposedPorts",
    "Entrypoint",
    "Cmd",
    "Volumes",
    "WorkingDir",
    "StopSignal",
    "Healthcheck",
    "Shell",
    "OnBuild",
    "ArgsEscaped",
)
"""Keys of the configuration's `config` (image-spec, config.md; the last four are docker's)."""
TOP_KEYS = ("os", "architecture", "variant")
ABSENT = "(nothing)"
LONGEST = 200
"""Characters of a value that is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that is not equal. `path` is empty for configuration; `what` names the thing.

    `a` and `b` are both sides as text; `step` is the instruction that wrote `path`, where it is known.
    """

    path: str
    what: str
    a: str
    b: str
    step: str = ""

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else "configuration: "
        return f"{where}{self.what}: {self.a} → {self.b}"


def differences(a: Image, b: Image) -> tuple[Difference, ...]:
    """All that differs between two images of one platform: configuration first, then files by path."""
    return (*config_differences(a.config, b.config), *file_differences(a, b))


def file_differences(a: Image, b: Image) -> Iterator[Difference]:
    """What differs between the files of two images, by path."""
    for path in sorted(a.files.keys() | b.files.keys()):
        left, right = a.files.get(path), b.files.get(path)
        step = (b if right else a).step_of(path)
        if left is None or right is None:
            yield Difference(path=path, what="entry", a=_kind(left), b=_kind(right), step=step)
        elif left != right:
            one, other = aspects(left), aspects(right)
            for what in unequal(one, other):
                yield Difference(
                    path=path, what=what, a=shown(one.get(what)), b=shown(other.get(what)), step=step
                )


def aspects(entry: Entry) -> dict[str, object]:
    """The things about an entry that can differ, by name."""
    return {
        "kind": str(entry.kind),
        "mode": f"{entry.mode:04o}",
        "owner": f"{entry.uid}:{entry.gid}",
        "content": f"{entry.size} bytes, sha256 {entry.digest}" if entry.digest else None,
        "target": entry.target or None,
        "device": entry.device if any(entry.device) else None,
        "extended attributes": dict(entry.xattrs) or None,
        "hard links": entry.links or None,
    }


def unequal(a: Mapping[str, object], b: Mapping[str, object]) -> tuple[str, ...]:
    """The keys whose values differ; a missing key counts as None."""
    return tuple(key for key in dict.fromkeys((*a, *b)) if a.get(key) != b.get(key))


def config_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    """What differs between two image configurations, as far as a container can tell."""
    one, other = settings(a), settings(b)
    for what in unequal(one, other):
        yield Difference(path="", what=what, a=shown(one.get(what)), b=shown(other.get(what)))


def settings(config: Mapping[str, Any]) -> dict[str, object]:
    """The compared part of a configuration, flat: `Env PATH` → value. Empty values count as absent.

    Of a variable that is set twice the last one counts, as for runc.
    """
    inner = config.get("config") or {}
    found: dict[str, object] = {key: config.get(key) or None for key in TOP_KEYS}
    found |= {key: inner.get(key) or None for key in CONFIG_KEYS}
    for text in inner.get("Env") or ():
        name, _, value = str(text).partition("=")
        found[f"Env {name}"] = value
    found |= {f"Labels {name}": value for name, value in (inner.get("Labels") or {}).items()}
    return found


def shown(value: object) -> str:
    """A value for a person, of bounded length."""
    text = ABSENT if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _kind(entry: Entry | None) -> str:
    return ABSENT if entry is None else str(entry.kind)
