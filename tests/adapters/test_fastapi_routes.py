"""The ready-made routes and silent renewal, for FastAPI."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from jwtguard.asgi import GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing import RenewalConformance, RouteConformance, RouteSite, SiteView, asgi_client
from jwtguard.testing.conformance.raw_clients import Client
from jwtguard.testing.conformance.route_sites import route_site


def build(site: RouteSite) -> FastAPI:
    """The site as a FastAPI application."""
    app = FastAPI()
    auth = FastAPIGuard(site.guard, site.sessions, **site.settings)
    auth.init_app(app)
    app.include_router(auth.routes())
    app.include_router(auth.jwks_route())
    if site.middleware:
        app.add_middleware(GuardMiddleware, guard=auth)
    for view in site.views:
        _add(app, auth, view)
    return app


def _add(app: FastAPI, auth: FastAPIGuard, view: SiteView) -> None:
    async def answer(request: Request) -> JSONResponse:
        if view.raises:
            raise RuntimeError("unforeseen")
        caller = auth.principal(request) if view.reads else None
        response = JSONResponse({"subject": None if caller is None else caller.subject})
        for name, value in view.headers:
            response.headers.append(name, value)
        return response

    dependencies: list[Any] = [auth.requires()] if view.is_guarded else []
    methods = ["GET", "HEAD", "POST"]
    app.add_api_route(view.path, answer, methods=methods, dependencies=dependencies, include_in_schema=False)


class TestFastAPI(RouteConformance, RenewalConformance):
    """FastAPI."""

    every_row = False

    def client(self, site: RouteSite) -> Client:
        return asgi_client(build(site))


def test_openapi() -> None:
    """The document describes bodies, answers and who needs a token."""
    document = build(route_site("cookies")).openapi()
    login = document["paths"]["/auth/login"]["post"]
    assert sorted(login["requestBody"]["content"]) == ["application/json", "application/x-www-form-urlencoded"]
    assert sorted(login["responses"]) == ["200", "400", "401", "403", "413", "415", "429", "503"]
    assert "security" not in login
    ending = document["paths"]["/auth/sessions/{session_id}"]["delete"]
    assert sorted(ending["responses"]) == ["204", "401", "403", "404", "503"]
    assert ending["security"] == [{"BearerToken": []}, {"CookieToken.__Host-access": []}]
    assert [parameter["name"] for parameter in ending["parameters"]] == ["session_id"]
    assert list(document["paths"]["/auth/.well-known/jwks.json"]) == ["get"]
    assert list(document["paths"]["/.well-known/jwks.json"]) == ["get"]
