"""What the tests of inventories share: a guard with rules, and rows that are easy to compare."""

from __future__ import annotations

from typing import Any

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    Grants,
    Guard,
    Requirement,
    Rule,
    Rules,
    Sessions,
    SigningKey,
    TokenCookie,
    TokenIssuer,
    authenticated,
)
from jwtguard.inventory import Route, inventory
from jwtguard.stores.memory import MemoryStore

KEY = SigningKey.generate("ES256", kid="a1")
NAMES: dict[str, Any] = {"issuer": "https://issuer.example", "audience": "https://api.example"}


def guard_with(*rules: Rule, default: Requirement = authenticated, has_rules: bool = True, **settings: Any) -> Guard:
    """A guard with these rules, or with unchecked ones."""
    found = Rules(rules, default=default) if has_rules else UNCHECKED
    places = [AuthorizationHeader(), TokenCookie()]
    return Guard(**NAMES, keys=KEY.verification_key, rules=found, **{"tokens_from": places, **settings})


def sessions_with(**settings: Any) -> Sessions:
    """Sessions in memory, whose tokens the guard above takes."""
    issuer = TokenIssuer(**NAMES, client_id="web", signing_keys=[KEY])
    given = {"store": MemoryStore(), "refresh_keys": [SigningKey.generate("HS256", kid="r1")], **settings}
    return Sessions(issuer=issuer, load=lambda subject: Grants(), **given)


Row = tuple[str, str, str, list[str]]


def rows(app: object) -> list[Row]:
    """Method or kind, path, state and access checks of each route."""
    return [row(route) for route in inventory(app).routes]


def row(route: Route) -> Row:
    """One of them."""
    methods = ",".join(route.methods) if route.kind == "http" else route.kind
    return methods or "any", route.path, route.state, [check.text for check in route.access_checks]
