"""`ASGIGuard`: the decorator and the shipped routes of one guard, for Starlette.

>>> from jwtguard import Guard, SigningKey
>>> key = SigningKey.generate("HS256")
>>> auth = ASGIGuard(Guard(issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key))
>>> auth.requires().__name__
'decorate'
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Unpack

from jwtguard import endpoints as shipped
from jwtguard.asgi.connection import (
    OUTSIDE,
    Connection,
    P,
    R,
    perform,
    request_auth_of,
    response,
)
from jwtguard.asgi.decorator import requiring
from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.http.request import ASGIRequest
from jwtguard.core.http.resource_metadata import METHODS
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.from_guard import FromGuard
from jwtguard.core.tokens.principal import Principal
from jwtguard.endpoints.asgi import MountedRoutes
from jwtguard.endpoints.mounting import check_place
from jwtguard.endpoints.resource_metadata import NAME, metadata_answer, metadata_view
from jwtguard.guard import Guard
from jwtguard.request_auth import KEY, RequestAuth, check_guard
from jwtguard.user_lookup import UserLookup, known_user
from jwtguard.view_metadata import attach

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route


class ASGIGuard(FromGuard):
    """The decorator of one guard: `auth = ASGIGuard(guard)`, then `@auth.requires(has_role("admin"))`.

    With `sessions` it has the `routes` of login and logout; `settings` are those of `EndpointSettings`.
    `load_user(principal)`, sync or async, finds the user of a caller, once a request: see `user`. A caller for whom it
    returns None, or a user with `is_active=False`, is 401; if it raises, the answer is 503.
    """

    def __init__(
        self,
        guard: Guard,
        sessions: Sessions | None = None,
        *,
        load_user: Callable[[Principal], object] | None = None,
        **settings: Unpack[shipped.EndpointSettings],
    ) -> None:
        self.guard = check_guard(guard, type(self).__name__)
        self.mounted = MountedRoutes(self.guard, sessions, settings, perform)
        """What the middleware must know of the routes."""
        self.users = None if load_user is None else UserLookup(load_user, name="load_user")

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Let only callers into an endpoint that `requirement` admits; see `jwtguard.asgi.requires`."""
        return requiring(requirement, tokens_from, self.guard, self.users)

    def routes(self, prefix: str = "/auth") -> list[Route]:
        """The Starlette routes of login, refresh, logout, the caller's sessions and the public keys, below `prefix`.

        Paths are exempt as they stand here. Below a `Mount`, put the middleware inside it, or none of them is.
        """
        return [self._route(path, endpoint) for path, endpoint in self.mounted.mount(prefix, shipped.ENDPOINTS)]

    def jwks_route(self) -> Route:
        """The route of the public keys alone, at `/.well-known/jwks.json`."""
        ((path, endpoint),) = self.mounted.mount("", (shipped.JWKS,))
        return self._route(path, endpoint)

    def metadata_route(self) -> Route:
        """The route of the protected resource metadata (RFC 9728 §3), for the outermost application.

        Raises `ConfigurationError` if the guard has no `resource_metadata`.
        """
        from starlette.routing import Route  # noqa: PLC0415 - the middleware works without Starlette

        return Route(self.guard.publish_metadata().path, self._metadata_view(), methods=[*METHODS], name=NAME)

    def _metadata_view(self) -> Callable[[Request], Awaitable[Response]]:
        async def view(request: Request) -> Response:
            return response(metadata_answer(self.guard, ASGIRequest(request.scope)))

        attach(view, metadata_view(self.guard))
        return view

    def _route(self, path: str, endpoint: shipped.Endpoint) -> Route:
        from starlette.routing import Route  # noqa: PLC0415 - the middleware works without Starlette

        view = self._view(endpoint, path.removesuffix(endpoint.path))
        return Route(path, view, methods=[endpoint.method], name=f"jwtguard_{endpoint.name}")

    def _view(self, endpoint: shipped.Endpoint, prefix: str) -> Callable[[Request], Awaitable[Response]]:
        async def view(request: Request) -> Response:
            scope = request.scope
            root_path = scope.get("root_path", "")  # Starlette adds what a Mount matches to that of the server.
            check_place(root_path.removeprefix(scope.get("app_root_path", root_path)), prefix)
            return response(await self.mounted.answer(endpoint, scope, request_auth_of(scope), request.stream()))

        attach(view, self.mounted.metadata_of(endpoint, prefix))
        return view

    def principal(self, connection: Connection) -> Principal | None:
        """The caller of a request or websocket as this guard knows it; raises the refusal where there is none."""
        return request_auth_of(connection.scope).principal_of(self.guard)

    def user(self, connection: Connection) -> Any:  # noqa: ANN401 - what the application's function returned
        """The user that `load_user` found for the caller; raises the refusal where there is no caller."""
        principal = self.principal(connection)
        return None if principal is None else known_user(self.users, request_auth_of(connection.scope), principal)

    def caller(self, connection: Connection) -> Principal | None:
        """The same for asking whether there is a caller: None where there is none, whatever the reason.

        It knows what the middleware or a `requires` of this guard found out, also in handlers outside the middleware.
        """
        scope = connection.scope
        request_auth: RequestAuth | None = scope.get(KEY) or scope.get(OUTSIDE)
        return None if request_auth is None else request_auth.caller_of(self.guard)
