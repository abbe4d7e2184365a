"""Many feeds at once."""

import anyio
import httpx

from worker.feeds import entries
from worker.store import Store


async def fetch_all(urls: list[str]) -> None:
    store = Store()
    async with httpx.AsyncClient() as client, anyio.create_task_group() as group:
        for url in urls:
            group.start_soon(fetch, client, url, store)


async def fetch(client: httpx.AsyncClient, url: str, store: Store) -> None:
    answer = await client.get(url)
    for entry in entries(answer.text):
        store.add(entry)
