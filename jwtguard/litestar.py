"""Litestar: `**auth.requires(...)` on a handler is its guard and its security in the OpenAPI document.

>>> from litestar import Litestar, Request, get
>>> from jwtguard import Guard, SigningKey, has_role
>>> key = SigningKey.generate("HS256").verification_key
>>> auth = LitestarGuard(Guard(issuer="https://issuer.example", audience="https://api.example", keys=key))
>>> @get("/admin", **auth.requires(has_role("admin")))
... async def admin(request: Request) -> str:
...     return f"hello {request.user.subject}"
>>> app = Litestar([admin], plugins=[auth])

For rules by path, wrap the application, `GuardMiddleware(app, guard=auth)` from `jwtguard.asgi`.
"""

# No `from __future__ import annotations`: Litestar reads the annotations of guards and handlers.
from collections.abc import Iterable
from typing import Any

try:
    from litestar import Request, Response
    from litestar.config.app import AppConfig
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.openapi.spec import Components, SecurityScheme
    from litestar.plugins import InitPlugin
    from litestar.types import Message, Scope
except ImportError as error:
    raise ImportError("jwtguard.litestar needs Litestar: pip install 'jwtguard-middleware[litestar]'") from error

from jwtguard.asgi.asgi_guard import ASGIGuard
from jwtguard.asgi.connection import perform
from jwtguard.asgi.decorator import EndpointAccess
from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.endpoints.asgi import told
from jwtguard.endpoints.openapi import security_scheme
from jwtguard.guard import Guard
from jwtguard.request_auth import Checkpoint


class LitestarGuard(ASGIGuard, InitPlugin):
    """The guard of an application of Litestar, and a plugin of it: `Litestar(..., plugins=[auth])`."""

    def __init__(self, guard: Guard) -> None:
        super().__init__(guard)
        self._schemes: dict[str, dict[str, str]] = {}

    def requires(  # type: ignore[override]
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> dict[str, Any]:
        """What a handler takes, `@get("/admin", **auth.requires(has_role("admin")))`: its guard and its security."""
        checkpoint = Checkpoint(requirement, tokens_from)

        async def guarded(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
            access = EndpointAccess(connection.scope, self.guard)  # type: ignore[arg-type] # Litestar's is a TypedDict
            await perform(access.admit(checkpoint))
            access.enter()

        # The answer is this guard's, where an application has several.
        asked: dict[str, Any] = {"guards": [guarded], "exception_handlers": {JWTGuardError: self._send}}
        if not checkpoint.requirement.mode.reads_token:
            return asked
        schemes = dict(map(security_scheme, checkpoint.tokens_from or self.guard.tokens_from))
        self._schemes |= schemes
        return asked | {"security": [{name: [*checkpoint.requirement.scopes]} for name in schemes]}

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Send refusals as they are, tell caches of each request, and name the schemes in the OpenAPI document."""
        app_config.exception_handlers = {**app_config.exception_handlers, JWTGuardError: self._send}
        app_config.before_send.append(_tell_caches)
        if app_config.openapi_config is not None:
            schemes: Any = {name: SecurityScheme(**_named(scheme)) for name, scheme in self._schemes.items()}
            given = app_config.openapi_config.components
            components = [*(given if isinstance(given, list) else [given]), Components(security_schemes=schemes)]
            app_config.openapi_config.components = components
        return app_config

    def _send(self, request: Request[Any, Any, Any], error: JWTGuardError) -> Response[bytes]:
        if isinstance(error, ConfigurationError):
            raise error  # The set-up is wrong: a server error, and no refusal.
        answer = self.guard.answer(error, ASGIRequest(request.scope))
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))


async def _tell_caches(message: Message, scope: Scope) -> None:
    if message["type"] == "http.response.start":
        message["headers"] = told(message, ASGIRequest(scope).search)["headers"]  # type: ignore[arg-type]


def _named(scheme: dict[str, str]) -> dict[str, Any]:
    names = {"in": "security_scheme_in", "bearerFormat": "bearer_format"}
    return {names.get(name, name): value for name, value in scheme.items()}
