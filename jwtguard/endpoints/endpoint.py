"""Which routes there are, and which of them a middleware lets through.

>>> [f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS if endpoint.is_exempt]
['POST /login', 'POST /refresh', 'POST /logout', 'GET /.well-known/jwks.json']
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from jwtguard.core.access.requirements import Requirement, authenticated, fresh, public
from jwtguard.core.access.rules import is_ambiguous
from jwtguard.core.errors import ConfigurationError, JWTGuardError, MethodNotAllowedError, RouteNotFoundError

PREFIX = "/auth"
"""Where the routes stand unless told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One route below the prefix. `path` may end in `{session_id}`.

    `is_exempt`: it never reads the access token, so no middleware may ask for one. `takes_body`: its parameters come
    as JSON or as a form.
    """

    name: str
    method: str
    path: str
    summary: str
    is_exempt: bool = False
    takes_body: bool = False

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods that are answered: HEAD goes with GET (RFC 9110 §9.3.2)."""
        return ("GET", "HEAD") if self.method == "GET" else (self.method,)


LOGIN = Endpoint(name="login", method="POST", path="/login", summary="Start a session", is_exempt=True, takes_body=True)
REFRESH = Endpoint(
    name="refresh",
    method="POST",
    path="/refresh",
    summary="Exchange a refresh token for new tokens",
    is_exempt=True,
    takes_body=True,
)
LOGOUT = Endpoint(
    name="logout", method="POST", path="/logout", summary="End this session", is_exempt=True, takes_body=True
)
LOGOUT_ALL = Endpoint(
    name="logout_all", method="POST", path="/logout-all", summary="End all sessions of the caller, after a fresh login"
)
SESSIONS = Endpoint(name="sessions", method="GET", path="/sessions", summary="List the sessions of the caller")
SESSION = Endpoint(
    name="session", method="DELETE", path="/sessions/{session_id}", summary="End one of the caller's sessions"
)
JWKS = Endpoint(
    name="jwks",
    method="GET",
    path="/.well-known/jwks.json",
    summary="The public keys of access tokens (RFC 7517)",
    is_exempt=True,
)
ENDPOINTS = (LOGIN, REFRESH, LOGOUT, LOGOUT_ALL, SESSIONS, SESSION, JWKS)


def requirement_of(endpoint: Endpoint, *, fresh_for: timedelta) -> Requirement:
    """What a route asks of its callers; `fresh_for` is how old a login may be that ends all sessions."""
    if endpoint.is_exempt:
        return public
    return fresh(max_age=fresh_for) if endpoint is LOGOUT_ALL else authenticated


def missed(path: str, methods_of: Callable[[str], tuple[str, ...]], refusal: JWTGuardError) -> JWTGuardError:
    """What to answer a request for `path` that rules refuse.

    A client that misses an exempt route by its method, or by a final slash, has no use for a token: it is told what it
    missed. `methods_of(path)` are the methods of the exempt route at exactly this path; none if there is no such route.
    """
    if refusal.status != HTTPStatus.UNAUTHORIZED:
        return refusal
    allowed = methods_of(path)
    if allowed:
        return MethodNotAllowedError(allowed)
    return RouteNotFoundError() if path.endswith("/") and methods_of(path.removesuffix("/")) else refusal


def check_prefix(prefix: str) -> str:
    """`prefix` as all adapters take it; raises `ConfigurationError` for any other form."""
    is_text = isinstance(prefix, str)
    if not is_text or (prefix and (not prefix.startswith("/") or prefix.endswith("/") or is_ambiguous(prefix))):
        raise ConfigurationError(
            f'the prefix starts with a slash and does not end with one: write prefix="/auth", found {prefix!r}'
        )
    return prefix
