"""FastAPI: a route without a guard, with ours, with AuthX, with FastAPI Users, and with a dependency by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import jwt
from authx import AuthX, AuthXConfig, TokenPayload
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi_users import BaseUserManager, FastAPIUsers
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy

from benchmarks.callables import ASGIClient
from benchmarks.limit import LimitMiddleware
from benchmarks.measuring import LIMIT, Findings, Pace, interleaved
from benchmarks.proof import prove_guarded
from benchmarks.tokens import ALGORITHMS, AUDIENCE, ISSUER, Mint
from jwtguard import Guard, Principal, Rules
from jwtguard.asgi import GuardMiddleware
from jwtguard.fastapi import FastAPIGuard


def measure(pace: Pace) -> Findings:
    """Each algorithm as a group; every token as new, since the cache is off."""
    findings, loop = Findings(), asyncio.new_event_loop()
    for algorithm in ALGORITHMS:
        mint = Mint(algorithm)
        apps = {
            "jwtguard": guarded(mint.guard(cache_size=0)),
            "jwtguard, middleware and rules": behind_middleware(mint.guard(cache_size=0, rules=Rules([]))),
            "fastapi-users": users(mint),
            "written by hand": by_hand(mint),
        }
        if algorithm == "EdDSA":
            findings.left_out.append("authx knows no EdDSA")
        else:
            apps["authx"] = authx(mint)
        clients = {name: ASGIClient(app, loop=loop) for name, app in apps.items()}
        for name, client in clients.items():
            prove_guarded(name, client.ask, mint)
        unguarded: dict[str, Any] = {"bare": bare(), LIMIT: LimitMiddleware(bare(), mint)}
        clients = {name: ASGIClient(app, loop=loop) for name, app in unguarded.items()} | clients
        tokens = mint.tokens()
        batches = {name: client.batch(tokens) for name, client in clients.items()}
        findings.series += interleaved(algorithm, batches, pace)
    loop.close()
    return findings


def bare() -> FastAPI:
    """The route without a guard."""
    app = FastAPI()

    @app.get("/")
    async def view() -> dict[str, str]:
        return {"subject": "user-0"}

    return app


def guarded(guard: Guard) -> FastAPI:
    """Our dependency."""
    app, auth = FastAPI(), FastAPIGuard(guard)
    auth.init_app(app)

    async def view(caller: Principal = auth.requires()) -> dict[str, str]:  # noqa: B008 - FastAPI's other spelling
        return {"subject": caller.subject or ""}

    app.get("/")(view)
    return app


def behind_middleware(guard: Guard) -> FastAPI:
    """Our middleware, which enforces rules."""
    app = FastAPI()
    app.add_middleware(GuardMiddleware, guard=guard)

    @app.get("/")
    async def view() -> dict[str, str]:
        return {"subject": "user-0"}

    return app


def authx(mint: Mint) -> FastAPI:
    """AuthX, as its documentation has it."""
    app, algorithm = FastAPI(), mint.algorithm
    settings: dict[str, Any] = {
        "JWT_ALGORITHM": algorithm,
        "JWT_DECODE_ALGORITHMS": [algorithm],
        "JWT_SECRET_KEY": mint.public_text,
        "JWT_PRIVATE_KEY": mint.private_text,
        "JWT_PUBLIC_KEY": mint.public_text,
        "JWT_DECODE_AUDIENCE": AUDIENCE,
        "JWT_DECODE_ISSUER": ISSUER,
        "JWT_TOKEN_LOCATION": ["headers"],
    }
    security: Any = AuthX(config=AuthXConfig(**settings))
    security.handle_errors(app)

    async def view(payload: TokenPayload = Depends(security.access_token_required)) -> dict[str, str]:  # noqa: B008
        return {"subject": payload.sub}

    app.get("/")(view)
    return app


@dataclass(slots=True)
class _User:
    id: str
    email: str = "user@example.com"
    hashed_password: str = ""
    is_active: bool = True
    is_superuser: bool = False
    is_verified: bool = True


class _Users(BaseUserManager[Any, str]):
    """Users in memory: no database, so what is measured is FastAPI Users alone."""

    def parse_id(self, value: Any) -> str:
        return str(value)

    async def get(self, id: str) -> Any:  # noqa: A002 - as in the class above
        return _User(id)


def users(mint: Mint) -> FastAPI:
    """FastAPI Users with its JWT strategy, as its documentation has it."""
    app, key = FastAPI(), mint.public_text
    database: Any = None

    async def manager() -> AsyncIterator[_Users]:
        yield _Users(database)

    def strategy() -> JWTStrategy[Any, str]:
        return JWTStrategy(
            secret=key,
            lifetime_seconds=300,
            token_audience=[AUDIENCE],
            algorithm=mint.algorithm,
            public_key=None if mint.algorithm == "HS256" else key,
        )

    backend: Any = AuthenticationBackend("jwt", BearerTransport("token"), strategy)
    current: Any = FastAPIUsers[Any, str](manager, [backend]).current_user(active=True)

    async def view(user: Any = Depends(current)) -> dict[str, str]:  # noqa: B008
        return {"subject": user.id}

    app.get("/")(view)
    return app


def by_hand(mint: Mint) -> FastAPI:
    """A careful dependency on PyJWT, with the key prepared."""
    app, bearer = FastAPI(), HTTPBearer()
    key, algorithms = mint.public_object, [mint.algorithm]

    async def caller(credentials: HTTPAuthorizationCredentials = Depends(bearer)) -> dict[str, Any]:  # noqa: B008
        try:
            return jwt.decode(credentials.credentials, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)
        except jwt.InvalidTokenError:
            raise HTTPException(401, "invalid_token", {"WWW-Authenticate": "Bearer"}) from None

    async def view(claims: dict[str, Any] = Depends(caller)) -> dict[str, str]:  # noqa: B008
        return {"subject": claims["sub"]}

    app.get("/")(view)
    return app
