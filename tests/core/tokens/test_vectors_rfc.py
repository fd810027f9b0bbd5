"""The examples of RFC 7515, 7519 and 8037, typed from their appendices, and of RFC 7520 and 7797, from the cookbook."""

from __future__ import annotations

import json

import pytest

from jwtguard import SigningKey, VerificationKey
from jwtguard.core.errors import ConfigurationError, InvalidTokenError, MalformedTokenError
from jwtguard.core.tokens import jws
from jwtguard.core.tokens.encoding import encode_segment
from tests.core.vectors import Vector, cookbook, public, read

APPENDIX: list[Vector] = read("rfc/jws_appendix.json")["vectors"]
SIGNED = {name: example for name, example in (*cookbook("jws"), *cookbook("curve25519")) if "signing" in example}
UNENCODED = dict(cookbook("rfc7797"))
ENCRYPTED = {name: example for name, example in (*cookbook("jwe"), *cookbook("curve25519")) if "signing" not in example}
# RFC 7520 §4.5 detaches the payload, so its compact form has an empty segment.
DETACHED = "4_5.signature_with_detached_content"
COMPACT = [name for name, example in SIGNED.items() if "compact" in example["output"] and name != DETACHED]
SECRET = VerificationKey.from_secret("not a secret, only an example!!!", algorithm="HS256")


def serializations(examples: dict[str, Vector], *forms: str) -> list[object]:
    """One parameter for each of `forms` in which an example is written."""
    return [
        pytest.param(example, text_of(example["output"][form]), id=f"{name}-{form}")
        for name, example in examples.items()
        for form in forms
        if form in example["output"]
    ]


def text_of(output: object) -> str:
    """A serialization as it would travel."""
    return output if isinstance(output, str) else json.dumps(output)


def key_of(example: Vector) -> VerificationKey:
    """The key of a cookbook example, for the algorithm it is used with; of several, the first."""
    jwk, algorithm = example["input"]["key"], example["input"]["alg"]
    if isinstance(jwk, list):
        jwk, algorithm = jwk[0], algorithm[0]
    return VerificationKey.from_jwk(public(jwk), algorithm=algorithm)


@pytest.mark.parametrize("vector", [vector for vector in APPENDIX if vector["alg"] != "none"], ids=lambda v: v["name"])
def test_an_example_of_an_appendix_holds(vector: Vector) -> None:
    """The payload comes out as the appendix prints it."""
    key = VerificationKey.from_jwk(vector["jwk"], algorithm=vector["alg"])

    verified = jws.verify(vector["jws"], key)

    assert (vector["alg"], vector["jws"].split(".")[1]) == (
        verified.header.algorithm,
        encode_segment(verified.payload),
    )


def test_an_unsecured_token_is_refused() -> None:
    """RFC 7519 §6.1: there is no unsecured mode."""
    (vector,) = [vector for vector in APPENDIX if vector["alg"] == "none"]

    with pytest.raises(MalformedTokenError):
        jws.verify(vector["jws"], SECRET)


def test_no_example_is_left_out() -> None:
    """The number of examples of each kind equals the number in the RFCs."""
    assert (len(APPENDIX), len(SIGNED), len(UNENCODED), len(ENCRYPTED)) == (6, 9, 2, 14)


@pytest.mark.parametrize("name", COMPACT)
def test_a_compact_example_of_the_cookbook_holds(name: str) -> None:
    """RFC 7520 §4.1 to §4.4 and RFC 8037: the payload comes out as it went in."""
    example = SIGNED[name]

    assert example["input"]["payload"] == jws.verify(example["output"]["compact"], key_of(example)).payload.decode()


@pytest.mark.parametrize("name", [name for name in COMPACT if SIGNED[name].get("reproducible")])
def test_a_reproducible_example_of_the_cookbook_is_signed_alike(name: str) -> None:
    """Where the algorithm leaves nothing to chance, our signature is the one that is printed."""
    example = SIGNED[name]
    key = SigningKey.from_jwk(example["input"]["key"], algorithm=example["input"]["alg"])
    signing = example["signing"]

    assert signing["sig"] == encode_segment(key.sign(signing["sig-input"].encode()))


@pytest.mark.parametrize(("example", "text"), serializations(SIGNED, "json", "json_flat"))
def test_a_json_serialization_is_refused(example: Vector, text: str) -> None:
    """RFC 7519 §3: a JWT is in compact form."""
    with pytest.raises(MalformedTokenError):
        jws.verify(text, key_of(example))


def test_a_detached_payload_is_refused() -> None:
    """RFC 7520 §4.5: the signature is about something that is not in the token."""
    example = SIGNED[DETACHED]

    with pytest.raises(MalformedTokenError):
        jws.verify(example["output"]["compact"], key_of(example))


@pytest.mark.parametrize(("example", "text"), serializations(UNENCODED, "compact", "json", "json_flat"))
def test_an_unencoded_payload_is_refused(example: Vector, text: str) -> None:
    """RFC 7797 §7: `b64` must not be used in a JWT."""
    with pytest.raises(MalformedTokenError):
        jws.verify(text, key_of(example))


def test_an_unencoded_payload_is_refused_for_its_header() -> None:
    """`crit` and `b64` are refused, not only the space in the payload."""
    example = UNENCODED["hmac-sha2_b64_false"]
    header, _payload, signature = example["output"]["compact"].split(".")

    with pytest.raises(MalformedTokenError) as caught:
        jws.verify(f"{header}.VGhpcw.{signature}", key_of(example))
    assert caught.value.reason == "header_extension"


@pytest.mark.parametrize(("_example", "text"), serializations(ENCRYPTED, "compact", "json", "json_flat"))
def test_an_encrypted_example_is_refused(_example: Vector, text: str) -> None:
    """RFC 7516: this profile reads signed tokens only."""
    with pytest.raises(MalformedTokenError):
        jws.verify(text, SECRET)


def test_a_nested_token_is_refused() -> None:
    """RFC 7520 §6: a signed token inside an encrypted one."""
    nested = read("cookbook/6.nesting_signatures_and_encryption.json")

    with pytest.raises(InvalidTokenError):
        jws.verify(nested["encrypt"]["output"]["compact"], SECRET)


def test_the_signed_half_of_a_nested_token_holds() -> None:
    """RFC 7520 §6: by itself, the inner token is an ordinary one."""
    signed = read("cookbook/6.nesting_signatures_and_encryption.json")["sign"]

    assert signed["input"]["payload"] == jws.verify(signed["output"]["compact"], key_of(signed)).payload.decode()


@pytest.mark.parametrize(("name", "algorithm"), [("3_1.ec_public_key", "ES512"), ("3_3.rsa_public_key", "RS256")])
def test_a_public_key_of_the_cookbook_is_loaded(name: str, algorithm: str) -> None:
    """RFC 7520 §3.1 and §3.3: the public keys for signatures load, under their names."""
    jwk = read(f"cookbook/jwk/{name}.json")

    assert jwk["kid"] == VerificationKey.from_jwk(jwk, algorithm=algorithm).kid


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("3_2.ec_private_key", "ES512"),
        ("3_4.rsa_private_key", "RS256"),
        ("3_5.symmetric_key_mac_computation", "HS256"),
    ],
)
def test_a_private_key_of_the_cookbook_is_loaded(name: str, algorithm: str) -> None:
    """RFC 7520 §3.2, §3.4 and §3.5: so do the private ones and the secret."""
    jwk = read(f"cookbook/jwk/{name}.json")

    assert jwk["kid"] == SigningKey.from_jwk(jwk, algorithm=algorithm).kid


def test_the_encryption_key_of_the_cookbook_is_refused() -> None:
    """RFC 7520 §3.6: its use is `enc`."""
    with pytest.raises(ConfigurationError, match="use is 'enc'"):
        VerificationKey.from_jwk(read("cookbook/jwk/3_6.symmetric_key_encryption.json"))
