"""Compact serialization: read, verify and sign a token's three parts, whatever its payload (RFC 7515 §7.1).

>>> from jwtguard.core.tokens.keys import SigningKey
>>> key = SigningKey.generate("HS256")
>>> text = sign(b"any payload", key)
>>> verify(text, key.verification_key).payload
b'any payload'

The steps are numbered as in `docs/verification.md`. This module has steps 1 to 4 and 6; `verifier.py` adds step 5, the
choice of the key, and `claims_policy.py` adds steps 7 and 8.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jwtguard.core.errors import InvalidTokenError, JWTGuardError, MalformedTokenError
from jwtguard.core.tokens.encoding import (
    TO_BASE64,
    JOSEHeader,
    decode_base64,
    decode_segment,
    encode_segment,
    parse_object,
    parse_object_as,
)
from jwtguard.core.tokens.jwk_set import JWKSet
from jwtguard.core.tokens.keys import MAX_KID_LENGTH, SigningKey, VerificationKey

MAX_TOKEN_BYTES = 8192
"""Longer tokens are refused before they are parsed. Common servers allow about as much for all headers together."""
TOKEN_TYPES = frozenset({"jwt", "at+jwt"})
"""The `typ` values of access tokens, in lower case and without `application/` (RFC 7519 §5.1, RFC 9068 §2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedJWS:
    """A token whose form is correct; its header is not parsed and its signature is not verified.

    The two segments are in the alphabet of base64 (RFC 4648 §4), for `decode_base64`. `repr` shows no part of them,
    because together they are the token.
    """

    header_segment: bytes = field(repr=False)
    payload_segment: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    signing_input: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedJWS:
    """The header and the payload of a token whose signature was verified. `sha256` is the hash of the whole token."""

    header: JOSEHeader
    payload: bytes = field(repr=False)
    sha256: bytes


def verify(
    text: str,
    key: VerificationKey | JWKSet,
    *,
    max_token_bytes: int = MAX_TOKEN_BYTES,
    types: frozenset[str] = TOKEN_TYPES,
) -> VerifiedJWS:
    """Check form, header and signature of `text` with `key`; raises `InvalidTokenError`. The claims are not read."""
    data = check_length(text, max_token_bytes)
    jws = split(data)
    header = read_header(jws.header_segment, types)
    keys = key if isinstance(key, JWKSet) else JWKSet([key])
    candidates = keys.candidates(header.kid, header.algorithm)
    if not candidates:
        raise InvalidTokenError("key")
    if not is_signed_by(jws, candidates):
        raise InvalidTokenError("signature")
    return VerifiedJWS(header=header, payload=decode_base64(jws.payload_segment), sha256=hashlib.sha256(data).digest())


def is_signed_by(jws: UnverifiedJWS, candidates: Iterable[VerificationKey]) -> bool:
    """Step 6: whether one of the keys, tried in order, verifies the signature (RFC 7515 §5.2)."""
    for key in candidates:
        try:
            key.verify(jws.signing_input, jws.signature)
        except InvalidTokenError:
            continue
        return True
    return False


def check_length(text: str, max_token_bytes: int) -> bytes:
    """Step 1: refuse a token that is too long before it is split, decoded or copied (like RFC 8725 §3.11)."""
    if not isinstance(text, str):
        raise MalformedTokenError("not_text")
    if len(text) > max_token_bytes:
        raise MalformedTokenError("too_long")
    if not text.isascii():  # The base64url alphabet is ASCII, so characters are bytes.
        raise MalformedTokenError("alphabet")
    return text.encode("ascii")


_JWS_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def has_jws_form(text: str) -> bool:
    """Whether `text` has the form of a compact JWS. Such a text is never treated as an opaque token."""
    return _JWS_FORM.fullmatch(text) is not None


def split(data: bytes) -> UnverifiedJWS:
    """Step 2: split a token into its three parts, and decode the signature."""
    # Exactly three parts that are not empty (RFC 7515 §7.1). Five would be an encrypted token (RFC 7516 §9), and the
    # JSON serializations have no place in a JWT (RFC 7519 §3).
    segments = data.translate(TO_BASE64).split(b".", 3)
    if len(segments) != 3 or b"" in segments:
        raise MalformedTokenError("encrypted" if data.count(b".") == 4 else "form")
    header_segment, payload_segment, signature_segment = segments
    signing_input = data[: -len(signature_segment) - 1]
    signature = decode_base64(signature_segment)
    return UnverifiedJWS(
        header_segment=header_segment,
        payload_segment=payload_segment,
        signature=signature,
        signing_input=signing_input,
    )


def read_header(segment: bytes, types: frozenset[str]) -> JOSEHeader:
    """Steps 3 and 4: parse a header strictly and refuse what changes the meaning of the token."""
    # Step 3: canonical base64url, strict JSON, an object (RFC 7515 §5.2, RFC 8725 §3.7).
    header = parse_object_as(JOSEHeader, decode_base64(segment))
    # Step 4: critical extensions (RFC 7515 §4.1.11), an unencoded payload (RFC 7797 §7) and a nested token
    # (RFC 7519 §5.2) are refused. `jwk`, `jku`, `x5u` and `x5c` name a key that the sender chose (RFC 8725 §3.10);
    # they are never read.
    if "crit" in header or "b64" in header or "cty" in header:
        raise MalformedTokenError("header_extension")
    if not isinstance(header.get("alg"), str):
        raise MalformedTokenError("alg")
    if "kid" in header:
        kid = header["kid"]
        if not isinstance(kid, str) or len(kid) > MAX_KID_LENGTH:
            raise MalformedTokenError("kid")
    if "typ" in header:
        # RFC 7515 §4.1.9: a media type, compared without case, `application/` may be left out. RFC 8725 §3.11.
        typ = header["typ"]
        if not isinstance(typ, str):
            raise MalformedTokenError("typ")
        if typ.lower().removeprefix("application/") not in types:
            raise InvalidTokenError("typ")
    return header


def sign(payload: bytes, key: SigningKey, *, header: Mapping[str, Any] | None = None) -> str:
    """The compact serialization of `payload`, signed with `key` (RFC 7515 §7.1); `alg` and `kid` are the key's."""
    named = {} if key.kid is None else {"kid": key.kid}
    members = {**(header or {}), "alg": key.algorithm, **named}
    protected = json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    signing_input = f"{encode_segment(protected)}.{encode_segment(payload)}"
    return f"{signing_input}.{encode_segment(key.sign(signing_input.encode('ascii')))}"


def largest_claims(text: str) -> str:
    """The three largest claims in `text`, with their sizes, for the error about a token that is too long."""
    sizes = {name: len(repr(value)) for name, value in claims_of_unverified(text).items()}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    return ", ".join(f"{name} ({sizes[name]} bytes)" for name in largest) or "none that can be read"


def claims_of_unverified(text: str) -> Mapping[str, Any]:
    """The claims in `text`, without any verification: only for error messages about tokens that jwtguard issued."""
    try:
        return parse_object(decode_segment(text.split(".")[1].encode("ascii")))
    except (JWTGuardError, IndexError, UnicodeEncodeError):
        return {}
