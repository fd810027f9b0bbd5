"""The contract of adapters, for views of Django REST framework."""

from __future__ import annotations

from jwtguard.testing import AdapterConformance, Site, wsgi_client
from jwtguard.testing.conformance.raw_clients import Client
from tests.adapters.django_rest_framework_site import build


class TestDjangoRESTFramework(AdapterConformance):
    """Its views are sync, and have no CSRF protection besides ours."""

    every_row = False
    can = frozenset({"mounting", "methods in any case", "no csrf of its own"})

    def client(self, site: Site) -> Client:
        return wsgi_client(build(site))
