"""What a customer is about to buy."""

from dataclasses import dataclass, field

from shop.prices import discounted, total


@dataclass
class Basket:
    lines: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, product: int, cents: int, amount: int = 1) -> None:
        _, before = self.lines.get(product, (cents, 0))
        self.lines[product] = (cents, before + amount)

    def cents(self, percent_off: int = 0) -> int:
        return discounted(total(list(self.lines.values())), percent_off)
