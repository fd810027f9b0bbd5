"""Loading keys: from secrets, PEM, X.509 certificates and JWKs, in the form that PyJWT's `Algorithm` takes.

>>> load_secret("not a secret, only an example!!!", "HS256")
b'not a secret, only an example!!!'
>>> load_secret("-----BEGIN PUBLIC KEY-----", "HS256")
Traceback (most recent call last):
    ...
jwtguard.core.errors.ConfigurationError: this secret is a key in PEM, DER, SSH or JWK form, which others may know: \
use from_pem or from_jwk with an asymmetric algorithm, or a random secret

Each function returns a key object of cryptography, or bytes, or raises `ConfigurationError`: a wrong key is refused
when it is loaded, never while a request waits.
"""

from __future__ import annotations

import binascii
import functools
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.events import quoted
from jwtguard.core.tokens.algorithms import (
    CRV_ALGORITHM,
    PRIVATE_MEMBERS,
    REQUIRED_MEMBERS,
    SUITES,
    KeyObject,
    Suite,
    okp_name,
    suite_of,
)
from jwtguard.core.tokens.encoding import decode_segment


def stated_members(jwk: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a JWK that are present: null counts as absent, and so does an empty `kid`."""
    if not isinstance(jwk, Mapping):
        raise ConfigurationError(_NO_JWK)
    return {name: value for name, value in jwk.items() if value is not None and (name, value) != ("kid", "")}


_NO_JWK = 'a JWK is an object with "kty": "oct", "RSA", "EC" or "OKP" (RFC 7517 §4.1)'


def load_secret(secret: str | bytes, algorithm: str) -> bytes:
    """Return the bytes of a shared secret."""
    suite = suite_of(algorithm)
    if suite.kty != "oct":
        raise ConfigurationError(f"{algorithm} takes a key pair, not a shared secret: use from_pem or from_jwk")
    data = _bytes("a secret", secret)
    # RFC 8725 §2.1: a public key as the secret of HS256 would let anyone sign.
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
    except UnicodeEncodeError:  # The message of this error would quote the secret.
        pass
    raise ConfigurationError(f"{what} is bytes or str that can be encoded as UTF-8, not this {type(value).__name__}")


_KEY_DOCUMENTS = (b"ssh-", b"sk-ssh-", b"ecdsa-sha2-", b"sk-ecdsa-sha2-", b"---- BEGIN SSH2", b"PuTTY-User-Key-File")


def _looks_like_a_key_document(data: bytes) -> bool:
    text = data.strip()
    if b"-----BEGIN" in text or text.startswith(_KEY_DOCUMENTS) or (text[:1] == b"{" and b'"kty"' in text):
        return True
    try:  # The base64 of a PEM key without its BEGIN and END lines, as some providers show it.
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
        except Exception:  # noqa: BLE001, S110 - it has the form, and is encrypted or of an unknown type
            pass
        return True
    return False


def _load_der_x509(der: bytes) -> KeyObject:
    from cryptography import x509  # noqa: PLC0415 - slow to import, and seldom needed

    return x509.load_der_x509_certificate(der).public_key()


def load_x509(certificate: str | bytes) -> tuple[KeyObject, float]:
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


def load_public_pem(pem: str | bytes) -> KeyObject:
    """Return the public key of a PEM text (RFC 7468 §13)."""
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


def load_private_pem(pem: str | bytes, password: bytes | None) -> KeyObject:
    """Return the private key of a PEM text (RFC 7468 §10)."""
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


def jwk_algorithm(jwk: Mapping[str, Any], algorithm: str | None, *, operation: str) -> str:
    """Check the members that every JWK may have, and return the algorithm of the key."""
    kty = jwk.get("kty")
    if not isinstance(kty, str) or kty not in REQUIRED_MEMBERS:
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
        stated = CRV_ALGORITHM.get(crv) if isinstance(crv, str) else None
        if stated is None:
            raise ConfigurationError("it has no alg: say which with algorithm=, for example algorithm='RS256'")
    if stated is not None and algorithm is not None and stated != algorithm:
        raise ConfigurationError(
            f"its alg is {quoted(stated)}, not {algorithm!r}: one key, one algorithm (RFC 8725 §3.1)"
        )
    chosen = algorithm or stated
    if suite_of(chosen).kty != kty:
        raise ConfigurationError(f"a key of type {kty!r} does not fit the algorithm {chosen}")
    return str(chosen)


def load_jwk(jwk: Mapping[str, Any], algorithm: str) -> KeyObject:
    """Return the key of a JWK (RFC 7518 §6, RFC 8037 §2)."""
    kty = jwk["kty"]
    missing = [name for name in REQUIRED_MEMBERS[kty] if not isinstance(jwk.get(name), str)]
    if missing:
        raise ConfigurationError(f"a JWK of type {kty!r} needs the string {missing[0]!r} (RFC 7518 §6)")
    members = {name: jwk[name] for name in ("kty", *REQUIRED_MEMBERS[kty], *PRIVATE_MEMBERS) if name in jwk}
    for name, value in members.items():
        if name not in {"kty", "crv"}:
            _check_base64url(name, value)
    if kty == "oct":
        return load_secret(decode_segment(members["k"].encode("ascii")), algorithm)
    try:
        return SUITES[algorithm].implementation.from_jwk(members)
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


def check_fits(key: KeyObject, algorithm: str, suite: Suite) -> None:
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
            okp_name(key),
        }
    if not fits:
        curve = getattr(getattr(key, "curve", None), "name", "")
        found = f"{type(key).__name__.lstrip('_')} {curve}".strip()
        raise ConfigurationError(f"a key of type {found} does not fit the algorithm {algorithm} (RFC 7518 §3.1)")
    if isinstance(key, rsa.RSAPublicKey):
        _check_rsa(key)


MIN_RSA_BITS, MAX_RSA_BITS = 2048, 8192
"""RFC 7518 §3.3 requires 2048. A modulus longer than 8192 makes verifying slow enough for a denial of service."""


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


# Modulo each of these primes, 65537 has few powers. A ROCA modulus is such a power for every prime (CVE-2017-15361).
_ROCA_PRIMES = (11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157)


def _is_roca(modulus: int) -> bool:
    return all(modulus % prime in _powers(prime) for prime in _ROCA_PRIMES)


@functools.cache
def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime))


def public_der(key: KeyObject) -> bytes:
    """Return the public key in DER form: equal keys have equal bytes."""
    der: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der
