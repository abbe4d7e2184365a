"""What was seen before."""

import os

import redis

from worker.entry import Entry


class Store:
    def __init__(self) -> None:
        self._redis = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://localhost"))

    def add(self, entry: Entry) -> bool:
        return bool(self._redis.sadd("entries", entry.link))
