"""What an event tells."""

from __future__ import annotations

import dataclasses

import pytest

from jwtguard.core.events import Event


def test_event_has_no_room_for_a_token() -> None:
    """Outcome, reason and address, of a verified token the four names, and what a requirement asks for; no more."""
    names = [field.name for field in dataclasses.fields(Event)]
    assert names == ["outcome", "reason", "subject", "issuer", "session_id", "client", "actor", "missing"]


def test_event_is_a_value() -> None:
    """Equal events are equal, and read-only."""
    event = Event(outcome="refused", reason="expired")
    assert event == Event(outcome="refused", reason="expired", subject=None, issuer=None, session_id=None)
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.reason = "other"  # type: ignore[misc]
