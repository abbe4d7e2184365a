"""Build records as JSON text; every field is documented in docs/reference/record.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from fastbuild.history import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastbuild.history import BuildRecord


def render(record: BuildRecord) -> str:
    """One record, indented; no trailing newline."""
    return record.to_json(indent=2)


def render_list(records: Iterable[BuildRecord]) -> str:
    """`{"version": 1, "builds": [record, …]}`, in the order given; no trailing newline."""
    builds = [json.loads(record.to_json()) for record in records]
    return json.dumps({"version": VERSION, "builds": builds}, indent=2)
