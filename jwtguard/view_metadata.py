"""What `requires` attaches to a guarded view, for tools, and a note of the function that it was put around.

>>> from jwtguard.core.access.requirements import has_role
>>> def view(): ...
>>> attach(view, ViewMetadata(requirement=has_role("admin")))
>>> [each.requirement for each in metadata_of(view)]
[has_role('admin')]

Both are written where a view is decorated. Tools list the routes of an application by the metadata. The notes tell that
`requires` stands above the decorator that registers the route, so that the route runs the bare view: an adapter raises
then, and lets no request pass.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType

from jwtguard.core.access.requirements import Requirement
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.guard import Guard

_PREFIX = "_jwtguard_metadata_"
_number = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewMetadata:
    """What one `requires`, or a route that is shipped with jwtguard, asks of its callers.

    `tokens_from` is None where the guard says; `guard` is None where the one in front, or of the settings, decides.
    `sessions` are those of a shipped route, which was made to stand at `path` below `prefix`.
    """

    requirement: Requirement
    tokens_from: tuple[TokenSource, ...] | None = None
    guard: Guard | None = None
    sessions: Sessions | None = None
    prefix: str = ""
    path: str = ""
    publishes: Guard | None = None
    """The guard whose resource metadata the route serves (RFC 9728); None for any other route."""

    @property
    def is_shipped(self) -> bool:
        """Whether it stands on a route that is shipped with jwtguard."""
        return self.sessions is not None


def attach(view: object, found: ViewMetadata) -> None:
    """Attach `found` to `view`, beside what its inner decorators attached."""
    # Each under a name of its own: whatever wraps the view copies its attributes, one by one, and Django's
    # `method_decorator` copies those of the inner method over those of the outer decorator.
    setattr(view, f"{_PREFIX}{next(_number)}", found)


def metadata_of(view: object) -> tuple[ViewMetadata, ...]:
    """The metadata of `view` and of what it wraps, innermost first."""
    found: dict[str, ViewMetadata] = {}
    while view is not None:
        attributes: dict[str, object] = getattr(view, "__dict__", {})
        found |= {
            name: value
            for name, value in attributes.items()
            if name.startswith(_PREFIX) and isinstance(value, ViewMetadata)
        }
        view = view.func if isinstance(view, functools.partial) else attributes.get("__wrapped__")
    return tuple(found[name] for name in sorted(found, key=lambda name: int(name.removeprefix(_PREFIX))))


_AROUND: weakref.WeakKeyDictionary[object, weakref.ref[object]] = weakref.WeakKeyDictionary()
"""Each function that `requires` was put around on an `@` line, with what came of it."""


def note(guarded: object) -> None:
    """Note which function `guarded` is to guard: the one whose definition has `requires` on an `@` line."""
    for inner in _within(getattr(guarded, "__wrapped__", None)):
        if inspect.isfunction(inner) and _is_being_defined(inner):
            _AROUND[inner] = weakref.ref(guarded)


def _is_being_defined(function: FunctionType) -> bool:
    """Whether its `def` statement is still at its decorators, so that its name does not stand for it yet.

    A function that has its name and is guarded by a call, `guarded = requires()(view)`, may go on being used bare
    elsewhere, in another application for example.
    """
    frame = inspect.currentframe()
    while frame is not None and function.__code__ not in frame.f_code.co_consts:
        frame = frame.f_back
    return frame is not None and all(value is not function for value in frame.f_locals.values())


def bypassed(views: Iterable[object]) -> dict[int, str]:
    """What is wrong with the `views` that an application has registered, by their `id`; empty if nothing is.

    A view is bypassed if its definition has `requires` on an `@` line, and what came of that is not registered in this
    application. A view that is registered twice, bare and guarded, is meant so.
    """
    within = [(view, list(_within(view))) for view in views]
    registered = {id(each) for _, chain in within for each in chain}
    return {id(view): _problem(view) for view, chain in within if any(_is_bypassed(each, registered) for each in chain)}


def check_order(views: Iterable[object]) -> None:
    """Raise `ConfigurationError` with every view of an application that is bypassed."""
    ConfigurationError.raise_all(dict.fromkeys(bypassed(views).values()))


def _problem(view: object) -> str:
    name = getattr(view, "__qualname__", type(view).__qualname__)
    return (
        f"nothing guards {getattr(view, '__module__', '')}.{name}: its route was registered before `requires` was put"
        " around it. Decorators apply from the bottom up: put the line that registers the route above `requires`"
    )


def _is_bypassed(view: object, registered: set[int]) -> bool:
    guarded = _AROUND.get(view) if inspect.isfunction(view) else None
    return guarded is not None and id(guarded()) not in registered


def _within(view: object) -> Iterator[object]:
    """`view` and what it wraps, outermost first."""
    waiting, seen = [view], set[int]()
    while waiting:
        view = waiting.pop()
        if view is None or id(view) in seen:
            continue
        seen.add(id(view))
        yield view
        inner = view.func if isinstance(view, functools.partial) else getattr(view, "__dict__", {}).get("__wrapped__")
        waiting += _kept_in(view) if inner is None else [inner]


def _kept_in(view: object) -> list[object]:
    """The functions that a wrapper without `__wrapped__` may call: in its closure, or attributes of an object."""
    found: list[object] = []
    if inspect.isfunction(view):
        for cell in view.__closure__ or ():
            with suppress(ValueError):  # A variable that has no value yet.
                found.append(cell.cell_contents)
    elif callable(view) and not isinstance(view, type):
        found += getattr(view, "__dict__", {}).values()
    return [each for each in found if inspect.isfunction(each)]
