"""`requires` for endpoints of Starlette and websockets, sync and async.

>>> from jwtguard import has_role
>>> @requires(has_role("admin"))
... async def admin(request): ...
>>> admin.__name__
'admin'
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn, cast

from jwtguard.asgi.connection import (
    Connection,
    P,
    R,
    Scope,
    note_development,
    perform,
    request_auth_of,
    response,
    send_answer,
    shown_principal,
    tell_caches,
    tell_caches_of_error,
)
from jwtguard.asgi.endpoints import check_endpoint, check_endpoints
from jwtguard.authentication import Authentication
from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError, MissingTokenError
from jwtguard.core.flow import Flow, Steps, is_async
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.response import HTTPResponse
from jwtguard.core.http.token_sources import TokenSource, TokenSubprotocol
from jwtguard.core.tokens.principal import Principal
from jwtguard.guard import Guard
from jwtguard.request_auth import Checkpoint, check_enforced, check_guard
from jwtguard.user_lookup import UserLookup
from jwtguard.view_metadata import ViewMetadata, attach, note


def requires(
    requirement: Requirement = authenticated,
    *,
    tokens_from: Iterable[TokenSource] | None = None,
    guard: Guard | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only callers into a Starlette endpoint that `requirement` admits.

    For functions and methods that take a request or a websocket, sync or async. `tokens_from` overrides where its
    token may travel. Without `guard`, the one whose middleware is in front decides; where there is none, the endpoint
    raises `ConfigurationError` and never runs.
    """
    if guard is not None:
        check_guard(guard, "requires")
    return requiring(requirement, tokens_from, guard, None)


def requiring(
    requirement: Requirement,
    tokens_from: Iterable[TokenSource] | None,
    guard: Guard | None,
    users: UserLookup | None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """What `requires` gives, for a guard whose `users` are looked up where there are any."""
    checkpoint = Checkpoint(requirement, tokens_from)
    noted = ViewMetadata(requirement=checkpoint.requirement, tokens_from=checkpoint.tokens_from, guard=guard)

    def decorate(endpoint: Callable[P, R]) -> Callable[P, R]:
        check_endpoint(endpoint)
        guarded = _guard_endpoint(endpoint, checkpoint, functools.partial(EndpointAccess, guard=guard, users=users))
        attach(guarded, noted)
        note(guarded)
        return cast("Callable[P, R]", guarded)

    # FastAPI ignores a function in `Annotated[...]`, and would read the parameter from the request; pydantic asks this.
    vars(decorate)["__get_pydantic_core_schema__"] = _no_annotation
    return decorate


def _no_annotation(source: object, handler: object) -> NoReturn:
    raise ConfigurationError(
        "`requires` of jwtguard.asgi is a decorator, and guards nothing inside Annotated[...]: in FastAPI, write"
        " Annotated[Principal, auth.requires(...)] with auth = FastAPIGuard(guard)"
    )


_in_order: weakref.WeakSet[Any] = weakref.WeakSet()
"""The applications whose endpoints are guarded by each `requires` that was put around them."""


def check_routes_in(scope: Scope) -> None:
    """What a middleware does when the server starts, for applications that have none."""
    app = scope.get("app")
    # Litestar keeps its own application there; only those of Starlette and FastAPI have middlewares of this name.
    if hasattr(app, "user_middleware") and app not in _in_order:
        check_endpoints(app)
        _in_order.add(app)


def _guard_endpoint(
    endpoint: Callable[..., Any], checkpoint: Checkpoint, access_to: Callable[[Scope], EndpointAccess]
) -> Callable[..., Any]:
    if is_async(endpoint):

        @functools.wraps(endpoint)
        async def guarded_async(*args: object, **kwargs: object) -> object:
            connection = _connection(args, kwargs)
            access = access_to(connection.scope)
            try:
                await perform(access.admit(checkpoint))
            except ConfigurationError:
                raise
            except JWTGuardError as error:
                return await _refuse(connection, access.answer(error))
            try:
                with access.shown():
                    return tell_caches(await endpoint(*args, **kwargs), connection.scope)
            except MissingTokenError as error:
                return await _refuse(connection, access.absent(error))

        return guarded_async

    @functools.wraps(endpoint)
    def guarded(*args: object, **kwargs: object) -> object:
        scope = _connection(args, kwargs).scope
        access = access_to(scope)
        try:
            access.admit(checkpoint).run()
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            return response(access.answer(error))
        try:
            with access.shown():
                return tell_caches(endpoint(*args, **kwargs), scope)
        except MissingTokenError as error:
            return response(access.absent(error))

    return guarded


class EndpointAccess:
    """One connection at one `requires`: what a decorator or a dependency needs to decide and to refuse.

    Without `guard`, the one whose middleware is in front; raises `ConfigurationError` if that is not exactly one. After
    `admit`, `with access.shown():` shows the caller while the endpoint runs, `enter` from then on.
    """

    def __init__(self, scope: Scope, guard: Guard | None, users: UserLookup | None = None) -> None:
        request_auth = request_auth_of(scope)
        if not request_auth.in_front:
            check_routes_in(scope)
        note_development(scope, None)
        self._scope = scope
        self._request_auth = request_auth
        self._principal: Principal | None = None
        self._users = users
        self.guard = guard or request_auth.guard()
        if guard is not None:
            check_enforced(guard, request_auth.in_front)

    def admit(self, checkpoint: Checkpoint) -> Flow[Principal | None]:
        """Let the caller in; raises `JWTGuardError`."""
        return Flow(self._admit(checkpoint))

    def _admit(self, checkpoint: Checkpoint) -> Steps[Principal | None]:
        find_user = None if self._users is None else self._users.finder(self.guard, self._request_auth)
        request = ASGIRequest(self._scope)
        admission = yield from checkpoint.admit(self.guard, request, self._request_auth, find_user)
        if admission.authentication is not None:
            self._check_subprotocol(admission.authentication)
        self._principal = admission.principal
        return self._principal

    def _check_subprotocol(self, authentication: Authentication) -> None:
        # A middleware would have taken the token away, and seen to it that the handshake is answered with `bearer`.
        if (
            isinstance(authentication.source, TokenSubprotocol)
            and authentication.source.read(ASGIRequest(self._scope)) is not None
        ):
            raise ConfigurationError(
                "TokenSubprotocol() needs the middleware in front, with it among the guard's tokens_from:"
                " add GuardMiddleware(app, guard=guard)"
            )

    def answer(self, error: JWTGuardError) -> HTTPResponse:
        """The finished answer for a refusal."""
        return self.guard.answer(error, ASGIRequest(self._scope))

    def absent(self, error: MissingTokenError) -> HTTPResponse:
        """The answer where an endpoint that did without a caller reads one; raises what it raised otherwise."""
        if self._principal is not None:
            raise error
        return self.answer(error)

    def enter(self) -> Principal | None:
        """From here on, the caller is the one that was admitted."""
        self._request_auth.admit(self.guard, self._principal)
        self._scope.update(shown_principal(self._principal))
        return self._principal

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While the endpoint runs, the caller is the one that was admitted."""
        scope, principal = self._scope, self._principal
        before: dict[str, Any] = {}
        is_shown = principal is not None and scope.get("user") is principal
        if not is_shown:
            # Where no layer outside filled these, they stay for a body that is streamed after the endpoint returned.
            before = {name: scope[name] for name in ("user", "auth") if name in scope}
            scope.update(shown_principal(principal))
        try:
            with self._request_auth.admitting(self.guard, principal):
                yield
        except Exception as error:
            if scope["type"] == "http":
                tell_caches_of_error(error, ASGIRequest(scope).search)
            raise
        finally:
            scope.update(before)


async def _refuse(connection: Connection, answer: HTTPResponse) -> object:
    """What the endpoint returns instead of running: a response, or nothing once a handshake is denied."""
    if connection.scope["type"] == "http":
        return response(answer)
    websocket = cast("Any", connection)
    # As Starlette names it; a method like `on_receive` may be guarded, which runs when the socket is open.
    is_open = websocket.application_state.name == "CONNECTED"
    await send_answer(answer, connection.scope, websocket.send, is_open=is_open)
    return None


def _connection(args: tuple[object, ...], kwargs: Mapping[str, object]) -> Connection:
    """The request or websocket among an endpoint's arguments. A class-based endpoint's `self` has a scope too."""
    for argument in (*args, *kwargs.values()):
        # Of its type: to read the headers of a request makes an object of them.
        if hasattr(argument, "scope") and hasattr(type(argument), "headers"):
            return cast("Connection", argument)
    raise ConfigurationError(
        "`requires` guards endpoints that take a Starlette request or websocket, and found neither"
    )
