"""Keys: thought-up secrets, plain http, certificates that end, and our own keys on disk."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from jwtguard import RemoteJWKSet, SigningKey, SigningKeys, VerificationKey
from jwtguard.doctor.keys import (
    check_certificates,
    check_generated_keys,
    check_secrets,
    check_signing_keys,
    check_transport,
)
from tests.core.certificates import certificate
from tests.doctor.contexts import codes, context, sessions
from tests.samples import NOW, clock, guard, issuer


@pytest.mark.parametrize(
    ("secret", "is_found"),
    [
        ("my-secret-key-for-production-2026", True),
        ("a" * 32, True),
        ("0123456789" * 4, True),
        ("django-insecure-4f%2k!x9zq7w&e8r5t", True),
        ("ChangeMe!ChangeMe!ChangeMe!12345", True),
        ("8f1c0a5e7d3b92640c9de1f7a85b3e42d07c6f19ab54e83d2f60c1b7958ea3d4", False),
        (b"\x8f\x1c\x0a\x5e\x7d\x3b\x92\x64\x0c\x9d\xe1\xf7\xa8\x5b\x3e\x42" * 2, False),
        ("Jq3vXw9ZbT1nLr8sKd5mYg2hPc7fRe4uAz6o0iWt", False),
    ],
)
def test_secrets(secret: str | bytes, is_found: bool) -> None:
    """A guessable secret is found; a random one is not, and neither is shown."""
    key = VerificationKey.from_secret(secret, algorithm="HS256", kid="k1")
    found = list(check_secrets(context(guards=[guard(keys=key)])))
    assert codes(found) == ([("error", "secret_guessable")] if is_found else [])
    assert str(secret) not in repr(found)
    assert all("'k1'" in finding.what for finding in found)


def test_refresh_keys_are_judged() -> None:
    """Eight times `password` for refresh tokens is an error, and a random secret is none."""
    weak = SigningKey.from_secret("password" * 8, algorithm="HS256", kid="r1")
    found = list(check_secrets(context(guards=[], sessions=[sessions(refresh_keys=[weak]), sessions()])))
    assert codes(found) == [("error", "refresh_secret_guessable")]
    assert "'r1'" in found[0].what


def test_random_secrets_are_never_thought_up() -> None:
    """What `SigningKey.generate` makes is not found, nor is a public key, whatever its bytes."""
    keys = [SigningKey.generate("HS256", kid=str(number)).verification_key for number in range(200)]
    assert codes(check_secrets(context(guards=[guard(keys=keys)]))) == []
    assert not SigningKey.generate("ES256").verification_key.is_guessable


@pytest.mark.parametrize(("workers", "severity"), [(None, "note"), (1, "note"), (2, "error"), (3, "error")])
def test_generated_keys(workers: int | None, severity: str) -> None:
    """Keys that each process makes for itself are an error with several workers; one in two places is told once."""
    signing = SigningKey.generate("ES256", kid="a1")
    of_issuer = issuer(signing_keys=[signing])
    guards = [guard(keys=signing.verification_key), guard(keys=SigningKey.generate("HS256").verification_key)]
    refresh = SigningKey.generate("HS512", kid="r1")
    asked = context(guards=guards, sessions=[sessions(issuer=of_issuer, refresh_keys=[refresh])], workers=workers)
    found = list(check_generated_keys(asked))
    assert codes(found) == [(severity, "key_generated")] * 2 + [(severity, "refresh_key_generated")]
    named = ["the ES256 key 'a1'", "the HS256 key", "the HS512 key 'r1' of refresh_keys"]
    end = f", and there are {workers} workers" if severity == "error" else ""
    assert [each.what for each in found] == [
        f"SigningKey.generate() made {name} in this process{end}" for name in named
    ]


def test_loaded_keys_serve_several_workers(tmp_path: Path) -> None:
    """A key from a secret, a PEM text or a directory is the same in each worker, also right after it was made."""
    secret = "8f1c0a5e7d3b92640c9de1f7a85b3e42d07c6f19ab54e83d2f60c1b7958ea3d4"
    pem = SigningKey.generate("ES256").to_private_pem()
    folder = SigningKeys(tmp_path / "keys", algorithm="ES256", clock=clock)
    folder.rotate(at_once=True)
    refresh = SigningKey.from_secret(secret, algorithm="HS256", kid="r1")
    asked = context(
        guards=[
            guard(keys=folder),
            guard(keys=SigningKey.from_pem(pem, algorithm="ES256").verification_key),
            guard(keys=RemoteJWKSet("https://issuer.example/jwks.json")),
        ],
        sessions=[sessions(issuer=issuer(signing_keys=folder), refresh_keys=[refresh])],
        workers=3,
    )
    assert codes(check_generated_keys(asked)) == []


def test_plain_http() -> None:
    """Keys that come over plain http from this machine are fine in development alone."""
    http = RemoteJWKSet("http://127.0.0.1:8080/jwks.json", allow_http_loopback=True)
    https = RemoteJWKSet("https://issuer.example/jwks.json")
    assert codes(check_transport(context(guards=[guard(keys=http), guard(keys=https), guard()]))) == [
        ("warning", "keys_over_http")
    ]


@pytest.mark.parametrize(
    ("days", "expected"), [(-1, [("error", "certificate_ends")]), (29, [("warning", "certificate_ends")]), (31, [])]
)
def test_certificates(days: int, expected: list[tuple[str, str]]) -> None:
    """A certificate that ends within a month is named with its day; one that has ended is an error."""
    ends = datetime.fromtimestamp(NOW, UTC) + timedelta(days=days)
    key = VerificationKey.from_x509(certificate("ES256", Encoding.PEM, not_after=ends), algorithm="ES256")
    found = list(check_certificates(context(guards=[guard(keys=key)])))
    assert codes(found) == expected
    assert all(ends.date().isoformat() in finding.what for finding in found)


def test_no_certificates() -> None:
    """Keys that came from none have no end."""
    assert codes(check_certificates(context())) == codes(check_certificates(context(guards=[]))) == []


class Clock:
    """Set by hand."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def test_signing_keys_in_order(tmp_path: Path) -> None:
    """Keys that only their owner reads, in a directory or a file, for a guard or an issuer, are in order."""
    folder = SigningKeys(tmp_path / "keys", algorithm="ES256", clock=clock)
    file = SigningKeys(tmp_path / "keys.json", algorithm="ES256", clock=clock)
    of_issuer = sessions(issuer=issuer(signing_keys=folder))
    assert codes(check_signing_keys(context(guards=[guard(keys=file)], sessions=[of_issuer]))) == []


def test_old_signing_keys(tmp_path: Path) -> None:
    """A key that has signed for more than a year without a next one is old; with a next one it is not."""
    time = Clock()
    keys = SigningKeys(tmp_path / "keys", algorithm="ES256", clock=time)
    time.now += 401 * 86400
    assert codes(check_signing_keys(context(guards=[guard(keys=keys)]))) == [("note", "signing_key_old")]
    keys.rotate()
    assert codes(check_signing_keys(context(guards=[guard(keys=keys)]))) == []


@pytest.mark.skipif(os.name != "posix", reason="other systems have other permissions")
def test_signing_keys_that_others_may_read(tmp_path: Path) -> None:
    """A key file that other users of the machine can read is a finding with the file's name."""
    keys = SigningKeys(tmp_path / "keys", algorithm="ES256", clock=clock)
    (file,) = keys.key_files()
    file.chmod(0o644)
    found = list(check_signing_keys(context(guards=[guard(keys=keys)])))
    assert codes(found) == [("error", "signing_keys_exposed")]
    assert file.name in found[0].what


def test_signing_keys_that_cannot_be_read(tmp_path: Path) -> None:
    """The reason why the files could not be read is told; so is that no key is left to sign."""
    time = Clock()
    keys = SigningKeys(tmp_path / "keys.json", algorithm="ES256", clock=time)
    (tmp_path / "keys.json").write_text("{")
    time.now += 60
    assert codes(check_signing_keys(context(guards=[guard(keys=keys)]))) == [("error", "signing_keys_unreadable")]
