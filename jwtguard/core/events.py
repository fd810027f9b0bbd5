"""What happened, for people, programs and alerts: the events of a guard and of sessions, and the records of the log.

>>> Event(outcome="accepted", reason="accepted", subject="user-1", actor="agent-7").actor
'agent-7'
>>> events = SessionEvents(lambda event: print(event.kind, event.subject, event.reason))
>>> events.tell("refreshed", subject="user-1", session_id="s1")
refreshed user-1 refreshed
>>> log_fields("refused", reason="expired")
{'jwtguard_event': 'refused', 'jwtguard_reason': 'expired'}

No event and no record holds a token. The fields of `log_fields` become attributes of the `LogRecord`: their names are
stable, while the sentences may change.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import is_async

logger = logging.getLogger("jwtguard")

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
    "resource_mounted",
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
    actor: str | None = None,
    source: str | None = None,
    callback: str | None = None,
) -> dict[str, object]:
    """The `extra` of a log record.

    `reason` is the stable word of an error; `actor` acts for the subject; `source` is where keys come from, or a store;
    `callback` is the function of the application that raised.
    """
    given = {"reason": reason, "subject": subject, "session_id": session_id, "actor": actor}
    given |= {"source": source, "callback": callback}
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


# Events of a guard.

E = TypeVar("E")
Outcome: TypeAlias = Literal["accepted", "refused", "unavailable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One decision: about the token, and then, if its bearer may not pass, about what it was wanted for.

    So a request whose token is good and whose role is missing tells `accepted` and then `refused`. `reason` is the
    stable word of the error, or `accepted`; `missing` are the parts of a requirement that the caller lacks.

    Subject, issuer and session are only told of a token that was verified. `client` is the address that the server saw,
    which may be a proxy's, for limits of rates; None where there is no request (`guard.verify`, look-ups of an open
    connection). `actor` is the `sub` of the current actor of a delegated token, else its `client_id` (RFC 8693 §4.1).
    """

    outcome: Outcome
    reason: str
    subject: str | None = None
    issuer: str | None = None
    session_id: str | None = None
    client: str | None = None
    actor: str | None = None
    missing: tuple[str, ...] = field(default=(), compare=False)  # It explains `reason`, and is no decision of its own.


def fan_out(*functions: Callable[[E], object]) -> Callable[[E], None]:
    """One `on_event` of several, for a guard or for sessions; one that raises keeps nothing from the others.

    >>> both = fan_out(lambda event: print("count", event.reason), lambda event: print("alert", event.reason))
    >>> both(Event(outcome="refused", reason="expired"))
    count expired
    alert expired

    Raises `ConfigurationError` for an async function, which would never be awaited.
    """
    if not all(callable(function) and not is_async(function) for function in functions):
        raise ConfigurationError("fan_out takes functions that are not async: one may put the event into a queue")

    def tell(event: E) -> None:
        for function in functions:
            try:
                function(event)
            except Exception:
                fields = log_fields("callback_raised", callback="on_event")
                logger.exception("on_event raised; the request goes on", extra=fields)

    return tell


# Events of sessions.

EventKind: TypeAlias = Literal[
    "started", "refreshed", "replayed", "reuse_detected", "future_generation", "credentials_changed", "ended", "refused"
]
_LOG_EVENTS: dict[EventKind, LogEvent] = {
    "started": "session_started",
    "refreshed": "session_refreshed",
    "replayed": "session_replayed",
    "reuse_detected": "session_reuse_detected",
    "future_generation": "session_future_generation",
    "credentials_changed": "session_credentials_changed",
    "ended": "session_ended",
    "refused": "session_refused",
}
_ALARMING = frozenset({"reuse_detected", "future_generation"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """One event. `session_id` is None where all sessions of the subject are meant; both are None for garbage.

    `reason` is a stable word: the `reason` of the error for what was refused, the kind itself where it says enough.
    """

    kind: EventKind
    subject: str | None
    session_id: str | None
    reason: str


class SessionEvents:
    """Tells the log and, if there is one, the function `on_event` of the application."""

    __slots__ = ("_on_event",)

    def __init__(self, on_event: Callable[[SessionEvent], object] | None = None) -> None:
        self._on_event = on_event

    def tell(
        self, kind: EventKind, *, subject: str | None = None, session_id: str | None = None, reason: str | None = None
    ) -> None:
        """Tell of one event; never raises. `reason` is the kind itself unless given."""
        event = SessionEvent(kind=kind, subject=subject, session_id=session_id, reason=reason or kind)
        level = logging.WARNING if kind in _ALARMING else logging.INFO
        logger.log(
            level,
            "session %s: subject=%s sid=%s reason=%s",
            kind,
            "-" if subject is None else quoted(subject),
            "-" if session_id is None else quoted(session_id),
            event.reason,
            extra=log_fields(_LOG_EVENTS[kind], reason=event.reason, subject=subject, session_id=session_id),
        )
        if self._on_event is not None:
            try:
                self._on_event(event)
            except Exception:
                # An exception of a listener must not change the outcome.
                logger.exception(
                    "on_event raised; the request goes on", extra=log_fields("callback_raised", callback="on_event")
                )
