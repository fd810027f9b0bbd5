"""The contract of adapters, for the example that is written in under a hundred lines."""

from __future__ import annotations

import inspect

from bottle import Bottle

from examples import bottle_adapter
from examples.bottle_adapter import BottleGuard
from jwtguard.testing import AdapterConformance, RawRequest, Route, Site, wsgi_client
from jwtguard.testing.conformance.adapter_case import GOOD, HOST, bearer
from jwtguard.testing.conformance.adapter_sites import site
from jwtguard.testing.conformance.raw_clients import Client


def build(at: Site) -> Bottle:
    """The site as a Bottle application."""
    app = Bottle()
    auth, other = BottleGuard(at.guard), BottleGuard(at.other)
    if at.other_middleware:
        app.install(other)
    if at.middleware:
        app.install(auth)
    for route in at.routes:
        _add(app, other if route.by_other else auth, route)
    return app


def _add(app: Bottle, auth: BottleGuard, route: Route) -> None:
    def caller() -> dict[str, str | None]:
        principal = auth.principal
        return {"subject": None if principal is None else principal.subject}

    if route.requirement is not None:
        view = auth.requires(route.requirement, tokens_from=route.tokens_from)(caller)
    else:
        view = caller
    for method in ("GET", "POST"):
        app.route(route.path, method, view)


class TestBottle(AdapterConformance):
    """Bottle, which knows no async views and answers no preflights."""

    every_row = False
    can = frozenset({"mounting", "no csrf of its own"})

    def client(self, site: Site) -> Client:
        return wsgi_client(build(site))


def test_two_requests_are_two_callers() -> None:
    """Bottle reuses its request object for every request of a thread; a caller must not stay in it."""
    client = wsgi_client(build(site("middleware")))
    assert client(RawRequest(target="/plain", headers=[HOST, bearer(GOOD)])).json() == {"subject": "user-1"}
    assert client(RawRequest(target="/plain", headers=[HOST])).status == 401


def test_under_a_hundred_lines() -> None:
    """An adapter fits into a hundred lines."""
    assert len(inspect.getsource(bottle_adapter).splitlines()) < 100
