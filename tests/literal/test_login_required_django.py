"""Django's `LoginRequiredMiddleware` beside our guard: it knows sessions alone, and must leave our views to us."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.literal.django_project import DjangoProject

AUTH = """
from jwtguard import UNCHECKED, Guard, SigningKey, TokenIssuer

key = SigningKey.from_secret("an example secret of 32 bytes!!!", algorithm="HS256")
issuer = TokenIssuer(
    issuer="https://issuer.example", audience="https://api.example", client_id="web", signing_keys=[key]
)
guard = Guard(
    issuer="https://issuer.example", audience="https://api.example", keys=key.verification_key, rules=UNCHECKED
)
"""
SETTINGS = """
INSTALLED_APPS += ["rest_framework", "jwtguard.django"]
MIDDLEWARE += [{middleware}]
JWTGUARD = "project.auth.guard"
"""
VIEWS = """
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.response import Response
from rest_framework.views import APIView

from jwtguard import public
from jwtguard.django import requires
from jwtguard.django.rest_framework import GuardAuthentication, Requires


@requires()
def function(request):
    return HttpResponse(request.principal.subject)


@requires()
async def coroutine(request):
    return HttpResponse(request.principal.subject)


class ClassBased(View):
    def get(self, request):
        return HttpResponse(request.principal.subject)


@method_decorator(requires(), name="dispatch")
class Dispatched(ClassBased):
    pass


class Rest(APIView):
    authentication_classes = [GuardAuthentication]
    permission_classes = [Requires()]

    def get(self, request):
        return HttpResponse(request.user.pk)


@requires(public)
def open_to_all(request):
    return HttpResponse("ada")


def walled(request):
    return HttpResponse("behind Django's own login")
"""
URLS = """
from django.urls import path

from jwtguard.django import requires
from project import views

urlpatterns = [
    path("function", views.function),
    path("coroutine", views.coroutine),
    path("class", requires()(views.ClassBased.as_view())),
    path("dispatch", views.Dispatched.as_view()),
    path("rest", views.Rest.as_view()),
    path("public", views.open_to_all),
    path("walled", views.walled),
]
"""
ASK = """
import django; django.setup()
from django.test import Client
from project.auth import issuer

for path in ("function", "coroutine", "class", "dispatch", "rest", "public", "walled"):
    with_token = Client(headers={"host": "localhost", "authorization": f"Bearer {issuer.access_token('ada')}"})
    without = Client(headers={"host": "localhost"})
    found = with_token.get(f"/{path}")
    print(path, found.status_code, without.get(f"/{path}").status_code, found.content.decode())
"""
OURS, DJANGOS = '"jwtguard.django.GuardMiddleware"', '"django.contrib.auth.middleware.LoginRequiredMiddleware"'


@pytest.mark.parametrize("middleware", [DJANGOS, f"{DJANGOS}, {OURS}", f"{OURS}, {DJANGOS}"])
def test_a_guarded_view_is_left_to_the_guard(tmp_path: Path, middleware: str) -> None:
    """200 with a valid token, 401 without one; a view that is not ours still redirects to the login page."""
    project = DjangoProject(tmp_path)
    project.file("project/auth.py", AUTH)
    project.file("project/views.py", VIEWS)
    project.file("project/urls.py", URLS)
    project.settings(SETTINGS.format(middleware=middleware))

    assert project.python(ASK).split("\n")[:-1] == [
        "function 200 401 ada",
        "coroutine 200 401 ada",
        "class 200 401 ada",
        "dispatch 200 401 ada",
        "rest 200 401 ada",
        "public 200 200 ada",
        "walled 302 302 ",
    ]
