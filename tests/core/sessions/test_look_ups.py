"""Many look-ups at once: few calls of the store, and no answer that is older than its question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import InvalidTokenError, SessionRevocation, UnavailableError
from jwtguard.core.flow import Call, Flow, Steps, Wait, run_async
from jwtguard.core.sessions import look_ups
from jwtguard.core.sessions.look_ups import ENOUGH, MOST, LookUps, find_many_of, following, new_future
from jwtguard.core.sessions.store_protocol import NewSession, Session
from jwtguard.stores.memory import MemoryStore
from tests.core.dial import DAY, token
from tests.core.token_samples import ISSUER, NOW, Clock


class Counting(MemoryStore):
    """A store on an event loop that counts its calls, each of which waits until it is let go."""

    sync_alternative = "MemoryStore"

    def __init__(self, sessions: int) -> None:
        super().__init__()
        self.calls: list[int] = []
        self.go: asyncio.Event | None = None
        self.fails: Exception | None = None
        for number in range(sessions):
            new = NewSession(
                session_id=f"s{number}", issuer=ISSUER, subject="u", idle_lifetime=DAY, absolute_lifetime=DAY
            )
            self.create(new, now=NOW)

    async def _call(self, asked: int) -> None:
        self.calls.append(asked)
        if self.go is not None:
            await self.go.wait()
        if self.fails is not None:
            raise self.fails

    async def find(self, session_id: str, *, now: float) -> Session | None:  # type: ignore[override]
        await self._call(1)
        return MemoryStore.find(self, session_id, now=now)

    async def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:  # type: ignore[override]
        await self._call(len(session_ids))
        return MemoryStore.find_many(self, session_ids, now=now)


def checks(revocation: SessionRevocation, number: int) -> list[Any]:
    """Tasks that check as many sessions."""
    flows = [Flow(revocation.checking(token(sid=f"s{each}"), clock=Clock())) for each in range(number)]
    return [asyncio.ensure_future(run_async(flow)) for flow in flows]


def gathered(store: Counting, number: int, *, then: Callable[[list[Any]], None] | None = None) -> list[Any]:
    """What becomes of so many checks at once, with `max_staleness=0`."""

    async def main() -> list[Any]:
        store.go = asyncio.Event()
        revocation = SessionRevocation(store, max_staleness=timedelta(0), monotonic=Clock(0))
        tasks = checks(revocation, number)
        async with asyncio.timeout(10):
            while len(store.calls) < ENOUGH + 1:
                await asyncio.sleep(0.001)
        if then is not None:
            then(tasks)
        store.go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    return asyncio.run(main())


def test_two_hundred_at_once() -> None:
    """The first are asked for alone, and all others in as few calls as their bound allows."""
    store = Counting(200)
    assert gathered(store, 200) == [None] * 200
    assert store.calls == [1] * ENOUGH + [MOST, 200 - ENOUGH - MOST]


def test_an_ended_session_among_them() -> None:
    """Each gets its own answer."""
    store = Counting(20)
    store.revoke("s15", now=NOW)
    outcomes = gathered(store, 21)
    refused = [number for number, outcome in enumerate(outcomes) if isinstance(outcome, InvalidTokenError)]
    assert refused == [15, 20]


def test_an_outage() -> None:
    """An outage of the store is a separate UnavailableError for each waiting request."""
    store = Counting(20)
    store.fails = OSError("gone")
    outcomes = gathered(store, 20)
    assert {type(outcome) for outcome in outcomes} == {UnavailableError}
    assert len({id(outcome) for outcome in outcomes}) == 20


def test_one_that_asks_for_all_and_is_cancelled() -> None:
    """The others ask again."""
    store = Counting(20)
    outcomes = gathered(store, 20, then=lambda tasks: tasks[ENOUGH].cancel())
    assert isinstance(outcomes.pop(ENOUGH), asyncio.CancelledError)
    assert outcomes == [None] * 19


def test_one_that_waits_and_is_cancelled() -> None:
    """A cancelled waiter does not disturb the others."""
    store = Counting(20)
    outcomes = gathered(store, 20, then=lambda tasks: tasks[ENOUGH + 1].cancel())
    assert isinstance(outcomes.pop(ENOUGH + 1), asyncio.CancelledError)
    assert outcomes == [None] * 19
    assert store.calls == [1] * ENOUGH + [12]


def steps_until_gathering(look_up: LookUps, session_id: str) -> Steps[Session | None]:
    return look_up.finding(session_id, clock=lambda: NOW)


def many_at_work(look_up: LookUps) -> list[Steps[Session | None]]:
    """As many look-ups under way as make others gather."""
    under_way = [steps_until_gathering(look_up, "s0") for _ in range(ENOUGH)]
    for each in under_way:
        assert isinstance(next(each), Call)
    return under_way


def test_those_that_come_too_late_for_a_call() -> None:
    """Requests that arrive during a call are looked up by the next one."""
    look_up = LookUps(MemoryStore())
    under_way = many_at_work(look_up)
    first = steps_until_gathering(look_up, "s1")
    assert isinstance(next(first), Wait)
    joining = steps_until_gathering(look_up, "s2")
    joined: Any = next(joining)
    asked: Any = first.throw(TimeoutError())
    assert isinstance(asked, Call)
    late = steps_until_gathering(look_up, "s3")
    waiting: Any = next(late)
    assert waiting.future is not joined.future
    for each in (*under_way, first, joining, late):
        each.close()


def test_a_call_holds_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call looks up at most `MOST` sessions, and the next call the rest."""
    monkeypatch.setattr(look_ups, "MOST", 2)
    look_up = LookUps(MemoryStore())
    under_way = many_at_work(look_up)
    gathering = [steps_until_gathering(look_up, f"s{number}") for number in range(4)]
    futures: list[Any] = [next(each) for each in gathering]
    assert futures[1].future is not futures[3].future
    for each in (*under_way, *gathering):
        each.close()
    alone = steps_until_gathering(look_up, "s0")
    assert isinstance(next(alone), Call)
    alone.close()


def test_a_look_up_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait for a look-up is bounded; afterwards the next caller looks up itself."""
    monkeypatch.setattr(look_ups, "FOLLOWER_TIMEOUT", 0.01)
    store = MemoryStore()
    revocation = SessionRevocation(store, monotonic=Clock(0))
    lost = revocation.checking(token(), clock=Clock())
    assert isinstance(next(lost), Call)
    with pytest.raises(UnavailableError):
        Flow(revocation.checking(token(), clock=Clock())).run()
    with pytest.raises(InvalidTokenError):
        Flow(revocation.checking(token(), clock=Clock())).run()
    lost.close()


def test_following_gives_what_was_found() -> None:
    """None where the caller that led gave up."""
    for outcome in (None, "found"):
        future = new_future()
        future.set_result(outcome)
        assert Flow(following(future)).run() == outcome


class Without(MemoryStore):
    """Changes `find` alone."""

    def find(self, session_id: str, *, now: float) -> Session | None:
        return None


class Both(Without):
    """Says of many what `find` says."""

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        return []


class Slotted:
    """Has neither a dict nor `find_many`."""

    __slots__ = ()

    def find(self, session_id: str, *, now: float) -> Session | None:
        return None


class Wrapping(Both):
    """Hands on to another store, as `jwtguard.otel.traced_store` does."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.__wrapped__ = store


def patched() -> MemoryStore:
    store = MemoryStore()
    store.find = lambda session_id, *, now: None  # type: ignore[method-assign]
    return store


@pytest.mark.parametrize(
    ("store", "expected"),
    [
        (MemoryStore(), True),
        (Without(), False),
        (Both(), True),
        (Slotted(), False),
        (object(), False),
        (patched(), False),
        (Wrapping(MemoryStore()), True),
        (Wrapping(Without()), False),
    ],
)
def test_whether_many_are_looked_up(store: Any, expected: bool) -> None:
    """Never past a `find` that a subclass or a test has changed."""
    assert (find_many_of(store) is not None) is expected
