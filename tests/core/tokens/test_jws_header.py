"""Steps 3 and 4: the header of a token, each refusal beside its nearest neighbour. All signatures here hold."""

from __future__ import annotations

from typing import Any

import pytest

from jwtguard import JWTGuardError
from jwtguard.core.tokens import jws
from jwtguard.core.tokens.encoding import encode_segment
from tests.core.keys import hs256, verification_key
from tests.core.token_samples import ACCEPTED, compact, segment

KEY = hs256()
OTHER_JWK = verification_key("ES256").to_jwk()


def outcome(text: str, **limits: Any) -> str:
    """`accepted`, or the reason for which `text` is refused."""
    try:
        jws.verify(text, KEY.verification_key, **limits)
    except JWTGuardError as error:
        return error.reason
    return ACCEPTED


GOOD_HEADERS: list[dict[str, Any]] = [
    {"alg": "HS256"},
    {"alg": "HS256", "typ": "JWT"},
    {"alg": "HS256", "typ": "jwt"},
    {"alg": "HS256", "typ": "Jwt"},
    {"alg": "HS256", "typ": "at+jwt"},
    {"alg": "HS256", "typ": "AT+JWT"},
    {"alg": "HS256", "typ": "application/jwt"},
    {"alg": "HS256", "typ": "application/at+jwt"},
    {"alg": "HS256", "typ": "Application/AT+jwt"},
    {"alg": "HS256", "kid": "k"},
    {"alg": "HS256", "kid": ""},
    {"alg": "HS256", "kid": "k" * 256},
    {"alg": "HS256", "kid": "ä" * 256},
    {"alg": "HS256", "kid": "../../etc/passwd"},
    {"alg": "HS256", "kid": "' OR 1=1 --"},
    {"alg": "HS256", "jwk": OTHER_JWK},
    {"alg": "HS256", "jwk": None},
    {"alg": "HS256", "jku": "https://attacker.example/jwks.json"},
    {"alg": "HS256", "x5u": "file:///etc/passwd"},
    {"alg": "HS256", "x5c": ["MIIB"]},
    {"alg": "HS256", "x5c": 1},
    {"alg": "HS256", "x5t": "AA", "x5t#S256": "AA"},
    {"alg": "HS256", "enc": "A256GCM", "zip": "DEF"},
    {"alg": "HS256", "unknown": [1, {"a": None}]},
]


@pytest.mark.parametrize("header", GOOD_HEADERS)
def test_a_header_may_say_this(header: dict[str, Any]) -> None:
    """Unknown members and embedded keys are never read; `typ` is compared without case (RFC 7515 §4.1.9)."""
    assert outcome(compact(header)) == ACCEPTED


NO_STRINGS: list[Any] = [None, 1, 0, 256.5, True, False, [], ["HS256"], ["JWT"], {}, {"HS256": 1}]
EXTENSIONS: dict[str, list[Any]] = {
    "crit": [None, [], ["exp"], ["b64"], "exp", {}, False, 0],
    "b64": [True, False, None, "true", 1],
    "cty": ["JWT", "jwt", "", None, "json", []],
}
BAD_HEADERS: list[tuple[dict[str, Any], str]] = [
    ({}, "alg"),
    ({"typ": "JWT"}, "alg"),
    *(({"alg": alg}, "alg") for alg in NO_STRINGS),
    *(
        ({"alg": alg}, "key")
        for alg in ("", "none", "None", "NONE", "nOnE", " none", "hs256", "Hs256", "HS256 ", " HS256", "HS256\x00")
    ),
    *(({"alg": alg}, "key") for alg in ("HS384", "HS512", "HS1", "RS256", "ES256", "EdDSA", "A256GCM", "dir", "HMAC")),
    *(({"alg": "HS256", name: value}, "header_extension") for name, values in EXTENSIONS.items() for value in values),
    *(({"alg": "HS256", "kid": kid}, "kid") for kid in ("k" * 257, "ä" * 257, *NO_STRINGS)),
    *(({"alg": "HS256", "typ": typ}, "typ") for typ in NO_STRINGS),
    *(
        ({"alg": "HS256", "typ": typ}, "typ")
        for typ in (
            "",
            "refresh+jwt",
            "application/refresh+jwt",
            "JWE",
            "JOSE",
            "logout+jwt",
            "dpop+jwt",
            "secevent+jwt",
            "id+jwt",
            "JWT ",
            " JWT",
            "jwt\x00",
            "text/jwt",
            "application/",
            "application/application/jwt",
            "at+jwt;charset=utf-8",
            "at jwt",
            "jwt,at+jwt",
            "\uff4awt",
        )
    ),
]


@pytest.mark.parametrize(("header", "expected"), BAD_HEADERS, ids=lambda value: repr(value)[:60])
def test_a_header_may_not_say_this(header: dict[str, Any], expected: str) -> None:
    """Each is refused although the signature holds (RFC 8725 §3.1, §3.10, §3.11; RFC 7515 §4.1.11; RFC 7797 §7)."""
    assert expected == outcome(compact(header))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"alg":"HS256"}', ACCEPTED),
        (b' {"alg" :\t"HS256"}\r\n', ACCEPTED),
        (b'{"\\u0061lg":"HS256"}', ACCEPTED),
        (b'{"alg":"\\u0048S256"}', ACCEPTED),
        (b'{"alg":"HS256","a":"' + b"[" * 100 + b'"}', ACCEPTED),
        (b'{"alg":"HS256","alg":"HS256"}', "json"),
        (b'{"alg":"none","alg":"HS256"}', "json"),
        (b'{"alg":"HS256","\\u0061lg":"none"}', "json"),
        (b'{"alg":"HS256","x":{"y":1,"y":2}}', "json"),
        (b'{"alg":"HS256","x":NaN}', "json"),
        (b'{"alg":"HS256","x":1e999}', "json"),
        (b'{"alg":"HS256","kid":"\\ud800"}', "json"),
        (b'{"alg":"HS256","x":"\xff"}', "json"),
        (b'\xef\xbb\xbf{"alg":"HS256"}', "json"),
        ('{"alg":"HS256"}'.encode("utf-16"), "json"),
        ('{"alg":"HS256"}'.encode("utf-32-be"), "json"),
        (b'["alg","HS256"]', "json"),
        (b'"HS256"', "json"),
        (b"{alg:HS256}", "json"),
        (b'{"alg":"HS256"', "json"),
        (b'{"alg":"HS256"}\x00', "json"),
        (b'{"alg":"HS256","x":' + b"[" * 63 + b"]" * 63 + b"}", ACCEPTED),
        (b'{"alg":"HS256","x":' + b"[" * 64 + b"]" * 64 + b"}", "json_depth"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_header_is_strict_json(data: bytes, expected: str) -> None:
    """RFC 7515 §4, RFC 8725 §2.4: a header with two possible readings is refused, also with a valid signature."""
    assert expected == outcome(compact(data))


@pytest.mark.parametrize(
    "segment_text", ["eyJhbGciOiJIUzI1NiJ", "eyJhbGciOiJIUzI1NiJ9=", "eyJhbGciOiJIUzI1NiJ9\r\n", "e"]
)
def test_a_header_is_canonical_base64url(segment_text: str) -> None:
    """RFC 7515 §2, seen from the header."""
    signing_input = f"{segment_text}.{segment(b'{}')}"

    assert outcome(f"{signing_input}.{encode_segment(KEY.sign(signing_input.encode()))}") == "base64url"


@pytest.mark.parametrize(("types", "expected"), [({"refresh+jwt"}, ACCEPTED), ({"jwt"}, "typ")], ids=repr)
def test_other_kinds_of_token_are_asked_for(types: set[str], expected: str) -> None:
    """`types` says which kinds of token are meant (RFC 8725 §3.11)."""
    assert expected == outcome(compact({"alg": "HS256", "typ": "refresh+jwt"}), types=frozenset(types))
