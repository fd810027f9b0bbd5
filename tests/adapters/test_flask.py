"""What is Flask's own: `init_app`, the `principal` proxy, blueprints, class-based and async views, error handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import flask
import pytest
from flask.views import MethodView
from werkzeug.exceptions import HTTPException, Unauthorized
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    Event,
    Guard,
    JWKSet,
    Rule,
    Rules,
    TokenHeader,
    TokenQuery,
    has_role,
    has_scope,
    optional,
    public,
)
from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.flask import FlaskGuard, RefusedRequest, principal
from jwtguard.testing import RawAnswer, RawRequest, wsgi_client
from jwtguard.testing.conformance.adapter_case import ABSENT, ADMIN, EXPIRED, GOOD, bearer, token
from jwtguard.testing.conformance.adapter_sites import AUDIENCE, ISSUER, KEY, OTHER_KEY, OutOfReach, guard_for_tests

SECRET = "a secret for tests, known to all"
CONFIG = {"issuer": ISSUER, "audience": AUDIENCE, "keys": {"secret": SECRET, "kid": "main"}, "clock": lambda: 1.8e9}
THEIRS = token(key=OTHER_KEY)


def ask(app: Any, target: str = "/", *headers: tuple[str, str], method: str = "GET") -> RawAnswer:
    """Send one request to a Flask or WSGI application."""
    return wsgi_client(app)(RawRequest(method=method, target=target, headers=headers))


def subject() -> str:
    """A view that says who is calling."""
    return str(principal.subject)


def guarded_app(auth: FlaskGuard, *, init: bool = True) -> flask.Flask:
    """An application with `/`, which has no decorator, and `/admin`, which has."""
    app = flask.Flask(__name__)
    if init:
        auth.init_app(app)
    app.add_url_rule("/", view_func=subject)
    app.add_url_rule("/admin", "admin", auth.requires(has_role("admin"))(subject))
    return app


class Locally:
    """A key source whose keys are fetched by `fetch`."""

    def __init__(self, fetch: Callable[[], Any]) -> None:
        self.fetch = fetch

    def current(self) -> JWKSet | None:
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        return Flow(self._fetching())

    def _fetching(self) -> Steps[JWKSet]:
        keys: JWKSet = yield Call(self.fetch)
        return keys


async def fetch_async() -> JWKSet:
    """The keys, by asyncio."""
    await asyncio.sleep(0)
    return JWKSet([KEY.verification_key])


def fetch_blocking() -> JWKSet:
    """The keys, at once."""
    return JWKSet([KEY.verification_key])


# init_app and where the guard comes from.


def test_init_app_twice() -> None:
    """One guard guards an application once."""
    auth, app = FlaskGuard(guard_for_tests(rules=UNCHECKED)), flask.Flask(__name__)
    auth.init_app(app)
    with pytest.raises(ConfigurationError, match="call init_app once"):
        auth.init_app(app)


def test_several_apps() -> None:
    """One FlaskGuard serves several applications in one process, each with the guard of its own configuration."""
    auth = FlaskGuard()
    apps = []
    for realm in ("one", "two"):
        app = flask.Flask(__name__)
        app.config["JWTGUARD"] = {**CONFIG, "realm": realm, "rules": "UNCHECKED"}
        auth.init_app(app)
        app.add_url_rule("/", view_func=auth.requires()(subject))
        apps.append(app)
    assert [ask(app).header("WWW-Authenticate") for app in apps] == ['Bearer realm="one"', 'Bearer realm="two"']
    assert [ask(app, "/", bearer(GOOD)).body for app in apps] == [b"user-1", b"user-1"]
    assert [app.extensions["jwtguard"][auth].issuer for app in apps] == [ISSUER, ISSUER]


def test_config_may_hold_a_guard() -> None:
    """`app.config["JWTGUARD"]` may be the guard itself, as Django's setting may."""
    app = flask.Flask(__name__)
    app.config["JWTGUARD"] = guard_for_tests(realm="ready", rules=UNCHECKED)
    auth = FlaskGuard()
    auth.init_app(app)
    app.add_url_rule("/", view_func=auth.requires()(subject))
    assert ask(app).header("WWW-Authenticate") == 'Bearer realm="ready"'


def test_no_guard_anywhere() -> None:
    """Without a guard and without configuration, init_app says what to write."""
    with pytest.raises(ConfigurationError, match=r'FlaskGuard\(guard\), or set app.config\["JWTGUARD"\]'):
        FlaskGuard().init_app(flask.Flask(__name__))


def test_wrong_config() -> None:
    """A wrong configuration fails when the application is made, not when a request comes."""
    app = flask.Flask(__name__)
    app.config["JWTGUARD"] = {**CONFIG, "isuer": "x"}
    with pytest.raises(ConfigurationError, match="did you mean 'issuer'"):
        FlaskGuard().init_app(app)


def test_unknown_app() -> None:
    """A guard that takes its configuration from the application refuses to serve one it was never given."""
    app = guarded_app(FlaskGuard(), init=False)
    with app.test_request_context("/admin"), pytest.raises(ConfigurationError, match="call init_app"):
        app.dispatch_request()
    assert ask(app, "/admin", bearer(ADMIN)).status == 500


@pytest.mark.parametrize("wrong", ["guard", flask.Flask(__name__), Guard])
def test_no_guard(wrong: Any) -> None:
    """FlaskGuard takes a guard, not an application."""
    with pytest.raises(ConfigurationError, match=r"FlaskGuard needs a guard: pass Guard\(...\)"):
        FlaskGuard(wrong)


# The decorator.


def test_decorator_alone() -> None:
    """`requires` needs no init_app."""
    app = guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED)), init=False)
    answers = [ask(app, "/admin"), ask(app, "/admin", bearer(GOOD)), ask(app, "/admin", bearer(ADMIN))]
    assert [answer.status for answer in answers] == [401, 403, 200]


def test_class_based_views() -> None:
    """`decorators` of a class-based view takes `requires(...)`, and so does a method."""
    auth, app = FlaskGuard(guard_for_tests(rules=UNCHECKED)), flask.Flask(__name__)

    class Users(MethodView):
        decorators = [auth.requires()]  # noqa: RUF012 - as Flask's documentation writes it

        def get(self) -> str:
            return subject()

        @auth.requires(has_role("admin"))
        def post(self) -> str:
            return subject()

        async def put(self) -> str:
            return subject()

    app.add_url_rule("/", view_func=Users.as_view("users"))
    assert [ask(app, method=method).status for method in ("GET", "POST", "PUT")] == [401, 401, 401]
    assert [ask(app, "/", bearer(GOOD), method=method).status for method in ("GET", "POST", "PUT")] == [200, 403, 200]
    assert ask(app, "/", bearer(ADMIN), method="POST").body == b"user-1"


def test_decorating_a_class() -> None:
    """Decorating the class itself, which would guard nothing, is refused at once."""

    class Users(MethodView):
        """A view."""

    with pytest.raises(ConfigurationError, match=r"Users is a class: write decorators = \[auth.requires\(...\)\]"):
        FlaskGuard(guard_for_tests(rules=UNCHECKED)).requires()(Users)


def test_view_keeps_its_name_and_arguments() -> None:
    """The decorated view is still called what it was called, and gets its arguments."""
    auth, app = FlaskGuard(guard_for_tests(rules=UNCHECKED)), flask.Flask(__name__)

    @app.get("/users/<int:number>")
    @auth.requires()
    def user(number: int) -> str:
        return f"{number + 1}"

    assert "user" in app.view_functions
    assert ask(app, "/users/1", bearer(GOOD)).body == b"2"


@pytest.mark.parametrize("init", [True, False])
@pytest.mark.parametrize("fetch", [fetch_async, fetch_blocking])
def test_async_view(fetch: Callable[[], Any], *, init: bool) -> None:
    """An async view waits for its keys on its own loop, also where `init_app` has left the asking to it."""
    auth, app = FlaskGuard(guard_for_tests(keys=Locally(fetch), rules=UNCHECKED)), flask.Flask(__name__)
    if init:
        auth.init_app(app)

    @app.get("/")
    @auth.requires()
    async def view() -> str:
        await asyncio.sleep(0)
        return subject()

    assert ask(app, "/", bearer(GOOD)).body == b"user-1"
    assert ask(app).status == 401


def test_async_keys_in_a_sync_view() -> None:
    """A sync view cannot wait for an async key source: that is an error of the program, not of the request."""
    app = guarded_app(FlaskGuard(guard_for_tests(keys=Locally(fetch_async), rules=UNCHECKED)))
    app.testing = True
    with pytest.raises(ConfigurationError, match="is asynchronous and cannot run from sync code"):
        ask(app, "/admin", bearer(ADMIN))


def test_helpers_that_run_at_once() -> None:
    """Two decorated coroutines that run at once may end in either order."""
    auth, other, app = (
        FlaskGuard(guard_for_tests(rules=UNCHECKED)),
        FlaskGuard(guard_for_tests(OTHER_KEY, rules=UNCHECKED)),
        flask.Flask(__name__),
    )
    places = [TokenHeader("X-Token", from_proxy=False)]

    @app.get("/")
    async def view() -> list[str]:
        first_is_done = asyncio.Event()

        @auth.requires()
        async def first() -> str:
            await asyncio.sleep(0)
            first_is_done.set()
            return "first"

        @other.requires(tokens_from=places)
        async def second() -> str:
            await first_is_done.wait()
            await asyncio.sleep(0)
            return subject()

        return list(await asyncio.gather(first(), second()))

    theirs = token(key=OTHER_KEY, subject="user-2")
    assert ask(app, "/", bearer(GOOD), ("X-Token", theirs)).json() == ["first", "user-2"]


# Blueprints.


def test_blueprint() -> None:
    """A blueprint's views are decorated like others, and its `before_request` can guard them all."""
    auth, app = FlaskGuard(guard_for_tests(rules=UNCHECKED)), flask.Flask(__name__)
    auth.init_app(app)
    reports = flask.Blueprint("reports", __name__, url_prefix="/reports")
    reports.before_request(auth.requires(has_scope("reports:read"))(lambda: None))
    reports.add_url_rule("/", "list", subject)
    app.register_blueprint(reports)
    app.add_url_rule("/", "root", lambda: "root")
    statuses = [ask(app, "/reports/", *headers).status for headers in ([], [bearer(GOOD)], [bearer(ADMIN)])]
    assert (statuses, ask(app).status) == ([401, 403, 200], 200)


# `principal`.


def test_principal_outside_a_request() -> None:
    """Outside a request the proxy is unbound, as Flask's own proxies are."""
    assert not principal
    assert repr(principal) == "<LocalPrincipal unbound>"
    with pytest.raises(RuntimeError, match="outside of request context"):
        _ = principal.subject


def test_principal_in_the_wrong_place() -> None:
    """Without `init_app`, outside `requires`, the caller is unknown, and the error says what to add."""
    app = flask.Flask(__name__)
    with app.test_request_context(), pytest.raises(ConfigurationError, match=r"init_app.*auth\.principal"):
        _ = principal.subject


def test_principal_of_the_innermost_requires() -> None:
    """Inside `requires` the proxy is the caller it let in; behind it, the one that `init_app` found."""
    auth, other, app = (
        FlaskGuard(guard_for_tests(rules=UNCHECKED)),
        FlaskGuard(guard_for_tests(OTHER_KEY, rules=UNCHECKED)),
        flask.Flask(__name__),
    )
    auth.init_app(app)
    inner = other.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])(subject)

    @app.get("/")
    @auth.requires()
    def view() -> list[str]:
        return [subject(), inner(), subject()]

    theirs = token(key=OTHER_KEY, subject="user-2")
    assert ask(app, "/", bearer(GOOD), ("X-Token", theirs)).json() == ["user-1", "user-2", "user-1"]


def test_principal_of_two_guards() -> None:
    """With two guards in front, `principal` alone is ambiguous, and each guard still answers for itself."""
    auth, other, app = (
        FlaskGuard(guard_for_tests(rules=UNCHECKED)),
        FlaskGuard(guard_for_tests(OTHER_KEY, rules=UNCHECKED)),
        flask.Flask(__name__),
    )
    auth.init_app(app)
    other.init_app(app)

    @app.get("/")
    def view() -> str:
        with pytest.raises(ConfigurationError, match=r"more than one guard.*auth\.principal"):
            _ = principal.subject
        mine = auth.principal
        assert mine is not None
        return str(mine.subject)

    assert ask(app, "/", bearer(GOOD)).body == b"user-1"
    refused = ask(app, "/", bearer(THEIRS))
    assert (refused.status, refused.json()["error"]) == (401, "invalid_token")


def test_asking_another_guard_changes_nothing() -> None:
    """A view may ask a guard that is not in front; whose `principal` is meant stays the same."""
    auth, other, app = (
        FlaskGuard(guard_for_tests(rules=UNCHECKED)),
        FlaskGuard(guard_for_tests(OTHER_KEY, rules=UNCHECKED)),
        flask.Flask(__name__),
    )
    auth.init_app(app)

    @app.get("/")
    def view() -> str:
        with pytest.raises(RefusedRequest):
            _ = other.principal
        return subject()

    assert ask(app, "/", bearer(GOOD)).body == b"user-1"


def test_auth_principal_without_init_app() -> None:
    """`auth.principal` finds out by itself who is calling, once for a request."""
    events: list[Event] = []
    auth, app = FlaskGuard(guard_for_tests(on_event=events.append, rules=UNCHECKED)), flask.Flask(__name__)

    @app.get("/")
    def view() -> str:
        assert auth.principal is auth.principal
        return str(auth.principal and auth.principal.subject)

    assert ask(app, "/", bearer(GOOD)).body == b"user-1"
    assert [event.outcome for event in events] == ["accepted"]
    assert ask(app).status == 401


def test_no_principal_where_none_is_needed() -> None:
    """On an optional or public route the proxy is false, and `auth.principal` is None."""
    auth, app = FlaskGuard(guard_for_tests(rules=UNCHECKED)), flask.Flask(__name__)

    def view() -> list[bool]:
        return [bool(principal), auth.principal is None]

    app.add_url_rule("/optional", "optional", auth.requires(optional)(view))
    app.add_url_rule("/public", "public", auth.requires(public)(view))
    assert ask(app, "/optional").json() == [False, True]
    assert ask(app, "/optional", bearer(GOOD)).json() == [True, False]
    assert ask(app, "/public", bearer(GOOD)).json() == [False, True]


def test_lazy() -> None:
    """Without rules, a token is verified at the first read of the principal, and only once."""
    events: list[Event] = []
    auth, app = FlaskGuard(guard_for_tests(on_event=events.append, rules=UNCHECKED)), flask.Flask(__name__)
    auth.init_app(app)
    app.add_url_rule("/silent", "silent", lambda: "ok")
    app.add_url_rule("/public", "public", auth.requires(public)(lambda: "ok"))
    twice = auth.requires()(auth.requires()(lambda: subject() + subject()))
    app.add_url_rule("/asking", "asking", twice)
    assert [ask(app, path, bearer(EXPIRED)).status for path in ("/silent", "/public")] == [200, 200]
    assert events == []
    assert ask(app, "/asking", bearer(GOOD)).status == 200
    assert [event.outcome for event in events] == ["accepted"]


def test_template() -> None:
    """Templates know `principal`, as they know `request`."""
    auth, app = FlaskGuard(guard_for_tests(rules=UNCHECKED)), flask.Flask(__name__)
    auth.init_app(app)
    template = "{% if principal %}hello {{ principal.subject }}{% else %}hello{% endif %}"
    app.add_url_rule("/", "root", auth.requires(optional)(lambda: flask.render_template_string(template)))
    assert [ask(app).body, ask(app, "/", bearer(GOOD)).body] == [b"hello", b"hello user-1"]


def test_two_requests_inside_one_pushed_app_context() -> None:
    """A caller never outlives the request, though `flask.g` does inside an application context pushed before."""
    app = guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED)))
    with app.app_context():
        first, second = ask(app, "/", bearer(GOOD)), ask(app, "/")
    assert (first.body, second.status) == (b"user-1", 401)


def test_applications_that_share_an_environ() -> None:
    """Each application below a dispatcher asks for itself, even where one hands its environ on to the next."""
    inner = guarded_app(FlaskGuard(guard_for_tests(OTHER_KEY, rules=UNCHECKED)))
    outer = guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED)))

    @outer.get("/forward")
    def forward() -> list[Any]:
        before = subject()
        # As a batch endpoint does: the same environ, copied, with other headers and another path.
        environ = {**flask.request.environ, "PATH_INFO": "/", "HTTP_AUTHORIZATION": flask.request.headers["X-Inner"]}
        answer = flask.Response.from_app(inner.wsgi_app, environ)
        again = flask.Response.from_app(outer.wsgi_app, {**environ, "HTTP_AUTHORIZATION": ""})
        return [before, answer.status_code, answer.get_data(as_text=True), again.status_code, subject()]

    app = DispatcherMiddleware(outer.wsgi_app, {"/inner": inner.wsgi_app})
    assert ask(app, "/inner/", bearer(THEIRS)).body == b"user-1"
    assert ask(app, "/inner/", bearer(GOOD)).status == 401
    headers = [bearer(GOOD), ("X-Inner", f"Bearer {token(key=OTHER_KEY, subject='user-2')}")]
    assert ask(app, "/forward", *headers).json() == ["user-1", 200, "user-2", 401, "user-1"]


@pytest.mark.parametrize("name", ["jwtguard.request_auth", "Jwtguard-RequestAuth", "X-Principal", "jwtguard"])
def test_no_header_is_a_caller(name: str) -> None:
    """A client's headers stand in the environ with a prefix, so none can pose as what the guard has found."""
    assert ask(guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED))), "/", (name, "user-1")).status == 401


# Rules.


def ruled_app() -> flask.Flask:
    """An application whose guard has rules."""
    rules = Rules([Rule("/public", public), Rule("/admin/", has_role("admin"))])
    auth, app = FlaskGuard(guard_for_tests(rules=rules)), flask.Flask(__name__)
    auth.init_app(app)
    app.add_url_rule("/public", "public", lambda: "public", methods=["GET", "POST"])
    app.add_url_rule("/", "root", subject)
    app.add_url_rule("/own", "own", lambda: "own options", methods=["GET", "OPTIONS"])
    app.add_url_rule("/none", "none", lambda: "none", provide_automatic_options=False)
    return app


PREFLIGHT = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]


@pytest.mark.parametrize(
    ("target", "headers", "method", "status"),
    [
        ("/", [], "GET", 401),
        ("/", [bearer(GOOD)], "GET", 200),
        ("/public", [], "GET", 200),
        ("/public", [], "PATCH", 405),
        ("/unmatched", [], "GET", 401),
        ("/unmatched", [bearer(GOOD)], "GET", 404),
        ("/", [], "PATCH", 401),
        ("/", [bearer(GOOD)], "PATCH", 405),
        ("/static/file.txt", [], "GET", 401),
        ("/admin/x", [bearer(GOOD)], "GET", 403),
        ("/", PREFLIGHT, "OPTIONS", 200),
        ("/", PREFLIGHT[:1], "OPTIONS", 401),
        ("/", PREFLIGHT[1:], "OPTIONS", 401),
        ("/", PREFLIGHT, "GET", 401),
        ("/own", PREFLIGHT, "OPTIONS", 401),
        ("/none", PREFLIGHT, "OPTIONS", 401),
        ("/unmatched", PREFLIGHT, "OPTIONS", 401),
    ],
)
def test_rules(target: str, headers: list[tuple[str, str]], method: str, status: int) -> None:
    """Rules decide before the router tells what exists; only a preflight that Flask answers by itself passes."""
    assert ask(ruled_app(), target, *headers, method=method).status == status


def test_preflight_has_no_caller() -> None:
    """A function that runs before a preflight is answered finds no principal, and no error."""
    app = ruled_app()
    seen: list[bool] = []
    app.before_request(lambda: seen.append(bool(principal)))
    assert ask(app, "/", bearer(GOOD), *PREFLIGHT, method="OPTIONS").status == 200
    assert seen == [False]


# Errors.


@pytest.mark.parametrize("kind", [401, Unauthorized, RefusedRequest, HTTPException])
def test_error_handler_of_the_application(kind: Any) -> None:
    """Every way to handle errors still works, and finds the refusal with its reason."""
    app = guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED)))

    @app.errorhandler(kind)
    def unauthorized(error: RefusedRequest) -> tuple[dict[str, Any], int]:
        return {"reason": error.error.reason, "name": error.name, "code": error.code, "said": error.description}, 401

    said = "The access token is malformed, expired, revoked or not valid for this resource."
    expected = {"reason": "expired", "name": "Unauthorized", "code": 401, "said": said}
    assert ask(app, "/", bearer(EXPIRED)).json() == expected


@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [("/", [bearer(GOOD), bearer(GOOD)], 400), ("/", [], 401), ("/admin", [bearer(GOOD)], 403), ("/out", [], 503)],
)
def test_error_handler_by_status(target: str, headers: list[tuple[str, str]], status: int) -> None:
    """Each status that a refusal can have finds the application's own handler for it."""
    app = guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED)))
    out = FlaskGuard(guard_for_tests(keys=OutOfReach(), rules=UNCHECKED))
    app.add_url_rule("/out", "out", out.requires(tokens_from=[TokenQuery("t")])(subject))
    app.register_error_handler(status, lambda error: (f"own {error.code}", 418))
    assert ask(app, target + f"?t={GOOD}", *headers).body == f"own {status}".encode()


@pytest.mark.parametrize("ready", [lambda error: error.get_response(), lambda error: error.response])
def test_wrappers_of_errors(ready: Callable[[HTTPException], flask.Response]) -> None:
    """A wrapper that passes HTTP exceptions on, as Flask-RESTful does, passes the refusal whole."""
    app = guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED)))

    @app.errorhandler(Exception)
    def handle(error: Exception) -> flask.Response:
        assert isinstance(error, HTTPException)
        return ready(error)

    answer = ask(app, "/admin")
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, ABSENT)
    assert answer.header("Content-Type") == "application/problem+json"
    assert answer.json()["status"] == 401


def test_error_handler_that_adds_to_the_response() -> None:
    """An error handler may add a header to the response and return the exception."""
    app = guarded_app(FlaskGuard(guard_for_tests(rules=UNCHECKED)))

    @app.errorhandler(401)
    def handle(error: RefusedRequest) -> RefusedRequest:
        assert error.response is not None
        error.response.headers["X-Help"] = "https://help.example"
        return error

    answer = ask(app, "/admin")
    assert (answer.status, answer.header("WWW-Authenticate")) == (401, ABSENT)
    assert answer.header("X-Help") == "https://help.example"


def test_errors_of_the_application_stay_errors() -> None:
    """A token that a view verifies for its own ends is the view's business: its error is no refusal of ours."""
    guard = guard_for_tests(rules=UNCHECKED)
    auth, app = FlaskGuard(guard), flask.Flask(__name__)
    auth.init_app(app)
    app.add_url_rule("/", "root", auth.requires()(lambda: str(guard.verify(EXPIRED).run())))
    assert ask(app, "/", bearer(GOOD)).status == 500
