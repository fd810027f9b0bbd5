"""Many who check one session at once: one look-up in flight, over threads and tasks, and an answer that is fresh."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import ConfigurationError, InvalidTokenError, SessionRevocation, UnavailableError
from jwtguard.core.flow import Flow, run_async
from jwtguard.core.sessions.store_protocol import NewSession, Session
from jwtguard.stores.memory import MemoryStore
from tests.core.dial import DAY, Dial, token
from tests.core.token_samples import ISSUER, NOW, Clock


class SlowStore(MemoryStore):
    """A store whose `find` waits until it is let go; it counts who is inside."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()
        self.fails = False

    def find(self, session_id: str, *, now: float) -> Session | None:
        self.inside += 1
        self.entered.release()
        assert self.go.wait(10)
        if self.fails:
            raise UnavailableError("store", retry_after=9)
        return super().find(session_id, now=now)


class Crowd:
    """Threads that all check one session of a slow store."""

    def __init__(self, staleness: float = 5) -> None:
        self.monotonic = Clock(0)
        self.store = SlowStore()
        new = NewSession(session_id="s1", issuer=ISSUER, subject="user-1", idle_lifetime=DAY, absolute_lifetime=DAY)
        self.store.create(new, now=NOW)
        self.revocation = SessionRevocation(
            self.store, max_staleness=timedelta(seconds=staleness), monotonic=self.monotonic
        )
        self.outcomes: list[str] = []
        self.threads: list[threading.Thread] = []

    def come(self, number: int) -> None:
        for _ in range(number):
            thread = threading.Thread(target=self._check)
            self.threads.append(thread)
            thread.start()

    def _check(self) -> None:
        try:
            Flow(self.revocation.checking(token(), clock=Clock())).run()
        except UnavailableError as error:
            self.outcomes.append(f"{error.reason} {error.retry_after}")
        else:
            self.outcomes.append("accepted")

    def wait_for_waiters(self, number: int) -> None:
        """Until so many wait for the look-up that is in flight; for ten seconds and more, if they do not come."""
        pause = threading.Event()
        for _ in range(10_000):
            futures = list(self.revocation._in_flight.values())
            if futures and len(vars(futures[0]._condition)["_waiters"]) >= number:
                return
            pause.wait(0.001)
        raise AssertionError(f"fewer than {number} threads wait for the look-up")

    def leave(self) -> None:
        self.store.go.set()
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.mark.parametrize("fails", [False, True])
def test_one_look_up_in_flight(fails: bool) -> None:
    """Thirty threads, one look-up, and one answer for all, also where it is an outage."""
    crowd = Crowd()
    crowd.store.fails = fails
    crowd.come(30)
    crowd.wait_for_waiters(29)
    crowd.leave()
    assert crowd.store.inside == 1
    assert crowd.outcomes == ["store 9" if fails else "accepted"] * 30
    assert crowd.revocation._in_flight == {}


def test_zero_staleness_shares_no_look_up() -> None:
    """With `max_staleness` 0 each request looks the session up itself."""
    crowd = Crowd(0)
    crowd.come(5)
    for _ in range(5):
        assert crowd.store.entered.acquire(timeout=10)
    crowd.leave()
    assert crowd.outcomes == ["accepted"] * 5


def test_an_answer_that_is_too_old_for_a_waiter() -> None:
    """A request that arrived during a slow look-up repeats it once, because its result may be too old."""
    crowd = Crowd()
    crowd.come(1)
    assert crowd.store.entered.acquire(timeout=10)
    crowd.monotonic.now = 4
    crowd.come(1)
    crowd.wait_for_waiters(1)
    crowd.monotonic.now = 6
    crowd.leave()
    assert crowd.store.inside == 2
    assert crowd.outcomes == ["accepted"] * 2


def test_an_answer_that_came_between_the_look_and_the_lock() -> None:
    """A result that was stored between the first look and the lock is used: no second look-up in `max_staleness`."""
    dial = Dial()
    behind = dial.checking()
    known = dial.revocation._known

    class Late(dict[Any, Any]):
        """Knows nothing at the first look."""

        looks = 0

        def get(self, key: Any, default: Any = None) -> Any:
            self.looks += 1
            return None if self.looks == 1 else known.get(key, default)

    assert dial.outcome() == "accepted"
    object.__setattr__(dial.revocation, "_known", Late())
    assert list(behind) == []
    assert dial.look_ups == 1


def test_a_leader_that_gives_up_hands_over() -> None:
    """When the request that looks up gives up, a waiting request does the look-up."""
    dial = Dial()
    leader, follower = dial.checking(), dial.checking()
    leader.send(None)
    step: Any = follower.send(None)
    assert not step.future.done()
    leader.close()
    assert step.future.result() is None
    step = follower.send(None)
    with pytest.raises(StopIteration):
        follower.send(step.function())
    assert dial.look_ups == 1
    assert dial.outcome() == "accepted"
    assert dial.look_ups == 1


def test_a_wrong_program_leaves_nothing_in_flight() -> None:
    """An async store in sync code: an error for each, and nothing left in flight."""
    dial = Dial()

    async def find(session_id: str, *, now: float) -> None:
        """Never awaited."""

    dial.store.find = find  # type: ignore[method-assign, assignment]
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="not async"):
            Flow(dial.checking()).run()
    assert dial.revocation._in_flight == {}


class LoopStore(MemoryStore):
    """A store on an event loop, whose `find` waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        new = NewSession(session_id="s1", issuer=ISSUER, subject="user-1", idle_lifetime=DAY, absolute_lifetime=DAY)
        self.create(new, now=NOW)
        self.inside = 0
        self.go = asyncio.Event()

    async def find(self, session_id: str, *, now: float) -> Session | None:  # type: ignore[override]
        self.inside += 1
        await self.go.wait()
        return super().find(session_id, now=now)


async def settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("cancelled", [0, 1, 3])
def test_tasks_share_one_look_up(cancelled: int) -> None:
    """A cancelled task hands the look-up over, and cancels no other task."""

    async def main() -> None:
        store = LoopStore()
        revocation = SessionRevocation(store, monotonic=Clock(0))
        tasks = [asyncio.ensure_future(run_async(Flow(revocation.checking(token(), clock=Clock())))) for _ in range(20)]
        await settle()
        assert store.inside == 1
        for task in tasks[:cancelled]:
            task.cancel()
            await settle()
        store.go.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [isinstance(outcome, asyncio.CancelledError) for outcome in done].count(True) == cancelled
        assert done[cancelled:] == [None] * (20 - cancelled)
        assert store.inside <= 1 + cancelled
        assert revocation._in_flight == {}

    asyncio.run(main())


def test_tasks_share_a_refusal() -> None:
    """Each gets an error of its own."""

    async def main() -> None:
        store = LoopStore()
        store.revoke("s1", now=NOW)
        revocation = SessionRevocation(store, monotonic=Clock(0))
        tasks = [asyncio.ensure_future(run_async(Flow(revocation.checking(token(), clock=Clock())))) for _ in range(9)]
        await settle()
        store.go.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert len({id(outcome) for outcome in done}) == 9
        assert {type(outcome) for outcome in done} == {InvalidTokenError}
        assert store.inside == 1

    asyncio.run(main())
