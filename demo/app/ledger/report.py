"""Revenue by week: as a table, a chart and a workbook."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import matplotlib as mpl
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ledger.orders import Order

mpl.use("Agg")


def weekly(orders: Sequence[Order]) -> pd.DataFrame:
    """One row for each week from the first to the last order; weeks without orders are 0."""
    if not orders:
        return pd.DataFrame({"orders": [], "revenue": []}, index=pd.DatetimeIndex([], name="week"))
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime([order.day for order in orders]),
            "revenue": [float(order.amount) for order in orders],
        }
    ).set_index("day")
    weeks = frame["revenue"].resample("W-MON", label="left", closed="left")
    table = pd.DataFrame({"orders": weeks.count(), "revenue": weeks.sum().round(2)})
    table.index.name = "week"
    return table


def best_customers(orders: Sequence[Order], count: int = 5) -> list[tuple[str, float]]:
    """The customers with the highest revenue, highest first."""
    if not orders:
        return []
    series = pd.Series(
        [float(order.amount) for order in orders], index=[order.customer for order in orders]
    )
    top = series.groupby(level=0).sum().sort_values(ascending=False).head(count)
    return [(str(name), round(float(value), 2)) for name, value in top.items()]


def chart(table: pd.DataFrame) -> bytes:
    """A PNG with one bar for each week."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    axes.bar([f"{week:%d %b}" for week in table.index], table["revenue"].tolist())
    axes.set_ylabel("revenue")
    axes.tick_params(axis="x", rotation=45)
    output = io.BytesIO()
    figure.savefig(output, format="png")
    return output.getvalue()


def workbook(table: pd.DataFrame) -> bytes:
    """The table as an Excel file."""
    output = io.BytesIO()
    table.to_excel(output, sheet_name="weeks")
    return output.getvalue()
