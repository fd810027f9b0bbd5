"""The ASGI middleware by itself, in front of applications that know nothing but ASGI."""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping, Sequence
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    ConfigurationError,
    Guard,
    InvalidTokenError,
    JWKSet,
    MissingTokenError,
    Principal,
    Rule,
    Rules,
    TokenSubprotocol,
    has_role,
    optional,
    public,
)
from jwtguard.asgi import ASGIGuard, GuardMiddleware, connection, requires
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.tokens.sentinels import UncheckedType
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing.conformance.adapter_case import ABSENT, ADMIN, EXPIRED, GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import OTHER_KEY, OutOfReach, guard_for_tests
from tests.adapters.fetched_keys import FetchedKeys

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Fields = Sequence[tuple[str, str]]
PREFLIGHT = [("Origin", "https://app.example"), ("Access-Control-Request-Method", "POST")]


def scope_of(*headers: tuple[str, str], kind: str = "http", **changes: Any) -> dict[str, Any]:
    """A connection scope as a server makes it."""
    fields = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    own: dict[str, Any] = {"method": "GET"} if kind == "http" else {"subprotocols": [], "extensions": {}}
    return {"type": kind, "path": "/", "query_string": b"", "headers": fields, "state": {}, **own, **changes}


async def receive() -> Message:
    """A client that says nothing but that it is there."""
    return {"type": "websocket.connect"}


def sent_by(app: Callable[..., Coroutine[Any, Any, None]], scope: Scope) -> list[Message]:
    """All that the application sends."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent


def status_of(app: Callable[..., Coroutine[Any, Any, None]], scope: Scope) -> int:
    """The status of the answer."""
    return int(sent_by(app, scope)[0]["status"])


class Inner:
    """An application that keeps the scope it was called with, and answers 200."""

    def __init__(self, *messages: Message, then: Callable[[Scope], object] | None = None) -> None:
        self.scopes: list[Scope] = []
        self._messages = messages
        self._then = then

    async def __call__(self, scope: Scope, receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
        self.scopes.append(scope)
        if self._then is None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        for message in self._messages:
            await send(message)
        self._then(scope)

    @property
    def scope(self) -> Scope:
        (scope,) = self.scopes
        return scope


class Connection:
    """What Starlette's Request has, and `auth.principal` reads."""

    headers: dict[str, str] = {}  # noqa: RUF012 - it is never written to

    def __init__(self, scope: Scope) -> None:
        self.scope = scope


def reading(guard: Guard) -> Callable[[Scope], object]:
    """An application's way to ask who is calling."""
    return lambda scope: ASGIGuard(guard).principal(Connection(scope))


# What passes, and what the application sees.


def test_lifespan_passes() -> None:
    """The lifespan is none of our business, and arrives as it is."""
    seen: list[object] = []

    async def app(*arguments: object) -> None:
        seen.extend(arguments)

    scope, send = {"type": "lifespan"}, object()
    asyncio.run(GuardMiddleware(app, guard_for_tests(rules=UNCHECKED))(scope, receive, send))  # type: ignore[arg-type]
    assert [one is other for one, other in zip(seen, [scope, receive, send], strict=True)] == [True] * 3


def test_unknown_connections_are_closed() -> None:
    """A kind of connection that does not exist yet cannot be guarded, so the application never sees it."""
    inner = Inner()
    with pytest.raises(ConfigurationError, match="a connection of type 'webtransport' cannot be guarded"):
        sent_by(GuardMiddleware(inner, guard_for_tests(rules=UNCHECKED)), {"type": "webtransport", "headers": []})
    assert inner.scopes == []


def test_user_and_auth() -> None:
    """A caller is an authenticated user with the token's scopes, and never its roles, as credentials."""
    inner = Inner()
    sent_by(GuardMiddleware(inner, guard_for_tests(rules=UNCHECKED)), scope_of(bearer(ADMIN)))
    user, auth = inner.scope["user"], inner.scope["auth"]
    assert isinstance(user, Principal)
    assert (user.is_authenticated, user.display_name, user.identity) == (True, "user-1", "user-1")
    assert auth.scopes == ["authenticated", "reports:list", "reports:read"]


@pytest.mark.parametrize("headers", [[], [bearer(EXPIRED)], [bearer(GOOD), bearer(GOOD)]])
def test_unauthenticated(headers: Fields) -> None:
    """Without a valid token the application runs, and `scope["user"]` is the unauthenticated user, without an error."""
    inner = Inner()
    assert status_of(GuardMiddleware(inner, guard_for_tests(rules=UNCHECKED)), scope_of(*headers)) == 200
    user, auth = inner.scope["user"], inner.scope["auth"]
    assert (user.is_authenticated, user.display_name, user.identity, auth.scopes) == (False, "", "", [])


def test_outputs_are_no_inputs() -> None:
    """What a middleware in front wrote into the scope is overwritten and authenticates no caller."""
    inner = Inner()
    theirs = Principal(subject="forged", roles=frozenset({"admin"}))
    rules = Rules([Rule("/admin", has_role("admin"))], default=optional)
    app = GuardMiddleware(inner, guard_for_tests(rules=rules))
    scope: dict[str, Any] = {"user": theirs, "auth": object()}
    assert status_of(app, scope_of(path="/admin", **scope)) == 401
    assert status_of(app, scope_of(**scope)) == 200
    assert inner.scope["user"].is_authenticated is False


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("headers", [[], [bearer(GOOD)]])
def test_scope_is_not_changed(headers: Fields, kind: str) -> None:
    """A middleware in front finds its scope unchanged, and may pass it to another application."""
    scope = scope_of(*headers, kind=kind)
    before = copy.deepcopy(scope)
    app = GuardMiddleware(Inner(then=lambda scope: None), guard_for_tests(rules=UNCHECKED))
    sent_by(app, scope)
    sent_by(app, scope)
    assert scope == before


def test_fallback_to_another_application() -> None:
    """An application that is tried after another one, with the same scope, does not inherit the other's guard."""
    first, second, guard = Inner(), Inner(), guard_for_tests(rules=UNCHECKED)
    scope = scope_of(bearer(GOOD))
    sent_by(GuardMiddleware(first, guard), scope)
    sent_by(GuardMiddleware(second, guard_for_tests(OTHER_KEY, rules=UNCHECKED)), scope)
    assert (first.scope["user"].identity, second.scope["user"].identity) == ("user-1", "")
    with pytest.raises(ConfigurationError, match="put its middleware in front"):
        reading(guard)(second.scope)


def test_two_middlewares() -> None:
    """With two guards in front, each has its own principal, and `scope["user"]` is unauthenticated."""
    one, two = guard_for_tests(rules=UNCHECKED), guard_for_tests(OTHER_KEY, rules=UNCHECKED)
    inner = Inner()
    app = GuardMiddleware(GuardMiddleware(inner, one), two)
    sent_by(app, scope_of(bearer(GOOD)))
    principal = ASGIGuard(one).principal(Connection(inner.scope))
    assert (principal and principal.subject, inner.scope["user"].is_authenticated) == ("user-1", False)
    reads_two = GuardMiddleware(GuardMiddleware(Inner(then=reading(two)), one), two)
    start = sent_by(reads_two, scope_of(bearer(GOOD)))[0]
    assert start["status"] == 401


def test_the_same_guard_twice() -> None:
    """A guard that stands in front twice is still one guard."""
    inner, guard = Inner(), guard_for_tests(rules=UNCHECKED)
    sent_by(GuardMiddleware(GuardMiddleware(inner, guard), guard), scope_of(bearer(GOOD)))
    assert inner.scope["user"].identity == "user-1"


@pytest.mark.parametrize("kind", [ASGIGuard, FastAPIGuard])
def test_guard_of_an_adapter(kind: Callable[[Guard], ASGIGuard]) -> None:
    """The middleware takes the adapter's guard object too."""
    guard = guard_for_tests(rules=UNCHECKED)
    assert GuardMiddleware(Inner(), kind(guard)).guard is guard


@pytest.mark.parametrize(
    ("make", "who"),
    [
        (lambda: GuardMiddleware(Inner(), None), "GuardMiddleware"),  # type: ignore[arg-type]
        (lambda: ASGIGuard("guard"), "ASGIGuard"),  # type: ignore[arg-type]
        (lambda: FastAPIGuard(ASGIGuard(guard_for_tests())), "FastAPIGuard"),  # type: ignore[arg-type]
        (lambda: requires(guard=ASGIGuard(guard_for_tests())), "requires"),  # type: ignore[arg-type]
    ],
)
def test_no_guard(make: Callable[[], object], who: str) -> None:
    """A value that is no guard is refused when the application is made."""
    with pytest.raises(ConfigurationError, match=rf"^{who} needs a guard: pass Guard\(...\), found "):
        make()


# Preflights.


@pytest.mark.parametrize(
    ("headers", "method", "status"),
    [
        (PREFLIGHT, "OPTIONS", 200),
        (PREFLIGHT[:1], "OPTIONS", 401),
        (PREFLIGHT[1:], "OPTIONS", 401),
        (PREFLIGHT, "GET", 401),
        (PREFLIGHT, "options", 401),
    ],
)
def test_preflight(headers: Fields, method: str, status: int) -> None:
    """With `preflight=True`, a CORS preflight passes, and nothing that only looks like one."""
    guard = guard_for_tests(rules=Rules([]))
    assert status_of(GuardMiddleware(Inner(), guard, preflight=True), scope_of(*headers, method=method)) == status
    assert status_of(GuardMiddleware(Inner(), guard), scope_of(*headers, method=method)) == 401


def test_preflight_is_stripped() -> None:
    """A preflight arrives without any credential, so no handler behind it can act for anybody."""
    inner = Inner()
    scope = scope_of(*PREFLIGHT, bearer(GOOD), ("Cookie", "a=1"), ("X-Other", "b"), method="OPTIONS")
    sent_by(GuardMiddleware(inner, guard_for_tests(rules=UNCHECKED), preflight=True), scope)
    names = [name for name, _ in inner.scope["headers"]]
    assert names == [b"origin", b"access-control-request-method", b"x-other"]
    assert (len(scope["headers"]), inner.scope["user"].is_authenticated) == (5, False)


# Refusals.


def test_answer_of_the_middleware() -> None:
    """A refusal by rule is one whole answer, with its length."""
    start, body = sent_by(GuardMiddleware(Inner(), guard_for_tests(rules=Rules([]))), scope_of())
    headers = dict(start["headers"])
    assert (start["type"], start["status"], headers[b"www-authenticate"]) == (
        "http.response.start",
        401,
        ABSENT.encode(),
    )
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert len(start["headers"]) == len(headers)
    assert headers[b"content-type"] == b"application/problem+json"


def test_reading_the_principal() -> None:
    """Reading the principal raises what the middleware kept, wherever below that is, and becomes the answer."""
    guard = guard_for_tests(rules=UNCHECKED)
    app = GuardMiddleware(Inner(then=reading(guard)), guard)
    assert sent_by(app, scope_of(bearer(GOOD))) == []
    start = sent_by(app, scope_of())[0]
    assert (start["status"], dict(start["headers"])[b"www-authenticate"]) == (401, ABSENT.encode())


def test_errors_of_the_application_stay_errors() -> None:
    """The application's own use of the guard, and any other error, is no refusal of ours."""
    guard = guard_for_tests(rules=UNCHECKED)
    for headers in ([], [bearer(GOOD)]):
        with pytest.raises(InvalidTokenError, match="expired"):
            sent_by(GuardMiddleware(Inner(then=lambda _: guard.verify(EXPIRED).run()), guard), scope_of(*headers))
        with pytest.raises(KeyError):
            sent_by(GuardMiddleware(Inner(then=lambda scope: scope["missing"]), guard), scope_of(*headers))


def test_principal_read_after_the_answer_began() -> None:
    """After the response has begun no second one can be sent: the error goes to the server."""
    guard = guard_for_tests(rules=UNCHECKED)
    start = {"type": "http.response.start", "status": 200, "headers": []}
    with pytest.raises(MissingTokenError):
        sent_by(GuardMiddleware(Inner(start, then=reading(guard)), guard), scope_of())


def fails(scope: Scope) -> None:
    """A bug."""
    raise ValueError("own")


def verifies(scope: Scope) -> None:
    """A token that the application verifies for its own ends."""
    guard_for_tests().verify(EXPIRED).run()


@pytest.mark.parametrize(("then", "error"), [(fails, ValueError), (verifies, InvalidTokenError)])
def test_server_errors_are_sent(then: Callable[[Scope], object], error: type[Exception]) -> None:
    """An application that answers 500 before it raises has answered, unless what it raises is the refusal."""
    answer: list[Message] = [
        {"type": "http.response.start", "status": 500, "headers": []},
        {"type": "http.response.body", "body": b"out of order"},
    ]
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    app = GuardMiddleware(Inner(*answer, then=then), guard_for_tests(rules=UNCHECKED))
    with pytest.raises(error):
        asyncio.run(app(scope_of(), receive, send))
    assert sent == [{**answer[0], "headers": [(b"vary", b"Authorization")]}, answer[1]]


@pytest.mark.parametrize("headers", [[bearer(GOOD)], []])
@pytest.mark.parametrize(
    ("kind", "rules"),
    [("http", UNCHECKED), ("websocket", Rules([], default=public)), ("websocket", Rules([], default=optional))],
)
def test_nothing_that_expires(headers: Fields, kind: str, rules: Rules | UncheckedType) -> None:
    """A POST, and a websocket without a caller, gets the server's own `receive`: there is nothing to watch."""
    seen: list[object] = []

    async def app(scope: Scope, receive: object, send: object) -> None:
        seen.append(receive)

    scope = {**scope_of(*headers, kind=kind), "method": "POST"}
    sent_by(GuardMiddleware(app, guard_for_tests(rules=rules)), scope)
    is_watched = kind == "websocket" and bool(headers) and isinstance(rules, Rules) and rules.default is optional
    assert [found is receive for found in seen] == [not is_watched]


ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close", "code": 1000}
DENIAL: dict[str, Any] = {"websocket.http.response": {}}


@pytest.mark.parametrize(
    ("before", "extensions", "expected"),
    [
        ([], {}, ["websocket.close"]),
        ([], None, ["websocket.close"]),
        ([], DENIAL, ["websocket.http.response.start", "websocket.http.response.body"]),
        ([ACCEPT], DENIAL, ["websocket.accept", "websocket.close"]),
        (
            [ACCEPT, {"type": "websocket.send", "text": "hi"}],
            {},
            ["websocket.accept", "websocket.send", "websocket.close"],
        ),
    ],
)
def test_principal_read_in_a_websocket(
    before: list[Message], extensions: dict[str, Any] | None, expected: list[str]
) -> None:
    """A websocket is denied before it is accepted, and closed after that."""
    guard = guard_for_tests(rules=UNCHECKED)
    app = GuardMiddleware(Inner(*before, then=reading(guard)), guard)
    sent = sent_by(app, scope_of(kind="websocket", extensions=extensions))
    assert [message["type"] for message in sent] == expected
    assert sent[-1].get("code", 1008) == 1008


@pytest.mark.parametrize("before", [[CLOSE], [ACCEPT, CLOSE]])
def test_principal_read_in_a_closed_websocket(before: list[Message]) -> None:
    """A websocket that is closed already cannot be closed again."""
    guard = guard_for_tests(rules=UNCHECKED)
    with pytest.raises(MissingTokenError):
        sent_by(GuardMiddleware(Inner(*before, then=reading(guard)), guard), scope_of(kind="websocket"))


def test_websocket_out_of_reach() -> None:
    """Keys that cannot be reached close a handshake with "try again later"."""
    guard = guard_for_tests(keys=OutOfReach(), rules=Rules([]))
    sent = sent_by(GuardMiddleware(Inner(), guard), scope_of(bearer(GOOD), kind="websocket"))
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1013)]


# Paths.


@pytest.mark.parametrize(
    ("path", "root_path", "status"),
    [
        ("/public", "", 200),
        ("/api/public", "/api", 200),
        ("/public", "/api", 200),
        ("/apipublic", "/api", 401),
        ("/public/x", "/public", 401),
        ("/public", "/public", 401),
        ("/api/public", "", 401),
    ],
)
def test_rules_below_a_root_path(path: str, root_path: str, status: int) -> None:
    """A rule's path is the one that the wrapped application's router matches: below the root path."""
    guard = guard_for_tests(rules=Rules([Rule("/public", public)]))
    assert status_of(GuardMiddleware(Inner(), guard), scope_of(path=path, root_path=root_path)) == status


def test_host_and_url_count_for_nothing() -> None:
    """Only the path decides: no Host header and no raw path can make another route of it."""
    guard = guard_for_tests(rules=Rules([Rule("/public", public)]))
    host = ("Host", "api.example/public?")
    assert status_of(GuardMiddleware(Inner(), guard), scope_of(host, path="/admin", raw_path=b"/public")) == 401


# Keys.


@pytest.mark.parametrize("is_async", [True, False])
def test_where_keys_are_fetched(*, is_async: bool) -> None:
    """A coroutine runs on the loop, and what blocks on another thread."""
    keys, inner = FetchedKeys(is_async=is_async), Inner()
    sent_by(GuardMiddleware(inner, guard_for_tests(keys=keys, rules=UNCHECKED)), scope_of(bearer(GOOD)))
    assert inner.scope["user"].is_authenticated is True
    assert [thread == threading.get_ident() for thread in keys.threads] == [is_async]


def test_no_thread_without_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the keys are at hand, no request sees a thread."""

    async def refuse_thread(function: object) -> None:
        raise AssertionError(f"a thread was used for {function!r}")

    monkeypatch.setattr(connection, "_to_thread", refuse_thread)
    inner = Inner()
    sent_by(GuardMiddleware(inner, guard_for_tests(rules=UNCHECKED)), scope_of(bearer(GOOD)))
    assert inner.scope["user"].is_authenticated is True


class Misconfigured:
    """A key source that the program set up wrongly."""

    def current(self) -> JWKSet | None:
        return None

    def refreshed(self, kid: str | None) -> Flow[JWKSet]:
        return Flow(self._steps())

    def _steps(self) -> Steps[JWKSet]:
        raise ConfigurationError("set up wrongly")
        yield


@pytest.mark.parametrize("rules", [UNCHECKED, Rules([])])
def test_errors_in_the_set_up_stay_errors(rules: Rules | UncheckedType) -> None:
    """A mistake of the program is a server error, and no refusal that blames the client."""
    guard = guard_for_tests(keys=Misconfigured(), rules=rules)
    with pytest.raises(ConfigurationError, match="set up wrongly"):
        sent_by(GuardMiddleware(Inner(), guard), scope_of(bearer(GOOD)))


# Subprotocols.


@pytest.mark.parametrize(("chosen", "expected"), [(None, "bearer"), ("chat", "chat")])
@pytest.mark.parametrize(
    ("offered", "own", "fields"),
    [
        (["bearer", GOOD], [], []),
        (["chat", "bearer", GOOD], ["chat"], [b"chat"]),
        (["bearer", GOOD, "chat", "superchat"], ["chat", "superchat"], [b"chat, superchat"]),
    ],
)
def test_subprotocol(
    offered: list[str], own: list[str], fields: list[bytes], chosen: str | None, expected: str
) -> None:
    """The token is no subprotocol that the application can choose; the answer names one, or browsers hang up."""
    guard = guard_for_tests(tokens_from=[AuthorizationHeader(), TokenSubprotocol()], rules=UNCHECKED)
    accept = {"type": "websocket.accept", "subprotocol": chosen}
    inner = Inner(accept, CLOSE, then=lambda scope: None)
    scope = scope_of(("Sec-WebSocket-Protocol", ", ".join(offered)), kind="websocket", subprotocols=offered)
    sent = sent_by(GuardMiddleware(inner, guard), scope)
    assert ([message.get("subprotocol") for message in sent], inner.scope["subprotocols"]) == ([expected, None], own)
    seen = [value for name, value in inner.scope["headers"] if name.lower() == b"sec-websocket-protocol"]
    assert seen == fields


def test_other_subprotocols() -> None:
    """A token that came otherwise leaves the application its subprotocols."""
    guard = guard_for_tests(tokens_from=[AuthorizationHeader(), TokenSubprotocol()], rules=UNCHECKED)
    inner = Inner(ACCEPT, then=lambda scope: None)
    sent = sent_by(GuardMiddleware(inner, guard), scope_of(bearer(GOOD), kind="websocket", subprotocols=["chat"]))
    assert (inner.scope["subprotocols"], sent) == (["chat"], [ACCEPT])


@pytest.mark.parametrize(("headers", "refused"), [([], [401]), ([bearer(GOOD)], [403]), ([bearer(ADMIN)], [])])
def test_rules_for_websockets(headers: Fields, refused: list[int]) -> None:
    """Rules hold for websockets too, which many a middleware forgets."""
    guard = guard_for_tests(rules=Rules([Rule("/", has_role("admin"))]))
    inner = Inner(then=lambda scope: None)
    sent = sent_by(GuardMiddleware(inner, guard), scope_of(*headers, kind="websocket", extensions=DENIAL))
    assert [message["status"] for message in sent[:1]] == refused
    assert (len(inner.scopes) == 0) is bool(refused)
