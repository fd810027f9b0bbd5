"""Cross-site request forgery: which requests that came with a cookie are believed to be our own pages'."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

import pytest

from jwtguard import CSRF, ConfigurationError, CSRFError, VerifiedToken
from jwtguard.core.http.response import HTTPRequest
from tests.samples import READERS, asgi, handshake, verified, wsgi

Reader = Callable[..., HTTPRequest]
either = pytest.mark.parametrize("read", READERS, ids=["asgi", "wsgi"])
SECRET = "a secret that is long enough to be one"
OWN, TRUSTED, EVIL = "https://api.example", "https://app.example", "https://evil.example"
HEADERS = CSRF(trusted_origins=[TRUSTED])
WITH_SECRET = CSRF(trusted_origins=[TRUSTED], secret=SECRET)
ALWAYS = CSRF(trusted_origins=[TRUSTED], secret=SECRET, require_token=True)
TOKEN = verified(session_id="s-1")
GOOD = WITH_SECRET.token(TOKEN)
PASSES = None


def _outcome(csrf: CSRF, request: HTTPRequest, token: VerifiedToken = TOKEN) -> str | None:
    """None where the request passes, else the reason."""
    try:
        csrf.check(request, token)
    except CSRFError as error:
        return error.reason
    return None


def _fields(
    *, host: str | None = "api.example", origin: str | None = None, site: str | None = None, token: str | None = None
) -> list[tuple[str, str]]:
    named = {"Host": host, "Origin": origin, "Sec-Fetch-Site": site, "X-CSRF-Token": token}
    return [(name, value) for name, value in named.items() if value is not None]


@either
@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("GET", PASSES),
        ("HEAD", PASSES),
        ("OPTIONS", PASSES),
        ("get", "csrf_site"),
        ("TRACE", "csrf_site"),
        ("POST", "csrf_site"),
        ("PUT", "csrf_site"),
        ("PATCH", "csrf_site"),
        ("DELETE", "csrf_site"),
        ("PROPFIND", "csrf_site"),
    ],
)
def test_methods(read: Reader, method: str, expected: str | None) -> None:
    """Only exactly GET, HEAD and OPTIONS pass without a CSRF check."""
    request = read(_fields(origin=EVIL, site="cross-site"), method=method)
    assert _outcome(ALWAYS, request) == expected


@either
@pytest.mark.parametrize(
    ("site", "origin", "expected"),
    [
        ("same-origin", None, PASSES),
        ("none", None, PASSES),
        ("same-site", None, "csrf_site"),
        ("cross-site", None, "csrf_site"),
        ("", None, "csrf_site"),
        ("Same-Origin", None, "csrf_site"),
        ("same-origin,same-origin", None, "csrf_site"),
        (None, OWN, PASSES),
        (None, TRUSTED, PASSES),
        (None, EVIL, "csrf_origin"),
        (None, "null", "csrf_origin"),
        (None, "", "csrf_origin"),
        ("same-origin", OWN, PASSES),
        ("same-origin", TRUSTED, PASSES),
        ("same-origin", EVIL, PASSES),
        ("same-origin", "null", PASSES),
        ("same-origin", "", PASSES),
        ("none", EVIL, PASSES),
        ("none", OWN, PASSES),
        ("same-site", "null", "csrf_site"),
        ("same-site", OWN, "csrf_site"),
        ("same-site", TRUSTED, PASSES),
        ("cross-site", OWN, "csrf_site"),
        ("cross-site", TRUSTED, PASSES),
        ("cross-site", EVIL, "csrf_site"),
        ("nonsense", TRUSTED, PASSES),
        ("same-origin,same-origin", TRUSTED, "csrf_site"),
        ("same-origin", f"{TRUSTED},{TRUSTED}", "csrf_origin"),
    ],
)
def test_headers(read: Reader, site: str | None, origin: str | None, expected: str | None) -> None:
    """`Sec-Fetch-Site` decides where it is sent; `Origin` decides without it, and lets trusted origins pass."""
    request = read(_fields(site=site, origin=origin), method="POST")
    assert _outcome(HEADERS, request) == expected


@pytest.mark.parametrize(
    ("origin", "host", "scheme", "expected"),
    [
        # Scheme: https, or the request's own. Behind a proxy that ends TLS ours is http and the browser's https.
        ("https://a.example", "a.example", "https", PASSES),
        ("https://a.example", "a.example", "http", PASSES),
        ("http://a.example", "a.example", "http", PASSES),
        ("http://a.example", "a.example", "https", "csrf_origin"),
        ("ftp://a.example", "a.example", "http", "csrf_origin"),
        # Ports: the scheme's own may be written or not.
        ("https://a.example:443", "a.example", "https", PASSES),
        ("https://a.example", "a.example:443", "https", PASSES),
        ("http://a.example", "a.example:80", "http", PASSES),
        ("https://a.example", "a.example:", "https", PASSES),
        ("https://a.example:8443", "a.example:8443", "https", PASSES),
        ("https://a.example:8443", "a.example", "https", "csrf_origin"),
        ("https://a.example", "a.example:8443", "https", "csrf_origin"),
        ("http://a.example:8001", "a.example:8000", "http", "csrf_origin"),
        ("https://a.example", "a.example:80", "http", "csrf_origin"),
        ("http://a.example", "a.example:443", "http", "csrf_origin"),
        ("https://a.example:", "a.example", "https", "csrf_origin"),
        ("https://a.example:123456", "a.example:123456", "https", "csrf_origin"),
        ("https://a.example:\u0664\u0664\u0663".encode().decode("latin-1"), "a.example", "https", "csrf_origin"),
        # Hosts: without case, whole.
        ("https://A.example", "a.EXAMPLE", "https", PASSES),
        ("https://a.example.evil.example", "a.example", "https", "csrf_origin"),
        ("https://evil-a.example", "a.example", "https", "csrf_origin"),
        ("https://a.example", "b.a.example", "https", "csrf_origin"),
        ("https://a.example.", "a.example", "https", "csrf_origin"),
        ("https://user@a.example", "a.example", "https", "csrf_origin"),
        ("https://[::1]:8000", "[::1]:8000", "http", PASSES),
        ("http://[::1]", "[::1]", "http", PASSES),
        ("https://[2001:DB8::1]", "[2001:db8::1]", "https", PASSES),
        ("https://[::1]:8000", "[::2]:8000", "http", "csrf_origin"),
        ("https://::1", "::1", "https", "csrf_origin"),
        # What is more, or less, than an origin.
        ("https://a.example/", "a.example", "https", "csrf_origin"),
        ("https://a.example/path", "a.example", "https", "csrf_origin"),
        ("https://a.example https://b.example", "a.example", "https", "csrf_origin"),
        ("https://a.example,https://a.example", "a.example", "https", "csrf_origin"),
        (" https://a.example", "a.example", "https", "csrf_origin"),
        ("HTTPS://a.example", "a.example", "https", "csrf_origin"),
        ("//a.example", "a.example", "https", "csrf_origin"),
        ("a.example", "a.example", "https", "csrf_origin"),
        ("https://", "", "https", "csrf_origin"),
        # No Host, or none that can be read.
        ("https://a.example", None, "https", "csrf_origin"),
        ("https://a.example", "", "https", "csrf_origin"),
        ("https://a.example", "a.example,b.example", "https", "csrf_origin"),
        ("https://a.example", "a.example/", "https", "csrf_origin"),
        ("null", "null", "https", "csrf_origin"),
    ],
)
def test_own_origin(origin: str, host: str | None, scheme: str, expected: str | None) -> None:
    """An Origin is our own if it equals the Host header in host and port, with a scheme that can be ours."""
    fields = _fields(host=host, origin=origin)
    environ: dict[str, Any] = {"wsgi.url_scheme": scheme}
    assert _outcome(HEADERS, asgi(fields, method="POST", scheme=scheme)) == expected
    assert _outcome(HEADERS, wsgi(fields, method="POST", **environ)) == expected


@either
@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("Origin", OWN), ("Origin", OWN)], "csrf_origin"),
        ([("Origin", TRUSTED), ("Origin", TRUSTED)], "csrf_origin"),
        ([("Origin", OWN), ("Origin", EVIL)], "csrf_origin"),
        ([("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")], "csrf_site"),
        ([("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "none"), ("Origin", TRUSTED)], "csrf_site"),
        ([("Origin", OWN), ("Host", "api.example")], "csrf_origin"),
        ([("Origin", OWN), ("Origin", OWN), ("Sec-Fetch-Site", "same-origin")], "csrf_origin"),
    ],
)
def test_repeated_fields(read: Reader, fields: list[tuple[str, str]], expected: str) -> None:
    """A repeated Origin, Sec-Fetch-Site or Host is a refusal, also where the server folded it."""
    assert _outcome(HEADERS, read([("Host", "api.example"), *fields], method="POST")) == expected


@pytest.mark.parametrize(
    ("trusted", "origin", "expected"),
    [
        ("https://app.example", "https://app.example:443", PASSES),
        ("https://app.example:443", "https://app.example", PASSES),
        ("https://App.Example", "https://app.example", PASSES),
        ("http://localhost:3000", "http://localhost:3000", PASSES),
        ("https://app.example", "http://app.example", "csrf_origin"),
        ("https://app.example", "https://app.example:8443", "csrf_origin"),
        ("https://app.example", "https://sub.app.example", "csrf_origin"),
    ],
)
def test_trusted_origins(trusted: str, origin: str, expected: str | None) -> None:
    """Trusted is an origin that equals one of the list, with its scheme, whatever ours is."""
    request = asgi(_fields(origin=origin), method="POST")
    assert _outcome(CSRF(trusted_origins=[trusted]), request) == expected


@either
@pytest.mark.parametrize(
    ("csrf", "origin", "given", "expected"),
    [
        # With neither header, a token is needed; where none can be made, the headers are.
        (HEADERS, None, None, "csrf_headers"),
        (HEADERS, None, GOOD, "csrf_headers"),
        (WITH_SECRET, None, None, "csrf_token_missing"),
        (WITH_SECRET, None, GOOD, PASSES),
        (WITH_SECRET, None, "", "csrf_token"),
        (WITH_SECRET, None, GOOD[:-1], "csrf_token"),
        (WITH_SECRET, None, GOOD.swapcase(), "csrf_token"),
        (WITH_SECRET, None, f"{GOOD},{GOOD}", "csrf_token"),
        (WITH_SECRET, None, "\xe4" * len(GOOD), "csrf_token"),
        (WITH_SECRET, None, GOOD + "\xe4", "csrf_token"),
        # With a header that passes, none is needed, and a wrong one is not looked at.
        (WITH_SECRET, OWN, None, PASSES),
        (WITH_SECRET, OWN, "wrong", PASSES),
        # A token does not make up for a header that fails.
        (WITH_SECRET, EVIL, GOOD, "csrf_origin"),
        # On top.
        (ALWAYS, None, None, "csrf_token_missing"),
        (ALWAYS, None, GOOD, PASSES),
        (ALWAYS, OWN, None, "csrf_token_missing"),
        (ALWAYS, OWN, "wrong", "csrf_token"),
        (ALWAYS, OWN, GOOD, PASSES),
        (ALWAYS, TRUSTED, GOOD, PASSES),
        (ALWAYS, TRUSTED, None, "csrf_token_missing"),
        (ALWAYS, EVIL, GOOD, "csrf_origin"),
    ],
)
def test_token(read: Reader, csrf: CSRF, origin: str | None, given: str | None, expected: str | None) -> None:
    """The token in the header, where it is needed: instead of the headers, or on top of them."""
    request = read(_fields(origin=origin, token=given), method="POST")
    assert _outcome(csrf, request) == expected


def test_repeated_token() -> None:
    """Two tokens are a refusal, even if they are equal."""
    fields = [*_fields(token=GOOD), ("X-CSRF-Token", GOOD)]
    assert _outcome(WITH_SECRET, asgi(fields, method="POST")) == "csrf_token"


def test_refusals_say_what_was_expected() -> None:
    """The one who reads it is the developer of the front end."""
    said = {}
    for reason, csrf, fields in [
        ("csrf_headers", HEADERS, {}),
        ("csrf_token_missing", WITH_SECRET, {}),
        ("csrf_token", WITH_SECRET, {"token": "wrong"}),
        ("csrf_site", HEADERS, {"site": "cross-site"}),
        ("csrf_origin", HEADERS, {"origin": EVIL}),
    ]:
        with pytest.raises(CSRFError) as refused:
            csrf.check(asgi(_fields(**fields), method="POST"), TOKEN)
        said[reason] = refused.value.detail
    assert said == {
        "csrf_headers": "The request needs an Origin or Sec-Fetch-Site header, as browsers send them by themselves.",
        "csrf_token_missing": "The X-CSRF-Token header is needed, with the value of the __Host-csrf cookie.",
        "csrf_token": "The X-CSRF-Token header does not fit the token: read the __Host-csrf cookie again.",
        "csrf_site": "The Sec-Fetch-Site header must be same-origin or none, or the Origin header must be in"
        " trusted_origins.",
        "csrf_origin": 'The Origin header is "https://evil.example", which is neither this host ("api.example") nor in'
        " trusted_origins: add it there, or let the proxy forward Host.",
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([("Origin", OWN)], PASSES),
        ([("Origin", TRUSTED), ("Sec-Fetch-Site", "cross-site")], PASSES),
        ([], "csrf_origin"),
        ([("Sec-Fetch-Site", "same-origin")], "csrf_origin"),
        ([("X-CSRF-Token", GOOD)], "csrf_origin"),
        ([("Origin", EVIL)], "csrf_origin"),
        ([("Origin", "null")], "csrf_origin"),
        ([("Origin", OWN), ("Origin", OWN)], "csrf_origin"),
        ([("Origin", OWN), ("Sec-Fetch-Site", "cross-site")], "csrf_site"),
        ([("Origin", EVIL), ("Sec-Fetch-Site", "same-origin")], "csrf_origin"),
        ([("Origin", OWN), ("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")], "csrf_site"),
    ],
)
def test_handshake(fields: list[tuple[str, str]], expected: str | None) -> None:
    """A websocket handshake needs an Origin that passes, and nothing takes its place."""
    request = handshake([("Host", "api.example"), *fields], scheme="wss")
    reason = None
    try:
        ALWAYS.check_handshake(request)
    except CSRFError as error:
        reason = error.reason
    assert reason == expected


@pytest.mark.parametrize(
    ("origin", "host", "shown"),
    [
        (EVIL, "api.example:8000", ['"https://evil.example"', '"api.example:8000"']),
        ("https://a.example/path", "api.example", ['"https://a.example/path"']),
        ("<script>alert('\xe4')</script>", "a\x1b[31m", ['"?script?alert??????/script?"', '"a?[31m"']),
        ("x" * 1000, "y" * 1000, ["x" * 64 + '"', "y" * 64 + '"']),
        (EVIL, None, ['("")']),
    ],
)
def test_a_refusal_shows_what_was_compared(origin: str, host: str | None, shown: list[str]) -> None:
    """A refusal shows both compared values, shortened, with only characters that an origin or a host can hold."""
    handshaking = handshake(_fields(host=host, origin=origin))
    posting = asgi(_fields(host=host, origin=origin), method="POST")
    checks: list[Callable[[], object]] = [
        lambda: HEADERS.check_handshake(handshaking),
        lambda: HEADERS.check_headers(posting),
    ]
    for check in checks:
        with pytest.raises(CSRFError) as refused:
            check()
        assert all(text in refused.value.detail for text in [*shown, "trusted_origins", "forward Host"])


class _Settings:
    """What a framework's settings say, as those of Django do."""

    def host(self) -> str | None:
        return "shop.example"

    def trusts_origin(self, origin: str) -> bool:
        return origin == EVIL


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (_fields(origin="https://shop.example"), PASSES),
        (_fields(origin="https://api.example"), "csrf_origin"),
        (_fields(origin=EVIL), PASSES),
        (_fields(origin=EVIL, site="cross-site"), PASSES),
        (_fields(origin=TRUSTED, site="cross-site"), PASSES),
        (_fields(origin="null", site="cross-site"), "csrf_site"),
        (_fields(origin="null"), "csrf_origin"),
    ],
)
def test_settings_of_a_framework(fields: list[tuple[str, str]], expected: str | None) -> None:
    """A framework may know the host better than the Host header, and trust origins of its own settings besides."""
    raw = asgi(fields, method="POST")
    request = HTTPRequest(method="POST", path="/", values=raw.values, scheme="https", site=_Settings())
    assert _outcome(HEADERS, request) == expected


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long it takes tells nothing about how much of it is right: both go to `hmac.compare_digest`, whole."""
    compared: list[tuple[bytes, bytes]] = []

    def compare_digest(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return True

    monkeypatch.setattr(hmac, "compare_digest", compare_digest)
    assert _outcome(WITH_SECRET, asgi(_fields(token="wrong"), method="POST")) is PASSES
    assert compared == [(b"wrong", GOOD.encode())]


@pytest.mark.parametrize(
    ("subject", "arguments", "same"),
    [
        ("user-1", {"session_id": "s-1", "roles": ["admin"]}, True),
        ("user-1", {"session_id": "s-2"}, False),
        ("user-2", {"session_id": "s-1"}, False),
        ("user-1", {}, False),
    ],
)
def test_what_a_token_is_bound_to(subject: str, arguments: dict[str, Any], same: bool) -> None:
    """A CSRF token outlives a renewed access token, but neither the session nor the user."""
    assert (WITH_SECRET.token(verified(subject, **arguments)) == GOOD) is same


def test_token_without_a_session() -> None:
    """Without `sid`, the token is bound to this one access token."""
    first, second = verified(), verified()
    assert WITH_SECRET.token(first) == WITH_SECRET.token(first)
    assert WITH_SECRET.token(first) != WITH_SECRET.token(second)


def test_parts_do_not_run_together() -> None:
    """Moving a letter from the subject into the session makes another token."""
    assert WITH_SECRET.token(verified("ab", session_id="c")) != WITH_SECRET.token(verified("a", session_id="bc"))


def test_token_depends_on_the_secret() -> None:
    """Another secret makes other tokens; text and its UTF-8 bytes are one secret."""
    assert CSRF(secret=SECRET.encode()).token(TOKEN) == GOOD
    assert CSRF(secret=SECRET + "!").token(TOKEN) != GOOD


def test_token_needs_a_secret() -> None:
    """Without a secret there is no token to give away."""
    with pytest.raises(ConfigurationError, match=r"pass csrf=CSRF\(secret=...\)"):
        HEADERS.token(TOKEN)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trusted_origins": "https://a.example"}, r"trusted_origins=\['https://a.example'\]"),
        ({"trusted_origins": None}, "trusted_origins is a list"),
        ({"trusted_origins": ["a.example"]}, "found 'a.example'"),
        ({"trusted_origins": ["https://a.example/"]}, "scheme, host and port alone"),
        ({"trusted_origins": ["https://*.example"]}, "scheme, host and port alone"),
        ({"trusted_origins": ["null"]}, "scheme, host and port alone"),
        ({"trusted_origins": ["*"]}, "scheme, host and port alone"),
        ({"trusted_origins": [["https://a.example"]]}, "scheme, host and port alone"),
        ({"secret": "short"}, "has 5 bytes and needs at least 32"),
        ({"secret": 5}, "is str or bytes, not int"),
        ({"require_token": True}, "needs CSRF"),
        ({"require_token": "no", "secret": SECRET}, "require_token is True or False"),
    ],
)
def test_settings_that_are_none(arguments: dict[str, Any], message: str) -> None:
    """A wrong setting is a configuration error that says what to write."""
    with pytest.raises(ConfigurationError, match=message):
        CSRF(**arguments)


def test_all_problems_at_once() -> None:
    """Everything wrong is said in one error."""
    with pytest.raises(ConfigurationError) as refused:
        CSRF(trusted_origins=["a", "b"], secret="short", require_token=5)  # type: ignore[arg-type]
    assert len(refused.value.problems) == 4


def test_secret_from_an_environment_that_is_no_text() -> None:
    """An environment variable with bytes that are no text (PEP 383) can be a secret."""
    assert CSRF(secret="\udcff" * 32).token(TOKEN) != GOOD


def test_secret_is_not_in_the_repr() -> None:
    """A repr ends up in logs."""
    assert repr(WITH_SECRET) == "CSRF(trusted_origins=('https://app.example',), require_token=False)"
