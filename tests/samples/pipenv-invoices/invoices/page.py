"""One page per invoice."""

from pathlib import Path

from fpdf import FPDF
from jinja2 import Template

LINE = Template("{{ customer }}: {{ amount }}")


def write(path: Path, customer: str, cents: int) -> None:
    page = FPDF()
    page.add_page()
    page.set_font("helvetica", size=12)
    page.cell(text=LINE.render(customer=customer, amount=f"{cents / 100:.2f}"))
    page.output(str(path))
