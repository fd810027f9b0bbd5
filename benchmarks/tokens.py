"""Keys, and tokens of ten claims as an application would issue them; signed by PyJWT for all contenders.

>>> mint = Mint("HS256")
>>> text = mint.token(7)
>>> mint.guard().verify(text).run().claims["sub"]
'user-7'
>>> spoilt(text) != text and spoilt(text).rpartition(".")[0] == text.rpartition(".")[0]
True
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from jwtguard import Guard, VerificationKey

ISSUER = "https://login.example"
AUDIENCE = "https://api.example"
KID = "2026-11"
ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
POOL = 64
"""Tokens to go round with, where the cache is off: more would only measure the processor's own caches."""

_GENERATED: Mapping[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}
_SECRET = "only for measuring, and known to everybody who reads this"


class Mint:
    """Makes the tokens of one algorithm, and hands out its key in the shape that each contender takes.

    `private_text` is the key of another process's mint; left out, one is generated.
    """

    def __init__(self, algorithm: str, private_text: str | None = None) -> None:
        self.algorithm = algorithm
        private: Any = None
        if algorithm != "HS256":
            given = None if private_text is None else load_pem_private_key(private_text.encode(), password=None)
            private = given or _GENERATED[algorithm]()
        self._signs_with: Any = _SECRET if private is None else private
        public: Any = _SECRET.encode() if private is None else private.public_key()
        self.public_object: Any = public
        """What `cryptography` verifies with: the object, or the secret's bytes."""
        self.public_text: str = (
            _SECRET
            if private is None
            else public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        )
        """What goes into a configuration: PEM, or the secret."""
        self.private_text: str = (
            _SECRET
            if private is None
            else private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        )

    @property
    def verification_key(self) -> VerificationKey:
        """The key as jwtguard takes it."""
        if self.algorithm == "HS256":
            return VerificationKey.from_secret(self.public_text, algorithm="HS256", kid=KID)
        return VerificationKey.from_pem(self.public_text, algorithm=self.algorithm, kid=KID)

    def guard(self, **settings: Any) -> Guard:
        """A guard for these tokens; the settings are `Guard`'s."""
        return Guard(issuer=ISSUER, audience=AUDIENCE, keys=self.verification_key, **settings)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A token of these claims."""
        return jwt.encode(
            dict(claims), self._signs_with, algorithm=self.algorithm, headers={"kid": KID, "typ": "at+jwt"}
        )

    def token(self, number: int = 0, **changed: Any) -> str:
        """The token of one user; `changed` are claims."""
        return self.sign({**claims_of(number), **changed})

    def tokens(self, count: int = POOL) -> list[str]:
        """Tokens of so many users."""
        return [self.token(number) for number in range(count)]

    def expired(self) -> str:
        """A genuine token of an hour ago."""
        return self.token(exp=int(time.time()) - 3600)


def claims_of(number: int) -> dict[str, Any]:
    """Ten claims, as RFC 9068 and a session have them."""
    now = int(time.time())
    return {
        "iss": ISSUER,
        "sub": f"user-{number}",
        "aud": AUDIENCE,
        "exp": now + int(timedelta(hours=6).total_seconds()),  # The slowest run is over by then.
        "iat": now,
        "jti": f"{number:032x}",
        "client_id": "web",
        "scope": "reports:read reports:write",
        "roles": ["user", "editor"],
        "sid": f"{number:027d}",
    }


def spoilt(text: str) -> str:
    """The same token with one character of its signature changed."""
    signed, _, signature = text.rpartition(".")
    middle = len(signature) // 2
    other = "B" if signature[middle] == "A" else "A"
    return f"{signed}.{signature[:middle]}{other}{signature[middle + 1 :]}"
