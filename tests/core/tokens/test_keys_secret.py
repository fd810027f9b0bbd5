"""Shared secrets: long enough, and never a key that others may know."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from jwtguard import ConfigurationError, SigningKey, VerificationKey
from jwtguard.core.tokens.encoding import encode_segment
from tests.core.certificates import certificate
from tests.core.keys import SECRET, hs256, signing_key, verification_key


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
@pytest.mark.parametrize("kind", [VerificationKey, SigningKey])
def test_a_secret_is_as_long_as_the_hash(kind: type[Any], algorithm: str, size: int) -> None:
    """RFC 7518 §3.2: so many bytes are enough, one less is not."""
    assert kind.from_secret(b"s" * size, algorithm=algorithm).algorithm == algorithm
    with pytest.raises(ConfigurationError, match=f"has {size - 1} bytes, and {algorithm} needs at least {size}"):
        kind.from_secret(b"s" * (size - 1), algorithm=algorithm)


def test_bytes_are_counted_not_characters() -> None:
    """A secret given as text is its UTF-8 form."""
    key = VerificationKey.from_secret("ß" * 16, algorithm="HS256")

    key.verify(b"m", SigningKey.from_secret(("ß" * 16).encode(), algorithm="HS256").sign(b"m"))


def test_a_key_made_directly_is_as_strong() -> None:
    """The constructor cannot be used to get round the length."""
    with pytest.raises(ConfigurationError, match="has 31 bytes"):
        VerificationKey(b"s" * 31, algorithm="HS256", kid=None)


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_a_secret_is_for_hmac(algorithm: str) -> None:
    """Every other algorithm takes a pair of keys."""
    with pytest.raises(ConfigurationError, match="takes a key pair, not a shared secret"):
        VerificationKey.from_secret(SECRET, algorithm=algorithm)


@pytest.mark.parametrize(
    "secret", [None, 1, ["s"] * 32, bytearray(b"s" * 32), "\ud800" * 32], ids=lambda s: repr(s)[:9]
)
def test_a_secret_is_text_or_bytes(secret: Any) -> None:
    """Anything else, and text that UTF-8 cannot write, is refused as the configuration error that it is."""
    with pytest.raises(ConfigurationError, match="a secret is bytes or str") as caught:
        VerificationKey.from_secret(secret, algorithm="HS256")
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


def public(algorithm: str, encoding: Encoding, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    """The public key in one of its forms."""
    data: bytes = verification_key(algorithm)._key.public_bytes(encoding, form)
    return data


def private(
    algorithm: str, encoding: Encoding, form: PrivateFormat = PrivateFormat.PKCS8, password: bytes | None = None
) -> bytes:
    """The private key in one of its forms."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    data: bytes = signing_key(algorithm)._key.private_bytes(encoding, form, encryption)
    return data


PUBLIC_PEM = public("RS256", Encoding.PEM)
DOCUMENTS = {
    "public PEM": PUBLIC_PEM,
    "public PEM of another kind": public("RS256", Encoding.PEM, PublicFormat.PKCS1),
    "public PEM without its last newline": PUBLIC_PEM.strip(),
    "public PEM after white space": b"\n  " + PUBLIC_PEM,
    "public PEM after a comment": b"# the key\n" + PUBLIC_PEM,
    "public PEM with the line ends of Windows": PUBLIC_PEM.replace(b"\n", b"\r\n"),
    "public PEM of a curve": public("ES256", Encoding.PEM),
    "public PEM of Ed25519": public("EdDSA", Encoding.PEM),
    "private PEM": private("RS256", Encoding.PEM),
    "private PEM, encrypted": private("RS256", Encoding.PEM, password=b"password"),
    "private PEM of an older kind": private("ES256", Encoding.PEM, PrivateFormat.TraditionalOpenSSL),
    "certificate": certificate("ES256", Encoding.PEM),
    "public DER": public("RS256", Encoding.DER),
    "public DER of another kind": public("RS256", Encoding.DER, PublicFormat.PKCS1),
    "public DER of a curve": public("ES256", Encoding.DER),
    "public DER of Ed25519": public("EdDSA", Encoding.DER),
    "private DER": private("ES256", Encoding.DER),
    "private DER, encrypted": private("ES256", Encoding.DER, password=b"password"),
    "certificate in DER": certificate("ES256", Encoding.DER),
    "PEM without its frame": base64.b64encode(public("RS256", Encoding.DER)),
    "PEM without its frame, in lines": base64.encodebytes(public("RS256", Encoding.DER)),
    "certificate without its frame": base64.b64encode(certificate("ES256", Encoding.DER)),
    "SSH": public("RS256", Encoding.OpenSSH, PublicFormat.OpenSSH),
    "SSH of a curve": public("ES256", Encoding.OpenSSH, PublicFormat.OpenSSH),
    "SSH of Ed25519": public("EdDSA", Encoding.OpenSSH, PublicFormat.OpenSSH),
    "SSH of a security key": b"sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29t",
    "SSH2": b"---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3NzaC1yc2EAAAADAQABAAABAQ==\n---- END SSH2 PUBLIC KEY ----",
    "private SSH": private("EdDSA", Encoding.PEM, PrivateFormat.OpenSSH),
    "PuTTY": b"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n",
    "JWK": b'{"kty":"RSA","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zw"}',
    "JWK after white space": b' \n{ "kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2Vj"}',
    "JWK Set": b'{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4"}]}',
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
@pytest.mark.parametrize("kind", [VerificationKey, SigningKey])
def test_a_key_document_is_no_secret(kind: type[Any], document: bytes) -> None:
    """RFC 8725 §2.1: who checks HS256 with a public key lets everybody sign."""
    assert len(document) >= 32
    with pytest.raises(ConfigurationError, match="a key in PEM, DER, SSH or JWK form"):
        kind.from_secret(document, algorithm="HS256")


@pytest.mark.parametrize("name", ["public PEM", "SSH", "JWK", "PEM without its frame"])
def test_a_key_document_as_text_is_no_secret(name: str) -> None:
    """The same as `str`."""
    with pytest.raises(ConfigurationError, match="a key in PEM, DER, SSH or JWK form"):
        VerificationKey.from_secret(DOCUMENTS[name].decode(), algorithm="HS256")


def test_a_key_document_in_a_jwk_is_no_secret() -> None:
    """A PEM document as `k` of a JWK is refused."""
    with pytest.raises(ConfigurationError, match="a key in PEM, DER, SSH or JWK form"):
        VerificationKey.from_jwk({"kty": "oct", "alg": "HS256", "k": encode_segment(PUBLIC_PEM)})


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(bytes(range(32)), id="every small byte"),
        pytest.param(b"0" * 32, id="the tag of a DER sequence, 32 times"),
        pytest.param(b"\x30\x82\x01\x22" + b"s" * 32, id="what begins like DER"),
        pytest.param(b"MII" + b"A" * 33, id="what begins like base64 of DER"),
        pytest.param(b"{" + b"s" * 32, id="a brace in front"),
        pytest.param(b'{"secret":"0123456789abcdef0123456789"}', id="JSON that is no key"),
        pytest.param(b'a secret that says "kty" in its middle', id="what only mentions a JWK"),
        pytest.param(b"0123456789abcdef" * 4, id="hexadecimal"),
        pytest.param(base64.b64encode(bytes(range(48))), id="base64"),
        pytest.param(b"sk-0123456789abcdef0123456789abcdef", id="what begins like a service's token"),
        pytest.param(b"my-ssh-rsa-secret-is-thirty-two-bytes", id="what only mentions SSH"),
        pytest.param(b"\xff" * 32, id="bytes that are no text"),
        pytest.param(b" " * 32, id="white space"),
        pytest.param(b"s" * 10_000, id="a long one"),
    ],
)
def test_any_other_bytes_are_a_secret(secret: bytes) -> None:
    """Bytes that only resemble a key document are a secret."""
    key = VerificationKey.from_secret(secret, algorithm="HS256")

    key.verify(b"m", SigningKey.from_secret(secret, algorithm="HS256").sign(b"m"))


def test_white_space_belongs_to_a_secret() -> None:
    """A newline at the end of a file is not cut off: the bytes are the secret."""
    other = SigningKey.from_secret(f"{SECRET}\n", algorithm="HS256")

    assert not other.verification_key.is_same_key(hs256().verification_key)
