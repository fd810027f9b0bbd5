"""A key checks and makes signatures of one algorithm, exactly."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519

from jwtguard import ConfigurationError, SigningKey, VerificationKey
from jwtguard.core.tokens.encoding import decode_segment
from tests.core.keys import ALGORITHMS, ASYMMETRIC, RSA_ALGORITHMS, SECRET, signing_key, verification_key

MESSAGE = b"message"


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
    """`none` and unknown algorithms are refused."""
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


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "EdDSA"])
def test_a_generated_key_says_so(algorithm: str) -> None:
    """A key that this process made is told from the same key when it was loaded, and is the same key otherwise."""
    made = SigningKey.generate(algorithm, kid="k")
    loaded = SigningKey.from_jwk(made.to_private_jwk())

    assert (made.is_generated, made.verification_key.is_generated) == (True, True)
    assert (loaded.is_generated, loaded.verification_key.is_generated) == (False, False)
    assert made.verification_key.is_same_key(loaded.verification_key)
    assert repr(made) == repr(loaded)


def test_a_generated_rsa_key_has_2048_bits() -> None:
    """RFC 7518 §3.3 asks for no more, and each bit costs time."""
    assert SigningKey.generate("RS256").verification_key._key.key_size == 2048


def test_a_public_key_does_not_sign() -> None:
    """Signing needs the private half."""
    with pytest.raises(ConfigurationError, match="signing needs a private key"):
        SigningKey(verification_key("ES256")._key, algorithm="ES256", kid=None)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_published_key_is_the_same_key(algorithm: str) -> None:
    """`from_jwk` reads the output of `to_jwk` (RFC 7517 §4), which holds nothing private."""
    key = verification_key(algorithm, "k")
    jwk = key.to_jwk()
    again = VerificationKey.from_jwk(jwk)

    assert ("k", algorithm, True) == (again.kid, again.algorithm, again.is_same_key(key))
    assert set(jwk) <= {"kty", "crv", "x", "y", "n", "e", "kid", "use", "alg"}
    assert (jwk["use"], "kid" in verification_key(algorithm).to_jwk()) == ("sig", False)


@pytest.mark.parametrize(
    ("curve", "algorithm", "private_value", "size"),
    [
        (ec.SECP256R1(), "ES256", 379, 32),
        (ec.SECP256R1(), "ES256", 43, 32),
        (ec.SECP384R1(), "ES384", 197, 48),
        (ec.SECP384R1(), "ES384", 176, 48),
        (ec.SECP521R1(), "ES512", 1, 66),
        (ec.SECP521R1(), "ES512", 2, 66),
    ],
)
def test_a_published_point_keeps_its_zeros(
    curve: ec.EllipticCurve, algorithm: str, private_value: int, size: int
) -> None:
    """RFC 7518 §6.2.1.2: coordinates are as long as the curve says; x or y of these points begins with a zero."""
    key = VerificationKey(ec.derive_private_key(private_value, curve).public_key(), algorithm=algorithm, kid=None)
    jwk = key.to_jwk()
    lengths = {len(decode_segment(jwk[name].encode())) for name in ("x", "y")}

    assert lengths == {size}
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


@pytest.mark.parametrize("attribute", ["algorithm", "kid", "_key", "names", "is_generated", "unknown"])
@pytest.mark.parametrize("key", [signing_key("ES256"), verification_key("ES256")], ids=["signing", "verification"])
def test_a_key_is_read_only(key: object, attribute: str) -> None:
    """Its algorithm was fixed when it was loaded."""
    with pytest.raises(AttributeError, match=r"cannot (assign to|delete) field"):
        setattr(key, attribute, "none")
    with pytest.raises(AttributeError, match=r"cannot (assign to|delete) field"):
        delattr(key, attribute)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_only_shared_secrets_are_symmetric(algorithm: str) -> None:
    """Only HMAC keys count as symmetric: their holder can verify and sign."""
    assert verification_key(algorithm).is_symmetric is algorithm.startswith("HS")


def test_keys_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes tells nothing about how much of a secret is the same: both go to `hmac.compare_digest`."""
    compared: list[tuple[bytes, bytes]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    first, second = (VerificationKey.from_secret(letter * 32, algorithm="HS256") for letter in "ab")
    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    assert first.is_same_key(second)
    assert compared == [(b"a" * 32, b"b" * 32)]
