"""Unpacking an answer that came compressed, within a bound (RFC 9110 §8.4.1).

>>> import gzip
>>> unpacked(gzip.compress(b'{"keys": []}'), "gzip", max_bytes=1024)
b'{"keys": []}'

Fetchers ask for an answer that is not compressed. A server, or a proxy in front of it, may compress it all the same.
"""

from __future__ import annotations

import zlib

_MOST_MEMBERS = 16
"""Each copies what comes after it."""


class ContentEncodingError(Exception):
    """The body is not in the encoding that its header names, or that one is not supported."""


class UnpackedTooLargeError(Exception):
    """The body unpacks to more bytes than are accepted."""


def unpacked(body: bytes, content_encoding: str, *, max_bytes: int) -> bytes:
    """`body` without its `Content-Encoding`; raises `ContentEncodingError` or `UnpackedTooLargeError`."""
    encodings = [name.strip().lower() for name in content_encoding.split(",")]
    encodings = [name for name in encodings if name not in {"", "identity"}]
    if not encodings:
        return body
    # Several encodings, which no real server sends, could multiply what a few bytes unpack to.
    if len(encodings) > 1 or encodings[0] not in {"gzip", "x-gzip", "deflate"}:
        raise ContentEncodingError
    try:
        if encodings[0] == "deflate":
            try:
                return _inflated(body, zlib.MAX_WBITS, max_bytes)
            except zlib.error:
                # Some servers leave out the frame of zlib that the RFC asks for.
                return _inflated(body, -zlib.MAX_WBITS, max_bytes)
        return _inflated(body, zlib.MAX_WBITS | 16, max_bytes)
    except zlib.error:
        pass
    raise ContentEncodingError


def _inflated(body: bytes, window: int, max_bytes: int) -> bytes:
    """At most `max_bytes` are ever made of it, whatever it would unpack to."""
    result = b""
    # A gzip file may have several members, one after the other (RFC 1952 §2.2).
    for _ in range(_MOST_MEMBERS):
        decompressor = zlib.decompressobj(window)
        result += decompressor.decompress(body, max_bytes + 1 - len(result))
        if len(result) > max_bytes:
            raise UnpackedTooLargeError
        if not decompressor.eof:
            raise zlib.error("it ends too early")
        body = decompressor.unused_data
        if not body:
            return result
    raise zlib.error("it has too many members")
