"""The base of objects that are read-only once they are made."""

from __future__ import annotations

import pytest

from jwtguard.core.frozen import Frozen, set_once


class Point(Frozen):
    """A value with one attribute."""

    __slots__ = ("x",)

    x: int

    def __init__(self, x: int) -> None:
        set_once(self, x=x)


def test_constructor_sets() -> None:
    """The constructor sets attributes."""
    assert Point(5).x == 5


def test_nobody_else_sets() -> None:
    """Setting and deleting raise, for known and unknown names."""
    point = Point(5)
    with pytest.raises(AttributeError, match="Point is read-only"):
        point.x = 6
    with pytest.raises(AttributeError, match="Point is read-only"):
        setattr(point, "y", 6)  # noqa: B010 - a name that the type checker does not know
    with pytest.raises(AttributeError, match="Point is read-only"):
        del point.x
    assert point.x == 5
