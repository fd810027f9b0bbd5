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
from typing import Any, TypeAlias

from jwtguard.core.errors import InvalidTokenError
from jwtguard.core.tokens.jws import TOKEN_TYPES
from jwtguard.core.validation import Problems

Values: TypeAlias = Mapping[Any, Iterable[str | bool]]
"""For a claim, or a path to one as a tuple of keys, the strings that are meant, or true or false."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKind:
    """What an access token must show and must not.

    `values`: claims that must be there, each with one of these strings (or `True`); a claim inside another is a
    tuple of keys. `not_values`: claims that must not have one of these strings. `without`: claims that must not be
    there. `some_of`: claims of which at least one must be there.
    `client_claims`: claims that name the client, of which at least one must be there; with `clients`, every one that
    is there must name one of them. `types`: what the header's `typ` must be (RFC 7515 §4.1.9), in lower case and
    without `application/`, "" for a header without it; None leaves it open. Raises `ConfigurationError`.
    """

    values: Values = field(default_factory=dict)
    not_values: Values = field(default_factory=dict)
    without: Iterable[str] = ()
    some_of: Iterable[str] = ()
    client_claims: Iterable[str] = ()
    clients: Iterable[str] | None = None
    types: Iterable[str] | None = None

    def __post_init__(self) -> None:
        problems = Problems()
        for name in ("values", "not_values"):
            given = getattr(self, name)
            if isinstance(given, Mapping) and all(
                _is_path(path) and _is_list(given[path], str, bool) for path in given
            ):
                paths = {(path,) if isinstance(path, str) else path: frozenset(given[path]) for path in given}
                object.__setattr__(self, name, paths)
            else:
                problems.append(f'{name} maps claims to lists: write {name}={{"token_use": ["access"]}}')
        for name in ("without", "some_of", "client_claims", "clients", "types"):
            given = getattr(self, name)
            if given is None:
                continue
            if _is_list(given):
                object.__setattr__(self, name, frozenset(given))
            else:
                problems.append(f'{name} is a list of strings: write {name}=["…"]')
        if not problems and self.clients is not None and not (self.clients and self.client_claims):
            problems.append("clients needs client_claims, the claims that name the client, and at least one client")
        if not problems and self.types is not None and not _TYPES.issuperset(self.types):
            problems.append(f"types are among {', '.join(sorted(TOKEN_TYPES))}: found {sorted(self.types)}")
        problems.raise_all()

    def check_type(self, typ: str | None, usual: frozenset[str] = TOKEN_TYPES) -> None:
        """Check the header's `typ`, which is one of the `usual` or left out unless `types` says otherwise.

        Raises `InvalidTokenError`.
        """
        allowed = {*usual, ""} if self.types is None else self.types
        if (typ or "").lower().removeprefix("application/") not in allowed:
            raise InvalidTokenError("typ")

    def check(self, claims: Mapping[str, Any]) -> None:
        """Check verified `claims`; raises `InvalidTokenError` with `kind_…`, which names the claim."""
        for path, values in self.values.items():
            if not _says(claims, path, values):
                raise _wrong(path)
        for path, values in self.not_values.items():
            if _says(claims, path, values):
                raise _wrong(path)
        for name in self.without:
            if name in claims:
                raise _wrong((name,))
        if self.some_of and not any(name in claims for name in self.some_of):
            raise InvalidTokenError("kind")
        if self.client_claims:
            self._check_client(claims)

    def _check_client(self, claims: Mapping[str, Any]) -> None:
        named = [claims[name] for name in self.client_claims if name in claims]
        if not named or not all(isinstance(client, str) and client for client in named):
            raise InvalidTokenError("kind_client")
        if self.clients is not None and not frozenset(self.clients).issuperset(named):
            raise InvalidTokenError("client")


# RFC 7515 §4.1.9: JOSE stands for any JWS, which JWT-SVIDs may use (JWT-SVID §2.3).
_TYPES = TOKEN_TYPES | {"jose", ""}


def _wrong(path: tuple[str, ...]) -> InvalidTokenError:
    return InvalidTokenError(f"kind_{path[-1]}")


def _says(claims: Mapping[str, Any], path: tuple[str, ...], values: Iterable[str | bool]) -> bool:
    value: Any = claims
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return isinstance(value, str | bool) and value in values  # Not 1, which is equal to True.


def _is_path(value: object) -> bool:
    keys = (value,) if isinstance(value, str) else value
    return isinstance(keys, tuple) and bool(keys) and all(isinstance(key, str) for key in keys)


def _is_list(value: object, *kinds: type) -> bool:
    return (
        isinstance(value, Iterable)
        and not isinstance(value, str | bytes | Mapping)
        and all(isinstance(member, kinds or str) for member in value)
    )
