"""What many tests need: an issuer and a guard that agree, tokens, and requests made of raw fields.

Every clock stands still at `NOW`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from jwtguard import Guard, SigningKey, TokenIssuer, VerifiedToken
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.jws import sign

ISSUER = "https://issuer.example"
AUDIENCE = "https://api.example"
NOW = 1_800_000_000
SECRET = "0123456789abcdef0123456789abcdef"  # As long as HS256 requires, and public.
KEY = SigningKey.from_secret(SECRET, algorithm="HS256")

Fields = Iterable[tuple[str, str]]


def clock() -> float:
    """The time, for ever."""
    return NOW


def issuer(**changes: Any) -> TokenIssuer:
    """An issuer, with some arguments changed."""
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "client_id": "web",
        "signing_keys": [KEY],
        "clock": clock,
    }
    return TokenIssuer(**arguments | changes)


def guard(**changes: Any) -> Guard:
    """A guard that trusts `issuer()`, with some arguments changed."""
    arguments: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": KEY.verification_key,
        "clock": clock,
    }
    return Guard(**arguments | changes)


def token(subject: str = "user-1", **arguments: Any) -> str:
    """The text of an access token of `issuer()`."""
    return issuer().access_token(subject, **arguments)


def verified(subject: str = "user-1", **arguments: Any) -> VerifiedToken:
    """An access token of `issuer()` that was verified."""
    return guard().verify(token(subject, **arguments)).run()


def forged() -> str:
    """A token in perfect form, signed with another key."""
    return sign(b'{"sub":"user-1"}', SigningKey.generate("HS256"))


def asgi(fields: Fields = (), *, method: str = "GET", path: str = "/", **scope: Any) -> HTTPRequest:
    """A request as an ASGI server hands it over: every field by itself, as bytes."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return HTTPRequest.from_asgi({"type": "http", "method": method, "path": path, "headers": headers, **scope})


def wsgi(fields: Fields = (), *, method: str = "GET", path: str = "/", **environ: Any) -> HTTPRequest:
    """A request as a WSGI server hands it over: repeated fields folded into one with a comma (cookies with `; `)."""
    folded: dict[str, str] = {}
    for name, value in fields:
        variable = "HTTP_" + name.replace("-", "_").upper()
        comma = "; " if variable == "HTTP_COOKIE" else ","
        folded[variable] = folded[variable] + comma + value if variable in folded else value
    return HTTPRequest.from_wsgi({"REQUEST_METHOD": method, "PATH_INFO": path, **folded, **environ})


READERS: list[Callable[..., HTTPRequest]] = [asgi, wsgi]
"""The two ways in which requests come; a test that takes both shows that they are read alike."""


def handshake(fields: Fields = (), **scope: Any) -> HTTPRequest:
    """A websocket handshake."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields]
    return HTTPRequest.from_asgi({"type": "websocket", "path": "/", "scheme": "ws", "headers": headers, **scope})


def calls_made(function: Callable[[], object]) -> int:
    """How many calls `function` makes, of Python's and C's functions: its cost in something other than seconds."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls
