"""A signature has one spelling, and holds for one algorithm."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import utils

from jwtguard import InvalidTokenError
from jwtguard.core.tokens.algorithms import SUITES
from jwtguard.core.tokens.encoding import decode_segment
from tests.core.keys import ALGORITHMS, RSA_ALGORITHMS, RSA_JWK, signing_key, verification_key

MESSAGE = b"message"
LENGTHS = {
    "HS256": 32,
    "HS384": 48,
    "HS512": 64,
    **dict.fromkeys(RSA_ALGORITHMS, 256),
    "ES256": 64,
    "ES384": 96,
    "ES512": 132,
    "EdDSA": 64,
    "Ed25519": 64,
    "Ed448": 114,
}
ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "ES512": 2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
}
# A PS256 signature of MESSAGE under RSA_JWK whose first byte is zero; here without that byte.
SHORT_PSS = bytes.fromhex(
    "b1990a7f84659fb31cf7fb66ccc2cda488952bc2e45484e8fe8838d1804f80e1611837f2053c41f8bae213b49559b25eb1af60e6367db8e1"
    "2010cedd85b1472a9cb844ff9d236fa50ef8d7c92a0991e188e7f79800415d67f6b23a31e72394c709fb0a48a78c896d381d1f617c2c71d0"
    "a4cd7a3a137369f843d9f4f6cba4d39d61a084fc73fda70f4729cf16bf12297176c63ace096a558576ea79845d1a0a64147816c47883965e"
    "5966c274cc2597b51ee253803eb94503ddcd2453e475266bb8dd9e36df83fc27acfb338723f82182f422dee8a44292957941be87aa4638e9"
    "e07bf23520b9647ea09f6220407d6eae1f258f5f718ad1ad99061a0f4cfa77"
)


def holds(algorithm: str, signature: bytes, message: bytes = MESSAGE) -> bool:
    """Whether the key for `algorithm` lets `signature` pass."""
    try:
        verification_key(algorithm).verify(message, signature)
    except InvalidTokenError:
        return False
    return True


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_has_its_exact_length(algorithm: str) -> None:
    """RFC 7518 §3: no byte less, no byte more, nothing at all, and no other end."""
    signature = signing_key(algorithm).sign(MESSAGE)

    assert len(signature) == LENGTHS[algorithm]
    assert {
        "as it is": holds(algorithm, signature),
        "a byte less": holds(algorithm, signature[:-1]),
        "without its first byte": holds(algorithm, signature[1:]),
        "a zero in front": holds(algorithm, b"\0" + signature),
        "a zero behind": holds(algorithm, signature + b"\0"),
        "twice": holds(algorithm, signature * 2),
        "nothing": holds(algorithm, b""),
        "another message": holds(algorithm, signature, b"another message"),
        "zeros": holds(algorithm, bytes(len(signature))),
        "ones": holds(algorithm, b"\xff" * len(signature)),
    } == {
        "as it is": True,
        "a byte less": False,
        "without its first byte": False,
        "a zero in front": False,
        "a zero behind": False,
        "twice": False,
        "nothing": False,
        "another message": False,
        "zeros": False,
        "ones": False,
    }


@pytest.mark.parametrize(("signature", "expected"), [(b"\0" + SHORT_PSS, True), (SHORT_PSS, False)])
def test_a_pss_signature_keeps_its_zeros(signature: bytes, expected: bool) -> None:
    """OpenSSL takes a signature that lost its leading zero byte; then one token would have two spellings."""
    assert expected is holds("PS256", signature)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512"])
@pytest.mark.parametrize("part", ["r", "s"])
@pytest.mark.parametrize("value", ["0", "n", "n + 1", "+ n"])
def test_r_and_s_lie_within_the_group(algorithm: str, part: str, value: str) -> None:
    """FIPS 186-5 §6.4.2: both between 1 and n-1, or a signature could be written in several ways."""
    order, size = ORDERS[algorithm], LENGTHS[algorithm] // 2
    signature = signing_key(algorithm).sign(MESSAGE)
    numbers = {"r": int.from_bytes(signature[:size], "big"), "s": int.from_bytes(signature[size:], "big")}
    numbers[part] = {"0": 0, "n": order, "n + 1": order + 1, "+ n": numbers[part] + order}[value] % (1 << 8 * size)

    assert not holds(algorithm, numbers["r"].to_bytes(size, "big") + numbers["s"].to_bytes(size, "big"))


def raising(*_: object) -> bool:
    """An implementation that fails."""
    raise ZeroDivisionError


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("verify", [lambda *_: None, lambda *_: 1, lambda *_: "True", lambda *_: False, raising])
def test_only_true_is_a_verified_signature(
    algorithm: str, verify: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyJWT's `Algorithm.verify` returns a bool: any other value and any exception is a refusal."""
    signature = signing_key(algorithm).sign(MESSAGE)
    assert holds(algorithm, signature)
    monkeypatch.setattr(type(SUITES[algorithm].implementation), "verify", verify)
    assert not holds(algorithm, signature)


def number(member: str) -> int:
    """A number of the RSA key."""
    return int.from_bytes(decode_segment(RSA_JWK[member].encode()), "big")


DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(MESSAGE).digest()
WITHOUT_NULL = bytes.fromhex("302f300b06096086480165030402010420") + hashlib.sha256(MESSAGE).digest()
LONG_FORM = bytes.fromhex("308131300d060960864801650304020105000420") + hashlib.sha256(MESSAGE).digest()


def padded(text: bytes) -> bytes:
    """RFC 8017 §9.2: as many FF as it takes."""
    return b"\0\1" + b"\xff" * (253 - len(text)) + b"\0" + text


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        pytest.param(padded(DIGEST_INFO), True, id="as it is"),
        pytest.param(b"\0\1" + b"\xff" * 8 + b"\0" + DIGEST_INFO + bytes(194), False, id="garbage behind the hash"),
        pytest.param(padded(DIGEST_INFO + b"\0"), False, id="a byte behind the hash"),
        pytest.param(padded(b"\0" + DIGEST_INFO), False, id="a byte in front of the hash's name"),
        pytest.param(padded(WITHOUT_NULL), False, id="without parameters"),
        pytest.param(padded(LONG_FORM), False, id="a length in long form"),
        pytest.param(padded(hashlib.sha256(MESSAGE).digest()), False, id="the hash without its name"),
        pytest.param(padded(DIGEST_INFO[:-1]), False, id="less of the hash"),
        pytest.param(padded(b""), False, id="nothing"),
        pytest.param(padded(DIGEST_INFO).replace(b"\0\1", b"\0\2", 1), False, id="padding for encryption"),
        pytest.param(padded(DIGEST_INFO).replace(b"\xff", b"\xfe", 1), False, id="padding of another byte"),
        pytest.param(padded(DIGEST_INFO)[:-1] + b"\xff", False, id="another hash"),
    ],
)
def test_only_one_text_is_signed_with_pkcs1(encoded: bytes, expected: bool) -> None:
    """RFC 8017 §8.2.2: the encoded message is compared to the last byte; parsing it would accept forgeries.

    Each encoded message was signed with the private key, so the signature's number is valid.
    """
    signature = pow(int.from_bytes(encoded, "big"), number("d"), number("n")).to_bytes(256, "big")

    assert expected is holds("RS256", signature)


def test_a_der_signature_is_refused() -> None:
    """RFC 7518 §3.4: r and s side by side, not in DER as other protocols have it."""
    signature = signing_key("ES256").sign(MESSAGE)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")

    assert not holds("ES256", utils.encode_dss_signature(r, s))


@pytest.mark.parametrize("other", ["RS384", "RS512", "PS256"])
def test_a_signature_of_another_algorithm_does_not_hold(other: str) -> None:
    """The same RSA key with another hash or padding is another algorithm."""
    assert not holds("RS256", signing_key(other).sign(MESSAGE))


def test_the_rsa_key_of_these_tests_is_the_one_of_the_signature_above() -> None:
    """The PSS signature above was made with this key."""
    assert RSA_JWK["kid"] == "bilbo.baggins@hobbiton.example"
