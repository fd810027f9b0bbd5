"""The route of the resource's metadata (RFC 9728) in each framework, and the challenges that name it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module, reload
from types import ModuleType
from typing import Any

import flask
import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings
from django.urls import include, path
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from starlette.testclient import TestClient

from jwtguard import UNCHECKED, ConfigurationError, Guard, ResourceMetadata, Rules, has_scope
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.core.http.resource_metadata import warn_of_mount
from jwtguard.django import DjangoGuard
from jwtguard.django.checks import check_order
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.adapters import django_site as django_site  # Sets Django up.

with override_settings(JWTGUARD=guard_for_tests()):
    shipped_urls = import_module("jwtguard.django.metadata_urls")

Send = Callable[[RawRequest], RawAnswer]
DOCUMENT = "/.well-known/oauth-protected-resource/mcp"
URL = f"https://api.example{DOCUMENT}"


def guarded(rules: Any = None) -> Guard:
    """A guard that asks for a scope everywhere, and says where its tokens come from."""
    metadata = ResourceMetadata(resource="https://api.example/mcp")
    return guard_for_tests(rules=rules or Rules([], default=has_scope("read")), resource_metadata=metadata)


def starlette(guard: Guard, prefix: str = "") -> Send:
    """The route in an application of Starlette, or below a path of it."""
    routes: list[Any] = [ASGIGuard(guard).metadata_route()]
    routes = [Mount(prefix, routes=routes)] if prefix else routes
    return asgi_client(Starlette(routes=routes, middleware=[Middleware(GuardMiddleware, guard=guard)]))


def fastapi(guard: Guard, prefix: str = "") -> Send:
    """The same for FastAPI."""
    app, auth = FastAPI(), FastAPIGuard(guard)
    app.include_router(auth.metadata_route(), prefix=prefix)
    app.add_middleware(GuardMiddleware, guard=guard)
    assert DOCUMENT not in app.openapi()["paths"]
    return asgi_client(app)


def flask_app(guard: Guard, prefix: str = "") -> Send:
    """The same for Flask."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard)
    auth.init_app(app)
    app.register_blueprint(auth.metadata_route(), url_prefix=prefix or None)
    return wsgi_client(app)


def flask_config(guard: Guard, prefix: str = "") -> Send:
    """The same with the guard in the configuration."""
    app, auth = flask.Flask(__name__), FlaskGuard()
    app.config["JWTGUARD"] = guard
    auth.init_app(app)
    app.register_blueprint(auth.metadata_route(), url_prefix=prefix or None)
    return wsgi_client(app)


def django(guard: Guard, prefix: str = "", *, is_asgi: bool = False) -> Send:
    """The same for Django."""
    urls = ModuleType("urls")
    inner = [DjangoGuard(guard).metadata_route()]
    vars(urls)["urlpatterns"] = [path(f"{prefix.removeprefix('/')}/", include(inner))] if prefix else inner
    return django_client(urls, is_asgi=is_asgi, JWTGUARD=guard)


def django_client(urls: Any, *, is_asgi: bool = False, **settings: Any) -> Send:
    """A client of a project with these URLs."""
    changed = {"ROOT_URLCONF": urls, "MIDDLEWARE": ["jwtguard.django.GuardMiddleware"], **settings}

    def send(request: RawRequest) -> RawAnswer:
        with override_settings(DEBUG_PROPAGATE_EXCEPTIONS=True, **changed):
            return asgi_client(ASGIHandler())(request) if is_asgi else wsgi_client(WSGIHandler())(request)

    return send


def django_asgi(guard: Guard, prefix: str = "") -> Send:
    """The same under ASGI."""
    return django(guard, prefix, is_asgi=True)


def django_setting(guard: Guard, prefix: str = "") -> Send:
    """The same with the URLs that are shipped for the guard of the settings."""
    urls = ModuleType("urls")
    with override_settings(JWTGUARD=guard):
        inner = include(reload(shipped_urls))
    vars(urls)["urlpatterns"] = [path(f"{prefix.removeprefix('/')}/" if prefix else "", inner)]
    return django_client(urls, JWTGUARD=guard)


BUILD = [starlette, fastapi, flask_app, flask_config, django, django_asgi, django_setting]
builds = pytest.mark.parametrize("build", BUILD, ids=lambda build: build.__name__)


@builds
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", "Bearer broken")],
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
        [("Host", "evil.example"), ("X-Forwarded-Host", "evil.example")],
    ],
    ids=["plain", "a broken token", "two tokens", "another host"],
)
def test_the_document(build: Callable[[Guard], Send], headers: list[tuple[str, str]]) -> None:
    """Answered without reading a token, readable by any origin, and the same whatever host was asked."""
    answer = build(guarded())(RawRequest(target=DOCUMENT, headers=headers))
    assert (answer.status, answer.json()) == (
        200,
        {
            "resource": "https://api.example/mcp",
            "authorization_servers": ["https://issuer.example"],
            "scopes_supported": ["read"],
            "bearer_methods_supported": ["header"],
        },
    )
    assert answer.header("Access-Control-Allow-Origin") == "*"
    assert answer.header("Content-Type") == "application/json"
    assert answer.header("Cache-Control") == "public, max-age=300"
    assert answer.header("Vary") is None


@builds
def test_head_preflight_and_others(build: Callable[[Guard], Send]) -> None:
    """HEAD is GET without the body, OPTIONS lets a browser in, and any other method meets the rules."""
    send = build(guarded())
    head, get = send(RawRequest(method="HEAD", target=DOCUMENT)), send(RawRequest(target=DOCUMENT))
    assert (head.status, head.body, head.header("Content-Length")) == (200, b"", str(len(get.body)))
    fields = [("Origin", "https://inspector.example"), ("Access-Control-Request-Method", "GET")]
    preflight = send(RawRequest(method="OPTIONS", target=DOCUMENT, headers=fields))
    assert (preflight.status, preflight.header("Access-Control-Allow-Headers")) == (204, "*")
    assert preflight.header("Access-Control-Allow-Origin") == "*"
    assert send(RawRequest(method="POST", target=DOCUMENT)).status == 401


@builds
def test_other_methods(build: Callable[[Guard], Send]) -> None:
    """Where no rule refuses it, another method is 405."""
    assert build(guarded(UNCHECKED))(RawRequest(method="POST", target=DOCUMENT)).status == 405


@builds
def test_challenges_name_the_document(build: Callable[[Guard], Send]) -> None:
    """Each challenge of the application has its URL and the scopes to ask for; its host is the configured one."""
    send = build(guarded())
    for target in ("/mcp", f"{DOCUMENT}/more", "/.well-known/oauth-protected-resource"):
        refused = send(RawRequest(target=target, headers=[("Host", "evil.example")]))
        assert refused.status == 401
        assert refused.header("WWW-Authenticate") == f'Bearer realm="api", scope="read", resource_metadata="{URL}"'


@pytest.mark.parametrize("build", [starlette, fastapi, flask_app, flask_config], ids=lambda build: build.__name__)
def test_a_route_below_a_path_is_an_error(build: Callable[..., Send]) -> None:
    """No client looks there (RFC 9728 §3.1): the application does not start, or says so at the first request."""
    with pytest.raises(ConfigurationError, match="without a prefix"):
        build(guarded(), prefix="/api")(RawRequest(target=f"/api{DOCUMENT}"))


@pytest.mark.parametrize(
    "build",
    [
        lambda guard: ASGIGuard(guard).metadata_route(),
        lambda guard: FastAPIGuard(guard).metadata_route(),
        lambda guard: flask.Flask(__name__).register_blueprint(FlaskGuard(guard).metadata_route()),
        lambda guard: DjangoGuard(guard).metadata_route(),
    ],
)
def test_a_guard_without_metadata(build: Callable[[Guard], object]) -> None:
    """The route says what to write into the guard."""
    with pytest.raises(ConfigurationError, match="resource_metadata=ResourceMetadata"):
        build(guard_for_tests(rules=Rules([], default=has_scope("read"))))


@pytest.mark.parametrize(
    ("prefix", "settings", "expected"),
    [
        ("", {}, []),
        ("/api", {}, ["jwtguard.E203"]),
        ("", {"FORCE_SCRIPT_NAME": "/below"}, ["jwtguard.W010"]),
        (None, {}, ["jwtguard.W009"]),
    ],
)
def test_checks_of_django(prefix: str | None, settings: dict[str, Any], expected: list[str]) -> None:
    """`manage.py check` finds a document that stands below a path, is not served, or cannot be reached."""
    guard, urls = guarded(), ModuleType("urls")
    inner = [DjangoGuard(guard).metadata_route()]
    vars(urls)["urlpatterns"] = [] if prefix is None else [path(f"{prefix}/".removeprefix("/"), include(inner))]
    front = ["jwtguard.django.GuardMiddleware"]
    with override_settings(ROOT_URLCONF=urls, JWTGUARD=guard, MIDDLEWARE=front, **settings):
        assert [message.id for message in check_order()] == expected
    for other in (guard_for_tests(rules=Rules([])), {"issuer": 5}):  # One without metadata, and one that is wrong.
        with override_settings(ROOT_URLCONF=urls, JWTGUARD=other, MIDDLEWARE=front):
            assert not {"jwtguard.W009", "jwtguard.W010"} & {message.id for message in check_order()}


def test_urls_of_a_guard_without_metadata() -> None:
    """The shipped URLs fail closed, and a check says what to write."""
    guard, urls = guard_for_tests(rules=Rules([])), ModuleType("urls")
    with override_settings(JWTGUARD=guard):
        vars(urls)["urlpatterns"] = [path("", include(reload(shipped_urls)))]
    with override_settings(ROOT_URLCONF=urls, JWTGUARD=guard):
        outer: Any = vars(urls)["urlpatterns"][0]
        (pattern,) = outer.url_patterns
        assert [message.id for message in pattern.check()] == ["jwtguard.E201"]


def test_the_path_is_guarded_until_its_route_is_mounted() -> None:
    """A route that catches everything is not opened by the setting alone."""
    app, guard = flask.Flask(__name__), guarded()
    FlaskGuard(guard).init_app(app)
    app.add_url_rule("/<path:path>", "all", lambda path: path)
    assert wsgi_client(app)(RawRequest(target=DOCUMENT)).status == 401


def test_a_flask_guard_that_has_no_guard_yet() -> None:
    """The blueprint is registered after `init_app`."""
    with pytest.raises(ConfigurationError, match="call init_app"):
        flask.Flask(__name__).register_blueprint(FlaskGuard().metadata_route())


def flask_below(guard: Guard) -> None:
    """Flask whose configuration says where it is mounted."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard)
    app.config["APPLICATION_ROOT"] = "/below"
    app.register_blueprint(auth.metadata_route())


def fastapi_below(guard: Guard) -> None:
    """FastAPI that knows the same, when it starts."""
    app = FastAPI()
    app.root_path = "/below"  # The argument is deprecated.
    app.include_router(FastAPIGuard(guard).metadata_route())
    app.add_middleware(GuardMiddleware, guard=guard)
    with TestClient(app):
        pass


@pytest.mark.parametrize("build", [flask_below, fastapi_below])
def test_a_mount_that_the_settings_tell_of(build: Callable[[Guard], object], caplog: pytest.LogCaptureFixture) -> None:
    """The log says so when the application starts, before any request."""
    warn_of_mount.cache_clear()
    with caplog.at_level(logging.WARNING, logger="jwtguard"):
        build(guarded())
    assert any("mounted below '/below'" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("build", [starlette, flask_app, django], ids=lambda build: build.__name__)
def test_an_application_that_is_mounted_below_a_path(
    build: Callable[[Guard], Send], caplog: pytest.LogCaptureFixture
) -> None:
    """It may never be asked for its document: the log says so once."""
    warn_of_mount.cache_clear()
    send = build(guarded())
    with caplog.at_level(logging.WARNING, logger="jwtguard"):
        for _ in range(2):
            send(RawRequest(target="/below/mcp", root_path="/below"))
    (warned,) = [record.getMessage() for record in caplog.records if "mounted below" in record.getMessage()]
    assert f"mounted below '/below' and cannot serve {URL} itself" in warned
