"""A clock that stands still until a test moves it.

>>> from datetime import datetime, timedelta, timezone
>>> clock = FrozenClock(datetime(2026, 11, 23, 12, tzinfo=timezone.utc))
>>> clock.tick(timedelta(minutes=5))
>>> clock.now.isoformat(), clock() == clock.now.timestamp()
('2026-11-23T12:05:00+00:00', True)

It is what every `clock=` of jwtguard takes. For objects that an application has made already there is `take_over`:

>>> from jwtguard.testing.tokens import throwaway_guard
>>> guard = throwaway_guard()
>>> with FrozenClock(1_800_000_000) as clock:
...     clock.take_over(guard)
...     guard.clock()
1800000000.0
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Self

from jwtguard.core.sessions.revocation import SessionRevocation
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.issuer import TokenIssuer
from jwtguard.guard import Guard
from jwtguard.key_sources.cached import FetchedKeys


class FrozenClock:
    """Seconds since the epoch, the same at each call. Starts at `start`, by default the next full one."""

    def __init__(self, start: datetime | float | None = None) -> None:
        self._now = float(math.ceil(time.time())) if start is None else _seconds(start)
        self._undo = ExitStack()

    def __call__(self) -> float:
        """The time, in seconds since the epoch."""
        return self._now

    @property
    def now(self) -> datetime:
        """The time, in UTC."""
        return datetime.fromtimestamp(self._now, UTC)

    def tick(self, step: timedelta | float = 1.0) -> None:
        """Let time pass: a timedelta, or seconds."""
        self._now += step.total_seconds() if isinstance(step, timedelta) else step

    def move_to(self, moment: datetime | float) -> None:
        """Set it: to a datetime that knows its zone, or to seconds since the epoch."""
        self._now = _seconds(moment)

    def take_over(self, *objects: Guard | TokenIssuer | Sessions | FetchedKeys) -> None:
        """From here on these go by this clock, until `release()` or the end of `with`.

        A guard brings along its fetched keys and its revocation, sessions their issuer. A database that has a clock of
        its own keeps it.
        """
        for each in objects:
            if isinstance(each, Guard):
                self._take_over_guard(each)
            elif isinstance(each, Sessions):
                self._set(each, "_clock")
                self._set(each.issuer, "clock")
            elif isinstance(each, TokenIssuer):
                self._set(each, "clock")
            elif isinstance(each, FetchedKeys):
                self._set(each, "_clock")
            else:
                raise TypeError(
                    "take_over(...) takes a Guard, a TokenIssuer, Sessions or fetched keys, found"
                    f" {type(each).__name__}: of an adapter, pass its .guard"
                )

    def release(self) -> None:
        """Give back what was taken over its own clock."""
        self._undo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _take_over_guard(self, guard: Guard) -> None:
        self._set(guard, "_clock")
        self._set(guard.verifier, "_clock")
        for source in guard.trust.key_sources:
            if isinstance(source, FetchedKeys):
                self._set(source, "_clock")
        revocation = _real(guard.revocation)
        if isinstance(revocation, SessionRevocation):
            # How old an answer is, is told by the other clock: what was heard by one says nothing by the other.
            revocation.forget()
            self._undo.callback(revocation.forget)
            self._set(revocation, "_monotonic")

    def _set(self, target: object, name: str) -> None:
        before: Callable[[], float] = getattr(target, name)
        # They are read-only, for programs; a test may know better.
        object.__setattr__(target, name, self)
        self._undo.callback(object.__setattr__, target, name, before)

    def __repr__(self) -> str:
        return f"FrozenClock({self.now.isoformat()})"


def _real(wrapped: object) -> object:
    """What stands behind what `tokens_for` put in its place."""
    return getattr(wrapped, "real", wrapped)


def _seconds(moment: datetime | float) -> float:
    if not isinstance(moment, datetime):
        return float(moment)
    if moment.tzinfo is None:
        raise ValueError(f"a datetime without a zone could be any time: write {moment!r} with tzinfo=timezone.utc")
    return moment.timestamp()
