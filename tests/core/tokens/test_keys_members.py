"""JSON Web Keys, member by member (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import pytest

from jwtguard import ConfigurationError, SigningKey, VerificationKey
from jwtguard.core.tokens.encoding import encode_segment
from tests.core.keys import RSA_JWK, SECRET, signing_key, verification_key
from tests.core.vectors import public, wycheproof

OCT = {"kty": "oct", "k": encode_segment(SECRET.encode()), "alg": "HS256"}
RSA = {**public(RSA_JWK), "alg": "RS256"}
EC = verification_key("ES256").to_jwk()
OKP = verification_key("Ed25519").to_jwk()
JWKS: dict[str, Mapping[str, Any]] = {"oct": OCT, "RSA": RSA, "EC": EC, "OKP": OKP}


def without(jwk: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The key less some of its members."""
    return {name: value for name, value in jwk.items() if name not in names}


def integer(value: int) -> str:
    """A number as RFC 7518 §2 writes it (Base64urlUInt)."""
    return encode_segment(value.to_bytes((value.bit_length() + 7) // 8 or 1, "big"))


ACCEPTED: list[Any] = [
    pytest.param(OCT, None, "HS256", id="a secret"),
    pytest.param(RSA, None, "RS256", id="RSA"),
    pytest.param(EC, None, "ES256", id="EC"),
    pytest.param(OKP, None, "Ed25519", id="OKP"),
    pytest.param({**OKP, "alg": "EdDSA"}, None, "EdDSA", id="OKP by the name of RFC 8037"),
    pytest.param(without(RSA, "alg"), "PS384", "PS384", id="RSA without alg"),
    pytest.param(without(OCT, "alg"), "HS256", "HS256", id="a secret without alg"),
    pytest.param(RSA, "RS256", "RS256", id="alg said twice"),
    pytest.param(without(EC, "alg"), None, "ES256", id="EC without alg, which its curve settles"),
    pytest.param(without(OKP, "alg"), None, "EdDSA", id="OKP without alg, which its curve settles"),
    pytest.param(without(OKP, "alg"), "Ed25519", "Ed25519", id="OKP with the algorithm beside it"),
    pytest.param(without(EC, "use"), None, "ES256", id="no use"),
    pytest.param({**EC, "key_ops": ["verify"]}, None, "ES256", id="key_ops verify"),
    pytest.param({**EC, "key_ops": ["sign", "verify"]}, None, "ES256", id="key_ops sign and verify"),
    pytest.param({**EC, "x5c": ["!"], "x5t": 1, "x5u": "http://x", "ext": True, "oth?": []}, None, "ES256", id="more"),
    pytest.param({**RSA, "crv": ["P-256"], "k": 1}, None, "RS256", id="members of other types"),
    # A member that is null says nothing.
    pytest.param({**EC, "use": None, "key_ops": None, "kid": None, "x5c": None}, None, "ES256", id="null members"),
    pytest.param({**EC, "alg": None}, None, "ES256", id="alg null, which the curve settles"),
    pytest.param({**RSA, "alg": None}, "PS256", "PS256", id="alg null, with the algorithm beside it"),
    pytest.param({**RSA, "d": None, "oth": None, "crv": None}, None, "RS256", id="private members null"),
    pytest.param({**OCT, "use": None, "alg": None}, "HS256", "HS256", id="a secret with null members"),
]


@pytest.mark.parametrize(("jwk", "algorithm", "expected"), ACCEPTED)
def test_a_jwk_is_loaded(jwk: Mapping[str, Any], algorithm: str | None, expected: str) -> None:
    """Its `alg`, or the algorithm given beside it, or its curve, fixes the algorithm; the rest is not read."""
    assert expected == VerificationKey.from_jwk(jwk, algorithm=algorithm).algorithm


NOT_AN_OBJECT = 'a JWK is an object with "kty"'
WRONG_DOCUMENTS: list[Any] = [None, 1, "{}", b"{}", [], ["kty"], {}]
WRONG_TYPES: list[Any] = [None, 1, True, ["RSA"], {"RSA": 1}, "rsa", "EC2", "AKP", "", "OCT"]
WRONG_USES: list[Any] = ["enc", "SIG", "", 1, ["sig"], {}, False]
WRONG_OPERATIONS: list[Any] = [
    *(1, [], "verify", {"verify": 1}),
    *(["sign"], ["Verify"], ["sign, verify"], [["verify"]], [{}]),
]
WRONG_ALGORITHMS: list[Any] = [1, ["ES256"], {}, True]
REFUSED: list[Any] = [
    *(pytest.param(jwk, None, NOT_AN_OBJECT, id=repr(jwk)) for jwk in WRONG_DOCUMENTS),
    *(pytest.param({**RSA, "kty": kty}, None, NOT_AN_OBJECT, id=f"kty {kty!r}") for kty in WRONG_TYPES),
    *(pytest.param({**EC, "use": use}, None, "its use is", id=f"use {use!r}") for use in WRONG_USES),
    *(
        pytest.param({**EC, "key_ops": operations}, None, "its key_ops does not contain", id=f"key_ops {operations!r}")
        for operations in WRONG_OPERATIONS
    ),
    *(pytest.param({**EC, "alg": alg}, None, "its alg is not a string", id=f"alg {alg!r}") for alg in WRONG_ALGORITHMS),
    *(
        pytest.param({**EC, "alg": alg}, None, "is not supported", id=f"alg {alg!r}")
        for alg in ("none", "", "es256", "ES521", "ES256K", "ECDH-ES")
    ),
    pytest.param({**OCT, "alg": "A256GCM"}, None, "is not supported", id="a secret for encryption"),
    pytest.param({**EC, "alg": "ES384"}, None, "does not fit the algorithm ES384", id="alg of another curve"),
    pytest.param({**EC, "alg": "RS256"}, None, "does not fit the algorithm RS256", id="alg of another type"),
    pytest.param({**RSA, "alg": "HS256"}, None, "does not fit the algorithm HS256", id="a public key as a secret"),
    pytest.param({**OCT, "alg": "RS256"}, None, "does not fit the algorithm RS256", id="a secret as a public key"),
    pytest.param({**OKP, "alg": "Ed448"}, None, "does not fit the algorithm Ed448", id="the other Edwards curve"),
    pytest.param(RSA, "RS512", "its alg is 'RS256', not 'RS512'", id="another algorithm beside it"),
    pytest.param(OKP, "EdDSA", "its alg is 'Ed25519', not 'EdDSA'", id="the other name beside it"),
    pytest.param(RSA, "", "its alg is 'RS256', not ''", id="an empty algorithm beside it"),
    pytest.param(without(EC, "alg"), "", "is not supported", id="an empty algorithm"),
    pytest.param(without(EC, "alg"), "none", "is not supported", id="the algorithm none"),
    pytest.param(without(RSA, "alg"), None, "it has no alg", id="RSA without alg"),
    pytest.param({**RSA, "alg": None}, None, "it has no alg", id="RSA with alg null"),
    pytest.param(without(OCT, "alg"), None, "it has no alg", id="a secret without alg"),
    pytest.param({**without(EC, "alg"), "crv": "P-224"}, None, "it has no alg", id="an unknown curve without alg"),
    pytest.param({**without(EC, "alg"), "crv": ["P-256"]}, None, "it has no alg", id="a list of curves without alg"),
    pytest.param({**EC, "kid": 1}, None, "kid must be None or a string", id="kid is a number"),
    pytest.param({**EC, "kid": ["k"]}, None, "kid must be None or a string", id="kid is a list"),
    pytest.param({**EC, "kid": "k" * 257}, None, "kid must be None or a string", id="kid is too long"),
    *(
        pytest.param({**EC, "crv": crv}, None, "are not a key", id=f"crv {crv!r}")
        for crv in ("p-256", "P-224", "secp256k1", "Ed25519")
    ),
    pytest.param({**EC, "crv": "P-384"}, None, "are not a key", id="a curve the point is not on"),
    pytest.param({**EC, "crv": None}, None, "needs the string 'crv'", id="crv null"),
    pytest.param({**EC, "x": EC["y"], "y": EC["x"]}, None, "are not a key", id="a point beside the curve"),
    pytest.param(
        {**EC, "x": encode_segment(bytes(32)), "y": encode_segment(bytes(32))}, None, "are not a key", id="0, 0"
    ),
    pytest.param({**EC, "x": encode_segment(bytes(31))}, None, "are not a key", id="a coordinate too short"),
    pytest.param({**OKP, "crv": "X25519"}, None, "are not a key", id="a curve for encryption"),
    pytest.param({**OKP, "x": encode_segment(bytes(31))}, None, "are not a key", id="an Edwards point too short"),
    pytest.param({**OKP, "x": encode_segment(bytes(33))}, None, "are not a key", id="an Edwards point too long"),
    *(
        pytest.param({**RSA, "e": integer(e)}, None, problem, id=f"e = {e}")
        for e, problem in ((3, "exponent is 3"), (17, "exponent is 17"), (1, "not a key"), (0, "not a key"))
    ),
    *(
        pytest.param({**RSA, "n": integer((1 << bits) - 1)}, None, f"has {bits} bits", id=f"{bits} bits")
        for bits in (1024, 2047, 8193, 16384)
    ),
    pytest.param({**OCT, "k": encode_segment(b"s" * 31)}, None, "has 31 bytes", id="a secret too short"),
]


@pytest.mark.parametrize(("jwk", "algorithm", "problem"), REFUSED)
def test_a_jwk_is_refused(jwk: Any, algorithm: str | None, problem: str) -> None:
    """When it is loaded, with the reason, and whatever types its members have."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        VerificationKey.from_jwk(jwk, algorithm=algorithm)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


@pytest.mark.parametrize(
    ("kty", "member"), [("oct", "k"), ("RSA", "n"), ("RSA", "e"), ("EC", "x"), ("EC", "y"), ("OKP", "x")]
)
def test_a_jwk_has_its_members(kty: str, member: str) -> None:
    """RFC 7518 §6: each required member is there, a string, and canonical base64url."""
    value = JWKS[kty][member]
    wrong: dict[str, Any] = {
        "absent": None,
        "a number": 1,
        "a list": [value],
        "empty": "",
        "padded": f"{value}=",
        "with a newline": f"{value}\n",
        "with a plus": "+" + value[1:],
        "with a letter beyond ASCII": "\u00e9" + value[1:],
        "of a length that cannot be": "AAAAA",
    }
    problems = {}
    for name, changed in wrong.items():
        with pytest.raises(ConfigurationError) as caught:
            VerificationKey.from_jwk({**JWKS[kty], member: changed})
        problems[name] = caught.value.problems[0]

    assert {
        name: "base64url" in problem or f"needs the string {member!r}" in problem for name, problem in problems.items()
    } == (dict.fromkeys(wrong, True))


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth"])
@pytest.mark.parametrize("kty", ["RSA", "EC", "OKP"])
def test_a_private_jwk_does_not_check(kty: str, member: str) -> None:
    """One private member is enough: such a key has no place in a server that only checks."""
    with pytest.raises(ConfigurationError, match=f"the JWK is a private key .it has '{member}'."):
        VerificationKey.from_jwk({**JWKS[kty], member: "AQAB"})


def test_a_key_with_the_roca_weakness_is_refused() -> None:
    """CVE-2017-15361: its private half can be computed."""
    (jwk,) = [group["public"]["keys"][0] for group, test in wycheproof("json_web_key") if "Roca" in test["comment"]]

    with pytest.raises(ConfigurationError, match="ROCA"):
        VerificationKey.from_jwk(jwk)


@pytest.mark.parametrize("algorithm", ["RS256", "PS512"])
def test_a_private_jwk_signs(algorithm: str) -> None:
    """The whole key, or the modulus and both exponents alone (RFC 7518 §6.3.2)."""
    whole = SigningKey.from_jwk(RSA_JWK, algorithm=algorithm)
    short = SigningKey.from_jwk(without(RSA_JWK, "p", "q", "dp", "dq", "qi"), algorithm=algorithm)

    whole.verification_key.verify(b"m", short.sign(b"m"))


@pytest.mark.parametrize(("kid", "expected"), [("", None), (None, None), (" ", " "), ("k" * 256, "k" * 256)])
def test_an_empty_kid_is_no_name(kid: str | None, expected: str | None) -> None:
    """An empty `kid` counts as absent, in a public and in a private key."""
    jwk = {**OCT, "kid": kid}

    assert (VerificationKey.from_jwk(jwk).kid, SigningKey.from_jwk(jwk).kid) == (expected, expected)


def test_null_members_say_nothing_of_a_signing_key() -> None:
    """Null members of a private JWK count as absent."""
    jwk = {**RSA_JWK, "use": None, "key_ops": None, "alg": None, "oth": None}

    assert SigningKey.from_jwk(jwk, algorithm="RS256").algorithm == "RS256"
    with pytest.raises(ConfigurationError, match="the JWK is a public key"):
        SigningKey.from_jwk({**RSA, "d": None})


def private_jwk(algorithm: str) -> dict[str, Any]:
    """A key of the tests as a private JWK."""
    numbers = signing_key(algorithm)._key
    jwk = verification_key(algorithm).to_jwk()
    if jwk["kty"] == "EC":
        return {**jwk, "d": encode_segment(numbers.private_numbers().private_value.to_bytes(32, "big"))}
    return {**jwk, "d": encode_segment(numbers.private_bytes_raw())}


@pytest.mark.parametrize("algorithm", ["ES256", "Ed25519", "EdDSA", "Ed448"])
def test_a_private_jwk_of_a_curve_signs(algorithm: str) -> None:
    """RFC 7518 §6.2.2, RFC 8037 §2."""
    key = SigningKey.from_jwk(private_jwk(algorithm))

    verification_key(algorithm).verify(b"m", key.sign(b"m"))


def test_a_symmetric_jwk_signs_and_checks() -> None:
    """RFC 7518 §6.4: the same key for both."""
    VerificationKey.from_jwk(OCT).verify(b"m", SigningKey.from_jwk(OCT).sign(b"m"))


@pytest.mark.parametrize(
    ("jwk", "problem"),
    [
        pytest.param(RSA, "the JWK is a public key", id="public RSA"),
        pytest.param(EC, "the JWK is a public key", id="public EC"),
        pytest.param(OKP, "the JWK is a public key", id="public OKP"),
        pytest.param({**OCT, "key_ops": ["verify"]}, "key_ops does not contain 'sign'", id="only for checking"),
        pytest.param({**OCT, "use": "enc"}, "its use is 'enc'", id="for encryption"),
        pytest.param({**private_jwk("ES256"), "d": 1}, "'d' is not base64url", id="d is a number"),
        pytest.param({**private_jwk("ES256"), "d": integer(1)}, "are not a key", id="d of another key"),
        pytest.param({**private_jwk("ES256"), "d": ""}, "'d' is not base64url", id="d is empty"),
        pytest.param({**RSA_JWK, "alg": "RS256", "d": integer(3)}, "are not a key", id="an exponent of another key"),
        pytest.param({**RSA_JWK, "alg": "RS256", "oth": []}, "'oth' is not base64url", id="more than two primes"),
        pytest.param(None, NOT_AN_OBJECT, id="None"),
    ],
)
def test_anything_else_does_not_sign(jwk: Any, problem: str) -> None:
    """Refused when it is loaded."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        SigningKey.from_jwk(jwk)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


def test_no_key_material_is_in_an_error() -> None:
    """An error about a secret does not contain it."""
    secret = "short and secret"
    with pytest.raises(ConfigurationError) as caught:
        VerificationKey.from_jwk({**OCT, "k": encode_segment(secret.encode())})
    text = repr(caught.value) + str(caught.value)

    assert [
        found for found in (secret, encode_segment(secret.encode()), base64.b64encode(b"s").decode()) if found in text
    ] == []
