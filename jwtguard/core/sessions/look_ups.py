"""Looking sessions up in few round trips: look-ups that come together are one.

>>> from jwtguard.core.flow import Flow
>>> from jwtguard.stores.memory import MemoryStore
>>> Flow(LookUps(MemoryStore()).finding("s1", clock=lambda: 0.0)).run() is None
True

Two ways to share. Callers that may get an answer which was under way before they came wait for that one (`leading` and
`following`, for one session). Callers that may not (`max_staleness=0`) gather for the next call of the store, which
then asks for all of them: `LookUps`, where the store has the method `find_many`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from jwtguard.core.errors import UnavailableError
from jwtguard.core.flow import Steps, Wait
from jwtguard.core.forks import Lock, tell_child
from jwtguard.core.sessions.store_protocol import MaybeAsync, Session, SessionStore, call_store

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")
FindMany: TypeAlias = "Callable[..., MaybeAsync[Sequence[Session]]]"

FOLLOWER_TIMEOUT = 10.0
"""Seconds that a caller waits for the look-up of another one, before the answer is 503."""
ENOUGH = 8
"""Look-ups under way at once, from which on those that come gather."""
WINDOW = 0.005
"""Seconds for which they gather."""
MOST = 100
"""Sessions of one call. PostgreSQL reads the whole table for several hundred, where it has no statistics yet."""


def new_future() -> Future[Any]:
    """What several callers can wait for."""
    from concurrent.futures import Future  # noqa: PLC0415 - slow to import, and only where something is looked up

    return Future()


def leading(steps: Steps[T], future: Future[T | UnavailableError | None]) -> Steps[T]:
    """Go the steps for all that wait for `future`, which is fulfilled in any case: by None if they must look again."""
    outcome: T | UnavailableError | None = None
    try:
        outcome = yield from steps
        return outcome
    except UnavailableError as error:
        outcome = UnavailableError(error.reason, retry_after=error.retry_after)
        raise
    finally:
        future.set_result(outcome)


def following(future: Future[T | UnavailableError | None]) -> Steps[T | None]:
    """What the leading caller found, None if it gave up; raises `UnavailableError`, an own one for each caller."""
    try:
        outcome: T | UnavailableError | None = yield Wait(future, timeout=FOLLOWER_TIMEOUT)
    except TimeoutError:
        raise UnavailableError("store") from None
    if isinstance(outcome, UnavailableError):
        raise UnavailableError(outcome.reason, retry_after=outcome.retry_after)
    return outcome


def find_many_of(store: SessionStore) -> FindMany | None:
    """The store's `find_many(session_ids, *, now)`, which gives the sessions that there are, in any order.

    None where it has none, or where a subclass changes `find` alone: what that does must not be passed by.
    """
    wrapped = getattr(store, "__wrapped__", None)
    if "find" in getattr(store, "__dict__", {}) or (wrapped is not None and find_many_of(wrapped) is None):
        return None
    for kind in type(store).__mro__:
        if "find_many" in vars(kind):
            found: FindMany = getattr(store, "find_many")  # noqa: B009 - no part of the protocol
            return found
        if "find" in vars(kind):
            return None
    return None


class _Gathering:
    """Sessions that the next call asks for, and where its answer will be."""

    __slots__ = ("future", "session_ids")

    def __init__(self) -> None:
        self.session_ids: set[str] = set()
        self.future: Future[Mapping[str, Session] | UnavailableError | None] = new_future()


class LookUps:
    """Asks `store` for sessions. The call that answers begins after the caller has asked, always."""

    __slots__ = ("__weakref__", "_gathering", "_lock", "_under_way", "store")

    def __init__(self, store: SessionStore) -> None:
        self.store = store
        self._lock = Lock("store")
        self._under_way = 0
        self._gathering: _Gathering | None = None
        tell_child(self)

    def after_fork(self) -> None:
        """What is under way is so in the parent alone."""
        self._under_way, self._gathering = 0, None

    def finding(self, session_id: str, *, clock: Callable[[], float]) -> Steps[Session | None]:
        """The session of this id; raises `UnavailableError`. `clock` gives seconds since the epoch."""
        find_many = find_many_of(self.store)
        while True:
            gathering, leads = self._gather(session_id) if find_many is not None else (None, False)
            if find_many is None or gathering is None:
                return (yield from self._counted(call_store(self.store.find, session_id, now=clock())))
            if leads:
                found = yield from leading(self._finding_all(find_many, gathering, clock), gathering.future)
                return found.get(session_id)
            answer = yield from following(gathering.future)
            if answer is not None:
                return answer.get(session_id)

    def _gather(self, session_id: str) -> tuple[_Gathering | None, bool]:
        """Where to wait for the answer, and whether to ask for it; None to ask for this session alone."""
        with self._lock:
            gathering = self._gathering
            if gathering is not None and len(gathering.session_ids) < MOST:
                gathering.session_ids.add(session_id)
                return gathering, False
            if self._under_way < ENOUGH:
                return None, False
            gathering = self._gathering = _Gathering()
            gathering.session_ids.add(session_id)
            return gathering, True

    def _finding_all(
        self, find_many: FindMany, gathering: _Gathering, clock: Callable[[], float]
    ) -> Steps[Mapping[str, Session]]:
        try:
            with suppress(TimeoutError):
                yield Wait(new_future(), timeout=WINDOW)  # Nothing fulfils it: it is a pause.
        finally:
            with self._lock:
                if self._gathering is gathering:
                    self._gathering = None
        call = call_store(find_many, sorted(gathering.session_ids), now=clock())
        found: Sequence[Session] = yield from self._counted(call)
        return {session.session_id: session for session in found}

    def _counted(self, call: Steps[T]) -> Steps[T]:
        with self._lock:
            self._under_way += 1
        try:
            return (yield from call)
        finally:
            with self._lock:
                self._under_way -= 1
