"""A small Starlette application with sessions, for browsers: both tokens are in cookies that no script can read.

From the root of the repository::

    uvicorn examples.starlette_app.app:app --port 8000

The access token is valid for five minutes without a look-up; then the page asks `POST /auth/refresh`.
A page that does such things, with its script, is in the Flask example.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.keys import DATA, secret
from examples.login_limit import LoginLimit
from examples.users import example_users
from jwtguard import (
    CSRF,
    AuthorizationHeader,
    Guard,
    Rule,
    Rules,
    Sessions,
    SigningKey,
    SigningKeys,
    TokenCookie,
    TokenIssuer,
    has_role,
    has_scope,
    public,
)
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.stores.sqlite import SQLiteStore

ISSUER, AUDIENCE = "https://login.example", "https://api.example"
users = example_users(DATA / "users.sqlite3")
issuer = TokenIssuer(
    issuer=ISSUER,
    audience=AUDIENCE,
    client_id="starlette-app",
    signing_keys=SigningKeys(DATA / "keys", algorithm="ES256"),
)
sessions = Sessions(
    issuer=issuer,
    store=SQLiteStore(DATA / "sessions.sqlite3"),
    load=users.grants,
    refresh_keys=[SigningKey.from_secret(secret("refresh", DATA), algorithm="HS256", kid="r1")],
)
guard = Guard(
    issuer=ISSUER,
    audience=AUDIENCE,
    keys=issuer.verification_keys,
    tokens_from=[AuthorizationHeader(), TokenCookie()],
    csrf=CSRF(secret=secret("csrf", DATA)),
    # Refusals say what is missing. Leave this out where the names of roles are internal.
    explain_refusals=True,
    # What is not named here needs a valid token.
    rules=Rules([Rule("", public), Rule("/admin/", has_role("admin"))]),
)
# `users.check` hashes a password, which takes its time: what is not async runs in a thread, and the loop goes on.
auth = ASGIGuard(guard, sessions, authenticate=users.check, before_login=LoginLimit(), delivery="cookies")


async def index(request: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello! POST /auth/login with username and password, then GET /me."})


async def me(request: Request) -> JSONResponse:
    user = await run_in_threadpool(users.get, request.user.subject)
    return JSONResponse({"name": request.user.subject, "display_name": user.display_name if user else None})


async def rename(request: Request) -> JSONResponse:
    match await json_of(request):
        case {"display_name": str(display_name)} if display_name.isprintable():
            await run_in_threadpool(users.rename, request.user.subject, display_name)
            return JSONResponse({"name": request.user.subject, "display_name": display_name})
    raise HTTPException(400, "The body needs a display_name.")


@auth.requires(has_scope("reports:read"))
async def reports(request: Request) -> JSONResponse:
    return JSONResponse({"reports": ["2026-10", "2026-11"]})


def everybody(request: Request) -> JSONResponse:
    return JSONResponse({"users": [user.name for user in users.all()]})


async def json_of(request: Request) -> object:
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise HTTPException(400, "The body must be JSON.") from None


app = Starlette(
    routes=[
        Route("/", index),
        Route("/me", me),
        Route("/me", rename, methods=["POST"]),
        Route("/reports", reports),
        Route("/admin/users", everybody),
        *auth.routes(prefix="/auth"),
    ],
    middleware=[Middleware(GuardMiddleware, guard=auth)],
)
