"""The dial between stateless and stateful: how stale the news of an ended session may be.

>>> from datetime import timedelta
>>> from jwtguard.stores.memory import MemoryStore
>>> SessionRevocation(MemoryStore(), max_staleness=timedelta(seconds=5))
SessionRevocation(store=MemoryStore, max_staleness=5 s)

Without it an access token is good until it expires, and no request asks for state. With it, a session is looked up at
most once in `max_staleness`; 0 asks at every request, and an ended session is out at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from jwtguard.core.bounded import make_room
from jwtguard.core.errors import InvalidTokenError, UnavailableError
from jwtguard.core.flow import Steps
from jwtguard.core.forks import Lock, tell_child
from jwtguard.core.sessions.look_ups import LookUps, following, leading, new_future
from jwtguard.core.sessions.store_protocol import MAX_SESSION_ID, SessionStore, is_storable
from jwtguard.core.tokens.verifier import VerifiedToken
from jwtguard.core.validation import Problems

if TYPE_CHECKING:
    from concurrent.futures import Future

MAX_STALENESS = timedelta(seconds=5)
REMEMBERED = 65536
"""Sessions remembered between look-ups: some 20 MB at most."""
SHORTEST_INTERVAL = 1.0
"""Seconds between look-ups for connections that stay open, where `max_staleness` is less: they have no requests."""
Key: TypeAlias = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store said of a session, and when it was asked."""

    is_alive: bool
    asked_at: float


@dataclass(frozen=True, init=False, eq=False, repr=False)
class SessionRevocation:
    """Refuses tokens whose session has ended.

    `store` is where the sessions are. `issuers`: whose tokens are asked about, by default all that the guard trusts;
    a token of theirs without `sid` is refused unless `allow_without_session=True`. `max_staleness`: how old an answer
    of the store may be. `monotonic` gives seconds; `clock`, by default the guard's, seconds since the epoch.
    Raises `ConfigurationError` with all problems.
    """

    store: SessionStore
    issuers: frozenset[str] | None
    _clock: Callable[[], float] | None
    _in_flight: dict[Key, Future[_Known | UnavailableError | None]]
    _known: dict[Key, _Known]
    _lock: Lock
    _look_ups: LookUps
    _monotonic: Callable[[], float]
    _staleness: float
    _without: bool

    def __init__(
        self,
        store: SessionStore,
        *,
        issuers: Iterable[str] | None = None,
        max_staleness: timedelta = MAX_STALENESS,
        allow_without_session: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] | None = None,
    ) -> None:
        problems = Problems()
        if isinstance(store, type) or not isinstance(store, SessionStore):
            problems.append(f"store is the session store of the sessions, found {store!r}")
        named = None if issuers is None else problems.names("issuers", issuers)
        if not problems and named == ():
            problems.append("issuers is empty, so nothing would ever be asked: leave it out to mean all")
        staleness = problems.seconds("max_staleness", max_staleness)
        if not isinstance(allow_without_session, bool):
            problems.append(f"allow_without_session is True or False, found {allow_without_session!r}")
        for name, function in (("monotonic", monotonic), ("clock", clock)):
            if function is not None and not callable(function):
                problems.append(f"{name} is a function that gives seconds, found {function!r}")
        problems.raise_all()
        vars(self).update(
            store=store,
            issuers=None if named is None else frozenset(named),
            _clock=clock,
            _in_flight={},
            _known={},
            _lock=Lock("store"),
            _look_ups=LookUps(store),
            _monotonic=monotonic,
            _staleness=staleness,
            _without=allow_without_session,
        )
        tell_child(self)

    def forget(self) -> None:
        """Forget all answers of the store, so that each session is looked up again."""
        self._known.clear()

    def after_fork(self) -> None:
        """Look-ups in flight are so in the parent alone; what is known stays known."""
        self._in_flight.clear()

    @property
    def max_staleness(self) -> float:
        """In seconds."""
        return self._staleness

    def checking(self, token: VerifiedToken, *, clock: Callable[[], float]) -> Steps[None]:
        """Raise `InvalidTokenError` if the token's session has ended, `UnavailableError` if that is unknown.

        `clock` gives seconds since the epoch, for a store that has no clock of its own.
        """
        key = self._key(token)
        if key is None:
            return
        known = self._known.get(key)
        if known is None or not self._is_fresh(known, self._staleness):
            if self._staleness:
                known = yield from self._shared(key, self._staleness, clock)
            else:
                # Each request asks the store itself: an answer that another one waits for may be older than this one.
                known = yield from self._look_up(key, clock)
        _check_alive(known)

    def rechecking(self, token: VerifiedToken, *, clock: Callable[[], float], share: float = 1.0) -> Steps[float]:
        """`checking` for a connection that stays open; returns after how many seconds it must be asked again.

        All connections of a session share one look-up. `share`, up to 1, is the part of the longest interval after
        which this connection asks: connections that opened together should not ask together for ever.
        """
        key = self._key(token)
        if key is None:
            return float("inf")
        interval = max(self._staleness, SHORTEST_INTERVAL) * share
        known = self._known.get(key)
        if known is None or not self._is_fresh(known, interval):
            known = yield from self._shared(key, interval, clock)
        _check_alive(known)
        # Counted from when the store was asked, not from now: others may have asked long before.
        return max(known.asked_at + interval - self._monotonic(), 0.0)

    def _key(self, token: VerifiedToken) -> Key | None:
        """The session to ask about, None if there is nothing to ask; raises `InvalidTokenError`."""
        issuer, session_id = token.claims.get("iss"), token.claims.get("sid")
        if self.issuers is not None and issuer not in self.issuers:
            return None
        if self._without and "sid" not in token.claims:
            return None
        if not isinstance(session_id, str) or not session_id:
            raise InvalidTokenError("no_session")
        if not is_storable(session_id, MAX_SESSION_ID):
            raise InvalidTokenError("revoked")  # No store can hold it, so it is unknown; and memory stays bounded.
        return issuer, session_id

    def _is_fresh(self, known: _Known, staleness: float) -> bool:
        # The very sum from which `rechecking` counts, so that no rounding lies between the two.
        return known.asked_at + staleness > self._monotonic()

    def _shared(self, key: Key, staleness: float, clock: Callable[[], float]) -> Steps[_Known]:
        """One look-up in flight for a session: a caller that comes second waits for the first."""
        arrived_at = self._monotonic()
        while True:
            with self._lock:
                # Again, since another caller may have finished between the first look and the lock.
                known = self._known.get(key)
                if known is not None and self._is_fresh(known, staleness):
                    return known
                mine: Future[_Known | UnavailableError | None] = new_future()
                waiting_for = self._in_flight.setdefault(key, mine)
            if waiting_for is mine:
                try:
                    return (yield from leading(self._look_up(key, clock), mine))
                finally:
                    self._forget(key, mine)
            try:
                answer = yield from following(waiting_for)
            except UnavailableError:
                self._forget(key, waiting_for)  # It may be lost, and must not be waited for by those that come later.
                raise
            # None: the caller that looked was cancelled, and another one must. An answer that was already under way
            # when we came may be too old for us; the next one cannot be.
            if answer is not None and (answer.asked_at >= arrived_at or self._is_fresh(answer, staleness)):
                return answer

    def _forget(self, key: Key, future: Future[_Known | UnavailableError | None]) -> None:
        with self._lock:
            if self._in_flight.get(key) is future:
                del self._in_flight[key]

    def _look_up(self, key: Key, clock: Callable[[], float]) -> Steps[_Known]:
        issuer, session_id = key
        asked_at = self._monotonic()
        session = yield from self._look_ups.finding(session_id, clock=self._clock or clock)
        known = _Known(session is not None and session.is_alive and session.issuer == issuer, asked_at)
        self._remember(key, known)
        return known

    def _remember(self, key: Key, answer: _Known) -> None:
        known = self._known
        known.pop(key, None)  # To the end of the line: the one that was not asked about for longest makes room.
        make_room(known, REMEMBERED)
        known[key] = answer

    def __repr__(self) -> str:
        return f"SessionRevocation(store={type(self.store).__name__}, max_staleness={self._staleness:g} s)"


def _check_alive(known: _Known) -> None:
    if not known.is_alive:
        raise InvalidTokenError("revoked")
