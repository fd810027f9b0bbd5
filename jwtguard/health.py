"""Whether a guard can do its work now, for the health route of an application.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256").verification_key
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key)
>>> found = health(guard).run()  # in async code: await health(guard)
>>> found.status, found.http_status, found.to_json()
('ok', 200, {'status': 'ok', 'parts': {'keys': 'ok'}})

It asks what a request would need: keys, and the store of the sessions. What it says to strangers holds no address and
no error; `to_json(details=True)` is for your own eyes. No part of it holds a secret.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from jwtguard.core.errors import UnavailableError
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.sessions.store_protocol import SessionStore, call_store
from jwtguard.core.tokens.jwk_set import KeySource
from jwtguard.guard import Guard
from jwtguard.key_rotation.signing_keys import SigningKeys
from jwtguard.key_sources.cached import FetchedKeys
from jwtguard.key_sources.documents import told

Status: TypeAlias = Literal["ok", "degraded", "unavailable"]
"""`degraded`: requests are served, and something needs attention. `unavailable`: requests get 503."""

_ORDER: tuple[Status, ...] = ("ok", "degraded", "unavailable")
_PROBE = "jwtguard-health"
"""A session id that does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. `name` is `keys`, `introspection` or `sessions`; several issuers have one `keys` each.

    `source` is where it comes from, `age` the seconds since its keys were fetched, `problem` what is wrong: why they
    could not be fetched, or which of them cannot be used.
    """

    name: str
    status: Status
    source: str
    age: float | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What `health` found out."""

    status: Status
    parts: tuple[Part, ...]

    @property
    def http_status(self) -> int:
        """200, or 503 where requests cannot be served: a balancer then sends them elsewhere."""
        return 503 if self.status == "unavailable" else 200

    def to_json(self, *, details: bool = False) -> dict[str, Any]:
        """For the answer's body. `details` adds addresses, ages and problems, which are not for strangers."""
        if not details:
            return {"status": self.status, "parts": {name: self._worst(name) for name in self._names()}}
        return {
            "status": self.status,
            "parts": [
                {
                    "name": part.name,
                    "status": part.status,
                    "source": part.source,
                    "age": None if part.age is None else round(part.age, 3),
                    "problem": part.problem,
                }
                for part in self.parts
            ],
        }

    def _names(self) -> list[str]:
        return list(dict.fromkeys(part.name for part in self.parts))

    def _worst(self, name: str) -> Status:
        return _worst(part.status for part in self.parts if part.name == name)


def _worst(statuses: Iterable[Status]) -> Status:
    found = set(statuses)
    worst: Status = "ok"
    for status in _ORDER:
        worst = status if status in found else worst
    return worst


def health(guard: Guard, sessions: Sessions | None = None) -> Flow[Health]:
    """Ask keys and stores whether they can serve; raises nothing but `ConfigurationError`.

    Keys that were never fetched, or are too old to serve, are fetched now, within the time-out and the cool-down of
    their source, so that asking often costs a provider nothing. A store is asked for a session that does not exist.
    """
    return Flow(_asking(guard, sessions))


def _asking(guard: Guard, sessions: Sessions | None) -> Steps[Health]:
    parts: list[Part] = []
    for source in guard.trust.key_sources:
        part = yield from _keys(source)
        parts.append(part)
    statuses: list[Status] = [part.status for part in parts]
    if any(status != "unavailable" for status in statuses):
        # The keys of one issuer are missed by its own tokens alone.
        statuses = [_softened(status) for status in statuses]
    if guard.introspection is not None:
        problem = guard.introspection.last_error
        status: Status = "ok" if problem is None else "degraded"
        parts.append(Part(name="introspection", status=status, source=repr(guard.introspection), problem=problem))
        statuses.append(status)
    asked = None if guard.revocation is None else guard.revocation.store
    for store in _each_once(asked, None if sessions is None else sessions.store):
        part = yield from _store(store, now=guard.clock())
        parts.append(part)
        # Without revocation nothing but logins and refreshes asks the store.
        statuses.append(part.status if store is asked else _softened(part.status))
    return Health(status=_worst(statuses), parts=tuple(parts))


def _softened(status: Status) -> Status:
    """Of a part that most requests do without."""
    return "degraded" if status == "unavailable" else status


def _each_once(*stores: SessionStore | None) -> list[SessionStore]:
    return list({id(store): store for store in stores if store is not None}.values())


def _keys(source: KeySource) -> Steps[Part]:
    name = source.address if isinstance(source, FetchedKeys) else type(source).__name__
    try:
        if source.current() is None:
            yield from source.refreshed(None)
    except UnavailableError as error:
        problem = source.last_error if isinstance(source, FetchedKeys) else error.reason
        return Part(name="keys", status="unavailable", source=name, age=_age(source), problem=problem)
    problem = source.last_error if isinstance(source, FetchedKeys | SigningKeys) else None
    status: Status = "ok" if problem is None else "degraded"
    if problem is None and isinstance(source, FetchedKeys) and source.skipped:
        problem = told(source.skipped)
        # What `algorithms` leaves out is left out by intention.
        status = "ok" if all(key.is_excluded for key in source.skipped) else "degraded"
    return Part(name="keys", status=status, source=name, age=_age(source), problem=problem)


def _age(source: KeySource) -> float | None:
    return source.age if isinstance(source, FetchedKeys) else None


def _store(store: SessionStore, *, now: float) -> Steps[Part]:
    name = type(getattr(store, "__wrapped__", store)).__name__
    try:
        yield from call_store(store.find, _PROBE, now=now)
    except UnavailableError:
        return Part(name="sessions", status="unavailable", source=name, problem="it does not answer; see the log")
    return Part(name="sessions", status="ok", source=name)
