"""What a user may do today, and the answer that carries it (RFC 6749 §5.1).

>>> granted_scope(("reports:read", "users:write"), ["reports:read", "reports:list"])
('reports:read',)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from jwtguard.core.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Today's roles, scopes, permissions and further claims of a user; asked again at every refresh.

    Of a claim that was given at login too, today's counts. Raises `ConfigurationError` for a string where a list of
    names is meant.
    """

    roles: Iterable[str] = ()
    scope: Iterable[str] = ()
    permissions: Iterable[str] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name in ("roles", "scope", "permissions"):
            # One answer may be signed twice, and an iterator would be empty by then.
            object.__setattr__(self, name, names(name, getattr(self, name), problems))
        if not isinstance(self.claims, Mapping):
            problems.append(f'claims is a mapping: write claims={{"tenant": "t1"}}, found {self.claims!r}')
        ConfigurationError.raise_all(problems)


Load: TypeAlias = Callable[[str], "Grants | Awaitable[Grants | None] | None"]
"""Today's grants of a subject, or None if the user may no longer log in; sync or async."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenResponse:
    """A pair of tokens (RFC 6749 §5.1). `expires_in` and `refresh_expires_in` are seconds from now.

    `remember` says whether cookies that carry them outlive the browser.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int
    refresh_expires_in: int
    scope: str = ""
    remember: bool = True
    token_type: str = "Bearer"

    def to_json(self) -> dict[str, Any]:
        """The members of the JSON answer (RFC 6749 §5.1)."""
        members: dict[str, Any] = {
            "access_token": self.access_token,
            "token_type": self.token_type,
            "expires_in": self.expires_in,
            "refresh_token": self.refresh_token,
        }
        return {**members, "scope": self.scope} if self.scope else members


def granted_scope(asked: tuple[str, ...] | None, today: Iterable[str]) -> tuple[str, ...]:
    """The scopes that were asked for at login and are still granted; asked for none in particular, all of today's."""
    granted = tuple(today)
    return granted if asked is None else tuple(scope for scope in asked if scope in granted)


def names(what: str, values: object, problems: list[str]) -> tuple[str, ...]:
    """A list of names as a tuple, in the order given, a set's sorted; what is none is added to `problems`."""
    if isinstance(values, Iterable) and not isinstance(values, str | bytes | Mapping):
        found = tuple(values)
        if all(isinstance(value, str) for value in found):
            # A set has no order, and the same rights should make the same token.
            return tuple(sorted(found)) if isinstance(values, set | frozenset) else found
    # A string is a list of characters to Python, and would grant each of them.
    problems.append(f'{what} is a list of names: write {what}=["name"], found {values!r}')
    return ()
