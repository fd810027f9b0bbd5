"""Keys as people paste them: a secret, PEM, a JWK, a JWK Set or a certificate, whose algorithm the token may choose.

>>> import json
>>> pasted = json.dumps(SigningKey.generate("ES256").to_private_jwk())
>>> signing_key(pasted, preferred="RS256")
SigningKey(algorithm='ES256', kid=None)

A guard never lets the token choose. Here nothing is guarded, and a pasted key seldom says what it is for: so the
header's `alg` is taken if it fits the type of the key, which alone decides whether a secret or a public key is meant.
An HS256 token is still never checked with a public key. Every function raises `ConfigurationError` for what it cannot
use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from jwtguard.core.errors import ConfigurationError, MalformedTokenError
from jwtguard.core.jose import decode_segment, parse_object
from jwtguard.core.jwk import ALGORITHMS, SigningKey, VerificationKey, candidate_algorithms
from jwtguard.core.jwk_set import JWKSet, LocalJWKSet
from jwtguard.keys.fetched_keys import PUBLIC_ALGORITHMS
from jwtguard.keys.fetching import FetchError, FetchResponse
from jwtguard.keys.remote import fetched_set

K = TypeVar("K", VerificationKey, SigningKey)

SECRET_ALGORITHMS = tuple(sorted(ALGORITHMS - set(PUBLIC_ALGORITHMS)))
USUAL = ("RS256", "ES256", "ES384", "ES512", "EdDSA")
"""What a key is taken to be for where neither it nor the token says: one for each type and curve."""


def secret_key(secret: str, *, is_base64url: bool, preferred: str | None) -> SigningKey:
    """A shared secret as it was typed, for the `preferred` algorithm if that takes a secret."""
    algorithm = preferred if preferred in SECRET_ALGORITHMS else "HS256"
    return SigningKey.from_secret(_decoded(secret) if is_base64url else secret, algorithm=algorithm)


def _decoded(secret: str) -> bytes:
    try:
        return decode_segment(secret.strip().rstrip("=").encode("ascii"))
    except (UnicodeEncodeError, MalformedTokenError):
        pass
    raise ConfigurationError("the secret is not base64url (RFC 7515 §2): untick the box if it is plain text")


def checking_keys(text: str, *, preferred: str | None) -> JWKSet:
    """What checks: a public key or certificate in PEM form, a JWK, or a JWK Set."""
    text = text.strip()
    if "PRIVATE KEY-----" in text:
        raise _private()
    if text.startswith("{"):
        document = _json(text)
        if "keys" in document:
            return _key_set(document, text)
        if "d" in document:
            raise _private()
        return JWKSet([_of_jwk(VerificationKey.from_jwk, document, preferred)])
    load = VerificationKey.from_x509 if "BEGIN CERTIFICATE" in text else VerificationKey.from_pem
    return JWKSet([_first_that_fits(lambda name: load(text, algorithm=name), preferred)])


def signing_key(text: str, *, preferred: str | None) -> SigningKey:
    """What signs: a private key in PEM form or as a JWK."""
    text = text.strip()
    if text.startswith("{"):
        return _of_jwk(SigningKey.from_jwk, _json(text), preferred)
    return _first_that_fits(lambda name: SigningKey.from_pem(text, algorithm=name), preferred)


def _private() -> ConfigurationError:
    return ConfigurationError(
        "this is a private key, which signs: its place is under “Sign again”. Paste its public half here"
    )


def _json(text: str) -> Mapping[str, Any]:
    try:
        return parse_object(text.encode("utf-8"))
    except (UnicodeEncodeError, MalformedTokenError):
        pass
    raise ConfigurationError("this begins like a JWK and is no JSON object: copy it again, whole")


def _key_set(document: Mapping[str, Any], text: str) -> JWKSet:
    entries = document["keys"]
    if isinstance(entries, list) and any(isinstance(entry, Mapping) and entry.get("kty") == "oct" for entry in entries):
        return LocalJWKSet(document)
    # Providers publish keys for encryption and of unknown types beside those for signatures, and leave `alg` out: read
    # like a fetched set, which skips what is of no use.
    try:
        return fetched_set(FetchResponse(status=200, body=text.encode()), PUBLIC_ALGORITHMS, "the document").keys
    except FetchError as error:
        problem = str(error)
    raise ConfigurationError(problem)


def _of_jwk(load: Callable[..., K], jwk: Mapping[str, Any], preferred: str | None) -> K:
    if "alg" in jwk:
        return load(jwk)
    order = [name for name in [preferred, *USUAL, *SECRET_ALGORITHMS] if name is not None and name in ALGORITHMS]
    fitting = candidate_algorithms(jwk, order)
    return load(jwk, algorithm=fitting[0]) if fitting else load(jwk)


def _first_that_fits(load: Callable[[str], K], preferred: str | None) -> K:
    problems = []
    for name in _in_order(preferred):
        try:
            return load(name)
        except ConfigurationError as error:
            problems.append(error.detail)
    # The first is about the algorithm that was most likely meant, and all are the same if the key cannot be read.
    raise ConfigurationError(problems[0])


def _in_order(preferred: str | None) -> Iterable[str]:
    return dict.fromkeys([*([preferred] if preferred in PUBLIC_ALGORITHMS else []), *USUAL])
