"""The algorithms of RFC 7518 §3 and RFC 8037, each with its type of key and its implementation in PyJWT.

>>> sorted(ALGORITHMS & {"none", "HS256", "ES256"})
['ES256', 'HS256']
>>> candidate_algorithms({"kty": "EC", "crv": "P-256"}, ["RS256", "ES256", "ES384"])
('ES256',)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import Algorithm, ECAlgorithm, HMACAlgorithm, OKPAlgorithm, RSAAlgorithm, RSAPSSAlgorithm

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.events import quoted

KeyObject: TypeAlias = Any
"""A key for PyJWT's `Algorithm`: bytes, or one of cryptography's key objects, which have no common base class."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One `alg` value: its type of key, PyJWT's implementation, and its hash and curve (RFC 7518 §3, RFC 8037)."""

    kty: str
    implementation: Algorithm
    digest: type[hashes.HashAlgorithm] | None = None
    """None for Edwards curves, which fix the hash."""
    curve: type[ec.EllipticCurve] | None = None

    @property
    def digest_size(self) -> int:
        """In bytes."""
        return 0 if self.digest is None else self.digest().digest_size


SUITES: dict[str, Suite] = {
    "HS256": Suite("oct", HMACAlgorithm(HMACAlgorithm.SHA256), hashes.SHA256),
    "HS384": Suite("oct", HMACAlgorithm(HMACAlgorithm.SHA384), hashes.SHA384),
    "HS512": Suite("oct", HMACAlgorithm(HMACAlgorithm.SHA512), hashes.SHA512),
    "RS256": Suite("RSA", RSAAlgorithm(RSAAlgorithm.SHA256), hashes.SHA256),
    "RS384": Suite("RSA", RSAAlgorithm(RSAAlgorithm.SHA384), hashes.SHA384),
    "RS512": Suite("RSA", RSAAlgorithm(RSAAlgorithm.SHA512), hashes.SHA512),
    "PS256": Suite("RSA", RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256), hashes.SHA256),
    "PS384": Suite("RSA", RSAPSSAlgorithm(RSAPSSAlgorithm.SHA384), hashes.SHA384),
    "PS512": Suite("RSA", RSAPSSAlgorithm(RSAPSSAlgorithm.SHA512), hashes.SHA512),
    "ES256": Suite("EC", ECAlgorithm(ECAlgorithm.SHA256), hashes.SHA256, curve=ec.SECP256R1),
    "ES384": Suite("EC", ECAlgorithm(ECAlgorithm.SHA384), hashes.SHA384, curve=ec.SECP384R1),
    "ES512": Suite("EC", ECAlgorithm(ECAlgorithm.SHA512), hashes.SHA512, curve=ec.SECP521R1),
    # RFC 9864 names each curve; with EdDSA of RFC 8037 the key tells the curve.
    "EdDSA": Suite("OKP", OKPAlgorithm()),
    "Ed25519": Suite("OKP", OKPAlgorithm()),
    "Ed448": Suite("OKP", OKPAlgorithm()),
}

ALGORITHMS = frozenset(SUITES)
"""The `alg` values that jwtguard supports. `none` is not one of them."""

CRV_ALGORITHM = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}
PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth")
REQUIRED_MEMBERS = {"oct": ("k",), "RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


def suite_of(algorithm: object) -> Suite:
    """Return the suite of an `alg` value; raises `ConfigurationError` for one that is not supported."""
    suite = SUITES.get(algorithm) if isinstance(algorithm, str) else None
    if suite is None:
        raise ConfigurationError(f"algorithm {quoted(algorithm)} is not supported: use one of {', '.join(SUITES)}")
    return suite


def allow_list(algorithms: Iterable[str]) -> tuple[str, ...]:
    """The names in `algorithms`; raises `ConfigurationError` for one that is not supported."""
    if isinstance(algorithms, str) or not isinstance(algorithms, Iterable):
        raise ConfigurationError(f'algorithms is a list of names, found {algorithms!r}: write algorithms=["RS256"]')
    names = tuple(algorithms)
    for name in names:
        suite_of(name)
    return names


def header_names(algorithms: Iterable[str]) -> frozenset[str]:
    """The `alg` values that tokens for `algorithms` may carry: keys of Edwards curves have two names (RFC 9864)."""
    names = set(algorithms)
    if "EdDSA" in names:
        names |= {"Ed25519", "Ed448"}
    if names & {"Ed25519", "Ed448"}:
        names.add("EdDSA")
    return frozenset(names)


def candidate_algorithms(jwk: Mapping[str, Any], allowed: Iterable[str]) -> tuple[str, ...]:
    """Those of `allowed` that fit the type and curve of a JWK; its `alg` is ignored."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    of_curve = {crv, CRV_ALGORITHM.get(crv)} if isinstance(crv, str) else set()
    return tuple(name for name in allowed if SUITES[name].kty == kty and (kty not in {"EC", "OKP"} or name in of_curve))


def generate_key(algorithm: str, suite: Suite) -> KeyObject:
    """Return a new secret or private key for `algorithm`."""
    if suite.kty == "oct":
        return secrets.token_bytes(suite.digest_size)
    try:
        if suite.kty == "RSA":
            return rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if suite.curve is not None:
            return ec.generate_private_key(suite.curve())
        return (ed448.Ed448PrivateKey if algorithm == "Ed448" else ed25519.Ed25519PrivateKey).generate()
    except UnsupportedAlgorithm:
        pass
    raise not_on_this_machine(algorithm)


def not_on_this_machine(algorithm: str) -> ConfigurationError:
    """The error for an algorithm that the OpenSSL of this machine lacks."""
    return ConfigurationError(
        f"the OpenSSL of this machine does not support {algorithm} with this key: use another algorithm, or a build"
        " of cryptography that supports it"
    )


def okp_name(key: object) -> str:
    """The name of the curve of an Edwards key (RFC 9864)."""
    return "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"


def signature_length(key: KeyObject, suite: Suite) -> int:
    """The length of each signature by `key`, in bytes."""
    if suite.kty == "oct":
        return suite.digest_size
    if suite.kty == "RSA":
        return (int(key.key_size) + 7) // 8
    if suite.kty == "EC":
        return 2 * ((int(key.key_size) + 7) // 8)
    return 64 if isinstance(key, ed25519.Ed25519PublicKey) else 114  # RFC 8032 §5.1.6, §5.2.6
