"""What passes through the port of session stores, and how a store is asked."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import ConfigurationError, UnavailableError
from jwtguard.core.flow import Flow
from jwtguard.core.sessions.store_protocol import NewSession, call_store, is_storable, storable_label


@pytest.mark.parametrize(
    ("text", "storable"),
    [
        ("", True),
        ("a" * 8, True),
        ("a" * 9, False),
        ("東" * 8, True),
        ("a\x00", False),
        ("\udfff", False),
        ("\n", True),
    ],
)
def test_storable(text: str, storable: bool) -> None:
    """A storable text is not too long, and has no NUL and no lone surrogate."""
    assert is_storable(text, 8) is storable


@pytest.mark.parametrize("label", ["a\x00\ud800" * 200, "🦊" * 300, "plain"])
def test_labels_become_storable(label: str) -> None:
    """Each label becomes storable."""
    assert is_storable(storable_label(label), 255)


@pytest.mark.parametrize(
    ("name", "value"),
    [("session_id", "x" * 65), ("issuer", "x" * 256), ("subject", "a\x00b"), ("label", "\ud800")],
)
def test_a_session_that_could_not_be_kept(name: str, value: str) -> None:
    """A database that cuts a subject takes it for another."""
    members: dict[str, Any] = {"session_id": "s1", "issuer": "i", "subject": "user-1", "label": None}
    members |= {"idle_lifetime": 1.0, "absolute_lifetime": 1.0}
    NewSession(**members)
    with pytest.raises(ValueError, match=name):
        NewSession(**{**members, name: value})


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError("down"), UnavailableError("store")),
        (ValueError("odd"), UnavailableError("store")),
        (UnavailableError("store", retry_after=9), UnavailableError("store", retry_after=9)),
        (ConfigurationError("another loop"), ConfigurationError("another loop")),
    ],
)
def test_what_a_store_raises(raised: Exception, expected: UnavailableError) -> None:
    """An outage, whatever it is; what is ours already stays as it is."""

    def method() -> None:
        raise raised

    with pytest.raises(type(expected)) as caught:
        Flow(call_store(method)).run()
    assert str(caught.value) == str(expected)
    assert getattr(caught.value, "retry_after", None) == getattr(expected, "retry_after", None)


def test_an_answer() -> None:
    """Arguments go in, the answer comes out."""

    def method(one: int, *, two: int) -> int:
        return one + two

    assert Flow(call_store(method, 1, two=2)).run() == 3
