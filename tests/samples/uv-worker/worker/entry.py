"""One entry of a feed."""

from pydantic import BaseModel


class Entry(BaseModel):
    title: str
    link: str
