"""Keys: one key, one algorithm, fixed when it is loaded (RFC 7517, RFC 7518, RFC 8725 §3.1).

>>> key = SigningKey.generate("ES256", kid="2026-11")
>>> key.verification_key.verify(b"header.payload", key.sign(b"header.payload"))
>>> key.verification_key.to_jwk()["crv"]
'P-256'

Whatever is wrong with a key is found here, when it is loaded, never while a request waits. A `VerificationKey` checks
signatures and a `SigningKey` makes them; loading and judging keys makes up the second half of this file, which stays
whole because it is, with `signatures.py`, the only place that touches PyJWT and cryptography.
"""

from __future__ import annotations

import binascii
import functools
import hmac
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import (
    Algorithm,
    ECAlgorithm,
    HMACAlgorithm,
    OKPAlgorithm,
    RSAAlgorithm,
    RSAPSSAlgorithm,
)

from jwtguard.core.dataclasses import dataclass
from jwtguard.core.errors import ConfigurationError, InvalidTokenError, JWTGuardError
from jwtguard.core.frozen import Frozen, set_once
from jwtguard.core.logs import quoted
from jwtguard.core.tokens.encoding import decode_segment, encode_segment
from jwtguard.core.tokens.signatures import SignatureCheck, signature_check

_KeyObject: TypeAlias = Any
"""What PyJWT's Algorithms take: bytes, or one of cryptography's key objects, which have no type in common."""

MAX_KID_LENGTH = 256
"""Characters of a `kid`."""


@dataclass(frozen=True, slots=True)
class _Suite:
    """What RFC 7518 §3 and RFC 8037 say about one `alg` value."""

    kty: str
    implementation: Algorithm
    digest: type[hashes.HashAlgorithm] | None = None
    """None for Edwards curves, whose algorithm has its own."""
    curve: type[ec.EllipticCurve] | None = None
    is_pss: bool = False

    @property
    def digest_size(self) -> int:
        """In bytes."""
        return 0 if self.digest is None else self.digest().digest_size


_SUITES: dict[str, _Suite] = {
    "HS256": _Suite("oct", HMACAlgorithm(HMACAlgorithm.SHA256), hashes.SHA256),
    "HS384": _Suite("oct", HMACAlgorithm(HMACAlgorithm.SHA384), hashes.SHA384),
    "HS512": _Suite("oct", HMACAlgorithm(HMACAlgorithm.SHA512), hashes.SHA512),
    "RS256": _Suite("RSA", RSAAlgorithm(RSAAlgorithm.SHA256), hashes.SHA256),
    "RS384": _Suite("RSA", RSAAlgorithm(RSAAlgorithm.SHA384), hashes.SHA384),
    "RS512": _Suite("RSA", RSAAlgorithm(RSAAlgorithm.SHA512), hashes.SHA512),
    "PS256": _Suite("RSA", RSAPSSAlgorithm(RSAPSSAlgorithm.SHA256), hashes.SHA256, is_pss=True),
    "PS384": _Suite("RSA", RSAPSSAlgorithm(RSAPSSAlgorithm.SHA384), hashes.SHA384, is_pss=True),
    "PS512": _Suite("RSA", RSAPSSAlgorithm(RSAPSSAlgorithm.SHA512), hashes.SHA512, is_pss=True),
    "ES256": _Suite("EC", ECAlgorithm(ECAlgorithm.SHA256), hashes.SHA256, curve=ec.SECP256R1),
    "ES384": _Suite("EC", ECAlgorithm(ECAlgorithm.SHA384), hashes.SHA384, curve=ec.SECP384R1),
    "ES512": _Suite("EC", ECAlgorithm(ECAlgorithm.SHA512), hashes.SHA512, curve=ec.SECP521R1),
    # RFC 9864 gives each curve a name of its own; RFC 8037's EdDSA leaves the curve to the key.
    "EdDSA": _Suite("OKP", OKPAlgorithm()),
    "Ed25519": _Suite("OKP", OKPAlgorithm()),
    "Ed448": _Suite("OKP", OKPAlgorithm()),
}

ALGORITHMS = frozenset(_SUITES)
"""The `alg` values that jwtguard knows. `none` is not among them, and nothing could add it."""

_CRV_ALGORITHM = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "Ed25519": "EdDSA", "Ed448": "EdDSA"}
_PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth")
_REQUIRED_MEMBERS = {"oct": ("k",), "RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}


class VerificationKey(Frozen):
    """A key that checks signatures of exactly one algorithm. Made by one of the `from_…` class methods.

    `algorithm` is the `alg` value, `kid` the key's name or None. Every `from_…` raises `ConfigurationError` for a key
    that is too weak, of the wrong kind, or does not fit the algorithm, and for an algorithm that the OpenSSL of this
    machine does not have.
    """

    __slots__ = (
        "_check",
        "_key",
        "_material",
        "_signature_length",
        "algorithm",
        "is_generated",
        "kid",
        "names",
        "not_after",
    )

    algorithm: str
    kid: str | None
    not_after: float | None
    """When the certificate ends that it came from, in seconds since the epoch; None if it came from none."""
    names: frozenset[str]
    """The `alg` values a token may carry: one, or for EdDSA keys both `EdDSA` and the curve's own (RFC 9864)."""
    is_generated: bool
    """Whether it belongs to a key that `SigningKey.generate` made in this process; False for a key that was loaded."""
    _key: _KeyObject
    _material: bytes
    _signature_length: int
    _check: SignatureCheck

    def __init__(
        self,
        key: _KeyObject,
        *,
        algorithm: str,
        kid: str | None,
        not_after: float | None = None,
        is_generated: bool = False,
    ) -> None:
        suite = _suite(algorithm)
        _check_kid(kid)
        _check_fits(key, algorithm, suite)
        length = _signature_length(key, suite)
        set_once(
            self,
            algorithm=algorithm,
            kid=kid,
            not_after=not_after,
            is_generated=is_generated,
            names=frozenset({algorithm, "EdDSA", _okp_name(key)} if suite.kty == "OKP" else {algorithm}),
            _key=key,
            _check=_prepared_check(key, algorithm, suite, length),
            _signature_length=length,
            _material=key if suite.kty == "oct" else _public_der(key),
        )

    @classmethod
    def from_secret(cls, secret: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """A shared secret for HS256, HS384 or HS512: at least as many bytes as the hash has (RFC 7518 §3.2)."""
        return cls(_load_secret(secret, algorithm), algorithm=algorithm, kid=kid)

    @classmethod
    def from_pem(cls, pem: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """A public key in PEM form (RFC 7468): RSA, EC or Edwards curve."""
        return cls(_load_public_pem(pem), algorithm=algorithm, kid=kid)

    @classmethod
    def from_x509(cls, certificate: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """The public key of an X.509 certificate in PEM or DER form; neither its dates nor its chain are checked."""
        key, not_after = _load_x509(certificate)
        return cls(key, algorithm=algorithm, kid=kid, not_after=not_after)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any], *, algorithm: str | None = None) -> Self:
        """A JSON Web Key (RFC 7517 §4). Its `alg`, or `algorithm` where it has none, fixes the algorithm.

        A member whose value is null counts as absent, and so does an empty `kid`.
        """
        jwk = _stated_members(jwk)
        algorithm = _jwk_algorithm(jwk, algorithm, operation="verify")
        private = [member for member in _PRIVATE_MEMBERS if member in jwk]
        if private:
            raise ConfigurationError(
                f"the JWK is a private key (it has {', '.join(map(repr, private))}), and checking needs the public one:"
                " keep only its public members, or load it with SigningKey.from_jwk(...).verification_key"
            )
        return cls(_load_jwk(jwk, algorithm), algorithm=algorithm, kid=jwk.get("kid"))

    @property
    def is_symmetric(self) -> bool:
        """Whether who can check can also sign (HS256, HS384, HS512)."""
        return _SUITES[self.algorithm].kty == "oct"

    @property
    def is_guessable(self) -> bool:
        """Whether it is a shared secret that looks thought up; see `jwtguard.core.tokens.secret_strength`."""
        # Asked by tools alone, and not loaded by a program that guards.
        from jwtguard.core.tokens.secret_strength import looks_thought_up  # noqa: PLC0415

        return self.is_symmetric and looks_thought_up(self._material)

    def verify(self, signing_input: bytes, signature: bytes) -> None:
        """Check `signature` over `signing_input` (RFC 7515 §5.2); raises `InvalidTokenError` if it does not hold."""
        # OpenSSL takes a PSS signature that lost its leading zero bytes, so one token would have two spellings.
        if len(signature) == self._signature_length:
            try:
                self._check(signature, signing_input)
                return
            except InvalidSignature:
                pass
        raise InvalidTokenError("signature")

    def to_jwk(self) -> dict[str, Any]:
        """The public JWK (RFC 7517 §4); raises `ConfigurationError` for a shared secret, which has no public part."""
        if self.is_symmetric:
            raise ConfigurationError("a shared secret has no public JWK: publish keys of an asymmetric algorithm only")
        members: dict[str, Any] = _SUITES[self.algorithm].implementation.to_jwk(self._key, as_dict=True)
        jwk = {name: members[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in members}
        if _SUITES[self.algorithm].curve is not None:
            # Zeros in front included (RFC 7518 §6.2.1.2), which older releases of PyJWT leave out.
            numbers, size = self._key.public_numbers(), self._signature_length // 2
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
        """Whether both hold the same key, whatever they are called."""
        return hmac.compare_digest(self._material, other._material)

    def __repr__(self) -> str:
        return f"VerificationKey(algorithm={self.algorithm!r}, kid={self.kid!r})"


class SigningKey(Frozen):
    """A key that signs with exactly one algorithm; `verification_key` is its other half."""

    __slots__ = ("_key", "_sign", "algorithm", "kid", "verification_key")

    algorithm: str
    kid: str | None
    verification_key: VerificationKey
    _key: _KeyObject
    _sign: Callable[[bytes, _KeyObject], bytes]

    def __init__(self, key: _KeyObject, *, algorithm: str, kid: str | None, is_generated: bool = False) -> None:
        suite = _suite(algorithm)
        if suite.kty != "oct" and not hasattr(key, "private_bytes"):
            raise ConfigurationError("signing needs a private key, and this is a public one")
        public = key if suite.kty == "oct" else key.public_key()
        set_once(
            self,
            algorithm=algorithm,
            kid=kid,
            verification_key=VerificationKey(public, algorithm=algorithm, kid=kid, is_generated=is_generated),
            _key=key,
            _sign=suite.implementation.sign,
        )

    @classmethod
    def from_secret(cls, secret: str | bytes, *, algorithm: str, kid: str | None = None) -> Self:
        """A shared secret for HS256, HS384 or HS512: at least as many bytes as the hash has (RFC 7518 §3.2)."""
        return cls(_load_secret(secret, algorithm), algorithm=algorithm, kid=kid)

    @classmethod
    def from_pem(
        cls, pem: str | bytes, *, algorithm: str, kid: str | None = None, password: bytes | None = None
    ) -> Self:
        """A private key in PEM form (RFC 7468), with the password if it is encrypted."""
        return cls(_load_private_pem(pem, password), algorithm=algorithm, kid=kid)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any], *, algorithm: str | None = None) -> Self:
        """A private (or symmetric) JSON Web Key (RFC 7517 §4)."""
        jwk = _stated_members(jwk)
        algorithm = _jwk_algorithm(jwk, algorithm, operation="sign")
        if jwk["kty"] != "oct" and "d" not in jwk:
            raise ConfigurationError("the JWK is a public key (it has no 'd'), and signing needs the private one")
        return cls(_load_jwk(jwk, algorithm), algorithm=algorithm, kid=jwk.get("kid"))

    @classmethod
    def generate(cls, algorithm: str, *, kid: str | None = None) -> Self:
        """A new key: a secret as long as the hash, RSA with 2048 bits, or the curve's (EdDSA: Ed25519).

        Each process that calls this has a key of its own. A key for several workers, or for longer than one run, is
        loaded: `from_pem`, `from_secret`, `from_jwk`, or `jwtguard.SigningKeys`.
        """
        return cls(_generated(algorithm, _suite(algorithm)), algorithm=algorithm, kid=kid, is_generated=True)

    @property
    def is_generated(self) -> bool:
        """Whether `generate` made it in this process; False for a key that was loaded."""
        return self.verification_key.is_generated

    def to_private_jwk(self) -> dict[str, Any]:
        """The whole key as a JWK (RFC 7517 §4, RFC 7518 §6), for a file that nobody else reads."""
        suite = _SUITES[self.algorithm]
        if suite.kty == "oct":
            members: dict[str, Any] = {"kty": "oct", "k": encode_segment(self._key)}
        else:
            known = suite.implementation.to_jwk(self._key, as_dict=True)
            public = self.verification_key.to_jwk()
            members = public | {name: known[name] for name in _PRIVATE_MEMBERS if name in known}
        if suite.curve is not None:  # Zeros in front included, as above (RFC 7518 §6.2.2.1).
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
        return self._sign(signing_input, self._key)

    def __repr__(self) -> str:
        return f"SigningKey(algorithm={self.algorithm!r}, kid={self.kid!r})"


def allow_list(algorithms: Iterable[str]) -> tuple[str, ...]:
    """The names in `algorithms`; raises `ConfigurationError` for one that is not supported."""
    if isinstance(algorithms, str) or not isinstance(algorithms, Iterable):
        raise ConfigurationError(f'algorithms is a list of names, found {algorithms!r}: write algorithms=["RS256"]')
    names = tuple(algorithms)
    for name in names:
        _suite(name)
    return names


def header_names(algorithms: Iterable[str]) -> frozenset[str]:
    """The `alg` values that tokens for `algorithms` may carry: keys of Edwards curves go by two names (RFC 9864)."""
    names = set(algorithms)
    if "EdDSA" in names:
        names |= {"Ed25519", "Ed448"}
    if names & {"Ed25519", "Ed448"}:
        names.add("EdDSA")
    return frozenset(names)


def candidate_algorithms(jwk: Mapping[str, Any], allowed: Iterable[str]) -> tuple[str, ...]:
    """Those of `allowed` that fit the type and curve of a JWK; its own `alg` is not looked at."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    of_curve = {crv, _CRV_ALGORITHM.get(crv)} if isinstance(crv, str) else set()
    return tuple(
        name for name in allowed if _SUITES[name].kty == kty and (kty not in {"EC", "OKP"} or name in of_curve)
    )


# Loading. Each function gives the key in the form that PyJWT's Algorithm takes, or raises ConfigurationError.


def _generated(algorithm: str, suite: _Suite) -> _KeyObject:
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
    raise _not_on_this_machine(algorithm)


def _prepared_check(key: _KeyObject, algorithm: str, suite: _Suite, length: int) -> SignatureCheck:
    """The check for a key, once it has refused a wrong signature: an OpenSSL may lack what the algorithm needs."""
    digest = None if suite.digest is None else suite.digest()
    try:
        check = signature_check(key, kty=suite.kty, digest=digest, is_pss=suite.is_pss)
        # Within the range of every algorithm, so that the primitive itself is asked.
        check(b"\x01" * length, b"")
    except InvalidSignature:
        return check  # pyright: ignore[reportPossiblyUnboundVariable]
    except Exception:  # noqa: BLE001, S110 - each build of OpenSSL has its own way to say no
        pass
    raise _not_on_this_machine(algorithm)


def _not_on_this_machine(algorithm: str) -> ConfigurationError:
    return ConfigurationError(
        f"the OpenSSL of this machine cannot do {algorithm}, for this key at least: use another algorithm, or a build"
        " of cryptography that has it"
    )


def _suite(algorithm: object) -> _Suite:
    suite = _SUITES.get(algorithm) if isinstance(algorithm, str) else None
    if suite is None:
        raise ConfigurationError(f"algorithm {quoted(algorithm)} is not supported: use one of {', '.join(_SUITES)}")
    return suite


def _check_kid(kid: object) -> None:
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= MAX_KID_LENGTH):
        raise ConfigurationError(f"kid must be None or a string of 1 to {MAX_KID_LENGTH} characters (RFC 7517 §4.5)")


def _stated_members(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a JWK that say something: null counts as absent, and so does an empty `kid`."""
    if not isinstance(jwk, Mapping):
        raise ConfigurationError(_NO_JWK)
    return {name: value for name, value in jwk.items() if value is not None and (name, value) != ("kid", "")}


_NO_JWK = 'a JWK is an object with "kty": "oct", "RSA", "EC" or "OKP" (RFC 7517 §4.1)'


def _load_secret(secret: str | bytes, algorithm: str) -> bytes:
    suite = _suite(algorithm)
    if suite.kty != "oct":
        raise ConfigurationError(f"{algorithm} takes a key pair, not a shared secret: use from_pem or from_jwk")
    data = _bytes("a secret", secret)
    # RFC 8725 §2.1: who checks HS256 with a public key lets everybody sign.
    if _looks_like_a_key_document(data):
        raise ConfigurationError(
            "this secret is a key in PEM, DER, SSH or JWK form, which others may know:"
            " use from_pem or from_jwk with an asymmetric algorithm, or a random secret"
        )
    return data


def _bytes(what: str, value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        if isinstance(value, str):
            return value.encode("utf-8")
    except UnicodeEncodeError:  # Its words would quote the secret.
        pass
    raise ConfigurationError(f"{what} is bytes or str that UTF-8 can write, not this {type(value).__name__}")


_KEY_DOCUMENTS = (b"ssh-", b"sk-ssh-", b"ecdsa-sha2-", b"sk-ecdsa-sha2-", b"---- BEGIN SSH2", b"PuTTY-User-Key-File")


def _looks_like_a_key_document(data: bytes) -> bool:
    text = data.strip()
    if b"-----BEGIN" in text or text.startswith(_KEY_DOCUMENTS) or (text[:1] == b"{" and b'"kty"' in text):
        return True
    try:  # A PEM key without its frame, as some providers show it.
        unframed = binascii.a2b_base64(text)
    except binascii.Error:
        unframed = b""
    return any(_is_der_key(der) for der in (data, unframed) if der[:1] == b"0")  # The tag of a DER SEQUENCE.


def _is_der_key(der: bytes) -> bool:
    loaders: tuple[Callable[[bytes], object], ...] = (
        serialization.load_der_public_key,
        lambda der: serialization.load_der_private_key(der, password=None),
        _load_der_x509,
    )
    for load in loaders:
        try:
            load(der)
        except ValueError:  # Not this form.
            continue
        except Exception:  # noqa: BLE001, S110 - it has the form, and is encrypted or of a kind nobody knows
            pass
        return True
    return False


def _load_der_x509(der: bytes) -> _KeyObject:
    from cryptography import x509  # noqa: PLC0415 - slow to import, and seldom needed

    return x509.load_der_x509_certificate(der).public_key()


def _load_x509(certificate: str | bytes) -> tuple[_KeyObject, float]:
    """The public key of a certificate, and when the certificate ends, in seconds since the epoch."""
    from cryptography import x509  # noqa: PLC0415 - slow to import, and seldom needed

    data = _bytes("a certificate", certificate)
    try:
        is_pem = b"-----BEGIN" in data
        found = x509.load_pem_x509_certificate(data) if is_pem else x509.load_der_x509_certificate(data)
        return found.public_key(), found.not_valid_after_utc.timestamp()
    except Exception:  # noqa: BLE001, S110 - the library's words may quote the data; ours come below
        pass
    raise ConfigurationError("this is no X.509 certificate in PEM or DER form")


def _pem_bytes(pem: object) -> bytes:
    data = _bytes("a PEM key", pem)
    if data.count(b"-----BEGIN") != 1:
        raise ConfigurationError(
            "expected one key in PEM form (-----BEGIN …-----): for a file, pass its content, not its path"
        )
    return data


def _load_public_pem(pem: str | bytes) -> _KeyObject:
    data = _pem_bytes(pem)
    if b"PRIVATE KEY-----" in data:
        raise ConfigurationError(
            "this PEM is a private key, and checking needs the public one: write it with"
            " `openssl pkey -pubout`, or use SigningKey.from_pem(...).verification_key"
        )
    if b"BEGIN CERTIFICATE" in data:
        raise ConfigurationError("this PEM is a certificate: use VerificationKey.from_x509")
    try:
        return serialization.load_pem_public_key(data)
    except UnsupportedAlgorithm:
        problem = "this PEM holds a key of a kind that the OpenSSL of this machine does not know"
    except Exception:  # noqa: BLE001 - the library's words may quote the data
        problem = "this PEM cannot be read as a public key"
    raise ConfigurationError(problem)


def _load_private_pem(pem: str | bytes, password: bytes | None) -> _KeyObject:
    data = _pem_bytes(pem)
    if b"PRIVATE KEY-----" not in data:
        raise ConfigurationError("this PEM is not a private key, and signing needs one")
    try:
        return serialization.load_pem_private_key(data, password=password)
    except UnsupportedAlgorithm:
        problem = "this PEM holds a key of a kind, or an encryption, that the OpenSSL of this machine does not know"
    except Exception:  # noqa: BLE001 - the library's words may quote the data
        problem = "this PEM cannot be read as a private key: is it encrypted, or the password wrong?"
    raise ConfigurationError(problem)


def _jwk_algorithm(jwk: Mapping[str, Any], algorithm: str | None, *, operation: str) -> str:
    """Check the members that every JWK may have, and say which algorithm it is for."""
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in _REQUIRED_MEMBERS:
        raise ConfigurationError(_NO_JWK)
    if jwk.get("use", "sig") != "sig":
        raise ConfigurationError(f"its use is {quoted(jwk['use'])}, and a key for tokens has 'sig' (RFC 7517 §4.2)")
    operations = jwk.get("key_ops", [operation])
    if not isinstance(operations, list | tuple) or operation not in operations:
        raise ConfigurationError(f"its key_ops does not contain {operation!r} (RFC 7517 §4.3)")
    stated = jwk.get("alg")
    if stated is not None and not isinstance(stated, str):
        raise ConfigurationError("its alg is not a string (RFC 7517 §4.4)")
    if stated is None and algorithm is None:
        crv = jwk.get("crv")
        stated = _CRV_ALGORITHM.get(crv) if isinstance(crv, str) else None
        if stated is None:
            raise ConfigurationError("it has no alg: say which with algorithm=, for example algorithm='RS256'")
    if stated is not None and algorithm is not None and stated != algorithm:
        raise ConfigurationError(
            f"its alg is {quoted(stated)}, not {algorithm!r}: one key, one algorithm (RFC 8725 §3.1)"
        )
    chosen = algorithm or stated
    if _suite(chosen).kty != kty:
        raise ConfigurationError(f"a key of type {kty!r} does not fit the algorithm {chosen}")
    return str(chosen)


def _load_jwk(jwk: Mapping[str, Any], algorithm: str) -> _KeyObject:
    kty = jwk["kty"]
    missing = [name for name in _REQUIRED_MEMBERS[kty] if not isinstance(jwk.get(name), str)]
    if missing:
        raise ConfigurationError(f"a JWK of type {kty!r} needs the string {missing[0]!r} (RFC 7518 §6)")
    members = {name: jwk[name] for name in ("kty", *_REQUIRED_MEMBERS[kty], *_PRIVATE_MEMBERS) if name in jwk}
    for name, value in members.items():
        if name not in {"kty", "crv"}:
            _check_base64url(name, value)
    if kty == "oct":
        return _load_secret(decode_segment(members["k"].encode("ascii")), algorithm)
    try:
        return _SUITES[algorithm].implementation.from_jwk(members)
    except UnsupportedAlgorithm:
        problem = f"the OpenSSL of this machine does not know the kind of this {kty} JWK"
    except Exception:  # noqa: BLE001 - the library's words may quote the key
        problem = f"the members of this {kty} JWK are not a key (RFC 7518 §6, RFC 8037 §2)"
    raise ConfigurationError(problem)


def _check_base64url(name: str, value: object) -> None:
    try:
        if isinstance(value, str) and decode_segment(value.encode("ascii")):
            return
    except (UnicodeEncodeError, JWTGuardError):
        pass
    raise ConfigurationError(f"its {name!r} is not base64url without padding (RFC 7515 §2)")


def _check_fits(key: _KeyObject, algorithm: str, suite: _Suite) -> None:
    """Refuse a key whose type, curve or strength does not fit `algorithm`."""
    if suite.kty == "oct":
        if not isinstance(key, bytes):
            raise ConfigurationError(f"{algorithm} takes a shared secret: use from_secret")
        if len(key) < suite.digest_size:
            raise ConfigurationError(
                f"the secret has {len(key)} bytes, and {algorithm} needs at least {suite.digest_size} (RFC 7518 §3.2):"
                f' make one with python -c "import secrets; print(secrets.token_hex({suite.digest_size}))"'
            )
        return
    fits: bool
    if suite.kty == "RSA":
        fits = isinstance(key, rsa.RSAPublicKey)
    elif suite.kty == "EC":
        fits = (
            isinstance(key, ec.EllipticCurvePublicKey)
            and suite.curve is not None
            and isinstance(key.curve, suite.curve)
        )
    else:
        fits = isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and algorithm in {
            "EdDSA",
            _okp_name(key),
        }
    if not fits:
        curve = getattr(getattr(key, "curve", None), "name", "")
        found = f"{type(key).__name__.lstrip('_')} {curve}".strip()
        raise ConfigurationError(f"a key of type {found} does not fit the algorithm {algorithm} (RFC 7518 §3.1)")
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key)


MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
"""RFC 7518 §3.3 asks for 2048; a longer modulus than 8192 makes a check slow enough to hurt."""


def _check_rsa(key: rsa.RSAPublicKey) -> None:
    numbers = key.public_numbers()
    if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
        raise ConfigurationError(
            f"the RSA key has {key.key_size} bits, and {MIN_RSA_BITS} to {MAX_RSA_BITS} are accepted (RFC 7518 §3.3)"
        )
    if numbers.e < 65537:
        raise ConfigurationError(f"the RSA key's exponent is {numbers.e}, and at least 65537 is accepted")
    if _is_roca(numbers.n):
        raise ConfigurationError("the RSA key was made by hardware with the ROCA weakness (CVE-2017-15361): replace it")


# For these primes the powers of 65537 are few: a modulus that lies among them for every one was made the ROCA way.
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def _is_roca(modulus: int) -> bool:
    return all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES)


@functools.cache  # Not for all of them at import: most moduli fail at the first or the second.
def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime))


def _okp_name(key: object) -> str:
    return "Ed25519" if isinstance(key, ed25519.Ed25519PublicKey) else "Ed448"


def _signature_length(key: _KeyObject, suite: _Suite) -> int:
    if suite.kty == "oct":
        return suite.digest_size
    if suite.kty == "RSA":
        return (int(key.key_size) + 7) // 8
    if suite.kty == "EC":
        return 2 * ((int(key.key_size) + 7) // 8)
    return 64 if isinstance(key, ed25519.Ed25519PublicKey) else 114  # RFC 8032 §5.1.6, §5.2.6


def _public_der(key: _KeyObject) -> bytes:
    der: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der
