"""Orders in a database."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Numeric, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from ledger.orders import Order

if TYPE_CHECKING:
    from collections.abc import Iterable


class Base(DeclarativeBase):
    """All tables."""


class OrderRow(Base):
    """One order; its number makes importing a file twice harmless."""

    __tablename__ = "orders"

    number: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[dt.date]
    customer: Mapped[str]
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 2))


class Store:
    """The only module that knows about SQL."""

    def __init__(self, url: str | None = None) -> None:
        self._engine = create_engine(
            url or os.environ.get("LEDGER_DATABASE", "sqlite:///ledger.db")
        )
        Base.metadata.create_all(self._engine)

    def add(self, orders: Iterable[Order]) -> int:
        """Add or replace; returns how many were given."""
        with Session(self._engine) as session, session.begin():
            rows = [OrderRow(**order.model_dump()) for order in orders]
            for row in rows:
                session.merge(row)
            return len(rows)

    def all(self) -> list[Order]:
        """Every order, oldest first."""
        with Session(self._engine) as session:
            rows = session.scalars(select(OrderRow).order_by(OrderRow.day, OrderRow.number))
            return [
                Order(number=row.number, day=row.day, customer=row.customer, amount=row.amount)
                for row in rows
            ]
