"""The contract of adapters, for Django: under WSGI and ASGI, function views and class-based ones."""

from __future__ import annotations

from jwtguard.testing import AdapterConformance, Site, asgi_client, wsgi_client
from jwtguard.testing.conformance.raw_clients import Client
from tests.adapters.django_site import build


class TestWSGI(AdapterConformance):
    """Django under WSGI. CORS preflights do not pass; Django's own CSRF check stands behind ours."""

    every_row = False
    can = frozenset({"mounting", "async views", "methods in any case"})

    def client(self, site: Site) -> Client:
        return wsgi_client(build(site, is_asgi=False))


class TestASGI(AdapterConformance):
    """Django under ASGI."""

    every_row = False
    can = frozenset({"mounting", "async views", "methods in any case"})

    def client(self, site: Site) -> Client:
        return asgi_client(build(site, is_asgi=True))


class TestClassBasedViews(AdapterConformance):
    """What `as_view()` returns, sync and async, in a project without Django's CSRF middleware."""

    every_row = False
    can = frozenset({"mounting", "async views", "methods in any case", "no csrf of its own"})

    def client(self, site: Site) -> Client:
        return wsgi_client(build(site, is_asgi=False, class_based=True, csrf=False))
