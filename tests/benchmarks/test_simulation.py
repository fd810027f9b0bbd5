"""The simulation behind docs/scale.md: it repeats itself, agrees with theory, and its model with the real thing."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.results import COMMITTED, Results
from benchmarks.simulation import keys, memory, revocation
from benchmarks.simulation.__main__ import main
from benchmarks.simulation.events import Timeline
from benchmarks.simulation.tables import PROCESSES, keys_row, memory_row
from jwtguard import SessionRevocation
from jwtguard.core.errors import InvalidTokenError
from jwtguard.core.flow import Flow
from jwtguard.core.sessions.store_protocol import NewSession
from jwtguard.stores.memory import MemoryStore

SMALL = revocation.Setting(processes=1, sessions=300, seconds=300.0)


def test_events_come_in_order() -> None:
    """Events run by time, then in the order of their entry; a late one runs at once."""
    timeline, seen = Timeline(), list[str]()

    def tell_twice() -> None:
        seen.append("b")
        timeline.at(1.0, lambda: seen.append(f"late {timeline.now}"))

    timeline.at(2.0, tell_twice)
    timeline.at(2.0, lambda: seen.append("c"))
    timeline.at(1.0, lambda: seen.append("a"))
    timeline.at(9.0, lambda: seen.append("never"))
    timeline.run(until=9.0)

    assert seen == ["a", "b", "c", "late 2.0"]
    assert timeline.now == 9.0


@pytest.mark.parametrize("processes", [1, 10, 1000])
def test_revocation_agrees_with_theory(processes: int) -> None:
    """Look-ups and refreshes agree within a few per cent, and no revoked session passes after `max_staleness`."""
    setting = replace(SMALL, processes=processes)
    found, theory = revocation.simulate(setting), revocation.expected(setting)

    assert found.look_ups == pytest.approx(theory.look_ups, rel=0.03)
    assert found.refreshes == pytest.approx(theory.refreshes, rel=0.2)
    assert found.let_in == pytest.approx(theory.let_in, rel=0.25, abs=0.02)
    assert found.longest < theory.longest


@pytest.mark.parametrize(("rate", "ahead"), [(10.0, 0.0), (1.0, 0.0), (10.0, 300.0)])
def test_fetches_agree_with_theory(rate: float, ahead: float) -> None:
    """Refreshes and searches; a search is a fetch too, so up to one refresh a process is saved."""
    setting = keys.Setting(processes=300, rate=rate, ahead=ahead, hours=6.0)
    found, theory = keys.simulate(setting), keys.expected(setting)

    assert theory.refreshes * 0.95 < found.refreshes <= theory.refreshes * 1.01
    assert found.searches == pytest.approx(theory.searches, rel=0.1)


def test_a_key_that_was_published_in_time_causes_no_search() -> None:
    """Two lifetimes ahead of its first signature, each process has fetched it by itself."""
    assert keys.simulate(keys.Setting(processes=300, ahead=1200.0, hours=6.0)).searches == 0


def test_processes_that_start_together_fetch_together() -> None:
    """Most of them in one second, and later again."""
    scattered = keys.simulate(keys.Setting(processes=300))
    together = keys.simulate(keys.Setting(processes=300, start_within=1.0))

    assert together.peak > 0.5 * 300 > scattered.peak


@pytest.mark.parametrize(
    "setting",
    [
        memory.Setting(processes=100, users=100, seconds=6000.0),  # everything fits
        memory.Setting(processes=1, users=5000, seconds=30.0),  # hardly anything does
        memory.Setting(processes=3000, users=3000, seconds=6000.0),  # hardly anybody comes twice
    ],
)
def test_memory_agrees_with_theory(setting: memory.Setting) -> None:
    """Where nothing makes room for others, and where nearly everything does."""
    assert memory.simulate(setting) == pytest.approx(memory.expected(setting), rel=0.05)


def test_a_small_memory_is_no_larger_than_it_says() -> None:
    """With room for one token, only a user who comes twice in a row is found."""
    setting = memory.Setting(processes=1, users=10, entries=1, rate=10.0, seconds=200.0)
    assert memory.simulate(setting) == pytest.approx(1 / 10, rel=0.05)


def test_the_model_of_revocation_asks_when_the_real_one_asks() -> None:
    """The same clicks go through real `SessionRevocation`s, on a clock of their own: each asks its store as often."""
    setting = replace(SMALL, processes=3, sessions=10, seconds=60.0)
    chance, clock, asked = random.Random(7), SimpleNamespace(now=0.0), Counter[str]()

    class Counting(MemoryStore):
        def find(self, session_id: str, *, now: float) -> Any:
            asked[session_id] += 1
            return super().find(session_id, now=now)

    store = Counting()
    for session in range(setting.sessions):
        new = NewSession(session_id=f"s{session}", issuer="i", subject="u", idle_lifetime=1e6, absolute_lifetime=1e6)
        store.create(new, now=0)
    staleness = timedelta(seconds=setting.max_staleness)
    processes = [
        SessionRevocation(store, max_staleness=staleness, monotonic=lambda: clock.now) for _ in range(setting.processes)
    ]
    known: dict[tuple[int, int], float] = {}
    modelled = 0
    while clock.now < setting.seconds:
        clock.now += chance.expovariate(setting.rate * setting.sessions)
        process, session = chance.randrange(setting.processes), chance.randrange(setting.sessions)
        if clock.now - known.get((process, session), float("-inf")) >= setting.max_staleness:
            known[process, session] = clock.now
            modelled += 1
        token: Any = SimpleNamespace(claims={"iss": "i", "sid": f"s{session}"})
        Flow(processes[process].checking(token, clock=lambda: clock.now)).run()

    assert asked.total() == modelled
    rate = asked.total() / setting.seconds
    assert rate == pytest.approx(revocation.expected(setting).look_ups, rel=0.1)
    store.revoke("s0", now=clock.now)
    clock.now += setting.max_staleness
    ended: Any = SimpleNamespace(claims={"iss": "i", "sid": "s0"})
    with pytest.raises(InvalidTokenError, match="revoked"):
        Flow(processes[0].checking(ended, clock=lambda: clock.now)).run()


def test_the_tables_repeat_themselves() -> None:
    """One seed, one table: on any machine it is the one in docs/scale.md, of which the cheap rows are made again."""
    kept = Results.read(COMMITTED).facts("simulation")
    for name, made in (("keys", keys_row(100)), ("memory", memory_row(1000)), ("keys", keys_row(10))):
        row = next(row for row in kept[name] if row["processes"] == made["processes"])
        assert row == {
            name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in made.items()
        }


def test_the_command_prints_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    """Three of them, one line for one process, ten, and so on to ten thousand."""
    main(scale=0.01)
    tables = capsys.readouterr().out.strip().split("\n\n")

    assert [len(table.splitlines()) for table in tables] == [2 + len(PROCESSES)] * 3
    assert [line.split(" | ")[0] for line in tables[0].splitlines()[2:]] == [
        "| 1",
        "| 10",
        "| 100",
        "| 1,000",
        "| 10,000",
    ]
