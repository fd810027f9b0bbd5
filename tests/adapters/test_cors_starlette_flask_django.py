"""CORS by other people's packages beside rules: which preflights pass, and which refusals a page can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import flask
import pytest
from corsheaders.defaults import default_headers
from django.core.checks import CheckMessage
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import path
from flask_cors import CORS, cross_origin
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jwtguard import Rule, Rules, authenticated, public
from jwtguard.asgi import GuardMiddleware
from jwtguard.django import GuardMiddleware as DjangoMiddleware
from jwtguard.django.checks import check_settings
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.raw_clients import Client
from tests.adapters import django_site as django_site  # configures Django's settings

PAGE = "https://app.example"
GUARD = guard_for_tests(rules=Rules([Rule("/public", public)]))
PREFLIGHT = [
    ("Host", "api.example"),
    ("Origin", PAGE),
    ("Access-Control-Request-Method", "GET"),
    ("Access-Control-Request-Headers", "authorization"),
]


def asked(client: Client, target: str, method: str, *headers: tuple[str, str]) -> tuple[int, str | None]:
    """The status, and which origin may read the answer."""
    answer = client(RawRequest(method=method, target=target, headers=[*PREFLIGHT[:2], *headers]))
    return answer.status, answer.header("Access-Control-Allow-Origin")


def preflight(client: Client, target: str) -> tuple[int, str | None]:
    """What a preflight gets."""
    return asked(client, target, "OPTIONS", *PREFLIGHT[2:])


def flask_app(*, requires_before: bool = False, own_options: bool = False) -> Client:
    """Flask-CORS for the whole application, or for one view by its decorator."""
    app, auth = flask.Flask(__name__), FlaskGuard(GUARD)
    if not own_options:
        CORS(app, origins=[PAGE])
    auth.init_app(app)
    api = flask.Blueprint("api", __name__)
    if requires_before:
        api.before_request(auth.requires(authenticated)(lambda: None))
    api.add_url_rule("/me", "me", cross_origin(origins=[PAGE])(lambda: "me") if own_options else lambda: "me")
    app.register_blueprint(api, url_prefix="/api")
    return wsgi_client(app)


def test_flask_cors() -> None:
    """A preflight of a route passes; a page can read the answer, and refusals of its requests, too."""
    client = flask_app()
    assert preflight(client, "/api/me") == (200, PAGE)
    assert asked(client, "/api/me", "GET") == (401, PAGE)
    assert asked(client, "/api/me", "GET", bearer(GOOD)) == (200, PAGE)


def test_flask_cors_where_there_is_no_route() -> None:
    """A preflight of an unknown path is refused as every other request without a token: a handler of 404 could run."""
    assert preflight(flask_app(), "/api/unknown") == (401, PAGE)


def test_flask_cors_and_an_ambiguous_path() -> None:
    """Before everything else, the path must have one reading."""
    for target in ("/api//me", "//api/me", "/api/me%0a", "/x/../api/me"):
        assert preflight(flask_app(), target) == (400, PAGE)


def test_flask_cors_by_decorator() -> None:
    """Where a view answers OPTIONS itself, it would run without a token, so a rule must say that it may."""
    client = flask_app(own_options=True)
    assert preflight(client, "/api/me")[0] == 401


def test_a_rule_for_options() -> None:
    """A rule with the method OPTIONS lets preflights pass to the application."""
    rules = Rules([Rule("/api/", public, methods=["OPTIONS"])])
    app, auth = flask.Flask(__name__), FlaskGuard(guard_for_tests(rules=rules))
    auth.init_app(app)
    app.add_url_rule("/api/me", "me", cross_origin(origins=[PAGE])(lambda: "me"))
    client = wsgi_client(app)
    assert preflight(client, "/api/me") == (200, PAGE)
    assert asked(client, "/api/me", "GET")[0] == 401


def test_requires_in_a_blueprints_hook() -> None:
    """A hook of a blueprint runs for preflights too, so `requires` there refuses them: rules are for this."""
    client = flask_app(requires_before=True)
    assert preflight(client, "/api/me") == (401, PAGE)
    assert asked(client, "/api/me", "GET", bearer(GOOD)) == (200, PAGE)


async def me(request: Request) -> PlainTextResponse:
    """A view behind rules."""
    return PlainTextResponse("me")


CORS_LAYER = Middleware(CORSMiddleware, allow_origins=[PAGE], allow_headers=["authorization"])


@pytest.mark.parametrize(
    ("layers", "target", "status"),
    [
        ([CORS_LAYER, Middleware(GuardMiddleware, guard=GUARD)], "/me", 200),
        ([CORS_LAYER, Middleware(GuardMiddleware, guard=GUARD)], "/unknown", 200),
        ([Middleware(GuardMiddleware, guard=GUARD), CORS_LAYER], "/me", 401),
        ([Middleware(GuardMiddleware, guard=GUARD, preflight=True), CORS_LAYER], "/me", 200),
        ([Middleware(GuardMiddleware, guard=GUARD, preflight=True), CORS_LAYER], "/unknown", 200),
        ([Middleware(GuardMiddleware, guard=GUARD, preflight=True), CORS_LAYER], "/me%0a", 400),
        ([Middleware(GuardMiddleware, guard=GUARD, preflight=True), CORS_LAYER], "//me", 400),
    ],
)
def test_starlette(layers: list[Middleware], target: str, status: int) -> None:
    """Outside the guard, CORSMiddleware answers; inside, only where the guard lets preflights pass to it."""
    client = asgi_client(Starlette(routes=[Route("/me", me)], middleware=layers))
    assert preflight(client, target) == (status, PAGE if status == 200 else None)
    assert asked(client, "/me", "GET") == (401, PAGE if layers[0] is CORS_LAYER else None)


class Guarded(DjangoMiddleware):
    """Django's middleware of this guard."""

    guard = GUARD


OURS, THEIRS = f"{__name__}.Guarded", "corsheaders.middleware.CorsMiddleware"


@contextmanager
def django_project(*middleware: str) -> Iterator[Client]:
    """A project with django-cors-headers."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("me")

    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("me", view)]
    settings: dict[str, Any] = {
        "ROOT_URLCONF": urls,
        "MIDDLEWARE": list(middleware),
        "ALLOWED_HOSTS": ["*"],
        "CORS_ALLOWED_ORIGINS": [PAGE],
        "CORS_ALLOW_HEADERS": [*default_headers],
    }
    with override_settings(**settings):
        yield wsgi_client(WSGIHandler())


def test_django_cors_headers_outside() -> None:
    """Its middleware stands before ours in MIDDLEWARE: it answers preflights, and a page can read refusals."""
    with django_project(THEIRS, OURS) as client:
        assert preflight(client, "/me") == (200, PAGE)
        assert preflight(client, "/unknown") == (200, PAGE)
        assert asked(client, "/me", "GET") == (401, PAGE)
        assert messages() == []


def test_django_cors_headers_inside() -> None:
    """Behind ours, preflights are refused before it can answer them, and a check says so."""
    with django_project(OURS, THEIRS) as client:
        assert preflight(client, "/me") == (401, None)
        assert [message.id for message in messages()] == ["jwtguard.W008"]


def messages() -> list[CheckMessage]:
    """What `manage.py check` says."""
    return [message for message in check_settings() if str(message.id).startswith("jwtguard.")]
