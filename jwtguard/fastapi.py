"""FastAPI: a dependency that is a security scheme in the OpenAPI document, for http and websocket routes.

>>> from typing import Annotated
>>> from fastapi import FastAPI
>>> from jwtguard import Guard, Principal, SigningKey, has_role
>>> key = SigningKey.generate("HS256")
>>> guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key)
>>> app, auth = FastAPI(), FastAPIGuard(guard)
>>> auth.init_app(app)
>>> @app.get("/admin")
... async def admin(caller: Annotated[Principal, auth.requires(has_role("admin"))]) -> str:
...     return f"hello {caller.subject}"
>>> app.openapi()["paths"]["/admin"]["get"]["security"]
[{'BearerToken': []}]

For rules by path, add the middleware: `app.add_middleware(GuardMiddleware, guard=guard)` from `jwtguard.asgi`. With
`Sessions`, `app.include_router(auth.routes(prefix="/auth"))` mounts login, refresh and logout.
"""

# No `from __future__ import annotations`: FastAPI reads the annotations of the dependency below as they are, and an
# object's `__call__` gives it no module to look names up in.
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, NoReturn, Unpack

try:
    from fastapi import APIRouter, Depends, FastAPI, Request
    from fastapi.dependencies.utils import solve_dependencies
    from fastapi.openapi.models import APIKey, HTTPBearer
    from fastapi.openapi.models import SecurityBase as SecurityModel
    from fastapi.params import Depends as DependsClass
    from fastapi.routing import run_endpoint_function
    from fastapi.security.base import SecurityBase
    from starlette.exceptions import HTTPException, WebSocketException
    from starlette.requests import HTTPConnection
    from starlette.responses import Response
except ImportError as error:
    raise ImportError("jwtguard.fastapi needs FastAPI: pip install 'jwtguard-middleware[fastapi]'") from error

from jwtguard import endpoints as shipped
from jwtguard.asgi.asgi_guard import ASGIGuard
from jwtguard.asgi.connection import (
    ASGIApp,
    Receive,
    Scope,
    Send,
    can_deny,
    close_code,
    perform,
    response,
    tell_caches,
)
from jwtguard.asgi.decorator import EndpointAccess, check_routes_in
from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.resource_metadata import METHODS
from jwtguard.core.http.response import HTTPRequest, HTTPResponse
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.from_guard import NoParameter
from jwtguard.core.tokens.principal import Principal
from jwtguard.endpoints.asgi import telling_caches
from jwtguard.endpoints.openapi import security_scheme
from jwtguard.endpoints.openapi_security import lock_operation, login_schemes
from jwtguard.endpoints.resource_metadata import NAME
from jwtguard.guard import Guard
from jwtguard.request_auth import Checkpoint
from jwtguard.user_lookup import UserLookup
from jwtguard.view_metadata import ViewMetadata, attach, metadata_of


class RefusedRequest(HTTPException):
    """A refusal as Starlette knows it: status and challenge are right with or without `FastAPIGuard.init_app`.

    `error` is the `JWTGuardError`; `answer` is the finished answer with the problem body.
    """

    def __init__(self, error: JWTGuardError, answer: HTTPResponse) -> None:
        # The body is another one, unless `FastAPIGuard.init_app` was called.
        headers = {name: value for name, value in answer.headers if name not in {"Content-Type", "Content-Length"}}
        super().__init__(status_code=answer.status, detail=error.detail, headers=headers)
        self.error = error
        self.answer = answer


class _Dependency:
    """What `requires` gives to FastAPI."""

    def __init__(self, guard: Guard, checkpoint: Checkpoint, users: UserLookup | None) -> None:
        self._guard = guard
        self._checkpoint = checkpoint
        self._users = users
        attach(self, ViewMetadata(requirement=checkpoint.requirement, tokens_from=checkpoint.tokens_from, guard=guard))

    async def __call__(self, connection: HTTPConnection, sent: Response) -> Principal | None:
        # FastAPI adds the header fields of `sent` to the response that it makes of what the route returns.
        access = EndpointAccess(connection.scope, self._guard, self._users)
        try:
            await perform(access.admit(self._checkpoint))
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            raise _refusal(error, access.answer(error), connection.scope) from None
        tell_caches(sent, connection.scope)
        return access.enter()


class _Places(SecurityBase):
    """Shows in the OpenAPI document where a token may stand, and leaves it to the route to ask for one."""

    def __init__(self, sources: Iterable[TokenSource]) -> None:
        # FastAPI gives a dependency one scheme; `init_app` replaces one of several places by each of them.
        self.places = dict(map(_scheme_of, sources))
        self.scheme_name = "-or-".join(self.places)
        self.model = next(iter(self.places.values()))

    async def __call__(self) -> None:
        return None


class _Scheme(_Dependency, SecurityBase):
    """The same where a token is read: a security scheme itself, so that no second dependency runs at each request."""

    def __init__(self, guard: Guard, checkpoint: Checkpoint, users: UserLookup | None) -> None:
        super().__init__(guard, checkpoint, users)
        shown = _Places(checkpoint.tokens_from or guard.tokens_from)
        self.places, self.scheme_name, self.model = shown.places, shown.scheme_name, shown.model


_WRITE = (
    "in FastAPI write `caller: Annotated[Principal, auth.requires()]` in the signature, or"
    " `dependencies=[auth.requires()]`; a requirement goes into the parentheses"
)
_IN_DEPENDS = f"`auth.requires()` is a dependency already and does not go into Depends(...): {_WRITE}"


_HIDDEN = (
    "`auth.requires(...)` stands inside a union, a list or a model, where FastAPI does not look for it, and so guards"
    f" nothing: {_WRITE}; for a caller that may be absent, `Annotated[Principal | None, auth.requires(optional)]`"
)


class _Required(DependsClass):
    """What `auth.requires()` gives: FastAPI's own `Depends`, which also knows where it does not belong.

    It can be called so that both slips are told in our words: as a decorator it is called with the view, and in
    `Depends(auth.requires())` FastAPI reads its signature, where `NoParameter` raises.
    """

    def __call__(self, view: Annotated[object, NoParameter(_IN_DEPENDS)]) -> NoReturn:
        raise ConfigurationError(f"`requires` is no decorator here: {_WRITE}")

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> NoReturn:
        # Pydantic asks what stands in an inner `Annotated[...]`; FastAPI keeps the outer ones to itself.
        raise ConfigurationError(_HIDDEN)


class _Requires(DependsClass):
    """`auth.requires` of one guard: a function, and for FastAPI a `Depends` without a dependency.

    FastAPI ignores a plain function in `Annotated[...]`, and the parameter would be read from the request. It looks at
    each `Depends`, wherever it stands, so forgotten parentheses are an error when the route is made.
    """

    _function: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        object.__setattr__(self, "_function", function)  # FastAPI's class is frozen.

    @property
    def dependency(self) -> NoReturn:  # pyright: ignore[reportIncompatibleVariableOverride] # an attribute of FastAPI's
        """What FastAPI asks every `Depends` for; raises `ConfigurationError`."""
        raise ConfigurationError(f"`auth.requires` was used without parentheses: {_WRITE}")

    def __call__(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Any:  # noqa: ANN401 - see `FastAPIGuard.requires`
        if callable(requirement) and not isinstance(requirement, Requirement):
            raise ConfigurationError(f"`requires` was used without parentheses: write requires(), and {_WRITE}")
        return self._function(requirement, tokens_from=tokens_from)

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> NoReturn:
        raise ConfigurationError(_HIDDEN)

    # FastAPI's compare by what they depend on, and this one must not be asked.
    __eq__ = object.__eq__  # pyright: ignore[reportAssignmentType]
    __hash__ = object.__hash__
    __repr__ = object.__repr__


def _is_answering() -> bool:
    """Whether a view or a dependency of FastAPI is calling, itself or on a thread of anyio or trio."""
    frame = inspect.currentframe()
    while frame is not None:
        code = frame.f_code
        if code in _ANSWERING or code.co_qualname.startswith("WorkerThread."):
            return True
        frame = frame.f_back
    return False


_ANSWERING = frozenset({solve_dependencies.__code__, run_endpoint_function.__code__})
"""What calls the dependencies and the views that are async; it calls the others on worker threads."""


class FastAPIGuard(ASGIGuard):
    """The guard of a FastAPI application: `auth = FastAPIGuard(guard)`, then `auth.requires(...)` in a signature.

    The arguments are those of `ASGIGuard`.
    """

    def __init__(
        self,
        guard: Guard,
        sessions: "Sessions | None" = None,
        *,
        load_user: "Callable[[Principal], object] | None" = None,
        **settings: "Unpack[shipped.EndpointSettings]",
    ) -> None:
        super().__init__(guard, sessions, load_user=load_user, **settings)
        self._places: set[str] = set()
        self.requires = _Requires(self.requires)  # type: ignore[method-assign] # the same, when it is called

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Any:  # noqa: ANN401 - what goes into Annotated[Principal, ...]; FastAPI types it so, too
        """The dependency that lets only callers in that `requirement` admits; its value is the `Principal`.

        For a parameter, `caller: Annotated[Principal, auth.requires()]`, or a whole router, `dependencies=[...]`.
        Without the parentheses, inside `Depends(...)` and as a decorator it raises `ConfigurationError` when the route
        is made; called in a view or a dependency, where it would guard nothing, at that request.
        """
        if _is_answering():
            raise ConfigurationError(f"`auth.requires(...)` was called while a request is answered: {_WRITE}")
        checkpoint = Checkpoint(requirement, tokens_from)
        if not checkpoint.requirement.mode.reads_token:
            return _Required(_Dependency(self.guard, checkpoint, self.users))
        scheme = _Scheme(self.guard, checkpoint, self.users)
        self._places.add(scheme.scheme_name)
        return _Required(scheme)

    def routes(self, prefix: str = "/auth") -> APIRouter:  # type: ignore[override]
        """The router of login, refresh, logout, the caller's sessions and the public keys, below `prefix`.

        Write the whole prefix here, `include_router(auth.routes("/v1/auth"))`: with a prefix of `include_router` the
        application does not start, and without a lifespan each of these routes raises `ConfigurationError`.
        """
        return self._router(self.mounted.mount(prefix, shipped.ENDPOINTS))

    def jwks_route(self) -> APIRouter:  # type: ignore[override]
        """The router of the public keys alone, at `/.well-known/jwks.json`."""
        return self._router(self.mounted.mount("", (shipped.JWKS,)))

    def metadata_route(self) -> APIRouter:  # type: ignore[override]
        """The router of the protected resource metadata (RFC 9728 §3); include it without a prefix."""
        router, metadata = APIRouter(), self.guard.publish_metadata()
        view = _fastapi_view(self._metadata_view(), metadata.path)
        router.add_api_route(metadata.path, view, methods=[*METHODS], name=NAME, include_in_schema=False)
        return router

    def _router(self, mounted: "Iterable[tuple[str, shipped.Endpoint]]") -> APIRouter:
        from jwtguard.endpoints.openapi import operation, responses  # noqa: PLC0415 - only where routes are wanted

        paths: dict[object, str] = {}

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            for route in _routes_of(app):
                path = getattr(route, "path", None) or ""
                _check_path(path, paths.get(getattr(route, "endpoint", None), path))
            yield

        router, shown = APIRouter(tags=["auth"], lifespan=lifespan), _Places(self.guard.tokens_from)
        self._places.add(shown.scheme_name)
        for path, endpoint in mounted:
            for method in endpoint.methods:
                view = _fastapi_view(self._view(endpoint, path.removesuffix(endpoint.path)), path)
                paths[view] = path
                router.add_api_route(
                    path,
                    view,
                    methods=[method],
                    name=f"jwtguard_{endpoint.name}",
                    summary=endpoint.summary,
                    dependencies=[] if endpoint.is_exempt else [Depends(shown)],
                    include_in_schema=method == endpoint.method,
                    status_code=204 if 204 in responses(endpoint) else 200,
                    response_class=Response,
                    responses=responses(endpoint),
                    openapi_extra=operation(endpoint),
                )
        return router

    def init_app(self, app: FastAPI) -> None:
        """Send refusals with their problem body, and name every place of a token in the OpenAPI document.

        Responses that a route makes itself, and errors that it raises, get their `Vary` here, too.
        """
        app.add_exception_handler(RefusedRequest, _send_refusal)
        app.add_middleware(_TellingCaches)
        describe = app.openapi

        def with_all_places() -> dict[str, Any]:
            document = describe()
            self._lock_operations(app, document)
            return document

        app.openapi = with_all_places  # type: ignore[method-assign]

    def _lock_operations(self, app: FastAPI, document: dict[str, Any]) -> None:
        """Write each place of a token, and each way to get one, where FastAPI wrote one scheme for all of them."""
        schemes = document.get("components", {}).get("securitySchemes", {})
        joined = self._places & schemes.keys()
        for name in joined:
            del schemes[name]
        for path in document["paths"].values() if joined else ():
            for described in path.values():
                if "security" in described:
                    described["security"] = [each for each in described["security"] if not each.keys() & joined]
        logins = login_schemes(self.guard, self.mounted.token_url)
        for route in _routes_of(app):
            found = [*metadata_of(getattr(route, "endpoint", None)), *_metadata_of_dependencies(route)]
            for method in getattr(route, "methods", None) or ():
                lock_operation(document, route.path, method, self.guard, found, logins=logins)


class _TellingCaches:
    """Adds to each response what caches must know of how its request was authenticated."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        check_routes_in(scope)
        if scope["type"] == "http":
            send = telling_caches(send, HTTPRequest.from_asgi(scope))
        await self.app(scope, receive, send)


def _fastapi_view(
    view: Callable[[Request], Awaitable[Response]], path: str
) -> Callable[[Request], Awaitable[Response]]:
    # FastAPI goes by the annotations, which must be the classes themselves.
    async def fastapi_view(request: Request) -> Response:
        _check_path(ASGIRequest(request.scope).path, path)
        return await view(request)

    for each in metadata_of(view):
        attach(fastapi_view, each)
    return fastapi_view


def _check_path(found: str, path: str) -> None:
    """Raise `ConfigurationError` where a shipped route for `path` stands elsewhere, where no middleware exempts it."""
    if not found.startswith(path.partition("{")[0]):
        raise ConfigurationError(
            f"the shipped route {path} stands at {found}: write the whole prefix in auth.routes(prefix), and none in"
            ' include_router, as in app.include_router(auth.routes("/v1/auth"))'
        )


def _routes_of(app: FastAPI) -> Iterable[Any]:
    """Each route of `app`, with the prefixes and dependencies of the routers that it was included with."""
    try:
        from fastapi.routing import iter_route_contexts  # noqa: PLC0415 - newer FastAPIs keep included routers apart
    except ImportError:
        return app.routes
    return iter_route_contexts(app.routes)


def _metadata_of_dependencies(route: Any) -> Iterator[ViewMetadata]:  # noqa: ANN401 - FastAPI has several kinds
    waiting = list(getattr(getattr(route, "dependant", None), "dependencies", ()))
    while waiting:
        dependency = waiting.pop(0)
        yield from metadata_of(dependency.call)
        waiting[:0] = dependency.dependencies


def _refusal(error: JWTGuardError, answer: HTTPResponse, scope: Scope) -> Exception:
    if scope["type"] == "websocket" and not can_deny(scope):
        return WebSocketException(close_code(answer.status))
    return RefusedRequest(error, answer)


async def _send_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedRequest)  # noqa: S101 - for the type checker: it is registered for nothing else
    return response(error.answer)


def _scheme_of(source: TokenSource) -> tuple[str, SecurityModel]:
    """The name of a token's place in the OpenAPI document, and its description there, as FastAPI has it."""
    name, scheme = security_scheme(source)
    return name, (APIKey if scheme["type"] == "apiKey" else HTTPBearer).model_validate(scheme)
