"""A guard in front of a whole application says what it does there; a slip in putting it there is an error."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import flask
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client as DjangoClient
from django.test.utils import override_settings
from django.urls import include, path
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from jwtguard import UNCHECKED, ConfigurationError, Guard, Rule, Rules, public
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.asgi.endpoints import endpoints_in
from jwtguard.django import DjangoGuard
from jwtguard.django import GuardMiddleware as DjangoMiddleware
from jwtguard.django.checks import check_order
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawRequest, asgi_client
from jwtguard.testing.conformance.adapter_sites import AUDIENCE, ISSUER, guard_for_tests
from jwtguard.testing.conformance.route_sites import route_site
from tests.adapters import django_site as django_site  # Sets Django up.

CONFIG: dict[str, Any] = {
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "keys": {"secret": "not a secret, only an example!!!"},
}


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    """An application."""


def _answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def _flask_config(guard: Any) -> None:
    app = flask.Flask(__name__)
    app.config["JWTGUARD"] = guard
    FlaskGuard().init_app(app)


def _django_setting(guard: Any) -> None:
    with override_settings(JWTGUARD=guard):
        DjangoMiddleware(_answer)


def _started(app: Any) -> None:
    asgi_client(app)(RawRequest())


def _fastapi(guard: Any) -> None:
    app = FastAPI()
    app.add_middleware(GuardMiddleware, guard=guard)
    _started(app)


FRONTS: dict[str, Callable[[Guard], object]] = {
    "ASGI, a Guard": lambda guard: GuardMiddleware(_inner, guard=guard),
    "ASGI, an ASGIGuard": lambda guard: GuardMiddleware(_inner, guard=ASGIGuard(guard)),
    "ASGI, a FastAPIGuard": lambda guard: GuardMiddleware(_inner, FastAPIGuard(guard)),
    "ASGI, preflight": lambda guard: GuardMiddleware(_inner, guard, preflight=True),
    "Starlette": lambda guard: _started(Starlette(middleware=[Middleware(GuardMiddleware, guard=guard)])),
    "FastAPI": _fastapi,
    "Flask": lambda guard: FlaskGuard(guard).init_app(flask.Flask(__name__)),
    "Flask, app.config": _flask_config,
    "Django, the setting": _django_setting,
    "Django, a subclass": lambda guard: type("Own", (DjangoMiddleware,), {"guard": guard})(_answer),
    "Django, a DjangoGuard": lambda guard: type("Own", (DjangoMiddleware,), {"guard": DjangoGuard(guard)})(_answer),
}


@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_without_rules(front: Callable[[Guard], object]) -> None:
    """A guard without rules in front does not start, and the error prints the three lines to choose from."""
    with pytest.raises(ConfigurationError) as raised:
        front(guard_for_tests())
    for line in ("rules=Rules([])", 'rules=Rules([Rule("/health", public)])', "rules=UNCHECKED"):
        assert f"Guard(..., {line})" in str(raised.value)


@pytest.mark.parametrize("rules", [UNCHECKED, Rules([]), Rules([Rule("/health", public)])])
@pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)
def test_with_rules(front: Callable[[Guard], object], rules: Any) -> None:
    """Each of the three starts."""
    front(guard_for_tests(rules=rules))


@pytest.mark.parametrize("front", [_flask_config, _django_setting])
def test_settings_without_rules(front: Callable[[Any], object]) -> None:
    """A mapping without rules is an error too, and one that says how a mapping spells them."""
    with pytest.raises(ConfigurationError, match='"rules": "UNCHECKED"'):
        front(CONFIG)
    front({**CONFIG, "rules": []})
    front({**CONFIG, "rules": "UNCHECKED"})


@pytest.mark.parametrize(
    "alone",
    [
        lambda guard: ASGIGuard(guard).requires()(_answer),
        lambda guard: FastAPIGuard(guard).requires(),
        lambda guard: FlaskGuard(guard).requires()(_answer),
        lambda guard: DjangoGuard(guard).requires()(_answer),
        lambda guard: FastAPIGuard(guard).init_app(FastAPI()),
    ],
)
def test_decorators_need_no_rules(alone: Callable[[Guard], object]) -> None:
    """A decorator or a dependency stands in front of one route alone, and says itself what that needs."""
    alone(guard_for_tests())


# Slips in putting a guard in front.


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        (lambda guard: GuardMiddleware(_inner), r"app\.add_middleware\(GuardMiddleware, guard=guard\)"),
        (lambda guard: GuardMiddleware(_inner, None), r"app\.add_middleware\(GuardMiddleware, guard=guard\)"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(_inner, Guard), r"found the class Guard: call it, as in Guard\(issuer="),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(_inner, FastAPIGuard), "found the class FastAPIGuard"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(_inner, CONFIG), r"found dict: write Guard\.from_config"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(_inner, "guard"), "found str"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(_inner, FlaskGuard(guard)), "found FlaskGuard: pass its guard"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(_inner, DjangoGuard(guard)), "found DjangoGuard: pass its guard"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(guard), r"write GuardMiddleware\(app, guard=guard\)"),
        (lambda guard: GuardMiddleware(guard, _inner), r"write GuardMiddleware\(app, guard=guard\)"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware(guard=guard), r"\[Middleware\(GuardMiddleware, guard=guard\)\]"),
        (lambda guard: GuardMiddleware(flask.Flask(__name__), guard), r"in Flask write FlaskGuard\(guard\)\.init_app"),  # type: ignore[arg-type]
        (lambda guard: GuardMiddleware("app:app", guard), "for ASGI applications, found str"),  # type: ignore[arg-type]
        (lambda guard: FlaskGuard(flask.Flask(__name__)), r"as in FlaskGuard\(guard\)\.init_app\(app\)"),  # type: ignore[arg-type]
        (lambda guard: FastAPIGuard(FastAPI()), "found the application"),  # type: ignore[arg-type]
        (lambda guard: FlaskGuard(Guard), "found the class Guard"),  # type: ignore[arg-type]
        (lambda guard: FlaskGuard(CONFIG), r"write Guard\.from_config"),  # type: ignore[arg-type]
        (lambda guard: DjangoGuard(CONFIG), r"write Guard\.from_config"),  # type: ignore[arg-type]
        (lambda guard: type("Own", (DjangoMiddleware,), {"guard": CONFIG})(_answer), r"write Guard\.from_config"),
    ],
)
def test_slips(front: Callable[[Guard], object], expected: str) -> None:
    """For a wrong value in place of a guard or application the error says what to write, and shows no secret."""
    with pytest.raises(ConfigurationError, match=expected) as raised:
        front(guard_for_tests(rules=UNCHECKED))
    assert CONFIG["keys"]["secret"] not in str(raised.value)


@pytest.mark.parametrize("build", [Starlette, FastAPI])
@pytest.mark.parametrize("lifespan", [True, False])
@pytest.mark.parametrize(
    ("arguments", "named"), [((), {}), ((CONFIG,), {}), ((Guard,), {}), ((), {"guard": None}), ((), {"guard": CONFIG})]
)
def test_slips_of_add_middleware(
    build: Callable[[], Any], *, lifespan: bool, arguments: tuple[Any, ...], named: dict[str, Any]
) -> None:
    """Starlette makes its middlewares when the server starts, or at the first request: the error comes then."""
    app = build()
    app.add_middleware(GuardMiddleware, *arguments, **named)
    client = TestClient(app)
    with pytest.raises(ConfigurationError, match="GuardMiddleware needs a guard"):
        client.__enter__() if lifespan else client.get("/")


def test_a_guard_by_position() -> None:
    """A guard as positional argument is accepted."""
    app = Starlette()
    app.add_middleware(GuardMiddleware, guard_for_tests(rules=Rules([])))
    assert TestClient(app).get("/").status_code == 401


# Rules that nothing enforces.

RULED = guard_for_tests(rules=Rules([Rule("/health", public)]))


def _guarded(auth: FlaskGuard) -> flask.Flask:
    app = flask.Flask(__name__)
    app.add_url_rule("/guarded", "guarded", auth.requires(public)(_view))
    app.add_url_rule("/open", "open", _view)
    return app


def _view() -> str:
    return ""


def _asked(app: flask.Flask, path: str) -> int:
    app.testing = True
    return app.test_client().get(path).status_code


@pytest.mark.parametrize("path", ["/guarded", "/open", "/nowhere"])
def test_rules_without_init_app(path: str) -> None:
    """Flask: from the first request on no route is served, whether it has a decorator or not."""
    app = _guarded(FlaskGuard(RULED))
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"the guard has rules.*auth\.init_app\(app\)"):
            _asked(app, path)


def test_rules_of_another_guard() -> None:
    """The `init_app` of another guard enforces other rules."""
    app = _guarded(FlaskGuard(RULED))
    FlaskGuard(guard_for_tests(rules=Rules([], default=public))).init_app(app)
    with pytest.raises(ConfigurationError, match="the guard has rules"):
        _asked(app, "/open")


@pytest.mark.parametrize("rules", [None, UNCHECKED])
def test_no_rules_without_init_app(rules: Any) -> None:
    """A guard that enforces nothing on its own needs no `init_app`."""
    assert _asked(_guarded(FlaskGuard(guard_for_tests(rules=rules))), "/guarded") == 200


def test_a_guard_that_was_never_put_to_use() -> None:
    """Flask: made beside the application and then forgotten, it opens every route; so the application does not run."""
    app, auth = flask.Flask(__name__), FlaskGuard(RULED)
    app.add_url_rule("/open", "open", _view)
    with pytest.raises(ConfigurationError, match="the guard has rules"):
        _asked(app, "/open")
    elsewhere, guarded = flask.Flask("elsewhere"), flask.Flask(__name__)
    elsewhere.add_url_rule("/open", "open", _view)
    assert _asked(elsewhere, "/open") == 200
    auth.init_app(guarded)
    assert _asked(guarded, "/health") == 404


@pytest.mark.parametrize(
    "ask",
    [
        lambda: _started(Starlette(routes=[Route("/", ASGIGuard(RULED).requires()(_endpoint))])),
        lambda: _started(_with_dependency(FastAPIGuard(RULED))),
        lambda: _checked([path("x", DjangoGuard(RULED).requires(public)(_answer))]),
    ],
    ids=["Starlette", "FastAPI", "Django"],
)
def test_rules_without_middleware(ask: Callable[[], object]) -> None:
    """Elsewhere a guarded view, in Django a check of all views, tells that nothing enforces its guard's rules."""
    with pytest.raises(ConfigurationError, match=r"add GuardMiddleware\(guard=guard\)"):
        ask()


async def _endpoint(request: Request) -> Response:
    return Response()


def _with_dependency(auth: FastAPIGuard) -> FastAPI:
    app = FastAPI(dependencies=[auth.requires()])
    app.get("/")(_view)
    return app


# The prefix of the shipped routes.


def _shipped(kind: Any, rules: Any = UNCHECKED) -> Any:
    site = route_site("bearer")
    guard = guard_for_tests(rules=rules)
    return kind(guard, site.sessions, **site.settings)


def _flask_blueprint(outer: str, inner: str, option: str | None = None) -> None:
    parent = flask.Blueprint("parent", __name__, url_prefix=outer)
    parent.register_blueprint(_shipped(FlaskGuard).routes(inner), **({} if option is None else {"url_prefix": option}))
    flask.Flask(__name__).register_blueprint(parent)


def _mount(outer: str, inner: str) -> None:
    app = Starlette(routes=[Mount(outer, routes=_shipped(ASGIGuard).routes(inner))])
    asgi_client(app)(RawRequest(method="POST", target=f"{outer}{inner}/login"))


def _mount_behind_middleware(outer: str, inner: str) -> None:
    auth = _shipped(ASGIGuard)
    app = Starlette(routes=[Mount(outer, app=Starlette(routes=auth.routes(inner)))])
    app.add_middleware(GuardMiddleware, guard=auth)
    with TestClient(app):
        pass


def _mounted_fastapi(outer: str, inner: str) -> None:
    auth, app, inside = _shipped(FastAPIGuard), FastAPI(), FastAPI()
    inside.include_router(auth.routes(inner))
    app.mount(outer, inside)
    app.add_middleware(GuardMiddleware, guard=auth)
    _started(app)


def _include(outer: str, inner: str) -> None:
    patterns = [path(f"{outer.strip('/')}/", include(_shipped(DjangoGuard).routes(inner)))]
    _checked(patterns)


def _checked(patterns: list[Any]) -> None:
    with override_settings(ROOT_URLCONF=tuple(patterns), MIDDLEWARE=[]):
        ConfigurationError.raise_all(message.msg for message in check_order())


def _include_request(outer: str, inner: str) -> None:
    patterns = [path(f"{outer.strip('/')}/", include(_shipped(DjangoGuard).routes(inner)))]
    with override_settings(ROOT_URLCONF=tuple(patterns), MIDDLEWARE=[]):
        DjangoClient().post(f"{outer}{inner}/login")


PLACES = [_flask_blueprint, _mount, _mount_behind_middleware, _mounted_fastapi, _include, _include_request]


@pytest.mark.parametrize("put", PLACES)
@pytest.mark.parametrize(("outer", "inner"), [("/auth", "/auth"), ("/api/auth", "/auth"), ("/v1", "/v1/auth")])
def test_a_prefix_twice(put: Callable[[str, str], None], outer: str, inner: str) -> None:
    """Shipped routes below a path that says their prefix again do not start, or raise when they are asked."""
    with pytest.raises(ConfigurationError, match=r"the prefix '.*' is written twice"):
        put(outer, inner)


@pytest.mark.parametrize("put", PLACES)
@pytest.mark.parametrize(("outer", "inner"), [("/api", "/auth"), ("/login", ""), ("/auth2", "/auth")])
def test_another_prefix(put: Callable[[str, str], None], outer: str, inner: str) -> None:
    """A path that says something else is no slip."""
    put(outer, inner)


def test_the_option_of_register_blueprint() -> None:
    """Flask takes it in place of the blueprint's own prefix, so nothing is written twice."""
    _flask_blueprint("/api", "/auth", option="/auth")


@pytest.mark.parametrize(
    ("front", "put"),
    [
        (lambda auth: auth.guard, lambda auth: auth.routes()),  # not the object that made the routes
        (lambda auth: auth, lambda auth: [Mount("/api", routes=auth.routes())]),  # where the middleware knows no route
    ],
)
def test_a_login_that_needs_a_token(front: Callable[[ASGIGuard], Any], put: Callable[[ASGIGuard], Any]) -> None:
    """Rules in front of a login that the middleware does not exempt: the application does not start."""
    auth = _shipped(ASGIGuard, Rules([]))
    app = Starlette(routes=put(auth), middleware=[Middleware(GuardMiddleware, guard=front(auth))])
    with pytest.raises(ConfigurationError, match=r"a login at (/api)?/auth/login needs a token"):
        TestClient(app).__enter__()
    with pytest.raises(ConfigurationError, match="needs a token"):
        _started(app)


def test_a_login_that_rules_let_pass() -> None:
    """A rule may say so itself; and one guard's middleware may stand in front of the login of another."""
    auth = _shipped(ASGIGuard, Rules([Rule("/api/auth/login", public)]))
    for guard in (auth, guard_for_tests(rules=Rules([]))):
        app = Starlette(
            routes=[Mount("/api", routes=auth.routes())], middleware=[Middleware(GuardMiddleware, guard=guard)]
        )
        with TestClient(app):
            pass


def test_a_server_does_not_start() -> None:
    """A server is told that the start failed: it would take any other error for an application without lifespan."""
    app = GuardMiddleware(Starlette(routes=[Mount("/auth", routes=_shipped(ASGIGuard).routes())]), RULED)
    sent: list[Any] = []

    async def start() -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        await app({"type": "lifespan"}, receive, send)

    with pytest.raises(ConfigurationError):
        asyncio.run(start())
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "is written twice" in sent[0]["message"]


def test_without_the_app_of_django() -> None:
    """Django: the middleware does not start in a project whose INSTALLED_APPS lack ours."""
    with (
        override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]),
        pytest.raises(ConfigurationError, match=r"jwtguard\.E006.*INSTALLED_APPS = \[\.\.\., \"jwtguard\.django\"\]"),
    ):
        type("Own", (DjangoMiddleware,), {"guard": RULED})(_answer)


def test_a_mount_inside_itself() -> None:
    """A walk through an application that contains itself ends."""
    app = Starlette()
    app.routes.append(Mount("/again", app=app))
    assert list(endpoints_in(app)) == []
