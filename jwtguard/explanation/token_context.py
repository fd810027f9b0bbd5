"""What an explanation goes by: the parts of a token as far as they can be read, and the policy that it meets.

>>> from jwtguard import Guard, SigningKey, TokenIssuer
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> context = TokenContext.of(guard, "e30.eyJhdWQiOiJ4In0.c2ln")
>>> context.audiences, context.shown("aud"), context.shown("iss")
(['x'], 'aud "x"', 'no iss')

Nothing here decides anything: the core's own functions read the token, and its content is not trusted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from jwtguard.core.errors import InvalidTokenError, JWTGuardError
from jwtguard.core.tokens.claims_policy import Policy
from jwtguard.core.tokens.encoding import JSONObject, decode_segment, parse_object
from jwtguard.core.tokens.jwk_set import JWKSet, SkippedKey
from jwtguard.core.tokens.jws import MAX_TOKEN_BYTES
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.core.tokens.sentinels import NO_ISSUER, UNCHECKED
from jwtguard.core.tokens.tenants import TenantPattern
from jwtguard.explanation.moments import DATES, moment
from jwtguard.guard import Guard

MAX_SHOWN = 200
"""Characters of a value that are shown."""
PLAIN = frozenset(
    {
        *("iss", "aud", "exp", "nbf", "iat", "auth_time", "azp", "appid", "cid", "client_id", "tid", "ver", "typ"),
        *("token_use", "token_type", "type", "scope", "scp", "cnf"),
    }
)
"""Claims that say something of the token and nothing of the person: these are shown in any case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenContext:
    """A token and the guard that it meets. `header`, `claims`: None where they cannot be read; not verified.

    `policy`: the policy for its issuer, None if the issuer is not trusted. `keys`: what is loaded of the
    issuer's keys. `now`: seconds since the epoch. `redact`: values that concern a person are told by their length.
    """

    text: str
    parts: tuple[str, ...]
    header: Mapping[str, Any] | None
    claims: Mapping[str, Any] | None
    policies: tuple[Policy, ...]
    policy: Policy | None
    keys: JWKSet | None
    max_token_bytes: int
    now: float
    redact: bool

    @classmethod
    def of(cls, guard: Guard, text: str, *, redact: bool = False) -> Self:
        """Look at `text` and at what `guard` wants."""
        limit: int = guard.verifier.max_token_bytes
        parts = tuple(text.split(".", 6)) if len(text) <= limit else (text,)
        header = read_part(parts[0]) if len(parts) == 3 else None
        claims = read_part(parts[1]) if len(parts) == 3 else None
        policies = guard.trust.policies
        policy = policies[0] if len(policies) == 1 else _policy_of(guard, claims)
        if guard.introspection is not None and guard.verifier.takes_as_opaque(text):
            policy = guard.trust.opaque_policy or policy
        return cls(
            text=text,
            parts=parts,
            header=header,
            claims=claims,
            policies=policies,
            policy=policy,
            keys=None if policy is None else _current(policy),
            max_token_bytes=limit,
            now=guard.clock(),
            redact=redact,
        )

    @classmethod
    def alone(cls, text: str, *, now: float) -> Self:
        """`text` by itself, with no guard to meet."""
        parts = tuple(text.split(".", 6))
        is_token = len(parts) == 3
        return cls(
            text=text,
            parts=parts,
            header=read_part(parts[0]) if is_token else None,
            claims=read_part(parts[1]) if is_token else None,
            policies=(),
            policy=None,
            keys=None,
            max_token_bytes=MAX_TOKEN_BYTES,
            now=now,
            redact=False,
        )

    def member(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """A member of the header, None where there is none."""
        return None if self.header is None else self.header.get(name)

    def claim(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """A claim, None where there is none."""
        return None if self.claims is None else self.claims.get(name)

    @property
    def audiences(self) -> list[str]:
        """The token's audiences."""
        found = self.claim("aud")
        return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, str)]

    @property
    def wanted_audiences(self) -> list[str]:
        """The guard's."""
        found = None if self.policy is None else self.policy.accepted_audiences
        return sorted(found or ())

    @property
    def issuer(self) -> str:
        """The token's issuer, empty if it has none that could be one."""
        found = self.claim("iss")
        return found if isinstance(found, str) else ""

    @property
    def wanted_issuers(self) -> list[str]:
        """The guard's issuers as they are written; templates too."""
        issuers = [policy.issuer for policy in self.policies if policy.issuer not in (UNCHECKED, NO_ISSUER)]
        return [issuer.template if isinstance(issuer, TenantPattern) else str(issuer) for issuer in issuers]

    @property
    def key(self) -> VerificationKey | None:
        """The key that the header names."""
        kid, algorithm = self.member("kid"), self.member("alg")
        if self.keys is None or not isinstance(algorithm, str) or not isinstance(kid, str | None):
            return None
        try:
            candidates = self.keys.candidates(kid or None, algorithm)
        except Exception:  # noqa: BLE001 - a third-party key source; the guard has handled its error
            return None
        return candidates[0] if candidates else None

    @property
    def skipped(self) -> list[SkippedKey]:
        """The keys of the issuer that could have signed, and that are not used."""
        policies = self.policies if self.policy is None else (self.policy,)
        sources = {id(source): source for policy in policies for source in policy.key_sources}
        return [each for source in sources.values() for each in getattr(source, "skipped", ())]

    def shown(self, name: str, *, of: Mapping[str, Any] | None = None) -> str:
        """A claim, or a member `of` the header, as it may be shown."""
        members = self.claims if of is None else of
        if members is None or name not in members:
            return f"no {name}"
        value = members[name]
        if of is None and name in DATES:
            return f"{name} {moment(value, now=self.now)}"
        if of is None and self.redact and name not in PLAIN:
            return f"{name} ({_measured(value)})"
        return f"{name} {cut(json.dumps(value, ensure_ascii=False))}"


def cut(text: str) -> str:
    """At most `MAX_SHOWN` characters of `text`."""
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def read_part(segment: str) -> JSONObject | None:
    """The JSON object of a part, None if it is none."""
    try:
        return parse_object(decode_segment(segment.encode("ascii")))
    except (JWTGuardError, UnicodeEncodeError, IndexError):
        return None


def _measured(value: object) -> str:
    if isinstance(value, str):
        return f"{len(value)} characters"
    if isinstance(value, list | Mapping):
        return f"{len(value)} members"
    return type(value).__name__


def _policy_of(guard: Guard, claims: Mapping[str, Any] | None) -> Policy | None:
    try:
        return guard.verifier.policy_of(claims or {})
    except InvalidTokenError:
        return None


def _current(policy: Policy) -> JWKSet | None:
    try:
        return policy.keys.current()
    except Exception:  # noqa: BLE001 - a source that breaks: the guard has said what that means
        return None
