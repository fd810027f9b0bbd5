"""Every spelling of a path that a Starlette or FastAPI router serves is decided by the rule of its view, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles

from jwtguard import Guard
from jwtguard.asgi import GuardMiddleware
from tests.adapters.spellings import Build, Send, assert_agreement, compare, on_one_loop


def view(name: str) -> Any:
    """A view that answers with its name."""

    async def named(request: Request) -> PlainTextResponse:
        return PlainTextResponse(name)

    return named


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all requests."""
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of which those in `private` need another role."""
    made = tmp_path_factory.mktemp("static")
    (made / "private").mkdir()
    (made / "x").mkdir()
    (made / "open.txt").write_text("open")
    (made / "private" / "report").write_text("private")
    return made


def routes(folder: Path) -> list[Any]:
    """One of each kind."""
    return [
        Route("/admin", view("admin")),
        Route("/admin/users", view("users")),
        Route("/items/{number:int}", view("items")),
        Route("/files/{path:path}", view("files")),
        Route("/caf\xe9/", view("cafe")),
        Mount("/sub", routes=[Route("/page", view("page")), Route("/", view("sub"))]),
        Mount("/static", StaticFiles(directory=folder)),
        Host("other.example", Router([Route("/admin", view("other host"))])),
    ]


RULES = {
    "admin": "/admin",
    "users": "/admin/users",
    "items": "/items/",
    "files": "/files/",
    "cafe": "/caf\xe9",
    "page": "/sub/page",
    "sub": "/sub",
    "open": "/static/",
    "private": "/static/private/",
}
PATHS = [
    "/admin/users",
    "/items/7",
    "/files/a/b",
    "/caf\xe9/",
    "/sub/page",
    "/static/private/report",
]


def starlette(folder: Path, runner: asyncio.Runner) -> Build:
    """The middleware in front of a Starlette application."""

    def build(guard: Guard | None) -> Send:
        app = Starlette(routes=routes(folder))
        return on_one_loop(runner, app if guard is None else GuardMiddleware(app, guard))

    return build


def fastapi(folder: Path, runner: asyncio.Runner) -> Build:
    """The same application with FastAPI, the middleware inside it."""

    def build(guard: Guard | None) -> Send:
        app = FastAPI()
        admin = APIRouter(prefix="/admin")
        admin.add_api_route("", view("admin"))
        admin.add_api_route("/users", view("users"))
        app.include_router(admin)
        app.add_api_route("/items/{number}", view("items"))
        app.add_api_route("/files/{path:path}", view("files"))
        app.add_api_route("/caf\xe9/", view("cafe"))
        inner = FastAPI()
        inner.add_api_route("/page", view("page"))
        app.mount("/sub", inner)
        app.mount("/static", StaticFiles(directory=folder))
        if guard is not None:
            app.add_middleware(GuardMiddleware, guard=guard)
        return on_one_loop(runner, app)

    return build


@pytest.mark.parametrize("framework", [starlette, fastapi])
def test_routes(framework: Any, folder: Path, runner: asyncio.Runner) -> None:
    """Routes, parameters, mounts and static files."""
    found = compare(framework(folder, runner), RULES, PATHS)
    assert_agreement(
        found,
        served=["/%61dmin/users", "/files/a/b", "/sub%2fpage", "/static/private/report/"],
        refused=[
            "/admin/users%0a",
            "/static/x/../private/report",
            "/static//private/report",
            "/files/a/%0bb",
        ],
    )


@pytest.mark.parametrize("framework", [starlette, fastapi])
@pytest.mark.parametrize(
    ("root_path", "allow_double_slash"), [("/mounted", False), ("/admin", False), ("/mounted/", False), ("", True)]
)
def test_routes_elsewhere(
    framework: Any, folder: Path, runner: asyncio.Runner, root_path: str, *, allow_double_slash: bool
) -> None:
    """Paths are matched below a server's prefix, and where two slashes are allowed."""
    paths = ["/admin/users", "/static/private/report"]
    found = compare(framework(folder, runner), RULES, paths, root_path=root_path, allow_double_slash=allow_double_slash)
    assert_agreement(found, served=["/admin/users"], refused=["/admin/users%0a"])


def test_inside_a_mount(folder: Path, runner: asyncio.Runner) -> None:
    """Inside a mount, rules see the rest of the path, as the router there does."""

    def build(guard: Guard | None) -> Send:
        inner = Starlette(routes=[Route("/users", view("users")), Mount("/static", StaticFiles(directory=folder))])
        app = inner if guard is None else GuardMiddleware(inner, guard)
        return on_one_loop(runner, Starlette(routes=[Mount("/admin", app)]))

    rules = {"users": "/users", "private": "/static/private/"}
    found = compare(build, rules, ["/admin/users", "/admin/static/private/report"])
    assert found.opened == found.closed == []
    assert "/admin/users" in set(found.served) - set(found.refused)
    assert {"/admin/static//private/report", "/admin/static/x/../private/report"} <= set(found.refused)


@pytest.mark.skipif(not hasattr(FastAPI, "frontend"), reason="this FastAPI serves no frontends")
@pytest.mark.parametrize("allow_double_slash", [False, True])
def test_frontend(folder: Path, runner: asyncio.Runner, *, allow_double_slash: bool) -> None:
    """The folder that FastAPI serves behind all routes, which drops slashes at the start of a path."""

    def build(guard: Guard | None) -> Send:
        app: Any = FastAPI(openapi_url=None)
        app.frontend("/", directory=str(folder))
        if guard is not None:
            app.add_middleware(GuardMiddleware, guard=guard)
        return on_one_loop(runner, app)

    rules = {"open": "/open.txt", "private": "/private/"}
    found = compare(build, rules, ["/private/report"], allow_double_slash=allow_double_slash)
    assert_agreement(found, served=["/private/report"], refused=["/x/../private/report"])
    assert ("//private/report" in found.refused) is not allow_double_slash
