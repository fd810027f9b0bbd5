"""The keys of the examples: from the environment, or made at first start and kept in a file that only its owner reads.

>>> import tempfile
>>> directory = Path(tempfile.mkdtemp())
>>> signing_key(directory)
SigningKey(algorithm='ES256', kid='example')
>>> csrf_secret(directory) == csrf_secret(directory)
True

Whoever holds the signing key can be anybody. It stands in no repository; in production it comes from wherever your
other secrets come from, here by the variables `EXAMPLE_SIGNING_KEY` (PEM) and `EXAMPLE_CSRF_SECRET`.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from jwtguard import SigningKey

DATA = Path(os.environ.get("EXAMPLE_DATA") or Path(__file__).resolve().parent / "data")
"""Where the examples keep their databases and keys; git ignores it."""


def signing_key(directory: Path) -> SigningKey:
    """The private key that signs tokens. Its public half, `.verification_key`, is all that checking them needs."""
    pem = os.environ.get("EXAMPLE_SIGNING_KEY") or kept(directory / "signing-key.pem", _new_key)
    return SigningKey.from_pem(pem, algorithm="ES256", kid="example")


def csrf_secret(directory: Path) -> str:
    """The secret behind the CSRF tokens."""
    return os.environ.get("EXAMPLE_CSRF_SECRET") or kept(directory / "csrf-secret", _new_secret)


def kept(path: Path, make: Callable[[], str]) -> str:
    """The text of the file `path`; if there is none it gets what `make` returns, for its owner's eyes only."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written whole under another name first, so that of two processes that start together none reads half a key.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(make())
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # The other process was first: its key is the one.
        finally:
            draft.unlink()
    return path.read_text(encoding="ascii")


def _new_key() -> str:
    return (
        ec.generate_private_key(ec.SECP256R1())
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode("ascii")
    )


def _new_secret() -> str:
    return secrets.token_hex(32)
