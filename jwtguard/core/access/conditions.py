"""The conditions that a requirement is made of: each looks at the caller and passes or not.

>>> condition = AllOf((HasRole("editor"), Fresh(max_age=600)))
>>> caller = Principal(subject="user-1", roles=frozenset({"editor"}), auth_time=1000)
>>> condition.passes(caller, Rights(), now=1200), condition.passes(caller, Rights(), now=1700)
(True, False)
>>> print(condition)
has_role('editor') & fresh(max_age=600)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from jwtguard.core.access.rights import Rights
from jwtguard.core.errors import UnavailableError
from jwtguard.core.events import log_fields
from jwtguard.core.tokens.principal import Principal

logger = logging.getLogger("jwtguard")

MAX_AHEAD = 300
"""Seconds by which the issuer's clock may be ahead of ours. A date in milliseconds must not be a fresh login."""


class Condition(Protocol):
    """One condition. Its text is the call that makes it."""

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the caller meets it; `now` is in seconds since the epoch."""
        ...


# Conditions of different kinds are never equal: each is a class of its own.


@dataclass(frozen=True, slots=True)
class HasRole:
    """`has_role(name)`."""

    name: str

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the role is there."""
        return rights.has_role(principal, self.name)

    def __str__(self) -> str:
        return f"has_role({self.name!r})"


@dataclass(frozen=True, slots=True)
class HasScope:
    """`has_scope(name)`."""

    name: str

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the scope is there."""
        return self.name in principal.scopes

    def __str__(self) -> str:
        return f"has_scope({self.name!r})"


@dataclass(frozen=True, slots=True)
class HasPermission:
    """`has_permission(name)`."""

    name: str

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the permission is there."""
        return rights.has_permission(principal, self.name)

    def __str__(self) -> str:
        return f"has_permission({self.name!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """`fresh(max_age=..., acr=..., amr=...)`: seconds, one of `acr`, all of `amr`."""

    max_age: int | None = None
    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the login is recent and strong enough. A claim that is absent or malformed never is."""
        return (
            self.is_recent(principal, now)
            and (not self.acr or principal.acr in self.acr)
            and principal.amr.issuperset(self.amr)
        )

    def is_recent(self, principal: Principal, now: float) -> bool:
        """Whether the login is recent; one without a time, or in the future, is not."""
        if self.max_age is None:
            return True
        return principal.auth_time is not None and -MAX_AHEAD <= now - principal.auth_time <= self.max_age

    def __str__(self) -> str:
        given = {"max_age": self.max_age, "acr": list(self.acr) or None, "amr": list(self.amr) or None}
        return f"fresh({', '.join(f'{name}={value!r}' for name, value in given.items() if value is not None)})"


@dataclass(frozen=True, slots=True)
class Predicate:
    """`predicate(function)`."""

    function: Callable[[Principal], bool]

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the function returns exactly True: a truthy object may be a forgotten call.

        Raises `UnavailableError` if the function does.
        """
        try:
            return self.function(principal) is True
        except UnavailableError:
            raise
        except Exception:
            logger.exception(
                "%s raised, so the request is refused", self, extra=log_fields("callback_raised", callback=str(self))
            )
            return False

    def __str__(self) -> str:
        return f"predicate({getattr(self.function, '__name__', type(self.function).__name__)})"


@dataclass(frozen=True, slots=True)
class AllOf:
    """`left & right & …`."""

    parts: tuple[Condition, ...]

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether every part passes."""
        return all(part.passes(principal, rights, now) for part in self.parts)

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """`left | right | …`."""

    parts: tuple[Condition, ...]

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether some part passes."""
        return any(part.passes(principal, rights, now) for part in self.parts)

    def __str__(self) -> str:
        return " | ".join(f"({part})" if isinstance(part, AllOf) else str(part) for part in self.parts)


def single_conditions(condition: Condition) -> Iterator[Condition]:
    """The conditions that `condition` combines, or itself."""
    if isinstance(condition, AllOf | AnyOf):
        for part in condition.parts:
            yield from single_conditions(part)
    else:
        yield condition


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedLogin:
    """The login that a condition waits for: at most `max_age` seconds old, of one of the classes `acr`.

    `is_recent` says that the present one is too weak, not too old.
    """

    max_age: int | None = None
    acr: tuple[str, ...] = ()
    is_recent: bool = True


NO_LOGIN = WantedLogin()
"""The condition passes already."""


def wanted_login(condition: Condition, principal: Principal, rights: Rights, now: float) -> WantedLogin | None:
    """The login with which `condition` would pass, `NO_LOGIN` if it does, None if no login helps (RFC 9470 §3).

    An alternative that no login opens adds nothing: a client that asked for its class would be refused again, for ever.
    """
    if isinstance(condition, AllOf | AnyOf):
        found = [wanted_login(part, principal, rights, now) for part in condition.parts]
        helpful = [each for each in found if each is not None]
        if isinstance(condition, AllOf):
            return _merged(helpful, is_any=False) if len(helpful) == len(found) else None
        if any(each is NO_LOGIN for each in helpful):
            return NO_LOGIN
        return _merged(helpful, is_any=True) if helpful else None
    if condition.passes(principal, rights, now):
        return NO_LOGIN
    if isinstance(condition, Fresh):
        return WantedLogin(max_age=condition.max_age, acr=condition.acr, is_recent=condition.is_recent(principal, now))
    return None


def _merged(logins: Sequence[WantedLogin], *, is_any: bool) -> WantedLogin:
    """One login for all of `logins`; with `is_any`, the classes of each are accepted."""
    wanted = [each for each in logins if each is not NO_LOGIN]
    if not wanted:
        return NO_LOGIN
    lists = [each.acr for each in wanted if each.acr]
    every = dict.fromkeys(value for values in lists for value in values)
    common = () if is_any else tuple(value for value in every if all(value in values for values in lists))
    return WantedLogin(
        max_age=min((each.max_age for each in wanted if each.max_age is not None), default=None),
        acr=common or tuple(every),
        is_recent=all(each.is_recent for each in wanted),
    )
