"""Cookies that hold a token: how they are read, set and cleared."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import ConfigurationError, JWTGuardError, TokenCookie
from jwtguard.core.http.cookies import MAX_COOKIE_BYTES
from jwtguard.core.http.request import WITHHELD, WithheldCookies
from jwtguard.core.http.response import HTTPRequest
from tests.samples import READERS, asgi, calls_made, token

Reader = Callable[..., HTTPRequest]
either = pytest.mark.parametrize("read", READERS, ids=["asgi", "wsgi"])
ABSENT = None
TWICE = "400 repeated_cookie"
COOKIE = TokenCookie("access")


def _outcome(cookie: TokenCookie, request: HTTPRequest) -> str | None:
    try:
        return cookie.read(request)
    except JWTGuardError as error:
        return f"{error.status} {error.reason}"


@either
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ABSENT),
        ([""], ABSENT),
        (["access=a.b.c"], "a.b.c"),
        (["x=1; access=a.b.c; y=2"], "a.b.c"),
        (["x=1;access=a.b.c;y=2"], "a.b.c"),
        (["x=1;\t access=a.b.c \t;y=2"], "a.b.c"),
        (["access= a.b.c"], "a.b.c"),
        (["access =a.b.c"], "a.b.c"),
        ([" access=a.b.c"], "a.b.c"),
        ([";;access=a.b.c;;"], "a.b.c"),
        (["access=a=b"], "a=b"),
        # Not unquoted, unescaped or stripped of anything but space and tab.
        (['access="a.b.c"'], '"a.b.c"'),
        (["access=a%2Eb"], "a%2Eb"),
        (["access=\x0ba\x0c"], "\x0ba\x0c"),
        (["\x0baccess=a"], ABSENT),
        # Absent.
        (["access"], ABSENT),
        (["access="], ABSENT),
        (["access= \t"], ABSENT),
        (["access=;x=1"], ABSENT),
        (["x=access=a"], ABSENT),
        (["=access=a"], ABSENT),
        (["x=1 access=a"], ABSENT),
        # Another name is another cookie.
        (["my_access=a; accessory=b; x-access=c; access2=d; Access=e"], ABSENT),
        (["my_access=a; access=b; accessory=c"], "b"),
        (["accessaccess=a; access=b"], "b"),
        # Twice, in one field or two.
        (["access=a; access=a"], TWICE),
        (["access=a; access=b"], TWICE),
        (["access=a; access="], TWICE),
        (["access=; access=a"], TWICE),
        (["access=a; access =b"], TWICE),
        (["access=a; access"], "a"),
        (["access=a", "access=b"], TWICE),
        (["x=1", "access=a", "y=2"], "a"),
        # A server that joins fields with a comma.
        (["access=a, x=1"], TWICE),
        (["access=a,x=1"], TWICE),
        (["access=a,"], TWICE),
        (["x=1, access=a"], TWICE),
        (["x=1,access=a"], TWICE),
        (["access=a; x=1, access=b"], TWICE),
        (["x=1,access =a"], TWICE),
        (["x=1,2; access=a"], "a"),
        (["x=1,accessory=2; access=a"], "a"),
        (["x=1,my_access=2"], ABSENT),
    ],
)
def test_reading(read: Reader, values: list[str], expected: str | None) -> None:
    """Split at semicolons, trimmed of space and tab, taken once."""
    assert _outcome(COOKIE, read([("Cookie", value) for value in values])) == expected


@pytest.mark.parametrize(
    "field",
    [
        "access=" + "a" * 1_000_000,
        "x=" + "a" * 1_000_000 + "; access=a",
        ";" * 1_000_000 + "access=a",
        "access" * 150_000 + "=b;access=a",
        "x=" + ",access" * 150_000 + "; access=a",
    ],
    ids=["value", "another value", "semicolons", "names", "commas"],
)
def test_megabyte(field: str) -> None:
    """A field of a megabyte is searched, not taken apart: nothing here takes a step for each of its parts."""
    request = asgi([("Cookie", field)])
    assert COOKIE.read(request) == field.rsplit("access=", 1)[1]
    assert calls_made(lambda: COOKIE.read(request)) < 50


def test_names_are_taken_literally() -> None:
    """A name may hold what means something in a pattern."""
    assert TokenCookie("a.b").read(asgi([("Cookie", "axb=1; a.b=2")])) == "2"


DEVELOPMENT = TokenCookie("__Host-access", development=True)
REFUSED = "400 development_cookie"


@either
@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        (["localhost"], "a"),
        (["LocalHost:8000"], "a"),
        (["127.0.0.1"], "a"),
        (["127.0.0.1:5000"], "a"),
        (["[::1]"], "a"),
        (["[::1]:443"], "a"),
        ([], REFUSED),
        ([""], REFUSED),
        (["app.example"], REFUSED),
        (["localhost.evil.example"], REFUSED),
        (["evil.localhost"], REFUSED),
        (["127.0.0.1.evil.example:80"], REFUSED),
        (["localhost:80@evil.example"], REFUSED),
        (["localhost", "evil.example"], REFUSED),
        (["0.0.0.0"], REFUSED),
        (["10.0.0.1"], REFUSED),
    ],
)
def test_development(read: Reader, hosts: list[str], expected: str) -> None:
    """A development cookie has no prefix and is refused wherever the host is not this machine."""
    fields = [("Host", host) for host in hosts] + [("Cookie", "access=a")]
    assert _outcome(DEVELOPMENT, read(fields)) == expected


def test_development_cookie_that_is_absent() -> None:
    """Requests without the cookie are none of its business, whatever the host."""
    fields = [("Host", "app.example"), ("Cookie", "__Host-access=a; access=")]
    assert DEVELOPMENT.read(asgi(fields)) is None


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        (TokenCookie(), "__Host-access=a; Path=/; Secure; HttpOnly; SameSite=Lax"),
        (TokenCookie("t", path="/api"), "t=a; Path=/api; Secure; HttpOnly; SameSite=Lax"),
        (TokenCookie("t", domain="a.example"), "t=a; Path=/; Domain=a.example; Secure; HttpOnly; SameSite=Lax"),
        (TokenCookie("t", samesite="Strict"), "t=a; Path=/; Secure; HttpOnly; SameSite=Strict"),
        (TokenCookie("t", samesite="None"), "t=a; Path=/; Secure; HttpOnly; SameSite=None"),
        (TokenCookie("t", http_only=False), "t=a; Path=/; Secure; SameSite=Lax"),
        (TokenCookie("t", secure=False), "t=a; Path=/; HttpOnly; SameSite=Lax"),
        (TokenCookie(development=True), "access=a; Path=/; HttpOnly; SameSite=Lax"),
        (TokenCookie("__Secure-t", development=True), "t=a; Path=/; HttpOnly; SameSite=Lax"),
    ],
)
def test_set_and_clear(cookie: TokenCookie, expected: str) -> None:
    """Every setting shows in `Set-Cookie`, and deleting repeats name, path, domain and the rest."""
    name, _, rest = expected.partition("=a; ")
    path, _, attributes = rest.partition(";")
    assert cookie.set("a") == expected
    assert cookie.clear() == f"{name}=; {path}; Max-Age=0;{attributes}"


def test_max_age() -> None:
    """A cookie ends with the browser, or after `max_age`, in whole seconds."""
    assert TokenCookie("t").set("a", max_age=timedelta(minutes=2, milliseconds=500)).split("; ")[2] == "Max-Age=120"


@pytest.mark.parametrize("text", ["a b", 'a"', "a,b", "a;b", "a\\b", "a\r\nSet-Cookie: x=y", "ä"])
def test_values_that_break_out(text: str) -> None:
    """Nothing that means something in a cookie gets into its value (RFC 6265 §4.1.1)."""
    with pytest.raises(ConfigurationError, match="a cookie's value holds no"):
        TokenCookie().set(text)


def test_largest_cookie() -> None:
    """A cookie of 4096 bytes passes, a larger one browsers would drop without a word."""
    room = MAX_COOKIE_BYTES - len(TokenCookie().set(""))
    assert len(TokenCookie().set("a" * room)) == MAX_COOKIE_BYTES
    with pytest.raises(ConfigurationError, match=r"4097 bytes.*the largest claims: none that can be read"):
        TokenCookie().set("a" * (room + 1))


def test_too_large_cookie_names_the_claims() -> None:
    """The error says which claims are large, and how large, but never what they hold."""
    text = token(claims={"avatar": "x" * 3000, "groups": ["y" * 500], "tiny": 1})
    with pytest.raises(ConfigurationError) as refused:
        TokenCookie().set(text)
    assert "the largest claims: avatar (3002 bytes), groups (504 bytes), " in str(refused.value)
    assert "xxx" not in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": ""}, "a cookie's name"),
        ({"name": "a b"}, "a cookie's name"),
        ({"name": "a=b"}, "a cookie's name"),
        ({"name": None}, "a cookie's name"),
        ({"path": ""}, "path starts with"),
        ({"path": "api"}, "path starts with"),
        ({"name": "t", "path": "/a;b"}, "path starts with"),
        ({"path": None}, "path starts with"),
        ({"domain": "a;b"}, "domain holds no"),
        ({"domain": ""}, "domain holds no"),
        ({"domain": 5}, "domain holds no"),
        ({"samesite": "lax"}, "samesite is"),
        ({"samesite": []}, "samesite is"),
        ({"path": "/api"}, '__Host-access must have path="/" and no domain'),
        ({"domain": "a.example"}, '__Host-access must have path="/" and no domain'),
        ({"secure": False}, "__Host-access must be secure"),
        ({"name": "__Secure-t", "secure": False}, "__Secure-t must be secure"),
        ({"name": "t", "samesite": "None", "secure": False}, "t must be secure"),
        ({"development": "false"}, "development is True or False, found 'false'"),
        ({"secure": 1}, "secure is True or False"),
        ({"http_only": None}, "http_only is True or False"),
    ],
)
def test_what_browsers_would_drop(arguments: dict[str, Any], message: str) -> None:
    """A combination that browsers drop, or that is none, is a configuration error."""
    with pytest.raises(ConfigurationError, match=message):
        TokenCookie(**arguments)


def test_all_problems_at_once() -> None:
    """Everything wrong with a cookie is said in one error."""
    with pytest.raises(ConfigurationError) as refused:
        TokenCookie("__Host-t", path="api", domain="", samesite="lax", secure=False)  # type: ignore[arg-type]
    assert len(refused.value.problems) == 5


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([], None),
        (["x=1"], None),
        (["accessory=1; my_access=2; x=access"], None),
        (["access=a.b.c"], []),
        (["x=1; access=a.b.c; y=2"], ["x=1; y=2"]),
        (["access=a;x=1"], ["x=1"]),
        (["x=1;\t access \t= a; y=2; access=b"], ["x=1; y=2"]),
        (["access", "access=a", "x=1"], ["x=1"]),
        (["x=1,access=a; y=2"], ["x=1; y=2"]),
        (["x=1, access = a, z=3; y=2"], ["x=1; y=2"]),
        (["x=1; ACCESS=a"], None),
        (['x="a; access=b"'], ['x="a']),
    ],
)
def test_fields_without_a_cookie(fields: list[str], expected: list[str] | None) -> None:
    """Removing a cookie from the Cookie fields keeps all others, wherever a server joined fields."""
    assert COOKIE.without(fields) == expected


@either
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        (["x=1; access="], []),
        (['access=""; access= '], []),
        (["access=a; x=1; access=b"], ["a", "b"]),
        (["access=a; access=a"], ["a"]),
        (["access=a,access=b, access =c"], ["a", "b", "c"]),
        (["access=a", "access=b"], ["a", "b"]),
        (["x=access=a; accessory=b"], []),
    ],
)
def test_every_value_that_was_received(read: Reader, values: list[str], expected: list[str]) -> None:
    """A logout goes by each of them, however they came."""
    assert COOKIE.all_received(read([("Cookie", value) for value in values])) == expected


def test_every_value_of_a_development_cookie() -> None:
    """A cookie for development counts on this machine alone, at logout too."""
    cookie = TokenCookie("access", development=True)
    assert cookie.all_received(asgi([("Host", "localhost:80"), ("Cookie", "access=a")])) == ["a"]
    with pytest.raises(JWTGuardError, match="works on localhost only"):
        cookie.all_received(asgi([("Host", "a.example"), ("Cookie", "access=a")]))


@pytest.mark.parametrize("make", [HTTPRequest.from_asgi, HTTPRequest.from_wsgi])
def test_a_withheld_cookie(make: Callable[[dict[str, Any]], HTTPRequest]) -> None:
    """A withheld cookie is read where it is named, and shown by no repr."""
    withheld = WithheldCookies(["x=1; access=a.b.c"])
    state: dict[str, Any] = {"type": "http", "headers": [], "REQUEST_METHOD": "GET", WITHHELD: withheld}
    request = make(state)
    assert (COOKIE.read(request), COOKIE.read_received(request)) == (None, "a.b.c")
    assert COOKIE.all_received(request) == ["a.b.c"]
    assert "a.b.c" not in repr(state)
    assert COOKIE.read_received(make({**state, WITHHELD: "access=forged"})) is None


def test_nothing_is_withheld_of_a_request_in_parts() -> None:
    """A framework of neither kind withholds nothing."""
    request = HTTPRequest(method="GET", path="/", values=lambda name: ["access=a"] if name == "cookie" else [])
    assert COOKIE.read_received(request) == "a"
