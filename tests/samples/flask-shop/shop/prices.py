"""Money in cents."""


def discounted(cents: int, percent: int) -> int:
    """Rounded down, in favour of the customer."""
    return cents * (100 - percent) // 100


def total(lines: list[tuple[int, int]]) -> int:
    """Of (cents, amount) pairs."""
    return sum(cents * amount for cents, amount in lines)
