"""For the tests of adapters: raw clients, and `AdapterConformance`, which every adapter must pass.

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
from jwtguard.testing.sites import Route as Route
from jwtguard.testing.sites import Site as Site
