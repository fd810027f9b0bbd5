"""Who was let in during one request: what an adapter keeps from its middleware to its views.

>>> callers = Callers()
>>> guard = object()
>>> callers.keep(guard, Authentication())
>>> callers.kept(guard) is not None, callers.kept(object()) is None
(True, True)

A result counts only for the very guard that made it. Adapters store one `Callers` under a private key of the request
and fill the framework's own places (`scope["user"]`, `request.principal`) from it: those are outputs, never inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias

from jwtguard.core.authorization import Requirement, check_requirement
from jwtguard.core.errors import ConfigurationError
from jwtguard.core.extraction import TokenSource, check_sources
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.http import HTTPRequest
from jwtguard.core.principal import Principal
from jwtguard.guard import Admission, Authentication, Guard

KEY = "jwtguard.callers"
"""Where adapters keep the `Callers` of a request."""

EXEMPT = "_jwtguard_exempt"
"""Where adapters mark a view that reads no access token: with the object whose middleware lets it through unasked."""
Entry: TypeAlias = Admission | Authentication
Headers: TypeAlias = list[tuple[str, str]]


class Pending(Protocol):
    """Something to finish when the response starts (silent renewal)."""

    def finish(self, status: int, set_cookies: Sequence[str]) -> Flow[tuple[str, ...]]:
        """The `Set-Cookie` values to add to a response that has this status and sets these cookies."""
        ...


def finishing(pending: Iterable[Pending], status: int, headers: Sequence[tuple[str, str]]) -> Flow[Headers | None]:
    """The header fields of a response that starts now, with what is pending done; None if they stay as they are."""
    return Flow(_finishing(pending, status, headers))


def _finishing(pending: Iterable[Pending], status: int, headers: Sequence[tuple[str, str]]) -> Steps[Headers | None]:
    added: list[str] = []
    set_cookies = [value for name, value in headers if name.lower() == "set-cookie"]
    for one in pending:
        added.extend((yield from one.finish(status, set_cookies)))
    if not added:
        return None
    # Tokens must not be stored on the way, whatever the view said of a page that it took for harmless.
    kept = [(name, value) for name, value in headers if name.lower() != "cache-control"]
    return [*kept, ("Cache-Control", "no-store"), *(("Set-Cookie", cookie) for cookie in added)]


class Callers:
    """What the middlewares in front found out, and the callers that `requires` let in, innermost last."""

    __slots__ = ("_admitted", "_kept", "_pending")

    def __init__(self) -> None:
        self._pending: list[Pending] = []
        self._kept: dict[Guard, Entry | Callable[[], Entry]] = {}
        self._admitted: list[tuple[Guard, Principal | None]] = []

    def keep(self, guard: Guard, entry: Entry | Callable[[], Entry]) -> None:
        """Keep what the middleware of `guard` found out, or how to find it out once somebody asks."""
        self._kept[guard] = entry

    def put_off(self, pending: Pending) -> None:
        """Keep something for when the response starts."""
        self._pending.append(pending)

    def take_pending(self) -> list[Pending]:
        """What was kept for when the response starts, once."""
        pending, self._pending = self._pending, []
        return pending

    def _entry(self, guard: Guard) -> Entry | None:
        entry = self._kept.get(guard)
        if callable(entry):
            entry = self._kept[guard] = entry()
        return entry

    def kept(self, guard: Guard) -> Authentication | None:
        """The authentication that the middleware of this very guard made; None if it read no token."""
        entry = self._entry(guard)
        return None if entry is None else entry.authentication

    def knows(self, guard: Guard) -> bool:
        """Whether the middleware of this very guard is in front, or a view has asked it."""
        return guard in self._kept or any(admitting is guard for admitting, _ in self._admitted)

    def is_kept(self, guard: Guard, error: Exception) -> bool:
        """Whether `error` is the one that the middleware of this very guard kept, raised by reading the principal."""
        entry = self._kept.get(guard)
        return isinstance(entry, Authentication) and entry.error is error

    @property
    def has_middleware(self) -> bool:
        """Whether a middleware is in front."""
        return bool(self._kept)

    @property
    def is_inside_requires(self) -> bool:
        """Whether a view with `requires` is running."""
        return bool(self._admitted)

    def admit(self, guard: Guard, principal: Principal | None) -> None:
        """From here on, `principal` is the caller."""
        self._admitted.append((guard, principal))

    @contextmanager
    def admitting(self, guard: Guard, principal: Principal | None) -> Iterator[None]:
        """While the view runs, `principal` is the caller."""
        self._admitted.append((guard, principal))
        try:
            yield
        finally:
            self._admitted.pop()

    def guard(self) -> Guard:
        """The one guard whose middleware is in front; raises `ConfigurationError` if there is none, or several."""
        if len(self._kept) == 1:
            return next(iter(self._kept))
        if self._kept:
            raise ConfigurationError(
                "more than one guard authenticates this request: ask one of them, as in auth.principal and"
                " @auth.requires(...), or name it, as in requires(..., guard=guard)"
            )
        raise ConfigurationError(
            "no jwtguard middleware is in front of this view: add it, or name the guard, as in"
            " requires(..., guard=guard)"
        )

    def principal(self) -> Principal | None:
        """The caller: of the innermost `requires` around the running view, else of the one middleware in front.

        Raises the error that the middleware kept, or `ConfigurationError` if nobody or more than one can answer.
        """
        if self._admitted:
            return self._admitted[-1][1]
        return self.principal_of(self.guard())

    def known_principal(self) -> Principal | None:
        """The caller if one guard alone is in front and found one; never raises, for places that only show it."""
        entries = list(self._kept.values())
        return entries[0].principal if len(entries) == 1 and not callable(entries[0]) else None

    def principal_of(self, guard: Guard) -> Principal | None:
        """The caller as this very guard knows it; raises the error that its middleware kept."""
        for admitting, principal in reversed(self._admitted):
            if admitting is guard:
                return principal
        entry = self._entry(guard)
        if entry is None:
            raise ConfigurationError(
                "nobody has asked this guard who is calling: put its middleware in front, or `requires` on the view"
            )
        return entry.require()


class Checkpoint:
    """What one `requires(...)` asks for, checked when it is written down, not when a request comes.

    With `tokens_from` the request is read again, since the middleware looked elsewhere for the token.
    """

    __slots__ = ("requirement", "tokens_from")

    def __init__(self, requirement: Requirement, tokens_from: Iterable[TokenSource] | None) -> None:
        self.requirement = check_requirement(requirement)
        self.tokens_from = None if tokens_from is None else check_sources(tokens_from)

    def admit(self, guard: Guard, request: HTTPRequest, callers: Callers) -> Flow[Admission]:
        """Let the caller of `request` in, by what the middleware of this very guard kept if it can be used."""
        kept = callers.kept(guard) if self.tokens_from is None else None
        return guard.admit(request, self.requirement, kept=kept, tokens_from=self.tokens_from)
