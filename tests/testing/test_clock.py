"""A clock that a test moves, and what goes by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jwtguard import Grants, Guard, InvalidGrantError, InvalidTokenError, RemoteJWKSet, SessionRevocation, Sessions
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.key_sources.http_client import FetchRequest, FetchResponse
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import FrozenClock, throwaway_guard, tokens_for
from tests.samples import AUDIENCE, ISSUER, KEY, NOW, guard, issuer


def outcome(of: Guard, text: str) -> str:
    """`accepted`, or why not."""
    try:
        of.verify(text).run()
    except InvalidTokenError as error:
        return error.reason
    return "accepted"


def test_it_stands_still() -> None:
    """The clock moves only by `tick` and `move_to`, by exactly the given time."""
    clock = FrozenClock(NOW)
    assert clock() == clock() == NOW
    clock.tick()
    clock.tick(2.5)
    clock.tick(timedelta(minutes=1))
    assert clock() == NOW + 63.5
    clock.move_to(datetime(2027, 1, 15, 8, tzinfo=UTC))
    assert (clock(), clock.now) == (NOW, datetime(2027, 1, 15, 8, tzinfo=UTC))
    clock.move_to(1.0)
    assert repr(clock) == "FrozenClock(1970-01-01T00:00:01+00:00)"


def test_it_starts_now() -> None:
    """Without a start the clock shows the present second."""
    before = datetime.now(UTC)
    clock = FrozenClock()
    assert timedelta(0) <= clock.now - before <= timedelta(seconds=5)
    assert clock() == int(clock())


def test_a_time_without_a_zone_is_refused() -> None:
    """A time without a zone is refused, because it depends on the machine."""
    with pytest.raises(ValueError, match="without a zone"):
        FrozenClock(datetime(2027, 1, 15))  # noqa: DTZ001


def test_a_guard_goes_by_it() -> None:
    """A guard that was made with the real clock tells the time by this one, until it is given back."""
    own = guard(clock=lambda: NOW + 10_000.0)
    with FrozenClock(NOW) as clock:
        clock.take_over(own)
        text = issuer().access_token("user-1")
        assert outcome(own, text) == "accepted"
        clock.tick(timedelta(minutes=5))
        assert outcome(own, text) == "accepted"  # within the leeway
        clock.tick(10)
        assert outcome(own, text) == "expired"
    assert own.clock() == NOW + 10_000
    clock.tick(-200)
    assert outcome(own, text) == "expired"


@pytest.mark.parametrize("tokens_first", [True, False])
def test_together_with_tokens(tokens_first: bool) -> None:
    """Whichever came first, tokens for tests are issued and judged by it."""
    own = throwaway_guard()
    with FrozenClock(NOW) as clock:
        if not tokens_first:
            clock.take_over(own)
        with tokens_for(own) as token_for:
            if tokens_first:
                clock.take_over(own)
            text = token_for("alice")
            assert own.verify(text).run().claims["iat"] == NOW
            clock.tick(311)
            assert outcome(own, text) == "expired"
            clock.release()


def test_sessions_and_their_issuer() -> None:
    """Sessions, refresh tokens and access tokens age by it."""
    made = issuer(clock=lambda: 1.0)
    sessions = Sessions(
        issuer=made,
        store=MemoryStore(),
        load=lambda subject: Grants(),
        refresh_keys=[SigningKey.generate("HS256", kid="r1")],
        idle_lifetime=timedelta(days=1),
        absolute_lifetime=timedelta(days=2),
    )
    with FrozenClock(NOW) as clock:
        clock.take_over(sessions)
        assert (sessions.clock(), made.clock()) == (NOW, NOW)
        answer = sessions.start("user-1").run()
        clock.tick(timedelta(hours=23))
        answer = sessions.refresh(answer.refresh_token).run()
        clock.tick(timedelta(hours=25))
        with pytest.raises(InvalidGrantError):
            sessions.refresh(answer.refresh_token).run()
    assert made.clock() == 1
    with FrozenClock(NOW) as clock:
        clock.take_over(made)
        assert made.clock() == NOW
        assert sessions.clock is not clock


@pytest.mark.parametrize("with_tokens", [True, False])
def test_revocation(with_tokens: bool) -> None:
    """How old an answer about a session may be is told by it, and nothing that was heard by it outlives it."""
    store = MemoryStore()
    revocation = SessionRevocation(store, max_staleness=timedelta(seconds=5))
    own = guard(revocation=revocation, clock=lambda: float(NOW))
    sessions = Sessions(
        issuer=issuer(),
        store=store,
        load=lambda subject: Grants(),
        refresh_keys=[SigningKey.generate("HS256", kid="1")],
    )
    with FrozenClock(NOW) as clock:
        clock.take_over(sessions)
        answer = sessions.start("user-1").run()
        if with_tokens:
            with tokens_for(own):
                clock.take_over(own)
                _expect_staleness(own, sessions, clock, answer)
                clock.release()
        else:
            clock.take_over(own)
            _expect_staleness(own, sessions, clock, answer)
    assert revocation._known == {}
    assert revocation._monotonic is not clock


def _expect_staleness(own: Guard, sessions: Sessions, clock: FrozenClock, answer: Any) -> None:
    assert outcome(own, answer.access_token) == "accepted"
    sessions.end(answer.refresh_token).run()
    assert outcome(own, answer.access_token) == "accepted"
    clock.tick(5)
    assert outcome(own, answer.access_token) == "revoked"


@pytest.mark.parametrize("with_tokens", [True, False])
def test_fetched_keys(with_tokens: bool) -> None:
    """Keys grow old by it: those of a guard, and those that are named by themselves."""
    document = b'{"keys": []}'

    def fetch(request: FetchRequest) -> FetchResponse:
        return FetchResponse(status=200, body=document)

    keys = RemoteJWKSet("https://issuer.example/jwks.json", fetcher=fetch, clock=lambda: 1.0)
    alone = RemoteJWKSet("https://issuer.example/jwks.json", fetcher=fetch)
    own = Guard(issuer=ISSUER, audience=AUDIENCE, keys=keys)
    with FrozenClock(NOW) as clock:
        clock.take_over(alone)
        if with_tokens:
            with tokens_for(own):
                clock.take_over(own)
        else:
            clock.take_over(own)
        assert keys._clock is alone._clock is clock
    assert keys._clock() == 1


def test_what_has_no_clock() -> None:
    """An adapter is not a guard, and the error says what to pass."""
    wrong: Any = KEY
    with pytest.raises(TypeError, match=r"found SigningKey: of an adapter, pass its \.guard"):
        FrozenClock(NOW).take_over(wrong)
