"""From a feed's text to entries."""

import feedparser

from worker.entry import Entry


def entries(text: str) -> list[Entry]:
    return [Entry(title=item.title, link=item.link) for item in feedparser.parse(text).entries]
