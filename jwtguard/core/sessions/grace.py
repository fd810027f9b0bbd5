"""The grace time: how long after a rotation the generation before it is answered with the next generation again.

>>> age_of_rotation(1000.0, now=1004.0), age_of_rotation(1000.0, now=999.0), age_of_rotation(1000.0, now=900.0)
(4.0, 0.0, inf)
>>> longest_grace(timedelta(minutes=5))
120.0

The age of a generation is judged here and nowhere else. Stores that judge it in SQL or Lua follow `age_of_rotation`.
"""

from __future__ import annotations

import math
from datetime import timedelta

from jwtguard.core.sessions.store_protocol import RotationResult
from jwtguard.core.validation import Problems

DEFAULT_GRACE = timedelta(seconds=10)
MAX_GRACE = 120.0
"""Seconds."""
MAX_CLOCK_STEP = 60.0
"""Seconds. A clock that was set back by more says nothing about the age of a generation. Clocks of several servers
differ by less, and so do two requests that arrive at once.
"""


def age_of_rotation(refreshed_at: float | None, *, now: float) -> float:
    """Seconds at `now` since the current generation was made.

    Infinite if no rotation made it, and if the clock was set back by more than `MAX_CLOCK_STEP` since: an age that
    nothing is known about is no grace. A smaller negative age counts as 0.
    """
    if refreshed_at is None or now - refreshed_at < -MAX_CLOCK_STEP:
        return float("inf")
    return max(now - refreshed_at, 0.0)


def age_at_arrival(taken: RotationResult, *, arrived_at: float, called_at: float, answered_at: float) -> float:
    """The age of the current generation when the request arrived, in seconds.

    A store may need long to answer, and a view may run before a generation is rotated: the client could not know, and
    its request was in time. All three times are the caller's, in seconds since the epoch.
    """
    refreshed_at = None if taken.session is None else taken.session.refreshed_at
    # A store without a clock of its own counts to the `now` that it was given, which is `called_at`. Any other counts
    # to the moment at which it read the row, by its own clock; that was before `answered_at`.
    is_by_our_clock = math.isclose(taken.age, age_of_rotation(refreshed_at, now=called_at), abs_tol=0.001)
    waited = (called_at if is_by_our_clock else answered_at) - arrived_at
    return max(taken.age - max(waited, 0.0), 0.0)


def longest_grace(access_token_lifetime: timedelta) -> float:
    """The longest grace time that is allowed beside access tokens of this lifetime, in seconds."""
    return min(MAX_GRACE, access_token_lifetime.total_seconds() / 2)


def checked_grace(grace: timedelta | None, access_token_lifetime: timedelta, problems: Problems) -> float:
    """The grace time in seconds, `DEFAULT_GRACE` or less where None is given; what is wrong is added to `problems`."""
    longest = longest_grace(access_token_lifetime)
    if grace is None:
        return min(DEFAULT_GRACE.total_seconds(), longest)
    found = problems.seconds("grace", grace)
    if found > longest:
        problems.append(
            f"grace may be at most {longest:g} seconds: half the access_token_lifetime"
            f" ({access_token_lifetime.total_seconds():g} s) and never more than {MAX_GRACE:g} s. A client refreshes"
            " once in each lifetime of an access token, so with a longer grace time a copied refresh token is never"
            " noticed: shorten grace, or issue access tokens that live longer"
        )
    return found
