"""The mark that `requires` leaves on a view, so that the routes of an application can be listed with what guards them.

>>> from jwtguard.core.authorization import has_role
>>> def view(): ...
>>> mark(view, Mark(requirement=has_role("admin")))
>>> [each.requirement for each in marks_of(view)]
[has_role('admin')]

It is left where a view is decorated and read by tools alone: no request is decided by it.
"""

from __future__ import annotations

import functools
import itertools

from jwtguard import core
from jwtguard.core.authorization import Requirement
from jwtguard.core.dataclasses import dataclass
from jwtguard.core.extraction import TokenSource
from jwtguard.guard import Guard

_PREFIX = "_jwtguard_mark_"
_number = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mark:
    """What one `requires`, or a route that is shipped with jwtguard, asks of its callers.

    `tokens_from` is None where the guard says; `guard` is None where the one in front, or of the settings, decides.
    `sessions` are those of a shipped route.
    """

    requirement: Requirement
    tokens_from: tuple[TokenSource, ...] | None = None
    guard: Guard | None = None
    sessions: core.Sessions | None = None

    @property
    def is_shipped(self) -> bool:
        """Whether it stands on a route that is shipped with jwtguard."""
        return self.sessions is not None


def mark(view: object, found: Mark) -> None:
    """Leave `found` on `view`, beside what its inner decorators left there."""
    # Each under a name of its own: whatever wraps the view copies its attributes, one by one, and Django's
    # `method_decorator` copies those of the inner method over those of the outer decorator.
    setattr(view, f"{_PREFIX}{next(_number)}", found)


def marks_of(view: object) -> tuple[Mark, ...]:
    """What was left on `view` and on what it wraps, innermost first."""
    found: dict[str, Mark] = {}
    while view is not None:
        attributes: dict[str, object] = getattr(view, "__dict__", {})
        found |= {
            name: value for name, value in attributes.items() if name.startswith(_PREFIX) and isinstance(value, Mark)
        }
        view = view.func if isinstance(view, functools.partial) else attributes.get("__wrapped__")
    return tuple(found[name] for name in sorted(found, key=lambda name: int(name.removeprefix(_PREFIX))))
