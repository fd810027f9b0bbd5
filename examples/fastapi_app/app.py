"""A small FastAPI application: users log in with a password, and their token travels in a header or in a cookie.

From the root of the repository::

    uvicorn examples.fastapi_app.app:app --port 8000

Then http://127.0.0.1:8000/docs shows the API, with a button to authorize.
"""

from typing import Annotated

from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel

from examples.keys import DATA, csrf_secret, signing_key
from examples.own_page import check_own_page
from examples.users import example_users
from jwtguard import (
    CSRF,
    AuthorizationHeader,
    CSRFError,
    Guard,
    Principal,
    Rule,
    Rules,
    TokenCookie,
    TokenIssuer,
    has_role,
    has_scope,
    optional,
    public,
)
from jwtguard.asgi import GuardMiddleware, response
from jwtguard.core.http import HTTPRequest
from jwtguard.fastapi import FastAPIGuard

ISSUER, AUDIENCE = "https://login.example", "https://api.example"
users = example_users(DATA / "users.sqlite3")
issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="fastapi-app", signing_keys=[signing_key(DATA)])
cookie = TokenCookie("__Host-access")
csrf = CSRF(secret=csrf_secret(DATA))
guard = Guard(
    issuer=ISSUER,
    audience=AUDIENCE,
    keys=issuer.verification_keys,
    tokens_from=[AuthorizationHeader(), cookie],
    csrf=csrf,
    # Below /admin/ nobody can forget the role, and an old cookie keeps nobody from logging in. Elsewhere the
    # routes and their dependencies decide.
    rules=Rules(
        [Rule("/admin/", has_role("admin")), Rule("/login", public), Rule("/logout", public)], default=optional
    ),
)

app = FastAPI(title="A guarded API")
app.add_middleware(GuardMiddleware, guard=guard)
auth = FastAPIGuard(guard)
auth.init_app(app)

Caller = Annotated[Principal, auth.requires()]
Analyst = Annotated[Principal, auth.requires(has_scope("reports:read"))]
Admin = Annotated[Principal, auth.requires(has_role("admin"))]


class Login(BaseModel):
    name: str
    password: str
    cookie: bool = False


class Profile(BaseModel):
    display_name: str


@app.get("/")
async def index() -> dict[str, str]:
    return {"message": "Hello! POST /login with name and password, then GET /me."}


@app.post("/login")
def login(body: Login, request: Request, answer: Response) -> dict[str, str | int]:
    check_own_page(csrf, HTTPRequest.from_asgi(request.scope))
    user = users.check(body.name, body.password)
    if user is None:
        raise HTTPException(401, "The name or the password is wrong.")
    token = issuer.access_token(user.name, roles=user.roles, scope=user.scope)
    answer.headers["Cache-Control"] = "no-store"
    if body.cookie:
        # For a page in a browser. Scripts cannot read the token; they read the CSRF token and send it along.
        answer.headers.append("Set-Cookie", cookie.set(token, max_age=issuer.access_token_lifetime))
        answer.headers.append("Set-Cookie", guard.csrf_cookie(guard.verify(token).run()))
        return {"name": user.name}
    lifetime = int(issuer.access_token_lifetime.total_seconds())
    return {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}


@app.post("/logout", status_code=204)
async def logout(request: Request, answer: Response) -> None:
    check_own_page(csrf, HTTPRequest.from_asgi(request.scope))
    answer.headers.append("Set-Cookie", cookie.clear())
    answer.headers.append("Set-Cookie", guard.clear_csrf_cookie())


@app.get("/me")
def me(caller: Caller) -> dict[str, str | None]:
    user = users.get(caller.identity)
    return {"name": caller.subject, "display_name": user.display_name if user else None}


@app.post("/me")
def rename(profile: Profile, caller: Caller) -> dict[str, str | None]:
    users.rename(caller.identity, profile.display_name)
    return {"name": caller.subject, "display_name": profile.display_name}


@app.get("/reports")
async def reports(caller: Analyst) -> dict[str, list[str]]:
    return {"reports": ["2026-10", "2026-11"]}


@app.get("/admin/users")
def everybody(caller: Admin) -> dict[str, list[str]]:
    return {"users": [user.name for user in users.all()]}


@app.exception_handler(CSRFError)
async def refused(request: Request, error: CSRFError) -> Response:
    return response(guard.answer(error))
