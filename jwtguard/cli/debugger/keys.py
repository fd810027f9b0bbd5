"""Keys as people paste them: a secret, PEM, a JWK, a JWK Set or a certificate, whose algorithm the token may choose.

>>> import json
>>> pasted = json.dumps(SigningKey.generate("ES256").to_private_jwk())
>>> private_key(pasted, preferred="RS256")
SigningKey(algorithm='ES256', kid=None)

A guard never lets the token choose. Here nothing is guarded, and a pasted key seldom says what it is for: so the
header's `alg` is taken if it fits the type of the key, which alone decides whether a secret or a public key is meant.
An HS256 token is still never checked with a public key. Every function raises `ConfigurationError` for what it cannot
use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from jwtguard.cli.key_inputs import signing_key, verification_keys
from jwtguard.cli.output import Problem
from jwtguard.core.errors import ConfigurationError, MalformedTokenError
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.core.tokens.encoding import decode_segment
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.keys import SigningKey
from jwtguard.key_sources.entries import PUBLIC_ALGORITHMS

T = TypeVar("T")

SECRET_ALGORITHMS = tuple(sorted(ALGORITHMS - set(PUBLIC_ALGORITHMS)))
PASTED = "What was pasted"


def secret_key(secret: str, *, is_base64url: bool, preferred: str | None) -> SigningKey:
    """A shared secret as it was typed, for the `preferred` algorithm if that takes a secret."""
    algorithm = preferred if preferred in SECRET_ALGORITHMS else "HS256"
    return SigningKey.from_secret(_decoded(secret) if is_base64url else secret, algorithm=algorithm)


def secret_bytes(secret: str, *, is_base64url: bool) -> bytes:
    """The bytes of a shared secret as it was typed."""
    return _decoded(secret) if is_base64url else secret.encode("utf-8", "replace")


def _decoded(secret: str) -> bytes:
    try:
        return decode_segment(secret.strip().rstrip("=").encode("ascii"))
    except (UnicodeEncodeError, MalformedTokenError):
        pass
    raise ConfigurationError("the secret is not base64url (RFC 7515 §2): untick the box if it is plain text")


def checking_keys(text: str, *, preferred: str | None) -> JWKSet:
    """What checks: a public key or certificate in PEM form, a JWK, a JWK Set, or the private half of one of them."""
    content = _bytes(text)
    keys = _first_that_fits(
        lambda algorithm: verification_keys(content, name=PASTED, algorithm=algorithm),
        # Keep all keys of a set, so that the page can list them.
        None if b'"keys"' in content else preferred,
    )
    return keys if isinstance(keys, JWKSet) else JWKSet(keys)


def private_key(text: str, *, preferred: str | None) -> SigningKey:
    """What signs: a private key in PEM form, as a JWK, or the last one of a JWK Set."""
    content = _bytes(text)
    return _first_that_fits(lambda algorithm: signing_key(content, name=PASTED, algorithm=algorithm), preferred)


def _bytes(text: str) -> bytes:
    return text.strip().encode("utf-8", "replace")


def _first_that_fits(load: Callable[[str | None], T], preferred: str | None) -> T:
    """The key for the `preferred` algorithm, or for what it says itself, or for what is usual."""
    if preferred in ALGORITHMS:
        try:
            return load(preferred)
        except Problem:
            pass
    try:
        return load(None)
    except Problem as problem:
        message = problem.message.removeprefix(f"{PASTED}: ")
    raise ConfigurationError(message)
