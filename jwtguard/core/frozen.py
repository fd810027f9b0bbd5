"""A base for objects that are read-only once they are made, where a dataclass does not fit.

>>> class Point(Frozen):
...     __slots__ = ("x",)
...
...     def __init__(self, x):
...         set_once(self, x=x)
>>> Point(1).x
1
>>> Point(1).x = 2
Traceback (most recent call last):
    ...
AttributeError: Point is read-only
"""

from __future__ import annotations

from typing import Any, NoReturn


class Frozen:
    """Attributes are set once, by the constructor, through `set_once`."""

    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is read-only")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is read-only")


def set_once(target: object, **attributes: object) -> None:
    """Set attributes of an object under construction."""
    for name, value in attributes.items():
        object.__setattr__(target, name, value)


new_tuple: Any = tuple.__new__
"""`new_tuple(Kind, (1, 2))` is `Kind(1, 2)` for a NamedTuple of which one is made for each request: `Kind` itself is a
Python function, which takes twice as long (0.38 µs for five fields, 0.16 this way).
"""


def draft_of(kind: type) -> type[Any]:
    """A class whose objects can be filled in and then become a `kind`: `draft.__class__ = kind`.

    For frozen dataclasses with slots of which one is made for each request: their own constructor sets each field by
    way of `object.__setattr__` and takes three times as long. The language allows it to classes with the same slots.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, slots=True)
    ... class Point:
    ...     x: int
    >>> Draft = draft_of(Point)
    >>> point = Draft()
    >>> point.x = 1
    >>> point.__class__ = Point
    >>> point
    Point(x=1)
    """
    return type(f"{kind.__name__}Draft", kind.__bases__, {"__slots__": kind.__slots__})  # type: ignore[attr-defined]
