"""The contract of adapters, for FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from starlette.middleware.cors import CORSMiddleware

from jwtguard.asgi import GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing import AdapterConformance, Route, Site, WebSocketConformance, asgi_client, websocket_client
from jwtguard.testing.conformance.raw_clients import Client, Message, RawRequest

Sleep = Callable[[float], Awaitable[object]] | None


def build(site: Site, sleep: Sleep = None) -> FastAPI:
    """The site as a FastAPI application."""
    app = FastAPI(docs_url=None)  # It would answer at /docs.
    auth, other = FastAPIGuard(site.guard), FastAPIGuard(site.other)
    auth.init_app(app)
    if site.preflight:
        app.add_middleware(CORSMiddleware, allow_origins=["https://app.example"], allow_methods=["POST"])
    if site.middleware:
        app.add_middleware(GuardMiddleware, guard=site.guard, preflight=site.preflight, sleep=sleep)
    if site.other_middleware:
        app.add_middleware(GuardMiddleware, guard=site.other)
    for route in site.routes:
        _add(app, other if route.by_other else auth, route, is_async=site.async_views)

    dependency = auth.requires()

    async def socket(websocket: WebSocket, caller: Any = dependency) -> None:
        await websocket.accept()
        await websocket.send_text(caller.subject)
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass

    app.add_api_websocket_route("/socket", socket)
    return app


def _add(app: FastAPI, auth: FastAPIGuard, route: Route, *, is_async: bool) -> None:
    view: Any
    if route.requirement is None:

        def plain(request: Request) -> dict[str, str | None]:
            principal = auth.principal(request)
            return {"subject": None if principal is None else principal.subject}

        view = plain
    else:
        dependency = auth.requires(route.requirement, tokens_from=route.tokens_from)

        def guarded(caller: Any = dependency) -> dict[str, str | None]:
            return {"subject": None if caller is None else caller.subject}

        async def guarded_async(caller: Any = dependency) -> dict[str, str | None]:
            return guarded(caller)

        view = guarded_async if is_async else guarded
    # The annotations above are strings, and FastAPI looks for their names in this module.
    app.add_api_route(route.path, view, methods=["GET", "HEAD", "POST"])


class TestFastAPI(AdapterConformance, WebSocketConformance):
    """FastAPI, which knows methods as they are written."""

    every_row = False
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
