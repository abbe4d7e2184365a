"""The ledger is a list of entries in YAML."""

from pathlib import Path

import yaml

from invoices.entry import Entry


def load(path: Path) -> list[Entry]:
    return [Entry(**item) for item in yaml.safe_load(path.read_text())]
