"""The limit: the cheapest plain way to check a signature, base64 and JSON, and no check of anything else: a yardstick.

>>> mint = Mint("ES256")
>>> limit(mint)(mint.token(7))["sub"]
'user-7'

HS256 is the standard library's `hmac.digest`; the others are `cryptography`'s, which PyJWT uses, too. In a web
framework the same stands in a few lines around a route, so that it shows which part of a guard's cost is the
signature's.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from benchmarks.tokens import Mint

_SCHEME = len("Bearer ")


def limit(mint: Mint) -> Callable[[str], dict[str, Any]]:
    """Nothing but the signature, base64 and JSON: no check of any claim. Not for production."""
    check = _signature_check(mint)

    def read(text: str) -> dict[str, Any]:
        signed, _, signature = text.encode().rpartition(b".")
        header, _, payload = signed.partition(b".")
        check(_decoded(signature), signed)
        json.loads(_decoded(header))
        claims: dict[str, Any] = json.loads(_decoded(payload))
        return claims

    return read


def _decoded(segment: bytes) -> bytes:
    return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))


def _signature_check(mint: Mint) -> Callable[[bytes, bytes], object]:
    key, sha256 = mint.public_object, hashes.SHA256()
    if mint.algorithm == "HS256":

        def check(signature: bytes, signed: bytes) -> None:
            if not hmac.compare_digest(hmac.digest(key, signed, "sha256"), signature):
                raise ValueError("the signature does not hold")

        return check
    if mint.algorithm == "RS256":
        pkcs1 = padding.PKCS1v15()
        return lambda signature, signed: key.verify(signature, signed, pkcs1, sha256)
    if mint.algorithm == "ES256":
        ecdsa = ec.ECDSA(sha256)

        def check_ecdsa(signature: bytes, signed: bytes) -> None:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            key.verify(encode_dss_signature(r, s), signed, ecdsa)

        return check_ecdsa
    ed25519: Callable[[bytes, bytes], object] = key.verify
    return ed25519


class LimitMiddleware:
    """The limit around an ASGI application."""

    def __init__(self, app: Callable[..., Awaitable[None]], mint: Mint) -> None:
        self._app = app
        self._read = limit(mint)

    async def __call__(self, scope: MutableMapping[str, Any], receive: object, send: object) -> None:
        """Put the claims into the scope."""
        for name, value in scope["headers"]:
            if name == b"authorization":
                scope["claims"] = self._read(value[_SCHEME:].decode())
        await self._app(scope, receive, send)


def limit_of_environ(mint: Mint) -> Callable[[MutableMapping[str, Any]], dict[str, Any]]:
    """The limit for a view that has the WSGI environ at hand."""
    read = limit(mint)
    return lambda environ: read(environ["HTTP_AUTHORIZATION"][_SCHEME:])
