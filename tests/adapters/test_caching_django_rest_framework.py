"""What Django REST framework tells caches, without our middleware."""

from __future__ import annotations

from tests.adapters import django_rest_framework_site as drf

# isort: split
from typing import Any

import pytest
from django.http import Http404
from django.test import Client, override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jwtguard import AuthorizationHeader, TokenCookie, TokenQuery
from jwtguard.django.rest_framework import HasRole
from tests.adapters.django_site import _urlconf
from tests.samples import guard, token

COOKIES = guard(tokens_from=[AuthorizationHeader(), TokenCookie()])
QUERY = guard(tokens_from=[TokenQuery("t")])
EXPIRED = "a.b.c"


def asked(authentications: Any, permissions: Any, target: str, headers: dict[str, str], **changed: Any) -> Any:
    """The response of a view with these classes."""

    class Page(APIView):
        authentication_classes = authentications
        permission_classes = permissions

        def get(self, request: Request) -> Response:
            if "missing" in request.GET:
                raise Http404
            return Response("hello", headers={"Cache-Control": "max-age=60"})

    with override_settings(ROOT_URLCONF=_urlconf([path("", Page.as_view())]), MIDDLEWARE=[], **changed):
        return Client().get(target, headers=headers)


def bearer(**settings: Any) -> dict[str, str]:
    """The header fields of a good token."""
    return {"Authorization": f"Bearer {token(**settings)}"}


@pytest.mark.parametrize("handler", [{}, {"REST_FRAMEWORK": drf.SETTINGS}])
@pytest.mark.parametrize(
    ("permissions", "target", "headers", "status"),
    [
        ([], "/", bearer(), 200),
        ([], "/", {}, 200),
        ([], "/", {"Authorization": f"Bearer {EXPIRED}"}, 401),
        ([], "/?missing", bearer(), 404),
        ([HasRole("admin")], "/", bearer(), 403),
        ([HasRole("admin")], "/", bearer(roles=["admin"]), 200),
    ],
)
def test_vary(permissions: Any, target: str, headers: dict[str, str], status: int, handler: dict[str, Any]) -> None:
    """Responses, refusals and pages of errors say where the class looked, beside what REST framework says."""
    response = asked([drf.authentication(COOKIES)], permissions, target, headers, **handler)
    assert response.status_code == status
    said = [name.strip() for name in response["Vary"].split(",")]
    assert [name for name in said if name != "Accept"] == ["Authorization", "Cookie"]


@pytest.mark.parametrize(("headers", "status"), [({}, 401), (bearer(), 403), (bearer(roles=["admin"]), 200)])
def test_vary_of_a_permission_alone(headers: dict[str, str], status: int) -> None:
    """A permission class that authenticates by itself says it, too."""

    class Admin(HasRole("admin")):  # type: ignore[misc]  # it is made by a function
        guard = COOKIES

    response = asked([], [Admin], "/", headers)
    assert response.status_code == status
    assert "Authorization, Cookie" in response["Vary"]


@pytest.mark.parametrize(("text", "status", "cached"), [(token(), 200, "max-age=60, private"), (EXPIRED, 401, None)])
def test_a_token_in_the_query(text: str, status: int, cached: str | None) -> None:
    """A token in the URL makes a successful answer private, and leaves a refusal as it is."""
    response = asked([drf.authentication(QUERY)], [], f"/?t={text}", {})
    assert (response.status_code, response.get("Cache-Control")) == (status, cached)


def test_a_view_that_nothing_guards() -> None:
    """A view without a class of jwtguard gets no Vary header."""
    assert "Authorization" not in asked([], [], "/", bearer()).get("Vary", "")
