"""The ready-made routes and silent renewal, for Django: under WSGI and ASGI."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

from jwtguard.django import DjangoGuard
from jwtguard.testing import RenewalConformance, RouteConformance, RouteSite, SiteView, asgi_client, wsgi_client
from jwtguard.testing.conformance.raw_clients import Client
from tests.adapters.django_site import CSRF, _middleware, _urlconf, with_settings


def build(site: RouteSite, *, is_asgi: bool) -> Any:
    """The site as a Django application, behind Django's own CSRF check."""
    auth = DjangoGuard(site.guard, site.sessions, **site.settings)
    urls = [*auth.routes(), auth.jwks_route(), *(_url(auth, view) for view in site.views)]
    middleware = [CSRF]
    if site.middleware:
        middleware.insert(0, _middleware("First", auth))
    changed = {"ROOT_URLCONF": _urlconf(urls), "MIDDLEWARE": middleware, "APPEND_SLASH": False}
    return with_settings(changed, is_asgi=is_asgi)


def _url(auth: DjangoGuard, view: SiteView) -> Any:
    def answer(request: HttpRequest) -> HttpResponse:
        if view.raises:
            raise RuntimeError("unforeseen")
        caller = request.principal if view.reads else None  # type: ignore[attr-defined]
        response = JsonResponse({"subject": None if caller is None else caller.subject})
        for name, value in view.headers:
            if name == "Set-Cookie":
                response.cookies.load(value)
            else:
                response.headers[name] = value
        return response

    return path(view.path.removeprefix("/"), auth.requires()(answer) if view.is_guarded else answer)


class TestWSGI(RouteConformance, RenewalConformance):
    """Django under WSGI."""

    def client(self, site: RouteSite) -> Client:
        return wsgi_client(build(site, is_asgi=False))


class TestASGI(RouteConformance, RenewalConformance):
    """Django under ASGI."""

    every_row = False

    def client(self, site: RouteSite) -> Client:
        return asgi_client(build(site, is_asgi=True))
