"""What is Starlette's own: its `requires`, endpoints of every kind, mounts, websockets, streamed bodies."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires as starlette_requires
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    JWKSet,
    Principal,
    Rule,
    Rules,
    TokenHeader,
    TokenSubprotocol,
    has_role,
    optional,
    predicate,
    public,
)
from jwtguard.asgi import ASGIApp, ASGIGuard, GuardMiddleware, requires
from jwtguard.core.flow import Call, Flow, Steps
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, websocket_client
from jwtguard.testing.conformance.adapter_case import ABSENT, ADMIN, EXPIRED, GOOD, bearer, token
from jwtguard.testing.conformance.adapter_sites import KEY, OTHER_KEY, guard_for_tests
from jwtguard.testing.conformance.raw_clients import Message

ONE = guard_for_tests(rules=UNCHECKED)
THEIRS = token(key=OTHER_KEY, subject="user-2")
GONE: list[Message] = [{"type": "websocket.disconnect", "code": 1000}]


def ask(app: Any, target: str = "/", *headers: tuple[str, str], method: str = "GET") -> RawAnswer:
    """Send one request."""
    return asgi_client(app)(RawRequest(method=method, target=target, headers=headers))


def talk(
    app: Any, *headers: tuple[str, str], incoming: Sequence[Message] = GONE, can_deny: bool = True
) -> list[Message]:
    """Open a websocket at `/`, and return what the application sent."""
    return websocket_client(app, RawRequest(headers=headers), incoming=incoming, can_deny=can_deny)


async def hello(request: Request) -> Response:
    """An endpoint that says who is calling."""
    return PlainTextResponse(request.user.identity)


def sync_hello(request: Request) -> Response:
    """The same, on a thread."""
    return PlainTextResponse(request.user.identity)


def application(endpoint: Any, *middleware: Middleware, path: str = "/") -> Starlette:
    """An application with one route."""
    return Starlette(routes=[Route(path, endpoint)], middleware=middleware)


# Starlette's own `requires`.


@pytest.mark.parametrize(
    ("headers", "status"), [([], 403), ([bearer(EXPIRED)], 403), ([bearer(GOOD)], 403), ([bearer(ADMIN)], 200)]
)
def test_requires_of_starlette(headers: list[tuple[str, str]], status: int) -> None:
    """Starlette's own decorator goes by what the middleware filled in: `authenticated`, and scopes."""

    @starlette_requires(["authenticated", "reports:read"])
    async def endpoint(request: Request) -> Response:
        return await hello(request)

    app = application(endpoint, Middleware(GuardMiddleware, guard=guard_for_tests(rules=UNCHECKED)))
    assert ask(app, "/", *headers).status == status


def test_roles_are_no_scopes() -> None:
    """A role is never taken for a scope of the same name."""

    @starlette_requires("admin")
    async def endpoint(request: Request) -> Response:
        return await hello(request)

    app = application(endpoint, Middleware(GuardMiddleware, guard=guard_for_tests(rules=UNCHECKED)))
    assert ask(app, "/", bearer(ADMIN)).status == 403


def test_requires_of_starlette_inside_ours() -> None:
    """Inside our `requires`, without any middleware, Starlette's own works too."""

    @requires(guard=guard_for_tests())
    @starlette_requires(["authenticated", "reports:read"])
    async def endpoint(request: Request) -> Response:
        return await hello(request)

    statuses = [ask(application(endpoint), "/", *headers).status for headers in ([], [bearer(GOOD)], [bearer(ADMIN)])]
    assert statuses == [401, 403, 200]


# Endpoints.


def test_class_based_endpoint() -> None:
    """`requires` guards the methods of an endpoint class, sync and async."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    class Users(HTTPEndpoint):
        @auth.requires()
        async def get(self, request: Request) -> Response:
            return await hello(request)

        @auth.requires(has_role("admin"))
        def post(self, request: Request) -> Response:
            return PlainTextResponse(request.user.identity)

    app = application(Users)
    assert [ask(app, method=method).status for method in ("GET", "POST")] == [401, 401]
    assert [ask(app, "/", bearer(GOOD), method=method).status for method in ("GET", "POST")] == [200, 403]
    assert ask(app, "/", bearer(ADMIN), method="POST").body == b"user-1"


def test_decorating_a_class() -> None:
    """Decorating the endpoint class itself, which would guard nothing, is refused at once."""

    class Users(HTTPEndpoint):
        """An endpoint."""

    with pytest.raises(ConfigurationError, match="Users is a class: put it on the methods get, post"):
        requires()(Users)


def test_endpoint_keeps_its_name() -> None:
    """Starlette names routes after their endpoints, also after decorated ones."""
    app = application(requires(guard=guard_for_tests())(hello))
    assert (app.url_path_for("hello"), hello.__doc__) == ("/", "An endpoint that says who is calling.")


def test_partial_endpoint() -> None:
    """A partial of a coroutine function is async, and is awaited."""

    async def endpoint(greeting: str, request: Request) -> Response:
        return PlainTextResponse(greeting + request.user.identity)

    guarded = requires(guard=guard_for_tests())(functools.partial(endpoint, "hello "))
    app = Starlette(routes=[Route("/", guarded, name="partial")])
    assert (ask(app, "/", bearer(GOOD)).body, ask(app).status) == (b"hello user-1", 401)


def test_function_without_a_request() -> None:
    """A function that takes neither a request nor a websocket cannot be guarded, and never runs."""

    @requires(guard=guard_for_tests())
    def helper(number: Any) -> int:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="take a Starlette request or websocket, and found neither"):
        helper(1)


def test_arguments_that_only_look_alike() -> None:
    """An argument before the request may have headers, or a scope, of its own."""

    class WithHeaders:
        headers: ClassVar[dict[str, str]] = {}

    class WithScope:
        scope: ClassVar[dict[str, str]] = {}

    async def endpoint(one: WithHeaders, two: WithScope, request: Request) -> Response:
        return await hello(request)

    guarded = requires(guard=guard_for_tests())(functools.partial(endpoint, WithHeaders(), WithScope()))
    assert ask(Starlette(routes=[Route("/", guarded, name="partial")]), "/", bearer(GOOD)).body == b"user-1"
    inner = requires(guard=guard_for_tests())(endpoint)

    async def outer(request: Request) -> Response:
        return await inner(WithHeaders(), WithScope(), request)

    assert ask(application(outer), "/", bearer(GOOD)).body == b"user-1"


def test_keyword_argument() -> None:
    """The request may come as a keyword argument."""
    guarded = requires(guard=guard_for_tests())(hello)

    async def endpoint(request: Request) -> Response:
        return await guarded(request=request)

    assert ask(application(endpoint), "/", bearer(GOOD)).body == b"user-1"


@pytest.mark.parametrize("middleware", [[], [Middleware(GuardMiddleware, guard=guard_for_tests(rules=UNCHECKED))]])
def test_requires_without_a_guard(middleware: list[Middleware]) -> None:
    """The shortcut goes by the middleware's guard; where there is none it raises, and never passes."""
    app = application(requires()(hello), *middleware)
    if middleware:
        assert ask(app, "/", bearer(GOOD)).body == b"user-1"
    else:
        with pytest.raises(ConfigurationError, match="no jwtguard middleware"):
            ask(app, "/", bearer(GOOD))


def test_requires_with_two_guards() -> None:
    """The shortcut cannot choose between two guards; naming one decides."""
    one, two = guard_for_tests(rules=UNCHECKED), guard_for_tests(OTHER_KEY, rules=UNCHECKED)
    both = [Middleware(GuardMiddleware, guard=one), Middleware(GuardMiddleware, guard=two)]
    with pytest.raises(ConfigurationError, match="more than one guard"):
        ask(application(requires()(hello), *both), "/", bearer(GOOD))
    assert ask(application(requires(guard=two)(hello), *both), "/", bearer(THEIRS)).body == b"user-2"
    assert ask(application(requires(guard=two)(hello), *both), "/", bearer(GOOD)).status == 401


class Fetched:
    """A key source that has to fetch."""

    def __init__(self, fetch: Callable[[], Any]) -> None:
        self._fetch = fetch

    def current(self) -> JWKSet | None:
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        return Flow(self._steps())

    def _steps(self) -> Steps[JWKSet]:
        keys: JWKSet = yield Call(self._fetch)
        return keys


async def fetch_async() -> JWKSet:
    """The keys, by asyncio."""
    await asyncio.sleep(0)
    return JWKSet([KEY.verification_key])


def test_sync_endpoint() -> None:
    """A sync endpoint runs in a thread, as Starlette runs it, and its keys are fetched there."""
    threads: list[int] = []

    def fetch() -> JWKSet:
        threads.append(threading.get_ident())
        return JWKSet([KEY.verification_key])

    @requires(guard=guard_for_tests(keys=Fetched(fetch)))
    def endpoint(request: Request) -> Response:
        threads.append(threading.get_ident())
        return PlainTextResponse(request.user.identity)

    assert ask(application(endpoint), "/", bearer(GOOD)).body == b"user-1"
    assert threads == [threads[0]] * 2
    assert threads[0] != threading.get_ident()


def fetch_wrongly() -> JWKSet:
    """The keys, by a program that was set up wrongly."""
    raise ConfigurationError("set up wrongly")


@pytest.mark.parametrize("endpoint", [hello, sync_hello])
def test_errors_in_the_set_up_stay_errors(endpoint: Any) -> None:
    """A mistake of the program is a server error, and no refusal that blames the client."""
    guard = guard_for_tests(keys=Fetched(fetch_wrongly))
    with pytest.raises(ConfigurationError, match="set up wrongly"):
        ask(application(requires(guard=guard)(endpoint)), "/", bearer(GOOD))


def test_async_keys() -> None:
    """An async key source serves async endpoints; a sync one cannot wait for it, which is the program's error."""

    guard = guard_for_tests(keys=Fetched(fetch_async), rules=UNCHECKED)
    assert ask(application(requires(guard=guard)(hello)), "/", bearer(GOOD)).body == b"user-1"
    with pytest.raises(ConfigurationError, match="is asynchronous and cannot run from sync code"):
        ask(application(requires(guard=guard)(sync_hello)), "/", bearer(GOOD))
    # The middleware runs on the loop, so behind it a sync endpoint is served too.
    in_front = Middleware(GuardMiddleware, guard=guard)
    assert ask(application(requires()(sync_hello), in_front), "/", bearer(GOOD)).body == b"user-1"


# Who is calling.


def test_innermost_requires() -> None:
    """`request.user` is the caller that the innermost `requires` let in, and then the outer one's again."""
    auth, other = ASGIGuard(guard_for_tests(rules=UNCHECKED)), ASGIGuard(guard_for_tests(OTHER_KEY, rules=UNCHECKED))

    @other.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])
    async def inner(request: Request) -> list[str]:
        mine, theirs = auth.principal(request), other.principal(request)
        assert mine is not None
        assert theirs is not None
        return [request.user.identity, mine.subject or "", theirs.subject or ""]

    @auth.requires()
    async def endpoint(request: Request) -> Response:
        before = request.user.identity
        return JSONResponse([before, *await inner(request), request.user.identity])

    answer = ask(application(endpoint), "/", bearer(GOOD), ("X-Token", THEIRS))
    assert answer.json() == ["user-1", "user-2", "user-1", "user-2", "user-1"]


def test_user_of_a_refused_inner_helper() -> None:
    """A helper that refuses leaves the outer caller as it was."""
    auth, other = ASGIGuard(guard_for_tests(rules=UNCHECKED)), ASGIGuard(guard_for_tests(OTHER_KEY, rules=UNCHECKED))

    @other.requires()
    async def inner(request: Request) -> Response:
        raise AssertionError

    @auth.requires()
    async def endpoint(request: Request) -> Response:
        refused = await inner(request)
        return JSONResponse([refused.status_code, request.user.identity])

    assert ask(application(endpoint), "/", bearer(GOOD)).json() == [401, "user-1"]


def test_decorator_beside_the_middleware() -> None:
    """A decorator with places of its own reads the request again, and the middleware's caller is back afterwards."""
    guard = guard_for_tests(rules=UNCHECKED)
    seen: list[str] = []

    @requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])
    async def endpoint(request: Request) -> Response:
        return await hello(request)

    class Watching:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app(scope, receive, send)
            seen.append(scope["user"].identity)

    app = application(endpoint, Middleware(GuardMiddleware, guard=guard), Middleware(Watching))
    other = token(subject="user-3")
    assert ask(app, "/", bearer(GOOD), ("X-Token", other)).body == b"user-3"
    assert ask(app, "/", bearer(GOOD)).status == 401
    assert seen == ["user-1", "user-1"]


def test_user_that_the_application_sets() -> None:
    """`scope["user"]` is an output: who is calling goes by what was found, whatever stands there."""
    guard = guard_for_tests(rules=UNCHECKED)
    auth, place = ASGIGuard(guard), [TokenHeader("X-Token", from_proxy=False)]
    other = token(subject="user-3")

    class Setting:
        """Shows the caller of the other header, the very object that the guard remembers."""

        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["user"] = guard.verify(other).run().principal
            await self.app(scope, receive, send)

    async def who(request: Request) -> Response:
        mine = auth.principal(request)
        return JSONResponse([request.user.identity, None if mine is None else mine.subject])

    in_front = (Middleware(GuardMiddleware, guard=guard), Middleware(Setting))
    elsewhere, here = auth.requires(tokens_from=place)(who), auth.requires()(who)
    both = [bearer(GOOD), ("X-Token", other)]

    assert ask(application(elsewhere, *in_front), "/", *both).json() == ["user-3", "user-3"]
    assert ask(application(elsewhere, *in_front), "/", ("X-Token", other)).json() == ["user-3", "user-3"]
    assert ask(application(here, *in_front), "/", *both).json() == ["user-1", "user-1"]
    assert ask(application(here, *in_front), "/", ("X-Token", other)).status == 401

    asked: list[str | None] = []

    def noted(caller: Principal) -> bool:
        asked.append(caller.subject)
        return True

    once = auth.requires(predicate(noted))(who)
    assert ask(application(once, *in_front), "/", *both).json() == ["user-1", "user-1"]
    assert asked == ["user-1"]


def test_two_helpers_at_once() -> None:
    """Two helpers that ran at once leave nothing in the scope that misleads a later reader."""
    guard = guard_for_tests(rules=UNCHECKED)
    auth, other = ASGIGuard(guard), token(subject="user-3")
    first_may_end, second_may_end = asyncio.Event(), asyncio.Event()

    async def who(request: Request) -> str:
        mine = auth.principal(request)
        return mine.subject or "" if mine else ""

    @auth.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])
    async def elsewhere(request: Request, may_end: asyncio.Event, then: asyncio.Event) -> str:
        then.set()
        await may_end.wait()
        return await who(request)

    @auth.requires()
    async def here(request: Request) -> str:
        first_may_end.set()
        await second_may_end.wait()
        return await who(request)

    async def endpoint(request: Request) -> Response:
        began = asyncio.Event()
        first = asyncio.create_task(elsewhere(request, first_may_end, began))
        await began.wait()
        second = asyncio.create_task(here(request))
        await first
        second_may_end.set()
        await second
        begun = asyncio.Event()
        begun.set()
        return PlainTextResponse(await elsewhere(request, begun, begun))

    app = application(endpoint, Middleware(GuardMiddleware, guard=guard))
    assert ask(app, "/", bearer(GOOD), ("X-Token", other)).body == b"user-3"


def test_caller_that_was_shown_before_another_came() -> None:
    """The innermost `requires` says who is calling, also where the scope shows its caller and another is in between."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    @auth.requires()
    async def inner(request: Request) -> Response:
        principal = auth.principal(request)
        return PlainTextResponse(principal and principal.subject)

    @auth.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])
    async def endpoint(request: Request) -> Response:
        return await inner(Request(request.state.before))

    class Copying:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.app({**scope, "state": {"before": dict(scope)}}, receive, send)

    app = application(endpoint, Middleware(GuardMiddleware, guard=auth.guard), Middleware(Copying))
    assert ask(app, "/", bearer(GOOD), ("X-Token", token(subject="user-3"))).body == b"user-1"


@pytest.mark.parametrize("requirement", [optional, public])
def test_unauthenticated_where_the_user_was_removed(requirement: Any) -> None:
    """`request.user` is there, also after a middleware in between removed it from the scope."""

    @requires(requirement)
    async def endpoint(request: Request) -> Response:
        return JSONResponse(request.user.is_authenticated)

    class Removing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            del scope["user"]
            await self.app(scope, receive, send)

    app = application(
        endpoint, Middleware(GuardMiddleware, guard=guard_for_tests(rules=UNCHECKED)), Middleware(Removing)
    )
    assert ask(app).json() is False


def test_another_guard_than_the_one_in_front() -> None:
    """The principal of a second guard can be read, also where a middleware had set the same user."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    class Showing:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            scope["user"] = auth.guard.verify(GOOD).run().principal
            await self.app(scope, receive, send)

    @auth.requires()
    async def endpoint(request: Request) -> Response:
        principal = auth.principal(request)
        return PlainTextResponse(principal and principal.subject)

    app = application(
        endpoint, Middleware(GuardMiddleware, guard=guard_for_tests(rules=UNCHECKED)), Middleware(Showing)
    )
    assert ask(app, "/", bearer(GOOD)).body == b"user-1"


@pytest.mark.parametrize("requirement", [optional, public])
def test_unauthenticated(requirement: Any) -> None:
    """Where no caller is needed, `request.user` is unauthenticated and `auth.principal` is None."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    @auth.requires(requirement)
    async def endpoint(request: Request) -> Response:
        return JSONResponse([request.user.is_authenticated, request.auth.scopes, auth.principal(request)])

    assert ask(application(endpoint)).json() == [False, [], None]


def test_principal_without_a_guard() -> None:
    """Reading the principal without the middleware and outside `requires` is a ConfigurationError."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    async def endpoint(request: Request) -> Response:
        auth.principal(request)
        raise AssertionError

    with pytest.raises(ConfigurationError, match="put its middleware in front, or `requires` on the view"):
        ask(application(endpoint), "/", bearer(GOOD))


def test_streamed_body() -> None:
    """A body that is streamed after the endpoint has returned still finds the user."""

    @requires(guard=guard_for_tests())
    async def endpoint(request: Request) -> Response:
        async def body() -> AsyncIterator[str]:
            yield request.user.identity

        return StreamingResponse(body())

    assert ask(application(endpoint), "/", bearer(GOOD)).body == b"user-1"


# Errors.


def test_reading_the_principal() -> None:
    """Below a middleware without rules, reading the principal refuses, with an answer that Starlette cannot spoil."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    def endpoint(request: Request) -> Response:
        principal = auth.principal(request)
        return PlainTextResponse(principal and principal.subject)

    app = application(endpoint, Middleware(GuardMiddleware, guard=auth))
    refused = ask(app)
    assert (refused.status, refused.header("WWW-Authenticate")) == (401, ABSENT)
    assert refused.json()["title"] == "Unauthorized"
    assert ask(app, "/", bearer(GOOD)).body == b"user-1"


def test_errors_of_the_application_stay_errors() -> None:
    """A token that an endpoint verifies for its own ends is the endpoint's business."""
    guard = guard_for_tests(rules=UNCHECKED)

    @requires(guard=guard)
    async def endpoint(request: Request) -> Response:
        await guard.verify(EXPIRED)
        raise AssertionError

    with pytest.raises(Exception, match="expired"):
        ask(application(endpoint, Middleware(GuardMiddleware, guard=guard)), "/", bearer(GOOD))


def test_handlers_of_the_application() -> None:
    """The application's own handlers of HTTP exceptions see theirs, and none of ours."""

    async def missing(request: Request, error: Exception) -> Response:
        return PlainTextResponse("own", status_code=418)

    @requires(guard=guard_for_tests())
    async def endpoint(request: Request) -> Response:
        raise HTTPException(404)

    app = Starlette(routes=[Route("/", endpoint)], exception_handlers={HTTPException: missing, 401: missing})
    assert [ask(app).status, ask(app, "/", bearer(GOOD)).status] == [401, 418]


# Mounts.


def test_mounted_applications() -> None:
    """A mounted application has a guard and rules of its own, which go by the path below the mount."""
    rules = Rules([Rule("/public", public)])
    inner = Starlette(
        routes=[Route("/public", hello), Route("/me", hello)],
        middleware=[Middleware(GuardMiddleware, guard=guard_for_tests(OTHER_KEY, rules=rules))],
    )
    outer = Starlette(routes=[Mount("/api", inner), Mount("/public", inner), Route("/me", requires(guard=ONE)(hello))])
    assert ask(outer, "/api/public").status == 200
    assert ask(outer, "/public/me").status == 401
    assert ask(outer, "/api/me", bearer(GOOD)).status == 401
    assert ask(outer, "/api/me", bearer(THEIRS)).body == b"user-2"
    assert ask(outer, "/me", bearer(GOOD)).body == b"user-1"
    assert ask(outer, "/me", bearer(THEIRS)).status == 401


def test_mounted_below_a_guarded_application() -> None:
    """Two middlewares, one in the mounted application: each guard answers for its own part."""
    other = guard_for_tests(OTHER_KEY, rules=UNCHECKED)
    inner = Starlette(
        routes=[Route("/me", requires(guard=other)(hello)), Route("/ours", requires(guard=ONE)(hello))],
        middleware=[Middleware(GuardMiddleware, guard=other)],
    )
    after: list[str] = []

    async def watching(request: Request) -> Response:
        after.append(request.user.identity)
        return Response()

    outer = Starlette(
        routes=[Mount("/inner", inner), Route("/watching", watching)],
        middleware=[Middleware(GuardMiddleware, guard=ONE)],
    )
    assert ask(outer, "/inner/me", bearer(THEIRS)).body == b"user-2"
    assert ask(outer, "/inner/me", bearer(GOOD)).status == 401
    assert ask(outer, "/inner/ours", bearer(GOOD)).body == b"user-1"
    assert ask(outer, "/watching", bearer(GOOD)).status == 200
    assert after == ["user-1"]


# Websockets.


def types(sent: list[Message]) -> list[str]:
    """The kinds of messages."""
    return [message["type"].removeprefix("websocket.") for message in sent]


def test_websocket_endpoint() -> None:
    """A class-based websocket endpoint guards its `on_connect`, or a message at a time."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    class Echo(WebSocketEndpoint):
        encoding = "text"

        @auth.requires()
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            await websocket.send_text(websocket.user.identity)

        @auth.requires(has_role("admin"))
        async def on_receive(self, websocket: WebSocket, data: str) -> None:
            await websocket.send_text(data)

    app = Starlette(routes=[WebSocketRoute("/", Echo)])
    incoming = [{"type": "websocket.receive", "text": "hi"}, *GONE]
    assert types(talk(app)) == ["http.response.start", "http.response.body"]
    assert types(talk(app, can_deny=False)) == ["close"]
    assert [message.get("text") for message in talk(app, bearer(ADMIN), incoming=incoming)] == [None, "user-1", "hi"]
    refused = talk(app, bearer(GOOD), incoming=incoming)
    assert (types(refused), refused[-1]["code"]) == (["accept", "send", "close"], 1008)


def test_websocket_without_a_guard() -> None:
    """The shortcut raises on a websocket too where there is no middleware."""

    @requires()
    async def endpoint(websocket: WebSocket) -> None:
        raise AssertionError

    with pytest.raises(ConfigurationError, match="no jwtguard middleware"):
        talk(Starlette(routes=[WebSocketRoute("/", endpoint)]), bearer(GOOD))


def test_reading_the_principal_in_a_websocket() -> None:
    """Reading the principal denies the handshake, where the endpoint has not accepted it yet."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED))

    async def endpoint(websocket: WebSocket) -> None:
        auth.principal(websocket)
        await websocket.accept()

    app = Starlette(routes=[WebSocketRoute("/", endpoint)], middleware=[Middleware(GuardMiddleware, guard=auth)])
    denied = talk(app)
    assert (types(denied), denied[0]["status"]) == (["http.response.start", "http.response.body"], 401)
    assert types(talk(app, bearer(GOOD))) == ["accept"]


def test_expired_socket_of_starlette() -> None:
    """Starlette's websocket takes the end for a disconnect: its loop over messages ends, and sending raises."""
    now = [1_800_000_000.0]
    seen: list[str] = []

    async def sleep(seconds: float) -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        now[0] += seconds

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        seen.extend([message async for message in websocket.iter_text()])
        with pytest.raises(RuntimeError):
            await websocket.receive()
        with pytest.raises(WebSocketDisconnect):
            await websocket.send_text("late")
        seen.append("ended")

    guard = guard_for_tests(clock=lambda: now[0], rules=UNCHECKED)
    app = Starlette(
        routes=[WebSocketRoute("/", endpoint)], middleware=[Middleware(GuardMiddleware, guard=guard, sleep=sleep)]
    )
    sent = talk(app, bearer(GOOD), incoming=[{"type": "websocket.receive", "text": "hi"}])
    assert (seen, sent[-1]["code"]) == (["hi", "ended"], 3000)


# The kept refusal, below an application that answers errors by itself.


def nested() -> list[tuple[str, ASGIApp]]:
    """Applications that answer 500 before they pass on what a view raised, between the middleware and the view."""
    guard = guard_for_tests(rules=UNCHECKED)
    auth = ASGIGuard(guard)

    def whoami(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(auth.principal(request)))

    def broken(request: Request) -> PlainTextResponse:
        raise RuntimeError("a bug of the application's own")

    def failing(request: Request) -> PlainTextResponse:
        return PlainTextResponse("out of order", status_code=500)

    routes = [Route("/me", whoami), Route("/broken", broken), Route("/failing", failing)]
    outside: ASGIApp = GuardMiddleware(Starlette(routes=routes), guard=guard)
    mounted: ASGIApp = Starlette(
        routes=[Mount("/", app=Starlette(routes=routes))], middleware=[Middleware(GuardMiddleware, guard=guard)]
    )
    return [("outside", outside), ("mounted", mounted)]


@pytest.mark.parametrize(("name", "app"), nested())
def test_kept_refusal_below_another_application(name: str, app: ASGIApp) -> None:
    """A client without a token gets 401 under every error handler; a server error stays a server error."""
    client = asgi_client(app)
    assert client(RawRequest(target="/me")).status == 401
    failing = client(RawRequest(target="/failing"))
    assert (failing.status, failing.body) == (500, b"out of order")
    with pytest.raises(RuntimeError, match="a bug"):
        client(RawRequest(target="/broken"))


def test_subprotocol_without_a_middleware() -> None:
    """A decorator alone cannot keep the token from the application, nor answer the handshake: it says so."""
    auth = ASGIGuard(guard_for_tests(tokens_from=[TokenSubprotocol()], rules=UNCHECKED))

    async def socket(websocket: WebSocket) -> None:
        raise AssertionError("never runs")

    app = Starlette(routes=[WebSocketRoute("/", auth.requires()(socket))])
    offered = RawRequest(headers=[("Sec-WebSocket-Protocol", "chat"), bearer(GOOD)], scheme="wss")
    with pytest.raises(AssertionError, match="never runs"):
        websocket_client(Starlette(routes=[WebSocketRoute("/", ASGIGuard(ONE).requires()(socket))]), offered)
    request = RawRequest(headers=[("Sec-WebSocket-Protocol", f"bearer, {GOOD}")], scheme="wss")
    with pytest.raises(ConfigurationError, match="needs the middleware in front"):
        websocket_client(app, request)


def test_application_with_a_root_path_of_its_own() -> None:
    """An application that changes the path behind the middleware's back is refused: rules would not match it."""

    class Application:
        root_path = "/api"

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            raise AssertionError("never runs")

    with pytest.raises(ConfigurationError, match="root_path of its own"):
        GuardMiddleware(Application(), guard=guard_for_tests(rules=UNCHECKED))
