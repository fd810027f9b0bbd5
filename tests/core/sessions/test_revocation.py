"""`max_staleness`: which tokens are looked up, how old a result may be, and the answer to an outage of the store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jwtguard import (
    ConfigurationError,
    InvalidTokenError,
    SessionRevocation,
)
from jwtguard.core.flow import Flow
from jwtguard.core.sessions import revocation
from jwtguard.stores.memory import MemoryStore
from tests.core.dial import DAY, OTHER, Dial, token
from tests.core.token_samples import ISSUER, NOW


def test_an_answer_holds_for_so_long() -> None:
    """One look-up in `max_staleness`, and the news is never older."""
    dial = Dial()
    for at, looked_up in [(0, 1), (1, 1), (4.999, 1), (5, 2), (9.999, 2), (10, 3), (1000, 4)]:
        dial.monotonic.now = at
        assert dial.outcome() == "accepted"
        assert dial.look_ups == looked_up, at
    dial.end()
    dial.monotonic.now = 1004.999
    assert dial.outcome() == "accepted"
    dial.monotonic.now = 1005
    assert dial.outcome() == "revoked"
    assert dial.outcome() == "revoked"
    assert dial.look_ups == 5


def test_zero_asks_at_every_request() -> None:
    """With `max_staleness` 0 each request looks the session up, and an ended session is refused at once."""
    dial = Dial(0)
    assert [dial.outcome() for _ in range(3)] == ["accepted"] * 3
    dial.end()
    assert [dial.outcome() for _ in range(3)] == ["revoked"] * 3
    assert dial.look_ups == 6


def test_a_warm_check_yields_nothing_and_takes_no_lock() -> None:
    """One look into a dict: no await, no thread hop."""
    dial = Dial()
    assert dial.outcome() == "accepted"

    class Forbidden:
        def __enter__(self) -> None:
            raise AssertionError("a lock was taken")

        def __exit__(self, *_: object) -> None:
            """Never reached."""

    object.__setattr__(dial.revocation, "_lock", Forbidden())
    assert list(dial.checking()) == []
    dial.monotonic.now = 5
    with pytest.raises(AssertionError, match="a lock"):
        list(dial.checking())


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ({}, "accepted"),
        ({"sid": "unknown"}, "revoked"),
        ({"sid": "S1"}, "revoked"),
        ({"iss": OTHER}, "revoked"),
        ({"iss": None}, "revoked"),
        ({"sid": None}, "no_session"),
        ({"sid": ""}, "no_session"),
        ({"sid": 1}, "no_session"),
        ({"sid": ["s1"]}, "no_session"),
        ({"sid": {}}, "no_session"),
        ({"sid": False}, "no_session"),
        ({"sid": "x" * 65}, "revoked"),
        ({"sid": "s1\x00"}, "revoked"),
    ],
)
def test_sessions(claims: dict[str, Any], expected: str) -> None:
    """Unknown counts as revoked, and so does another issuer's row of the same name; no session is no session."""
    assert Dial().outcome(**claims) == expected


@pytest.mark.parametrize("sid", ["x" * 65, "x" * 6000, "s1\x00", None, 1, ""])
def test_what_no_store_can_hold_is_not_asked(sid: Any) -> None:
    """A `sid` that no store can hold is neither looked up nor remembered, so memory stays bounded."""
    dial = Dial()
    dial.outcome(sid=sid)
    assert dial.look_ups == 0
    assert dial.revocation._known == {}


def test_expired() -> None:
    """An idle session ends its access tokens too, by the caller's clock where the store has none."""
    dial = Dial()
    assert dial.outcome() == "accepted"
    dial.monotonic.now, dial.clock.now = 5, NOW + DAY
    assert dial.outcome() == "revoked"


def test_a_clock_of_its_own() -> None:
    """Instead of the guard's."""
    dial = Dial(clock=lambda: NOW + DAY)
    assert dial.outcome() == "revoked"


def test_allow_without_session() -> None:
    """A token that has no `sid` at all may pass then; one with an odd one never."""
    dial = Dial(allow_without_session=True)
    assert [dial.outcome(sid=sid) for sid in (None, "s1", "", 1, "unknown")] == [
        "accepted",
        "accepted",
        "no_session",
        "no_session",
        "revoked",
    ]


def test_issuers() -> None:
    """Tokens of the issuers named are asked about, the others not; without names, all are."""
    assert [Dial(issuers=[OTHER]).outcome(sid=sid) for sid in (None, "unknown", 1)] == ["accepted"] * 3
    named = Dial(issuers=[ISSUER, OTHER])
    assert [named.outcome(), named.outcome(iss=OTHER), named.outcome(iss="https://third.example")] == [
        "accepted",
        "revoked",
        "accepted",
    ]
    assert named.revocation.issuers == frozenset({ISSUER, OTHER})


def test_one_name_two_issuers() -> None:
    """The state of one issuer's session says nothing about another issuer's session of the same id."""
    dial = Dial()
    assert [dial.outcome(), dial.outcome(iss=OTHER), dial.outcome()] == ["accepted", "revoked", "accepted"]
    assert dial.look_ups == 2


@pytest.mark.parametrize("staleness", [0, 5])
def test_the_store_is_down(staleness: float) -> None:
    """503 as soon as an answer is too old, and recovery by itself."""
    dial = Dial(staleness)
    assert dial.outcome() == "accepted"
    dial.store.fails = {"find"}
    assert dial.outcome() == ("accepted" if staleness else "503 store")
    dial.monotonic.now = staleness
    assert [dial.outcome(), dial.outcome()] == ["503 store", "503 store"]
    dial.store.fails = set()
    assert dial.outcome() == "accepted"


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The session that was not asked about for longest makes room."""
    monkeypatch.setattr(revocation, "REMEMBERED", 3)
    dial = Dial()
    for session_id in ("s2", "s3", "s4"):
        dial.create(session_id)
    for at, session_id in enumerate(["s1", "s2", "s3", "s1", "s4"]):
        dial.monotonic.now = at * 10
        assert dial.outcome(sid=session_id) == "accepted"
        assert len(dial.revocation._known) <= 3
    assert {session_id for _, session_id in dial.revocation._known} == {"s1", "s3", "s4"}


def test_room_that_another_thread_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """While this one looks for the oldest."""
    monkeypatch.setattr(revocation, "REMEMBERED", 1)
    dial = Dial()
    assert dial.outcome() == "accepted"

    class Emptied(dict[Any, Any]):
        def __iter__(self) -> Any:
            raise RuntimeError("dictionary changed size during iteration")

    object.__setattr__(dial.revocation, "_known", Emptied(dial.revocation._known))
    assert dial.outcome(sid="unknown") == "revoked"


# Connections that stay open.


def recheck(dial: Dial, **changes: Any) -> float:
    return Flow(dial.revocation.rechecking(token(**changes), clock=dial.clock)).run()


def test_when_to_ask_again() -> None:
    """The age of a result counts from the store call of any request, so it never exceeds `max_staleness`."""
    dial = Dial()
    assert dial.outcome() == "accepted"
    dial.monotonic.now = 4
    assert recheck(dial) == 1
    dial.monotonic.now = 5
    assert recheck(dial) == 5
    assert dial.look_ups == 2
    dial.end()
    dial.monotonic.now = 10
    with pytest.raises(InvalidTokenError, match="revoked"):
        recheck(dial)


def test_sockets_share_one_look_up_a_second() -> None:
    """With `max_staleness` 0, the sockets of a session share one look-up a second."""
    dial = Dial(0)
    assert dial.outcome() == "accepted"
    assert [recheck(dial) for _ in range(1000)] == [1.0] * 1000
    assert dial.look_ups == 1
    dial.monotonic.now = 1
    assert [recheck(dial) for _ in range(1000)] == [1.0] * 1000
    assert dial.look_ups == 2
    with pytest.raises(InvalidTokenError):
        recheck(dial, sid=None)


def test_nothing_to_ask_again() -> None:
    """A token of another issuer, or one that may do without a session."""
    assert recheck(Dial(issuers=[OTHER])) == float("inf")
    assert recheck(Dial(allow_without_session=True), sid=None) == float("inf")


def test_an_answer_that_took_long() -> None:
    """Must be asked again at once."""
    dial = Dial()
    dial.store.before = lambda method: setattr(dial.monotonic, "now", dial.monotonic.now + 60)
    assert recheck(dial) == 0


PROBLEMS: list[tuple[dict[str, Any], str]] = [
    ({"store": None}, "session store"),
    ({"store": MemoryStore}, "session store"),
    ({"issuers": ISSUER}, "issuers is a list"),
    ({"issuers": [1]}, "issuers is a list"),
    ({"issuers": []}, "issuers is empty"),
    ({"max_staleness": 5}, "timedelta"),
    ({"max_staleness": timedelta(seconds=-1)}, "at least 0"),
    ({"allow_without_session": 1}, "True or False"),
    ({"monotonic": 1}, "monotonic is a function"),
    ({"clock": 1}, "clock is a function"),
]


@pytest.mark.parametrize(("changes", "problem"), PROBLEMS, ids=repr)
def test_what_the_constructor_refuses(changes: dict[str, Any], problem: str) -> None:
    """A wrong argument is a ConfigurationError that says what to write."""
    arguments: dict[str, Any] = {"store": MemoryStore(), **changes}
    with pytest.raises(ConfigurationError, match=problem):
        SessionRevocation(arguments.pop("store"), **arguments)


def test_all_problems_at_once() -> None:
    """One error reports the problems of all arguments."""
    with pytest.raises(ConfigurationError) as caught:
        SessionRevocation(None, issuers="x", max_staleness=5, allow_without_session=None)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 4


def test_it_is_read_only_and_says_what_it_does() -> None:
    """A repr without anything of a session."""
    dial = Dial(2.5)
    assert dial.revocation.max_staleness == 2.5
    assert repr(dial.revocation) == "SessionRevocation(store=NotingStore, max_staleness=2.5 s)"
    with pytest.raises(AttributeError):
        dial.revocation.store = MemoryStore()  # type: ignore[misc]
