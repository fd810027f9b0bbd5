"""What Starlette and FastAPI applications tell caches: with the middleware, with a decorator or a dependency alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, StreamingResponse
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    Rule,
    Rules,
    TokenCookie,
    TokenQuery,
    authenticated,
    optional,
    public,
)
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing import RawAnswer, RawRequest, asgi_client
from jwtguard.testing.conformance.adapter_case import GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests

PLACES: list[Any] = [AuthorizationHeader(), TokenCookie()]
GUARD = guard_for_tests(tokens_from=PLACES)
BOTH = "Authorization, Cookie"


def ask(app: Any, *headers: tuple[str, str], target: str = "/", method: str = "GET") -> RawAnswer:
    return asgi_client(app)(RawRequest(method=method, target=target, headers=[("Host", "a.example"), *headers]))


def vary_of(answer: RawAnswer) -> str | None:
    """`Vary`, in however many fields."""
    return ", ".join(value for name, value in answer.headers if name.lower() == "vary") or None


async def plain(request: Any) -> Response:
    return PlainTextResponse("hello")


async def varying(request: Any) -> Response:
    return PlainTextResponse("hello", headers={"Vary": "Accept-Language, cookie"})


async def anything(request: Any) -> Response:
    return PlainTextResponse("hello", headers={"Vary": "*"})


async def streamed(request: Any) -> Response:
    async def parts() -> AsyncIterator[str]:
        yield "hello"

    return StreamingResponse(parts())


async def moved(request: Any) -> Response:
    return RedirectResponse("/elsewhere")


async def unchanged(request: Any) -> Response:
    return Response(status_code=304)


async def missing(request: Any) -> Response:
    raise HTTPException(404)


async def missing_with_fields(request: Any) -> Response:
    raise HTTPException(410, headers={"Vary": "Accept"})


VIEWS = [
    (plain, 200, BOTH),
    (varying, 200, "Accept-Language, cookie, Authorization"),
    (anything, 200, "*"),
    (streamed, 200, BOTH),
    (moved, 307, BOTH),
    (unchanged, 304, BOTH),
    (missing, 404, BOTH),
    (missing_with_fields, 410, f"Accept, {BOTH}"),
]


@pytest.mark.parametrize("way", ["decorator", "sync decorator", "middleware", "class"])
@pytest.mark.parametrize(("view", "status", "vary"), VIEWS)
def test_starlette(view: Any, status: int, vary: str, way: str) -> None:
    """Every response and error of an endpoint names in Vary where the guard looked, with a token and without."""
    auth = ASGIGuard(GUARD)

    def sync_view(request: Request) -> Any:
        try:
            view(request).send(None)
        except StopIteration as done:
            return done.value

    class Endpoint(HTTPEndpoint):
        @auth.requires(optional)
        async def get(self, request: Request) -> Response:
            response: Response = await view(request)
            return response

    guarded: Any = {
        "decorator": auth.requires(optional)(view),
        "sync decorator": auth.requires(optional)(sync_view),
        "middleware": view,
        "class": Endpoint,
    }[way]
    app: Any = Starlette(routes=[Route("/", guarded)])
    if way == "middleware":
        app = GuardMiddleware(app, guard=guard_for_tests(tokens_from=PLACES, rules=UNCHECKED))
    for headers in ([], [bearer(GOOD)]):
        answer = ask(app, *headers)
        assert (answer.status, answer.header("Vary")) == (status, vary)


def test_rules() -> None:
    """A page that no route has depends on the token where a rule asks for one, and on nothing where it is public."""
    rules = Rules([Rule("/nowhere", authenticated)], default=public)
    app = GuardMiddleware(Starlette(routes=[Route("/", plain)]), guard=guard_for_tests(tokens_from=PLACES, rules=rules))
    missing = ask(app, bearer(GOOD), target="/nowhere")
    assert (missing.status, missing.header("Vary")) == (404, BOTH)
    assert ask(app, bearer(GOOD)).header("Vary") is None


def test_two_middlewares() -> None:
    """Each guard adds where it looked."""
    first = guard_for_tests(rules=UNCHECKED)
    second = guard_for_tests(tokens_from=[TokenCookie("session", secure=False)], rules=UNCHECKED)
    app: Any = GuardMiddleware(Starlette(routes=[Route("/", plain)]), guard=second)
    assert ask(GuardMiddleware(app, guard=first)).header("Vary") == BOTH


@pytest.mark.parametrize("middleware", [True, False])
@pytest.mark.parametrize(
    ("given", "expected"), [({}, "private"), ({"Cache-Control": "public, max-age=60"}, "max-age=60, private")]
)
def test_a_token_in_the_query(given: dict[str, str], expected: str, middleware: bool) -> None:
    """A successful answer to a request with a token in its URL is private."""
    guard = guard_for_tests(tokens_from=[TokenQuery("t")], rules=UNCHECKED)

    async def view(request: Request) -> Response:
        return PlainTextResponse("hello", headers=given)

    guarded = view if middleware else ASGIGuard(guard).requires()(view)
    app: Any = Starlette(routes=[Route("/", guarded)])
    answer = ask(GuardMiddleware(app, guard=guard) if middleware else app, target=f"/?t={GOOD}")
    assert (answer.header("Cache-Control"), answer.header("Vary")) == (expected, None)


def fastapi_app(*, init: bool, places: Any = PLACES) -> FastAPI:
    """Routes of each kind, all guarded by a dependency."""
    app, auth = FastAPI(), FastAPIGuard(guard_for_tests(tokens_from=places))
    required = auth.requires(optional)

    @app.get("/json")
    async def json(who: Any = required) -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/own-header")
    async def own_header(response: Response, who: Any = required) -> str:
        response.headers["Vary"] = "Accept-Language"
        return "hello"

    @app.get("/response")
    async def own_response(who: Any = required) -> Response:
        return JSONResponse({}, headers={"Vary": "Accept-Language"})

    @app.get("/missing")
    async def missing(who: Any = required) -> None:
        raise HTTPException(404)

    @app.get("/never", dependencies=[auth.requires()])
    async def never() -> None:
        raise AssertionError

    @app.get("/public", dependencies=[auth.requires(public)])
    async def open_to_all() -> None:
        return None

    if init:
        auth.init_app(app)
    return app


@pytest.mark.parametrize(
    ("target", "status", "vary", "alone"),
    [
        ("/json", 200, BOTH, BOTH),
        ("/never", 401, BOTH, BOTH),
        ("/public", 200, None, None),
        ("/nowhere", 404, None, None),
        ("/own-header", 200, f"Accept-Language, {BOTH}", "Accept-Language"),
        ("/response", 200, f"Accept-Language, {BOTH}", "Accept-Language"),
        ("/missing", 404, BOTH, None),
    ],
)
def test_fastapi(target: str, status: int, vary: str | None, alone: str | None) -> None:
    """A dependency says it in what FastAPI answers with by itself; `init_app` sees to every response."""
    for init, expected in ((True, vary), (False, alone)):
        answer = ask(fastapi_app(init=init), target=target)
        assert (answer.status, vary_of(answer)) == (status, expected)


@pytest.mark.parametrize("init", [True, False])
def test_fastapi_with_a_token_in_the_query(init: bool) -> None:
    """A successful answer to a request with a token in its URL is private."""
    app = fastapi_app(init=init, places=[TokenQuery("t")])
    assert ask(app, target=f"/json?t={GOOD}").header("Cache-Control") == "private"
    assert ask(app, target="/json").header("Cache-Control") is None
