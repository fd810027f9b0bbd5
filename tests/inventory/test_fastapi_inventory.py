"""The routes of FastAPI applications: dependencies of the application, of routers and of parameters."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.security import HTTPBearer

from jwtguard import Principal, Rule, has_role, has_scope, public
from jwtguard.asgi import GuardMiddleware, requires
from jwtguard.fastapi import FastAPIGuard
from jwtguard.inventory import inventory
from jwtguard.testing import principal
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
    assert {check.kind for route in inventory(app).routes for check in route.access_checks} == {"dependency"}


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
    """FastAPI's own security schemes are named: the check behind them cannot be seen."""
    app = app_with()
    app.get("/x", dependencies=[Depends(HTTPBearer())])(view)
    assert rows(app) == [("GET", "/x", "third_party", ["FastAPI's HTTPBearer"])]


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
    found = {path: (state, access_checks) for _, path, state, access_checks in rows(app)}
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


# Callers that do not come from the guard.


def slips(endpoint: Any) -> list[str]:
    """What is said of the only route, as far as it says what is wrong."""
    app = app_with()
    app.get("/")(endpoint)
    (route,) = inventory(app).routes
    return [slip.rpartition(": ")[0] for slip in route.slips]


def other_caller(subject: str) -> Principal:
    """A dependency that believes the client."""
    return principal(subject)


def known(caller: Annotated[Principal, AUTH.requires()]) -> Principal:
    """A dependency of the application's own, built on ours."""
    return caller


class Callable:
    """A dependency that is an object."""

    def __call__(self, caller: Annotated[Principal, Depends(other_caller)]) -> str:
        raise AssertionError


def test_a_caller_from_elsewhere() -> None:
    """A `Principal` that another dependency makes is named, in the endpoint or in what it depends on."""

    async def direct(caller: Annotated[Principal, Depends(other_caller)]) -> None:
        raise AssertionError

    async def older(caller: Principal = Depends(other_caller)) -> None:  # noqa: B008 - FastAPI's older spelling
        raise AssertionError

    async def deep(text: Annotated[str, Depends(Callable())]) -> None:
        raise AssertionError

    async def right(caller: Annotated[Principal, Depends(known)], me: Annotated[Principal, AUTH.requires()]) -> None:
        raise AssertionError

    for endpoint in (direct, older):
        name = endpoint.__qualname__
        assert slips(endpoint) == [f"{name}: the caller 'caller' does not come from the guard: write `caller"]
    assert slips(deep) == ["Callable: the caller 'caller' does not come from the guard: write `caller"]
    assert slips(right) == []


def test_an_annotation_that_cannot_be_read() -> None:
    """A name that FastAPI cannot find makes a query parameter of the caller."""

    async def lost(caller: "Annotated[Principal, nowhere.requires()]") -> None:  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
        raise AssertionError

    (slip,) = slips(lost)
    assert "FastAPI cannot find the names in 'Annotated[Principal, nowhere.requires()]'" in slip


def test_requires_above_the_route() -> None:
    """The decorator for Starlette, above the line that registers the route, guards nothing."""
    app = app_with()

    @requires(has_role("admin"), guard=GUARD)
    @app.get("/")
    async def order(request: Request) -> None:
        raise AssertionError

    (route,) = inventory(app).routes
    assert (route.state, len(route.slips)) == ("unguarded", 1)
