"""The sites of the conformance cases as applications of Django REST framework."""

from __future__ import annotations

from tests.adapters import django_site

# isort: split
# REST framework reads Django's settings when it is imported, and the line above has made them.
from collections.abc import Mapping
from typing import Any

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jwtguard import denied, optional_lenient, public
from jwtguard.django.rest_framework import GuardAuthentication, GuardPermission, Requires
from jwtguard.testing import Route, Site

SETTINGS: Mapping[str, Any] = {
    "EXCEPTION_HANDLER": "jwtguard.django.rest_framework.exception_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
UNREAD = (public, optional_lenient, denied)
"""What a view must leave to its permission, since an authentication class would refuse a broken token."""


def authentication(guard: Any, tokens_from: Any = None) -> type[GuardAuthentication]:
    """The authentication class of a guard."""
    return type("Authentication", (GuardAuthentication,), {"guard": guard, "tokens_from": tokens_from})


def view(
    requirement: Any = None, *, authentications: Any = (), permissions: Any = (), renderers: Any = None
) -> type[APIView]:
    """A view that answers with the subject of the caller."""

    class Caller(APIView):
        authentication_classes = authentications
        permission_classes = permissions

        def get(self, request: Request) -> Response:
            principal = request.principal  # type: ignore[attr-defined]
            return Response({"subject": None if principal is None else principal.subject})

        post = get

    if renderers is not None:
        Caller.renderer_classes = renderers
    return Caller


def build(site: Site) -> Any:
    """The site as a WSGI application."""
    changed: dict[str, Any] = {
        "ROOT_URLCONF": django_site._urlconf([_url(route, site) for route in site.routes]),
        "MIDDLEWARE": django_site.middlewares(site),
        "APPEND_SLASH": False,
        "REST_FRAMEWORK": SETTINGS,
    }
    return django_site.with_settings(changed, is_asgi=False)


def _url(route: Route, site: Site) -> Any:
    guard = site.other if route.by_other else site.guard
    authentications: list[type[GuardAuthentication]] = []
    permissions: list[type[GuardPermission]] = []
    if route.requirement in UNREAD:
        permissions = [Requires(route.requirement, guard=guard, tokens_from=route.tokens_from)]
    elif route.requirement is not None:
        authentications = [authentication(guard, route.tokens_from)]
        permissions = [Requires(route.requirement)]
    made = view(authentications=authentications, permissions=permissions)
    return path(route.path.removeprefix("/"), made.as_view())
