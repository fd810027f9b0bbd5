"""Algorithms that the OpenSSL of a machine does not have: an error when the key is loaded, not at a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from jwtguard import ConfigurationError, SigningKey, VerificationKey
from jwtguard.core.tokens.algorithms import SUITES
from tests.core.keys import ALGORITHMS, signing_key, verification_key


def unsupported(*_: object, **__: object) -> NoReturn:
    """What cryptography raises for what OpenSSL does not have."""
    raise UnsupportedAlgorithm("not in this build")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("error", [UnsupportedAlgorithm("no"), ValueError("disabled for FIPS"), RuntimeError()])
def test_an_algorithm_that_openssl_lacks_is_found_at_load(
    algorithm: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key verifies a wrong signature when it is made; an exception there is a `ConfigurationError`."""

    def verify(*_: object) -> NoReturn:
        raise error

    key = verification_key(algorithm)
    monkeypatch.setattr(type(SUITES[algorithm].implementation), "verify", verify)
    with pytest.raises(ConfigurationError, match=f"the OpenSSL of this machine does not support {algorithm}") as caught:
        VerificationKey(key._key, algorithm=algorithm, kid=None)
    assert (caught.value.__context__, caught.value.__cause__) == (None, None)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("value", [True, None, 0])
def test_an_algorithm_that_accepts_anything_is_found_at_load(
    algorithm: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An implementation that does not return False for a wrong signature is refused."""
    key = verification_key(algorithm)
    monkeypatch.setattr(type(SUITES[algorithm].implementation), "verify", lambda *_: value)
    with pytest.raises(ConfigurationError, match="the OpenSSL of this machine"):
        VerificationKey(key._key, algorithm=algorithm, kid=None)


LOADS: dict[str, tuple[str, str, Callable[[], object]]] = {
    "public PEM": (
        "load_pem_public_key",
        "OpenSSL of this machine does not know",
        lambda: VerificationKey.from_pem(signing_key("ES256").verification_key.to_pem(), algorithm="ES256"),
    ),
    "private PEM": (
        "load_pem_private_key",
        "OpenSSL of this machine does not know",
        lambda: SigningKey.from_pem(signing_key("ES256").to_private_pem(), algorithm="ES256"),
    ),
}


@pytest.mark.parametrize(("loader", "message", "load"), LOADS.values(), ids=LOADS)
def test_a_key_of_an_unknown_kind(
    loader: str, message: str, load: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key of an unsupported type has an error other than a broken file."""
    monkeypatch.setattr(serialization, loader, unsupported)
    with pytest.raises(ConfigurationError, match=message):
        load()


def test_a_jwk_of_an_unknown_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for a JWK, whose key PyJWT makes."""
    members: dict[str, Any] = verification_key("Ed25519").to_jwk()
    monkeypatch.setattr(ed25519.Ed25519PublicKey, "from_public_bytes", unsupported)
    with pytest.raises(ConfigurationError, match="the OpenSSL of this machine does not know the kind of this OKP JWK"):
        VerificationKey.from_jwk(members)


@pytest.mark.parametrize(
    ("algorithm", "owner", "name"),
    [
        ("RS256", rsa, "generate_private_key"),
        ("ES384", ec, "generate_private_key"),
        ("Ed25519", ed25519.Ed25519PrivateKey, "generate"),
        ("EdDSA", ed25519.Ed25519PrivateKey, "generate"),
        ("Ed448", ed448.Ed448PrivateKey, "generate"),
    ],
)
def test_a_key_that_cannot_be_made(algorithm: str, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new key needs the algorithm too."""
    monkeypatch.setattr(owner, name, unsupported)
    with pytest.raises(ConfigurationError, match=f"the OpenSSL of this machine does not support {algorithm}"):
        SigningKey.generate(algorithm)
