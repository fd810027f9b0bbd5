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
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

try:
    from fastapi import APIRouter, Depends, FastAPI, Request
    from fastapi.openapi.models import HTTPBearer
    from fastapi.security.base import SecurityBase
    from starlette.exceptions import HTTPException, WebSocketException
    from starlette.requests import HTTPConnection
    from starlette.responses import Response
except ImportError as error:
    raise ImportError("jwtguard.fastapi needs FastAPI: pip install 'jwtguard-middleware[fastapi]'") from error

from jwtguard.asgi import ASGIGuard, Scope, Visit, can_deny, close_code, perform, response
from jwtguard.callers import Checkpoint
from jwtguard.core.authorization import Requirement, authenticated
from jwtguard.core.cookies import TokenCookie
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.extraction import TokenSource
from jwtguard.core.http import HTTPAnswer
from jwtguard.core.principal import Principal
from jwtguard.endpoints import ENDPOINTS, JWKS, Endpoint
from jwtguard.endpoints.openapi import operation, responses
from jwtguard.guard import Guard

SCHEME = "BearerToken"
COOKIE_SCHEME = "CookieToken"
"""The names of the security schemes in the OpenAPI document."""


class RefusedRequest(HTTPException):
    """A refusal as Starlette knows it: status and challenge are right with or without `FastAPIGuard.init_app`.

    `error` is the `JWTGuardError`; `answer` is the finished answer with the problem body.
    """

    def __init__(self, error: JWTGuardError, answer: HTTPAnswer) -> None:
        headers = {name: value for name, value in answer.headers if name != "Content-Type"}
        super().__init__(status_code=answer.status, detail=error.detail, headers=headers)
        self.error = error
        self.answer = answer


class _Dependency(SecurityBase):
    """What `requires` gives to FastAPI. A scheme itself, so that no second dependency runs at each request."""

    def __init__(self, guard: Guard, checkpoint: Checkpoint) -> None:
        self._guard = guard
        self._checkpoint = checkpoint
        self.model = HTTPBearer(bearerFormat="JWT", description=f"Needs: {checkpoint.requirement!r}")
        self.scheme_name = SCHEME

    async def __call__(self, connection: HTTPConnection) -> Principal | None:
        visit = Visit(connection.scope, self._guard)
        try:
            admission = await perform(visit.admit(self._checkpoint))
        except ConfigurationError:
            raise
        except JWTGuardError as error:
            raise _refusal(error, visit.answer(error), connection.scope) from None
        visit.enter(admission.principal)
        return admission.principal


class _Shown(SecurityBase):
    """Shows in the OpenAPI document that a route wants a token, and leaves it to the route to ask for one."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT")
        self.scheme_name = SCHEME

    async def __call__(self) -> None:
        return None


class FastAPIGuard(ASGIGuard):
    """The guard of a FastAPI application: `auth = FastAPIGuard(guard)`, then `auth.requires(...)` in a signature.

    With `sessions` it has the `routes` of login and logout; `settings` are those of `EndpointSettings`.
    """

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Any:  # noqa: ANN401 - what goes into Annotated[Principal, ...]; FastAPI types it so, too
        """The dependency that lets only callers in that `requirement` admits; its value is the `Principal`.

        For a parameter, `caller: Annotated[Principal, auth.requires()]`, or a whole router, `dependencies=[...]`.
        """
        return Depends(_Dependency(self.guard, Checkpoint(requirement, tokens_from)))

    def routes(self, prefix: str = "/auth") -> APIRouter:  # type: ignore[override]
        """The router of login, refresh, logout, the caller's sessions and the public keys, below `prefix`.

        Paths are exempt as they stand here: `include_router(auth.routes("/v1/auth"))`, not with a prefix of its own.
        """
        return self._router(self.mounted.mount(prefix, ENDPOINTS))

    def jwks_route(self) -> APIRouter:  # type: ignore[override]
        """The router of the public keys alone, at `/.well-known/jwks.json`."""
        return self._router(self.mounted.mount("", (JWKS,)))

    def _router(self, mounted: Iterable[tuple[str, Endpoint]]) -> APIRouter:
        router = APIRouter(tags=["auth"])
        for path, endpoint in mounted:
            for method in endpoint.methods:
                router.add_api_route(
                    path,
                    _fastapi_view(self._view(endpoint)),
                    methods=[method],
                    name=f"jwtguard_{endpoint.name}",
                    summary=endpoint.summary,
                    dependencies=[] if endpoint.is_exempt else [Depends(_Shown())],
                    include_in_schema=method == endpoint.method,
                    status_code=204 if 204 in responses(endpoint) else 200,
                    response_class=Response,
                    responses=responses(endpoint),
                    openapi_extra=operation(endpoint),
                )
        return router

    def init_app(self, app: FastAPI) -> None:
        """Send refusals with their problem body, and describe token cookies in the OpenAPI document."""
        app.add_exception_handler(RefusedRequest, _send_refusal)
        cookies = [source.sent_name for source in self.guard.tokens_from if isinstance(source, TokenCookie)]
        if cookies:
            _describe_cookie(app, cookies[0])


def _fastapi_view(view: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    # FastAPI goes by the annotations, which must be the classes themselves.
    async def fastapi_view(request: Request) -> Response:
        return await view(request)

    return fastapi_view


def _refusal(error: JWTGuardError, answer: HTTPAnswer, scope: Scope) -> Exception:
    if scope["type"] == "websocket" and not can_deny(scope):
        return WebSocketException(close_code(answer.status))
    return RefusedRequest(error, answer)


async def _send_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedRequest)  # noqa: S101 - for the type checker: it is registered for nothing else
    return response(error.answer)


def _describe_cookie(app: FastAPI, cookie: str) -> None:
    """Wherever the document asks for the bearer token, the cookie will do as well."""
    describe = app.openapi

    def with_cookie() -> dict[str, Any]:
        document = describe()
        schemes = document.get("components", {}).get("securitySchemes", {})
        if SCHEME in schemes and COOKIE_SCHEME not in schemes:
            schemes[COOKIE_SCHEME] = {"type": "apiKey", "in": "cookie", "name": cookie}
            for path in document["paths"].values():
                for operation in path.values():
                    if {SCHEME: []} in operation.get("security", ()):
                        operation["security"].append({COOKIE_SCHEME: []})
        return document

    app.openapi = with_cookie  # type: ignore[method-assign]
