"""Keys that a guard refuses: the tools say whether the signature fits all the same, and why a guard refuses the key."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from jwt.algorithms import RSAAlgorithm

from jwtguard import SigningKey
from jwtguard.cli.refused_keys import judged, secret_algorithm, with_signature_of
from jwtguard.core.tokens.encoding import decode_segment, encode_segment
from jwtguard.core.tokens.jws import sign
from tests.cli.running import ISSUER, run
from tests.core.keys import SECRET

# The example of jwt.io, and the secret that its page shows beside it.
EXAMPLE = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
    ".eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ"
    ".SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
)
EXAMPLE_SECRET = "your-256-bit-secret"

WEAK = rsa.generate_private_key(public_exponent=65537, key_size=1024)
SMALL_EXPONENT = rsa.generate_private_key(public_exponent=3, key_size=2048)
STRONG = SigningKey.generate("RS256")
EC = SigningKey.generate("ES256")
ED = SigningKey.generate("Ed25519")


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    """The public half."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    """The whole key."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    """One that the key signed for itself."""
    name = x509.Name([])
    now = datetime.datetime(2026, 1, 1)  # noqa: DTZ001 - in UTC, as the library wants it
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def jwk(key: Any) -> bytes:
    """A key in JWK form."""
    return json.dumps(RSAAlgorithm.to_jwk(key, as_dict=True)).encode()


def rs256(key: rsa.RSAPrivateKey) -> str:
    """A token that such a key signs."""
    signing_input = ".".join(map(encode_segment, (b'{"alg": "RS256"}', b'{"sub": "user-1"}')))
    signature = key.sign(signing_input.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signing_input}.{encode_segment(signature)}"


def test_the_example_of_jwt_io() -> None:
    """Both verdicts: the signature fits, and the secret is too short for a guard."""
    for command in ("verify", "explain"):
        answer = run(command, "--secret-env", "SHORT", typed=EXAMPLE, env={"SHORT": EXAMPLE_SECRET})

        assert answer.exit_code == 1
        assert (
            "The signature fits this secret. A guard refuses the secret: it has 19 bytes, HS256 needs 32."
        ) in answer.output
        assert EXAMPLE_SECRET not in answer.output


def test_a_wrong_and_short_secret() -> None:
    """Neither is kept back."""
    answer = run("verify", "--secret-env", "SHORT", typed=EXAMPLE, env={"SHORT": "wrong"})

    assert answer.exit_code == 1
    assert (
        "The signature does not fit this secret. A guard refuses the secret: it has 5 bytes, HS256 needs 32."
    ) in answer.output


@pytest.mark.parametrize(("secret", "fits"), [(EXAMPLE_SECRET, True), ("wrong", False)])
def test_for_programs(secret: str, fits: bool) -> None:
    """`signature_fits` is beside the verdict, which is a refusal either way."""
    for command in ("verify", "explain"):
        answer = run(command, "--secret-env", "SHORT", "--json", typed=EXAMPLE, env={"SHORT": secret})
        told = json.loads(answer.output)

        assert (told["verdict"], told["reason"], told["signature_fits"]) == ("refused", "key_refused", fits)
        assert told["unchecked"] == ["issuer", "audience"]


@pytest.mark.parametrize(
    ("text", "content", "words"),
    [
        (rs256(WEAK), public_pem(WEAK), ["fits this key.", "the RSA key has 1024 bits"]),
        (rs256(WEAK), private_pem(WEAK), ["fits this key.", "the RSA key has 1024 bits"]),
        (rs256(WEAK), certificate(WEAK), ["fits this key.", "the RSA key has 1024 bits"]),
        (rs256(WEAK), jwk(WEAK.public_key()), ["fits this key.", "the RSA key has 1024 bits"]),
        (rs256(WEAK), b'{"keys": [' + jwk(WEAK.public_key()) + b"]}", ["fits this key.", "A guard refuses the key"]),
        (rs256(SMALL_EXPONENT), public_pem(SMALL_EXPONENT), ["fits this key.", "exponent is 3"]),
        (rs256(SMALL_EXPONENT), public_pem(WEAK), ["does not fit this key.", "1024 bits"]),
        (EXAMPLE, public_pem(WEAK), ["does not fit this key: HS256 takes a shared secret.", "1024 bits"]),
        (EXAMPLE, b'{"kty": "oct", "k": "eW91ci0yNTYtYml0LXNlY3JldA"}', ["fits this key.", "has 19 bytes"]),
        ("a.b", public_pem(WEAK), ["refused: form", "A guard refuses the key: the RSA key has 1024 bits"]),
    ],
)
def test_files(text: str, content: bytes, words: list[str], tmp_path: Path) -> None:
    """Short keys, small exponents, and short secrets in JWK form, in every form of file."""
    (tmp_path / "key").write_bytes(content)
    answer = run("verify", "--key-file", tmp_path / "key", typed=text)

    assert answer.exit_code == 1
    for each in words:
        assert each in answer.output


def test_a_key_of_another_algorithm(tmp_path: Path) -> None:
    """`--algorithm` that does not fit the key, which made the signature all the same."""
    (tmp_path / "key.pem").write_bytes(STRONG.verification_key.to_pem())
    answer = run(
        "verify", "--key-file", tmp_path / "key.pem", "--algorithm", "ES256", typed=sign(b'{"sub": "a"}', STRONG)
    )

    assert answer.exit_code == 1
    assert "The signature fits this key. A guard refuses the key: a key of type RSAPublicKey" in answer.output


@pytest.mark.parametrize("content", [b"", b"hello", b"{", b'{"keys": 1}', b'{"kty": "x"}', b'{"keys": []}'])
def test_no_key_at_all(content: bytes, tmp_path: Path) -> None:
    """Then it is wrong usage, as before."""
    (tmp_path / "key").write_bytes(content)

    for command in ("verify", "explain"):
        assert run(command, "--key-file", tmp_path / "key", typed=EXAMPLE).exit_code == 2


@pytest.mark.parametrize(
    ("text", "content", "sentence"),
    [
        # A PEM that was typed into the field of the secret: the key, and for HS256 the text, which is the forgery of
        # RFC 8725 §2.1.
        (
            sign(b"{}", STRONG),
            STRONG.verification_key.to_pem(),
            "The signature fits this key. A guard refuses the key: why.",
        ),
        (
            with_signature_of(STRONG.verification_key.to_pem(), EXAMPLE),
            STRONG.verification_key.to_pem(),
            "The signature fits this secret. A guard refuses the secret: why.",
        ),
        (sign(b"{}", ED), ED.verification_key.to_pem(), "The signature fits this key. A guard refuses the key: why."),
        (
            sign(b"{}", STRONG),
            SECRET.encode(),
            "The signature does not fit this secret: RS256 takes a key pair. A guard refuses the secret: why.",
        ),
        ("a.b", b"short", "A guard refuses the secret: it has 5 bytes, HS256 needs 32."),
        (
            "e30.e30.e30",
            b"short",
            "The signature does not fit this secret. A guard refuses the secret: it has 5 bytes, HS256 needs 32.",
        ),
    ],
)
def test_secrets(text: str, content: bytes, sentence: str) -> None:
    """What can be said of a secret, and of what was handed over as one."""
    found = judged(text, content, is_secret=True, problem="why")

    assert found is not None
    assert found.sentence == sentence


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_the_token_says_what_a_secret_is_for(algorithm: str) -> None:
    """Without `--algorithm`, as long as the token names one that takes a secret."""
    key = SigningKey.generate(algorithm)
    secret = key.to_private_jwk()["k"]
    text = sign(b'{"iss": "i", "aud": "a", "sub": "s", "exp": 9999999999}', key)
    answer = run("verify", "--secret-env", "KEY", "--secret-base64", typed=text, env={"KEY": secret})

    assert secret_algorithm(text) == algorithm
    assert answer.exit_code == 0
    assert secret_algorithm(sign(b"{}", EC)) == "HS256"


SIGNED = ["sign", "--subject", "user-1", "--issuer", ISSUER, "--audience", "a", "--secret-env", "SHORT"]


def test_signing_with_a_short_secret_is_asked_for() -> None:
    """Without the option no token is printed, and the option is named."""
    answer = run(*SIGNED, env={"SHORT": EXAMPLE_SECRET})

    assert answer.exit_code == 2
    assert "--allow-short-secret signs all the same" in answer.output


def test_signing_with_a_short_secret() -> None:
    """A token for another program, signed as the example of jwt.io is; that a guard would not is said beside it."""
    answer = run(*SIGNED, "--allow-short-secret", "--kid", "k1", env={"SHORT": EXAMPLE_SECRET})

    text = answer.stdout.strip()
    header, payload = (json.loads(decode_segment(part.encode())) for part in text.split(".")[:2])
    assert (header["alg"], header["kid"], payload["sub"]) == ("HS256", "k1", "user-1")
    assert with_signature_of(EXAMPLE_SECRET.encode(), text) == text
    assert with_signature_of(EXAMPLE_SECRET.encode(), EXAMPLE) == EXAMPLE
    assert answer.stderr == "A guard refuses the secret: it has 19 bytes, HS256 needs 32.\n"


def test_no_other_key_is_taken_for_a_short_secret() -> None:
    """A PEM in place of a secret, or a secret for an algorithm of key pairs, signs nothing."""
    env: dict[str, str | None] = {"SHORT": STRONG.to_private_pem().decode()}

    assert run(*SIGNED, "--allow-short-secret", env=env).exit_code == 2
    assert run(*SIGNED, "--allow-short-secret", "--algorithm", "RS256", env={"SHORT": "short"}).exit_code == 2
