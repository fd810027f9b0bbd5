"""REST framework imports our classes while it is imported itself: every order of imports must work."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.literal.django_project import DjangoProject

AUTH = """
from jwtguard import Guard, VerificationKey

guard = Guard(
    issuer="https://issuer.example",
    audience="https://api.example",
    keys=VerificationKey.from_secret("an example secret of 32 bytes!!!", algorithm="HS256"),
)
"""
SETTINGS = """
INSTALLED_APPS = [*INSTALLED_APPS, {apps}]
JWTGUARD = "project.auth.guard"
REST_FRAMEWORK = {{
    "DEFAULT_AUTHENTICATION_CLASSES": ["jwtguard.django.rest_framework.GuardAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["project.permissions.MayRead"],
    "EXCEPTION_HANDLER": "jwtguard.django.rest_framework.exception_handler",
}}
"""
PERMISSIONS = """
from jwtguard.django.rest_framework import HasRole

MayRead = HasRole("reader")
"""
VIEWS = """
from {first} import *
from rest_framework.response import Response
from rest_framework.views import APIView


class Me(APIView):
    def get(self, request):
        return Response({{"for": request.user.pk}})
"""
URLS = """
from django.urls import path

from project.views import Me

urlpatterns = [path("me", Me.as_view())]
"""
# One interpreter, with everything set up and REST framework not imported, forks once for each module.
WALK = """
import importlib, os, pkgutil, sys, traceback
import django
django.setup()
import rest_framework
assert "rest_framework.views" not in sys.modules
names = [found.name for found in pkgutil.walk_packages(rest_framework.__path__, "rest_framework.")]
names = [n for n in names if ".migrations" not in n and ".management" not in n and ".authtoken" not in n]
failed = 0
for name in ["rest_framework", *names]:
    child = os.fork()
    if child == 0:
        try:
            try:
                importlib.import_module(name)
            except ImportError as error:
                if "jwtguard" in repr(traceback.format_exc()):
                    raise
                os._exit(0)  # An optional dependency that is not installed.
            from rest_framework.views import APIView
            from jwtguard.django.rest_framework import GuardAuthentication
            assert APIView.authentication_classes == [GuardAuthentication], APIView.authentication_classes
        except BaseException:
            traceback.print_exc()
            print("FAILED", name, flush=True)
            os._exit(1)
        os._exit(0)
    failed += os.waitpid(child, 0)[1] != 0
print(len(names), "modules", failed, "failed")
sys.exit(failed and 1)
"""


def project(folder: Path, *apps: str, first: str = "rest_framework.views") -> DjangoProject:
    """A project as docs/frameworks.md sets it up, with a view in a module that begins with `first`."""
    made = DjangoProject(folder)
    made.file("project/auth.py", AUTH)
    made.file("project/permissions.py", PERMISSIONS)
    made.file("project/views.py", VIEWS.format(first=first))
    made.file("project/urls.py", URLS)
    made.settings(SETTINGS.format(apps=", ".join(map(repr, apps))))
    return made


def test_every_first_import_of_rest_framework(tmp_path: Path) -> None:
    """Whatever module of REST framework a project imports first, the project starts."""
    made = project(tmp_path, "rest_framework", "jwtguard.django")

    assert "modules 0 failed" in made.python(WALK)


@pytest.mark.parametrize("apps", list(itertools.permutations(["rest_framework", "drf_spectacular", "jwtguard.django"])))
def test_every_order_of_the_apps(tmp_path: Path, apps: tuple[str, ...]) -> None:
    """With drf-spectacular, in any order, `check` passes and the document shows the lock."""
    made = project(tmp_path, *apps)
    made.settings('REST_FRAMEWORK["DEFAULT_SCHEMA_CLASS"] = "drf_spectacular.openapi.AutoSchema"')

    made.manage("check", "--fail-level", "WARNING")
    assert "BearerToken" in made.manage("spectacular")


@pytest.mark.parametrize(
    "first", ["rest_framework.decorators", "jwtguard.django.rest_framework", "rest_framework.test", "jwtguard.django"]
)
def test_every_first_line_of_a_view(tmp_path: Path, first: str) -> None:
    """A request without a token gets the challenge, whatever the view's module imports first."""
    made = project(tmp_path, "rest_framework", "jwtguard.django", first=first)

    shown = made.python(
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "answer = Client(headers={'host': 'localhost'}).get('/me')\n"
        "print(answer.status_code, answer.headers['WWW-Authenticate'])\n"
    )
    assert shown == '401 Bearer realm="api"\n'
