"""Which kind of token an issuer's access tokens are, where it signs others with the same keys.

>>> kind = TokenKind(values={"token_use": ["access"]}, without=["at_hash"])
>>> kind.check({"token_use": "access"})
>>> kind.check({"token_use": "id"})
Traceback (most recent call last):
    ...
jwtguard.core.errors.InvalidTokenError: The access token is malformed, expired, revoked or not valid for this \
resource. (kind_token_use)

An ID token says who logged in to an application; it is no permission to call an API (RFC 9068 §6, RFC 8725 §3.12).
Providers tell the kinds apart in at least five ways: the header's `typ`, a payload claim of that name, `token_use`,
`type`, or by what only one of the kinds has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jwtguard.core.errors import ConfigurationError, InvalidTokenError
from jwtguard.core.jws import TOKEN_TYPES


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKind:
    """What an access token must show and must not.

    `values`: claims that must be there, each with one of these strings. `not_values`: claims that must not have one
    of these strings. `without`: claims that must not be there. `types`: what the header's `typ` must be (RFC 7515
    §4.1.9), in lower case and without `application/`; None leaves it open. Raises `ConfigurationError`.
    """

    values: Mapping[str, Iterable[str]] = field(default_factory=dict)
    not_values: Mapping[str, Iterable[str]] = field(default_factory=dict)
    without: Iterable[str] = ()
    types: Iterable[str] | None = None

    def __post_init__(self) -> None:
        problems: list[str] = []
        for name in ("values", "not_values"):
            given = getattr(self, name)
            if isinstance(given, Mapping) and all(isinstance(claim, str) and _is_list(given[claim]) for claim in given):
                object.__setattr__(self, name, {claim: frozenset(given[claim]) for claim in given})
            else:
                problems.append(f'{name} maps claims to lists: write {name}={{"token_use": ["access"]}}')
        for name in ("without", "types"):
            given = getattr(self, name)
            if given is not None and not _is_list(given):
                problems.append(f'{name} is a list of names: write {name}=["at+jwt"]')
            elif given is not None:
                object.__setattr__(self, name, frozenset(given))
        if not problems and self.types is not None and not TOKEN_TYPES.issuperset(self.types):
            problems.append(f"types are among {', '.join(sorted(TOKEN_TYPES))}: found {sorted(self.types)}")
        ConfigurationError.raise_all(problems)

    def check_type(self, typ: str | None) -> None:
        """Check the header's `typ`; raises `InvalidTokenError`."""
        if self.types is not None and (typ or "").lower().removeprefix("application/") not in self.types:
            raise InvalidTokenError("typ")

    def check(self, claims: Mapping[str, Any]) -> None:
        """Check verified `claims`; raises `InvalidTokenError` with `kind_…`, which names the claim."""
        for name, values in self.values.items():
            value = claims.get(name)
            if not isinstance(value, str) or value not in values:
                raise InvalidTokenError(f"kind_{name}")
        for name, values in self.not_values.items():
            value = claims.get(name)
            if isinstance(value, str) and value in values:
                raise InvalidTokenError(f"kind_{name}")
        for name in self.without:
            if name in claims:
                raise InvalidTokenError(f"kind_{name}")


def _is_list(value: object) -> bool:
    return (
        isinstance(value, Iterable)
        and not isinstance(value, str | bytes | Mapping)
        and all(isinstance(member, str) for member in value)
    )
