"""The tables of docs/scale.md, as rows: each model for one process, ten, and so on to ten thousand.

>>> tables = Tables.made(processes=(1, 10), scale=0.01)
>>> [row["processes"] for row in tables.revocation]
[1, 10]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from benchmarks.simulation import keys, memory, revocation

PROCESSES = (1, 10, 100, 1_000, 10_000)
_REQUESTS = 400_000
"""That one simulated process gets; more would only take longer."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What the simulation says, with the theory beside it."""

    revocation: Sequence[Row]
    keys: Sequence[Row]
    memory: Sequence[Row]

    @classmethod
    def made(cls, *, processes: Sequence[int] = PROCESSES, scale: float = 1.0) -> Tables:
        """Simulate all of it; with a `scale` below 1, fewer users for a shorter time."""
        return cls(
            revocation=[revocation_row(number, scale=scale) for number in processes],
            keys=[keys_row(number, scale=scale) for number in processes],
            memory=[memory_row(number, scale=scale) for number in processes],
        )


def revocation_row(processes: int, *, scale: float = 1.0) -> Row:
    """A thousand sessions that click once a second."""
    setting = revocation.Setting(processes=processes, sessions=max(20, round(1000 * scale)), seconds=600)
    found, theory = revocation.simulate(setting), revocation.expected(setting)
    return {"processes": processes, **_per_session(asdict(found), setting.sessions, theory)}


def _per_session(found: Row, sessions: int, theory: revocation.Outcome) -> Row:
    return {
        "look_ups": found["look_ups"] / sessions,
        "look_ups_expected": theory.look_ups / sessions,
        "refreshes": found["refreshes"] / sessions,
        "refreshes_expected": theory.refreshes / sessions,
        "let_in": found["let_in"],
        "let_in_expected": theory.let_in,
        "longest": found["longest"],
    }


def keys_row(processes: int, *, scale: float = 1.0) -> Row:
    """Key changes without warning and well ahead; and processes that all start at once."""
    setting = keys.Setting(processes=processes, hours=max(2.0, 6 * scale))
    sudden, together = keys.simulate(setting), keys.simulate(replace(setting, start_within=1.0))
    ahead = keys.simulate(replace(setting, ahead=2 * setting.lifetime))
    theory = keys.expected(setting)
    return {
        "processes": processes,
        "refreshes": sudden.refreshes,
        "refreshes_expected": theory.refreshes,
        "searches": sudden.searches,
        "searches_expected": theory.searches,
        "searches_ahead": ahead.searches,
        "peak": sudden.peak,
        "peak_together": together.peak,
    }


def memory_row(processes: int, *, scale: float = 1.0) -> Row:
    """Ten thousand users of the fleet, by chance to any process; and, in the second column, each to a process of its
    own (a load balancer that sends a user to the same one again).
    """
    row: Row = {"processes": processes}
    users = max(100, round(10_000 * scale))
    for name, setting in (
        ("by_chance", memory.Setting(processes=processes, users=users)),
        ("sticky", memory.Setting(processes=1, users=max(1, users // processes))),
    ):
        # Long enough for tokens to come and go, unless they come so fast that they have done so long before.
        a_second = setting.users * setting.rate / setting.processes
        enough = replace(setting, seconds=min(_REQUESTS * scale / a_second, 20 * setting.token_lifetime))
        row[name], row[f"{name}_expected"] = memory.simulate(enough), memory.expected(enough)
    return row
