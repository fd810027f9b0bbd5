"""For tests: tokens, logged-in clients, a clock and a provider; and the suites that adapters and stores must pass.

>>> guard = throwaway_guard()
>>> with tokens_for(guard) as token_for:
...     guard.verify(token_for("alice", roles=["admin"])).run().principal.subject
'alice'

With pytest these come as fixtures, by the plugin that is installed with the package: see docs/testing.md. An adapter or
a store of your own is held to the contract of those in here by inheriting a suite:

>>> from jwtguard.testing import AdapterConformance
>>> class TestMyAdapter(AdapterConformance):
...     def client(self, site):
...         return wsgi_client(build_application(site))  # the site's guard, routes and middleware
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from jwtguard.testing.authenticated import Authenticated as Authenticated
from jwtguard.testing.clock import FrozenClock as FrozenClock
from jwtguard.testing.conformance.adapter_sites import Route as Route
from jwtguard.testing.conformance.adapter_sites import Site as Site
from jwtguard.testing.conformance.raw_clients import RawAnswer as RawAnswer
from jwtguard.testing.conformance.raw_clients import RawRequest as RawRequest
from jwtguard.testing.conformance.raw_clients import asgi_client as asgi_client
from jwtguard.testing.conformance.raw_clients import websocket_client as websocket_client
from jwtguard.testing.conformance.raw_clients import wsgi_client as wsgi_client
from jwtguard.testing.conformance.route_sites import RouteSite as RouteSite
from jwtguard.testing.conformance.route_sites import SiteView as SiteView
from jwtguard.testing.conformance.store_bench import StoreBench as StoreBench
from jwtguard.testing.principals import principal as principal
from jwtguard.testing.provider import FakeProvider as FakeProvider
from jwtguard.testing.tokens import TokenFor as TokenFor
from jwtguard.testing.tokens import throwaway_guard as throwaway_guard
from jwtguard.testing.tokens import tokens_for as tokens_for

if TYPE_CHECKING:
    from jwtguard.testing.conformance.adapter import AdapterConformance as AdapterConformance
    from jwtguard.testing.conformance.adapter import WebSocketConformance as WebSocketConformance
    from jwtguard.testing.conformance.renewal import RenewalConformance as RenewalConformance
    from jwtguard.testing.conformance.routes import RouteConformance as RouteConformance
    from jwtguard.testing.conformance.store import StoreConformance as StoreConformance

_SUITES = {
    "AdapterConformance": "jwtguard.testing.conformance.adapter",
    "WebSocketConformance": "jwtguard.testing.conformance.adapter",
    "RenewalConformance": "jwtguard.testing.conformance.renewal",
    "RouteConformance": "jwtguard.testing.conformance.routes",
    "StoreConformance": "jwtguard.testing.conformance.store",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """The suites, which need pytest; all else here does without."""
    if name in _SUITES:
        return getattr(import_module(_SUITES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
