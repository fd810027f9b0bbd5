"""May this caller pass? A requirement says what a route needs; `Rights` says what roles are worth.

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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn

from jwtguard.core.access.conditions import (
    NO_LOGIN,
    AllOf,
    AnyOf,
    Condition,
    Fresh,
    HasPermission,
    HasRole,
    HasScope,
    Predicate,
    single_conditions,
    wanted_login,
)
from jwtguard.core.access.rights import Rights
from jwtguard.core.errors import ConfigurationError, InsufficientScopeError, InsufficientUserAuthenticationError
from jwtguard.core.flow import is_async
from jwtguard.core.tokens.from_guard import FromGuard
from jwtguard.core.tokens.principal import SCOPE_TOKEN, Principal
from jwtguard.core.validation import Problems


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
    test: Condition | None = None

    def check(self, principal: Principal, rights: Rights, *, now: float) -> None:
        """Raise `InsufficientScopeError` or `InsufficientUserAuthenticationError` unless `principal` may pass.

        A predicate may raise `UnavailableError`.
        """
        test = self.test
        if test is not None and not test.passes(principal, rights, now):
            _refuse(test, principal, rights, now)

    @property
    def tests(self) -> tuple[Condition, ...]:
        """The single conditions it is made of, for tools; its text says how they combine."""
        return () if self.test is None else tuple(single_conditions(self.test))

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes that it names, each once."""
        return tuple(dict.fromkeys(test.name for test in self.tests if isinstance(test, HasScope)))

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


def fresh(
    *,
    max_age: timedelta | int | None = None,
    acr: str | Iterable[str] | None = None,
    amr: str | Iterable[str] | None = None,
) -> Requirement:
    """The login is recent and strong enough; if not, the answer asks for another login (RFC 9470 §3).

    `max_age`: its time (`auth_time`) is at most so long ago, in whole seconds. `acr`: its class of authentication is
    one of these, the preferred one first. `amr`: it used all of these methods (RFC 8176 §2). A claim that is absent or
    malformed satisfies nothing. Raises `ConfigurationError`.
    """
    problems = Problems()
    age = max_age.total_seconds() if isinstance(max_age, timedelta) else max_age
    is_number = isinstance(age, int | float) and not isinstance(age, bool)
    if age is not None and not (is_number and age >= 0 and age == age // 1):
        problems.append(f"fresh(max_age=...) takes a timedelta or whole seconds, at least 0: found {max_age!r}")
    classes, methods = _words("acr", acr, problems), _words("amr", amr, problems)
    if max_age is None and acr is None and amr is None:
        problems.append('fresh(...) asks for something: write max_age=600, acr="urn:example:gold" or amr="otp"')
    problems.raise_all()
    return Requirement(Mode.AUTHENTICATED, Fresh(max_age=None if age is None else int(age), acr=classes, amr=methods))


def predicate(function: Callable[[Principal], bool]) -> Requirement:
    """Whatever else decides: `function(principal)`, not async, must return exactly True. An exception refuses.

    `UnavailableError` stays what it is, 503: a policy that cannot be asked has not said no.
    """
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


def _refuse(test: Condition, principal: Principal, rights: Rights, now: float) -> NoReturn:
    conditions = tuple(single_conditions(test))
    failed = [each for each in conditions if not each.passes(principal, rights, now)]
    if any(isinstance(each, Fresh) for each in failed):
        wanted = wanted_login(test, principal, rights, now)
        if wanted is not None and wanted is not NO_LOGIN:
            raise InsufficientUserAuthenticationError(wanted.max_age, acr_values=wanted.acr, is_recent=wanted.is_recent)
    scopes = tuple(dict.fromkeys(each.name for each in conditions if isinstance(each, HasScope)))
    missing = tuple(dict.fromkeys(str(each) for each in failed))
    lacking = "" if missing == (str(test),) else f"; missing: {', '.join(missing)}"
    raise InsufficientScopeError(f"This needs {test}{lacking}.", scope=scopes, missing=missing)


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


def _words(name: str, given: object, problems: Problems) -> tuple[str, ...]:
    """The values of `acr` or `amr`, which a challenge separates by spaces."""
    values = (given,) if isinstance(given, str) else () if given is None else given
    found = tuple(values) if isinstance(values, Iterable) else ()
    if given is not None and not (
        found and all(isinstance(each, str) and SCOPE_TOKEN.fullmatch(each) for each in found)
    ):
        problems.append(f"fresh({name}=...) takes a name without spaces and quotes, or a list of them: found {given!r}")
        return ()
    return found
