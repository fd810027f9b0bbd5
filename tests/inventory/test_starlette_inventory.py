"""The routes of Starlette applications: middlewares at every depth, mounts, hosts, classes, websockets, other ASGI."""

from __future__ import annotations

import functools
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires as starlette_requires
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Host, Mount, Route, Router, WebSocketRoute

from jwtguard import Rule, has_role, optional, public
from jwtguard.asgi import ASGIGuard, GuardMiddleware, requires
from jwtguard.inventory import inventory
from tests.inventory.apps import guard_with, row, rows, sessions_with

RULED = guard_with(Rule("/public", public), Rule("/admin/", has_role("admin")))


async def view(request: Request) -> Response:
    """Any endpoint."""
    raise AssertionError


def guarded(guard: Any = RULED) -> Middleware:
    """The middleware in an application's list."""
    return Middleware(GuardMiddleware, guard=guard)


def test_middleware_and_decorators() -> None:
    """The application's middleware is in front of every route; other middlewares say nothing."""
    app = Starlette(
        routes=[
            Route("/public", view),
            Route("/admin/users", requires(has_role("a"))(view), methods=["POST"]),
            Route("/me", functools.partial(view)),
        ],
        middleware=[Middleware(CORSMiddleware), guarded()],
    )
    assert rows(app) == [
        ("GET", "/public", "public", ["rule '/public': public"]),
        ("POST", "/admin/users", "guarded", ["rule '/admin/': has_role('admin')", "requires(has_role('a'))"]),
        ("GET", "/me", "guarded", ["by default: authenticated"]),
    ]


def test_the_middleware_without_rules_guards_nothing() -> None:
    """It authenticates, and refuses no request."""
    app = Starlette(routes=[Route("/", view)], middleware=[guarded(guard_with(has_rules=False))])
    assert rows(app) == [("GET", "/", "unguarded", [])]


def test_mounts_see_the_rest_of_the_path() -> None:
    """A middleware inside a mount sees paths without the mount's own part; one outside sees all of it."""
    inner = Starlette(routes=[Route("/public", view), Route("/{name}", view)], middleware=[guarded()])
    app = Starlette(
        routes=[
            Mount("/v1/{tenant}", inner),
            Mount("/public", routes=[Route("/x", view)]),
            Mount("/own", routes=[Route("/public", view)], middleware=[guarded()]),
        ],
        middleware=[guarded(guard_with(Rule("/v1/", optional), default=public))],
    )
    found = {each[1]: each for each in rows(app)}
    assert found["/v1/{tenant}/public"][2:] == ("optional", ["rule '/v1/': optional", "rule '/public': public"])
    assert found["/v1/{tenant}/{name}"][2] == "guarded"
    assert found["/public/x"][2:] == ("unguarded", ["by default: public"])
    assert found["/own/public"][3] == ["by default: public", "rule '/public': public"]
    overrides = {route.path: [each.path for each in route.overrides] for route in inventory(app).routes}
    assert overrides["/v1/{tenant}/{name}"] == ["/v1/{tenant}/public", "/v1/{tenant}/admin"]


def test_a_middleware_of_one_route() -> None:
    """A route's own middleware sees the path as the router does."""
    app = Starlette(routes=[Route("/public", view, middleware=[Middleware(CORSMiddleware), guarded()])])
    assert rows(app) == [("GET", "/public", "public", ["rule '/public': public"])]


@pytest.mark.parametrize("wrap", [lambda app: app, lambda app: CORSMiddleware(app)])
def test_around_the_application(wrap: Any) -> None:
    """Middlewares around the application, or a bare router, count as well."""
    router = wrap(Router([Route("/public", view)]))
    assert rows(GuardMiddleware(router, guard=RULED)) == [("GET", "/public", "public", ["rule '/public': public"])]


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application whose routes cannot be read."""


def test_an_application_that_cannot_be_looked_into() -> None:
    """It stands for all paths, and the rules that name some of them are shown."""
    app = Starlette(routes=[Mount("/sub", GuardMiddleware(bare, guard=RULED)), Mount("/files", bare)])
    found = inventory(app).routes
    assert [(route.path, route.kind, route.state) for route in found] == [
        ("/sub/…", "application", "guarded"),
        ("/files/…", "application", "unguarded"),
    ]
    assert [(each.path, each.state) for each in found[0].overrides] == [
        ("/sub/public", "public"),
        ("/sub/admin/…", "guarded"),
    ]


def test_hosts() -> None:
    """A host is told with the routes below it."""
    app = Starlette(routes=[Host("api.example", Router([Route("/x", view)])), Route("/y", view)])
    assert [(route.host, route.path) for route in inventory(app).routes] == [("api.example", "/x"), (None, "/y")]


def test_class_based_endpoints() -> None:
    """Each method of a class has its own decorators; a class that decorates `dispatch` has them for all."""

    class Item(HTTPEndpoint):
        async def get(self, request: Request) -> Response:
            raise AssertionError

        @requires(has_role("editor"))
        async def put(self, request: Request) -> Response:
            raise AssertionError

    class Nothing:
        pass

    app = Starlette(
        routes=[
            Route("/item", Item),
            Route("/some", Item, methods=["GET"]),
            Route("/nothing", Nothing),
        ]
    )
    assert rows(app) == [
        ("GET", "/item", "unguarded", []),
        ("PUT", "/item", "guarded", ["requires(has_role('editor'))"]),
        ("GET", "/some", "unguarded", []),
        ("any", "/nothing", "unguarded", []),
    ]


def test_an_asgi_application_as_endpoint() -> None:
    """An endpoint that is an application answers every method; a guard around it counts."""
    app = Starlette(routes=[Route("/public", GuardMiddleware(bare, guard=RULED))])
    assert rows(app) == [("any", "/public", "public", ["rule '/public': public"])]


def test_every_method_with_rules_for_some() -> None:
    """Where a route answers every method, those that rules name are listed separately."""
    guard = guard_with(Rule("/", has_role("writer"), methods=["PUT"]), default=public)
    app = Starlette(routes=[Route("/x", GuardMiddleware(bare, guard=guard))])
    assert [each[:3] for each in rows(app)] == [("PUT", "/x", "guarded"), ("any", "/x", "unguarded")]


def test_websockets() -> None:
    """A handshake is a GET: rules for GET cover it; `on_connect` is where a class can be guarded."""

    class Feed(WebSocketEndpoint):
        @requires(has_role("reader"))
        async def on_connect(self, websocket: Any) -> None:
            raise AssertionError

    app = Starlette(
        routes=[
            WebSocketRoute("/feed", Feed),
            WebSocketRoute("/echo", requires()(view)),
            WebSocketRoute("/open", view),
        ],
        middleware=[guarded(guard_with(Rule("/open", public, methods=["GET"]), default=optional))],
    )
    assert rows(app) == [
        ("websocket", "/feed", "guarded", ["by default: optional", "requires(has_role('reader'))"]),
        ("websocket", "/echo", "guarded", ["by default: optional", "requires(authenticated)"]),
        ("websocket", "/open", "public", ["rule '/open': public"]),
    ]


def test_guards_of_others() -> None:
    """Starlette's own decorator is named; it is no check of ours, and its route does not count as unguarded."""
    app = Starlette(routes=[Route("/x", starlette_requires("authenticated")(view))])
    assert rows(app) == [("GET", "/x", "third_party", ["starlette.authentication"])]


def test_a_route_of_a_foreign_class() -> None:
    """A route that has neither endpoint nor path stands for all below."""

    class Own(BaseRoute):
        pass

    (route,) = inventory(Starlette(routes=[Own()])).routes
    assert (route.path, route.kind) == ("/…", "application")


def _no_user(username: str, password: str) -> None:
    return None


@pytest.mark.parametrize(("is_told", "state", "notes"), [(True, "public", 0), (False, "guarded", 1)])
def test_shipped_routes(is_told: bool, state: str, notes: int) -> None:
    """The middleware lets the login pass if it was given the object that made it; else a note says what happens."""
    guard = guard_with(Rule("/", has_role("user")))
    auth = ASGIGuard(guard, sessions_with(), authenticate=_no_user)
    app = Starlette(routes=auth.routes(), middleware=[guarded(auth if is_told else guard)])

    found = {route.path: route for route in inventory(app).routes}
    login = found["/auth/login"]
    assert (login.state, len(login.notes)) == (state, notes)
    assert row(found["/auth/logout-all"])[2:] == (
        "guarded",
        ["rule '/': has_role('user')", "shipped route: fresh(max_age=300)"],
    )


def test_two_guards() -> None:
    """A decorator uses the one guard in front, and none where there are two."""
    other = guard_with()
    routes = [Route("/x", requires()(view))]
    one = Starlette(routes=routes, middleware=[guarded()])
    two = Starlette(routes=routes, middleware=[guarded(), guarded(other)])

    (first,), (second,) = inventory(one).routes, inventory(two).routes
    assert first.access_checks[-1].guard is RULED
    assert (second.access_checks[-1].guard, second.access_checks[-1].places) == (None, ())
    assert inventory(two).guards == [RULED, other]


def test_the_same_application_twice() -> None:
    """An application that is mounted twice is listed twice, each with its own way in."""
    inner = Router([Route("/public", view)])
    app = Starlette(routes=[Mount("/a", GuardMiddleware(inner, guard=RULED)), Mount("/b", CORSMiddleware(inner))])
    assert [each[1:3] for each in rows(app)] == [("/a/public", "public"), ("/b/public", "unguarded")]


def test_older_frameworks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where FastAPI keeps included routers in one list with the rest, that list is read."""
    monkeypatch.delattr("fastapi.routing.iter_route_contexts", raising=False)
    assert rows(Starlette(routes=[Route("/x", view)])) == [("GET", "/x", "unguarded", [])]
