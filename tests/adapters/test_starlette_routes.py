"""The ready-made routes and silent renewal, for Starlette."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from jwtguard import UNCHECKED
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.testing import RenewalConformance, RouteConformance, RouteSite, SiteView, asgi_client
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.browser import Browser
from jwtguard.testing.conformance.raw_clients import Client
from jwtguard.testing.conformance.route_sites import route_site


def build(site: RouteSite) -> Starlette:
    """The site as a Starlette application."""
    auth = ASGIGuard(site.guard, site.sessions, **site.settings)
    middleware = [Middleware(GuardMiddleware, guard=auth)] if site.middleware else []
    routes = [*auth.routes(), auth.jwks_route(), *(_route(auth, view) for view in site.views)]
    return Starlette(routes=routes, middleware=middleware)


def _route(auth: ASGIGuard, view: SiteView) -> Route:
    async def answer(request: Request) -> JSONResponse:
        if view.raises:
            raise RuntimeError("unforeseen")
        caller = auth.principal(request) if view.reads else None
        response = JSONResponse({"subject": None if caller is None else caller.subject})
        for name, value in view.headers:
            response.headers.append(name, value)
        return response

    guarded: Any = auth.requires()(answer) if view.is_guarded else answer
    return Route(view.path, guarded, methods=["GET", "POST"])


class TestStarlette(RouteConformance, RenewalConformance):
    """Starlette."""

    def client(self, site: RouteSite) -> Client:
        return asgi_client(build(site))


class Nested:
    """A site with silent renewal, below an application that answers 500 before it passes on what a view raised.

    The browser's access cookie has expired. `/other` reads the caller of another guard, whose middleware is inside.
    """

    def __init__(self) -> None:
        self.site = site = route_site("silent renewal")
        auth, other = ASGIGuard(site.guard, site.sessions, **site.settings), ASGIGuard(guard_for_tests(rules=UNCHECKED))

        def broken(request: Request) -> JSONResponse:
            assert auth.principal(request)
            raise RuntimeError("a bug of the application's own")

        def who(guard: ASGIGuard) -> Any:
            return lambda request: JSONResponse({"subject": str(guard.principal(request))})

        inside = Starlette(routes=[Route("/", who(other))])
        guarded = Mount("/other", app=GuardMiddleware(inside, guard=other.guard))
        routes = [Route("/me", who(auth)), Route("/broken", broken), guarded]
        nested = Starlette(routes=[*auth.routes(), Mount("/", app=Starlette(routes=routes))])
        self.browser = Browser(asgi_client(GuardMiddleware(nested, guard=auth)))
        assert self.browser.login().status == 200
        site.clock.now += 400


def test_renewed_below_another_application() -> None:
    """The generation is rotated once, with the answer that the client gets."""
    nested = Nested()
    answer = nested.browser.send("GET", "/me")
    assert (answer.status, len(nested.browser.set_cookies), nested.site.store.rotations) == (200, 2, 1)


def test_refused_below_another_application() -> None:
    """Where the session has ended, the kept refusal takes the place of the 500, and no cookie is set with it."""
    nested = Nested()
    nested.site.sessions.end_all("user-alice").run()
    answer = nested.browser.send("GET", "/me")
    assert (answer.status, nested.browser.set_cookies, nested.site.store.rotations) == (401, [], 0)


def test_no_rotation_for_a_view_that_raises_below_another_application() -> None:
    """The 500 costs the client nothing."""
    nested = Nested()
    with pytest.raises(RuntimeError, match="a bug"):
        nested.browser.send("GET", "/broken")
    assert (nested.browser.set_cookies, nested.site.store.rotations) == ([], 0)
    assert nested.browser.send("GET", "/me").status == 200


def test_refused_by_another_guard_inside() -> None:
    """A refusal is an answer, so the generation is rotated with it: with the refusal, and not with the 500 that it
    replaces."""
    nested = Nested()
    answer = nested.browser.send("GET", "/other/")
    assert (answer.status, len(nested.browser.set_cookies), nested.site.store.rotations) == (401, 2, 1)
    assert nested.browser.send("GET", "/me").status == 200
    assert nested.site.store.rotations == 1
