"""Times as people read them: a date in UTC, and how far it is from now.

>>> moment(1_800_000_240, now=1_800_000_000)
'2027-01-15 08:04:00 UTC (in 4 min)'
>>> moment(1_800_000_000_000, now=1_800_000_000)
'1800000000000 (no date: milliseconds?)'
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from jwtguard.core.tokens.claims_policy import MAX_NUMERIC_DATE

_UNITS = (("days", 86400), ("h", 3600), ("min", 60), ("s", 1))
DATES = ("exp", "nbf", "iat", "auth_time", "updated_at")
"""Claims that are dates (RFC 7519 §4.1, OpenID Connect Core §2 and §5.1)."""


def span(seconds: float) -> str:
    """A length of time in its largest unit that fits twice, or in whole seconds."""
    length = abs(seconds)
    name, size = next((unit for unit in _UNITS if length >= 2 * unit[1] or length == unit[1]), _UNITS[-1])
    number = int(length // size)
    return f"{number} {'day' if name == 'days' and number == 1 else name}"


def distance(then: float, now: float) -> str:
    """How far `then` is from `now`: "in 4 min", "2 h ago"."""
    if abs(then - now) < 1:
        return "now"
    return f"in {span(then - now)}" if then > now else f"{span(then - now)} ago"


def moment(value: object, *, now: float) -> str:
    """A date of a token (RFC 7519 §2), both in seconds since the epoch; what is no date is shown as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{json.dumps(value, ensure_ascii=False)[:64]} (no number)"
    if not 0 <= value <= MAX_NUMERIC_DATE:
        milliseconds = 0 <= value / 1000 <= MAX_NUMERIC_DATE
        return f"{value} (no date{': milliseconds?' if milliseconds else ''})"
    return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC ({distance(value, now)})"
