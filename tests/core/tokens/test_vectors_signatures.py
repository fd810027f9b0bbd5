"""Wycheproof's signatures through `VerificationKey.verify`, without a token around them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import pytest

from jwtguard import VerificationKey
from jwtguard.core.errors import JWTGuardError
from tests.core.vectors import Vector, wycheproof


@dataclass(frozen=True)
class File:
    """A file of signatures: its name, the algorithm they are of, and how many there are."""

    name: str
    algorithm: str
    count: int


FILES = [
    File("ecdsa_secp256r1_sha256_p1363", "ES256", 262),
    File("ecdsa_secp384r1_sha384_p1363", "ES384", 280),
    File("ecdsa_secp521r1_sha512_p1363", "ES512", 318),
    File("ed25519", "EdDSA", 151),
    File("ed448", "EdDSA", 87),
    File("rsa_pss_2048_sha256_mgf1_32", "PS256", 108),
    File("rsa_signature_2048_sha256", "RS256", 259),
    File("hmac_sha256", "HS256", 174),
]

SMALL_EXPONENT = "a public exponent under 65537 is refused when the key is loaded"
SHORT_KEY = "a secret shorter than the hash is refused when it is loaded: RFC 7518 §3.2"
SHORT_TAG = "RFC 7518 §3.2 knows no truncated tags"
MISSING_NULL = (
    "RFC 8017 §9.2 has NULL parameters in the encoding that a verifier compares with (§8.2.2); without them a signature"
    " is another spelling of one that holds, which the file leaves to the verifier"
)


def deviation(file: File, group: Vector, test: Vector) -> str:
    """Why we refuse what the file does not call invalid; empty where we say what the file says."""
    if test["result"] == "invalid":
        return ""
    if file.name == "rsa_signature_2048_sha256" and "SmallPublicKey" in test["flags"]:
        return SMALL_EXPONENT
    if file.name == "rsa_signature_2048_sha256" and "MissingNull" in test["flags"]:
        return MISSING_NULL
    if file.name == "hmac_sha256" and group["keySize"] < 256:
        return SHORT_KEY
    if file.name == "hmac_sha256" and group["tagSize"] < 256:
        return SHORT_TAG
    return ""


@functools.cache
def public_key(pem: str, algorithm: str) -> VerificationKey:
    """The public key of a group, loaded once."""
    return VerificationKey.from_pem(pem, algorithm=algorithm)


def outcome(file: File, group: Vector, test: Vector) -> str:
    """What we say of a signature."""
    try:
        if "publicKeyPem" in group:
            key = public_key(group["publicKeyPem"], file.algorithm)
        else:
            key = VerificationKey.from_secret(bytes.fromhex(test["key"]), algorithm=file.algorithm)
        key.verify(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"] if "sig" in test else test["tag"]))
    except JWTGuardError:
        return "invalid"
    return "valid"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_signatures_are_judged_as_wycheproof_judges_them(file: File) -> None:
    """Each signature of a file holds or not as the file says, but for the deviations named above."""
    wrong = {}
    for group, test in wycheproof(file.name):
        expected = "invalid" if deviation(file, group, test) else test["result"]
        if (found := outcome(file, group, test)) != expected:
            wrong[test["tcId"]] = f"{found}, not {expected}: {test['comment']}"
    assert wrong == {}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_signature_is_left_out(file: File) -> None:
    """Each file holds as many vectors as when it was copied."""
    assert file.count == len(list(wycheproof(file.name)))


def test_the_deviations_are_counted() -> None:
    """As many vectors are refused for a reason of our own as there were when the reasons were written."""
    reasons = [deviation(file, group, test) for file in FILES for group, test in wycheproof(file.name)]

    assert {reason: reasons.count(reason) for reason in set(reasons) - {""}} == {
        SMALL_EXPONENT: 2,
        MISSING_NULL: 1,
        SHORT_KEY: 6,
        SHORT_TAG: 30,
    }
