"""A clock that jumps from event to event.

>>> timeline, seen = Timeline(), []
>>> timeline.at(2.0, lambda: seen.append(timeline.now))
>>> timeline.at(1.0, lambda: timeline.at(1.5, lambda: seen.append(timeline.now)))
>>> timeline.run(until=10.0)
>>> seen
[1.5, 2.0]
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Event = Callable[[], object]


class Timeline:
    """What is to happen, in order of time; what is due at the same moment, in the order in which it was said."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._coming: list[tuple[float, int, Event]] = []

    def at(self, time: float, event: Event) -> None:
        """Let `event` happen at `time`, in seconds; not before now."""
        heapq.heappush(self._coming, (max(time, self.now), next(self._order), event))

    def run(self, *, until: float) -> None:
        """Let all happen that is due before `until`."""
        while self._coming and self._coming[0][0] < until:
            self.now, _, event = heapq.heappop(self._coming)
            event()
        self.now = until
