"""Text of an entry without markup."""

from lxml import html


def text(markup: str) -> str:
    return str(html.fromstring(markup).text_content())
