"""A small Starlette application: users log in with a password, and their token travels in a header or in a cookie.

From the root of the repository::

    uvicorn examples.starlette_app.app:app --port 8000
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from examples.keys import DATA, csrf_secret, signing_key
from examples.own_page import check_own_page
from examples.users import example_users
from jwtguard import (
    CSRF,
    AuthorizationHeader,
    Guard,
    JWTGuardError,
    Rule,
    Rules,
    TokenCookie,
    TokenIssuer,
    has_role,
    has_scope,
    optional,
    public,
)
from jwtguard.asgi import GuardMiddleware, requires, response
from jwtguard.core.http import HTTPRequest

ISSUER, AUDIENCE = "https://login.example", "https://api.example"
users = example_users(DATA / "users.sqlite3")
issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="starlette-app", signing_keys=[signing_key(DATA)])
cookie = TokenCookie("__Host-access")
csrf = CSRF(secret=csrf_secret(DATA))
guard = Guard(
    issuer=ISSUER,
    audience=AUDIENCE,
    keys=issuer.verification_keys,
    tokens_from=[AuthorizationHeader(), cookie],
    csrf=csrf,
    # Below /admin/ nobody can forget the role, and an old cookie keeps nobody from logging in. Elsewhere the
    # endpoints and their decorators decide.
    rules=Rules(
        [Rule("/admin/", has_role("admin")), Rule("/login", public), Rule("/logout", public)], default=optional
    ),
)


async def index(request: Request) -> JSONResponse:
    return JSONResponse({"message": "Hello! POST /login with name and password, then GET /me."})


async def login(request: Request) -> JSONResponse:
    check_own_page(csrf, HTTPRequest.from_asgi(request.scope))
    body = await json_of(request)
    user = await run_in_threadpool(users.login, body)  # Hashing takes its time, and must not stop the loop.
    if user is None:
        raise HTTPException(401, "The name or the password is wrong.")
    token = issuer.access_token(user.name, roles=user.roles, scope=user.scope)
    if body.get("cookie") is True:
        # For a page in a browser. Scripts cannot read the token; they read the CSRF token and send it along.
        answer = JSONResponse({"name": user.name})
        answer.headers.append("Set-Cookie", cookie.set(token, max_age=issuer.access_token_lifetime))
        answer.headers.append("Set-Cookie", guard.csrf_cookie(await guard.verify(token)))
    else:
        lifetime = int(issuer.access_token_lifetime.total_seconds())
        answer = JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": lifetime})
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def logout(request: Request) -> Response:
    check_own_page(csrf, HTTPRequest.from_asgi(request.scope))
    answer = Response(status_code=204)
    answer.headers.append("Set-Cookie", cookie.clear())
    answer.headers.append("Set-Cookie", guard.clear_csrf_cookie())
    return answer


@requires()
async def me(request: Request) -> JSONResponse:
    user = await run_in_threadpool(users.get, request.user.subject)
    return JSONResponse({"name": request.user.subject, "display_name": user.display_name if user else None})


@requires()
async def rename(request: Request) -> JSONResponse:
    match await json_of(request):
        case {"display_name": str(display_name)} if display_name.isprintable():
            await run_in_threadpool(users.rename, request.user.subject, display_name)
            return JSONResponse({"name": request.user.subject, "display_name": display_name})
    raise HTTPException(400, "The body needs a display_name.")


@requires(has_scope("reports:read"))
async def reports(request: Request) -> JSONResponse:
    return JSONResponse({"reports": ["2026-10", "2026-11"]})


def everybody(request: Request) -> JSONResponse:
    return JSONResponse({"users": [user.name for user in users.all()]})


async def json_of(request: Request) -> dict[str, object]:
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return body


async def refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, JWTGuardError)
    return response(guard.answer(error))


app = Starlette(
    routes=[
        Route("/", index),
        Route("/login", login, methods=["POST"]),
        Route("/logout", logout, methods=["POST"]),
        Route("/me", me),
        Route("/me", rename, methods=["POST"]),
        Route("/reports", reports),
        Route("/admin/users", everybody),
    ],
    middleware=[Middleware(GuardMiddleware, guard=guard)],
    exception_handlers={JWTGuardError: refused},
)
