"""Starlette: a route without a guard, behind our middleware, and behind a backend written by hand; new tokens, then
one that was seen before.
"""

from __future__ import annotations

import asyncio
from typing import Any

import jwt
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, AuthenticationError, SimpleUser
from starlette.authentication import requires as starlette_requires
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.callables import ASGIClient
from benchmarks.limit import LimitMiddleware
from benchmarks.measuring import LIMIT, Findings, Pace, interleaved
from benchmarks.proof import prove_guarded
from benchmarks.tokens import ALGORITHMS, AUDIENCE, ISSUER, Mint
from jwtguard import Guard, Rules
from jwtguard.asgi import GuardMiddleware, requires

SEEN_BEFORE = "seen before"


def measure(pace: Pace) -> Findings:
    """Two groups an algorithm: every token new (the cache off), and one token again and again (the cache on)."""
    findings, loop = Findings(), asyncio.new_event_loop()
    for algorithm in ALGORITHMS:
        mint = Mint(algorithm)
        for group, tokens, settings in (
            (algorithm, mint.tokens(), {"cache_size": 0}),
            (f"{algorithm}, {SEEN_BEFORE}", [mint.token(0)], {}),
        ):
            apps = {
                "jwtguard": guarded(mint.guard(**settings)),
                "jwtguard, middleware and rules": behind_middleware(mint.guard(**settings, rules=Rules([]))),
                "written by hand": by_hand(mint),
            }
            clients = {name: ASGIClient(app, loop=loop) for name, app in apps.items()}
            for name, client in clients.items():
                prove_guarded(name, client.ask, mint)
            unguarded: dict[str, Any] = {"bare": bare(), LIMIT: LimitMiddleware(bare(), mint)}
            clients = {name: ASGIClient(app, loop=loop) for name, app in unguarded.items()} | clients
            batches = {name: client.batch(tokens) for name, client in clients.items()}
            findings.series += interleaved(group, batches, pace)
    loop.close()
    return findings


def bare() -> Starlette:
    """The route without a guard."""

    async def view(request: Request) -> Response:
        return JSONResponse({"subject": "user-0"})

    return Starlette(routes=[Route("/", view)])


def guarded(guard: Guard) -> Starlette:
    """Our middleware, which authenticates, and our decorator, which authorizes."""

    @requires()
    async def view(request: Request) -> Response:
        return JSONResponse({"subject": request.user.subject})

    return Starlette(routes=[Route("/", view)], middleware=[Middleware(GuardMiddleware, guard=guard)])


def behind_middleware(guard: Guard) -> Starlette:
    """Our middleware, which enforces rules."""

    async def view(request: Request) -> Response:
        return JSONResponse({"subject": request.user.subject})

    return Starlette(routes=[Route("/", view)], middleware=[Middleware(GuardMiddleware, guard=guard)])


class _Backend(AuthenticationBackend):
    """A careful one on PyJWT, with the key prepared."""

    def __init__(self, mint: Mint) -> None:
        self._key: Any = mint.public_object
        self._algorithms = [mint.algorithm]

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser] | None:
        scheme, _, token = conn.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        try:
            claims = jwt.decode(token, self._key, algorithms=self._algorithms, issuer=ISSUER, audience=AUDIENCE)
        except jwt.InvalidTokenError as error:
            raise AuthenticationError("invalid_token") from error
        return AuthCredentials(["authenticated", *claims["scope"].split()]), SimpleUser(claims["sub"])


def by_hand(mint: Mint) -> Starlette:
    """Starlette's own middleware with that backend, and its own decorator."""

    @starlette_requires("authenticated", status_code=401)
    async def view(request: Request) -> Response:
        return JSONResponse({"subject": request.user.username})

    def refuse(conn: HTTPConnection, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 401, {"WWW-Authenticate": "Bearer"})

    backend = Middleware(AuthenticationMiddleware, backend=_Backend(mint), on_error=refuse)
    return Starlette(routes=[Route("/", view)], middleware=[backend])
