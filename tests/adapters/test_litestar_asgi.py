"""Litestar: the contract of adapters, security in the document, and slips."""

# No `from __future__ import annotations`: Litestar reads the annotations of handlers.
from typing import Any

import pytest
from litestar import Litestar, Request, get, route

from jwtguard import UNCHECKED, ConfigurationError, Rules, TokenCookie, authenticated, has_scope, public
from jwtguard.asgi import GuardMiddleware
from jwtguard.litestar import LitestarGuard
from jwtguard.testing import AdapterConformance, RawRequest, Route, Site, asgi_client
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.raw_clients import Client


def build(site: Site) -> Any:
    """The site as an application of Litestar."""
    auth, other = LitestarGuard(site.guard), LitestarGuard(site.other)
    handlers = [_handler(other if each.by_other else auth, each, site) for each in site.routes]
    app: Any = Litestar(handlers, plugins=[auth, other], openapi_config=None, logging_config=None)
    if site.middleware:
        app = GuardMiddleware(app, guard=site.guard, preflight=site.preflight)
    return GuardMiddleware(app, guard=site.other) if site.other_middleware else app


def _handler(auth: LitestarGuard, made: Route, site: Site) -> Any:
    asked = {} if made.requirement is None else auth.requires(made.requirement, tokens_from=made.tokens_from)

    def caller(request: Request[Any, Any, Any]) -> dict[str, str | None]:
        connection: Any = request
        if made.requirement is None:
            principal = auth.principal(connection)
        else:
            principal = request.user if request.user.is_authenticated else None
        return {"subject": None if principal is None else principal.subject}

    async def async_caller(request: Request[Any, Any, Any]) -> dict[str, str | None]:
        return caller(request)

    function: Any = async_caller if site.async_views else caller
    extra: dict[str, Any] = {} if site.async_views else {"sync_to_thread": False}
    return route(made.path, http_method=["GET", "HEAD", "POST"], status_code=200, **asked, **extra)(function)


class TestLitestar(AdapterConformance):
    """Handlers of Litestar, sync and async, with and without the middleware."""

    every_row = False
    can = frozenset({"async views", "no csrf of its own"})

    def client(self, site: Site) -> Client:
        return asgi_client(build(site))


def test_security_in_the_document() -> None:
    """Guarded handlers show their places and scopes, others nothing."""
    auth = LitestarGuard(guard_for_tests())

    @get("/a", **auth.requires(has_scope("read")))
    async def a() -> str:
        return "a"

    @get("/b", **auth.requires(authenticated, tokens_from=[TokenCookie("b")]))
    async def b() -> str:
        return "b"

    @get("/c", **auth.requires(public))
    async def c() -> str:
        return "c"

    @get("/d")
    async def d() -> str:
        return "d"

    document = Litestar([a, b, c, d], plugins=[auth], logging_config=None).openapi_schema.to_schema()
    locks = {path: methods["get"].get("security") for path, methods in document["paths"].items()}
    assert locks == {"/a": [{"BearerToken": ["read"]}], "/b": [{"CookieToken.b": []}], "/c": None, "/d": None}
    assert document["components"]["securitySchemes"] == {
        "BearerToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        "CookieToken.b": {"type": "apiKey", "in": "cookie", "name": "b"},
    }


def test_errors_of_the_configuration_stay_errors() -> None:
    """Rules that nothing enforces are an error of the server, and no refusal."""
    auth = LitestarGuard(guard_for_tests(rules=Rules([])))

    @get("/a", **auth.requires())
    async def a() -> str:
        return "a"

    with pytest.raises(ConfigurationError, match="nothing in front of this application enforces them"):
        asgi_client(Litestar([a], plugins=[auth], logging_config=None))(RawRequest(target="/a"))


def test_a_handler_that_reads_an_absent_caller() -> None:
    """Without `requires`, reading the caller raises the refusal, which is answered as such."""
    auth = LitestarGuard(guard_for_tests(rules=UNCHECKED))

    @get("/a")
    async def a(request: Request[Any, Any, Any]) -> str:
        connection: Any = request
        return str(auth.principal(connection))

    app: Any = Litestar([a], plugins=[auth], logging_config=None)
    client = asgi_client(GuardMiddleware(app, guard=auth))
    assert client(RawRequest(target="/a")).status == 401


def test_slips() -> None:
    """`requires` without parentheses, or with a function, is an error when the handler is made."""
    auth = LitestarGuard(guard_for_tests())
    wrong: Any = lambda: None  # noqa: E731 - a handler in the place of a requirement
    with pytest.raises(ConfigurationError, match="without parentheses"):
        auth.requires(wrong)
    with pytest.raises(TypeError):
        get("/a", **auth.requires)  # type: ignore[arg-type]
