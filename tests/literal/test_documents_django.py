"""The pages for Django: their blocks, pasted into the files that `startproject` makes, are a project that works."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.literal.django_project import DjangoProject
from tests.literal.pages import GUIDE

PREPARE = """
from django.contrib.auth.models import User
from django.test import Client

ada = User.objects.create_superuser("ada", password="a long password")


def ask(path, token=None):
    headers = {"host": "localhost"} if token is None else {"host": "localhost", "authorization": f"Bearer {token}"}
    answer = Client(headers=headers).get(path)
    challenge = answer.headers.get("WWW-Authenticate", "").partition(", error_description")[0]
    print(path, answer.status_code, challenge or answer.content.decode())


def admin():
    browser = Client(headers={"host": "localhost"}, enforce_csrf_checks=True)
    browser.get("/admin/login/")
    token = browser.cookies["csrftoken"].value
    form = {"username": "ada", "password": "a long password", "csrfmiddlewaretoken": token, "next": "/admin/"}
    print("admin", browser.post("/admin/login/", form).status_code, browser.get("/admin/").status_code)
"""
CHALLENGE = 'Bearer realm="api"'
REPORTS = """
from project import views

urlpatterns += [path("reports", views.Reports.as_view()), path("users", views.Users.as_view())]
"""


@pytest.fixture
def project(tmp_path: Path) -> DjangoProject:
    """What `startproject` makes."""
    return DjangoProject(tmp_path)


def readme(project: DjangoProject) -> None:
    """The guard of the guide, and its issuer, which makes the token `text`."""
    project.page(GUIDE, "Use", "Issue tokens", into="project/auth.py")


def leave_the_admin_to_django(project: DjangoProject) -> None:
    """What the guide says below its blocks."""
    path = project.folder / "project" / "auth.py"
    before, after = 'Rule("/admin/", has_role("admin"))', 'Rule("/admin/", public)'
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def test_readme(project: DjangoProject) -> None:
    """The guide: the decorator, the rules, and the admin with its own login."""
    readme(project)
    leave_the_admin_to_django(project)
    project.page(GUIDE, "Django")
    ask = "from project.auth import text\nask('/invoices'); ask('/invoices', text); ask('/elsewhere'); admin()"

    assert project.checked(PREPARE + ask) == [
        f"/invoices 401 {CHALLENGE}",
        '/invoices 200 {"for": "user-1"}',
        f"/elsewhere 401 {CHALLENGE}",
        "admin 302 200",
    ]


def test_frameworks(project: DjangoProject) -> None:
    """docs/frameworks.md: a class, with the settings and the route of the guide."""
    readme(project)
    project.page(GUIDE, "Django")
    project.page("docs/frameworks.md", "Django")
    ask = "from project.auth import text\nask('/invoices'); ask('/invoices', text)"

    assert project.checked(PREPARE + ask) == [f"/invoices 401 {CHALLENGE}", '/invoices 200 {"for": "user-1"}']


@pytest.mark.parametrize("first", ["", "from rest_framework.views import APIView", "import drf_spectacular.openapi"])
def test_rest_framework(project: DjangoProject, first: str) -> None:
    """docs/frameworks.md: views of REST framework, whose module begins as shown, or as its own tutorial has it."""
    readme(project)
    leave_the_admin_to_django(project)
    project.add("project/views.py", first)
    project.page("docs/frameworks.md", "Django REST framework")
    project.add("project/urls.py", REPORTS)
    ask = "from project.auth import text\nask('/reports'); ask('/reports', text); ask('/users', text); admin()"

    assert project.checked(PREPARE + ask) == [
        f"/reports 401 {CHALLENGE}",
        '/reports 200 {"for":"user-1","name":null}',
        '/users 403 Bearer realm="api", error="insufficient_scope"',
        "admin 302 200",
    ]


SESSIONS = """
browser = Client(headers={"host": "localhost", "sec-fetch-site": "same-origin"}, enforce_csrf_checks=True)


def send(method, path, **fields):
    answer = getattr(browser, method)(path, fields or None, content_type="application/json")
    print(method, path, answer.status_code, *sorted(answer.cookies))
    return answer


login = {"username": "ada", "password": "a long password"}
"""


def test_sessions(project: DjangoProject) -> None:
    """docs/sessions.md: login, refresh and logout with cookies; the admin lists the session."""
    project.page("docs/sessions.md", "Django")
    ask = """
send("get", "/me"); send("post", "/auth/login", **login); send("get", "/me"); send("post", "/auth/refresh")
print(browser.get("/auth/sessions").json()["sessions"][0]["current"])
admin()
send("post", "/auth/logout"); send("get", "/me")
from project.grants import load
print(load(str(ada.pk)).roles)
"""

    assert project.checked(PREPARE + SESSIONS + ask) == [
        "get /me 401",
        "post /auth/login 200 __Host-access __Host-refresh",
        "get /me 200",
        "post /auth/refresh 200 __Host-access __Host-refresh",
        "True",
        "admin 302 200",
        "post /auth/logout 204 __Host-access __Host-csrf __Host-refresh",
        "get /me 401",
        "('staff',)",
    ]


def test_session_stores(project: DjangoProject) -> None:
    """docs/sessions-stores.md: a password that changes inside a transaction ends the sessions with it."""
    project.page("docs/sessions.md", "Django")
    project.page("docs/sessions-stores.md", "Django")
    ask = """
from project.passwords import change_password
from project.store import store
send("post", "/auth/login", **login)
change_password(ada, "another password")
send("post", "/auth/refresh")
print(type(store).__name__)
"""

    assert project.checked(PREPARE + SESSIONS + ask) == [
        "post /auth/login 200 __Host-access __Host-refresh",
        "post /auth/refresh 400",
        "DjangoStore",
    ]


def test_tutorial(project: DjangoProject) -> None:
    """docs/tutorial-django.md: beside what it shows itself, the admin is left to its own login."""
    project.page("docs/tutorial-django.md")
    ask = """
from project.auth import issuer
ask("/me"); ask("/me", issuer.access_token("ada")); ask("/reports/", issuer.access_token("ada")); admin()
"""

    assert project.checked(PREPARE + ask) == [
        f"/me 401 {CHALLENGE}",
        '/me 200 {"subject": "ada"}',
        '/reports/ 403 Bearer realm="api", error="insufficient_scope"',
        "admin 302 200",
    ]


def test_health(project: DjangoProject) -> None:
    """docs/observability.md: a health check that a balancer may ask without a token."""
    readme(project)
    project.page("docs/observability.md", "Django")
    project.page(GUIDE, "Django")
    project.add("project/urls.py", 'urlpatterns += [path("health", views.django_health)]')

    assert project.checked(PREPARE + "ask('/health')") == ['/health 200 {"status": "ok", "parts": {"keys": "ok"}}']
