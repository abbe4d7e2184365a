"""Answers in SQLite."""

import aiosqlite

SCHEMA = "create table if not exists answers (score integer)"


class Answers:
    def __init__(self, path: str = "answers.db") -> None:
        self._path = path

    async def add(self, score: int) -> None:
        async with aiosqlite.connect(self._path) as database:
            await database.execute(SCHEMA)
            await database.execute("insert into answers values (?)", (score,))
            await database.commit()

    async def scores(self) -> dict[str, int]:
        async with aiosqlite.connect(self._path) as database:
            await database.execute(SCHEMA)
            rows = await database.execute_fetchall("select score, count(*) from answers group by score")
        return {str(score): count for score, count in rows}
