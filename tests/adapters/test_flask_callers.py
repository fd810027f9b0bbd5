"""Who the caller is in Flask: asking never raises, and reading an absent caller is the finished refusal."""

from __future__ import annotations

from typing import Any

import flask
import pytest
from werkzeug.exceptions import HTTPException

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    Guard,
    Rule,
    Rules,
    authenticated,
    denied,
    has_role,
    optional,
    optional_lenient,
    public,
)
from jwtguard.flask import FlaskGuard, RefusedRequest, principal
from jwtguard.testing import RawAnswer, RawRequest, wsgi_client
from jwtguard.testing.conformance.adapter_case import ADMIN, EXPIRED, GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import OutOfReach, guard_for_tests

ASKING = "{% if principal %}hello {{ principal.subject }}{% else %}stranger{% endif %}"
NO_TOKEN: tuple[tuple[str, str], ...] = ()
TWO = (bearer(GOOD), bearer(GOOD))
IDENTIFIES: dict[str, Any] = {"rules": UNCHECKED}
STRANGERS = [
    pytest.param({}, NO_TOKEN, id="no token"),
    pytest.param({}, (bearer(EXPIRED),), id="an expired token"),
    pytest.param({}, (bearer("broken"),), id="a broken token"),
    pytest.param({}, TWO, id="two tokens"),
    pytest.param({"keys": OutOfReach()}, (bearer(GOOD),), id="keys out of reach"),
]


def ask(app: flask.Flask, target: str = "/", headers: tuple[tuple[str, str], ...] = ()) -> RawAnswer:
    """Send one request."""
    return wsgi_client(app)(RawRequest(target=target, headers=headers))


def application(*guards: Guard) -> flask.Flask:
    """An application that shows the caller on each of its pages, and in a hook."""
    app = flask.Flask(__name__)
    app.context_processor(lambda: {"principal": principal})
    for guard in guards:
        FlaskGuard(guard).init_app(app)

    def page(_: object = None) -> str:
        return flask.render_template_string(ASKING)

    def failing() -> str:
        raise RuntimeError("unforeseen")

    def showing(response: flask.Response) -> flask.Response:
        response.headers["X-Caller"] = str(principal.subject) if principal else "stranger"
        return response

    def looking(_: object) -> None:
        app.config["seen"] = bool(principal)

    app.add_url_rule("/", "page", page)
    app.add_url_rule("/failing", "failing", failing)
    app.register_error_handler(500, lambda error: (page(), 500))
    app.register_error_handler(HTTPException, lambda error: (page(), error.code))
    app.after_request(showing)
    app.teardown_request(looking)
    return app


@pytest.mark.parametrize("path", ["/", "/nowhere", "/failing"])
@pytest.mark.parametrize(("settings", "headers"), STRANGERS)
def test_strangers(settings: dict[str, Any], headers: tuple[tuple[str, str], ...], path: str) -> None:
    """On each page, in error pages and in hooks, a stranger is shown as one, and nothing raises."""
    app = application(guard_for_tests(**IDENTIFIES, **settings))
    answer = ask(app, path, headers)
    status = {"/": 200, "/nowhere": 404, "/failing": 500}[path]
    assert (answer.status, answer.body, answer.header("X-Caller")) == (status, b"stranger", "stranger")
    assert app.config["seen"] is False


@pytest.mark.parametrize("path", ["/", "/nowhere", "/failing"])
def test_callers(path: str) -> None:
    """There a caller is shown, too."""
    app = application(guard_for_tests(**IDENTIFIES))
    answer = ask(app, path, (bearer(GOOD),))
    assert (answer.body, answer.header("X-Caller"), app.config["seen"]) == (b"hello user-1", "user-1", True)


@pytest.mark.parametrize(
    ("requirement", "headers", "status", "shown"),
    [
        (authenticated, NO_TOKEN, 401, "stranger"),
        (authenticated, (bearer(EXPIRED),), 401, "stranger"),
        (authenticated, TWO, 400, "stranger"),
        (has_role("admin"), (bearer(GOOD),), 403, "user-1"),
        (has_role("admin"), (bearer(ADMIN),), 200, "user-1"),
        (denied, (bearer(GOOD),), 403, "stranger"),
        (public, (bearer(GOOD),), 200, "stranger"),
        (optional, NO_TOKEN, 200, "stranger"),
        (optional_lenient, (bearer(EXPIRED),), 200, "stranger"),
    ],
)
def test_pages_that_answer_a_refusal(
    requirement: Any, headers: tuple[tuple[str, str], ...], status: int, shown: str
) -> None:
    """Where rules refuse a request, its error page shows the caller if a token was read and is good."""
    answer = ask(application(guard_for_tests(rules=Rules([Rule("/", requirement)]))), "/", headers)
    assert (answer.status, answer.header("X-Caller")) == (status, shown)


@pytest.mark.parametrize("guards", [0, 2])
def test_no_guard_or_several(guards: int) -> None:
    """With no guard or several in front, reading the principal outside `requires` is an error that says what to do."""
    app = application(*(guard_for_tests(**IDENTIFIES) for _ in range(guards)))
    app.add_url_rule("/read", "read", lambda: str(principal.subject))
    assert ask(app, "/", (bearer(GOOD),)).body == b"stranger"
    app.testing = True
    with pytest.raises(ConfigurationError, match="ask one of yours"):
        ask(app, "/read")


def test_inside_and_after_requires() -> None:
    """The caller is that of the innermost `requires` while its view runs; after it, that of the one in front."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard_for_tests())
    seen: list[bool] = []

    @app.after_request
    def after(response: flask.Response) -> flask.Response:
        seen.append(bool(principal))
        return response

    @app.get("/")
    @auth.requires()
    @auth.requires(optional)
    def view() -> str:
        seen.append(bool(principal))
        return str(principal.subject)

    assert ask(app, "/", (bearer(GOOD),)).body == b"user-1"
    assert seen == [True, False]


def test_outside_a_request() -> None:
    """Outside a request there is no caller; reading one is Flask's own error."""
    auth = FlaskGuard(guard_for_tests())
    assert bool(principal) is False
    assert auth.caller() is None
    with pytest.raises(RuntimeError, match="request context"):
        _ = principal.subject


@pytest.mark.parametrize(("settings", "headers"), STRANGERS)
def test_asking_one_guard(settings: dict[str, Any], headers: tuple[tuple[str, str], ...]) -> None:
    """`auth.caller()` asks its own guard, without `init_app` too, and gives None for a stranger."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard_for_tests(**settings))
    app.add_url_rule("/", "view", lambda: flask.jsonify(auth.caller() is None))
    app.register_error_handler(404, lambda error: flask.jsonify(auth.caller() is None))
    assert ask(app, "/", headers).json() is True
    assert ask(app, "/nowhere", headers).json() is True


def test_asking_one_guard_for_a_caller() -> None:
    """`auth.caller()` gives the caller, or None, also in a hook after the view."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard_for_tests())
    app.add_url_rule("/", "view", auth.requires()(lambda: "hello"))

    @app.after_request
    def after(response: flask.Response) -> flask.Response:
        caller = auth.caller()
        response.headers["X-Caller"] = "" if caller is None else str(caller.subject)
        return response

    assert ask(app, "/", (bearer(GOOD),)).header("X-Caller") == "user-1"


# Reading an absent caller.


def reading(place: str) -> flask.Flask:
    """An application that reads the caller in one place, asked or not."""
    app = flask.Flask(__name__)
    FlaskGuard(guard_for_tests(**IDENTIFIES)).init_app(app)
    app.add_url_rule("/", "view", lambda: str(principal.subject) if place == "view" else "hello")
    app.add_url_rule("/failing", "failing", lambda: 1 / 0)  # type: ignore[arg-type]

    def page(_: object) -> str:
        return str(principal.subject)

    if place in {"404", "500"}:
        app.register_error_handler(int(place), page)
    if place == "401 and 500":
        app.register_error_handler(401, page)
        app.register_error_handler(500, page)
    if place == "every error":
        app.register_error_handler(Exception, page)
    if place == "after_request":

        @app.after_request
        def after(response: flask.Response) -> flask.Response:
            response.headers["X-Caller"] = str(principal.subject)
            return response

    return app


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ("view", "/"),
        ("404", "/nowhere"),
        ("500", "/failing"),
        ("401 and 500", "/failing"),
        ("every error", "/nowhere"),
        ("every error", "/failing"),
        ("after_request", "/"),
    ],
)
@pytest.mark.parametrize(
    ("headers", "challenge"), [(NO_TOKEN, 'Bearer realm="api"'), ((bearer(EXPIRED),), 'error="invalid_token"')]
)
def test_reading_an_absent_caller(place: str, path: str, headers: tuple[tuple[str, str], ...], challenge: str) -> None:
    """The answer is the finished refusal wherever it was read: in a view, an error page or a hook; never 500."""
    app = reading(place)
    for _ in range(2):
        answer = ask(app, path, headers)
        assert answer.status == 401
        assert challenge in str(answer.header("WWW-Authenticate"))
        assert answer.json()["status"] == 401


def test_other_errors_stay_errors() -> None:
    """An application that has answered a refusal goes on answering 500 for what it did not foresee."""
    app = reading("404")
    assert [ask(app, "/nowhere").status, ask(app, "/failing").status] == [401, 500]
    app.testing = True
    with pytest.raises(ZeroDivisionError):
        ask(app, "/failing")


def test_trapped_exceptions() -> None:
    """An application that wants to see HTTP exceptions sees a refusal."""
    app = reading("view")
    app.config["TRAP_HTTP_EXCEPTIONS"] = app.testing = True
    with pytest.raises(RefusedRequest):
        ask(app)


@pytest.mark.parametrize("mode", [optional, optional_lenient, public])
def test_reading_a_caller_that_was_not_needed(mode: Any) -> None:
    """Where the view does without a caller, reading one asks for a token."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard_for_tests())
    app.add_url_rule("/", "view", auth.requires(mode)(lambda: str(principal.subject)))
    answer = ask(app)
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, 'Bearer realm="api"')
