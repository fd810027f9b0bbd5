"""Keys as people paste them into the debugger, and what they hear of those that are of no use."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwtguard import ConfigurationError
from jwtguard.cli.debugger.keys import checking_keys, private_key, secret_key
from tests.core import keys
from tests.core.certificates import certificate
from tests.core.keys import RSA_JWK, SECRET


def public_pem(algorithm: str) -> str:
    """A public key in PEM form."""
    from cryptography.hazmat.primitives.serialization import PublicFormat

    public: Any = keys.signing_key(algorithm)._key.public_key()
    pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem.decode()


def private_pem(algorithm: str) -> str:
    """A private key in PEM form."""
    return keys.signing_key(algorithm).to_private_pem().decode()


def public_jwk(algorithm: str, **changes: Any) -> str:
    """A public JWK; members that are None are left out."""
    members = {**keys.verification_key(algorithm).to_jwk(), **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None})


def private_jwk(algorithm: str, **changes: Any) -> str:
    """A private JWK; members that are None are left out."""
    members = {**keys.signing_key(algorithm).to_private_jwk(), **changes}
    return json.dumps({name: value for name, value in members.items() if value is not None})


@pytest.mark.parametrize(
    ("text", "preferred", "algorithm"),
    [
        (lambda: public_pem("RS256"), None, "RS256"),
        (lambda: public_pem("RS256"), "PS384", "PS384"),
        (lambda: public_pem("RS256"), "ES256", "RS256"),
        # RFC 8725 §2.1: whatever the header says, a public key never checks a shared secret's signature.
        (lambda: public_pem("RS256"), "HS256", "RS256"),
        (lambda: public_pem("RS256"), "none", "RS256"),
        (lambda: public_pem("ES256"), "RS256", "ES256"),
        (lambda: public_pem("ES384"), None, "ES384"),
        (lambda: public_pem("ES512"), None, "ES512"),
        (lambda: public_pem("EdDSA"), None, "EdDSA"),
        (lambda: public_pem("Ed448"), "Ed448", "Ed448"),
        (lambda: f"\n  {public_pem('ES256')}\n\n", None, "ES256"),
        (lambda: certificate("RS256", Encoding.PEM).decode(), "RS512", "RS512"),
        (lambda: public_jwk("ES256"), "RS256", "ES256"),
        (lambda: public_jwk("RS256", alg=None), "PS256", "PS256"),
        (lambda: public_jwk("RS256", alg=None), "HS256", "RS256"),
        (lambda: public_jwk("ES256", alg=None), "ES384", "ES256"),
        (lambda: private_jwk("HS256"), None, "HS256"),
        (lambda: private_jwk("HS512", alg=None), "HS512", "HS512"),
        # Either half is taken where it is enough, as everywhere on the command line.
        (lambda: private_pem("RS256"), "PS256", "PS256"),
        (lambda: private_jwk("ES256"), None, "ES256"),
        (lambda: f'{{"keys": [{private_jwk("ES256")}]}}', None, "ES256"),
        (lambda: f'{{"keys": [{public_jwk("ES256")}]}}', "RS256", "ES256"),
        (lambda: f'{{"keys": [{private_jwk("HS384")}]}}', None, "HS384"),
        # As providers publish them: beside keys for encryption and of unknown types.
        (
            lambda: f'{{"keys": [{public_jwk("RS256", use="enc")}, {{"kty": "X"}}, {public_jwk("ES256")}]}}',
            None,
            "ES256",
        ),
    ],
)
def test_what_checks(text: Callable[[], str], preferred: str | None, algorithm: str) -> None:
    """The key decides what it is for; the token's `alg` only where the key leaves a choice."""
    assert [key.algorithm for key in checking_keys(text(), preferred=preferred)] == [algorithm]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (lambda: "hello", "expected one key in PEM form"),
        (lambda: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "cannot be read as a public key"),
        (lambda: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "no X.509 certificate"),
        (lambda: '{"kty": "RSA"', "no JSON object"),
        (lambda: '{"kty": "\ud800"}', 'an object with "kty"'),
        (lambda: '{"kty": "EC"}', "it has no alg"),
        (lambda: '{"a": 1}', 'a JWK is an object with "kty"'),
        (lambda: '{"keys": []}', "What was pasted has no usable key"),
        (lambda: '{"keys": {}}', 'a JWK Set is {"keys": [...]}'),
    ],
)
def test_what_does_not_check(text: Callable[[], str], problem: str) -> None:
    """A key that is of no use says why."""
    with pytest.raises(ConfigurationError) as caught:
        checking_keys(text(), preferred="RS256")
    assert problem in caught.value.detail


@pytest.mark.parametrize(
    ("text", "preferred", "algorithm"),
    [
        (lambda: private_pem("RS256"), "PS512", "PS512"),
        (lambda: private_pem("ES256"), "RS256", "ES256"),
        (lambda: private_jwk("EdDSA"), None, "EdDSA"),
        (lambda: json.dumps(RSA_JWK), "RS384", "RS384"),
    ],
)
def test_what_signs(text: Callable[[], str], preferred: str | None, algorithm: str) -> None:
    """A private key of any form, for the header's algorithm if it fits."""
    assert private_key(text(), preferred=preferred).algorithm == algorithm


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (lambda: public_pem("ES256"), "not a private key"),
        (lambda: public_jwk("ES256"), "public key"),
        (lambda: "{", "no JSON object"),
    ],
)
def test_what_does_not_sign(text: Callable[[], str], problem: str) -> None:
    """A public key signs nothing."""
    with pytest.raises(ConfigurationError, match=problem):
        private_key(text(), preferred=None)


@pytest.mark.parametrize(
    ("secret", "is_base64url", "preferred", "algorithm"),
    [
        (SECRET, False, None, "HS256"),
        (SECRET, False, "RS256", "HS256"),
        (SECRET * 2, False, "HS512", "HS512"),
        ("A" * 43, True, "HS256", "HS256"),
        ("A" * 43 + "=", True, None, "HS256"),
    ],
)
def test_secrets(secret: str, *, is_base64url: bool, preferred: str | None, algorithm: str) -> None:
    """A shared secret is for the header's algorithm if that takes one."""
    assert secret_key(secret, is_base64url=is_base64url, preferred=preferred).algorithm == algorithm


@pytest.mark.parametrize(
    ("secret", "is_base64url", "problem"),
    [
        ("short", False, "the secret has 5 bytes, and HS256 needs at least 32"),
        ("not base64url!", True, "untick the box"),
        ("é" * 43, True, "untick the box"),
        ("\ud800" * 32, False, "UTF-8"),
    ],
)
def test_secrets_that_are_of_no_use(secret: str, *, is_base64url: bool, problem: str) -> None:
    """What is wrong with a secret is said, without the secret."""
    with pytest.raises(ConfigurationError, match=problem) as caught:
        secret_key(secret, is_base64url=is_base64url, preferred=None)
    assert secret not in str(caught.value)
