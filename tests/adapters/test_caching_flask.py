"""What a Flask application tells caches, with `init_app` and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    Rule,
    Rules,
    TokenCookie,
    TokenQuery,
    authenticated,
    optional,
    public,
)
from jwtguard.flask import FlaskGuard, principal
from jwtguard.testing import RawAnswer, RawRequest, wsgi_client
from jwtguard.testing.conformance.adapter_case import GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests

PLACES: list[Any] = [AuthorizationHeader(), TokenCookie()]
BOTH = "Authorization, Cookie"
View = Callable[[], Any]


def plain() -> str:
    return "hello"


def varying() -> flask.Response:
    response = flask.Response("hello")
    response.vary.update(["Accept-Language", "cookie"])
    return response


def anything() -> tuple[str, dict[str, str]]:
    return "hello", {"Vary": "*"}


def streamed() -> flask.Response:
    return flask.Response(iter(["hel", "lo"]))


def moved() -> Any:
    return flask.redirect("/elsewhere")


def unchanged() -> tuple[str, int]:
    return "", 304


def missing() -> str:
    flask.abort(404)


def failing() -> str:
    raise RuntimeError("unforeseen")


def app_with(view: View, *, init: Any = None, requirement: Any = optional, places: Any = PLACES) -> flask.Flask:
    """An application with this view, guarded by a decorator, or with `init` by the rules of `init_app`."""
    app = flask.Flask(__name__)
    auth = FlaskGuard(guard_for_tests(tokens_from=places, rules=init))
    if init is None:
        view = auth.requires(requirement)(view)
    else:
        auth.init_app(app)
    app.add_url_rule("/", "view", view)
    return app


def ask(app: flask.Flask, *headers: tuple[str, str], target: str = "/", method: str = "GET") -> RawAnswer:
    return wsgi_client(app)(RawRequest(method=method, target=target, headers=[("Host", "a.example"), *headers]))


@pytest.mark.parametrize("init", [None, Rules([Rule("/", optional)])])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("view", "status", "vary"),
    [
        (plain, 200, BOTH),
        (varying, 200, "Accept-Language, cookie, Authorization"),
        (anything, 200, "*"),
        (streamed, 200, BOTH),
        (moved, 302, BOTH),
        (unchanged, 304, BOTH),
        (missing, 404, BOTH),
        (failing, 500, BOTH),
    ],
)
def test_responses(view: View, status: int, vary: str, method: str, init: Any) -> None:
    """Every response and error of a view names in Vary where the guard looked, with a token and without."""
    for headers in ([], [bearer(GOOD)]):
        answer = ask(app_with(view, init=init), *headers, method=method)
        assert (answer.status, answer.header("Vary")) == (status, vary)


def test_a_route_that_no_view_has() -> None:
    """A page that is not there depends on the token, too, where rules ask for one."""
    app = app_with(plain, init=Rules([Rule("/nowhere", authenticated)], default=public))
    assert ask(app, bearer(GOOD), target="/nowhere").header("Vary") == BOTH
    assert ask(app, bearer(GOOD)).header("Vary") is None


def test_a_hook_that_writes_vary_anew() -> None:
    """With `init_app`, what an `after_request` function of the application writes is added to."""
    app = app_with(plain, init=Rules([]))

    @app.after_request
    def write(response: flask.Response) -> flask.Response:
        response.headers["Vary"] = "Accept-Language"
        return response

    assert ask(app, bearer(GOOD)).header("Vary") == f"Accept-Language, {BOTH}"


def greeting() -> str:
    return f"hello {principal.subject}" if principal else "hello"


def greeting_stream() -> flask.Response:
    def parts() -> Iterator[str]:
        yield "hello "
        yield principal.subject or ""

    return flask.Response(flask.stream_with_context(parts()))


@pytest.mark.parametrize(("view", "vary"), [(plain, None), (greeting, BOTH), (greeting_stream, BOTH), (streamed, BOTH)])
def test_a_guard_that_only_identifies(view: View, vary: str | None) -> None:
    """A view that does not ask who is calling is the same for everybody; a stream may still ask while it is sent."""
    assert ask(app_with(view, init=UNCHECKED), bearer(GOOD)).header("Vary") == vary


@pytest.mark.parametrize("init", [None, Rules([Rule("/", optional)])])
@pytest.mark.parametrize(
    ("view", "status", "expected"),
    [
        (plain, 200, "private"),
        (lambda: ("hello", {"Cache-Control": "public, max-age=60"}), 200, "max-age=60, private"),
        (missing, 404, None),
    ],
)
def test_a_token_in_the_query(view: View, status: int, expected: str | None, init: Any) -> None:
    """A successful answer to a request with a token in its URL is private."""
    answer = ask(app_with(view, init=init, places=[TokenQuery("t")]), target=f"/?t={GOOD}")
    assert (answer.status, answer.header("Cache-Control"), answer.header("Vary")) == (status, expected, None)


def test_reading_the_caller_without_anything_in_front() -> None:
    """Where a view asks the guard itself, its response says so."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard_for_tests(tokens_from=PLACES))

    @app.get("/")
    def view() -> str:
        return str(auth.principal)

    assert ask(app, bearer(GOOD)).header("Vary") == BOTH
