"""What happened to a session, for whoever counts or alerts: never with a token in it.

>>> SessionEvent(kind="refreshed", subject="user-1", session_id="s1", reason="refreshed").kind
'refreshed'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

EventKind: TypeAlias = Literal["started", "refreshed", "replayed", "reuse_detected", "future_turn", "ended", "refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """One event. `session_id` is None where all sessions of the subject are meant; both are None for garbage."""

    kind: EventKind
    subject: str | None
    session_id: str | None
    reason: str
