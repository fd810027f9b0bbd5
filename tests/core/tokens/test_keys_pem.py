"""Keys in PEM form and in certificates: one key, of the half that is meant."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jwtguard import ConfigurationError, SigningKey, VerificationKey
from tests.core.certificates import certificate
from tests.core.keys import ASYMMETRIC, signing_key, verification_key


def public(algorithm: str, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    """The public key in PEM form."""
    pem: bytes = verification_key(algorithm)._key.public_bytes(Encoding.PEM, form)
    return pem.decode()


def private(algorithm: str, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None) -> str:
    """The private key in PEM form."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    pem: bytes = signing_key(algorithm)._key.private_bytes(Encoding.PEM, form, encryption)
    return pem.decode()


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_public_pem_checks_what_a_private_pem_signs(algorithm: str) -> None:
    """Every algorithm, as text and as bytes."""
    signature = SigningKey.from_pem(private(algorithm), algorithm=algorithm, kid="k").sign(b"m")
    key = VerificationKey.from_pem(public(algorithm).encode(), algorithm=algorithm, kid="k")

    key.verify(b"m", signature)
    assert (algorithm, "k") == (key.algorithm, key.kid)


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(public("RS256", PublicFormat.PKCS1), id="an older kind of PEM"),
        pytest.param(public("RS256").replace("\n", "\r\n"), id="the line ends of Windows"),
        pytest.param(public("RS256").strip(), id="no newline at the end"),
    ],
)
def test_a_public_pem_may_look_like_this(pem: str) -> None:
    """Other spellings of the same key."""
    assert VerificationKey.from_pem(pem, algorithm="RS256").is_same_key(verification_key("RS256"))


@pytest.mark.parametrize(
    ("form", "password"),
    [
        (PrivateFormat.PKCS8, None),
        (PrivateFormat.PKCS8, b"password"),
        (PrivateFormat.TraditionalOpenSSL, None),
        (PrivateFormat.TraditionalOpenSSL, b"password"),
    ],
)
def test_a_private_pem_may_be_encrypted(form: PrivateFormat, password: bytes | None) -> None:
    """The password is given beside it."""
    key = SigningKey.from_pem(private("ES256", form, password), algorithm="ES256", password=password)

    assert key.verification_key.is_same_key(verification_key("ES256"))


PRIVATE = "this PEM is a private key, and checking needs the public one"
NOT_ONE = "expected one key in PEM form"
UNREADABLE = "this PEM cannot be read as a public key"


@pytest.mark.parametrize(
    ("pem", "problem"),
    [
        pytest.param(private("RS256"), PRIVATE, id="private"),
        pytest.param(private("RS256", password=b"password"), PRIVATE, id="private and encrypted"),
        pytest.param(private("ES256", PrivateFormat.TraditionalOpenSSL), PRIVATE, id="private, of an older kind"),
        pytest.param(private("EdDSA", PrivateFormat.OpenSSH), PRIVATE, id="private, of SSH"),
        pytest.param(certificate("RS256", Encoding.PEM), "use VerificationKey.from_x509", id="certificate"),
        pytest.param(public("RS256") * 2, NOT_ONE, id="two keys"),
        pytest.param(public("RS256") + private("RS256"), NOT_ONE, id="both halves"),
        pytest.param("", NOT_ONE, id="nothing"),
        pytest.param("keys/public.pem", NOT_ONE, id="a path"),
        pytest.param("not a secret, only an example!!!", NOT_ONE, id="a secret"),
        pytest.param(
            verification_key("RS256")._key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
            NOT_ONE,
            id="DER",
        ),
        pytest.param(
            verification_key("RS256")._key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH), NOT_ONE, id="SSH"
        ),
        pytest.param(public("RS256")[:100], UNREADABLE, id="cut off"),
        pytest.param(public("RS256").replace("PUBLIC", "SECRET"), UNREADABLE, id="of no known kind"),
        pytest.param("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", UNREADABLE, id="no key inside"),
        pytest.param(None, "a PEM key is bytes or str", id="None"),
        pytest.param(1, "a PEM key is bytes or str", id="a number"),
        pytest.param("-----BEGIN \ud800", "a PEM key is bytes or str", id="text that UTF-8 cannot write"),
    ],
)
def test_a_public_pem_is_one_public_key(pem: Any, problem: str) -> None:
    """Any other text than one public key is refused with what to do instead, and without a part of the key."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        VerificationKey.from_pem(pem, algorithm="RS256")
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


@pytest.mark.parametrize(
    ("pem", "password", "problem"),
    [
        pytest.param(public("RS256"), None, "not a private key, and signing needs one", id="public"),
        pytest.param(certificate("RS256", Encoding.PEM), None, "not a private key", id="certificate"),
        pytest.param(private("RS256") * 2, None, NOT_ONE, id="two keys"),
        pytest.param("", None, NOT_ONE, id="nothing"),
        pytest.param(private("RS256", password=b"password"), None, "is it encrypted", id="encrypted"),
        pytest.param(private("RS256", password=b"password"), b"pass", "the password wrong", id="wrong password"),
        pytest.param(private("RS256"), b"password", "the password wrong", id="a password for nothing"),
        pytest.param(private("RS256")[:200], None, "cannot be read as a private key", id="cut off"),
        pytest.param(7, None, "a PEM key is bytes or str", id="a number"),
    ],
)
def test_a_private_pem_is_one_private_key(pem: Any, password: bytes | None, problem: str) -> None:
    """Any other text than one private key is refused with what to do instead, and without a part of the key."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        SigningKey.from_pem(pem, algorithm="RS256", password=password)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


@pytest.mark.parametrize(("algorithm", "wrong"), [("RS256", "ES256"), ("ES256", "ES384"), ("EdDSA", "HS256")])
def test_a_pem_key_fits_its_algorithm(algorithm: str, wrong: str) -> None:
    """RFC 8725 §3.1: a key of another type or curve is refused when it is loaded, in either half."""
    with pytest.raises(ConfigurationError, match=r"does not fit the algorithm|takes a shared secret"):
        VerificationKey.from_pem(public(algorithm), algorithm=wrong)
    with pytest.raises(ConfigurationError, match=r"does not fit the algorithm|takes a shared secret"):
        SigningKey.from_pem(private(algorithm), algorithm=wrong)


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_certificate_holds_a_public_key(algorithm: str, encoding: Encoding) -> None:
    """A certificate as PEM or DER loads; its dates, here long past, are not checked."""
    key = VerificationKey.from_x509(certificate(algorithm, encoding), algorithm=algorithm, kid="k")

    assert (key.is_same_key(verification_key(algorithm)), key.kid) == (True, "k")


def test_a_certificate_may_be_text() -> None:
    """PEM as `str`."""
    key = VerificationKey.from_x509(certificate("ES256", Encoding.PEM).decode(), algorithm="ES256")

    assert key.is_same_key(verification_key("ES256"))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(public("ES256"), "no X.509 certificate", id="public key"),
        pytest.param(private("ES256"), "no X.509 certificate", id="private key"),
        pytest.param(b"", "no X.509 certificate", id="nothing"),
        pytest.param(b"\x30\x03\x02\x01\x01", "no X.509 certificate", id="other DER"),
        pytest.param(certificate("ES256", Encoding.PEM)[:200], "no X.509 certificate", id="cut off"),
        pytest.param(None, "a certificate is bytes or str", id="None"),
        pytest.param(1, "a certificate is bytes or str", id="a number"),
        pytest.param(certificate("RS256", Encoding.PEM), "does not fit the algorithm ES256", id="another kind of key"),
        pytest.param(
            certificate("ES256", Encoding.DER, key=x25519.X25519PrivateKey.generate().public_key()),
            "does not fit the algorithm ES256",
            id="a key for encryption",
        ),
    ],
)
def test_anything_else_is_no_certificate(data: Any, problem: str) -> None:
    """Refused when it is loaded, without the words of the library, which may quote it."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        VerificationKey.from_x509(data, algorithm="ES256")
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


@pytest.mark.parametrize("algorithm", ASYMMETRIC)
def test_a_public_key_is_written_in_pem_form(algorithm: str) -> None:
    """`from_pem` reads the output of `to_pem`, which is the public half alone."""
    pem = verification_key(algorithm).to_pem()

    assert pem.decode() == public(algorithm)
    assert VerificationKey.from_pem(pem, algorithm=algorithm).is_same_key(verification_key(algorithm))


def test_a_secret_has_no_pem_form() -> None:
    """A secret has no public half, so no PEM form."""
    with pytest.raises(ConfigurationError, match="no PEM form"):
        verification_key("HS256").to_pem()
