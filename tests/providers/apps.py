"""The same small API as a Flask, an ASGI and a Django application, behind one guard."""

from __future__ import annotations

from collections.abc import Callable

import flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route as StarletteRoute

from jwtguard import Guard, has_scope
from jwtguard.asgi import ASGIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import Route, Site, asgi_client, wsgi_client
from jwtguard.testing.conformance.raw_clients import Client, RawRequest
from tests.adapters import django_site

READ = has_scope("read")


def flask_client(guard: Guard) -> Client:
    """A Flask application."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard)

    @app.get("/read")
    @auth.requires(READ)
    def read() -> flask.Response:
        return flask.jsonify(subject=auth.principal.subject)  # type: ignore[union-attr]

    return wsgi_client(app)


def asgi(guard: Guard) -> Client:
    """An ASGI application."""
    auth = ASGIGuard(guard)

    @auth.requires(READ)
    async def read(request: Request) -> JSONResponse:
        return JSONResponse({"subject": auth.principal(request).subject})  # type: ignore[union-attr]

    return asgi_client(Starlette(routes=[StarletteRoute("/read", read)]))


def django(guard: Guard) -> Client:
    """A Django application."""
    site = Site(guard=guard, other=guard, routes=(Route(path="/read", requirement=READ),), middleware=False)
    return wsgi_client(django_site.build(site, is_asgi=False))


APPS: dict[str, Callable[[Guard], Client]] = {"flask": flask_client, "asgi": asgi, "django": django}


def status(client: Client, token: str) -> int:
    """What a request with `token` is answered."""
    return client(RawRequest(target="/read", headers=[("Authorization", f"Bearer {token}")])).status


def statuses(guard: Guard, token: str) -> set[int]:
    """What all applications answer, which had better be one thing."""
    return {status(make(guard), token) for make in APPS.values()}
