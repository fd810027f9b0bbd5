"""The routes of FastAPI applications: dependencies of the application, of routers and of parameters."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.security import HTTPBearer

from jwtguard import Rule, has_role, has_scope, public
from jwtguard.asgi import GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.inventory import inventory
from tests.inventory.apps import guard_with, rows, sessions_with

GUARD = guard_with(has_rules=False)
AUTH = FastAPIGuard(GUARD)


def app_with(**settings: Any) -> FastAPI:
    """An application without its own documents."""
    return FastAPI(openapi_url=None, **settings)


async def view() -> None:
    """Any endpoint."""
    raise AssertionError


def test_dependencies_of_every_kind() -> None:
    """Application, router, route and parameter: outermost first, whatever prefixes they were included with."""
    app = app_with(dependencies=[AUTH.requires()])
    router = APIRouter(prefix="/reports", dependencies=[AUTH.requires(has_scope("r"))])
    inner = APIRouter()

    async def audited(caller: Annotated[Any, AUTH.requires(has_role("auditor"))]) -> None:
        raise AssertionError

    async def through_another(audit: Annotated[Any, Depends(audited)]) -> None:
        raise AssertionError

    router.add_api_route("/{month}", view, dependencies=[AUTH.requires(has_role("a"))], methods=["GET", "POST"])
    inner.add_api_route("/deep", through_another)
    router.include_router(inner, prefix="/inner")
    app.include_router(router, prefix="/v1")
    app.get("/plain")(view)

    usual = ["requires(authenticated)", "requires(has_scope('r'))"]
    assert rows(app) == [
        ("GET,POST", "/v1/reports/{month}", "guarded", [*usual, "requires(has_role('a'))"]),
        ("GET", "/v1/reports/inner/deep", "guarded", [*usual, "requires(has_role('auditor'))"]),
        ("GET", "/plain", "guarded", ["requires(authenticated)"]),
    ]
    assert {gate.kind for route in inventory(app).routes for gate in route.gates} == {"dependency"}


def test_websockets_and_public_routes() -> None:
    """A dependency guards a websocket as well; `public` is said by a dependency that reads no token."""
    app = app_with()
    app.get("/open", dependencies=[AUTH.requires(public)])(view)
    app.websocket("/feed", dependencies=[AUTH.requires()])(view)
    app.websocket("/echo")(view)
    assert rows(app) == [
        ("GET", "/open", "public", ["requires(public)"]),
        ("websocket", "/feed", "guarded", ["requires(authenticated)"]),
        ("websocket", "/echo", "unguarded", []),
    ]


def test_schemes_of_others() -> None:
    """FastAPI's own security schemes are named: what stands behind them, nobody can see."""
    app = app_with()
    app.get("/x", dependencies=[Depends(HTTPBearer())])(view)
    assert rows(app) == [("GET", "/x", "foreign", ["FastAPI's HTTPBearer"])]


def test_its_own_documents() -> None:
    """The documents that FastAPI serves unasked are routes like any other."""
    app = FastAPI()
    app.add_middleware(GuardMiddleware, guard=guard_with(Rule("/docs", public)))
    states = {path: state for _, path, state, _ in rows(app)}
    assert (states["/docs"], states["/openapi.json"]) == ("public", "guarded")


def test_a_mounted_application() -> None:
    """An application below another is behind its middleware."""
    inner, outer = app_with(), app_with()
    inner.get("/x")(view)
    outer.mount("/inner", inner)
    outer.add_middleware(GuardMiddleware, guard=guard_with(Rule("/inner/", has_role("a"))))
    assert rows(outer) == [("GET", "/inner/x", "guarded", ["rule '/inner/': has_role('a')"])]


def test_shipped_routes() -> None:
    """Login, and what needs a caller."""
    auth = FastAPIGuard(GUARD, sessions_with(), authenticate=lambda username, password: None)
    app = app_with()
    app.include_router(auth.routes())
    found = {path: (state, gates) for _, path, state, gates in rows(app)}
    assert found["/auth/login"] == ("public", ["shipped route: public"])
    assert found["/auth/sessions"] == ("guarded", ["shipped route: authenticated"])


def test_frontends(tmp_path: Path) -> None:
    """A folder that newer FastAPIs serve behind all routes is a route, too."""
    if not hasattr(FastAPI, "frontend"):
        return
    (tmp_path / "index.html").touch()
    app, router = app_with(), APIRouter(prefix="/site", dependencies=[AUTH.requires()])
    app.get("/x")(view)
    app.frontend("/", directory=tmp_path)
    router.frontend("/shop", directory=tmp_path)
    app.include_router(router)
    assert rows(app) == [
        ("GET", "/x", "unguarded", []),
        ("GET", "/{path}", "unguarded", []),
        ("GET", "/site/shop/{path}", "guarded", ["requires(authenticated)"]),
    ]
