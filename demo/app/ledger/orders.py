"""Orders as they arrive: a CSV file checked row by row."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class BadOrders(ValueError):
    """The file can't be used; the message names the line."""


class Order(BaseModel):
    """One line of an order list."""

    model_config = ConfigDict(frozen=True, str_strip_whitespace=True)

    number: str = Field(min_length=1)
    day: dt.date
    customer: str = Field(min_length=1)
    amount: Decimal = Field(gt=0, decimal_places=2)


def read_orders(text: str) -> list[Order]:
    """All orders of a CSV text with the columns number, day, customer, amount."""
    orders = []
    for line, row in enumerate(csv.DictReader(io.StringIO(text)), start=2):
        try:
            orders.append(Order.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            msg = f"line {line}: {first['loc'][0]}: {first['msg']}"
            raise BadOrders(msg) from error
    return orders
