"""What the debugger's gate compares with its token and its ticket."""

from __future__ import annotations

import hmac
from email.message import Message

import pytest

from jwtguard.cli.debugger.gate import TOKEN_HEADER, Gate


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[tuple[bytes, bytes]]:
    """What goes to `hmac.compare_digest`, which takes all of it for equal."""
    found: list[tuple[bytes, bytes]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        found.append((one, other))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    return found


def test_the_token_is_compared_in_constant_time(compared: list[tuple[bytes, bytes]]) -> None:
    """How long a call takes tells nothing about how much of its token is right."""
    gate = Gate(8000, token="right", ticket="once")
    headers = Message()
    headers["Origin"] = gate.origin
    headers[TOKEN_HEADER] = "wrong"
    gate.check_call(headers)
    assert compared == [(b"wrong", b"right")]


def test_the_ticket_is_compared_in_constant_time(compared: list[tuple[bytes, bytes]]) -> None:
    """How long a redemption takes tells nothing about how much of the ticket is right."""
    assert Gate(8000, token="right", ticket="once").redeem("wrong") == "right"
    assert compared == [(b"wrong", b"once")]
