"""Starlette's own middlewares, applications inside applications, lifespans and factories, beside a guard."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import flask
import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials, AuthenticationBackend, SimpleUser
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from jwtguard import UNCHECKED, Principal, Rule, Rules, SigningKey, TokenIssuer, has_role, public
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard, principal
from tests.samples import guard, issuer, token

BEARER = {"Authorization": f"Bearer {token('ada')}"}


class Everybody(AuthenticationBackend):
    """Logs in all who come, as `intruder` with every scope."""

    async def authenticate(self, conn: HTTPConnection) -> tuple[AuthCredentials, SimpleUser]:
        return AuthCredentials(["authenticated", "admin"]), SimpleUser("intruder")


OTHERS = [Middleware(SessionMiddleware, secret_key="s"), Middleware(AuthenticationMiddleware, backend=Everybody())]
ASGI = ASGIGuard(guard(rules=UNCHECKED))
OURS = [Middleware(GuardMiddleware, guard=ASGI)]


@pytest.mark.parametrize(
    "middleware", [[*OURS, *OTHERS], [*OTHERS, *OURS], [OTHERS[1], *OURS, OTHERS[0]], OTHERS], ids=range(4)
)
def test_starlettes_middlewares_in_every_order(middleware: list[Middleware]) -> None:
    """`requires` uses the token alone, though another middleware fills `request.user`; the session works beside it."""

    @ASGI.requires()
    async def me(request: Request) -> JSONResponse:
        request.session["seen"] = request.session.get("seen", 0) + 1
        return JSONResponse({"subject": request.user.subject, "seen": request.session["seen"]})

    client = TestClient(Starlette(routes=[Route("/me", me)], middleware=middleware), base_url="https://testserver")
    assert client.get("/me").status_code == 401
    assert client.get("/me", headers=BEARER).json() == {"subject": "ada", "seen": 1}
    assert client.get("/me", headers=BEARER).json() == {"subject": "ada", "seen": 2}


FASTAPI = FastAPIGuard(guard(rules=Rules([Rule("/inner/open", public), Rule("/inner/admin", has_role("admin"))])))
router = APIRouter(prefix="/reports", dependencies=[FASTAPI.requires(has_role("analyst"))])
started: list[str] = []


@router.get("/{month}")
async def report(month: str) -> dict[str, str]:
    return {"month": month}


@contextlib.asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
    """Gives the application a state, and notes that it was started and stopped."""
    started.append("start")
    yield {"name": "outer"}
    started.append("stop")


inner = FastAPI()
outer = FastAPI(lifespan=lifespan)
outer.include_router(router)
outer.mount("/inner", inner)
outer.add_middleware(GuardMiddleware, guard=FASTAPI)
FASTAPI.init_app(outer)


@outer.get("/state")
async def state(request: Request, caller: Annotated[Principal, FASTAPI.requires()]) -> dict[str, str]:
    return {"name": request.state.name, "subject": caller.subject or ""}


@inner.get("/open")
@inner.get("/admin")
async def unguarded() -> dict[str, str]:
    return {"page": "unguarded"}


@inner.get("/me")
async def inner_me(caller: Annotated[Principal, FASTAPI.requires()]) -> dict[str, str]:
    return {"subject": caller.subject or ""}


def test_applications_inside_applications() -> None:
    """The rules of the outer one cover what is mounted, by the whole path; a dependency inside it works as anywhere."""
    client = TestClient(outer)
    found = [(path, client.get(path, headers=BEARER).status_code) for path in ("/inner/open", "/inner/admin")]
    assert found == [("/inner/open", 200), ("/inner/admin", 403)]
    assert client.get("/inner/open").status_code == 200
    assert client.get("/inner/me").status_code == 401
    assert client.get("/inner/me", headers=BEARER).json() == {"subject": "ada"}


DECORATOR = FastAPIGuard(guard())
plain = FastAPI()


@plain.get("/me")
async def plain_me(caller: Annotated[Principal, DECORATOR.requires()]) -> dict[str, str]:
    return {"subject": caller.subject or ""}


def test_a_mounted_application_alone() -> None:
    """With neither `init_app` nor a middleware, a refusal has its status and challenge."""
    parent = FastAPI()
    parent.mount("/inner", plain)
    client = TestClient(parent)
    answer = client.get("/inner/me")
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
    assert client.get("/inner/me", headers=BEARER).json() == {"subject": "ada"}


def test_a_lifespan() -> None:
    """It passes the middleware, and its state reaches guarded routes."""
    started.clear()
    with TestClient(outer) as client:
        assert started == ["start"]
        assert client.get("/state", headers=BEARER).json() == {"name": "outer", "subject": "ada"}
        assert client.get("/state").status_code == 401
    assert started == ["start", "stop"]


def test_a_router_with_dependencies() -> None:
    """Every route of it is guarded, in a module whose annotations are text."""
    client = TestClient(outer)
    analyst = {"Authorization": f"Bearer {token(roles=['analyst'])}"}
    assert client.get("/reports/2026-11", headers=BEARER).status_code == 403
    assert client.get("/reports/2026-11", headers=analyst).json() == {"month": "2026-11"}


EXTENSION = FlaskGuard()
blueprint = flask.Blueprint("pages", __name__)


@blueprint.get("/me")
@EXTENSION.requires()
def me() -> dict[str, str]:
    return {"subject": principal.subject or ""}


def create_app(issuer: str) -> tuple[flask.Flask, str]:
    """An application of the factory, and a token for it."""
    secret = f"the secret of {issuer}, 32 bytes or more"
    app = flask.Flask(__name__)
    app.config["JWTGUARD"] = {
        "issuer": issuer,
        "audience": "api",
        "keys": {"secret": secret, "algorithm": "HS256"},
        "rules": "UNCHECKED",
    }
    EXTENSION.init_app(app)
    app.register_blueprint(blueprint)
    key = SigningKey.from_secret(secret, algorithm="HS256")
    return app, TokenIssuer(issuer=issuer, audience="api", client_id="web", signing_keys=[key]).access_token("ada")


def test_one_extension_for_the_applications_of_a_factory() -> None:
    """Each goes by its own configuration: a token of one is none for the other."""
    made = [create_app(f"https://{name}.example") for name in ("one", "two")]
    statuses = [
        [app.test_client().get("/me", headers={"Authorization": f"Bearer {text}"}).status_code for _, text in made]
        for app, _ in made
    ]
    assert statuses == [[200, 401], [401, 200]]


def test_two_guards_in_one_application() -> None:
    """Each view goes by its own guard, whichever stands in front."""
    users, machines = FlaskGuard(guard(rules=UNCHECKED)), FlaskGuard(guard(audience="machines"))
    app = flask.Flask(__name__)
    users.init_app(app)
    app.add_url_rule("/user", "user", users.requires()(lambda: {"subject": principal.subject}))
    app.add_url_rule("/machine", "machine", machines.requires()(lambda: {"subject": principal.subject}))
    ours = [app.test_client().get(path, headers=BEARER).status_code for path in ("/user", "/machine")]
    machine = {"Authorization": f"Bearer {issuer(audience='machines').access_token('m')}"}
    theirs = [app.test_client().get(path, headers=machine).status_code for path in ("/user", "/machine")]
    assert (ours, theirs) == ([200, 401], [401, 200])
