"""The database."""

from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session

from shop.models import Order, Product, Table


class Storage:
    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        Table.metadata.create_all(self._engine)

    def products(self) -> list[Product]:
        with Session(self._engine) as session:
            return list(session.scalars(select(Product).order_by(Product.name)))

    def order(self, product: int, amount: int) -> None:
        with Session(self._engine) as session, session.begin():
            session.add(Order(product_id=product, amount=amount))
