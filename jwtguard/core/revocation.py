"""The dial between stateless and stateful: how stale the news of an ended session may be.

>>> from datetime import timedelta
>>> from jwtguard.stores.memory import MemoryStore
>>> SessionRevocation(MemoryStore(), max_staleness=timedelta(seconds=5))
SessionRevocation(store=MemoryStore, max_staleness=5 s)

Without it an access token is good until it expires, and no request asks for state. With it, a session is looked up at
most once in `max_staleness`; 0 asks at every request, and an ended session is out at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeAlias

from jwtguard.core.errors import ConfigurationError, InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.flow import Steps, Wait
from jwtguard.core.frozen import Frozen, set_once
from jwtguard.core.policy import seconds
from jwtguard.core.session_store import Session, SessionStore, ask
from jwtguard.core.verification import VerifiedToken

if TYPE_CHECKING:
    from concurrent.futures import Future

logger = logging.getLogger("jwtguard")

MAX_STALENESS = timedelta(seconds=5)
REMEMBERED = 65536
"""Sessions remembered between look-ups."""
Key: TypeAlias = tuple[str | None, str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the store said, and when it was asked. Final: it will never say anything else."""

    asked_at: float
    is_alive: bool = field(kw_only=True)
    is_final: bool = field(kw_only=True)


class SessionRevocation(Frozen):
    """Refuses tokens whose session has ended.

    `store` is where the sessions are. `issuers`: whose tokens are asked about, by default all that the guard trusts;
    a token of theirs without `sid` is refused unless `allow_without_session=True`. `max_staleness`: how old an answer
    of the store may be. `monotonic` gives seconds, `clock` seconds since the epoch.
    Raises `ConfigurationError` with all problems.
    """

    __slots__ = ("_clock", "_in_flight", "_issuers", "_known", "_lock", "_monotonic", "_staleness", "_without", "store")

    store: SessionStore
    _clock: Callable[[], float]
    _in_flight: dict[Key, Future[bool | None]]
    _issuers: frozenset[str] | None
    _known: dict[Key, _Known]
    _lock: threading.Lock
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
        clock: Callable[[], float] = time.time,
    ) -> None:
        problems: list[str] = []
        if isinstance(store, type) or not isinstance(store, SessionStore):
            problems.append(f"store is the session store of the sessions, found {store!r}")
        if isinstance(issuers, str):
            problems.append(f"issuers is a list: write issuers=[{issuers!r}]")
            issuers = None
        staleness = seconds("max_staleness", max_staleness, problems)
        ConfigurationError.raise_all(problems)
        set_once(
            self,
            store=store,
            _clock=clock,
            _in_flight={},
            _issuers=None if issuers is None else frozenset(issuers),
            _known={},
            _lock=threading.Lock(),
            _monotonic=monotonic,
            _staleness=staleness,
            _without=allow_without_session,
        )

    @property
    def max_staleness(self) -> float:
        """In seconds."""
        return self._staleness

    def checking(self, token: VerifiedToken) -> Steps[None]:
        """Raise `InvalidTokenError` if the token's session has ended, `UnavailableError` if nobody can tell."""
        issuer, session_id = token.claims.get("iss"), token.claims.get("sid")
        if self._issuers is not None and issuer not in self._issuers:
            return
        if not isinstance(session_id, str) or not session_id:
            if self._without and "sid" not in token.claims:
                return
            raise InvalidTokenError("no_session")
        key = (issuer, session_id)
        known = self._known.get(key)
        # Warm: one look into a dict, no lock. What has ended once stays so.
        if known is not None and (known.is_final or self._monotonic() - known.asked_at < self._staleness):
            is_alive = known.is_alive
        elif self._staleness == 0:
            # Every request asks for itself: an answer that somebody else waits for may be older than this request.
            is_alive = yield from self._look_up(key)
        else:
            is_alive = yield from self._shared(key)
        if not is_alive:
            raise InvalidTokenError("revoked")

    def _shared(self, key: Key) -> Steps[bool]:
        """One look-up in flight for a session: whoever comes second waits for the first."""
        from concurrent.futures import Future  # noqa: PLC0415 - slow to import, and only where something is looked up

        while True:
            with self._lock:
                waiting_for = self._in_flight.get(key)
                if waiting_for is None:
                    mine: Future[bool | None] = Future()
                    self._in_flight[key] = mine
            if waiting_for is not None:
                answer = yield Wait(waiting_for)
                if answer is None:
                    continue  # The one that looked was cancelled: somebody else must.
                return bool(answer)
            found: bool | None = None
            failure: UnavailableError | None = None
            try:
                found = yield from self._look_up(key)
                return found
            except UnavailableError as error:
                failure = error
                raise
            finally:
                with self._lock:
                    del self._in_flight[key]
                if failure is not None:
                    mine.set_exception(UnavailableError(failure.reason))
                else:
                    mine.set_result(found)

    def _look_up(self, key: Key) -> Steps[bool]:
        issuer, session_id = key
        asked_at = self._monotonic()
        try:
            session: Session | None = yield ask(self.store.find, session_id, now=self._clock())
        except JWTGuardError:
            raise
        except Exception as error:
            unforeseen = type(error).__name__
        else:
            is_alive = session is not None and session.is_alive and session.issuer == issuer
            # Unknown may only be unknown yet, on a replica that lags behind; ended is ended.
            self._remember(key, _Known(asked_at, is_alive=is_alive, is_final=session is not None and not is_alive))
            return is_alive
        logger.error("session store unavailable: %s", unforeseen)
        raise UnavailableError("store")

    def _remember(self, key: Key, answer: _Known) -> None:
        known = self._known
        try:
            while len(known) >= REMEMBERED:
                del known[next(iter(known))]
        except (KeyError, RuntimeError, StopIteration):
            pass  # Another thread made the room.
        known[key] = answer

    def __repr__(self) -> str:
        return f"SessionRevocation(store={type(self.store).__name__}, max_staleness={self._staleness:g} s)"
