"""Predicates over a token and the guard that refused it, which choose the remedy.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> differs_by_slash(TokenContext.of(guard, "e30.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLyJ9.c2ln"))
True
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator

from jwtguard.core.errors import ConfigurationError, InvalidTokenError
from jwtguard.core.events import quoted
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.core.tokens.claims_policy import MAX_NUMERIC_DATE
from jwtguard.core.tokens.encoding import decode_segment
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.explanation.faults import part_fault
from jwtguard.explanation.token_context import TokenContext

MAX_SKEW = 900
"""Seconds by which clocks are wrong; what is further off is another cause."""
_V1 = re.compile(r"https://sts\.(?:windows\.net|chinacloudapi\.cn)/[^/]+/")
_V2 = re.compile(
    r"https://login\.(?:microsoftonline\.com|microsoftonline\.us|partner\.microsoftonline\.cn)/[^/]+/v2\.0"
)


def text(pattern: str) -> Callable[[TokenContext], bool]:
    """Whether the text as it came in matches `pattern`, in capitals or not."""
    found = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return lambda context: found.search(context.text) is not None


def claim_is(name: str, *values: object) -> Callable[[TokenContext], bool]:
    """Whether a claim has one of these values."""
    return lambda context: any(context.claim(name) == value for value in values)


def has(*names: str) -> Callable[[TokenContext], bool]:
    """Whether there is one of these claims."""
    return lambda context: any(name in (context.claims or {}) for name in names)


def header_has(name: str) -> Callable[[TokenContext], bool]:
    """Whether the header has this member."""
    return lambda context: name in (context.header or {})


def header_is(name: str, pattern: str) -> Callable[[TokenContext], bool]:
    """Whether a member of the header is a string that matches `pattern` whole."""
    found = re.compile(pattern, re.IGNORECASE)
    return lambda context: isinstance(context.member(name), str) and found.fullmatch(context.member(name)) is not None


def algorithm_unknown(context: TokenContext) -> bool:
    """Whether `alg` names an algorithm that jwtguard does not support."""
    return isinstance(context.member("alg"), str) and context.member("alg") not in ALGORITHMS


def symmetric_meets_public(context: TokenContext) -> bool:
    """A token signed with a secret, and a guard that has public keys."""
    return str(context.member("alg")).startswith("HS") and not any(key.is_symmetric for key in context.keys or ())


def public_meets_symmetric(context: TokenContext) -> bool:
    """A token signed with a private key, and a guard that has a secret."""
    return (
        not str(context.member("alg")).startswith("HS")
        and bool(context.keys)
        and all(key.is_symmetric for key in context.keys or ())
    )


def kid_has_another_algorithm(context: TokenContext) -> bool:
    """Whether the guard has a key of this name, for another algorithm."""
    return isinstance(context.member("kid"), str) and context.keys is not None and context.member("kid") in context.keys


def kid_unknown(context: TokenContext) -> bool:
    """Whether the token names a key, and the guard's keys have other names."""
    kid = context.member("kid")
    return isinstance(kid, str) and bool(kid) and any(key.kid is not None for key in context.keys or ())


def key_is_skipped(context: TokenContext) -> bool:
    """Whether the issuer publishes a key of this name, and it cannot be used."""
    kid = context.member("kid")
    return isinstance(kid, str) and quoted(kid) in [key.kid for key in context.skipped]


def kid_missing(context: TokenContext) -> bool:
    """Whether the token has no kid and several keys fit the algorithm."""
    return not context.member("kid") and sum(context.member("alg") in key.names for key in context.keys or ()) > 1


def another_issuer(context: TokenContext) -> bool:
    """Whether the token names another issuer."""
    return (
        bool(context.issuer)
        and context.policy is not None
        and isinstance(context.policy.issuer, str)
        and context.issuer != context.policy.issuer
    )


def of_auth0(context: TokenContext) -> bool:
    """Whether the text is opaque and the guard's issuer is Auth0."""
    return "." not in context.text and any(re.search(r"\.auth0\.com/?$", wanted) for wanted in context.wanted_issuers)


def differs_by_slash(context: TokenContext) -> bool:
    """Whether `iss` is ours but for a slash at its end."""
    return any(context.issuer.rstrip("/") == wanted.rstrip("/") for wanted in context.wanted_issuers) and bool(
        context.issuer
    )


def differs_by_case(context: TokenContext) -> bool:
    """Whether `iss` is ours but for capital letters."""
    return any(context.issuer.lower() == wanted.lower() for wanted in context.wanted_issuers) and bool(context.issuer)


def differs_by_scheme(context: TokenContext) -> bool:
    """Whether `iss` is ours but for http and https."""
    rest = context.issuer.partition("://")[2]
    return bool(rest) and any(rest == wanted.partition("://")[2] for wanted in context.wanted_issuers)


def differs_by_host(context: TokenContext) -> bool:
    """The same path on another host, as behind a proxy or in containers."""
    path = context.issuer.partition("://")[2].partition("/")[2]
    return bool(path) and any(path == wanted.partition("://")[2].partition("/")[2] for wanted in context.wanted_issuers)


def entra_v1_for_v2(context: TokenContext) -> bool:
    """Whether an Entra token of version 1 came to a guard for version 2."""
    return _V1.fullmatch(context.issuer) is not None and any("/v2.0" in wanted for wanted in context.wanted_issuers)


def entra_v2_for_v1(context: TokenContext) -> bool:
    """Whether an Entra token of version 2 came to a guard for version 1."""
    return _V2.fullmatch(context.issuer) is not None and any(
        "https://sts." in wanted for wanted in context.wanted_issuers
    )


def entra_of_another_cloud(context: TokenContext) -> bool:
    """Whether an Entra token came to a guard for another of Microsoft's clouds."""
    return any(
        version.fullmatch(context.issuer) is not None and any(map(version.fullmatch, context.wanted_issuers))
        for version in (_V1, _V2)
    ) and all(context.issuer.partition("://")[2].partition("/")[0] not in wanted for wanted in context.wanted_issuers)


def api_scheme(context: TokenContext) -> bool:
    """An Entra token of version 1 has the application's URI in aud, one of version 2 its bare id."""
    return any(f"api://{wanted}" in context.audiences for wanted in context.wanted_audiences)


def api_scheme_wanted(context: TokenContext) -> bool:
    """Whether the guard has the application's URI, and the token its bare id."""
    return any(wanted.removeprefix("api://") in context.audiences for wanted in context.wanted_audiences)


def audience_by_slash(context: TokenContext) -> bool:
    """Whether an audience is ours but for a slash at its end or capital letters."""
    ours = {wanted.rstrip("/").lower() for wanted in context.wanted_audiences}
    return any(found.rstrip("/").lower() in ours for found in context.audiences)


def is_id_token(context: TokenContext) -> bool:
    """Whether it shows what only ID tokens have (OpenID Connect Core §2)."""
    return (
        has("nonce", "at_hash", "c_hash")(context)
        or claim_is("token_use", "id")(context)
        or claim_is("typ", "ID")(context)
    )


def only(audience: str) -> Callable[[TokenContext], bool]:
    """Whether `audience` is the token's only one."""
    return lambda context: context.audiences == [audience]


def ends_with(end: str) -> Callable[[TokenContext], bool]:
    """Whether an audience ends like this."""
    return lambda context: any(found.endswith(end) for found in context.audiences)


def is_list_in_a_string(context: TokenContext) -> bool:
    """Whether our audience is one of several words in one string."""
    return any(
        wanted in found.replace(",", " ").split() for found in context.audiences for wanted in context.wanted_audiences
    )


def milliseconds(name: str) -> Callable[[TokenContext], bool]:
    """Whether a date is too large for one in seconds."""
    return lambda context: number(context, name) > MAX_NUMERIC_DATE


def number(context: TokenContext, name: str) -> float:
    """A date, or now where there is none."""
    value = context.claim(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else context.now


def late_by_little(context: TokenContext) -> bool:
    """Whether it expired so short a time ago that clocks may be the cause."""
    return context.now - number(context, "exp") <= MAX_SKEW


def early_by_little(context: TokenContext) -> bool:
    """Whether it begins so soon that clocks may be the cause."""
    return max(number(context, "nbf"), number(context, "iat")) - context.now <= MAX_SKEW


def has_confirmation(name: str) -> Callable[[TokenContext], bool]:
    """Whether `cnf` binds the token in the way of this name (RFC 7800 §3.1)."""
    return lambda context: isinstance(context.claim("cnf"), dict) and name in context.claim("cnf")


def payload_is_broken(context: TokenContext) -> bool:
    """Whether the payload is no base64url, which is looked at after the signature only."""
    return len(context.parts) == 3 and part_fault(context.parts[1]) is not None


def is_der_signature(context: TokenContext) -> bool:
    """Whether an ECDSA signature is an ASN.1 sequence."""
    signature = _signature(context)
    return str(context.member("alg")).startswith("ES") and signature[:1] == b"0" and context.key is not None


def signature_is_short(context: TokenContext) -> bool:
    """Whether the signature has fewer bytes than the key's have."""
    return context.key is not None and len(_signature(context)) < context.key.signature_length


def _signature(context: TokenContext) -> bytes:
    return decode_segment(context.parts[2].encode("ascii")) if len(context.parts) == 3 else b""


def secret_variant(context: TokenContext) -> str | None:
    """How the secret was meant, if the signature holds with another reading of it."""
    key = context.key
    if key is None or not key.is_symmetric or len(context.parts) != 3:
        return None
    signing_input = f"{context.parts[0]}.{context.parts[1]}".encode("ascii")
    for name, secret in _variants(key.material):
        try:
            VerificationKey.from_secret(secret, algorithm=key.algorithm).verify(signing_input, _signature(context))
        except (InvalidTokenError, ConfigurationError):
            continue
        return name
    return None


def _variants(secret: bytes) -> Iterator[tuple[str, bytes]]:
    """A secret in the ways in which people write it down by mistake, each with what to do about it."""
    yield "take the white space off its ends", secret.strip()
    yield "it needs a line break at its end, which the file of the issuer has", secret + b"\n"
    decoders: tuple[tuple[str, Callable[[bytes], bytes]], ...] = (
        ("decode it with base64.b64decode first", binascii.a2b_base64),
        ("decode it with base64.urlsafe_b64decode first", _from_base64url),
        ("decode it with bytes.fromhex first", binascii.a2b_hex),
    )
    for name, decode in decoders:
        try:
            yield name, decode(secret.strip())
        except (binascii.Error, InvalidTokenError, ValueError):
            continue
    yield "write it as base64 text, as the issuer does", binascii.b2a_base64(secret, newline=False)
    yield "write it as hexadecimal text, as the issuer does", binascii.b2a_hex(secret)


def _from_base64url(secret: bytes) -> bytes:
    return decode_segment(secret.rstrip(b"="))


def always(context: TokenContext) -> bool:
    """In any case."""
    return True
