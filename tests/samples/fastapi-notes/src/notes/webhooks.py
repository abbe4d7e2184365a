"""Tell another service about a new note."""

import httpx

from notes.schema import Note


def announce(url: str, note: Note) -> int:
    return httpx.post(url, json=note.model_dump(), timeout=5).status_code
