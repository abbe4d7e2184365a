"""Three images of one platform: what the rewrite changed, and what changes anyway.

Whatever is equal in both builds of the original must be equal in the rewrite. Whatever is not is noise,
and told; the rewrite's side of it is then held against both (see `alike`).
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fastbuild.hierarchy import ancestors
from fastbuild.images.compare import ABSENT, Difference, aspects, config_differences, settings, shown, unequal
from fastbuild.reorder.alike import Alike, alike, shape
from fastbuild.reorder.own import is_own

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from fastbuild.images.archive import Image

    Contents = Callable[[Collection[str], int], Mapping[str, bytes]]

NAMING = ("target", "hard links")
"""Aspects of an entry that hold paths, which may vary as names do."""
LARGEST = 64 << 20
"""Bytes of a noisy file that is looked into."""
LOOKED_INTO = 256 << 20
"""Bytes of all noisy files of one image that are looked into; they are held in memory."""


@dataclass(slots=True)
class Findings:
    """What was found, by path; `unexplained` is the noise whose content the samples don't explain.

    `unclear` holds sentences about things that are neither surely equal nor surely different.
    """

    differences: list[Difference] = field(default_factory=list)
    noise: set[str] = field(default_factory=set)
    unexplained: set[str] = field(default_factory=set)
    unclear: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """The original built twice and the rewrite, with functions that read files' contents of each."""

    one: Image
    two: Image
    new: Image
    read_one: Contents
    read_two: Contents
    read_new: Contents


Triple = tuple[str, str, str]
"""The paths of one thing in the three images; they differ where the name itself is noise."""


def judge(samples: Samples) -> Findings:
    """Compare the three images. Raises EngineError when an archive can't be read again."""
    found = Findings()
    _judge_config(samples, found)
    triples = [*_judge_common(samples, found), *_judge_names(samples, found)]
    _judge_contents(samples, triples, found)
    _pass_over_own(found)
    found.differences.sort(key=lambda difference: (difference.path, difference.what))
    return found


def _pass_over_own(found: Findings) -> None:
    """Differences in a tool's own logs are noise, even where both originals agree by chance."""
    own = {each.path for each in found.differences if is_own(each.path)}
    found.differences = [each for each in found.differences if each.path not in own]
    found.noise |= own
    found.unexplained |= own


def _judge_config(samples: Samples, found: Findings) -> None:
    one, two = settings(samples.one.config), settings(samples.two.config)
    moved = unequal(one, two)
    for what in moved:
        found.unclear.append(f"the configuration's {what} differs between two builds of the original")
    changed = config_differences(samples.one.config, samples.new.config)
    found.differences += [difference for difference in changed if difference.what not in moved]


def _judge_common(samples: Samples, found: Findings) -> Iterator[Triple]:
    """Paths that both originals have; yields those whose content is noise."""
    for path in samples.one.files.keys() & samples.two.files.keys():
        if path not in samples.new.files:
            found.differences.append(_entry_difference(samples.one, path, gone=True))
        elif _judge_entry((path, path, path), samples, found):
            yield path, path, path


def _judge_entry(paths: Triple, samples: Samples, found: Findings) -> bool:
    """Judge all but the content; true when the content is noise and has to be looked into."""
    one, two, new = samples.one.files[paths[0]], samples.two.files[paths[1]], samples.new.files[paths[2]]
    if one == two == new:
        return False
    first, second, other = aspects(one), aspects(two), aspects(new)
    noisy, path = unequal(first, second), paths[2]
    if noisy:
        found.noise.add(path)
    step = samples.new.step_of(path)
    found.differences += [
        Difference(path=path, what=what, a=shown(first[what]), b=shown(other[what]), step=step)
        for what in unequal(first, other)
        if what not in noisy
    ]
    is_file = bool(one.digest and two.digest and new.digest)
    for what in noisy:
        if what == "content" and is_file:
            continue
        if not _has_been_seen(what, first[what], second[what], other[what]):
            found.unclear.append(f"{path}: {what} varies between builds of the original, and again here")
    return "content" in noisy and is_file


def _has_been_seen(what: str, one: object, two: object, new: object) -> bool:
    """Whether a varying thing has one of its two known values, or, where it names paths, their form."""
    form = shape if what in NAMING else str
    return form(str(new)) in (form(str(one)), form(str(two)))


def _entry_difference(image: Image, path: str, *, gone: bool) -> Difference:
    kind, step = str(image.files[path].kind), image.step_of(path)
    a, b = (kind, ABSENT) if gone else (ABSENT, kind)
    return Difference(path=path, what="entry", a=a, b=b, step=step)


Group = tuple[str, str, str, str]


def _judge_names(samples: Samples, found: Findings) -> Iterator[Triple]:
    """Paths that not all three have; yields files that are one and the same but for a varying name."""
    common = samples.one.files.keys() & samples.two.files.keys()
    ones, twos, news = (_groups(image, common) for image in (samples.one, samples.two, samples.new))
    for group in ones.keys() | twos.keys() | news.keys():
        one, two, new = ones[group], twos[group], news[group]
        found.noise |= {*one, *two}
        if not (one or two):
            found.differences += [_entry_difference(samples.new, path, gone=False) for path in new]
            continue
        found.noise |= set(new)
        if one and two:
            if not min(len(one), len(two)) <= len(new) <= max(len(one), len(two)):
                found.unclear.append(_uncounted(one, two, new))
            elif len(one) == len(two) == len(new) == 1:
                if _judge_entry((one[0], two[0], new[0]), samples, found):
                    yield one[0], two[0], new[0]
            else:
                found.unexplained |= {path for path in new if not _is_known(path, one, two, samples)}
        elif not set(new) <= {*one, *two}:
            found.unclear.append(_uncounted(one, two, new))
        else:  # what one of two originals has, the rewrite may have as well
            original = samples.one if one else samples.two
            found.unexplained |= {p for p in new if samples.new.files[p] != original.files[p]}


def _uncounted(one: list[str], two: list[str], new: list[str]) -> str:
    example = [*new, *one, *two][0]
    return (
        f"{example}: its name seems to vary, but the originals have {len(one)} and {len(two)} such entries, "
        f"the rewrite {len(new)}"
    )


def _groups(image: Image, common: Collection[str]) -> defaultdict[Group, list[str]]:
    """The paths outside `common` by form, kind, mode and owner."""
    groups: defaultdict[Group, list[str]] = defaultdict(list)
    for path, entry in image.files.items():
        if path in common:
            continue
        literal = next((above for above in ancestors(path) if above in common), "/")
        rest = shape(path[len(literal) :].lstrip("/"))
        owner = f"{entry.uid}:{entry.gid}"
        groups[posixpath.join(literal, rest), str(entry.kind), f"{entry.mode:o}", owner].append(path)
    return groups


def _is_known(path: str, one: list[str], two: list[str], samples: Samples) -> bool:
    """Whether one of the entries with such a name is just like that of the rewrite in each original."""
    entry = samples.new.files[path]
    return any(samples.one.files[other] == entry for other in one) and any(
        samples.two.files[other] == entry for other in two
    )


def _judge_contents(samples: Samples, triples: list[Triple], found: Findings) -> None:
    within = list(_within_limits(samples, triples))
    found.unexplained |= {new for _, _, new in triples if new not in {chosen for _, _, chosen in within}}
    ones = samples.read_one([one for one, _, _ in within], LARGEST)
    twos = samples.read_two([two for _, two, _ in within], LARGEST)
    news = samples.read_new([new for _, _, new in within], LARGEST)
    for one, two, new in within:
        if one not in ones or two not in twos or new not in news:
            found.unexplained.add(new)
            continue
        match alike(ones[one], twos[two], news[new]):
            case Alike.BEYOND:
                found.differences.append(_beyond(samples, one, new))
            case Alike.UNKNOWN:
                found.unexplained.add(new)
            case Alike.EXPLAINED:
                pass


def _within_limits(samples: Samples, triples: list[Triple]) -> Iterator[Triple]:
    total = 0
    for one, two, new in sorted(triples, key=lambda triple: samples.new.files[triple[2]].size):
        images = ((samples.one, one), (samples.two, two), (samples.new, new))
        size = max(image.files[path].size for image, path in images)
        total += size
        if size <= LARGEST and total <= LOOKED_INTO:
            yield one, two, new


def _beyond(samples: Samples, one: str, new: str) -> Difference:
    return Difference(
        path=new,
        what="content, beyond numbers and names that vary",
        a=shown(aspects(samples.one.files[one])["content"]),
        b=shown(aspects(samples.new.files[new])["content"]),
        step=samples.new.step_of(new),
    )
