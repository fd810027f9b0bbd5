"""The routes in any ASGI application: what Starlette never does."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette

from jwtguard import ConfigurationError
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing import RawRequest, asgi_client
from jwtguard.testing.conformance.browser import Browser
from jwtguard.testing.conformance.route_sites import route_site


def test_a_response_without_headers() -> None:
    """The headers of `http.response.start` may be missing (ASGI, HTTP spec §Response Start): new cookies are added."""
    site = route_site("silent renewal")
    refresh_token = site.sessions.start("user-alice").run().refresh_token

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    app = GuardMiddleware(application, guard=ASGIGuard(site.guard, site.sessions, **site.settings))
    browser = Browser(asgi_client(app))
    browser.put("__Host-refresh", refresh_token)
    answer = browser.send("GET", "/")
    assert answer.header("Cache-Control") == "no-store"
    assert len(browser.set_cookies) == 2


def test_the_middleware_made_first() -> None:
    """Routes that are mounted after the middleware was made are exempt all the same; others of that path are not."""
    site = route_site("cookies, rules")
    auth = ASGIGuard(site.guard, site.sessions, **site.settings)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    client = asgi_client(GuardMiddleware(application, guard=auth))
    login = RawRequest(method="POST", target="/v1/login")
    assert client(login).status == 401
    auth.routes("/v1")
    assert client(login).status == 204
    assert client(RawRequest(method="GET", target="/v1/login")).status == 405
    assert client(RawRequest(method="POST", target="/v1/login/x")).status == 401
    assert client(RawRequest(method="POST", target="/login")).status == 401


@pytest.mark.parametrize("adapter", [ASGIGuard, FastAPIGuard])
def test_nothing_to_mount(adapter: Any) -> None:
    """Without sessions there are no routes."""
    site = route_site("bearer")
    with pytest.raises(ConfigurationError, match="the routes need sessions"):
        adapter(site.guard).routes()
    with pytest.raises(ConfigurationError, match="pass authenticate=check_password"):
        adapter(site.guard, site.sessions).jwks_route()
    with pytest.raises(ConfigurationError, match="the prefix starts with a slash"):
        adapter(site.guard, site.sessions, **site.settings).routes("auth")


def test_long_bodies_are_not_read_on() -> None:
    """A body in chunks is read until it is too long."""
    site = route_site("bearer, short body")
    auth = ASGIGuard(site.guard, site.sessions, **site.settings)
    (login, *_) = auth.routes()
    chunks = [json.dumps({"username": "a"}).encode(), b" " * 90, b" " * 90]
    sent: list[Any] = []

    async def run() -> None:
        async def receive() -> Any:
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/auth/login", "headers": [], "path_params": {}}
        await login.app({**scope, "query_string": b""}, receive, send)

    import asyncio

    asyncio.run(run())
    assert sent[0]["status"] == 413
    assert len(chunks) == 1


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("name", ["cookies", "refresh cookie", "silent renewal", "bearer"])
def test_the_refresh_cookie_is_hidden_from_the_application(name: str, kind: str) -> None:
    """The application sees every other cookie, in a request and in a handshake; a middleware in front sees all."""
    site = route_site(name)
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    app = GuardMiddleware(application, guard=ASGIGuard(site.guard, site.sessions, **site.settings))
    cookies = [b"theme=dark; __Host-refresh=secret", b"__Host-refresh=secret", b"x=1"]
    headers = [(b"Cookie", cookies[0]), (b"host", b"api.example"), *((b"cookie", each) for each in cookies[1:])]
    scope: dict[str, Any] = {
        "type": kind,
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": headers,
        "subprotocols": [],
    }
    asyncio.run(app(scope, _never, _never))
    (inner,) = seen
    found = [value for field, value in inner["headers"] if field.lower() == b"cookie"]
    assert found == (cookies if name == "bearer" else [b"theme=dark", b"x=1"])
    assert ("secret" in repr(inner), scope["headers"]) == (name == "bearer", headers)


async def _never(*_: object) -> Any:
    """What this application and this client never do."""
    raise AssertionError


def test_two_middlewares_that_hide_a_cookie_each() -> None:
    """Each of two applications in one process reads its own refresh cookie, however many middlewares are in front."""
    outer, inner = route_site("cookies"), route_site("cookies, own name")
    objects = [ASGIGuard(site.guard, site.sessions, **site.settings) for site in (outer, inner)]
    app: Any = Starlette(routes=[*objects[0].routes("/auth"), *objects[1].routes("/admin")])
    for auth in reversed(objects):
        app = GuardMiddleware(app, guard=auth)
    browser = Browser(asgi_client(app))
    browser.login()
    browser.send("POST", "/admin/login", json_body={"username": "bob", "password": "builder"})
    outer.clock.now = inner.clock.now = outer.clock.now + 100
    assert browser.send("POST", "/auth/refresh").status == 200
    assert browser.send("POST", "/admin/refresh").status == 200
