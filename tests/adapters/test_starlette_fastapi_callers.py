"""Who the caller is in Starlette and FastAPI: asking never raises, and reading an absent one is the refusal."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from jwtguard import UNCHECKED, MissingTokenError, Rule, Rules, optional, public
from jwtguard.asgi import UNAUTHENTICATED_USER, ASGIGuard, GuardMiddleware, UnauthenticatedUser
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing import RawAnswer, RawRequest, asgi_client
from jwtguard.testing.conformance.adapter_case import EXPIRED, GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import OutOfReach, guard_for_tests

Headers = tuple[tuple[str, str], ...]
STRANGERS = [
    pytest.param({}, (), id="no token"),
    pytest.param({}, (bearer(EXPIRED),), id="an expired token"),
    pytest.param({}, (bearer(GOOD), bearer(GOOD)), id="two tokens"),
    pytest.param({"keys": OutOfReach()}, (bearer(GOOD),), id="keys out of reach"),
]


class Showing:
    """A middleware outside the guard's, in the same application: an access log."""

    seen: list[Any]

    def __init__(self, app: Any, auth: ASGIGuard, seen: list[Any]) -> None:
        self.app, self.auth, self.seen = app, auth, seen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await self.app(scope, receive, send)
        finally:
            if scope["type"] == "http":
                connection = HTTPConnection(scope)
                self.seen.append([connection.user.is_authenticated, _name(self.auth.caller(connection))])


def _name(caller: Any) -> str | None:
    return None if caller is None else str(caller.subject)


def application(guard: Any, kind: Any = Starlette) -> tuple[Any, ASGIGuard, list[Any]]:
    """An application whose pages, error pages and access log ask for the caller."""
    auth, seen = ASGIGuard(guard), list[Any]()

    async def page(request: Request, exc: object = None) -> Response:
        return JSONResponse([request.user.is_authenticated, _name(auth.caller(request))])

    async def failing(request: Request) -> Response:
        raise RuntimeError("unforeseen")

    async def read(request: Request, exc: object = None) -> Response:
        return PlainTextResponse(request.user.subject)

    app = kind(
        routes=[Route("/", page), Route("/failing", failing), Route("/read", read)],
        middleware=[Middleware(Showing, auth=auth, seen=seen), Middleware(GuardMiddleware, guard=guard)],
        exception_handlers={404: page, 500: page},
    )
    return app, auth, seen


def ask(app: Any, target: str = "/", headers: Headers = ()) -> RawAnswer:
    """Send one request."""
    return asgi_client(app)(RawRequest(target=target, headers=headers))


@pytest.mark.parametrize("kind", [Starlette, FastAPI])
@pytest.mark.parametrize("path", ["/", "/nowhere", "/failing"])
@pytest.mark.parametrize(("settings", "headers"), STRANGERS)
def test_strangers(settings: dict[str, Any], headers: Headers, path: str, kind: Any) -> None:
    """A stranger is one in pages, in error pages and in what stands around the middleware; nothing raises."""
    app, _, seen = application(guard_for_tests(rules=UNCHECKED, **settings), kind)
    client = TestClient(app, raise_server_exceptions=False)
    answer = client.get(path, headers=list(headers))
    assert (answer.json(), seen) == ([False, None], [[False, None]])


@pytest.mark.parametrize("path", ["/", "/nowhere", "/failing"])
def test_callers(path: str) -> None:
    """There a caller is one, too."""
    app, _, seen = application(guard_for_tests(rules=UNCHECKED))
    answer = TestClient(app, raise_server_exceptions=False).get(path, headers=[bearer(GOOD)])
    assert (answer.json(), seen) == ([True, "user-1"], [[True, "user-1"]])


def test_a_request_that_rules_refuse() -> None:
    """An access log around the middleware sees a stranger where the rules refuse."""
    app, _, seen = application(guard_for_tests(rules=Rules([])))
    assert (ask(app).status, seen) == (401, [[False, None]])


def test_no_middleware() -> None:
    """Without a middleware and outside `requires` there is no caller; inside it is the one that was let in."""
    auth = ASGIGuard(guard_for_tests())

    async def page(request: Request, exc: object = None) -> Response:
        return JSONResponse(_name(auth.caller(request)))

    routes = [Route("/", page), Route("/known", auth.requires()(page)), Route("/any", auth.requires(optional)(page))]
    app = Starlette(routes=routes, exception_handlers={404: page})
    known = (bearer(GOOD),)
    assert [ask(app, path, known).json() for path in ("/", "/known", "/any", "/nowhere")] == [
        None,
        "user-1",
        "user-1",
        None,
    ]
    assert ask(app, "/any").json() is None


def test_fastapi() -> None:
    """`auth.caller(request)` works in FastAPI's endpoints, with the caller of the dependency."""
    app, auth = FastAPI(), FastAPIGuard(guard_for_tests())

    @app.get("/known", dependencies=[auth.requires()])
    async def known(request: Request) -> str | None:
        return _name(auth.caller(request))

    @app.get("/open")
    async def stranger(request: Request) -> str | None:
        return _name(auth.caller(request))

    assert [ask(app, path, (bearer(GOOD),)).json() for path in ("/known", "/open")] == ["user-1", None]


def test_another_guard() -> None:
    """A guard knows its own callers alone."""
    other = ASGIGuard(guard_for_tests())

    async def page(request: Request) -> Response:
        return JSONResponse(_name(other.caller(request)))

    app = GuardMiddleware(Starlette(routes=[Route("/", page)]), guard=guard_for_tests(rules=UNCHECKED))
    assert ask(app, "/", (bearer(GOOD),)).json() is None


# Reading an absent caller.


@pytest.mark.parametrize(
    ("headers", "challenge"), [((), 'Bearer realm="api"'), ((bearer(EXPIRED),), 'error="invalid_token"')]
)
@pytest.mark.parametrize("path", ["/read", "/nowhere"])
def test_reading_an_absent_caller(path: str, headers: Headers, challenge: str) -> None:
    """The answer is the finished refusal, in an endpoint and in an error page."""

    async def read(request: Request, exc: object = None) -> Response:
        return PlainTextResponse(request.user.subject)

    app = Starlette(
        routes=[Route("/read", read)],
        middleware=[Middleware(GuardMiddleware, guard=guard_for_tests(rules=UNCHECKED))],
        exception_handlers={404: read},
    )
    answer = ask(app, path, headers)
    assert (answer.status, challenge in str(answer.header("WWW-Authenticate"))) == (401, True)
    assert answer.json()["status"] == 401


@pytest.mark.parametrize("mode", [optional, public])
@pytest.mark.parametrize("is_async", [False, True])
def test_reading_a_caller_that_was_not_needed(mode: Any, *, is_async: bool) -> None:
    """Where a rule or a decorator does without a caller, reading one asks for a token."""

    async def later(request: Request) -> Response:
        return PlainTextResponse(request.user.subject)

    def now(request: Request) -> Response:
        return PlainTextResponse(request.user.subject)

    read = later if is_async else now
    guarded = Starlette(routes=[Route("/", ASGIGuard(guard_for_tests()).requires(mode)(read))])
    ruled = GuardMiddleware(Starlette(routes=[Route("/", read)]), guard=guard_for_tests(rules=Rules([Rule("/", mode)])))
    for app in (guarded, ruled):
        answer = ask(app)
        assert (answer.status, answer.header("WWW-Authenticate")) == (401, 'Bearer realm="api"')


@pytest.mark.parametrize("is_async", [False, True])
def test_an_error_of_the_endpoint_is_none_of_ours(*, is_async: bool) -> None:
    """A `MissingTokenError` of an endpoint that has a caller is passed on."""

    async def later(request: Request) -> Response:
        raise MissingTokenError

    def now(request: Request) -> Response:
        raise MissingTokenError

    auth = ASGIGuard(guard_for_tests())
    app = Starlette(routes=[Route("/", auth.requires()(later if is_async else now))])
    with pytest.raises(MissingTokenError):
        ask(app, "/", (bearer(GOOD),))


def test_websockets() -> None:
    """A websocket that reads an absent caller is closed as one that is refused."""

    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.user.subject)

    app = Starlette(routes=[WebSocketRoute("/ws", socket)])
    guarded = GuardMiddleware(app, guard=guard_for_tests(rules=Rules([Rule("/ws", optional)])))
    with TestClient(guarded).websocket_connect("/ws") as session:
        assert session.receive()["code"] == 1008


def test_what_a_stranger_has() -> None:
    """Starlette's own attributes are there; what only a caller has raises; any other name is an `AttributeError`."""
    user = UNAUTHENTICATED_USER
    assert (user.is_authenticated, user.display_name, user.identity) == (False, "", "")
    with pytest.raises(MissingTokenError):
        _ = user.roles  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'UnauthenticatedUser' object has no attribute 'pk'"):
        _ = UnauthenticatedUser().pk  # type: ignore[attr-defined]


def test_starlettes_own_requires() -> None:
    """FastAPI's dependency shows its caller where Starlette looks, an admitted one or none."""
    auth = FastAPIGuard(guard_for_tests())
    app = FastAPI()

    async def shown(request: Request) -> bool:
        return bool(request.user.is_authenticated)

    @app.get("/", dependencies=[auth.requires(optional)])
    async def view(is_known: bool = Depends(shown)) -> bool:
        return is_known

    assert [ask(app).json(), ask(app, "/", (bearer(GOOD),)).json()] == [False, True]
