"""Routes."""

from fastapi import FastAPI, HTTPException

from notes.schema import NewNote, Note
from notes.store import Store

app = FastAPI(title="Notes")
store = Store()


@app.get("/notes")
def notes() -> list[Note]:
    return store.all()


@app.post("/notes", status_code=201)
def add(note: NewNote) -> Note:
    return store.add(note)


@app.get("/notes/{number}")
def one(number: int) -> Note:
    found = store.get(number)
    if found is None:
        raise HTTPException(404)
    return found
