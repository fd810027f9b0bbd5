"""`load_user`: the user of a caller, looked up once a request, in each framework; Django's has tests of its own."""

# No `from __future__ import annotations`: FastAPI must find the guard of the annotation.
from collections.abc import Callable
from typing import Annotated, Any

import flask
import pytest
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as StarletteRequest
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jwtguard import UNCHECKED, ConfigurationError, Guard, Principal, UnavailableError, has_role, optional
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import ADMIN, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests

Send = Callable[[RawRequest], RawAnswer]


class User:
    """A row of the application."""

    def __init__(self, name: str, *, is_active: bool = True) -> None:
        self.name, self.is_active = name, is_active


class Users:
    """What looks users up, and counts how often; sync or async."""

    def __init__(self, found: Any) -> None:
        self.found, self.calls = found, 0

    def load(self, principal: Principal) -> Any:
        """The user, or what is raised in its place."""
        self.calls += 1
        assert principal.subject == "user-1"
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    async def load_async(self, principal: Principal) -> Any:
        """The same, awaited."""
        return self.load(principal)


def starlette(guard: Guard, load_user: Any, *, front: str) -> Send:
    """An application whose endpoint asks twice for its caller, and then for the user."""
    auth = ASGIGuard(guard, load_user=load_user)

    @auth.requires()
    @auth.requires(has_role("admin"))
    async def name(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(auth.user(request).name)

    in_front: dict[str, list[Any]] = {"none": [], "auth": [auth], "guard": [guard]}
    return asgi_client(
        Starlette(
            routes=[Route("/", name)], middleware=[Middleware(GuardMiddleware, guard=each) for each in in_front[front]]
        )
    )


def fastapi(guard: Guard, load_user: Any, *, front: str) -> Send:
    """The same with dependencies."""
    app, auth = FastAPI(), FastAPIGuard(guard, load_user=load_user)
    auth.init_app(app)

    @app.get("/", dependencies=[auth.requires(has_role("admin"))])
    async def name(request: Request, caller: Annotated[Principal, auth.requires()]) -> str:
        return str(auth.user(request).name)

    in_front: dict[str, list[Any]] = {"none": [], "auth": [auth], "guard": [guard]}
    for each in in_front[front]:
        app.add_middleware(GuardMiddleware, guard=each)
    return asgi_client(app)


def flask_app(guard: Guard, load_user: Any, *, front: str) -> Send:
    """The same with decorators of Flask, on a view that is sync."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard, load_user=load_user)
    if front != "none":
        (auth if front == "auth" else FlaskGuard(guard)).init_app(app)

    @app.get("/")
    @auth.requires()
    @auth.requires(has_role("admin"))
    def name() -> str:
        return str(auth.user.name)

    return wsgi_client(app)


def flask_async(guard: Guard, load_user: Any, *, front: str) -> Send:
    """The same with a view that is async."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard, load_user=load_user)
    if front != "none":
        auth.init_app(app)

    @app.get("/")
    @auth.requires(has_role("admin"))
    async def name() -> str:
        return str(auth.user.name)

    return wsgi_client(app)


builds = pytest.mark.parametrize("build", [starlette, fastapi, flask_app, flask_async], ids=lambda each: each.__name__)
fronts = pytest.mark.parametrize("front", ["none", "auth", "guard"])


@builds
@fronts
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("found", "status"),
    [
        (User("Ada"), 200),
        (User("Ada", is_active=False), 401),
        (None, 401),
        (OSError("the database is down"), 503),
        (UnavailableError("directory"), 503),
    ],
    ids=["a user", "an inactive one", "none", "an outage", "an outage that is told"],
)
def test_answers(build: Callable[..., Send], front: str, is_async: bool, found: Any, status: int) -> None:
    """One look-up a request, whatever stands in front; no user is 401, an outage 503."""
    users, guard = Users(found), guard_for_tests(rules=UNCHECKED)
    load = users.load_async if is_async else users.load
    answer = build(guard, load, front=front)(RawRequest(headers=[bearer(ADMIN)]))
    assert (answer.status, users.calls) == (status, 1)
    assert status != 200 or b"Ada" in answer.body


@builds
def test_no_caller(build: Callable[..., Send]) -> None:
    """Without a token nothing is looked up."""
    users = Users(User("Ada"))
    answer = build(guard_for_tests(rules=UNCHECKED), users.load, front="auth")(RawRequest())
    assert (answer.status, users.calls) == (401, 0)


@pytest.mark.parametrize("build", [starlette, flask_app], ids=lambda each: each.__name__)
def test_without_load_user(build: Callable[..., Send]) -> None:
    """Reading the user is then an error of the program, which says what to write."""
    send = build(guard_for_tests(rules=UNCHECKED), None, front="auth")
    if build is starlette:
        with pytest.raises(ConfigurationError, match="pass load_user"):
            send(RawRequest(headers=[bearer(ADMIN)]))
    else:
        assert send(RawRequest(headers=[bearer(ADMIN)])).status == 500


@pytest.mark.parametrize("make", [ASGIGuard, FastAPIGuard, FlaskGuard])
def test_settings_that_are_none(make: Any) -> None:
    """`load_user` is a function."""
    with pytest.raises(ConfigurationError, match="load_user is a function of a principal"):
        make(guard_for_tests(), load_user="project.users.load")


def test_no_user_where_no_caller_is_needed() -> None:
    """`user` is None where the requirement does without a caller and there is none."""
    auth = ASGIGuard(guard_for_tests(rules=UNCHECKED), load_user=Users(User("Ada")).load)

    async def free(request: StarletteRequest) -> PlainTextResponse:
        return PlainTextResponse(str(auth.user(request)))

    send = asgi_client(Starlette(routes=[Route("/", auth.requires(optional)(free))]))
    assert send(RawRequest()).body == b"None"
    app, flask_auth = flask.Flask(__name__), FlaskGuard(guard_for_tests(), load_user=Users(User("Ada")).load)
    app.add_url_rule("/", "free", flask_auth.requires(optional)(lambda: str(flask_auth.user)))
    assert wsgi_client(app)(RawRequest()).body == b"None"
