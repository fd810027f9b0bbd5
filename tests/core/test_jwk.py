"""A key checks and makes signatures of one algorithm, exactly."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, utils, x25519
from jwt.algorithms import ECAlgorithm

from jwtguard import ConfigurationError, InvalidTokenError, SigningKey, VerificationKey
from jwtguard.core.jose import decode_segment
from tests.core.keys import ALGORITHMS, ASYMMETRIC, RSA_ALGORITHMS, RSA_JWK, SECRET, signing_key, verification_key

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


@pytest.mark.parametrize("algorithm", ORDERS)
def test_the_range_is_checked_before_any_curve(algorithm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number out of range is refused by us, not left to the library underneath, which here takes everything."""
    monkeypatch.setattr(ECAlgorithm, "verify", lambda *_: True)
    key = VerificationKey(verification_key(algorithm)._key, algorithm=algorithm, kid=None)
    order, size = ORDERS[algorithm], LENGTHS[algorithm] // 2
    values = (0, 1, order - 1, order, order + 1)
    accepted = set()
    for r, s in itertools.product(values, values):
        try:
            key.verify(MESSAGE, r.to_bytes(size, "big") + s.to_bytes(size, "big"))
        except InvalidTokenError:
            continue
        accepted.add((r, s))

    assert accepted == set(itertools.product((1, order - 1), (1, order - 1)))


def test_a_der_signature_is_refused() -> None:
    """RFC 7518 §3.4: r and s side by side, not in DER as other protocols have it."""
    signature = signing_key("ES256").sign(MESSAGE)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")

    assert not holds("ES256", utils.encode_dss_signature(r, s))


@pytest.mark.parametrize("other", ["RS384", "RS512", "PS256"])
def test_a_signature_of_another_algorithm_does_not_hold(other: str) -> None:
    """The same RSA key with another hash or padding is another algorithm."""
    assert not holds("RS256", signing_key(other).sign(MESSAGE))


def number(bits: int) -> int:
    """An odd number of so many bits: loading a public key does not ask whether it has factors."""
    return (1 << bits) - 1


OTHER_KEYS: dict[str, Any] = {
    "RSA": verification_key("RS256")._key,
    "P-256": verification_key("ES256")._key,
    "P-384": verification_key("ES384")._key,
    "P-521": verification_key("ES512")._key,
    "secp256k1": ec.generate_private_key(ec.SECP256K1()).public_key(),
    "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()).public_key(),
    "Ed25519": ed25519.Ed25519PrivateKey.generate().public_key(),
    "Ed448": ed448.Ed448PrivateKey.generate().public_key(),
    "X25519": x25519.X25519PrivateKey.generate().public_key(),
    "DSA": dsa.DSAPublicNumbers(2, dsa.DSAParameterNumbers(number(2048), number(256), 2)).public_key(),
    "bytes": b"s" * 64,
    "str": "s" * 64,
    "None": None,
    "private RSA": signing_key("RS256")._key,
    "private P-256": signing_key("ES256")._key,
    "private Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
FITS = {
    **{algorithm: {"bytes"} for algorithm in ALGORITHMS[:3]},
    **{algorithm: {"RSA"} for algorithm in RSA_ALGORITHMS},
    "ES256": {"P-256"},
    "ES384": {"P-384"},
    "ES512": {"P-521"},
    "EdDSA": {"Ed25519", "Ed448"},
    "Ed25519": {"Ed25519"},
    "Ed448": {"Ed448"},
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_an_algorithm_takes_its_kind_of_key_and_no_other(algorithm: str) -> None:
    """RFC 7518 §3.1, RFC 8037 §3.1: type and curve fit, and where a public key is meant it is a public one."""
    taken = set()
    for name, key in OTHER_KEYS.items():
        try:
            VerificationKey(key, algorithm=algorithm, kid=None)
        except ConfigurationError:
            continue
        taken.add(name)

    assert FITS[algorithm] == taken


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "", "HS1", "ES256K", "RSA-OAEP", "hs256", None, 1, ["HS256"], b"HS256"]
)
def test_an_unknown_algorithm_is_refused(algorithm: Any) -> None:
    """There is no `none`, and nothing could add it."""
    with pytest.raises(ConfigurationError, match="is not supported: use one of HS256"):
        VerificationKey.from_secret(SECRET, algorithm=algorithm)


@pytest.mark.parametrize(
    ("bits", "exponent", "found"),
    [
        (2048, 65537, None),
        (2049, 65537, None),
        (8192, 65537, None),
        (2048, 65539, None),
        (1024, 65537, "has 1024 bits"),
        (2047, 65537, "has 2047 bits"),
        (8193, 65537, "has 8193 bits"),
        (16384, 65537, "has 16384 bits"),
        (2048, 3, "exponent is 3"),
        (2048, 17, "exponent is 17"),
        (2048, 65535, "exponent is 65535"),
    ],
)
def test_an_rsa_key_is_strong_and_not_slow(bits: int, exponent: int, found: str | None) -> None:
    """RFC 7518 §3.3: 2048 bits or more; more than 8192 and each check hurts; no small exponent."""
    key = rsa.RSAPublicNumbers(exponent, number(bits)).public_key()
    if found is None:
        assert VerificationKey(key, algorithm="RS256", kid=None).algorithm == "RS256"
        return
    with pytest.raises(ConfigurationError, match=found):
        VerificationKey(key, algorithm="RS256", kid=None)


@pytest.mark.parametrize("kid", ["k", "k" * 256, "ä" * 256, " ", None])
def test_a_key_may_have_this_name(kid: str | None) -> None:
    """RFC 7517 §4.5: any string, up to the length we look at in a token."""
    assert kid == VerificationKey.from_secret(SECRET, algorithm="HS256", kid=kid).kid


@pytest.mark.parametrize("kid", ["", "k" * 257, 1, True, b"k", ["k"], {}], ids=lambda kid: repr(kid)[:9])
def test_a_key_may_not_have_this_name(kid: Any) -> None:
    """No token could ever name it."""
    with pytest.raises(ConfigurationError, match="kid must be None or a string of 1 to 256 characters"):
        VerificationKey.from_secret(SECRET, algorithm="HS256", kid=kid)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_generated_key_signs_what_its_other_half_checks(algorithm: str) -> None:
    """`generate` makes a key for every algorithm there is."""
    key = SigningKey.generate(algorithm, kid="new")

    key.verification_key.verify(MESSAGE, key.sign(MESSAGE))
    assert (algorithm, "new", "new") == (key.algorithm, key.kid, key.verification_key.kid)


def test_a_public_key_does_not_sign() -> None:
    """Signing needs the private half."""
    with pytest.raises(ConfigurationError, match="signing needs a private key"):
        SigningKey(verification_key("ES256")._key, algorithm="ES256", kid=None)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_published_key_is_the_same_key(algorithm: str) -> None:
    """What `to_jwk` writes, `from_jwk` reads (RFC 7517 §4), and nothing private is in it."""
    key = verification_key(algorithm, "k")
    jwk = key.to_jwk()
    again = VerificationKey.from_jwk(jwk)

    assert ("k", algorithm, True) == (again.kid, again.algorithm, again.is_same_key(key))
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}
    assert (jwk["use"], "kid" in verification_key(algorithm).to_jwk()) == ("sig", False)


@pytest.mark.parametrize(
    ("curve", "algorithm", "private_value"),
    [
        (ec.SECP256R1(), "ES256", 379),
        (ec.SECP256R1(), "ES256", 43),
        (ec.SECP384R1(), "ES384", 197),
        (ec.SECP384R1(), "ES384", 176),
        (ec.SECP521R1(), "ES512", 1),
        (ec.SECP521R1(), "ES512", 2),
    ],
)
def test_a_published_point_keeps_its_zeros(curve: ec.EllipticCurve, algorithm: str, private_value: int) -> None:
    """RFC 7518 §6.2.1.2: coordinates are as long as the curve says; x or y of these points begins with a zero."""
    key = VerificationKey(ec.derive_private_key(private_value, curve).public_key(), algorithm=algorithm, kid=None)
    jwk = key.to_jwk()
    lengths = {len(decode_segment(jwk[name].encode())) for name in ("x", "y")}

    assert lengths == {LENGTHS[algorithm] // 2}
    assert VerificationKey.from_jwk(jwk).is_same_key(key)


def test_a_secret_is_never_published() -> None:
    """A shared secret has no public part."""
    with pytest.raises(ConfigurationError, match="has no public JWK"):
        verification_key("HS256").to_jwk()


def test_the_same_key_under_other_names_is_the_same() -> None:
    """`is_same_key` looks at the key, not at what it is called."""
    key = verification_key("RS256", "a")

    assert (key.is_same_key(verification_key("PS512", "b")), key.is_same_key(verification_key("ES256"))) == (
        True,
        False,
    )


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_a_key_shows_nothing_of_itself(algorithm: str) -> None:
    """The repr, which lands in logs, has the algorithm and the name, and no key."""
    assert (repr(signing_key(algorithm, "k")), repr(verification_key(algorithm, "k"))) == (
        f"SigningKey(algorithm='{algorithm}', kid='k')",
        f"VerificationKey(algorithm='{algorithm}', kid='k')",
    )


@pytest.mark.parametrize("attribute", ["algorithm", "kid", "_key", "names", "unknown"])
@pytest.mark.parametrize("key", [signing_key("ES256"), verification_key("ES256")], ids=["signing", "verification"])
def test_a_key_is_read_only(key: object, attribute: str) -> None:
    """Its algorithm was fixed when it was loaded."""
    with pytest.raises(AttributeError, match="is read-only"):
        setattr(key, attribute, "none")
    with pytest.raises(AttributeError, match="is read-only"):
        delattr(key, attribute)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_shared_secrets_are_symmetric(algorithm: str) -> None:
    """Who can check HS256 can sign it too."""
    assert verification_key(algorithm).is_symmetric is algorithm.startswith("HS")


def test_the_rsa_key_of_these_tests_is_the_one_of_the_signature_above() -> None:
    """The PSS signature above was made with this key."""
    assert RSA_JWK["kid"] == "bilbo.baggins@hobbiton.example"
