"""Fields beside the sentences of the log, and one `on_event` of several."""

from __future__ import annotations

import logging

import pytest

from jwtguard import ConfigurationError, Event, InvalidTokenError, fan_out
from jwtguard.core.events import log_fields
from tests.samples import guard, token


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("user-1", "user-1"),
        ("x" * 100, "x" * 64),
        ("a\nrefused: forged", "a\\nrefused: forged"),
        ("Zoë \x1b[31m", "Zo\\xeb \\x1b[31m"),
    ],
)
def test_values_are_harmless(subject: str, shown: str) -> None:
    """No value makes a line of its own, drives a terminal, or is endless."""
    assert log_fields("session_started", subject=subject)["jwtguard_subject"] == shown


def test_refusals_have_fields(caplog: pytest.LogCaptureFixture) -> None:
    """A refusal tells its reason; of a token that was verified, also whom it speaks for."""
    from jwtguard import SessionRevocation
    from jwtguard.stores.memory import MemoryStore

    asked = guard(revocation=SessionRevocation(MemoryStore()))
    with caplog.at_level(logging.INFO, "jwtguard"):
        for text in ("garbage", token("user-1", session_id="s-1")):
            with pytest.raises(InvalidTokenError):
                asked.verify(text).run()
    fields = [
        {name: value for name, value in vars(record).items() if name.startswith("jwtguard_")}
        for record in caplog.records
    ]
    assert fields == [
        {"jwtguard_event": "refused", "jwtguard_reason": "form"},
        {
            "jwtguard_event": "refused",
            "jwtguard_reason": "revoked",
            "jwtguard_subject": "user-1",
            "jwtguard_session_id": "s-1",
        },
    ]


def test_fan_out(caplog: pytest.LogCaptureFixture) -> None:
    """Each function is called, whatever one before it raised."""
    seen: list[str] = []

    def broken(event: Event) -> None:
        raise RuntimeError("broken")

    fan_out(broken, lambda event: seen.append(event.reason))(Event(outcome="refused", reason="expired"))
    assert seen == ["expired"]
    assert [vars(record)["jwtguard_event"] for record in caplog.records] == ["callback_raised"]


async def asynchronous(event: Event) -> None:
    """An `async` listener would never be awaited."""


@pytest.mark.parametrize("function", [asynchronous, None, "print"])
def test_fan_out_of_what_cannot_be_called(function: object) -> None:
    """A listener that cannot be called is a ConfigurationError at once."""
    with pytest.raises(ConfigurationError, match="not async"):
        fan_out(function)  # type: ignore[arg-type]
