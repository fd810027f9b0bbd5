"""The ready-made routes and silent renewal, for Starlette."""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.testing import RenewalConformance, RouteConformance, RouteSite, SiteView, asgi_client
from jwtguard.testing.clients import Client


def build(site: RouteSite) -> Starlette:
    """The site as a Starlette application."""
    auth = ASGIGuard(site.guard, site.sessions, **site.settings)
    middleware = [Middleware(GuardMiddleware, guard=auth)] if site.middleware else []
    routes = [*auth.routes(), auth.jwks_route(), *(_route(auth, view) for view in site.views)]
    return Starlette(routes=routes, middleware=middleware)


def _route(auth: ASGIGuard, view: SiteView) -> Route:
    async def answer(request: Request) -> JSONResponse:
        if view.raises:
            raise RuntimeError("unforeseen")
        caller = auth.principal(request) if view.reads else None
        response = JSONResponse({"subject": None if caller is None else caller.subject})
        for name, value in view.headers:
            response.headers.append(name, value)
        return response

    guarded: Any = auth.requires()(answer) if view.is_guarded else answer
    return Route(view.path, guarded, methods=["GET", "POST"])


class TestStarlette(RouteConformance, RenewalConformance):
    """Starlette."""

    def client(self, site: RouteSite) -> Client:
        return asgi_client(build(site))
