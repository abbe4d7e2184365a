"""How amounts are shown."""

from babel.numbers import format_currency


def money(cents: int, currency: str = "EUR", locale: str = "en_GB") -> str:
    return format_currency(cents / 100, currency, locale=locale)
