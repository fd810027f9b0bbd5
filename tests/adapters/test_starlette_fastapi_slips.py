"""A slip of the hand with `requires` in a Starlette or FastAPI application: an error, not an open route."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.websockets import WebSocket

from jwtguard import UNCHECKED, ConfigurationError, Guard, Principal, has_role
from jwtguard.asgi import ASGIGuard, GuardMiddleware, requires
from jwtguard.testing import RawRequest, asgi_client
from jwtguard.testing.conformance.adapter_case import GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests

if TYPE_CHECKING:
    from starlette.requests import Request as OnlyForTypeCheckers

GUARD = guard_for_tests(rules=UNCHECKED)
AUTH = ASGIGuard(GUARD)


async def hello(request: Request) -> Response:
    """An endpoint."""
    return PlainTextResponse("hello")


def ask(app: Any, target: str = "/") -> int:
    """The status of a request with a token."""
    return asgi_client(app)(RawRequest(target=target, headers=(bearer(GOOD),))).status


# `requires` above the line that registers the route.


def slipped(router: FastAPI | APIRouter) -> None:
    """Registers an endpoint bare, and another one as it should be."""

    @requires(has_role("admin"), guard=GUARD)
    @router.get("/slip")
    async def slip(request: Request) -> str:
        raise AssertionError

    @router.get("/right")
    @requires(guard=GUARD)
    async def right(request: Request) -> str:
        return "right"


def plain() -> FastAPI:
    """An application with such an endpoint."""
    app = FastAPI()
    slipped(app)
    return app


def with_a_router() -> FastAPI:
    """The same in a router of a router."""
    app, outer, inner = FastAPI(), APIRouter(), APIRouter()
    slipped(inner)
    outer.include_router(inner)
    app.include_router(outer)
    return app


def with_a_mount() -> FastAPI:
    """The same in an application that is mounted."""
    app = FastAPI()
    app.mount("/inner", plain())
    return app


@pytest.mark.parametrize("make", [plain, with_a_router, with_a_mount])
def test_order_behind_a_middleware(make: Any) -> None:
    """The application does not start, and answers no request where there is no lifespan; inside or around it."""
    inside, error = make(), "slip: its route was registered before `requires`"
    inside.add_middleware(GuardMiddleware, guard=GUARD)
    for app in (inside, GuardMiddleware(make(), guard=GUARD)):
        with pytest.raises(ConfigurationError, match=error):
            asyncio.run(app({"type": "lifespan", "app": app}, _nothing, _nothing))
        for path in ("/slip", "/right", "/nowhere"):
            with pytest.raises(ConfigurationError, match=error):
                ask(app, path)


async def _nothing(*_: object) -> Any:
    raise AssertionError


@pytest.mark.parametrize("make", [plain, with_a_router])
def test_order_without_a_middleware(make: Any) -> None:
    """The first guarded endpoint that runs says so."""
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="slip: its route was registered before `requires`"):
            ask(make(), "/right")


def test_in_order() -> None:
    """Behind a middleware, nested ones and a mount, what is in order is checked once and goes on."""
    inner = GuardMiddleware(Starlette(routes=[Route("/", requires()(hello))]), guard=GUARD)
    app = Starlette(routes=[Mount("/a", inner), Mount("/b", inner), Mount("/c", an_application)])
    outer = GuardMiddleware(app, guard=GUARD)
    assert [ask(outer, "/a/"), ask(outer, "/a/"), ask(outer, "/b/")] == [200, 200, 200]
    alone = Starlette(routes=[Route("/", AUTH.requires()(hello))])
    assert [ask(alone), ask(alone)] == [200, 200]


# What `requires` is put around.


class OfTwo(Protocol):
    """What an endpoint may say it takes."""

    scope: Any


class AnApplication:
    """An application that is an object."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError


async def an_application(scope: Any, receive: Any, send: Any) -> None:
    """An application that is a function."""


@pytest.mark.parametrize("app", [AnApplication(), an_application, Starlette(), FastAPI()])
def test_applications(app: Any) -> None:
    """An application is guarded by the middleware, which the error says."""
    with pytest.raises(ConfigurationError, match=r"write GuardMiddleware\(app, guard=guard\)"):
        AUTH.requires()(app)


def without_arguments() -> None: ...
def with_a_number(item_id: int) -> None: ...
def with_a_principal(caller: Annotated[Principal, "from the guard"]) -> None: ...
def with_a_list(names: list[str]) -> None: ...


@pytest.mark.parametrize("endpoint", [without_arguments, with_a_number, with_a_principal, with_a_list])
def test_endpoints_without_a_request(endpoint: Any) -> None:
    """An endpoint that surely gets neither a request nor a websocket cannot be guarded."""
    with pytest.raises(ConfigurationError, match=r"takes neither: write `request: Request`, or in FastAPI `caller: "):
        requires()(endpoint)


def with_a_request(request: Request) -> None: ...
def with_a_websocket(item_id: int, socket: Annotated[WebSocket, "open"]) -> None: ...
def with_a_connection(connection: HTTPConnection) -> None: ...
def with_anything(request) -> None: ...  # type: ignore[no-untyped-def] # noqa: ANN001
def with_any(request: Any) -> None: ...
def with_an_object(request: object) -> None: ...
def with_a_union(request: Request | WebSocket) -> None: ...
def with_a_protocol(request: OfTwo) -> None: ...
def with_arguments(*args: object) -> None: ...
def with_a_lost_name(request: OnlyForTypeCheckers) -> None: ...


@pytest.mark.parametrize(
    "endpoint",
    [
        with_a_request,
        with_a_websocket,
        with_a_connection,
        with_anything,
        with_any,
        with_an_object,
        with_a_union,
        with_a_protocol,
        with_arguments,
        with_a_lost_name,
        dict.update,
    ],
)
def test_endpoints_that_may_get_one(endpoint: Any) -> None:
    """Where it can be, or cannot be known, the decorator waits for the request."""
    assert callable(requires()(endpoint))


@pytest.mark.parametrize("kind", [HTTPEndpoint, WebSocketEndpoint])
def test_classes(kind: Any) -> None:
    """On a class it is an error that names the methods."""
    with pytest.raises(ConfigurationError, match="put it on the methods"):
        AUTH.requires()(kind)


@pytest.mark.parametrize("decorator", [requires, AUTH.requires])
def test_parentheses(decorator: Any) -> None:
    """Without parentheses it is an error at once; as an endpoint, when it is called."""
    with pytest.raises(ConfigurationError, match=r"write requires\(\)"):
        decorator(hello)
    with pytest.raises(ConfigurationError):
        ask(Starlette(routes=[Route("/", decorator)]))


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
def test_a_middleware_without_a_guard(kind: Any) -> None:
    """The error says what to write, when the application starts or at its first request."""
    app = kind()
    app.add_middleware(GuardMiddleware)
    with pytest.raises(ConfigurationError, match=r"^GuardMiddleware needs a guard: pass Guard\(\.\.\.\)"):
        ask(app)


def test_methods() -> None:
    """Methods of endpoints are guarded as functions are."""

    class Hello(HTTPEndpoint):
        @AUTH.requires()
        async def get(self, request: Request) -> Response:
            return PlainTextResponse("hello")

    app = Starlette(routes=[Route("/", Hello)])
    assert (ask(app), asgi_client(app)(RawRequest()).status) == (200, 401)


def test_guard_in_the_place_of_a_guard() -> None:
    """A guard of the adapter is no guard."""
    with pytest.raises(ConfigurationError, match=r"pass Guard\(\.\.\.\)"):
        requires(guard=AUTH)  # type: ignore[arg-type]
    assert isinstance(AUTH.guard, Guard)
