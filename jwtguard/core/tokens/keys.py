"""Keys: one key, one algorithm, fixed when it is loaded (RFC 7517, RFC 7518, RFC 8725 §3.1).

>>> key = SigningKey.generate("ES256", kid="2026-11")
>>> key.verification_key.verify(b"header.payload", key.sign(b"header.payload"))
>>> key.verification_key.to_jwk()["crv"]
'P-256'

A `VerificationKey` verifies signatures and a `SigningKey` makes them, with PyJWT's `Algorithm` for their `alg`.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from cryptography.hazmat.primitives import serialization

from jwtguard.core.errors import ConfigurationError, InvalidTokenError
from jwtguard.core.tokens.algorithms import (
    PRIVATE_MEMBERS,
    SUITES,
    KeyObject,
    generate_key,
    not_on_this_machine,
    okp_name,
    signature_length,
    suite_of,
)
from jwtguard.core.tokens.encoding import encode_segment
from jwtguard.core.tokens.key_loading import (
    check_fits,
    jwk_algorithm,
    load_jwk,
    load_private_pem,
    load_public_pem,
    load_secret,
    load_x509,
    public_der,
    stated_members,
)
from jwtguard.core.tokens.secret_strength import looks_thought_up

MAX_KID_LENGTH = 256
"""Characters of a `kid`."""


@dataclass(frozen=True, eq=False)
class VerificationKey:
    """A key that verifies signatures of exactly one algorithm, made by one of the `from_…` class methods.

    `algorithm` is the `alg` value, `kid` the name of the key or None. Every `from_…` raises `ConfigurationError` for a
    key that is too weak, of the wrong kind, or does not fit the algorithm, and for an algorithm that the OpenSSL of
    this machine does not have.
    """

    _key: KeyObject = field(repr=False)
    algorithm: str = field(kw_only=True)
    kid: str | None = field(kw_only=True)
    not_after: float | None = field(default=None, kw_only=True, repr=False)
    """When the certificate of the key ends, in seconds since the epoch; None for a key without a certificate."""
    is_generated: bool = field(default=False, kw_only=True, repr=False)
    """Whether it belongs to a key that `SigningKey.generate` made in this process; False for a key that was loaded."""
    names: frozenset[str] = field(init=False, repr=False)
    """The `alg` values a token may carry: one, or for EdDSA keys both `EdDSA` and the curve's own (RFC 9864)."""
    material: bytes = field(init=False, repr=False)
    """The bytes of a secret, which must not be shown; of a public key its DER form (SubjectPublicKeyInfo)."""
    signature_length: int = field(init=False, repr=False)
    """The length of a signature by this key, in bytes."""

    def __post_init__(self) -> None:
        key, suite = self._key, suite_of(self.algorithm)
        _check_kid(self.kid)
        check_fits(key, self.algorithm, suite)
        length = signature_length(key, suite)
        _check_machine(key, self.algorithm, length)
        names = {self.algorithm, "EdDSA", okp_name(key)} if suite.kty == "OKP" else {self.algorithm}
        store = object.__setattr__
        store(self, "names", frozenset(names))
        store(self, "material", key if suite.kty == "oct" else public_der(key))
        store(self, "signature_length", length)

    @classmethod
    def from_secret(cls, secret: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """A shared secret for HS256, HS384 or HS512, at least as long as the hash (RFC 7518 §3.2)."""
        return cls(load_secret(secret, algorithm), algorithm=algorithm, kid=kid)

    @classmethod
    def from_pem(cls, pem: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """A public key in PEM form (RFC 7468): RSA, EC or Edwards curve."""
        return cls(load_public_pem(pem), algorithm=algorithm, kid=kid)

    @classmethod
    def from_x509(cls, certificate: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """The public key of an X.509 certificate in PEM or DER form; neither its dates nor its chain are checked."""
        key, not_after = load_x509(certificate)
        return cls(key, algorithm=algorithm, kid=kid, not_after=not_after)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any], *, algorithm: str | None = None) -> Self:
        """A JSON Web Key (RFC 7517 §4). Its `alg`, or `algorithm` where it has none, fixes the algorithm.

        A member whose value is null counts as absent, and so does an empty `kid`.
        """
        jwk = stated_members(jwk)
        algorithm = jwk_algorithm(jwk, algorithm, operation="verify")
        private = [member for member in PRIVATE_MEMBERS if member in jwk]
        if private:
            raise ConfigurationError(
                f"the JWK is a private key (it has {', '.join(map(repr, private))}), and checking needs the public one:"
                " keep only its public members, or load it with SigningKey.from_jwk(...).verification_key"
            )
        return cls(load_jwk(jwk, algorithm), algorithm=algorithm, kid=jwk.get("kid"))

    @property
    def is_symmetric(self) -> bool:
        """Whether the key that verifies can also sign (HS256, HS384, HS512)."""
        return SUITES[self.algorithm].kty == "oct"

    @property
    def is_guessable(self) -> bool:
        """Whether it is a shared secret that looks chosen by a person; see `jwtguard.core.tokens.secret_strength`."""
        return self.is_symmetric and looks_thought_up(self.material)

    def verify(self, signing_input: bytes, signature: bytes) -> None:
        """Verify `signature` over `signing_input` (RFC 7515 §5.2); raises `InvalidTokenError` if it is not valid."""
        # OpenSSL accepts a PSS signature without its leading zero bytes, so one token could be written in two ways.
        if len(signature) == self.signature_length and _holds(self._key, self.algorithm, signing_input, signature):
            return
        raise InvalidTokenError("signature")

    def to_jwk(self) -> dict[str, Any]:
        """The public JWK (RFC 7517 §4); raises `ConfigurationError` for a shared secret, which has no public part."""
        if self.is_symmetric:
            raise ConfigurationError("a shared secret has no public JWK: publish keys of an asymmetric algorithm only")
        members: dict[str, Any] = SUITES[self.algorithm].implementation.to_jwk(self._key, as_dict=True)
        jwk = {name: members[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in members}
        if SUITES[self.algorithm].curve is not None:
            # Older releases of PyJWT leave out leading zeros, which RFC 7518 §6.2.1.2 requires.
            numbers, size = self._key.public_numbers(), self.signature_length // 2
            jwk |= {name: encode_segment(getattr(numbers, name).to_bytes(size, "big")) for name in ("x", "y")}
        named = {} if self.kid is None else {"kid": self.kid}
        return {**jwk, **named, "use": "sig", "alg": self.algorithm}

    def to_pem(self) -> bytes:
        """The public key in PEM form (RFC 7468 §13); raises `ConfigurationError` for a shared secret."""
        if self.is_symmetric:
            raise ConfigurationError("a shared secret has no PEM form, and no public part")
        pem: bytes = self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return pem

    def is_same_key(self, other: VerificationKey) -> bool:
        """Whether both are the same key; their `kid` may differ."""
        return hmac.compare_digest(self.material, other.material)


@dataclass(frozen=True, eq=False)
class SigningKey:
    """A key that signs with exactly one algorithm; `verification_key` verifies its signatures."""

    _key: KeyObject = field(repr=False)
    algorithm: str = field(kw_only=True)
    kid: str | None = field(kw_only=True)
    is_generated: bool = field(default=False, kw_only=True, repr=False)
    """Whether `generate` made it in this process; False for a key that was loaded."""
    verification_key: VerificationKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        is_secret = suite_of(self.algorithm).kty == "oct"
        if not is_secret and not hasattr(self._key, "private_bytes"):
            raise ConfigurationError("signing needs a private key, and this is a public one")
        public = self._key if is_secret else self._key.public_key()
        verification_key = VerificationKey(
            public, algorithm=self.algorithm, kid=self.kid, is_generated=self.is_generated
        )
        object.__setattr__(self, "verification_key", verification_key)

    @classmethod
    def from_secret(cls, secret: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """A shared secret for HS256, HS384 or HS512: at least as many bytes as the hash has (RFC 7518 §3.2)."""
        return cls(load_secret(secret, algorithm), algorithm=algorithm, kid=kid)

    @classmethod
    def from_pem(
        cls, pem: str | bytes, *, algorithm: str, kid: str | None = None, password: bytes | None = None
    ) -> Self:
        """A private key in PEM form (RFC 7468), with the password if it is encrypted."""
        return cls(load_private_pem(pem, password), algorithm=algorithm, kid=kid)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any], *, algorithm: str | None = None) -> Self:
        """A private (or symmetric) JSON Web Key (RFC 7517 §4)."""
        jwk = stated_members(jwk)
        algorithm = jwk_algorithm(jwk, algorithm, operation="sign")
        if jwk["kty"] != "oct" and "d" not in jwk:
            raise ConfigurationError("the JWK is a public key (it has no 'd'), and signing needs the private one")
        return cls(load_jwk(jwk, algorithm), algorithm=algorithm, kid=jwk.get("kid"))

    @classmethod
    def generate(cls, algorithm: str, *, kid: str | None = None) -> Self:
        """A new key: a secret as long as the hash, RSA with 2048 bits, or the curve's (EdDSA: Ed25519).

        Each process that calls this makes another key. Load a key that several workers share, or that outlives the
        process: `from_pem`, `from_secret`, `from_jwk`, or `jwtguard.SigningKeys`.
        """
        return cls(generate_key(algorithm, suite_of(algorithm)), algorithm=algorithm, kid=kid, is_generated=True)

    def to_private_jwk(self) -> dict[str, Any]:
        """The whole key as a JWK (RFC 7517 §4, RFC 7518 §6), for a file that only its owner can read."""
        suite = SUITES[self.algorithm]
        if suite.kty == "oct":
            members: dict[str, Any] = {"kty": "oct", "k": encode_segment(self._key)}
        else:
            known = suite.implementation.to_jwk(self._key, as_dict=True)
            public = self.verification_key.to_jwk()
            members = public | {name: known[name] for name in PRIVATE_MEMBERS if name in known}
        if suite.curve is not None:  # With leading zeros, as above (RFC 7518 §6.2.2.1).
            size = (self._key.key_size + 7) // 8
            members["d"] = encode_segment(self._key.private_numbers().private_value.to_bytes(size, "big"))
        named = {} if self.kid is None else {"kid": self.kid}
        return members | named | {"use": "sig", "alg": self.algorithm}

    def to_private_pem(self) -> bytes:
        """The whole key in PKCS #8 PEM form (RFC 7468 §10), not encrypted; a shared secret has none."""
        if not hasattr(self._key, "private_bytes"):
            raise ConfigurationError("a shared secret has no PEM form: use to_private_jwk()")
        pem: bytes = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return pem

    def sign(self, signing_input: bytes) -> bytes:
        """The signature over `signing_input` (RFC 7515 §5.1)."""
        return SUITES[self.algorithm].implementation.sign(signing_input, self._key)


def _check_kid(kid: object) -> None:
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_LENGTH):
        raise ConfigurationError(f"kid must be None or a string of 1 to {MAX_KID_LENGTH} characters (RFC 7517 §4.5)")


def _holds(key: KeyObject, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Whether PyJWT's `Algorithm.verify` returns True; any other value, and any exception, is a refusal."""
    try:
        return SUITES[algorithm].implementation.verify(signing_input, key, signature) is True
    except Exception:  # noqa: BLE001 - after any error the signature is not verified
        return False


def _check_machine(key: KeyObject, algorithm: str, length: int) -> None:
    """Refuse an algorithm that the OpenSSL of this machine lacks: then verifying raises an error."""
    try:
        # A number within the range of every algorithm, so that OpenSSL computes the signature.
        if SUITES[algorithm].implementation.verify(b"", key, b"\x01" * length) is False:
            return
    except Exception:  # noqa: BLE001, S110 - each build of OpenSSL has its own exception
        pass
    raise not_on_this_machine(algorithm)
