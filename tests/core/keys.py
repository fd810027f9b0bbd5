"""One key of each algorithm, for all tests: signing keys that are made once, and the public ones that go with them."""

from __future__ import annotations

import functools
from typing import Any

from jwtguard import SigningKey, VerificationKey
from tests.core.vectors import read

ALGORITHMS = (
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
    "Ed448",
)
RSA_ALGORITHMS = ALGORITHMS[3:9]
ASYMMETRIC = ALGORITHMS[3:]

SECRET = "not a secret, only an example!!!"
RSA_JWK: dict[str, Any] = read("cookbook/jwk/3_4.rsa_private_key.json")


def signing_key(algorithm: str, kid: str | None = None) -> SigningKey:
    """The key for `algorithm` under that name, the same at each call. All RSA keys are one: making one takes long."""
    return _made(algorithm, kid)


@functools.cache
def _made(algorithm: str, kid: str | None) -> SigningKey:
    if algorithm in RSA_ALGORITHMS:
        return SigningKey.from_jwk({**RSA_JWK, "kid": kid}, algorithm=algorithm)
    return SigningKey.generate(algorithm, kid=kid)


def verification_key(algorithm: str, kid: str | None = None) -> VerificationKey:
    """The other half of `signing_key`."""
    return signing_key(algorithm, kid).verification_key


def hs256(kid: str | None = None, *, secret: str = SECRET) -> SigningKey:
    """A shared secret under a name."""
    return SigningKey.from_secret(secret, algorithm="HS256", kid=kid)
