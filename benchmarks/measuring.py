"""Interleaved rounds: each contender runs a short batch in turn, so that all of them meet the same machine.

>>> pace = Pace.quick()
>>> series = interleaved("sums", {"ten": repeat(lambda: sum(range(10)))}, pace)
>>> series[0].name, len(series[0].rounds) == pace.rounds
('ten', True)
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

Batch = Callable[[int], object]
"""Does one operation as many times as it is told."""

MICROSECONDS = "µs"
LIMIT = "limit"
"""The contender of `benchmarks.limit`, which checks nothing."""
_CALIBRATIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long to measure. At least seven rounds: a median of fewer says little."""

    rounds: int
    batch_seconds: float
    is_quick: bool

    @classmethod
    def full(cls) -> Pace:
        """For figures that are published."""
        return cls(rounds=21, batch_seconds=0.02, is_quick=False)

    @classmethod
    def quick(cls) -> Pace:
        """To see that all of it works."""
        return cls(rounds=7, batch_seconds=0.004, is_quick=True)

    def of(self, full: int, quick: int) -> int:
        """A number of things to make, by pace."""
        return quick if self.is_quick else full


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One contender's figure of each round. Those of a group were measured in turn, so rounds compare one by one."""

    group: str
    name: str
    rounds: Sequence[float]
    unit: str = MICROSECONDS


@dataclass(slots=True, kw_only=True)
class Findings:
    """What a section found; `facts` were counted rather than timed, `left_out` says what could not be measured."""

    series: list[Series] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


class MissingError(Exception):
    """Something that a measurement needs is not on this machine; the text says what to install."""


def repeat(operation: Callable[[], object]) -> Batch:
    """A batch of an operation that takes no argument."""

    def batch(times: int) -> None:
        for _ in range(times):
            operation()

    return batch


def interleaved(group: str, batches: Mapping[str, Batch], pace: Pace) -> list[Series]:
    """Time all `batches` in turn, round by round, in microseconds for one operation."""
    times = {name: _calibrated(batch, pace.batch_seconds) for name, batch in batches.items()}
    # Objects that exist now live to the end: the collector need not visit them during a batch.
    gc.collect()
    gc.freeze()
    rounds: dict[str, list[float]] = {name: [] for name in batches}
    names = list(batches)
    for number in range(pace.rounds):
        # Each contender starts a round once, so that none always runs after the same neighbour's garbage.
        rotation = number % len(names)
        for name in names[rotation:] + names[:rotation]:
            rounds[name].append(_seconds(batches[name], times[name]) / times[name] * 1e6)
    gc.unfreeze()
    return [Series(group=group, name=name, rounds=rounds[name]) for name in names]


def _calibrated(batch: Batch, seconds: float) -> int:
    """How many operations take about `seconds`; on the way the code gets warm."""
    times = 1
    batch(times)  # The first one loads and compiles what the others find.
    while _seconds(batch, times) < seconds / 4:
        times *= 4
    # The best of some: a pause of the machine would be taken for the operation, and then a batch be a single one.
    took = min(_seconds(batch, times) for _ in range(_CALIBRATIONS))
    return max(1, round(times * seconds / took))


def _seconds(batch: Batch, times: int) -> float:
    began = time.perf_counter()
    batch(times)
    return time.perf_counter() - began
