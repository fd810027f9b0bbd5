"""For the tests of adapters and stores: raw clients, and the conformance suites that every adapter and store must pass.

>>> class TestMyAdapter(AdapterConformance):
...     def client(self, site):
...         return wsgi_client(build_application(site))  # the site's guard, routes and middleware
"""

from jwtguard.testing.clients import RawAnswer as RawAnswer
from jwtguard.testing.clients import RawRequest as RawRequest
from jwtguard.testing.clients import asgi_client as asgi_client
from jwtguard.testing.clients import websocket_client as websocket_client
from jwtguard.testing.clients import wsgi_client as wsgi_client
from jwtguard.testing.conformance import AdapterConformance as AdapterConformance
from jwtguard.testing.conformance import WebSocketConformance as WebSocketConformance
from jwtguard.testing.renewal_conformance import RenewalConformance as RenewalConformance
from jwtguard.testing.route_conformance import RouteConformance as RouteConformance
from jwtguard.testing.route_sites import RouteSite as RouteSite
from jwtguard.testing.route_sites import SiteView as SiteView
from jwtguard.testing.sites import Route as Route
from jwtguard.testing.sites import Site as Site
from jwtguard.testing.store_bench import StoreBench as StoreBench
from jwtguard.testing.store_conformance import StoreConformance as StoreConformance
