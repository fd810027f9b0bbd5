"""Collects the problems of a configuration, so that one error reports all of them.

>>> from datetime import timedelta
>>> problems = Problems()
>>> problems.seconds("leeway", timedelta(minutes=10), at_most=300)
0.0
>>> problems.names("roles", "admin")
()
>>> len(problems)
2

`problems.raise_all()` then raises one `ConfigurationError` with both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import TypeVar

from jwtguard.core.errors import ConfigurationError

T = TypeVar("T")


class Problems(list[str]):
    """The problems that were found so far, each a sentence that says what to write instead."""

    def add(self, expected: str, found: object) -> None:
        """Add that a setting is not as `expected`."""
        self.append(f"{expected}: found {found!r}")

    def of(self, make: Callable[[], T], *, prefix: str = "") -> T | None:
        """Return what `make` returns; if it raises a `ConfigurationError`, add its problems and return None.

        `prefix` stands in front of each of these problems.
        """
        try:
            return make()
        except ConfigurationError as error:
            self.extend(prefix + problem for problem in error.problems)
            return None

    def seconds(self, name: str, value: object, *, at_most: float = float("inf")) -> float:
        """Return the seconds of the timedelta `value`; add a problem and return 0.0 if it is none or out of range."""
        if not isinstance(value, timedelta):
            self.append(f"{name} is a timedelta, found {value!r}: write {name}=timedelta(seconds=10)")
        elif not 0 <= value.total_seconds() <= at_most:
            limit = "" if at_most == float("inf") else f" and at most {at_most:g}"
            self.append(f"{name} must be at least 0 seconds{limit}, found {value.total_seconds():g}")
        else:
            return value.total_seconds()
        return 0.0

    def names(self, name: str, values: object) -> tuple[str, ...]:
        """Return a list of strings as a tuple, a set sorted; add a problem and return () for anything else."""
        if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
            found = tuple(values)
            if all(isinstance(value, str) for value in found):
                # A set has no order, and the same rights should make the same token.
                return tuple(sorted(found)) if isinstance(values, set | frozenset) else found
        # A string is a list of characters to Python, and each character would become a name.
        self.append(f'{name} is a list of names: write {name}=["name"], found {values!r}')
        return ()

    def raise_all(self) -> None:
        """Raise one `ConfigurationError` with all problems; do nothing if there are none."""
        ConfigurationError.raise_all(self)
