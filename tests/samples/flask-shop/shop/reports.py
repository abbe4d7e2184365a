"""A spreadsheet of orders."""

from openpyxl import Workbook


def report(rows: list[tuple[str, int, int]]) -> Workbook:
    book = Workbook()
    sheet = book.active
    sheet.append(["product", "amount", "cents"])
    for row in rows:
        sheet.append(list(row))
    return book
