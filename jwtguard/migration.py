"""Moving over: taking the tokens that another library issued, until they have expired and no longer than a given day.

>>> from datetime import datetime, timezone
>>> from jwtguard import Guard, TrustedIssuer, SigningKey
>>> key = SigningKey.generate("ES256", kid="2026-11")
>>> guard = Guard(
...     issuers=[
...         TrustedIssuer(issuer="https://api.example", audience="orders", keys=key.verification_key),
...         flask_jwt_extended(
...             "the JWT_SECRET_KEY of all these years", until=datetime(2027, 1, 1, tzinfo=timezone.utc)
...         ),
...     ]
... )

Such tokens name no issuer, and that is how they are told from the new ones: a token with an `iss` is never checked with
the old key, and one without never with a new one. Only access tokens are taken, and from `until` on none at all. Each
function returns a `TrustedIssuer`, which `dataclasses.replace` can change. See docs/migrating.md.

All raise `ConfigurationError`, among others for a secret that is shorter than its algorithm asks for: an attacker who
guesses it can act as any user, so those tokens cannot be taken over.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Literal, TypeAlias, TypedDict, Unpack

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.token_sources import AuthorizationHeader
from jwtguard.core.tokens.algorithms import allow_list
from jwtguard.core.tokens.key_sources import Keys
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.core.tokens.principal import ClaimsMapping
from jwtguard.core.tokens.sentinels import NO_ISSUER, UNCHECKED
from jwtguard.core.tokens.token_kind import TokenKind
from jwtguard.trust.trusted_issuer import TrustedIssuer

Key: TypeAlias = str | bytes | Keys
"""A shared secret, a public key in PEM form, or what `keys=` of a guard takes."""
Use: TypeAlias = Literal["access", "refresh"]


class TokenSettings(TypedDict, total=False):
    """What was set in the other library, and is said here again.

    `algorithm`: `HS256` by default. `issuer` and `audience`: only where the tokens name them. `claims`: where roles,
    scopes and permissions stand. `cookie`: the name of a cookie that holds the token, beside the header.
    """

    algorithm: str
    issuer: str | None
    audience: str | Iterable[str] | None
    claims: ClaimsMapping | None
    cookie: str | None


def tokens_without_issuer(
    key: Key,
    *,
    until: datetime,
    algorithm: str = "HS256",
    issuer: str | None = None,
    audience: str | Iterable[str] | None = None,
    claims: ClaimsMapping | None = None,
    cookie: str | None = None,
    subject: tuple[str, ...] = ("sub",),
    kind: TokenKind | None = None,
) -> TrustedIssuer:
    """Tokens of code of your own, or of any other library: what the functions below are made of.

    `key` checks them. `until` is the moment, with its zone, from which on they are refused. `subject` is the path to
    who is calling: a string, or a whole number. `kind` tells access tokens from refresh tokens, where one key signs
    both. The others are those of `TokenSettings`.
    """
    allow_list([algorithm])
    keys: Keys
    if isinstance(key, str | bytes):
        load = VerificationKey.from_secret if algorithm.startswith("HS") else VerificationKey.from_pem
        keys = load(key, algorithm=algorithm)
    else:
        keys = key
    return TrustedIssuer(
        issuer=NO_ISSUER if issuer is None else issuer,
        audience=UNCHECKED if audience is None else audience,
        keys=keys,
        algorithms=[algorithm],
        claims=replace(ClaimsMapping() if claims is None else claims, subject=subject),
        kind=TokenKind() if kind is None else kind,
        # Whatever the guard asks of the new tokens, the old ones cannot have; they must end, and that is all.
        required_claims=["exp"],
        until=until,
        tokens_from=None if cookie is None else [AuthorizationHeader(), TokenCookie(cookie)],
    )


def flask_jwt_extended(
    key: Key,
    *,
    until: datetime,
    identity_claim: str = "sub",
    use: Use = "access",
    **settings: Unpack[TokenSettings],
) -> TrustedIssuer:
    """Tokens of flask-jwt-extended 3 and 4.

    `key` is its `JWT_SECRET_KEY` (or `SECRET_KEY`), or `JWT_PUBLIC_KEY`; `identity_claim` its `JWT_IDENTITY_CLAIM`.
    `cookie` is its `JWT_ACCESS_COOKIE_NAME`, `access_token_cookie` by default, where `JWT_TOKEN_LOCATION` has cookies.
    A token that does not say which type it is, is refused. `use="refresh"` is for one route, on a guard of its own,
    that takes an old refresh token and starts a session.
    """
    return tokens_without_issuer(key, until=until, subject=(identity_claim,), kind=_kind("type", use), **settings)


def fastapi_jwt_auth(
    key: Key, *, until: datetime, use: Use = "access", **settings: Unpack[TokenSettings]
) -> TrustedIssuer:
    """Tokens of fastapi-jwt-auth, in the format of flask-jwt-extended.

    `key` is its `authjwt_secret_key` or `authjwt_public_key`, and `cookie` its `authjwt_access_cookie_key`. `use` is
    that of `flask_jwt_extended`.
    """
    return flask_jwt_extended(key, until=until, use=use, **settings)


def authx(key: Key, *, until: datetime, use: Use = "access", **settings: Unpack[TokenSettings]) -> TrustedIssuer:
    """Tokens of authx, with scopes in the claim `scopes`.

    `key` is its `JWT_SECRET_KEY` or `JWT_PUBLIC_KEY`, and `cookie` its `JWT_ACCESS_COOKIE_NAME`. A scope is compared
    whole: `admin:*` is one, and stands for no other. `use` is that of `flask_jwt_extended`.
    """
    if settings.get("claims") is None:
        settings["claims"] = ClaimsMapping(scopes=[("scopes",)])
    return flask_jwt_extended(key, until=until, use=use, **settings)


def simplejwt(
    key: Key,
    *,
    until: datetime,
    user_id_claim: str = "user_id",
    token_type_claim: str = "token_type",
    use: Use = "access",
    **settings: Unpack[TokenSettings],
) -> TrustedIssuer:
    """Tokens of djangorestframework-simplejwt.

    `key` is its `SIGNING_KEY` (by default Django's `SECRET_KEY`), its `VERIFYING_KEY`, or for a `JWK_URL` a
    `RemoteJWKSet`. `user_id_claim`, a number in older releases, becomes the subject. Sliding tokens are refused: they
    are access and refresh token in one. `cookie` is for projects that put the token into one. `use` is that of
    `flask_jwt_extended`.
    """
    kind = _kind(token_type_claim, use)
    return tokens_without_issuer(key, until=until, subject=(user_id_claim,), kind=kind, **settings)


def _kind(claim: str, use: Use) -> TokenKind:
    if use not in ("access", "refresh"):
        raise ConfigurationError(f'use is "access" or "refresh", found {use!r}')
    return TokenKind(values={claim: [use]})
