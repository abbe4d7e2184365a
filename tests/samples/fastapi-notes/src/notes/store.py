"""Notes in memory."""

from notes.schema import NewNote, Note
from notes.tags import normalised


class Store:
    def __init__(self) -> None:
        self._notes: dict[int, Note] = {}

    def all(self) -> list[Note]:
        return list(self._notes.values())

    def get(self, number: int) -> Note | None:
        return self._notes.get(number)

    def add(self, new: NewNote) -> Note:
        number = len(self._notes) + 1
        note = Note(number=number, text=new.text, tags=normalised(new.tags))
        self._notes[number] = note
        return note
