"""What goes over the wire."""

from pydantic import BaseModel, Field


class NewNote(BaseModel):
    text: str = Field(max_length=500)
    tags: list[str] = []


class Note(NewNote):
    number: int
