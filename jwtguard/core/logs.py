"""What the `jwtguard` logger says, as fields beside the sentence, for programs that read logs.

>>> log_fields("refused", reason="expired")
{'jwtguard_event': 'refused', 'jwtguard_reason': 'expired'}

They become attributes of the `LogRecord`. Names are stable; sentences are for people, and may change.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Literal, TypeAlias

LogEvent: TypeAlias = Literal[
    "refused",
    "unavailable",
    "session_started",
    "session_refreshed",
    "session_replayed",
    "session_reuse_detected",
    "session_future_generation",
    "session_credentials_changed",
    "session_ended",
    "session_refused",
    "route_refused",
    "renewal_failed",
    "keys_not_fetched",
    "keys_skipped",
    "too_many_keys",
    "introspection_failed",
    "signing_keys_not_read",
    "store_unavailable",
    "housekeeping_failed",
    "callback_raised",
    "socket_not_checked",
    "unforeseen",
]

MAX_VALUE = 64
"""Characters: a subject may be anything that an application chose."""


def log_fields(
    event: LogEvent,
    *,
    reason: str | None = None,
    subject: str | None = None,
    session_id: str | None = None,
    source: str | None = None,
    callback: str | None = None,
) -> dict[str, object]:
    """The `extra` of a log record.

    `reason` is the stable word of an error; `source` is where keys come from, or a store; `callback` is the function of
    the application that raised.
    """
    given = {"reason": reason, "subject": subject, "session_id": session_id, "source": source, "callback": callback}
    fields: dict[str, object] = {"jwtguard_event": event}
    return fields | {f"jwtguard_{name}": escaped(value) for name, value in given.items() if value is not None}


IN_DEVELOPMENT: ContextVar[bool] = ContextVar("jwtguard_in_development", default=False)
"""Whether the request at hand is one of an application in debug mode, for adapters that see it in the request alone."""
_ASKED: list[Callable[[], bool]] = []


def ask_for_development(function: Callable[[], bool]) -> None:
    """Let an adapter say whether the application at hand is in debug mode; it is asked at refusals alone."""
    _ASKED.append(function)


def refusal_level() -> int:
    """The level of a refusal: INFO, and in development WARNING, which a terminal shows without any configuration.

    Development is the debug mode of the application (`app.debug`, Django's `DEBUG`), or `JWTGUARD_DEBUG=1` in the
    environment.
    """
    is_asked_for = os.environ.get("JWTGUARD_DEBUG") == "1" or IN_DEVELOPMENT.get()
    return logging.WARNING if is_asked_for or any(function() for function in _ASKED) else logging.INFO


def refusal_text(reason: str, *, missing: Iterable[str] = (), hint: str | None = None) -> str:
    """What a line of the log says of a refusal.

    >>> refusal_text("insufficient_scope", missing=["has_role('admin')"])
    "reason=insufficient_scope missing=has_role('admin')"
    """
    lacking = ",".join(escaped(part) for part in missing)
    return f"reason={reason}" + (f" missing={lacking}" if lacking else "") + (f" ({hint})" if hint else "")


def escaped(value: str) -> str:
    """`value` as messages may show it: in ASCII, without control characters, and at most 64 characters of it.

    For text from elsewhere, so that no value makes a line of its own or changes the terminal that shows it.
    """
    return ascii(value)[1:-1][:MAX_VALUE] if not (value.isascii() and value.isprintable()) else value[:MAX_VALUE]


def quoted(value: object) -> str:
    """`escaped` in quotation marks for a string; for anything else the same of its `repr`.

    >>> quoted("sig"), quoted(["sig"])
    ("'sig'", "['sig']")
    """
    return f"'{escaped(value)}'" if isinstance(value, str) else escaped(repr(value))
