"""Figures: the median of the rounds, and the quarter of them above and below; compared round by round.

>>> print(ratio([20.0, 22.0, 21.0], [10.0, 10.0, 10.0]))
2.10 (2.05 to 2.15)
>>> str(Figure(median=0.08341, low=0.0812, high=0.0899))
'0.0834 (0.0812 to 0.0899)'
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A median with its quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{said(self.median)} ({said(self.low)} to {said(self.high)})"


def figure(rounds: Sequence[float]) -> Figure:
    """What many rounds come to."""
    if len(rounds) < 2:
        return Figure(rounds[0], rounds[0], rounds[0])
    low, middle, high = statistics.quantiles(rounds, n=4, method="inclusive")
    return Figure(middle, low, high)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Figure:
    """One against another, of rounds that were measured in turn."""
    return figure([our / their if their else math.inf for our, their in zip(ours, theirs, strict=True)])


def less(more: Sequence[float], bare: Sequence[float]) -> list[float]:
    """What was added to the bare thing, round by round."""
    return [one - other for one, other in zip(more, bare, strict=True)]


def said(value: float) -> str:
    """A number with three digits, which is more than most machines repeat."""
    if not math.isfinite(value):
        return "-"
    if value == 0:
        return "0"
    # 99.96 has three digits before its point is moved, and four after it was rounded.
    value = float(f"{value:.3g}")
    return f"{value:,.{max(2 - math.floor(math.log10(abs(value))), 0)}f}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, numbers to the right."""
    lines = [list(map(str, row)) for row in rows]
    kinds = ["---:" if _are_numbers([line[place] for line in lines]) else "---" for place in range(len(head))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [list(head), kinds, *lines])


def _are_numbers(cells: Sequence[str]) -> bool:
    return all(cell[:1].isdigit() or (cell.startswith("-") and not cell[1:2].isalpha()) for cell in cells)
