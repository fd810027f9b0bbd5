"""What a user may do today, and the answer that carries it (RFC 6749 §5.1).

>>> granted_scope(("reports:read", "users:write"), ["reports:read", "reports:list"])
('reports:read',)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Today's roles, scopes, permissions and further claims of a user; asked again at every refresh."""

    roles: Iterable[str] = ()
    scope: Iterable[str] = ()
    permissions: Iterable[str] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)


Load: TypeAlias = Callable[[str], "Grants | None | Awaitable[Grants | None]"]
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
