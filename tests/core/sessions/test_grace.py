"""How old a generation is, and how long the grace time may be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from jwtguard import ConfigurationError
from jwtguard.core.sessions.grace import age_at_arrival, age_of_rotation, checked_grace, longest_grace
from jwtguard.core.sessions.store_protocol import RotationResult, Session
from jwtguard.core.validation import Problems
from tests.core.session_world import World, token_issuer

NEVER = float("inf")


@pytest.mark.parametrize(
    ("now", "age"),
    [(1000, 0), (1000.5, 0.5), (5000, 4000), (999.8, 0), (940, 0), (939.9, NEVER), (-3000, NEVER)],
)
def test_the_age_of_a_rotation(now: float, age: float) -> None:
    """A small negative age is 0; a clock set back by more than a minute says nothing."""
    assert age_of_rotation(1000, now=now) == age


def test_a_rotation_that_no_rotation_made() -> None:
    """Its age is infinite: nothing can be replayed."""
    assert age_of_rotation(None, now=0) == NEVER


@pytest.mark.parametrize(
    ("refreshed_at", "age", "expected"),
    [
        # Counted to the call, at 105: of that, 5 seconds were spent before it.
        (95, 10, 5),
        (103, 2, 0),
        # Counted to a moment during the call, by another clock: up to 25 seconds were spent.
        (5000, 30, 5),
        (5000, 10, 0),
        # Nothing is known: no wait makes an age of it.
        (5000, NEVER, NEVER),
        (None, NEVER, NEVER),
    ],
)
def test_the_age_at_arrival(refreshed_at: float | None, age: float, expected: float) -> None:
    """Less what the request waited since it came."""
    session = Session(
        session_id="s1",
        issuer="i",
        subject="user-1",
        label=None,
        generation=1,
        created_at=0,
        refreshed_at=refreshed_at,
        expires_at=9000,
    )
    taken = RotationResult(is_rotated=False, session=session, age=age)
    assert age_at_arrival(taken, arrived_at=100, called_at=105, answered_at=125) == expected


def test_no_row_has_no_age() -> None:
    """A row that does not exist has no age."""
    assert age_at_arrival(RotationResult(is_rotated=False), arrived_at=1, called_at=2, answered_at=3) == NEVER


@pytest.mark.parametrize(
    ("lifetime", "longest", "default"), [(1, 0.5, 0.5), (10, 5, 5), (20, 10, 10), (60, 30, 10), (300, 120, 10)]
)
def test_the_longest_grace(lifetime: float, longest: float, default: float) -> None:
    """Half the lifetime of an access token and at most 2 minutes; 10 seconds unless that is too long."""
    access_token_lifetime = timedelta(seconds=lifetime)
    problems = Problems()
    assert longest_grace(access_token_lifetime) == longest
    assert checked_grace(None, access_token_lifetime, problems) == default
    assert checked_grace(timedelta(seconds=longest), access_token_lifetime, problems) == longest
    assert problems == []
    checked_grace(timedelta(seconds=longest + 0.001), access_token_lifetime, problems)
    assert "a copied refresh token is never noticed" in problems[0]


def test_sessions_refuse_a_grace_time_as_long_as_a_lifetime() -> None:
    """The limit is that of the issuer's access tokens, and the error says why."""
    issuer = token_issuer(access_token_lifetime=timedelta(seconds=60))
    World(issuer=issuer, grace=timedelta(seconds=30))
    with pytest.raises(ConfigurationError, match=r"at most 30 seconds.*refreshes once in each lifetime"):
        World(issuer=issuer, grace=timedelta(seconds=31))
