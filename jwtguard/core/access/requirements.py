"""May this caller pass? Requirements say what is needed, `Rights` says what roles are worth.

>>> requirement = (has_role("admin") | has_permission("reports.read")) & fresh(max_age=600)
>>> requirement
(has_role('admin') | has_permission('reports.read')) & fresh(max_age=600)
>>> caller = Principal(subject="user-1", roles=frozenset({"admin"}), auth_time=1000)
>>> requirement.check(caller, Rights(), now=1200)
>>> try:
...     requirement.check(caller, Rights(), now=1700)
... except InsufficientUserAuthenticationError as refused:
...     refused.max_age
600

There is no "not": a claim that is missing or malformed must never grant anything.
"""

from __future__ import annotations

import enum
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn

from jwtguard.core.errors import ConfigurationError, InsufficientScopeError, InsufficientUserAuthenticationError
from jwtguard.core.events import log_fields
from jwtguard.core.flow import is_async
from jwtguard.core.tokens.from_guard import FromGuard
from jwtguard.core.tokens.principal import SCOPE_TOKEN, Principal
from jwtguard.core.validation import Problems

logger = logging.getLogger("jwtguard")

MAX_AHEAD = 300
"""Seconds by which the issuer's clock may be ahead of ours. A date in milliseconds must not be a fresh login."""


class Mode(enum.Enum):
    """Whether a token is read, and what becomes of a request without a good one."""

    AUTHENTICATED = "authenticated"
    """A token is needed."""
    OPTIONAL = "optional"
    """Without a token there is no principal; a broken one is refused."""
    OPTIONAL_LENIENT = "optional_lenient"
    """Without a good token there is no principal."""
    PUBLIC = "public"
    """No token is read; there is no principal."""
    DENIED = "denied"
    """Every request is refused; no token is read."""

    reads_token: bool
    """Whether the request's token matters at all."""
    admits_anybody: bool
    """Whether a request without a token passes."""

    def __init__(self, value: str) -> None:
        # Worked out here, since each request asks for them.
        self.reads_token = value not in {"public", "denied"}
        self.admits_anybody = value in {"public", "optional", "optional_lenient"}


@dataclass(frozen=True, slots=True)
class Requirement(FromGuard):
    """What a route needs. Made by the functions of this module; those that look at the caller combine with & and |."""

    mode: Mode
    test: Test | None = None

    def check(self, principal: Principal, rights: Rights, *, now: float) -> None:
        """Raise `InsufficientScopeError` or `InsufficientUserAuthenticationError` unless `principal` may pass."""
        test = self.test
        if test is not None and not test.passes(principal, rights, now):
            _refuse(test, principal, rights, now)

    @property
    def tests(self) -> tuple[HasRole | HasScope | HasPermission | Fresh | Predicate, ...]:
        """The single tests it is made of, for tools; its text says how they combine."""
        return () if self.test is None else tuple(_leaves(self.test))

    def __and__(self, other: object) -> Requirement:
        return _combine(self, other, "&", AllOf)

    def __or__(self, other: object) -> Requirement:
        return _combine(self, other, "|", AnyOf)

    def __bool__(self) -> NoReturn:
        # `has_role("a") and has_role("b")` would silently be has_role("b") alone.
        raise ConfigurationError("requirements combine with & and |: `and`, `or`, `not` and `if` do not work on them")

    def __repr__(self) -> str:
        return self.mode.value if self.test is None else str(self.test)


def has_role(name: str) -> Requirement:
    """The caller has this role, or one above it in `role_hierarchy`."""
    return Requirement(Mode.AUTHENTICATED, HasRole(_one_name("has_role", name)))


def has_scope(name: str) -> Requirement:
    """The token carries this scope (RFC 6749 §3.3)."""
    if not SCOPE_TOKEN.fullmatch(_one_name("has_scope", name)):
        raise ConfigurationError(
            f"a scope holds no space, quote or backslash (RFC 6749 §3.3), found {name!r}:"
            " for several, combine has_scope('a') & has_scope('b')"
        )
    return Requirement(Mode.AUTHENTICATED, HasScope(name))


def has_permission(name: str) -> Requirement:
    """The token carries this permission, or a role that `role_permissions` gives it to."""
    return Requirement(Mode.AUTHENTICATED, HasPermission(_one_name("has_permission", name)))


def fresh(*, max_age: timedelta | int) -> Requirement:
    """The login (`auth_time`) is at most `max_age` old, in whole seconds (RFC 9470 §4)."""
    age = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
    if isinstance(age, bool) or not isinstance(age, int | float) or age < 0 or age != age // 1:
        raise ConfigurationError(
            f"fresh(max_age=...) takes a timedelta or whole seconds, at least 0: found {max_age!r}"
        )
    return Requirement(Mode.AUTHENTICATED, Fresh(int(age)))


def predicate(function: Callable[[Principal], bool]) -> Requirement:
    """Whatever else decides: `function(principal)`, not async, must return exactly True. An exception refuses."""
    if not callable(function) or is_async(function):
        raise ConfigurationError("predicate(...) takes a function of the principal that is not async and returns True")
    return Requirement(Mode.AUTHENTICATED, Predicate(function))


authenticated = Requirement(Mode.AUTHENTICATED)
"""Any caller with a valid token."""
optional = Requirement(Mode.OPTIONAL)
"""Callers without a token pass, with no principal; a broken token is refused."""
optional_lenient = Requirement(Mode.OPTIONAL_LENIENT)
"""Callers without a good token pass, with no principal: for public pages that greet who is known."""
public = Requirement(Mode.PUBLIC)
"""Everybody passes; no token is read, and there is no principal."""
denied = Requirement(Mode.DENIED)
"""Every request is refused; no token is read."""


def check_requirement(requirement: object) -> Requirement:
    """`requirement` itself; raises `ConfigurationError` if it is none, with what to write instead."""
    if isinstance(requirement, Requirement):
        return requirement
    if callable(requirement):
        raise ConfigurationError("`requires` was used without parentheses: write requires() or requires(has_role(...))")
    name = repr(requirement) if isinstance(requirement, str) else "..."
    raise ConfigurationError(
        f"a requirement is has_role({name}), authenticated, public and the like: found {requirement!r}"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What roles are worth: `role_hierarchy` (role to the roles it includes) and `role_permissions`.

    Both are turned round once, so that a check asks "is one of my roles among those that give this?" whatever their
    number. Raises `ConfigurationError` for a cycle or a wrong shape.
    """

    role_hierarchy: Mapping[str, Iterable[str]] = field(default_factory=dict)
    role_permissions: Mapping[str, Iterable[str]] = field(default_factory=dict)
    _giving_role: dict[str, set[str]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _giving_permission: dict[str, set[str]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        problems = Problems()
        hierarchy = _sets("role_hierarchy", self.role_hierarchy, problems)
        permissions = _sets("role_permissions", self.role_permissions, problems)
        below = {role: _below(role, hierarchy) for role in {*hierarchy, *permissions}}
        circular = ", ".join(repr(role) for role in hierarchy if role in below[role])
        if circular:
            problems.append(f"role_hierarchy has a cycle: {circular} would include themselves")
        problems.raise_all()
        for role, roles in below.items():
            for included in (role, *roles):
                self._giving_role.setdefault(included, set()).update((included, role))
                for name in permissions.get(included, ()):
                    self._giving_permission.setdefault(name, set()).add(role)

    def has_role(self, principal: Principal, name: str) -> bool:
        """Whether the caller has the role, directly or through the hierarchy."""
        giving = self._giving_role.get(name)
        return name in principal.roles if giving is None else not giving.isdisjoint(principal.roles)

    def has_permission(self, principal: Principal, name: str) -> bool:
        """Whether the caller has the permission, directly or through a role."""
        giving = self._giving_permission.get(name)
        return name in principal.permissions or (giving is not None and not giving.isdisjoint(principal.roles))


# The tests that a requirement is made of. `passes` decides; `failing` tells, after a refusal, which parts failed.
# What they hold is inherited; kinds are never equal.


@dataclass(frozen=True, slots=True)
class _OfName:
    """Asks for one name."""

    name: str


@dataclass(frozen=True, slots=True)
class _OfParts:
    """Asks others."""

    parts: tuple[Test, ...]


class HasRole(_OfName):
    """`has_role(name)`."""

    __slots__ = ()

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the role is there."""
        return rights.has_role(principal, self.name)

    def __str__(self) -> str:
        return f"has_role({self.name!r})"


class HasScope(_OfName):
    """`has_scope(name)`."""

    __slots__ = ()

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the scope is there."""
        return self.name in principal.scopes

    def __str__(self) -> str:
        return f"has_scope({self.name!r})"


class HasPermission(_OfName):
    """`has_permission(name)`."""

    __slots__ = ()

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the permission is there."""
        return rights.has_permission(principal, self.name)

    def __str__(self) -> str:
        return f"has_permission({self.name!r})"


@dataclass(frozen=True, slots=True)
class Fresh:
    """`fresh(max_age=...)`, in seconds."""

    max_age: int

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the login is recent; one without a time, or in the future, is stale."""
        return principal.auth_time is not None and -MAX_AHEAD <= now - principal.auth_time <= self.max_age

    def __str__(self) -> str:
        return f"fresh(max_age={self.max_age})"


@dataclass(frozen=True, slots=True)
class Predicate:
    """`predicate(function)`."""

    function: Callable[[Principal], bool]

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether the function returns exactly True: a truthy object may be a forgotten call."""
        try:
            return self.function(principal) is True
        except Exception:
            logger.exception(
                "%s raised, so the request is refused", self, extra=log_fields("callback_raised", callback=str(self))
            )
            return False

    def __str__(self) -> str:
        return f"predicate({getattr(self.function, '__name__', type(self.function).__name__)})"


class AllOf(_OfParts):
    """`left & right & …`."""

    __slots__ = ()

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether every part passes."""
        return all(part.passes(principal, rights, now) for part in self.parts)

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


class AnyOf(_OfParts):
    """`left | right | …`."""

    __slots__ = ()

    def passes(self, principal: Principal, rights: Rights, now: float) -> bool:
        """Whether some part passes."""
        return any(part.passes(principal, rights, now) for part in self.parts)

    def __str__(self) -> str:
        return " | ".join(f"({part})" if isinstance(part, AllOf) else str(part) for part in self.parts)


Test = HasRole | HasScope | HasPermission | Fresh | Predicate | AllOf | AnyOf


def _refuse(test: Test, principal: Principal, rights: Rights, now: float) -> NoReturn:
    failed = [leaf for leaf in _leaves(test) if not leaf.passes(principal, rights, now)]
    stale = [leaf.max_age for leaf in failed if isinstance(leaf, Fresh)]
    # RFC 9470 §3: ask for a new login only where a new login would help.
    if stale and _with_fresh_login(test, principal, rights, now):
        raise InsufficientUserAuthenticationError(min(stale))
    scopes = tuple(dict.fromkeys(leaf.name for leaf in _leaves(test) if isinstance(leaf, HasScope)))
    missing = tuple(dict.fromkeys(str(leaf) for leaf in failed))
    lacking = "" if missing == (str(test),) else f"; missing: {', '.join(missing)}"
    raise InsufficientScopeError(f"This needs {test}{lacking}.", scope=scopes, missing=missing)


def _with_fresh_login(test: Test, principal: Principal, rights: Rights, now: float) -> bool:
    if isinstance(test, Fresh):
        return True
    if isinstance(test, AllOf):
        return all(_with_fresh_login(part, principal, rights, now) for part in test.parts)
    if isinstance(test, AnyOf):
        return any(_with_fresh_login(part, principal, rights, now) for part in test.parts)
    return test.passes(principal, rights, now)


def _leaves(test: Test) -> Iterator[HasRole | HasScope | HasPermission | Fresh | Predicate]:
    if isinstance(test, AllOf | AnyOf):
        for part in test.parts:
            yield from _leaves(part)
    else:
        yield test


def _combine(left: Requirement, right: object, sign: str, kind: type[AllOf | AnyOf]) -> Requirement:
    other = check_requirement(right)
    if left.test is None or other.test is None:
        alone = left if left.test is None else other
        raise ConfigurationError(
            f"{alone!r} does not combine with others: {left!r} {sign} {other!r};"
            " has_role(...) and the like imply authenticated already"
        )
    parts = (part for test in (left.test, other.test) for part in (test.parts if isinstance(test, kind) else (test,)))
    return Requirement(Mode.AUTHENTICATED, kind(tuple(parts)))


def _one_name(function: str, name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ConfigurationError(
            f"{function}(...) takes one name: for several, combine {function}('a') | {function}('b')"
        )
    return name


def _sets(setting: str, mapping: object, problems: Problems) -> dict[str, frozenset[str]]:
    result: dict[str, frozenset[str]] = {}
    for role, names in mapping.items() if isinstance(mapping, Mapping) else [(None, None)]:
        members: tuple[Any, ...] = (
            (None,) if isinstance(names, str) or not isinstance(names, Iterable) else tuple(names)
        )
        if not isinstance(role, str) or not all(isinstance(name, str) for name in members):
            problems.append(f'{setting} maps a role to a set of names: write {setting}={{"admin": {{"editor"}}}}')
            break
        result[role] = frozenset(members)
    return result


def _below(role: str, hierarchy: Mapping[str, frozenset[str]]) -> set[str]:
    """All roles that `role` includes, however far."""
    found: set[str] = set()
    waiting = list(hierarchy.get(role, ()))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(hierarchy.get(name, ()))
    return found
