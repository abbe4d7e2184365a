"""Notes about images, and when an image is checked; the registry's part is tried in live/test_skip*."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastbuild.cache.kept_images import NOTE_TYPE, Note, note_manifest, read_note
from fastbuild.cache.objects_api import CacheReadError
from fastbuild.cache.registry_client import Answer
from fastbuild.pipeline.skip_check import is_due

IMAGE = "sha256:" + "a" * 64


class Shelf:
    """A registry that gives one answer."""

    def __init__(self, text: bytes, status: int = 200) -> None:
        self.answer = Answer(status=status, url="", headers={}, body=text)

    def ask(self, *_: object, **__: object) -> Answer:
        return self.answer


def read(manifest: object, status: int = 200) -> Note | None:
    shelf: Any = Shelf(json.dumps(manifest).encode(), status)
    return read_note(shelf, "fastbuild-0")


def test_a_note_is_read_as_it_was_written() -> None:
    for note in (
        Note(image=IMAGE, build="b", commit="c", metadata='{"a": "é"}', checked="d"),
        Note(image=IMAGE),
        Note(off="they differ"),
    ):
        found = read(note_manifest(note))
        assert found is not None
        assert (found.image, found.build, found.commit, found.checked, found.off) == (
            note.image,
            note.build,
            note.commit,
            note.checked,
            note.off,
        )
        assert found.metadata == note.metadata


def test_no_note_is_none() -> None:
    assert read({}, 404) is None


@pytest.mark.parametrize(
    "change",
    [
        {"artifactType": "application/other"},
        {"annotations": None},
        {"annotations": {"fastbuild.image": "sha256:short"}},
        {"annotations": {"fastbuild.image": IMAGE, "fastbuild.build": 1}},
        {"annotations": {}},
    ],
    ids=str,
)
def test_something_else_under_the_tag_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(CacheReadError, match="fastbuild-0"):
        read({**note_manifest(Note(image=IMAGE)), **change})


def test_the_type_of_notes_is_fixed() -> None:
    """Notes of earlier versions must be found."""
    assert NOTE_TYPE == "application/vnd.fastbuild.image-note.v1"


def test_one_fingerprint_in_so_many_is_checked() -> None:
    prints = [f"{number * 2654435761 % 2**48:012x}{'0' * 52}" for number in range(2000)]
    assert sum(is_due(it, 20) for it in prints) in range(60, 140)
    assert all(is_due(it, 1) for it in prints)
    assert not any(is_due(it, 0) for it in prints)
