"""What a user may do today, and the answer that carries it (RFC 6749 §5.1).

>>> granted_scope(("reports:read", "users:write"), ["reports:read", "reports:list"])
('reports:read',)
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

from jwtguard.core.validation import Problems

Stamp: TypeAlias = "str | bytes | int | float | datetime"
"""What must stay equal for a session to go on: the hash of a password, or the time of its last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grants:
    """Today's roles, scopes, permissions and further claims of a user; asked again at every refresh.

    Of a claim that was given at login too, today's counts.

    `stamp` must stay equal for the session to go on: the hash of the user's password, or the time at which it was last
    changed. A refresh with another stamp than the session began with ends the session: so does one with a stamp where
    there was none, or with none where there was one. Only a keyed hash of it stands in the refresh token. Times are
    compared to the microsecond: give them as the database returns them. `stamp_fallbacks` are earlier forms of the same
    credentials, as after the rotation of a key: they are accepted too, and the next refresh token has `stamp`.

    Raises `ConfigurationError` for a string where a list of names is meant, and for other types of stamps.
    """

    roles: Iterable[str] = ()
    scope: Iterable[str] = ()
    permissions: Iterable[str] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    stamp: Stamp | None = field(default=None, repr=False)
    stamp_fallbacks: Iterable[Stamp] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        problems = Problems()
        for name in ("roles", "scope", "permissions"):
            # One answer may be signed twice, and an iterator would be empty by then.
            object.__setattr__(self, name, problems.names(name, getattr(self, name)))
        if not isinstance(self.claims, Mapping):
            problems.append(f'claims is a mapping: write claims={{"tenant": "t1"}}, found {self.claims!r}')
        object.__setattr__(self, "stamp_fallbacks", _stamps(self.stamp, self.stamp_fallbacks, problems))
        problems.raise_all()

    @property
    def accepted_stamps(self) -> tuple[Stamp | None, ...]:
        """The stamp and its fallbacks; None where there is no stamp."""
        return (self.stamp, *self.stamp_fallbacks)


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


def _is_stamp(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | bytes | int | datetime) and not isinstance(value, bool)


def _stamps(stamp: object, fallbacks: object, problems: Problems) -> tuple[Any, ...]:
    """The fallbacks as a tuple; what is no stamp is added to `problems`, by its type alone, for it is a secret."""
    is_list = isinstance(fallbacks, Iterable) and not isinstance(fallbacks, str | bytes | Mapping)
    found = tuple(fallbacks) if is_list else ()  # type: ignore[arg-type]
    if not is_list:
        problems.append(f"stamp_fallbacks is a list of stamps, found {type(fallbacks).__name__}")
    if stamp is None and found:
        problems.append("stamp_fallbacks are earlier forms of the stamp: give the stamp too")
    problems += [
        "stamp is a string, bytes, a number or a datetime: write stamp=user.password, or stamp=str(...) of anything"
        f" else, found {type(one).__name__}"
        for one in (stamp, *found)
        if not _is_stamp(one) and not (one is stamp is None)
    ]
    return found
