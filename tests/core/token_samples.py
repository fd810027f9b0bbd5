"""Making tokens by hand, sound and unsound, and asking a verifier what it thinks of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jwtguard import JWTGuardError, SigningKey, VerificationKey
from jwtguard.core.tokens.claims_policy import DEFAULT_LEEWAY, Policy
from jwtguard.core.tokens.encoding import encode_segment
from jwtguard.core.tokens.jwk_set import JWKSet, KeySource
from jwtguard.core.tokens.sentinels import UncheckedType
from jwtguard.core.tokens.verifier import TokenVerifier, VerifiedToken
from tests.core.keys import hs256

NOW = 1_700_000_000
ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"
CLAIMS: Mapping[str, Any] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 300}
ACCEPTED = "accepted"

Part = bytes | Mapping[str, Any]


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


def segment(part: Part) -> str:
    """A part of a token: bytes as they are, members as JSON."""
    data = part if isinstance(part, bytes) else json.dumps(part).encode()
    return encode_segment(data)


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, changed; None leaves one out."""
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}


def compact(header: Part | None = None, payload: Part = CLAIMS, *, key: SigningKey | None = None) -> str:
    """A token whose signature holds, whatever stands in it. The header defaults to the key's `alg`."""
    key = key or hs256()
    signing_input = f"{segment({'alg': key.algorithm} if header is None else header)}.{segment(payload)}"
    return f"{signing_input}.{encode_segment(key.sign(signing_input.encode()))}"


def policy(
    keys: KeySource | VerificationKey | None = None,
    *,
    issuer: str | UncheckedType = ISSUER,
    audience: str | Iterable[str] | UncheckedType = AUDIENCE,
    leeway: timedelta = DEFAULT_LEEWAY,
    required_claims: Iterable[str] | None = None,
    max_token_age: timedelta | None = None,
) -> Policy:
    """What the good token above must look like."""
    key = hs256().verification_key if keys is None else keys
    return Policy(
        issuer=issuer,
        audience=audience,
        keys=JWKSet([key]) if isinstance(key, VerificationKey) else key,
        leeway=leeway,
        required_claims=required_claims,
        max_token_age=max_token_age,
    )


def verifier(*policies: Policy, clock: Clock | None = None, cache_size: int = 1024) -> TokenVerifier:
    """A verifier whose clock stands still, for the policy above unless others are given."""
    return TokenVerifier(policies or [policy()], clock=clock or Clock(), cache_size=cache_size)


def verify(text: str, by: TokenVerifier | None = None) -> VerifiedToken:
    """Verify `text`; raises what the verifier raises."""
    return (by or verifier()).verify(text).run()


def outcome(text: str, by: TokenVerifier | None = None) -> str:
    """`accepted`, or the reason for which `text` is refused."""
    try:
        verify(text, by)
    except JWTGuardError as error:
        return error.reason
    return ACCEPTED
