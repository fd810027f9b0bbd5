"""Refresh tokens: signed text that names a row and a turn, and can be told from garbage without asking a store.

>>> from jwtguard.core.jwk import SigningKey
>>> tokens = RefreshTokens("https://issuer.example", [SigningKey.generate("HS256", kid="r1")])
>>> text = tokens.issue(
...     RefreshToken(subject="user-1", session_id="s1", generation=0, auth_time=1000), now=1000, lifetime=60
... )
>>> tokens.read(text, now=1030).generation
0

`typ: refresh+jwt`, keys of their own and the issuer as audience keep them apart from access tokens, both ways.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jwtguard.core.errors import ConfigurationError, InvalidGrantError, InvalidTokenError
from jwtguard.core.jose import parse_object
from jwtguard.core.jwk import SigningKey
from jwtguard.core.jwk_set import JWKSet
from jwtguard.core.jws import sign, verify
from jwtguard.core.policy import Policy

TYPE = "refresh+jwt"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a refresh token says. All but the generation is copied unchanged from turn to turn.

    `scope` is what was asked for at login, None for everything; `claims` are the login's own; `remember` says whether
    cookies outlive the browser. Times are seconds since the epoch.
    """

    subject: str
    session_id: str
    generation: int
    auth_time: float
    scope: tuple[str, ...] | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    remember: bool = True

    def next_turn(self) -> RefreshToken:
        """The same session, one turn on."""
        return replace(self, generation=self.generation + 1)


class RefreshTokens:
    """Issues and reads refresh tokens. `keys` go from oldest to newest: HMAC keys with a `kid`, and nobody else's."""

    __slots__ = ("_issuer", "_key", "_keys", "_policy")

    def __init__(self, issuer: str, keys: Iterable[SigningKey]) -> None:
        found = (keys,) if isinstance(keys, SigningKey) else tuple(keys)
        if not found or not all(isinstance(key, SigningKey) and key.verification_key.is_symmetric for key in found):
            raise ConfigurationError(
                'refresh_keys are shared secrets: write [SigningKey.from_secret(secret, algorithm="HS256", kid="r1")]'
            )
        if any(key.kid is None for key in found):
            raise ConfigurationError('each of refresh_keys needs a kid, so that it can be changed: kid="r1"')
        self._issuer = issuer
        self._key = found[-1]
        self._keys = JWKSet(key.verification_key for key in found)
        self._policy = Policy(
            issuer=issuer, audience=issuer, keys=self._keys, required_claims=("exp", "iss", "aud", "sub", "sid", "gen")
        )

    @property
    def keys(self) -> JWKSet:
        """The keys, to compare with others."""
        return self._keys

    def issue(self, token: RefreshToken, *, now: float, lifetime: float) -> str:
        """The signed text of `token`, which is good for `lifetime` seconds."""
        members: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": token.subject,
            "sid": token.session_id,
            "gen": token.generation,
            "auth_time": token.auth_time,
            "iat": int(now),
            "exp": int(now + lifetime),
        }
        if token.scope is not None:
            members["scope"] = list(token.scope)
        if token.claims:
            members["claims"] = token.claims
        if not token.remember:
            members["remember"] = False
        payload = json.dumps(members, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return sign(payload.encode("utf-8"), self._key, header={"typ": TYPE})

    def read(self, text: str, *, now: float, expired_too: bool = False) -> RefreshToken:
        """What `text` says; raises `InvalidGrantError`. Garbage is refused by its signature."""
        try:
            jws = verify(text, self._keys, types=frozenset({TYPE}))
            if jws.header.type is None:
                raise InvalidTokenError("typ")
            claims = parse_object(jws.payload)
            # An expired token still names its session, which is all that ending it asks for.
            self._policy.check(claims, min(now, claims.get("iat", now)) if expired_too else now)
        except InvalidTokenError as error:
            reason = error.reason
        else:
            scope = claims.get("scope")
            return RefreshToken(
                subject=claims["sub"],
                session_id=claims["sid"],
                generation=claims["gen"],
                auth_time=claims["auth_time"],
                scope=None if scope is None else tuple(scope),
                claims=claims.get("claims", {}),
                remember=claims.get("remember", True),
            )
        raise InvalidGrantError(reason)
