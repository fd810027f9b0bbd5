"""Collecting what is wrong with a configuration, so that all of it is reported at once.

>>> problems = []
>>> checked = Checked(problems)
>>> def check():
...     raise ConfigurationError("audience is required")
>>> checked(check), problems
(None, ['audience is required'])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jwtguard.core.errors import ConfigurationError

T = TypeVar("T")


class Checked:
    """Runs checks and adds what they find wrong to `problems`."""

    __slots__ = ("_problems",)

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems

    def __call__(self, check: Callable[[], T]) -> T | None:
        """What `check` returns, or None if it found a problem."""
        try:
            return check()
        except ConfigurationError as error:
            self._problems.extend(error.problems)
            return None
