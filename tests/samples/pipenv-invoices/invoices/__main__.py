"""``python -m invoices LEDGER TARGET``."""

from pathlib import Path

import click

from invoices.ledger import load
from invoices.page import write
from invoices.totals import totals


@click.command()
@click.argument("ledger", type=click.Path(exists=True, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def main(ledger: Path, target: Path) -> None:
    for customer, cents in totals(load(ledger)).items():
        write(target / f"{customer}.pdf", customer, cents)
        click.echo(f"{customer}: {cents / 100:.2f}")


if __name__ == "__main__":
    main()
