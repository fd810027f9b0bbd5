"""Events of sessions, for metrics and alerts: never with a token in them.

>>> events = SessionEvents(lambda event: print(event.kind, event.subject, event.reason))
>>> events.tell("refreshed", subject="user-1", session_id="s1")
refreshed user-1 refreshed

Each event goes to the `jwtguard` logger and to the application's `on_event`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from jwtguard.core.logs import LogEvent, log_fields

logger = logging.getLogger("jwtguard")

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
            _shown(subject),
            _shown(session_id),
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


def _shown(text: str | None) -> str:
    """A name for the log: it was signed by us, and may still be anything that the application chose."""
    return "-" if text is None else ascii(text)[:64]
