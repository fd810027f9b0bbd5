"""What one request has to pass: which route answers it, and the rules and decorators in its way."""

from __future__ import annotations

from flask import Flask
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route, WebSocketRoute

from jwtguard import Rule, authenticated, has_role, public
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.flask import FlaskGuard
from jwtguard.inventory.route_match import match_route
from tests.inventory.apps import guard_with, sessions_with


def view(_: object) -> None:
    """Any endpoint; it is never called."""


def test_the_middleware_of_a_mounted_application_sees_the_rest_of_the_path() -> None:
    """Its rules are asked about what they see; those outside about the whole path."""
    inside, outside = guard_with(Rule("/users", has_role("a"))), guard_with(Rule("/api/", has_role("b")))
    auth = ASGIGuard(inside)
    api = Starlette(
        routes=[Route("/users", auth.requires(has_role("c"))(view), methods=["POST"])],
        middleware=[Middleware(GuardMiddleware, guard=inside)],
    )
    app = Starlette(routes=[Mount("/api", api)], middleware=[Middleware(GuardMiddleware, guard=outside)])
    found = match_route(app, "POST", "/api/users")

    assert found is not None
    assert found.template == "/api/users"
    assert found.layers == ((outside, "/api/users"), (inside, "/users"))
    assert (found.requirements, found.guards) == ((has_role("c"),), (inside,))


def test_below_a_prefix_with_parameters_the_whole_path_is_taken() -> None:
    """What the middleware sees of it cannot be told."""
    inside = guard_with(Rule("/users", has_role("a")))
    api = Starlette(routes=[Route("/users", view)], middleware=[Middleware(GuardMiddleware, guard=inside)])
    found = match_route(Starlette(routes=[Mount("/{tenant}", api)]), "GET", "/acme/users")

    assert found is not None
    assert found.layers == ((inside, "/acme/users"),)


def test_shipped_routes_pass_the_middleware_unasked() -> None:
    """So a token that has expired does not keep anybody from logging in."""
    guard = guard_with()
    app, auth = Flask(__name__, static_folder=None), FlaskGuard(guard, sessions_with(), authenticate=lambda *_: None)
    auth.init_app(app)
    app.register_blueprint(auth.routes(prefix="/auth"))
    login, sessions = match_route(app, "POST", "/auth/login"), match_route(app, "GET", "/auth/sessions")

    assert login is not None
    assert sessions is not None
    assert (login.layers, login.requirements) == ((), (public,))
    assert (sessions.layers, sessions.requirements) == (((guard, "/auth/sessions"),), (authenticated,))


def test_the_plain_path_and_the_method_count() -> None:
    """A path without parameters before one with, HEAD where GET goes, and no websocket."""
    app = Starlette(
        routes=[
            Route("/users/{name}", view),
            Route("/users/me", view),
            WebSocketRoute("/socket", view),
        ]
    )
    plain, other = match_route(app, "HEAD", "/users/me"), match_route(app, "GET", "/users/ada")

    assert plain is not None
    assert other is not None
    assert (plain.template, other.template) == ("/users/me", "/users/{name}")
    assert match_route(app, "POST", "/users/me") is None
    assert match_route(app, "GET", "/socket") is None


def test_any_method_of_an_application_that_is_closed_to_us() -> None:
    """What cannot be looked into answers all there is, and nothing is known of it."""

    async def app(scope: object, receive: object, send: object) -> None: ...

    found = match_route(GuardMiddleware(app, guard_with()), "PATCH", "/anything/at/all")

    assert found is not None
    assert (len(found.layers), found.requirements) == (1, ())
