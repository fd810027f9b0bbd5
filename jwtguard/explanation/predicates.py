"""Questions that hints ask of a token and of the guard that refused it.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> differs_by_slash(Evidence.of(guard, "e30.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlLyJ9.c2ln"))
True
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator

from jwtguard.core.errors import ConfigurationError, InvalidTokenError
from jwtguard.core.logs import quoted
from jwtguard.core.tokens.algorithms import ALGORITHMS
from jwtguard.core.tokens.claims_policy import MAX_NUMERIC_DATE
from jwtguard.core.tokens.encoding import decode_segment
from jwtguard.core.tokens.keys import VerificationKey
from jwtguard.explanation.faults import part_fault
from jwtguard.explanation.token_context import Evidence

MAX_SKEW = 900
"""Seconds by which clocks are wrong; what is further off is another cause."""
_V1 = re.compile(r"https://sts\.(?:windows\.net|chinacloudapi\.cn)/[^/]+/")
_V2 = re.compile(
    r"https://login\.(?:microsoftonline\.com|microsoftonline\.us|partner\.microsoftonline\.cn)/[^/]+/v2\.0"
)


def text(pattern: str) -> Callable[[Evidence], bool]:
    """Whether the text as it came in matches `pattern`, in capitals or not."""
    found = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return lambda e: found.search(e.text) is not None


def claim_is(name: str, *values: object) -> Callable[[Evidence], bool]:
    """Whether a claim has one of these values."""
    return lambda e: any(e.claim(name) == value for value in values)


def has(*names: str) -> Callable[[Evidence], bool]:
    """Whether there is one of these claims."""
    return lambda e: any(name in (e.claims or {}) for name in names)


def header_has(name: str) -> Callable[[Evidence], bool]:
    """Whether the header has this member."""
    return lambda e: name in (e.header or {})


def header_is(name: str, pattern: str) -> Callable[[Evidence], bool]:
    """Whether a member of the header is a string that matches `pattern` whole."""
    found = re.compile(pattern, re.IGNORECASE)
    return lambda e: isinstance(e.member(name), str) and found.fullmatch(e.member(name)) is not None


def algorithm_unknown(e: Evidence) -> bool:
    """Whether `alg` names an algorithm that nobody here supports."""
    return isinstance(e.member("alg"), str) and e.member("alg") not in ALGORITHMS


def symmetric_meets_public(e: Evidence) -> bool:
    """A token signed with a secret, and a guard that has public keys."""
    return str(e.member("alg")).startswith("HS") and not any(key.is_symmetric for key in e.keys or ())


def public_meets_symmetric(e: Evidence) -> bool:
    """A token signed with a private key, and a guard that has a secret."""
    return not str(e.member("alg")).startswith("HS") and bool(e.keys) and all(key.is_symmetric for key in e.keys or ())


def kid_has_another_algorithm(e: Evidence) -> bool:
    """Whether the guard has a key of this name, for another algorithm."""
    return isinstance(e.member("kid"), str) and e.keys is not None and e.member("kid") in e.keys


def kid_unknown(e: Evidence) -> bool:
    """Whether the token names a key, and the guard's keys have other names."""
    kid = e.member("kid")
    return isinstance(kid, str) and bool(kid) and any(key.kid is not None for key in e.keys or ())


def key_is_skipped(e: Evidence) -> bool:
    """Whether the issuer publishes a key of this name, and it cannot be used."""
    kid = e.member("kid")
    return isinstance(kid, str) and quoted(kid) in [key.kid for key in e.skipped]


def kid_missing(e: Evidence) -> bool:
    """Without a kid, several keys fit the algorithm, so that nobody can tell which is meant."""
    return not e.member("kid") and sum(e.member("alg") in key.names for key in e.keys or ()) > 1


def another_issuer(e: Evidence) -> bool:
    """Whether the token says that it is from somebody else."""
    return bool(e.issuer) and e.policy is not None and isinstance(e.policy.issuer, str) and e.issuer != e.policy.issuer


def of_auth0(e: Evidence) -> bool:
    """An opaque text, and a guard whose issuer is Auth0."""
    return "." not in e.text and any(re.search(r"\.auth0\.com/?$", wanted) for wanted in e.wanted_issuers)


def differs_by_slash(e: Evidence) -> bool:
    """Whether `iss` is ours but for a slash at its end."""
    return any(e.issuer.rstrip("/") == wanted.rstrip("/") for wanted in e.wanted_issuers) and bool(e.issuer)


def differs_by_case(e: Evidence) -> bool:
    """Whether `iss` is ours but for capital letters."""
    return any(e.issuer.lower() == wanted.lower() for wanted in e.wanted_issuers) and bool(e.issuer)


def differs_by_scheme(e: Evidence) -> bool:
    """Whether `iss` is ours but for http and https."""
    rest = e.issuer.partition("://")[2]
    return bool(rest) and any(rest == wanted.partition("://")[2] for wanted in e.wanted_issuers)


def differs_by_host(e: Evidence) -> bool:
    """The same path on another host, as behind a proxy or in containers."""
    path = e.issuer.partition("://")[2].partition("/")[2]
    return bool(path) and any(path == wanted.partition("://")[2].partition("/")[2] for wanted in e.wanted_issuers)


def entra_v1_for_v2(e: Evidence) -> bool:
    """Whether an Entra token of version 1 came to a guard for version 2."""
    return _V1.fullmatch(e.issuer) is not None and any("/v2.0" in wanted for wanted in e.wanted_issuers)


def entra_v2_for_v1(e: Evidence) -> bool:
    """Whether an Entra token of version 2 came to a guard for version 1."""
    return _V2.fullmatch(e.issuer) is not None and any("https://sts." in wanted for wanted in e.wanted_issuers)


def entra_of_another_cloud(e: Evidence) -> bool:
    """Whether an Entra token came to a guard for another of Microsoft's clouds."""
    return any(
        version.fullmatch(e.issuer) is not None and any(map(version.fullmatch, e.wanted_issuers))
        for version in (_V1, _V2)
    ) and all(e.issuer.partition("://")[2].partition("/")[0] not in wanted for wanted in e.wanted_issuers)


def api_scheme(e: Evidence) -> bool:
    """An Entra token of version 1 has the application's URI in aud, one of version 2 its bare id."""
    return any(f"api://{wanted}" in e.audiences for wanted in e.wanted_audiences)


def api_scheme_wanted(e: Evidence) -> bool:
    """Whether the guard has the application's URI, and the token its bare id."""
    return any(wanted.removeprefix("api://") in e.audiences for wanted in e.wanted_audiences)


def audience_by_slash(e: Evidence) -> bool:
    """Whether an audience is ours but for a slash at its end or capital letters."""
    ours = {wanted.rstrip("/").lower() for wanted in e.wanted_audiences}
    return any(found.rstrip("/").lower() in ours for found in e.audiences)


def is_id_token(e: Evidence) -> bool:
    """Whether it shows what only ID tokens have (OpenID Connect Core §2)."""
    return has("nonce", "at_hash", "c_hash")(e) or claim_is("token_use", "id")(e) or claim_is("typ", "ID")(e)


def only(audience: str) -> Callable[[Evidence], bool]:
    """Whether `audience` is the token's only one."""
    return lambda e: e.audiences == [audience]


def ends_with(end: str) -> Callable[[Evidence], bool]:
    """Whether an audience ends like this."""
    return lambda e: any(found.endswith(end) for found in e.audiences)


def is_list_in_a_string(e: Evidence) -> bool:
    """Whether our audience is one of several words in one string."""
    return any(wanted in found.replace(",", " ").split() for found in e.audiences for wanted in e.wanted_audiences)


def milliseconds(name: str) -> Callable[[Evidence], bool]:
    """Whether a date is too large for one in seconds."""
    return lambda e: number(e, name) > MAX_NUMERIC_DATE


def number(e: Evidence, name: str) -> float:
    """A date, or now where there is none."""
    value = e.claim(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else e.now


def late_by_little(e: Evidence) -> bool:
    """Whether it expired so short a time ago that clocks may be the cause."""
    return e.now - number(e, "exp") <= MAX_SKEW


def early_by_little(e: Evidence) -> bool:
    """Whether it begins so soon that clocks may be the cause."""
    return max(number(e, "nbf"), number(e, "iat")) - e.now <= MAX_SKEW


def has_confirmation(name: str) -> Callable[[Evidence], bool]:
    """Whether `cnf` binds the token in the way of this name (RFC 7800 §3.1)."""
    return lambda e: isinstance(e.claim("cnf"), dict) and name in e.claim("cnf")


def payload_is_broken(e: Evidence) -> bool:
    """Whether the payload is no base64url, which is looked at after the signature only."""
    return len(e.parts) == 3 and part_fault(e.parts[1]) is not None


def is_der_signature(e: Evidence) -> bool:
    """Whether an ECDSA signature is an ASN.1 sequence."""
    signature = _signature(e)
    return str(e.member("alg")).startswith("ES") and signature[:1] == b"0" and e.key is not None


def signature_is_short(e: Evidence) -> bool:
    """Whether the signature has fewer bytes than the key's have."""
    return e.key is not None and len(_signature(e)) < e.key.signature_length


def _signature(e: Evidence) -> bytes:
    return decode_segment(e.parts[2].encode("ascii")) if len(e.parts) == 3 else b""


def secret_variant(e: Evidence) -> str | None:
    """How the secret was meant, if the signature holds with another reading of it."""
    key = e.key
    if key is None or not key.is_symmetric or len(e.parts) != 3:
        return None
    signing_input = f"{e.parts[0]}.{e.parts[1]}".encode("ascii")
    for name, secret in _variants(key.material):
        try:
            VerificationKey.from_secret(secret, algorithm=key.algorithm).verify(signing_input, _signature(e))
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


def always(e: Evidence) -> bool:
    """In any case."""
    return True
