"""Commands for people and for the image build."""

from __future__ import annotations

from pathlib import Path

import click

from ledger.assets import collect
from ledger.orders import read_orders
from ledger.store import Store


@click.group()
def main() -> None:
    """Manage a ledger."""


@main.command("collect-assets")
def collect_assets() -> None:
    """Copy static files under names that change with their content."""
    static = Path(__file__).parent / "ledger" / "static"
    for name, hashed in collect(static, static / "dist").items():
        click.echo(f"{name} -> {hashed}")


@main.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
def import_orders(path: Path) -> None:
    """Read orders from a CSV file."""
    count = Store().add(read_orders(path.read_text()))
    click.echo(f"{count} orders added")


if __name__ == "__main__":
    main()
