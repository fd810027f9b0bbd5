"""What is FastAPI's own: the OpenAPI document, dependencies, error handlers, websockets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from fastapi.routing import APIRoute

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    ConfigurationError,
    Principal,
    Requirement,
    Rule,
    Rules,
    TokenCookie,
    TokenHeader,
    TokenQuery,
    authenticated,
    denied,
    has_role,
    has_scope,
    optional,
    optional_lenient,
    public,
)
from jwtguard.asgi import GuardMiddleware
from jwtguard.asgi.decorator import EndpointAccess
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.fastapi import FastAPIGuard, RefusedRequest
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, websocket_client
from jwtguard.testing.conformance.adapter_case import ABSENT, ADMIN, EXPIRED, GOOD, INVALID, bearer, token
from jwtguard.testing.conformance.adapter_sites import OTHER_KEY, OutOfReach, guard_for_tests
from jwtguard.testing.conformance.raw_clients import Message

# At module level, since the annotations below are strings, and FastAPI looks their names up here.
AUTH = FastAPIGuard(guard_for_tests())
OTHER = FastAPIGuard(guard_for_tests(OTHER_KEY))
OUT = FastAPIGuard(guard_for_tests(keys=OutOfReach()))
Caller = Annotated[Principal, AUTH.requires()]
Admin = Annotated[Principal, AUTH.requires(has_role("admin"))]
Anybody = Annotated[Principal | None, AUTH.requires(optional)]
Theirs = Annotated[Principal, OTHER.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])]
Open = Annotated[Principal, OUT.requires()]
THEIRS = token(key=OTHER_KEY, subject="user-2")


def ask(app: Any, target: str = "/", *headers: tuple[str, str], method: str = "GET") -> RawAnswer:
    """Send one request."""
    return asgi_client(app)(RawRequest(method=method, target=target, headers=headers))


def application(*, init: bool = True) -> FastAPI:
    """An application with a route for each kind of dependency."""
    app = FastAPI()
    if init:
        AUTH.init_app(app)

    @app.get("/me")
    async def me(caller: Caller) -> str:
        return str(caller.subject)

    @app.get("/admin")
    def admin(caller: Admin) -> str:
        return str(caller.subject)

    @app.get("/optional")
    async def anybody(caller: Anybody) -> str | None:
        return None if caller is None else caller.subject

    @app.get("/out")
    async def out(caller: Open) -> str:
        raise AssertionError

    return app


# The OpenAPI document.


def document(
    *requirements: Requirement,
    tokens_from: Sequence[TokenSource] | None = None,
    own: Sequence[TokenSource] | None = None,
    init: bool = True,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The security schemes, and the security of each operation: /0, /1 … with the requirements, and /open.

    `tokens_from` is the guard's, and `own` that of the routes.
    """
    app = FastAPI()
    auth = FastAPIGuard(guard_for_tests(tokens_from=tokens_from))
    if init:
        auth.init_app(app)
    for number, requirement in enumerate(requirements):
        app.add_api_route(f"/{number}", lambda: None, dependencies=[auth.requires(requirement, tokens_from=own)])
    app.add_api_route("/open", lambda: None)
    app.openapi()
    described = app.openapi()  # Twice, since FastAPI keeps the document.
    security = {path: methods["get"].get("security") for path, methods in described["paths"].items()}
    return described.get("components", {}).get("securitySchemes", {}), security


BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
COOKIE = {"type": "apiKey", "in": "cookie", "name": "__Host-access"}


@pytest.mark.parametrize("init", [True, False])
def test_bearer_scheme(*, init: bool) -> None:
    """A guarded operation shows the lock, and one that reads no token does not."""
    schemes, security = document(authenticated, has_role("admin"), optional, public, denied, init=init)
    assert schemes == {"BearerToken": BEARER}
    locked: list[Any] = [{"BearerToken": []}]
    free = [*locked, {}] if init else locked
    assert security == {"/0": locked, "/1": locked, "/2": free, "/3": None, "/4": None, "/open": None}


def test_cookie_scheme() -> None:
    """With `init_app`, a guard that takes cookies too says so, at every operation that it guards."""
    places: list[TokenSource] = [AuthorizationHeader(), TokenCookie("__Host-access")]
    schemes, security = document(authenticated, public, tokens_from=places)
    assert schemes == {"BearerToken": BEARER, "CookieToken.__Host-access": COOKIE}
    assert security == {"/0": [{"BearerToken": []}, {"CookieToken.__Host-access": []}], "/1": None, "/open": None}


def test_cookie_scheme_without_init_app() -> None:
    """Without `init_app`, the first place is described, under a name that tells of the others."""
    schemes, _ = document(authenticated, tokens_from=[AuthorizationHeader(), TokenCookie()], init=False)
    assert schemes == {"BearerToken-or-CookieToken.__Host-access": BEARER}


@pytest.mark.parametrize(
    ("place", "name", "scheme"),
    [
        (TokenCookie("__Host-access"), "CookieToken.__Host-access", COOKIE),
        (TokenCookie("__Host-access", development=True), "CookieToken.access", {**COOKIE, "name": "access"}),
        (
            TokenHeader("X-Token", from_proxy=False),
            "HeaderToken.X-Token",
            {"type": "apiKey", "in": "header", "name": "X-Token"},
        ),
        (
            TokenHeader("X-Forwarded-Authorization", from_proxy=True, scheme="Bearer"),
            "HeaderToken.X-Forwarded-Authorization",
            {
                "type": "apiKey",
                "in": "header",
                "name": "X-Forwarded-Authorization",
                "description": "The value is the scheme and the token: Bearer <token>",
            },
        ),
        (AuthorizationHeader(from_proxy=True), "BearerToken", BEARER),
        (TokenQuery("t"), "QueryToken.t", {"type": "apiKey", "in": "query", "name": "t"}),
        (AuthorizationHeader(), "BearerToken", BEARER),
    ],
)
def test_scheme_of_a_place(place: TokenSource, name: str, scheme: dict[str, str]) -> None:
    """The scheme is that of the place where the token travels: the guard's, or the route's own."""
    assert document(authenticated, tokens_from=[place]) == ({name: scheme}, {"/0": [{name: []}], "/open": None})
    assert document(authenticated, own=[place]) == ({name: scheme}, {"/0": [{name: []}], "/open": None})


def test_document_without_any_guarded_route() -> None:
    """Where no route is guarded, no scheme is described."""
    assert document(tokens_from=[AuthorizationHeader(), TokenCookie()]) == ({}, {"/open": None})


def test_places_of_one_kind() -> None:
    """Two places of one kind are two schemes, and any of them will do."""
    schemes, security = document(authenticated, tokens_from=[AuthorizationHeader(), TokenCookie("a"), TokenCookie("b")])
    assert sorted(schemes) == ["BearerToken", "CookieToken.a", "CookieToken.b"]
    assert security["/0"] == [{"BearerToken": []}, {"CookieToken.a": []}, {"CookieToken.b": []}]


def test_each_operation_names_its_own_places() -> None:
    """A route with places of its own is not said to take a token anywhere else."""
    app = FastAPI()
    auth = FastAPIGuard(guard_for_tests(tokens_from=[AuthorizationHeader(), TokenHeader("X-A", from_proxy=False)]))
    auth.init_app(app)
    own: list[TokenSource] = [TokenHeader("X-B", from_proxy=False), TokenQuery("t")]
    app.add_api_route("/guard", lambda: None, dependencies=[auth.requires()])
    app.add_api_route("/bearer", lambda: None, dependencies=[auth.requires(tokens_from=[AuthorizationHeader()])])
    app.add_api_route("/own", lambda: None, dependencies=[auth.requires(tokens_from=own)])
    described = app.openapi()
    names = {
        path: [name for lock in methods["get"]["security"] for name in lock]
        for path, methods in described["paths"].items()
    }
    assert names == {
        "/guard": ["BearerToken", "HeaderToken.X-A"],
        "/bearer": ["BearerToken"],
        "/own": ["HeaderToken.X-B", "QueryToken.t"],
    }
    assert set(described["components"]["securitySchemes"]) == {name for each in names.values() for name in each}


def test_router_and_operation() -> None:
    """A router's requirement and an operation's own are one lock in the document, and both count."""
    app, router = FastAPI(), APIRouter(dependencies=[AUTH.requires(has_scope("reports:read"))])

    @router.get("/reports")
    async def reports(caller: Admin) -> str:
        return str(caller.subject)

    app.include_router(router)
    AUTH.init_app(app)
    locks = app.openapi()["paths"]["/reports"]["get"]["security"]
    assert {name for lock in locks for name in lock} == {"BearerToken"}  # An older FastAPI says it twice.
    only_role, only_scope = token(roles=["admin"]), token(scope=["reports:read"])
    texts = [only_role, only_scope, ADMIN]
    assert [ask(app, "/reports", bearer(text)).status for text in texts] == [403, 403, 200]


def test_application_and_middleware() -> None:
    """The whole application may be guarded by a dependency, and the middleware in front saves reading twice."""
    events: list[object] = []
    auth = FastAPIGuard(guard_for_tests(on_event=events.append, rules=UNCHECKED))
    app = FastAPI(dependencies=[auth.requires()])
    app.add_middleware(GuardMiddleware, guard=auth)
    app.add_api_route("/", lambda: None)
    assert (ask(app).status, ask(app, "/", bearer(GOOD)).status) == (401, 200)
    assert [getattr(event, "outcome", None) for event in events] == ["refused", "accepted"]


# What runs at a request.


def test_one_dependency_runs() -> None:
    """A guarded route has one dependency, async, which has none of its own: FastAPI has nothing else to solve."""
    app = application()
    route = next(route for route in app.routes if isinstance(route, APIRoute) and route.path == "/me")
    (dependency,) = route.dependant.dependencies
    assert dependency.dependencies == []
    parameters = [
        dependency.query_params,
        dependency.header_params,
        dependency.cookie_params,
        dependency.path_params,
        dependency.body_params,
    ]
    assert parameters == [[]] * 5


def test_two_guards() -> None:
    """Two guards in one operation let in a caller each, and neither takes the other's."""
    app = FastAPI()

    @app.get("/")
    async def both(request: Request, mine: Caller, theirs: Theirs) -> list[str | None]:
        again = AUTH.principal(request), OTHER.principal(request)
        return [None if caller is None else caller.subject for caller in (mine, theirs, *again)]

    assert ask(app, "/", bearer(GOOD), ("X-Token", THEIRS)).json() == ["user-1", "user-2", "user-1", "user-2"]
    assert ask(app, "/", bearer(GOOD), ("X-Token", GOOD)).status == 401
    assert ask(app, "/", bearer(THEIRS), ("X-Token", THEIRS)).status == 401


def test_user_of_the_request() -> None:
    """`request.user` is the caller behind the dependency, and unauthenticated without a token."""
    app = FastAPI()

    @app.get("/")
    async def view(request: Request, caller: Anybody) -> list[Any]:
        return [request.user.is_authenticated, request.user.identity, request.auth.scopes, caller is None]

    assert ask(app).json() == [False, "", [], True]
    assert ask(app, "/", bearer(GOOD)).json() == [True, "user-1", ["authenticated"], False]


@pytest.mark.parametrize("mode", [optional, optional_lenient, public])
def test_none(mode: Any) -> None:
    """Where no caller is needed, the value is None."""
    app = FastAPI()
    dependency = AUTH.requires(mode)

    async def view(caller: Any = dependency) -> bool:
        return caller is None

    app.add_api_route("/", view)
    assert ask(app).json() is True


def test_dependency_overrides() -> None:
    """In tests of an application, a caller can be put in the place of a dependency, as of any other."""
    app = application()
    dependency = Admin.__metadata__[0].dependency  # type: ignore[attr-defined]
    app.dependency_overrides[dependency] = lambda: Principal(subject="from the test")
    assert ask(app, "/admin").json() == "from the test"
    assert ask(app, "/me").status == 401


def test_dependency_of_a_dependency() -> None:
    """The application's own dependency may build on ours; shared, it runs once."""
    events: list[object] = []
    auth = FastAPIGuard(guard_for_tests(on_event=events.append, rules=UNCHECKED))
    shared = auth.requires()

    async def name(caller: Any = shared) -> str:
        return f"<{caller.subject}>"

    async def view(caller: Any = shared, text: str = Depends(name)) -> list[str]:
        return [caller.subject, text]

    app = FastAPI()
    app.add_api_route("/", view)
    assert ask(app, "/", bearer(GOOD)).json() == ["user-1", "<user-1>"]
    assert len(events) == 1


def test_refused_before_validation_is_answered() -> None:
    """A stranger learns nothing of what a valid request would be: the refusal comes before 422."""
    app = FastAPI()

    @app.get("/items")
    async def items(number: int, caller: Caller) -> int:
        return number

    assert ask(app, "/items?number=x").status == 401
    assert ask(app, "/items?number=x", bearer(GOOD)).status == 422


# Refusals.


@pytest.mark.parametrize("init", [True, False])
@pytest.mark.parametrize(
    ("target", "headers", "status", "challenge"),
    [
        ("/me", [], 401, ABSENT),
        ("/me", [bearer(EXPIRED)], 401, INVALID),
        ("/me", [bearer(GOOD), bearer(GOOD)], 400, 'error="invalid_request"'),
        ("/admin", [bearer(GOOD)], 403, 'error="insufficient_scope"'),
        ("/out", [bearer(GOOD)], 503, None),
    ],
)
def test_refusals(
    target: str, headers: list[tuple[str, str]], status: int, challenge: str | None, *, init: bool
) -> None:
    """Status, challenge and Retry-After are right with or without `init_app`, which adds the problem body."""
    answer = ask(application(init=init), target, *headers)
    assert answer.status == status
    assert (challenge or "") in (answer.header("WWW-Authenticate") or "")
    assert (answer.header("WWW-Authenticate") is None) is (challenge is None)
    assert answer.header("Retry-After") == ("7" if status == 503 else None)
    assert answer.header("Cache-Control") == "no-store"
    if init:
        assert (answer.header("Content-Type"), answer.json()["status"]) == ("application/problem+json", status)
    else:
        assert (answer.header("Content-Type"), list(answer.json())) == ("application/json", ["detail"])


def test_handlers_of_the_application() -> None:
    """`init_app` registers a handler for our refusals alone: the application's own keep working, for the rest."""
    app = application()

    @app.exception_handler(HTTPException)
    async def own(request: Request, error: HTTPException) -> Response:
        return PlainTextResponse("own", status_code=418)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return PlainTextResponse("invalid", status_code=418)

    @app.get("/missing")
    async def missing(caller: Caller) -> None:
        raise HTTPException(404)

    assert ask(app, "/missing", bearer(GOOD)).body == b"own"
    assert ask(app, "/missing").header("Content-Type") == "application/problem+json"


def test_handler_of_the_application_for_ours() -> None:
    """Without `init_app`, a handler of HTTP exceptions gets our refusals as such, with what they say."""
    app = application(init=False)
    seen: list[RefusedRequest] = []

    @app.exception_handler(RefusedRequest)
    async def own(request: Request, error: RefusedRequest) -> Response:
        seen.append(error)
        return PlainTextResponse(error.error.reason, status_code=error.status_code, headers=error.headers)

    answer = ask(app, "/me", bearer(EXPIRED))
    assert (answer.body, answer.header("WWW-Authenticate")) == (b"expired", INVALID)
    assert (seen[0].detail, seen[0].answer.status) == (seen[0].error.detail, 401)


def test_errors_of_the_application_stay_errors() -> None:
    """A token that a view verifies for its own ends is the view's business."""
    app = FastAPI()
    AUTH.init_app(app)

    @app.get("/")
    async def view(caller: Caller) -> None:
        await AUTH.guard.verify(EXPIRED)

    with pytest.raises(Exception, match="expired"):
        ask(app, "/", bearer(GOOD))


def test_errors_in_the_set_up_stay_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of the program is a server error, and no refusal that blames the client."""

    def admit(*_: object) -> None:
        raise ConfigurationError("set up wrongly")

    monkeypatch.setattr(EndpointAccess, "admit", admit)
    with pytest.raises(ConfigurationError, match="set up wrongly"):
        ask(application(), "/me", bearer(GOOD))


def test_wrong_arguments() -> None:
    """A wrong argument of `requires` is refused when the route is written."""
    with pytest.raises(ConfigurationError, match=r"has_role\('admin'\)"):
        AUTH.requires("admin")  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="tokens_from is a list of places"):
        AUTH.requires(tokens_from="cookie")  # type: ignore[arg-type]


def test_rules() -> None:
    """With the middleware, rules hold for the documentation pages too, and both must pass."""
    rules = Rules([Rule("/open", public), Rule("/me", has_role("admin"))])
    auth = FastAPIGuard(guard_for_tests(rules=rules))
    app = application()
    app.add_middleware(GuardMiddleware, guard=auth)
    app.add_api_route("/open", lambda: "open")
    assert [ask(app, path).status for path in ("/open", "/docs", "/openapi.json", "/nowhere")] == [200, 401, 401, 401]
    assert [ask(app, "/me", bearer(text)).status for text in (GOOD, ADMIN)] == [403, 200]


# Websockets.


def socket_application(*, init: bool) -> FastAPI:
    """An application with one guarded websocket."""
    app = FastAPI()
    if init:
        AUTH.init_app(app)

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, caller: Admin) -> None:
        await websocket.accept()
        await websocket.send_text(str(caller.subject) + websocket.user.identity)

    return app


@pytest.mark.parametrize("init", [True, False])
@pytest.mark.parametrize(("headers", "status"), [([], 401), ([bearer(GOOD)], 403)])
def test_websocket_denied(headers: list[tuple[str, str]], status: int, *, init: bool) -> None:
    """A handshake is denied with an answer where the server can send one, and is else closed before it is accepted."""
    app = socket_application(init=init)
    denied_by_answer: list[Message] = websocket_client(app, RawRequest(headers=headers))
    assert (denied_by_answer[0]["type"], denied_by_answer[0]["status"]) == ("websocket.http.response.start", status)
    assert b"www-authenticate" in dict(denied_by_answer[0]["headers"])
    (closed,) = websocket_client(app, RawRequest(headers=headers), can_deny=False)
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)


def test_websocket_accepted() -> None:
    """A caller who may, gets in, and is known by value and as `websocket.user`."""
    sent = websocket_client(socket_application(init=True), RawRequest(headers=[bearer(ADMIN)]))
    assert sent[1]["text"] == "user-1user-1"
