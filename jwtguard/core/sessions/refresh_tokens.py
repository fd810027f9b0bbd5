"""Refresh tokens: signed text that names a row and a generation, and can be told from garbage without asking a store.

>>> from jwtguard.core.tokens.keys import SigningKey
>>> tokens = RefreshTokens("https://issuer.example", [SigningKey.generate("HS256", kid="r1")])
>>> text = tokens.issue(
...     RefreshToken(subject="user-1", session_id="s1", generation=0, auth_time=1000), now=1000, lifetime=60
... )
>>> tokens.read(text, now=1030).generation
0

`typ: refresh+jwt`, keys of their own and the issuer as audience keep them apart from access tokens, both ways.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from jwtguard.core.errors import ConfigurationError, InvalidGrantError, InvalidTokenError
from jwtguard.core.events import log_fields
from jwtguard.core.sessions.grants import Grants, Stamp, TokenResponse, granted_scope
from jwtguard.core.sessions.store_protocol import MAX_SESSION_ID, MAX_TEXT, is_storable
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.encoding import encode_segment, parse_object
from jwtguard.core.tokens.issuer import TokenIssuer, json_payload
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.jws import sign, verify
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.core.validation import Problems

logger = logging.getLogger("jwtguard")

TYPE = "refresh+jwt"
_REQUIRED = ("exp", "iss", "aud", "sub", "sid", "gen", "auth_time")
_MAX_GENERATION = 2**53
"""The largest number that every reader of JSON and every store counts exactly."""
_STAMP_LABEL = b"jwtguard: stamp of a refresh token"
"""What the keys of stamps are derived with. No token's signature covers this text: a JWS Signing Input has no spaces
(RFC 7515 §5.1).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshToken:
    """What a refresh token says. All but the generation is copied unchanged from generation to generation.

    `scope` is what was asked for at login, None for everything; `claims` are the login's own; `remember` says whether
    cookies outlive the browser. `auth_time` is when the user logged in, in seconds since the epoch. `stamp` is what
    `RefreshTokens.stamped` made of the stamp of the user's grants.
    """

    subject: str
    session_id: str
    generation: int
    auth_time: float
    scope: tuple[str, ...] | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    remember: bool = True
    stamp: str | None = field(default=None, repr=False)

    def next_rotation(self) -> RefreshToken:
        """The same session, one turn on."""
        return replace(self, generation=self.generation + 1)


class RefreshTokens:
    """Issues and reads refresh tokens. `keys` go from oldest to newest: HMAC keys with a `kid`, used for nothing else.

    Raises `ConfigurationError` for other keys.
    """

    __slots__ = ("_issuer", "_key", "_keys", "_policy", "_stamp_keys")

    def __init__(self, issuer: str, keys: Iterable[SigningKey]) -> None:
        found = (keys,) if isinstance(keys, SigningKey) else tuple(keys) if isinstance(keys, Iterable) else ()
        if not found or not all(isinstance(key, SigningKey) and key.verification_key.is_symmetric for key in found):
            raise ConfigurationError(
                'refresh_keys are shared secrets: write [SigningKey.from_secret(secret, algorithm="HS256", kid="r1")]'
            )
        if any(key.kid is None for key in found):
            raise ConfigurationError('each of refresh_keys needs a kid, so that it can be changed: kid="r1"')
        self._issuer = issuer
        self._key = found[-1]
        self._keys = JWKSet(key.verification_key for key in found)
        # Newest first. Derived, so that no text that is hashed here is hashed with a key that signs.
        self._stamp_keys = [key.sign(_STAMP_LABEL) for key in reversed(found)]
        self._policy = Policy(issuer=issuer, audience=issuer, keys=self._keys, required_claims=_REQUIRED)

    @property
    def keys(self) -> JWKSet:
        """The keys, to compare with others."""
        return self._keys

    def stamped(self, token: RefreshToken, stamp: Stamp | None) -> RefreshToken:
        """`token` with a stamp: its HMAC with SHA-256, under a key derived from the newest one; None stays None."""
        return replace(token, stamp=None if stamp is None else self._digest(self._stamp_keys[0], token.subject, stamp))

    def has_stamp(self, token: RefreshToken, accepted: Iterable[Stamp | None]) -> bool:
        """Whether `token` was made with one of the `accepted` stamps, under any of the keys."""
        if token.stamp is None:
            return None in accepted
        return any(
            hmac.compare_digest(token.stamp.encode(), self._digest(key, token.subject, stamp).encode())
            for stamp in accepted
            if stamp is not None
            for key in self._stamp_keys
        )

    def _digest(self, key: bytes, subject: str, stamp: Stamp) -> str:
        # With the subject: two users with one stamp have different ones here.
        text = json.dumps([self._issuer, subject, *_spelled(stamp)])
        return encode_segment(hmac.digest(key, text.encode("ascii"), "sha256"))

    def issue(self, token: RefreshToken, *, now: float, lifetime: float) -> str:
        """The signed text of `token`, good for `lifetime` seconds from `now` on.

        Raises `ConfigurationError` if its claims are not JSON.
        """
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
        if token.stamp is not None:
            members["stamp"] = token.stamp
        return sign(json_payload(members), self._key, header={"typ": TYPE})

    def read(self, text: str, *, now: float, expired_too: bool = False) -> RefreshToken:
        """What `text` says; raises `InvalidGrantError`. Garbage is refused by its signature."""
        try:
            return self._read(text, float("-inf") if expired_too else now)
        except InvalidTokenError as error:
            reason = error.reason
        except Exception as error:  # noqa: BLE001 - whatever we did not foresee denies, and names no token
            name = type(error).__name__
            logger.error(
                "refresh token refused: unforeseen %s while reading", name, extra=log_fields("unforeseen", reason=name)
            )
            reason = "unforeseen"
        raise InvalidGrantError(reason)

    def _read(self, text: str, now: float) -> RefreshToken:
        jws = verify(text, self._keys, types=frozenset({TYPE}))
        if jws.header.type is None:
            raise InvalidTokenError("typ")
        claims = parse_object(jws.payload)
        # `iat` is told, never judged: the server that made this generation may have a clock that is ahead of ours,
        # and that must end no session. The row holds the age of a generation.
        self._policy.check({name: claims[name] for name in claims if name != "iat"}, now)
        scope = claims.get("scope")
        token = RefreshToken(
            subject=claims["sub"],
            session_id=claims["sid"],
            generation=claims["gen"],
            auth_time=claims["auth_time"],
            scope=None if scope is None else tuple(scope) if isinstance(scope, list) else scope,
            claims=claims.get("claims", {}),
            remember=claims.get("remember", True),
            stamp=claims.get("stamp"),
        )
        _check_members(token)
        return token


class SessionTokens:
    """Signs what a session hands out. Lifetimes are in seconds: idle from each rotation on, absolute from login on."""

    __slots__ = ("_absolute", "_idle", "issuer", "refresh_tokens")

    def __init__(
        self, issuer: TokenIssuer, refresh_tokens: RefreshTokens, *, idle_lifetime: float, absolute_lifetime: float
    ) -> None:
        self.issuer = issuer
        self.refresh_tokens = refresh_tokens
        self._idle = idle_lifetime
        self._absolute = absolute_lifetime

    def lifetime(self, token: RefreshToken, *, now: float) -> float:
        """How long a refresh token that is made `now` may live, in seconds; not positive once the session is over."""
        return min(self._idle, token.auth_time + self._absolute - now)

    def answer(self, token: RefreshToken, grants: Grants, *, now: float) -> TokenResponse:
        """Both tokens of the generation that `token` names; raises `ConfigurationError` for what a token cannot say.

        The scope is the login's as far as it is granted today; the refresh token keeps the login's.
        """
        scope = granted_scope(token.scope, grants.scope)
        access_token = self.issuer.access_token(
            token.subject,
            roles=grants.roles,
            scope=scope,
            permissions=grants.permissions,
            session_id=token.session_id,
            auth_time=token.auth_time,
            claims={**token.claims, **grants.claims},
        )
        lifetime = self.lifetime(token, now=now)
        return TokenResponse(
            access_token=access_token,
            refresh_token=self.refresh_tokens.issue(token, now=now, lifetime=lifetime),
            expires_in=int(self.issuer.access_token_lifetime.total_seconds()),
            refresh_expires_in=max(int(lifetime), 0),
            scope=" ".join(scope),
            remember=token.remember,
        )

    def first_answer(self, token: RefreshToken, grants: Grants, *, now: float) -> TokenResponse:
        """`answer` for a login; raises `ConfigurationError` too if no refresh could read its claims back."""
        answer = self.answer(token, grants, now=now)
        try:
            self.refresh_tokens.read(answer.refresh_token, now=now)
        except InvalidGrantError as error:
            reason = error.reason
        else:
            return answer
        raise ConfigurationError(
            f"the claims and the scope given at login make a refresh token that is refused itself ({reason}): keep them"
            " few and flat, since every generation carries them"
        )


def refresh_tokens_of(issuer: object, keys: Iterable[SigningKey], problems: Problems) -> RefreshTokens:
    """The refresh tokens beside an issuer's access tokens; what is wrong with either is added to `problems`."""
    name = "unknown"
    if not isinstance(issuer, TokenIssuer):
        problems.append(f"issuer is the TokenIssuer of the access tokens, found {issuer!r}")
    elif not is_storable(issuer.issuer, MAX_TEXT):
        problems.append(f"the issuer's name must have at most {MAX_TEXT} characters, or no store can keep it")
    else:
        name = issuer.issuer
    tokens = problems.of(lambda: RefreshTokens(name, keys))
    if tokens is None:
        return RefreshTokens(name, [SigningKey.generate("HS256", kid="-")])  # Never used: there is a problem.
    others = issuer.known_keys if isinstance(issuer, TokenIssuer) else []
    if any(key.is_same_key(other) for key in tokens.keys for other in others):
        problems.append(
            "refresh_keys and the issuer's signing_keys share a key, so a verifier of access tokens could"
            " sign refresh tokens: make another"
        )
    return tokens


def _spelled(stamp: Stamp) -> tuple[str, str]:
    """Type and text of a stamp, so that no two different ones are spelled alike."""
    if isinstance(stamp, str):
        return "text", stamp
    if isinstance(stamp, bytes):
        return "bytes", stamp.hex()
    if isinstance(stamp, datetime):
        # One moment has one spelling, in whichever zone the database returns it.
        return "time", (stamp if stamp.tzinfo is None else stamp.astimezone(UTC)).isoformat()
    # 5 and 5.0 are the same number, and a database column may return either.
    return "number", str(int(stamp)) if stamp == int(stamp) else repr(float(stamp))


def _check_members(token: RefreshToken) -> None:
    """Raise `InvalidTokenError` for content that we never write: another holder of the key must not confuse a store."""
    is_sound = {
        "sub": is_storable(token.subject, MAX_TEXT),
        "sid": isinstance(token.session_id, str)
        and len(token.session_id) > 0
        and is_storable(token.session_id, MAX_SESSION_ID),
        # `type`, not isinstance: True is an int.
        "gen": type(token.generation) is int and 0 <= token.generation < _MAX_GENERATION,
        "auth_time": type(token.auth_time) in {int, float},
        "scope": token.scope is None
        or (isinstance(token.scope, tuple) and all(isinstance(name, str) for name in token.scope)),
        "claims": isinstance(token.claims, Mapping),
        "remember": isinstance(token.remember, bool),
        "stamp": token.stamp is None or isinstance(token.stamp, str),
    }
    for name, sound in is_sound.items():
        if not sound:
            raise InvalidTokenError(name)
