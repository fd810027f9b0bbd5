"""Is it flat, linear, or worse? A straight line through the medians, and how far they bend from it.

>>> slope_of([1, 10, 100], [5.0, 5.1, 5.0]).kind
'flat'
>>> slope_of([1, 10, 100], [5.0, 14.0, 104.0])
Slope(kind='linear', slope=1.0)
>>> slope_of([1, 10, 100], [1.0, 100.0, 10000.0]).kind
'worse than linear'
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_FLAT = 1.2
"""What is no dearer than this at the far end is flat: all of them go further than ten times as far."""
_WORSE = 1.25
"""The exponent from which on it is worse than linear."""
_NOISE = 0.05
"""What grows by less than this part of the first cost says nothing about how it grows."""


@dataclass(frozen=True, slots=True)
class Slope:
    """`slope` is in microseconds for one more."""

    kind: Literal["flat", "linear", "worse than linear"]
    slope: float


def slope_of(points: Sequence[float], medians: Sequence[float]) -> Slope:
    """The slope of what was measured at these points, of which there are at least three."""
    slope = statistics.linear_regression(points, medians).slope
    if medians[-1] <= medians[0] * _FLAT:
        return Slope("flat", slope)
    # What came on top of the first cost, at the last two points: how many times as much for how many times as far?
    before, last = (max(median - medians[0], medians[0] * _NOISE) for median in medians[-2:])
    further = (points[-1] - points[0]) / (points[-2] - points[0])
    exponent = math.log(last / before) / math.log(further)
    return Slope("worse than linear" if exponent > _WORSE else "linear", slope)
