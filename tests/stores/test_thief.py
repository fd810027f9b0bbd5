"""A stolen copy of a refresh token, used in every order: the thief is out, or inside the grace time, nowhere else."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwtguard import InvalidGrantError, Sessions
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing.conformance.store_bench import StoreBench, rotation_of

GRACE = 10.0
PAUSES = [0.0, 1.0, GRACE - 1, GRACE, GRACE + 1, 100.0]


class Holder:
    """A holder of a refresh token, who always uses the newest one received."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.is_in = True

    def refresh(self, sessions: Sessions) -> None:
        try:
            answer = sessions.refresh(self.token).run()
        except InvalidGrantError:
            self.is_in = False
        else:
            self.token = answer.refresh_token


def play(order: Sequence[tuple[bool, float]], *, grace: float) -> None:
    """A thief copies the owner's token, and both refresh: (is it the thief, seconds since the last refresh)."""
    with asyncio.Runner() as runner:
        bench = StoreBench(MemoryStore(), runner)
        sessions = bench.sessions(grace=grace)
        token = sessions.start(bench.subject).run().refresh_token
        owner, thief = Holder(token), Holder(token)
        for is_thief, pause in order:
            bench.now += pause
            present(thief if is_thief else owner, sessions, bench, grace)
        # In the end one goes on, and the other comes too late.
        ahead, behind = sorted((owner, thief), key=lambda holder: -rotation_of(holder.token).generation)
        bench.now += grace + 1
        present(ahead, sessions, bench, grace)
        bench.now += grace + 1
        present(behind, sessions, bench, grace)
        present(ahead, sessions, bench, grace)
        assert not behind.is_in
        assert not ahead.is_in


def present(holder: Holder, sessions: Sessions, bench: StoreBench, grace: float) -> None:
    """One refresh: answered by the row's one newest generation, and only to who is at most the grace time behind it."""
    rotation = rotation_of(holder.token)
    before = bench.found(rotation.session_id)
    behind = before.generation - rotation.generation
    age = float("inf") if before.refreshed_at is None else bench.now - before.refreshed_at
    is_inside = before.is_alive and (behind == 0 or (behind == 1 and age < grace))
    holder.refresh(sessions)
    after = bench.found(rotation.session_id)
    assert holder.is_in is after.is_alive is is_inside
    if is_inside:
        assert rotation_of(holder.token).generation == after.generation, "there is one branch"


@settings(max_examples=1000, deadline=None)
@given(
    order=st.lists(st.tuples(st.booleans(), st.sampled_from(PAUSES)), max_size=20),
    grace=st.sampled_from([0.0, GRACE, 60.0]),
)
def test_in_every_order(order: list[tuple[bool, float]], grace: float) -> None:
    """In any order, with any pauses, there is one branch; a holder behind by more than the grace time ends it."""
    play(order, grace=grace)


@pytest.mark.parametrize("order", list(itertools.product([False, True], repeat=6)), ids=str)
def test_all_short_orders(order: tuple[bool, ...]) -> None:
    """Every order of six, with pauses longer than the grace time: at the first return to an old turn it is over."""
    with asyncio.Runner() as runner:
        bench = StoreBench(MemoryStore(), runner)
        sessions = bench.sessions(grace=GRACE)
        token = sessions.start(bench.subject).run().refresh_token
        holders = {False: Holder(token), True: Holder(token)}
        for is_thief in order:
            bench.now += GRACE + 1
            holders[is_thief].refresh(sessions)
        both_moved = len(set(order)) == 2
        assert bench.found(rotation_of(token).session_id).is_alive is not both_moved
        if both_moved:
            for holder in holders.values():
                holder.refresh(sessions)
                assert not holder.is_in


def test_a_thousand_copies() -> None:
    """A thousand refreshes with one stolen copy, before, within and after the grace time: never a second branch."""
    with asyncio.Runner() as runner:
        bench = StoreBench(MemoryStore(), runner)
        sessions = bench.sessions(grace=GRACE)
        token = sessions.start(bench.subject).run().refresh_token
        rotations = set()
        for _ in range(1000):
            bench.now += GRACE / 1001
            rotations.add(rotation_of(sessions.refresh(token).run().refresh_token).generation)
        assert rotations == {1}
        bench.now += GRACE
        with pytest.raises(InvalidGrantError):
            sessions.refresh(token).run()
        assert bench.found(rotation_of(token).session_id).state == "revoked"
