"""One ASGI connection: what is kept in its scope, how flows run on its loop, how a refusal is sent.

>>> close_code(503), close_code(401)
(1013, 1008)

`scope["user"]` and `scope["auth"]` are outputs. What decides is the private `KEY` of the scope.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeAlias, TypeVar

from jwtguard.core.errors import JWTGuardError, MissingTokenError
from jwtguard.core.events import IN_DEVELOPMENT
from jwtguard.core.flow import Flow, run_async
from jwtguard.core.http.caching import TokenSearch
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.response import HTTPResponse
from jwtguard.core.tokens.principal import Principal
from jwtguard.request_auth import KEY, RequestAuth

if TYPE_CHECKING:
    from starlette.responses import Response

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

POLICY_VIOLATION, TRY_AGAIN_LATER = 1008, 1013
"""Close codes of a refused handshake (RFC 6455 §7.4.1) where the server cannot send an HTTP answer."""

_OF_A_CALLER = frozenset(field.name for field in fields(Principal))


class UnauthenticatedUser:
    """What `scope["user"]` is where there is no caller: `is_authenticated` is false.

    Reading what only a caller has, such as `subject`, raises the refusal, `error`.
    """

    is_authenticated = False
    display_name = ""
    identity = ""

    def __init__(self, error: JWTGuardError | None = None) -> None:
        self._error = error

    # For type checkers, any name at all would be an attribute.
    if not TYPE_CHECKING:  # pragma: no branch

        def __getattr__(self, name: str) -> object:  # Called only for what is not there.
            if name not in _OF_A_CALLER:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            # One error may be raised several times: each time with a traceback of its own.
            raise MissingTokenError if self._error is None else self._error.with_traceback(None)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What `scope["auth"]` is: `authenticated` and the token's scopes, for Starlette's own `requires`. Never roles."""

    principal: Principal | None

    @property
    def scopes(self) -> list[str]:
        """`authenticated` and the scopes of the token; nothing without a caller."""
        return [] if self.principal is None else ["authenticated", *sorted(self.principal.scopes)]


UNAUTHENTICATED_USER = UnauthenticatedUser()


def unauthenticated_user(error: JWTGuardError | None) -> UnauthenticatedUser:
    """What `scope["user"]` is without a caller; `error` is why there is none."""
    return UNAUTHENTICATED_USER if error is None or isinstance(error, MissingTokenError) else UnauthenticatedUser(error)


class Connection(Protocol):
    """What we need of Starlette's `Request` and `WebSocket`."""

    scope: Scope
    """The ASGI scope."""


OUTSIDE = "jwtguard.outside"
"""Where the outermost middleware shows the callers of a connection to what stands around it."""


def note_development(scope: Scope, application: object) -> None:
    """Note for the log that the application is in debug mode: Starlette puts it into the scope, else it is wrapped."""
    if getattr(scope.get("app", application), "debug", False) is True:
        IN_DEVELOPMENT.set(True)


def request_auth_of(scope: Scope) -> RequestAuth:
    """Who was let in during this connection so far."""
    request_auth: RequestAuth | None = scope.get(KEY)
    if request_auth is None:
        request_auth = scope[KEY] = RequestAuth()
    return request_auth


async def perform(flow: Flow[T]) -> T:
    """Run a flow on this loop, with Starlette's thread pool for what blocks."""
    return await run_async(flow, to_thread=_to_thread)


def response(answer: HTTPResponse) -> Response:
    """A finished answer as a Starlette response."""
    from starlette.responses import Response  # noqa: PLC0415 - the middleware works without Starlette

    found = Response(answer.body, status_code=answer.status)
    for name, value in answer.headers:
        if name == "Set-Cookie":
            found.headers.append(name, value)  # There may be several.
        else:
            found.headers[name] = value
    return found


def tell_caches(result: T, scope: Scope) -> T:
    """What an endpoint returned: a response says what caches must know of how the request was authenticated."""
    from starlette.responses import Response  # noqa: PLC0415 - the middleware works without Starlette

    if isinstance(result, Response):
        for name, value in ASGIRequest(scope).search.changes(result.status_code or 200, result.headers.getlist):
            result.headers[name] = value
    return result


def tell_caches_of_error(error: Exception, search: TokenSearch) -> None:
    """The same for an error that an endpoint raised, of which Starlette makes a response further out."""
    from starlette.exceptions import HTTPException  # noqa: PLC0415 - the middleware works without Starlette

    if isinstance(error, HTTPException):
        changed = search.header_fields(error.status_code, list((error.headers or {}).items()))
        error.headers = error.headers if changed is None else dict(changed)


class ConnectionState:
    """Passes messages on, and remembers whether the answer has begun, and whether a websocket is open.

    A server error is held back until the application is done: a Starlette application answers 500 before it passes on
    what was raised, and if that is the kept refusal, the client is to get the refusal.
    """

    __slots__ = ("_held", "_send", "has_begun", "is_open")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._held: list[Message] = []
        self.has_begun = self.is_open = False

    async def release(self) -> None:
        """Send what was held back."""
        held, self._held = self._held, []
        for message in held:
            await self._send(message)

    async def send(self, message: Message) -> None:
        """Pass a message on."""
        is_server_error = message["type"] == "http.response.start" and message["status"] == 500
        if self._held or (is_server_error and not self.has_begun):
            self._held.append(message)
            return
        self.has_begun = True
        if message["type"] in {"websocket.accept", "websocket.close"}:
            self.is_open = message["type"] == "websocket.accept"
        await self._send(message)


async def send_answer(answer: HTTPResponse, scope: Scope, send: Send, *, is_open: bool = False) -> None:
    """Send a finished answer; for a websocket handshake as a denial, or as a close where the server has no such thing.

    `is_open`: the websocket was accepted, so nothing but closing it is left.
    """
    if scope["type"] == "websocket" and (is_open or not can_deny(scope)):
        await send({"type": "websocket.close", "code": close_code(answer.status), "reason": ""})
        return
    prefix = "websocket." if scope["type"] == "websocket" else ""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": f"{prefix}http.response.start", "status": answer.status, "headers": headers})
    await send({"type": f"{prefix}http.response.body", "body": answer.body})


def can_deny(scope: Scope) -> bool:
    """Whether the server can send an HTTP answer to a handshake; Starlette would try it unasked."""
    return "websocket.http.response" in (scope.get("extensions") or {})


def close_code(status: int) -> int:
    """The close code that says what an HTTP status says."""
    return TRY_AGAIN_LATER if status == 503 else POLICY_VIOLATION


def shown_principal(principal: Principal | None) -> dict[str, Any]:
    """What stands in the places that Starlette reads. They are outputs: nothing of ours goes by them."""
    return {"user": UNAUTHENTICATED_USER if principal is None else principal, "auth": Credentials(principal)}


async def _to_thread(function: Callable[[], T]) -> T:
    try:
        from starlette.concurrency import run_in_threadpool  # noqa: PLC0415 - only where something blocks
    except ImportError:
        from jwtguard.core.event_loops import in_thread  # noqa: PLC0415 - only where something blocks

        return await in_thread(function)
    return await run_in_threadpool(function)
