"""`GuardMiddleware`: authenticates each connection of an ASGI application and enforces the rules of its guard.

>>> from jwtguard import Guard, Rules, SigningKey
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(
...     issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key, rules=Rules([])
... )
>>> async def app(scope, receive, send): ...
>>> GuardMiddleware(app, guard=guard).guard is guard
True
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from jwtguard import endpoints as shipped
from jwtguard.asgi.asgi_guard import ASGIGuard
from jwtguard.asgi.connection import (
    OUTSIDE,
    ASGIApp,
    ConnectionState,
    Credentials,
    Message,
    Receive,
    Scope,
    Send,
    note_development,
    perform,
    send_answer,
    unauthenticated_user,
)
from jwtguard.asgi.endpoints import check_endpoints
from jwtguard.authentication import Authentication
from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import ConfigurationError, JWTGuardError, MissingTokenError
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.response import HTTPRequest, is_preflight
from jwtguard.core.http.token_sources import TokenSubprotocol, subprotocols_without_token
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.verifier import VerifiedToken
from jwtguard.endpoints.asgi import MountedRoutes, telling_caches
from jwtguard.endpoints.resource_metadata import warn_of_root
from jwtguard.guard import Guard
from jwtguard.request_auth import KEY, Entry, RequestAuth, check_front
from jwtguard.view_metadata import ViewMetadata

if TYPE_CHECKING:
    from jwtguard.websocket_lifetime import End

_SHARES = (0.75, 1.0)
"""Within these parts of the longest interval a connection asks again whether its session goes on."""


class GuardMiddleware:
    """Authenticates http and websocket connections, and enforces the guard's rules.

    With `rules=UNCHECKED` it refuses nothing: the caller, or the error, is kept for `requires`. A guard without `rules`
    is a `ConfigurationError`. A websocket is closed with 3000 when its token expires or its session has ended, and with
    1013 when that cannot be checked. `end_streams` says which responses end like that: None, an event stream
    (`text/event-stream`) to a GET; False, none; True, any, also one that has not begun, which then is the refusal. The
    application sees `http.disconnect`, what it sends is dropped, and it is cancelled after 5 seconds; an event stream
    to a GET is completed, any other response is cut off. With `preflight=True`, CORS preflights pass, stripped of
    cookies and credentials: set it only if a CORS layer inside answers every one of them. `sleep` waits for seconds
    (default: the event loop's). Given an `ASGIGuard` or `FastAPIGuard`, it lets those routes pass that read no access
    token, and renews silently where that is on.
    """

    def __init__(
        self,
        app: ASGIApp = None,  # type: ignore[assignment] # so that each slip below gets an error of ours
        guard: Guard | ASGIGuard = None,  # type: ignore[assignment]
        *,
        preflight: bool = False,
        end_streams: bool | None = None,
        sleep: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        _check_arguments(app, guard)
        self.app = app
        if getattr(app, "root_path", ""):
            # FastAPI(root_path=...) changes the path behind our back, so that a rule would not match what it guards.
            raise ConfigurationError(
                "the application sets a root_path of its own, which rules by path cannot see from outside: put the"
                " middleware inside, with app.add_middleware(GuardMiddleware, guard=guard)"
            )
        self.guard = check_front(guard.guard if isinstance(guard, ASGIGuard) else guard, "GuardMiddleware")
        self._auth = guard if isinstance(guard, ASGIGuard) else ASGIGuard(guard)
        self._routes = self._auth.mounted
        self._has_routes = not self._routes.is_empty
        self._application = _innermost(app)
        self._preflight = preflight
        if end_streams is not None and not isinstance(end_streams, bool):
            raise ConfigurationError(
                "end_streams is None (event streams to a GET end with their token), False (no response does), or True"
                f" (every response does): found {end_streams!r}"
            )
        self._end_streams = end_streams
        self._sleep = sleep
        self._is_in_order = False

    @property
    def routes(self) -> MountedRoutes:
        """The shipped routes that it lets pass unasked."""
        return self._routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Guard one connection."""
        kind = scope["type"]
        if not self._is_in_order:  # When the server starts, or at the first request where there is no lifespan.
            await self._check_application(scope, receive, send)
        if kind != "http" and kind != "websocket":
            if kind == "lifespan":
                await self.app(scope, receive, send)
                return
            raise ConfigurationError(f"a connection of type {kind!r} cannot be guarded, so it is closed")
        note_development(scope, self._application)
        # Copies, of this and of the callers: an application in front that passes the request to another one, too, sees
        # no change.
        outer, scope = scope, dict(scope)
        request = ASGIRequest(scope)
        send = telling_caches(send, request)
        request_auth = scope[KEY].copy() if KEY in scope else RequestAuth()
        renew = None
        is_exempt = False
        if self._has_routes:
            send, renew = self._routes.finishing(send, request_auth), self._routes.renew(request_auth)
            is_exempt = self._routes.exempts(request)
        guard = self.guard
        if self._preflight and is_preflight(request):
            is_exempt, scope = True, _without_credentials(scope)
        try:
            users = self._auth.users
            find_user = None if users is None else users.finder(guard, request_auth)
            entry = await perform(guard.enter(request, renew=renew, find_user=find_user, is_exempt=is_exempt))
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            refusal = self._routes.missed(request, error) if self._has_routes else error
            _show_outside(outer, unauthenticated_user(error), None)
            await send_answer(guard.answer(refusal, request), scope, send)
            return
        request_auth.keep(guard, entry)
        principal = request_auth.known_principal()
        kept = entry.error if isinstance(entry, Authentication) else None
        scope[KEY] = request_auth
        scope["user"] = principal or unauthenticated_user(kept)
        scope["auth"] = Credentials(principal)
        _show_outside(outer, scope["user"], request_auth)
        self._routes.withhold(scope)
        if entry.principal is None:
            await self._run_without_caller(scope, receive, send, request_auth, request)
        elif kind == "websocket":
            await self._run_socket(scope, receive, send, entry)
        else:
            await self._run_response(scope, receive, send, entry, request)

    async def _check_application(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            check_endpoints(self.app, self._check_login)
            warn_of_root(getattr(scope.get("app"), "root_path", ""), self.guard)
        except ConfigurationError as error:
            if scope["type"] == "lifespan":
                # A server takes any other error here for an application that knows no lifespan, and goes on.
                with suppress(Exception):  # The first error says more.
                    await receive()
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        self._is_in_order = True

    def _check_login(self, below: str, shipped_route: ViewMetadata) -> None:
        """Raise `ConfigurationError` for a login of this guard that needs a token itself."""
        rules, path = self.guard.rules, f"{below}{shipped_route.prefix}{shipped_route.path}"
        is_login = shipped_route.path == shipped.LOGIN.path and shipped_route.guard is self.guard
        if not is_login or not isinstance(rules, Rules) or self._routes.exempts_path("POST", path):
            return
        mode = rules.requirement("POST", path).mode
        if mode.reads_token and not mode.admits_anybody:
            raise ConfigurationError(
                f"a login at {path} needs a token: the middleware exempts only the routes that its own object made."
                f" Write GuardMiddleware(guard=auth) and auth.routes(prefix={below + shipped_route.prefix!r}), without"
                " a prefix of Mount or include_router, or put the middleware inside the mounted application"
            )

    async def _run_without_caller(
        self, scope: Scope, receive: Receive, send: Send, request_auth: RequestAuth, request: HTTPRequest
    ) -> None:
        """Run the application, where reading the absent caller raises the refusal, in a view or anywhere below."""
        state = ConnectionState(send)
        try:
            await self.app(scope, receive, state.send)
        except JWTGuardError as error:
            # Other errors are not ours; and once an answer has begun, no other can be sent.
            is_ours = request_auth.is_kept(self.guard, error) or isinstance(error, MissingTokenError)
            if not is_ours or (state.has_begun and not state.is_open):
                await state.release()
                raise
            await send_answer(self.guard.answer(error, request), scope, send, is_open=state.is_open)
        except BaseException:
            await state.release()
            raise
        else:
            await state.release()

    async def _run_socket(self, scope: Scope, receive: Receive, send: Send, entry: Entry) -> None:
        """Run the application on a websocket, no longer than its token holds."""
        authentication = entry.authentication
        assert authentication is not None  # noqa: S101 - for the type checker: there is a caller
        assert authentication.token is not None  # noqa: S101 - and a caller has a token
        from jwtguard.websocket_lifetime import GuardedSocket  # noqa: PLC0415 - needs asyncio, which is slow to import

        if isinstance(authentication.source, TokenSubprotocol):
            # The token is no subprotocol: the application sees its own alone.
            own = subprotocols_without_token(ASGIRequest(scope))
            headers = [field for field in scope["headers"] if field[0].lower() != b"sec-websocket-protocol"]
            if own:
                headers.append((b"sec-websocket-protocol", ", ".join(own).encode("latin-1")))
            scope["headers"], scope["subprotocols"] = headers, own
            send = _choosing_bearer(send)
        token = authentication.token
        socket = GuardedSocket(
            receive,
            send,
            expires_at=self.guard.expires_at(token),
            clock=self.guard.clock,
            recheck=self._recheck(token),
            sleep=self._sleep,
        )
        await socket.run(self.app, scope)

    async def _run_response(
        self, scope: Scope, receive: Receive, send: Send, entry: Entry, request: HTTPRequest
    ) -> None:
        """Run the application on a request, whose response may have to end with the token."""
        authentication = entry.authentication
        is_read = scope["method"] in {"GET", "HEAD"}
        ends = self._end_streams or (self._end_streams is None and is_read)
        if not ends or authentication is None or authentication.token is None:
            await self.app(scope, receive, send)
            return
        from jwtguard.websocket_lifetime import GuardedResponse, Lifetime  # noqa: PLC0415 - only where a request is admitted

        async def refuse(end: End) -> None:
            await send_answer(self.guard.answer(end.error(), request), scope, send)

        token = authentication.token
        guarded = GuardedResponse(
            receive,
            send,
            lifetime=lambda: Lifetime(
                expires_at=self.guard.expires_at(token),
                clock=self.guard.clock,
                recheck=self._recheck(token),
                sleep=self._sleep,
            ),
            in_order=is_read,
            refuse=refuse if self._end_streams else None,
        )
        await guarded.run(self.app, scope)

    def _recheck(self, token: VerifiedToken) -> Callable[[], Awaitable[float]] | None:
        if not self.guard.has_revocation:
            return None
        # Drawn for each connection: those that opened together must not ask the store together ever after.
        share = random.uniform(*_SHARES)  # noqa: S311 - spreads load, and keeps no secret
        return lambda: perform(self.guard.rechecking(token, share=share))


def _check_arguments(app: object, guard: object) -> None:
    """Raise `ConfigurationError` with what to write, for arguments that are missing or change places."""
    if guard is None and isinstance(app, Guard | ASGIGuard):
        app, guard = None, app
    if guard is None:
        raise ConfigurationError(
            "GuardMiddleware needs a guard: pass Guard(...), found none. Write"
            " app.add_middleware(GuardMiddleware, guard=guard), or GuardMiddleware(app, guard=guard); in Django's"
            ' MIDDLEWARE write "jwtguard.django.GuardMiddleware"'
        )
    if app is None or isinstance(app, Guard | ASGIGuard):
        raise ConfigurationError(
            "GuardMiddleware needs the application: write GuardMiddleware(app, guard=guard), or in Starlette"
            " middleware=[Middleware(GuardMiddleware, guard=guard)]"
        )
    if hasattr(app, "wsgi_app") or not callable(app):
        raise ConfigurationError(
            f"GuardMiddleware is for ASGI applications, found {type(app).__name__}: in Flask write"
            " FlaskGuard(guard).init_app(app)"
        )


def _show_outside(scope: Scope, user: object, request_auth: RequestAuth | None) -> None:
    """Show the caller to what stands around the middleware in the same application of Starlette.

    That is its handler of server errors, and an access log. These are outputs: nothing of ours decides by them.
    """
    if "app" in scope and KEY not in scope and "user" not in scope:
        scope["user"] = user
        scope["auth"] = Credentials(user if isinstance(user, Principal) else None)
        scope[OUTSIDE] = request_auth


def _innermost(app: Any) -> object:  # noqa: ANN401 - any application
    """The application that middlewares wrap."""
    while not hasattr(app, "debug") and hasattr(app, "app"):
        app = app.app
    return app


def _without_credentials(scope: Scope) -> Scope:
    dropped = {b"authorization", b"cookie"}
    return {**scope, "headers": [field for field in scope["headers"] if field[0].lower() not in dropped]}


def _choosing_bearer(send: Send) -> Send:
    """A browser that offers subprotocols drops a connection whose answer chooses none (RFC 6455 §4.1)."""

    async def choosing(message: Message) -> None:
        if message["type"] == "websocket.accept" and not message.get("subprotocol"):
            message = {**message, "subprotocol": "bearer"}
        await send(message)

    return choosing
