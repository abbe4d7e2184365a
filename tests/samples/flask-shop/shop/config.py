"""Settings from the environment."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    database: str = "sqlite://"
    currency: str = "EUR"

    @classmethod
    def from_environ(cls) -> "Config":
        return cls(os.environ.get("DATABASE_URL", "sqlite://"), os.environ.get("CURRENCY", "EUR"))
