"""Requests and answers as values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jwtguard import (
    AccessDeniedError,
    ConfigurationError,
    CSRFError,
    InsufficientScopeError,
    InsufficientUserAuthenticationError,
    InvalidRequestError,
    InvalidTokenError,
    JWTGuardError,
    MissingTokenError,
    UnavailableError,
)
from jwtguard.core.http.challenges import Challenges
from jwtguard.core.http.response import Answers, HTTPRequest, HTTPResponse, is_preflight, problem_details
from tests.samples import asgi, handshake, wsgi


def _said(request: HTTPRequest) -> tuple[object, ...]:
    return request.method, request.path, request.query, request.scheme, request.is_websocket


HTTPS: dict[str, Any] = {"wsgi.url_scheme": "https"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (asgi(), ("GET", "/", "", "http", False)),
        (wsgi(), ("GET", "/", "", "http", False)),
        (asgi(method="POST", path="/a"), ("POST", "/a", "", "http", False)),
        (wsgi(method="POST", path="/a"), ("POST", "/a", "", "http", False)),
        (asgi(query_string=b"a=%C3%A4&b=\xe4"), ("GET", "/", "a=%C3%A4&b=\xe4", "http", False)),
        (wsgi(QUERY_STRING="a=%C3%A4&b=\xe4"), ("GET", "/", "a=%C3%A4&b=\xe4", "http", False)),
        (asgi(query_string=None, root_path=None), ("GET", "/", "", "http", False)),
        (asgi(scheme="https"), ("GET", "/", "", "https", False)),
        (wsgi(**HTTPS), ("GET", "/", "", "https", False)),
        (asgi(path="/\xe4\u20ac"), ("GET", "/\xe4\u20ac", "", "http", False)),
        (wsgi(path="/\xc3\xa4\xe2\x82\xac"), ("GET", "/\xe4\u20ac", "", "http", False)),
        (wsgi(path="/\xff"), ("GET", "/\ufffd", "", "http", False)),
        (wsgi(path="/\u20ac"), ("GET", "/\\u20ac", "", "http", False)),
        (handshake(), ("GET", "/", "", "http", True)),
        (handshake(scheme="wss"), ("GET", "/", "", "https", True)),
    ],
)
def test_request(request_: HTTPRequest, expected: tuple[object, ...]) -> None:
    """Method, path, query and scheme, the same from both kinds of servers."""
    assert _said(request_) == expected


def test_empty_environ() -> None:
    """Entries that a WSGI server may leave out count as empty."""
    assert _said(HTTPRequest.from_wsgi({"REQUEST_METHOD": "GET"})) == ("GET", "", "", "http", False)


def test_path_that_the_adapter_knows_better() -> None:
    """An adapter may say which path its router matches."""
    scope = {"type": "http", "method": "GET", "path": "/a", "headers": []}
    assert HTTPRequest.from_asgi(scope, path="/b").path == "/b"
    assert HTTPRequest.from_wsgi({"REQUEST_METHOD": "GET", "PATH_INFO": "/a"}, path="/b").path == "/b"


def test_request_of_its_parts() -> None:
    """A framework of neither kind says itself what a request holds."""
    plain = HTTPRequest(method="GET", path="/a", values=lambda name: [name])
    assert (*_said(plain), plain.root_path, plain.client) == ("GET", "/a", "", "http", False, "", None)
    full = HTTPRequest(
        method="GET",
        path="/a",
        values=lambda name: [name],
        query="b=c",
        scheme="https",
        is_websocket=True,
        root_path="/r",
        client="192.0.2.1",
    )
    assert (*_said(full), full.root_path, full.client) == ("GET", "/a", "b=c", "https", True, "/r", "192.0.2.1")
    assert full.values("host") == ["host"]


def test_request_is_read_only() -> None:
    """The attributes of a request cannot be set."""
    for request in (asgi(), wsgi(), HTTPRequest(method="GET", path="/", values=lambda name: [])):
        for name in ("method", "path", "query", "scheme", "is_websocket", "root_path", "client"):
            with pytest.raises(AttributeError):
                setattr(request, name, "another")


def test_a_request_stays_what_it_was_when_it_is_handed_on() -> None:
    """A request keeps its values when a mounting application changes method and paths of the environ in place."""
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/a", "PATH_INFO": "/b/c"}
    request = HTTPRequest.from_wsgi(environ)
    environ.update(REQUEST_METHOD="POST", SCRIPT_NAME="/a/b", PATH_INFO="/c")
    assert (request.method, request.root_path, request.path) == ("GET", "/a", "/b/c")


def test_asgi_fields() -> None:
    """Fields are found whatever the case of their names, each by itself, in order, as latin-1."""
    headers = [(b"X-Token", b"1"), (b"x-tokens", b"2"), (b"x-TOKEN", b"\xe4"), (b"x_token", b"4")]
    request = HTTPRequest.from_asgi({"type": "http", "method": "GET", "path": "/", "headers": headers})
    assert (request.values("x-token"), request.values("x-other")) == (["1", "\xe4"], [])


def test_wsgi_fields() -> None:
    """A WSGI server has folded the fields; content type and length stand without the prefix (PEP 3333)."""
    request = HTTPRequest.from_wsgi(
        {
            "REQUEST_METHOD": "GET",
            "HTTP_X_TOKEN": "1,\xe4",
            "CONTENT_TYPE": "text/plain",
            "HTTP_CONTENT_TYPE": "text/html",
            "CONTENT_LENGTH": "5",
            "X_OTHER": "2",
        }
    )
    names = ("x-token", "content-type", "content-length", "x-other")
    assert [request.values(name) for name in names] == [["1,\xe4"], ["text/plain"], ["5"], []]


@pytest.mark.parametrize(
    ("path", "root_path", "expected"),
    [
        ("/docs/x", "", "/docs/x"),
        ("/docs/x", "/docs", "/x"),
        ("/docs/", "/docs", "/"),
        ("/docs", "/docs", ""),
        ("/docs-internal", "/docs", "/docs-internal"),
        ("/docs/docs/x", "/docs", "/docs/x"),
        ("/other", "/docs", "/other"),
        ("/a/b/c", "/a/b", "/c"),
        ("/docs//x", "/docs", "//x"),
        ("/x", "/", "/x"),
        ("//x", "/", "/x"),
        ("/docs/x", "/docs/", "/docs/x"),
    ],
)
def test_path_below_root_path(path: str, root_path: str, expected: str) -> None:
    """The path is the one that Starlette's router matches: less `root_path`, at a slash."""
    assert asgi(path=path, root_path=root_path).path == expected


@pytest.mark.parametrize(
    ("method", "fields", "expected"),
    [
        ("OPTIONS", ["Origin", "Access-Control-Request-Method"], True),
        ("OPTIONS", ["Origin"], False),
        ("OPTIONS", ["Access-Control-Request-Method"], False),
        ("GET", ["Origin", "Access-Control-Request-Method"], False),
        ("options", ["Origin", "Access-Control-Request-Method"], False),
    ],
)
def test_preflight(method: str, fields: list[str], expected: bool) -> None:
    """A preflight is OPTIONS with both of the headers that browsers send."""
    assert is_preflight(asgi([(name, "x") for name in fields], method=method)) is expected


def test_request_hides_what_may_be_a_token() -> None:
    """The query and the fields are not in the repr."""
    assert repr(asgi([("Authorization", "secret")], query_string=b"access_token=secret")) == (
        "HTTPRequest(method='GET', path='/', scheme='http', is_websocket=False, root_path='')"
    )


GENERIC = "The access token is malformed, expired, revoked or not valid for this resource."


@pytest.mark.parametrize(
    ("error", "status", "challenge"),
    [
        (MissingTokenError(), 401, 'Bearer realm="api"'),
        (
            InvalidTokenError("expired"),
            401,
            f'Bearer realm="api", error="invalid_token", error_description="{GENERIC}"',
        ),
        (
            InvalidRequestError("two_tokens", "Send one."),
            400,
            'Bearer realm="api", error="invalid_request", error_description="Send one."',
        ),
        (
            InsufficientScopeError("No.", scope=("a", "b")),
            403,
            'Bearer realm="api", error="insufficient_scope", error_description="No.", scope="a b"',
        ),
        (
            InsufficientScopeError("No."),
            403,
            'Bearer realm="api", error="insufficient_scope", error_description="No."',
        ),
        (
            InsufficientUserAuthenticationError(60),
            401,
            (
                'Bearer realm="api", error="insufficient_user_authentication",'
                ' error_description="A login at most 60 seconds old is required: log in again.", max_age="60"'
            ),
        ),
        (AccessDeniedError(), 403, None),
        (CSRFError("csrf_site", "No."), 403, None),
        (UnavailableError("keys"), 503, None),
    ],
)
def test_answer(error: JWTGuardError, status: int, challenge: str | None) -> None:
    """Each error has its status, and a challenge where RFC 6750 §3 wants one."""
    answer = Answers().answer(error)
    assert (answer.status, dict(answer.headers).get("WWW-Authenticate")) == (status, challenge)


def test_retry_after() -> None:
    """An outage says when to come again (RFC 9110 §10.2.3)."""
    answer = Answers().answer(UnavailableError("keys", retry_after=7))
    assert dict(answer.headers)["Retry-After"] == "7"


@pytest.mark.parametrize("error", [MissingTokenError(), AccessDeniedError(), UnavailableError("keys")])
def test_answers_are_not_stored(error: JWTGuardError) -> None:
    """No cache keeps a refusal, and every answer says what its body is."""
    headers = dict(Answers().answer(error).headers)
    assert (headers["Cache-Control"], headers["Content-Type"]) == ("no-store", "application/problem+json")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_length(method: str) -> None:
    """The length is that of the body, in an answer to HEAD of the one that GET would get (RFC 9110 §8.6)."""
    length = len(Answers().answer(MissingTokenError()).body)
    assert dict(Answers().answer(MissingTokenError(), asgi(method=method)).headers)["Content-Length"] == str(length)


def test_problem() -> None:
    """The body is an RFC 9457 problem, with the RFC's code where there is one."""
    assert json.loads(Answers().answer(InvalidTokenError("expired")).body) == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": GENERIC,
        "error": "invalid_token",
    }
    assert "error" not in json.loads(problem_details(AccessDeniedError())[1])


@pytest.mark.parametrize(("method", "has_body"), [("GET", True), ("HEAD", False), ("OPTIONS", True)])
def test_head_has_no_body(method: str, has_body: bool) -> None:
    """An answer to HEAD has the headers alone (RFC 9110 §9.3.2)."""
    answer = Answers().answer(MissingTokenError(), asgi(method=method))
    assert (bool(answer.body), answer.headers) == (has_body, Answers().answer(MissingTokenError()).headers)


def test_another_body() -> None:
    """`body` replaces the body and its content type."""
    answers = Answers(body=lambda error: ("text/plain", error.reason.encode()))
    answer = answers.answer(MissingTokenError())
    assert (dict(answer.headers)["Content-Type"], answer.body) == ("text/plain", b"missing_token")


def test_realm() -> None:
    """The realm is the guard's to name."""
    assert Challenges(realm="the API").fields(MissingTokenError()) == [("WWW-Authenticate", 'Bearer realm="the API"')]


@pytest.mark.parametrize("realm", ['a"b', "a\\b", "a\nb", "ä", None, 5])
def test_realms_that_break_out(realm: Any) -> None:
    """A realm that would not survive its quotes is refused when it is set."""
    with pytest.raises(ConfigurationError, match="realm is printable ASCII"):
        Challenges(realm=realm)


def test_challenge_cannot_be_broken_out_of() -> None:
    """A role's name stays inside the quotes of the challenge, on one line, in ASCII."""
    ((_, challenge),) = Challenges().fields(InsufficientScopeError('a"b\\c\r\nX: ä', scope=('x"y',)))
    assert challenge == (
        'Bearer realm="api", error="insufficient_scope", error_description="a\'b?c??X: ?", scope="x\'y"'
    )


def test_answer_is_a_value() -> None:
    """Two equal answers are equal, and neither can be changed."""
    answer = HTTPResponse(status=204)
    assert answer == HTTPResponse(status=204, headers=(), body=b"")
    with pytest.raises(AttributeError):
        answer.status = 200  # type: ignore[misc]
