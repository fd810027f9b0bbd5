"""What a guarded request costs under ASGI, beside the framework: see `tests/test_costs.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse as Plain
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jwtguard import UNCHECKED, Guard, Principal, Rule, Rules, has_role
from jwtguard.asgi import GuardMiddleware, requires
from jwtguard.fastapi import FastAPIGuard
from tests.costs import Counter, Work
from tests.samples import guard, token

App = Callable[..., Awaitable[None]]
ADMIN = has_role("admin")
IN_FRONT = Rules([Rule("/x", ADMIN)])


async def _anything(scope: object, receive: object, send: object) -> None:
    """An application that costs nothing."""


async def _view(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.user.subject)


def _middleware(by: Guard) -> App:
    return GuardMiddleware(_anything, guard=by)


def _decorator(by: Guard) -> App:
    return Starlette(routes=[Route("/x", requires(ADMIN, guard=by)(_view))])


def _both(by: Guard) -> App:
    return Starlette(routes=[Route("/x", requires(ADMIN)(_view))], middleware=[Middleware(GuardMiddleware, guard=by)])


def _dependency(by: Guard) -> App:
    app, auth = FastAPI(), FastAPIGuard(by)
    auth.init_app(app)

    @app.get("/x", response_class=Plain)
    async def view(caller: Principal = auth.requires(ADMIN)) -> Plain:  # noqa: B008 - as FastAPI has it
        return Plain(str(caller.subject))

    return app


async def _ask(app: App, text: str, status: int = 200) -> None:
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        statuses.append(message.get("status", status))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/x",
        "raw_path": b"/x",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"a.example"), (b"accept", b"*/*"), (b"authorization", b"Bearer " + text.encode())],
        "server": ("a.example", 80),
        "client": ("127.0.0.1", 50000),
        "state": {},
    }
    await app(scope, receive, send)
    assert set(statuses) <= {status}


@pytest.mark.parametrize(
    ("build", "changes"),
    [
        pytest.param(_middleware, {"rules": UNCHECKED}, id="middleware"),
        pytest.param(_middleware, {"rules": IN_FRONT}, id="middleware with rules"),
        pytest.param(_decorator, {}, id="decorator"),
        pytest.param(_both, {"rules": UNCHECKED}, id="middleware and decorator"),
        pytest.param(_dependency, {}, id="FastAPI's dependency"),
    ],
)
def test_a_request(build: Callable[[Guard], App], changes: dict[str, Any]) -> None:
    """From the scope to the endpoint, with the token new and seen before."""
    app = build(guard(**changes))
    asyncio.run(_ask(app, token(roles=["admin"])))
    text = token("user-2", roles=["admin"])
    first, second = (Counter(lambda: asyncio.run(_ask(app, text))) for _ in range(2))

    assert (first.work, second.work) == (Work(json=1, base64=2, sha256=1), Work(sha256=1))
