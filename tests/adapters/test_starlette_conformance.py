"""The contract of adapters, for Starlette, with its endpoints sync and async, and websockets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route as StarletteRoute
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from jwtguard import Principal
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.testing import AdapterConformance, Route, Site, WebSocketConformance, asgi_client, websocket_client
from jwtguard.testing.conformance.raw_clients import Client, Message, RawRequest

Sleep = Callable[[float], Awaitable[object]] | None


def subject_of(principal: Principal | None) -> str | None:
    return None if principal is None else principal.subject


def middleware(site: Site, sleep: Sleep = None) -> list[Middleware]:
    """What stands in front of the site."""
    found = []
    if site.other_middleware:
        found.append(Middleware(GuardMiddleware, guard=site.other))
    if site.middleware:
        found.append(Middleware(GuardMiddleware, guard=site.guard, preflight=site.preflight, sleep=sleep))
    if site.preflight:
        found.append(Middleware(CORSMiddleware, allow_origins=["https://app.example"], allow_methods=["POST"]))
    return found


def build(site: Site, sleep: Sleep = None) -> Starlette:
    """The site as a Starlette application."""
    auth, other = ASGIGuard(site.guard), ASGIGuard(site.other)
    routes: list[Any] = [_route(other if route.by_other else auth, route, site) for route in site.routes]
    routes.append(WebSocketRoute("/socket", auth.requires()(socket)))
    return Starlette(routes=routes, middleware=middleware(site, sleep))


def _route(auth: ASGIGuard, route: Route, site: Site) -> StarletteRoute:
    def caller(request: Request) -> JSONResponse:
        # As a view without a decorator must: reading raises the refusal. `request.user` is checked on the way.
        principal = auth.principal(request) if route.requirement is None else None
        if route.requirement is not None:
            principal = request.user if request.user.is_authenticated else None
        return JSONResponse({"subject": subject_of(principal)})

    async def async_caller(request: Request) -> JSONResponse:
        return caller(request)

    view: Any = async_caller if site.async_views else caller
    if route.requirement is not None:
        view = auth.requires(route.requirement, tokens_from=route.tokens_from)(view)
    return StarletteRoute(route.path, view, methods=["GET", "POST"])


async def socket(websocket: WebSocket) -> None:
    """Accept, say who is calling, and wait for the end."""
    await websocket.accept()
    await websocket.send_text(websocket.user.subject)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass


class TestStarlette(AdapterConformance, WebSocketConformance):
    """Starlette, which knows methods as they are written."""

    can = AdapterConformance.can - {"methods in any case"}

    def client(self, site: Site) -> Client:
        return asgi_client(build(site))

    def websocket(
        self,
        site: Site,
        request: RawRequest,
        *,
        can_deny: bool = True,
        sleep: Sleep = None,
        incoming: Sequence[Message] = (),
    ) -> list[Message]:
        return websocket_client(build(site, sleep), request, can_deny=can_deny, incoming=incoming)
