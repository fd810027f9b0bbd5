"""A finished response as a value. It stands beside the folders of the core, because an issuer makes one too.

>>> HTTPResponse(status=204).headers
()
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HTTPResponse:
    """A finished answer: the headers are opaque strings that an adapter passes on as they are."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
