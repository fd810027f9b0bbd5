"""Projects with settings of their own, and the sessions of docs/sessions.md: login and logout work in each."""

from __future__ import annotations

from pathlib import Path

import pytest

from jwtguard.testing.conformance.raw_clients import RawRequest
from tests.docs.journey import walk
from tests.literal.django_project import DjangoProject
from tests.literal.server import served

PREPARE = """
from django.contrib.auth import get_user_model
from django.test import Client

ada = get_user_model().objects.create_superuser("ada", password="a long password")
LOGIN = {"username": "ada", "password": "a long password"}


def client(**headers):
    return Client(headers={"host": "localhost", "sec-fetch-site": "same-origin", **headers}, enforce_csrf_checks=True)


def send(method, path, by, **fields):
    answer = getattr(by, method)(path, fields or None, content_type="application/json")
    print(method, path, answer.status_code)
    return answer


def into_the_admin():
    by = client()
    by.get("/admin/login/")
    form = {**LOGIN, "csrfmiddlewaretoken": by.cookies["csrftoken"].value, "next": "/admin/"}
    assert by.post("/admin/login/", form).status_code == 302
    return by


browser = client()
"""
JOURNEY = """
send("get", "/me", browser)
send("post", "/auth/login", browser, **LOGIN)
send("get", "/me", browser)
send("post", "/auth/refresh", browser)
send("get", "/auth/.well-known/jwks.json", browser)
send("post", "/auth/logout", browser)
send("get", "/me", browser)
"""
JOURNEYED = [
    "get /me 401",
    "post /auth/login 200",
    "get /me 200",
    "post /auth/refresh 200",
    "get /auth/.well-known/jwks.json 200",
    "post /auth/logout 204",
    "get /me 401",
]


@pytest.fixture
def project(tmp_path: Path) -> DjangoProject:
    """The project of docs/sessions.md."""
    made = DjangoProject(tmp_path)
    made.page("docs/sessions.md", "Django")
    return made


@pytest.mark.parametrize(
    "settings",
    [
        'DATABASES["default"]["ATOMIC_REQUESTS"] = True; SILENCED_SYSTEM_CHECKS = ["jwtguard.W101"]',
        'MIDDLEWARE.insert(-1, "django.contrib.auth.middleware.LoginRequiredMiddleware")',
        'MIDDLEWARE += ["django.contrib.auth.middleware.LoginRequiredMiddleware"]',
        'APPEND_SLASH = False; SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"',
        'DEBUG = False; ALLOWED_HOSTS = ["localhost"]; CSRF_USE_SESSIONS = True',
    ],
    ids=["ATOMIC_REQUESTS", "login required outside", "login required inside", "APPEND_SLASH", "DEBUG"],
)
def test_settings_that_do_not_matter(project: DjangoProject, settings: str) -> None:
    """Login, call, refresh, keys and logout."""
    project.settings(settings)

    assert project.checked(PREPARE + JOURNEY) == JOURNEYED


def test_behind_a_proxy(project: DjangoProject) -> None:
    """USE_X_FORWARDED_HOST: a browser's Origin is compared with the host that the proxy names."""
    project.settings('USE_X_FORWARDED_HOST = True; ALLOWED_HOSTS = ["app.example"]')
    ask = """
behind = {"host": "internal:8000", "x-forwarded-host": "app.example"}
for origin in ("https://app.example", "https://internal:8000", "https://evil.example"):
    by = Client(headers={**behind, "origin": origin})
    send("post", "/auth/login", by, **LOGIN)
"""

    assert project.checked(PREPARE + ask) == [
        "post /auth/login 200",
        "post /auth/login 403",
        "post /auth/login 403",
    ]


def test_append_slash(project: DjangoProject) -> None:
    """A slash too many is no such page, and the wrong method is not allowed: neither asks for a token."""
    ask = """
for method, path in (("post", "/auth/login/"), ("get", "/auth/login"), ("get", "/auth/sessions")):
    send(method, path, browser)
"""

    assert project.checked(PREPARE + ask) == [
        "post /auth/login/ 404",
        "get /auth/login 405",
        "get /auth/sessions 401",
    ]


ROUTER = """
class Router:
    def db_for_read(self, model, **hints):
        return "replica"

    def db_for_write(self, model, **hints):
        return "default"

    def allow_relation(self, *objects, **hints):
        return True
"""
DATABASES = """
DATABASES["default"]["NAME"] = BASE_DIR / "primary.sqlite3"
DATABASES["replica"] = {**DATABASES["default"], "NAME": BASE_DIR / "replica.sqlite3"}
DATABASE_ROUTERS = ["project.routers.Router"]
"""


def test_a_replica_that_lags_behind(project: DjangoProject) -> None:
    """Refresh, logout and the action of the admin go by the primary, also before the replica hears of anything."""
    project.file("project/routers.py", ROUTER)
    project.settings(DATABASES)
    ask = """
import shutil
from django.conf import settings
from jwtguard.django.models import Session


def replicate():
    shutil.copy(settings.DATABASES["default"]["NAME"], settings.DATABASES["replica"]["NAME"])


replicate()
other = client()
for by in (browser, other):
    send("post", "/auth/login", by, **LOGIN)
send("post", "/auth/refresh", browser)
send("post", "/auth/logout", other)
replicate()
admin = client()
admin.get("/admin/login/")
form = {**LOGIN, "csrfmiddlewaretoken": admin.cookies["csrftoken"].value}
print(admin.post("/admin/login/", form).status_code)
replicate()
url = "/admin/jwtguard/session/"
print(admin.get(url).status_code)
(alive,) = Session.objects.using("default").filter(revoked_at=None)
form = {"action": "revoke", "_selected_action": [alive.pk], "csrfmiddlewaretoken": admin.cookies["csrftoken"].value}
print(admin.post(url, form).status_code, Session.objects.using("default").filter(revoked_at=None).count())
send("post", "/auth/refresh", browser)
"""

    assert project.checked(PREPARE + ask) == [
        "post /auth/login 200",
        "post /auth/login 200",
        "post /auth/refresh 200",
        "post /auth/logout 204",
        "302",
        "200",
        "302 0",
        "post /auth/refresh 400",
    ]


USER = """
import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
"""


def test_users_with_a_uuid(project: DjangoProject) -> None:
    """The subject is the key as text: `JWTGUARD_USER` finds the user, `end_all` takes the key, the admin shows it."""
    project.file("people/__init__.py", "")
    project.file("people/models.py", USER)
    project.settings('INSTALLED_APPS += ["people"]; AUTH_USER_MODEL = "people.User"')
    project.settings('JWTGUARD_USER = "jwtguard.django.users.by_primary_key"')
    project.add(
        "project/views.py", "@requires()\ndef who(request):\n    return JsonResponse({'user': request.user.pk})"
    )
    project.add("project/urls.py", 'urlpatterns += [path("who", views.who)]')
    project.manage("makemigrations", "people")
    ask = """
from project.auth import sessions

send("post", "/auth/login", browser, **LOGIN)
print(browser.get("/who").json() == {"user": str(ada.pk)} == {"user": browser.get("/me").json()["subject"]})
admin = into_the_admin()
print(str(ada.pk) in admin.get("/admin/jwtguard/session/").content.decode())
sessions.end_all(ada.pk).run()
send("post", "/auth/refresh", browser)
ada.is_active = False
ada.save()
send("get", "/who", browser)
"""

    assert project.checked(PREPARE + ask) == [
        "post /auth/login 200",
        "True",
        "True",
        "post /auth/refresh 400",
        "get /who 401",
    ]


CACHES = """
update, fetch = "django.middleware.cache.UpdateCacheMiddleware", "django.middleware.cache.FetchFromCacheMiddleware"
before, ours = MIDDLEWARE[:-1], MIDDLEWARE[-1]
MIDDLEWARE = {order}
"""
PAGE = """
calls = []


@requires()
def page(request):
    calls.append(request.principal.subject)
    return JsonResponse({"subject": request.principal.subject})
"""
ASK = """
from project import views
from project.auth import issuer

carol, dave = (issuer.access_token(name) for name in ("carol", "dave"))
for name, before in (("authorization", "Bearer "), ("cookie", "__Host-access=")):
    asked = [client(**{name: before + token}) for token in (carol, dave, carol)]
    print([by.get("/page").json().get("subject") for by in (*asked, client())], views.calls)
"""


def test_pages_that_are_kept(project: DjangoProject) -> None:
    """Between the halves of Django's cache: Dave never gets Carol's page, a stranger none, and Carol her own again."""
    project.settings(CACHES.format(order="[update, *before, ours, fetch]"))
    project.add("project/views.py", PAGE)
    project.add("project/urls.py", 'urlpatterns += [path("page", views.page)]')

    assert project.checked(PREPARE + ASK) == [
        "['carol', 'dave', 'carol', None] ['carol', 'dave']",
        "['carol', 'dave', 'carol', None] ['carol', 'dave', 'carol', 'dave']",
    ]


@pytest.mark.parametrize(
    ("order", "identifier"),
    [
        ("[*before, ours, update, fetch]", "jwtguard.E301"),
        ("[update, *before, fetch, ours]", "jwtguard.E302"),
    ],
)
def test_a_cache_in_the_wrong_place(project: DjangoProject, order: str, identifier: str) -> None:
    """`manage.py check` fails, and so does the start of `runserver`."""
    project.settings(CACHES.format(order=order))

    with pytest.raises(AssertionError, match=identifier):
        project.manage("check")


ALONE = """
INSTALLED_APPS = ["jwtguard.django"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "jwtguard.django.GuardMiddleware"]
TEMPLATES = []
JWTGUARD_SESSIONS = "project.own.sessions"
JWTGUARD_ROUTES = {"authenticate": "project.own.check_password"}
"""
OWN = """
from jwtguard import Grants, Sessions, SigningKey
from jwtguard.django.store import DjangoStore

from project.auth import issuer


def check_password(username, password):
    return "user-1" if (username, password) == ("ada", "a long password") else None


sessions = Sessions(
    issuer=issuer,
    store=DjangoStore(),
    load=lambda subject: Grants(roles=["staff"]),
    refresh_keys=[SigningKey.generate("HS256", kid="r1")],
)
"""
URLS = """
from django.urls import include, path
from project import views

urlpatterns = [path("auth/", include("jwtguard.django.urls")), path("me", views.me)]
"""


def test_without_users(project: DjangoProject) -> None:
    """A project without `django.contrib.auth` logs in users of its own; one view needs nothing but a token."""
    project.settings(ALONE)
    project.file("project/own.py", OWN)
    project.file("project/urls.py", URLS)
    ask = """
from django.test import Client

by = Client(headers={"host": "localhost"})
print(by.get("/me").status_code)
tokens = by.post("/auth/login", {"username": "ada", "password": "a long password"}, "application/json").json()
print(by.get("/me", headers={"authorization": f"Bearer {tokens['access_token']}"}).json())
token = {"refresh_token": tokens["refresh_token"]}
print(by.post("/auth/refresh", token).status_code, by.post("/auth/logout", token).status_code)
"""

    assert project.checked(ask) == ["401", "{'subject': 'user-1'}", "200 204"]


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "uvicorn", "project.asgi:application", "--port", "{port}"),
        ("manage.py", "runserver", "--noreload", "{port}"),
    ],
    ids=["ASGI", "WSGI"],
)
def test_servers(project: DjangoProject, command: tuple[str, ...]) -> None:
    """A real server of either kind: login, call, refresh and logout; the admin asks for its own login."""
    project.settings('ALLOWED_HOSTS = ["api.example", "localhost"]')
    assert project.checked(PREPARE) == []
    with served(project.folder, *command) as client:
        walk(client)
        admin = client(RawRequest(target="/admin/", headers=[("Host", "localhost")]))
        assert (admin.status, admin.header("Location")) == (302, "/admin/login/?next=/admin/")
