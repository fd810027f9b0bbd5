"""What the doctor examines: guards, sessions, and their application.

>>> DoctorContext().guards
()
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from jwtguard.core.access.requirements import public
from jwtguard.core.access.rules import Rule, Rules
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.sessions.store_protocol import SessionStore
from jwtguard.core.tokens.jwk_set import KeySource
from jwtguard.guard import Guard
from jwtguard.inventory import Inventory, Route, inventory


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorContext:
    """Guards and sessions, each once. `workers`: how many processes serve, None if unknown.

    `asks_network`: whether checks may ask providers and stores. `allowed`: rules for the paths of routes that may be
    unguarded.
    """

    guards: tuple[Guard, ...] = ()
    sessions: tuple[Sessions, ...] = ()
    inventory: Inventory = field(default_factory=Inventory)
    workers: int | None = None
    asks_network: bool = True
    allowed: Rules = field(default_factory=lambda: Rules([]))

    @classmethod
    def of(
        cls,
        *,
        guards: Iterable[Guard] = (),
        sessions: Iterable[Sessions] = (),
        app: object | None = None,
        workers: int | None = None,
        asks_network: bool = True,
        allowed: Iterable[str] = (),
    ) -> Self:
        """With what is found in `app` beside what is named."""
        found = Inventory() if app is None else inventory(app)
        access_checks = [check for route in found.routes for check in route.access_checks]
        return cls(
            guards=_each_once([*guards, *found.guards, *(check.guard for check in access_checks)]),
            sessions=_each_once([*sessions, *(check.sessions for check in access_checks)]),
            inventory=found,
            workers=workers,
            asks_network=asks_network,
            allowed=rules_of_allowed(allowed),
        )

    def may_be_open(self, route: Route) -> bool:
        """Whether `route` may be unguarded."""
        return self.allowed.rule("GET", route.path) is not None

    @property
    def routes(self) -> list[Route]:
        """The routes of the application."""
        return self.inventory.routes

    @property
    def key_sources(self) -> tuple[KeySource, ...]:
        """Where the guards' keys come from."""
        return _each_once(source for guard in self.guards for source in guard.trust.key_sources)

    @property
    def stores(self) -> tuple[SessionStore, ...]:
        """Where sessions are kept, or asked about."""
        asked = (guard.revocation.store for guard in self.guards if guard.revocation is not None)
        return _each_once([*(one.store for one in self.sessions), *asked])


def rules_of_allowed(paths: Iterable[str]) -> Rules:
    """Return rules that name these paths; their default is not used."""
    return Rules([Rule(path if path != "/" else "", public) for path in dict.fromkeys(paths)])


def _each_once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({id(value): value for value in values if value is not None}.values())
