"""Times as Go writes them into JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)


def unix_seconds(text: object) -> float | None:
    """Seconds since 1970 of an RFC 3339 time; None for Go's zero time (year 1), null and absence.

    Raises ValueError for anything else, as Go's encoding/json does.
    """
    if text is None:
        return None
    match = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("no RFC 3339 time")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, hours, minutes = match.groups()[6:]
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    zone = timezone(-ahead if sign == "-" else ahead) if ahead else UTC
    moment = datetime(year or 1, month, day, hour, minute, second, tzinfo=zone)
    if year <= 1:
        return None
    return moment.timestamp() + float(f"0.{(fraction or '0')[:9]}")
