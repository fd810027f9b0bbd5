"""A small FastAPI application with sessions, for programs: mobile and command-line clients, which keep their tokens.

From the root of the repository::

    uvicorn examples.fastapi_app.app:app --port 8000

Then http://127.0.0.1:8000/docs shows the API, with a button to authorize. Login and refresh answer with a pair of
tokens in JSON (RFC 6749 §5.1). For pages in a browser, write `delivery="cookies"`, as the other examples do.
"""

from datetime import timedelta
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel

from examples.keys import DATA, secret
from examples.login_limit import LoginLimit
from examples.users import example_users
from jwtguard import (
    Guard,
    Principal,
    Rule,
    Rules,
    SessionRevocation,
    Sessions,
    SigningKey,
    SigningKeys,
    TokenIssuer,
    has_role,
    has_scope,
    public,
)
from jwtguard.asgi import GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.stores.sqlite import SQLiteStore

ISSUER, AUDIENCE = "https://login.example", "https://api.example"
users = example_users(DATA / "users.sqlite3")
issuer = TokenIssuer(
    issuer=ISSUER,
    audience=AUDIENCE,
    client_id="fastapi-app",
    signing_keys=SigningKeys(DATA / "keys", algorithm="ES256"),
)
store = SQLiteStore(DATA / "sessions.sqlite3")
sessions = Sessions(
    issuer=issuer,
    store=store,
    load=users.grants,
    refresh_keys=[SigningKey.from_secret(secret("refresh", DATA), algorithm="HS256", kid="r1")],
)
guard = Guard(
    issuer=ISSUER,
    audience=AUDIENCE,
    keys=issuer.verification_keys,
    # Refusals say what is missing. Leave this out where the names of roles are internal.
    explain_refusals=True,
    # What is not named here needs a valid token.
    rules=Rules(
        [Rule("", public), Rule("/docs/", public), Rule("/openapi.json", public), Rule("/admin/", has_role("admin"))]
    ),
    # A session that has ended is out within five seconds, for one look-up in five seconds.
    revocation=SessionRevocation(store, max_staleness=timedelta(seconds=5)),
)

app = FastAPI(title="A guarded API")
auth = FastAPIGuard(guard, sessions, authenticate=users.check, before_login=LoginLimit())
auth.init_app(app)
app.add_middleware(GuardMiddleware, guard=auth)
app.include_router(auth.routes(prefix="/auth"))

Caller = Annotated[Principal, auth.requires()]
Analyst = Annotated[Principal, auth.requires(has_scope("reports:read"))]
Admin = Annotated[Principal, auth.requires(has_role("admin"))]


class Profile(BaseModel):
    display_name: str


@app.get("/")
async def index() -> dict[str, str]:
    return {"message": "Hello! POST /auth/login with username and password, then GET /me."}


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
