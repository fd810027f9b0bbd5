"""ASGI: a middleware for any application, and a decorator for Starlette endpoints and websockets.

>>> from starlette.applications import Starlette
>>> from starlette.middleware import Middleware
>>> from starlette.responses import PlainTextResponse
>>> from starlette.routing import Route
>>> from jwtguard import Guard, Rules, SigningKey, has_role
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(
...     issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key, rules=Rules([])
... )
>>> @requires(has_role("admin"))
... async def admin(request):
...     return PlainTextResponse(f"hello {request.user.subject}")
>>> app = Starlette(routes=[Route("/admin", admin)], middleware=[Middleware(GuardMiddleware, guard=guard)])

The middleware needs nothing but ASGI. It authenticates each request, fills `scope["user"]` and `scope["auth"]`, and
enforces the guard's `rules`: with `Rules([])` every path needs a valid token, with `rules=UNCHECKED` the middleware
refuses nothing and `requires` on the routes decides. `requires` authorizes, and authenticates by itself where no
middleware of its guard is in front: `ASGIGuard(guard).requires(...)` or `requires(..., guard=guard)`.

With `Sessions`, `routes=[*auth.routes(prefix="/auth")]` mounts login, refresh and logout, and `GuardMiddleware` with
`guard=auth` lets exactly these pass without an access token.
"""

from __future__ import annotations

import functools
import random
import weakref
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Protocol, TypeAlias, TypeVar, Unpack, cast

from jwtguard import endpoints as shipped
from jwtguard.asgi_endpoints import check_endpoint, check_endpoints
from jwtguard.authentication import Authentication
from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.access.rules import Rules
from jwtguard.core.errors import ConfigurationError, JWTGuardError, MissingTokenError
from jwtguard.core.flow import Flow, Steps, is_async, run_async
from jwtguard.core.http.caching import TokenSearch
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.response import HTTPRequest, HTTPResponse, is_preflight
from jwtguard.core.http.token_sources import TokenSource, TokenSubprotocol, subprotocols_without_token
from jwtguard.core.logs import IN_DEVELOPMENT
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.from_guard import FromGuard
from jwtguard.core.tokens.principal import Principal
from jwtguard.core.tokens.verifier import VerifiedToken
from jwtguard.endpoints.asgi import MountedRoutes, telling_caches
from jwtguard.endpoints.mounting import check_place
from jwtguard.guard import Guard
from jwtguard.request_auth import KEY, Callers, Checkpoint, Entry, check_enforced, check_front, check_guard
from jwtguard.view_metadata import Mark, mark, note

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from jwtguard.websocket_lifetime import End

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


_SHARES = (0.75, 1.0)
"""Within these parts of the longest interval a connection asks again whether its session goes on."""


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


NOBODY = UnauthenticatedUser()


def _nobody(error: JWTGuardError | None) -> UnauthenticatedUser:
    return NOBODY if error is None or isinstance(error, MissingTokenError) else UnauthenticatedUser(error)


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
        self._routes = (guard if isinstance(guard, ASGIGuard) else ASGIGuard(guard)).mounted
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
            await self._check_application(kind, receive, send)
        if kind != "http" and kind != "websocket":
            if kind == "lifespan":
                await self.app(scope, receive, send)
                return
            raise ConfigurationError(f"a connection of type {kind!r} cannot be guarded, so it is closed")
        _note_development(scope, self._application)
        # Copies, of this and of the callers: an application in front that passes the request to another one, too, sees
        # no change.
        outer, scope = scope, dict(scope)
        request = ASGIRequest(scope)
        send = telling_caches(send, request)
        callers = scope[KEY].copy() if KEY in scope else Callers()
        renew = None
        is_exempt = False
        if self._has_routes:
            send, renew = self._routes.finishing(send, callers), self._routes.renew(callers)
            is_exempt = self._routes.exempts(request)
        guard = self.guard
        if self._preflight and is_preflight(request):
            is_exempt, scope = True, _without_credentials(scope)
        try:
            entry = await perform(guard.enter(request, renew=renew, is_exempt=is_exempt))
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            refusal = self._routes.missed(request, error) if self._has_routes else error
            _show_outside(outer, _nobody(error), None)
            await send_answer(guard.answer(refusal, request), scope, send)
            return
        callers.keep(guard, entry)
        principal = callers.known_principal()
        kept = entry.error if isinstance(entry, Authentication) else None
        scope[KEY] = callers
        scope["user"] = principal or _nobody(kept)
        scope["auth"] = Credentials(principal)
        _show_outside(outer, scope["user"], callers)
        self._routes.withhold(scope)
        if entry.principal is None:
            await self._run_without_caller(scope, receive, send, callers, request)
        elif kind == "websocket":
            await self._run_socket(scope, receive, send, entry)
        else:
            await self._run_response(scope, receive, send, entry, request)

    async def _check_application(self, kind: str, receive: Receive, send: Send) -> None:
        try:
            check_endpoints(self.app, self._check_login)
        except ConfigurationError as error:
            if kind == "lifespan":
                # A server takes any other error here for an application that knows no lifespan, and goes on.
                with suppress(Exception):  # The first error says more.
                    await receive()
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        self._is_in_order = True

    def _check_login(self, below: str, shipped_route: Mark) -> None:
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
        self, scope: Scope, receive: Receive, send: Send, callers: Callers, request: HTTPRequest
    ) -> None:
        """Run the application, where reading the absent caller raises the refusal, in a view or anywhere below."""
        state = ConnectionState(send)
        try:
            await self.app(scope, receive, state.send)
        except JWTGuardError as error:
            # Other errors are not ours; and once an answer has begun, no other can be sent.
            is_ours = callers.is_kept(self.guard, error) or isinstance(error, MissingTokenError)
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


class Connection(Protocol):
    """What we need of Starlette's `Request` and `WebSocket`."""

    scope: Scope
    """The ASGI scope."""


class ASGIGuard(FromGuard):
    """The decorator of one guard: `auth = ASGIGuard(guard)`, then `@auth.requires(has_role("admin"))`.

    With `sessions` it has the `routes` of login and logout; `settings` are those of `EndpointSettings`.
    """

    def __init__(
        self, guard: Guard, sessions: Sessions | None = None, **settings: Unpack[shipped.EndpointSettings]
    ) -> None:
        self.guard = check_guard(guard, type(self).__name__)
        self.mounted = MountedRoutes(self.guard, sessions, settings, perform)
        """What the middleware must know of the routes."""

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Let only callers into an endpoint that `requirement` admits; see `jwtguard.asgi.requires`."""
        return requires(requirement, tokens_from=tokens_from, guard=self.guard)

    def routes(self, prefix: str = "/auth") -> list[Route]:
        """The Starlette routes of login, refresh, logout, the caller's sessions and the public keys, below `prefix`.

        Paths are exempt as they stand here. Below a `Mount`, put the middleware inside it, or none of them is.
        """
        return [self._route(path, endpoint) for path, endpoint in self.mounted.mount(prefix, shipped.ENDPOINTS)]

    def jwks_route(self) -> Route:
        """The route of the public keys alone, at `/.well-known/jwks.json`."""
        ((path, endpoint),) = self.mounted.mount("", (shipped.JWKS,))
        return self._route(path, endpoint)

    def _route(self, path: str, endpoint: shipped.Endpoint) -> Route:
        from starlette.routing import Route  # noqa: PLC0415 - the middleware works without Starlette

        view = self._view(endpoint, path.removesuffix(endpoint.path))
        return Route(path, view, methods=[endpoint.method], name=f"jwtguard_{endpoint.name}")

    def _view(self, endpoint: shipped.Endpoint, prefix: str) -> Callable[[Request], Awaitable[Response]]:
        async def view(request: Request) -> Response:
            scope = request.scope
            root_path = scope.get("root_path", "")  # Starlette adds what a Mount matches to that of the server.
            check_place(root_path.removeprefix(scope.get("app_root_path", root_path)), prefix)
            return response(await self.mounted.answer(endpoint, scope, callers_of(scope), request.stream()))

        mark(view, self.mounted.mark_of(endpoint, prefix))
        return view

    def principal(self, connection: Connection) -> Principal | None:
        """The caller of a request or websocket as this guard knows it; raises the refusal where there is none."""
        return callers_of(connection.scope).principal_of(self.guard)

    def caller(self, connection: Connection) -> Principal | None:
        """The same for asking whether there is a caller: None where there is none, whatever the reason.

        It knows what the middleware or a `requires` of this guard found out, also in handlers outside the middleware.
        """
        scope = connection.scope
        callers: Callers | None = scope.get(KEY) or scope.get(_OUTSIDE)
        return None if callers is None else callers.caller_of(self.guard)


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
    checkpoint = Checkpoint(requirement, tokens_from)
    if guard is not None:
        check_guard(guard, "requires")
    noted = Mark(requirement=checkpoint.requirement, tokens_from=checkpoint.tokens_from, guard=guard)

    def decorate(endpoint: Callable[P, R]) -> Callable[P, R]:
        check_endpoint(endpoint)
        guarded = _guard_endpoint(endpoint, checkpoint, guard)
        mark(guarded, noted)
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
    app = scope.get("app")  # As Starlette has it.
    if isinstance(getattr(app, "routes", None), list) and app not in _in_order:
        check_endpoints(app)
        _in_order.add(app)


def _guard_endpoint(endpoint: Callable[..., Any], checkpoint: Checkpoint, guard: Guard | None) -> Callable[..., Any]:
    if is_async(endpoint):

        @functools.wraps(endpoint)
        async def guarded_async(*args: object, **kwargs: object) -> object:
            connection = _connection(args, kwargs)
            access = EndpointAccess(connection.scope, guard)
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
        access = EndpointAccess(scope, guard)
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


class EndpointAccess:
    """One connection at one `requires`: what a decorator or a dependency needs to decide and to refuse.

    Without `guard`, the one whose middleware is in front; raises `ConfigurationError` if that is not exactly one. After
    `admit`, `with access.shown():` shows the caller while the endpoint runs, `enter` from then on.
    """

    def __init__(self, scope: Scope, guard: Guard | None) -> None:
        callers = callers_of(scope)
        if not callers.in_front:
            check_routes_in(scope)
        _note_development(scope, None)
        self._scope = scope
        self._callers = callers
        self._principal: Principal | None = None
        self.guard = guard or callers.guard()
        if guard is not None:
            check_enforced(guard, callers.in_front)

    def admit(self, checkpoint: Checkpoint) -> Flow[Principal | None]:
        """Let the caller in; raises `JWTGuardError`."""
        return Flow(self._admit(checkpoint))

    def _admit(self, checkpoint: Checkpoint) -> Steps[Principal | None]:
        admission = yield from checkpoint.admit(self.guard, ASGIRequest(self._scope), self._callers)
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
        self._callers.admit(self.guard, self._principal)
        self._scope.update(_shown(self._principal))
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
            scope.update(_shown(principal))
        try:
            with self._callers.admitting(self.guard, principal):
                yield
        except Exception as error:
            if scope["type"] == "http":
                _tell_caches_of(error, ASGIRequest(scope).search)
            raise
        finally:
            scope.update(before)


_OUTSIDE = "jwtguard.outside"
"""Where the outermost middleware shows the callers of a connection to what stands around it."""


def _show_outside(scope: Scope, user: object, callers: Callers | None) -> None:
    """Show the caller to what stands around the middleware in the same application of Starlette.

    That is its handler of server errors, and an access log. These are outputs: nothing of ours decides by them.
    """
    if "app" in scope and KEY not in scope and "user" not in scope:
        scope["user"] = user
        scope["auth"] = Credentials(user if isinstance(user, Principal) else None)
        scope[_OUTSIDE] = callers


def _note_development(scope: Scope, application: object) -> None:
    """Note for the log that the application is in debug mode: Starlette puts it into the scope, else it is wrapped."""
    if getattr(scope.get("app", application), "debug", False) is True:
        IN_DEVELOPMENT.set(True)


def _innermost(app: Any) -> object:  # noqa: ANN401 - any application
    """The application that middlewares wrap."""
    while not hasattr(app, "debug") and hasattr(app, "app"):
        app = app.app
    return app


def callers_of(scope: Scope) -> Callers:
    """Who was let in during this connection so far."""
    callers: Callers | None = scope.get(KEY)
    if callers is None:
        callers = scope[KEY] = Callers()
    return callers


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


def _tell_caches_of(error: Exception, search: TokenSearch) -> None:
    """The same for an error that an endpoint raised, of which Starlette makes a response further out."""
    from starlette.exceptions import HTTPException  # noqa: PLC0415 - the middleware works without Starlette

    if isinstance(error, HTTPException):
        changed = search.header_fields(error.status_code, list((error.headers or {}).items()))
        error.headers = error.headers if changed is None else dict(changed)


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


def _shown(principal: Principal | None) -> dict[str, Any]:
    """What stands in the places that Starlette reads. They are outputs: nothing of ours goes by them."""
    return {"user": NOBODY if principal is None else principal, "auth": Credentials(principal)}


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


async def _to_thread(function: Callable[[], T]) -> T:
    try:
        from starlette.concurrency import run_in_threadpool  # noqa: PLC0415 - only where something blocks
    except ImportError:
        from jwtguard.core.event_loops import in_thread  # noqa: PLC0415 - only where something blocks

        return await in_thread(function)
    return await run_in_threadpool(function)
