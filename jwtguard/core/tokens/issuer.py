"""Issuing access tokens (RFC 9068): short-lived, signed with the newest key.

>>> from jwtguard.core.tokens.keys import SigningKey
>>> issuer = TokenIssuer(
...     issuer="https://issuer.example",
...     audience="https://api.example",
...     client_id="web",
...     signing_keys=[SigningKey.generate("ES256", kid="2026-11")],
... )
>>> text = issuer.access_token("user-1", roles=["admin"], scope=["reports:read"])
>>> text.count("."), issuer.jwks()["keys"][0]["kid"]
(2, '2026-11')
"""

from __future__ import annotations

import json
import secrets
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, cast

from jwtguard.core.errors import ConfigurationError, InvalidTokenError, MalformedTokenError
from jwtguard.core.finished_response import HTTPResponse
from jwtguard.core.tokens.actor import MAX_ACTORS, Actor
from jwtguard.core.tokens.claims_policy import MAX_NUMERIC_DATE
from jwtguard.core.tokens.encoding import MAX_DEPTH, MAX_NUMBER_LENGTH, parse_object
from jwtguard.core.tokens.jwk_set import JWKSet, KeySource
from jwtguard.core.tokens.jws import MAX_TOKEN_BYTES, largest_claims, sign
from jwtguard.core.tokens.keys import SigningKey, VerificationKey
from jwtguard.core.tokens.principal import SCOPE_TOKEN
from jwtguard.core.tokens.subject import Subject, subject_text
from jwtguard.core.validation import Problems

ACCESS_TOKEN_LIFETIME = timedelta(minutes=5)
"""An access token is accepted without a look-up, so its lifetime is short."""
MAX_LIFETIME = timedelta(days=366).total_seconds()
"""Seconds; what lives longer is no access token."""
OWN_CLAIMS = frozenset(
    {
        "iss",
        "sub",
        "aud",
        "exp",
        "iat",
        "nbf",
        "jti",
        "client_id",
        "sid",
        "auth_time",
        "roles",
        "scope",
        "permissions",
        "cnf",
    }
)
"""The claims that the issuer sets itself (RFC 9068 §2.2) and that `claims=` may not."""


def new_jti() -> str:
    """A token's own name (RFC 7519 §4.1.7): 128 random bits."""
    return secrets.token_urlsafe(16)


JWKS_MAX_AGE = 300
"""Seconds for which others may keep our JWK Set."""


class SigningKeySource(Protocol):
    """Signing keys that change while the program runs. `jwtguard.SigningKeys` is one, on disk."""

    @property
    @abstractmethod
    def signing_key(self) -> SigningKey:
        """The one that signs now."""

    @property
    @abstractmethod
    def verification_keys(self) -> KeySource:
        """What checks all that was signed and has not expired."""

    @property
    @abstractmethod
    def public_keys(self) -> list[VerificationKey]:
        """What to publish: the keys that sign, did, or will soon."""

    @property
    @abstractmethod
    def max_token_lifetime(self) -> timedelta:
        """How long a token may live, since a key stays for that long after it has signed its last."""

    @property
    @abstractmethod
    def jwks_max_age(self) -> int:
        """Seconds for which others may keep the JWK Set, so that they know a key before it signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """Issues access tokens as `issuer` for `audience`.

    `signing_keys` go from oldest to newest: the newest signs, the others still verify what they signed before. Each
    of several needs a `kid`. They may also be `SigningKeys`, which rotate. `client_id` is put into every token (RFC
    9068 §2.2). `max_token_bytes` is the longest token that it signs: that of the guards which read them, 8192 unless
    both say otherwise. Raises `ConfigurationError` with all problems.
    """

    issuer: str
    audience: str | Iterable[str]
    client_id: str
    signing_keys: Iterable[SigningKey] | SigningKeySource = field(repr=False)
    access_token_lifetime: timedelta = ACCESS_TOKEN_LIFETIME
    max_token_bytes: int = MAX_TOKEN_BYTES
    clock: Callable[[], float] = field(default=time.time, repr=False)
    new_jti: Callable[[], str] = field(default=new_jti, repr=False)
    _source: SigningKeySource | None = field(init=False, repr=False, compare=False, default=None)
    _lifetime: float = field(init=False, repr=False, default=0.0)

    def __post_init__(self) -> None:
        store = object.__setattr__
        examples = {"issuer": "https://issuer.example", "client_id": "web"}
        problems = Problems(
            [
                f'{name} is a string that is not empty: write {name}="{example}"'
                for name, example in examples.items()
                if not isinstance(getattr(self, name), str) or not getattr(self, name)
            ]
        )
        audience = self.audience
        if not isinstance(audience, str):
            audience = tuple(audience) if isinstance(audience, Iterable) else ()
            store(self, "audience", audience)
        if not audience or not all(isinstance(name, str) and name for name in audience):
            problems.append('audience is the API the tokens are for: write audience="https://api.example", or a list')
        lifetime = problems.seconds("access_token_lifetime", self.access_token_lifetime, at_most=MAX_LIFETIME)
        store(self, "_lifetime", lifetime)
        if isinstance(self.access_token_lifetime, timedelta) and self._lifetime < 1:
            problems.append("access_token_lifetime must be at least one second")
        if type(self.max_token_bytes) is not int or self.max_token_bytes < 1:
            problems.append(f"max_token_bytes is a number of bytes, found {self.max_token_bytes!r}")
        # Asked of its type, since the keys themselves would be read from the disk to answer.
        if hasattr(type(self.signing_keys), "public_keys"):
            source = cast("SigningKeySource", self.signing_keys)
            store(self, "_source", source)
            if self._lifetime > source.max_token_lifetime.total_seconds():
                problems.append("access_token_lifetime is longer than the max_token_lifetime of its signing_keys")
        else:
            keys = (self.signing_keys,) if isinstance(self.signing_keys, SigningKey) else self.signing_keys
            keys = tuple(keys) if isinstance(keys, Iterable) else ()
            store(self, "signing_keys", keys)
            problems += _key_problems(keys)
        problems.raise_all()

    @property
    def signing_key(self) -> SigningKey:
        """The newest key, which signs."""
        return self._listed[-1] if self._source is None else self._source.signing_key

    @property
    def verification_keys(self) -> KeySource:
        """The keys that check what this issuer signs: for the `keys` of a guard in the same program."""
        if self._source is not None:
            return self._source.verification_keys
        return JWKSet(key.verification_key for key in self._listed)

    @property
    def _listed(self) -> tuple[SigningKey, ...]:
        return cast("tuple[SigningKey, ...]", self.signing_keys)

    @property
    def known_keys(self) -> list[VerificationKey]:
        """All keys that sign, did, or will soon, as far as is known now; shared secrets among them."""
        source = self._source
        return [key.verification_key for key in self._listed] if source is None else source.public_keys

    def jwks(self) -> dict[str, Any]:
        """The public JWK Set to publish (RFC 7517 §5). Shared secrets are never in it."""
        return {"keys": [key.to_jwk() for key in self.known_keys if not key.is_symmetric]}

    def jwks_answer(self) -> HTTPResponse:
        """The JWK Set as an HTTP answer, which others may keep for some minutes (RFC 7517 §8.5.1, RFC 9111 §5.2)."""
        max_age = JWKS_MAX_AGE if self._source is None else self._source.jwks_max_age
        headers = (("Content-Type", "application/jwk-set+json"), ("Cache-Control", f"public, max-age={max_age}"))
        return HTTPResponse(status=200, headers=headers, body=json.dumps(self.jwks()).encode("ascii"))

    def _now(self) -> int:
        """Seconds since the epoch, by a clock whose tokens end before the calendar does."""
        now = self.clock()
        if not _is_time(now) or now + self._lifetime > MAX_NUMERIC_DATE:
            raise ConfigurationError(f"the clock gives seconds since the epoch, found {now!r}")
        return int(now)

    def access_token(
        self,
        subject: Subject,
        *,
        roles: Iterable[str] = (),
        scope: Iterable[str] = (),
        permissions: Iterable[str] = (),
        session_id: str | None = None,
        auth_time: float | None = None,
        claims: Mapping[str, Any] | None = None,
    ) -> str:
        """A signed access token for `subject` (RFC 9068 §2).

        `auth_time` is when the user last logged in, in seconds since the epoch; left out, it is left out of the token.
        Raises `ConfigurationError` for what a token cannot say, or a guard would refuse: an empty subject, a scope with
        a space, a claim that is not JSON, names that are no strings, numbers of more than 40 characters, more than 64
        levels, more than `max_token_bytes`, or a name in `claims` that the issuer sets itself.
        """
        if claims is not None and not (isinstance(claims, Mapping) and has_string_names(claims)):
            raise ConfigurationError("claims is a mapping of names to values, and names are strings at every depth")
        extra = dict(claims or {})
        now, jti = self._now(), self.new_jti()
        if not isinstance(jti, str) or not jti:
            raise ConfigurationError(f"new_jti returns a string, not empty: found {type(jti).__name__}")
        lists = {
            "roles": _strings("roles", roles),
            "scope": _strings("scope", scope),
            "permissions": _strings("permissions", permissions),
        }
        _check(subject, lists["scope"], session_id, auth_time, extra)
        claims_set: dict[str, Any] = {
            **extra,
            "iss": self.issuer,
            "sub": subject_text(subject),
            "aud": self.audience if isinstance(self.audience, str) else list(self.audience),
            "exp": now + int(self._lifetime),
            "iat": now,
            "jti": jti,
            "client_id": self.client_id,
        }
        optional = {
            "sid": session_id,
            "auth_time": None if auth_time is None else int(auth_time),
            "roles": lists["roles"] or None,
            "scope": " ".join(lists["scope"]) or None,
            "permissions": lists["permissions"] or None,
        }
        claims_set.update({name: value for name, value in optional.items() if value is not None})
        text = sign(json_payload(claims_set), self.signing_key, header={"typ": "at+jwt"})
        check_token_length(text, self.max_token_bytes)
        return text


def json_payload(claims_set: Mapping[str, Any]) -> bytes:
    """The payload of a token; raises `ConfigurationError` for what its reader refuses (RFC 7519 §4).

    The reader itself is asked: it refuses lone surrogates, numbers of more than 40 characters and more than 64 levels.
    """
    try:
        payload = json.dumps(claims_set, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode("utf-8")
        parse_object(payload)
    except (TypeError, ValueError, RecursionError, MalformedTokenError) as error:
        problem = type(error).__name__
    else:
        return payload
    # The values stay out of the message: they may be secret.
    raise ConfigurationError(
        f"claims must be JSON: strings without lone surrogates, finite numbers of at most {MAX_NUMBER_LENGTH}"
        f" characters, lists and dicts, at most {MAX_DEPTH} levels deep ({problem})"
    )


def has_string_names(value: object) -> bool:
    """Whether each name in `value` is a string, at every depth: two of other types could become one member."""
    found = [value]
    seen: set[int] = set()
    while found:
        one = found.pop()
        if not isinstance(one, Mapping | list | tuple) or id(one) in seen:
            continue  # Seen before: in a loop, which is no JSON, and is refused as that.
        seen.add(id(one))
        if isinstance(one, Mapping):
            if not all(isinstance(name, str) for name in one):
                return False
            found += one.values()
        else:
            found += one
    return True


def check_token_length(text: str, max_token_bytes: int) -> None:
    """Raise `ConfigurationError`, with the names of the large claims, if a guard with this limit refuses `text`."""
    if len(text) > max_token_bytes:
        raise ConfigurationError(
            f"the token would have {len(text)} bytes, and the guard refuses more than {max_token_bytes}"
            f" (max_token_bytes); the largest claims: {largest_claims(text)}"
        )


def _strings(name: str, values: Iterable[str]) -> list[str]:
    listed = isinstance(values, Iterable) and not isinstance(values, str)
    found = list(values) if listed else []
    if not listed or not all(isinstance(value, str) and value for value in found):
        raise ConfigurationError(f'{name} is a list of names: write {name}=["admin"], found {values!r}')
    # A set has no order, and the same rights should make the same token.
    return sorted(found) if isinstance(values, set | frozenset) else found


def _check(
    subject: object, scope: Iterable[str], session_id: object, auth_time: object, extra: Mapping[str, Any]
) -> None:
    problems = Problems()
    if subject_text(subject) is None:
        problems.append(f"the subject is a string, an integer or a UUID, not empty: found {subject!r}")
    if not all(map(SCOPE_TOKEN.fullmatch, scope)):
        problems.append(
            "a scope is printable ASCII without space, quote and backslash (RFC 6749 §3.3):"
            ' write scope=["reports:read", "reports:write"]'
        )
    if session_id is not None and not (isinstance(session_id, str) and session_id):
        problems.append(f"the session_id is a string, not empty, or None: found {session_id!r}")
    if auth_time is not None and not _is_time(auth_time):
        problems.append(f"the auth_time is a number of seconds since the epoch, or None: found {auth_time!r}")
    own = sorted(OWN_CLAIMS & set(extra))
    if own:
        problems.append(f"claims may not hold {', '.join(own)}: those are for the issuer to set")
    if "act" in extra:
        try:
            Actor.of(extra["act"])
        except InvalidTokenError:
            problems.append(
                f"act names at most {MAX_ACTORS} actors, each by sub or client_id (RFC 8693 §4.1): write"
                ' {"act": {"sub": "agent-7"}}'
            )
    problems.raise_all()


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_NUMERIC_DATE


def _key_problems(keys: tuple[object, ...]) -> list[str]:
    wrong = [key for key in keys if not isinstance(key, SigningKey)]
    if wrong or not keys:
        return ["signing_keys is a list of SigningKey, oldest first: write signing_keys=[SigningKey.from_pem(...)]"]
    kids = [key.kid for key in keys if isinstance(key, SigningKey)]
    if len(keys) > 1 and (None in kids or len(set(kids)) != len(kids)):
        return ["each of several signing_keys needs a kid of its own, which names the key that signed a token"]
    return []
