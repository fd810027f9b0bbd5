"""The ready-made routes in a Django project: by settings, with Django's own users, and what stands around them."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.test.utils import override_settings
from django.urls import include, path
from django.utils.decorators import async_only_middleware

from jwtguard import ConfigurationError
from jwtguard.django import DjangoGuard, requires
from jwtguard.django.checks import check_order, check_routes
from jwtguard.django.decorators import default_auth
from jwtguard.testing import RouteSite, asgi_client, wsgi_client
from jwtguard.testing.conformance.browser import Browser
from jwtguard.testing.conformance.route_sites import route_site
from tests.adapters.django_site import CSRF, _middleware, _urlconf, with_settings

View = Callable[[HttpRequest], HttpResponse]

SITE: RouteSite
MIDDLEWARE = "jwtguard.django.GuardMiddleware"
LOGIN_WALL = "django.contrib.auth.middleware.LoginRequiredMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


class Checking:
    """Knows the password of everybody, and keeps its distance."""

    def authenticate(self, request: HttpRequest, username: str, password: str) -> Any:
        return get_user_model()(pk=7, username=username) if password == "wonderland" else None


def _settings(**changes: Any) -> dict[str, Any]:
    site = route_site("cookies, rules")
    return {
        "JWTGUARD": site.guard,
        "JWTGUARD_SESSIONS": site.sessions,
        "JWTGUARD_ROUTES": {"delivery": "cookies"},
        "MIDDLEWARE": [CSRF, MIDDLEWARE],
        "AUTHENTICATION_BACKENDS": [f"{__name__}.Checking"],
        **changes,
    }


def _browser(urls: list[Any], changed: dict[str, Any], *, is_asgi: bool = False) -> Browser:
    settings = {"ROOT_URLCONF": _urlconf(urls), "APPEND_SLASH": False, **changed}
    app = with_settings(settings, is_asgi=is_asgi)
    return Browser(asgi_client(app) if is_asgi else wsgi_client(app))


@pytest.fixture
def urls() -> Any:
    """`jwtguard.django.urls` as a project with given settings sees it."""

    def load(changed: dict[str, Any]) -> ModuleType:
        with override_settings(**changed):
            module = importlib.import_module("jwtguard.django.urls")
            return importlib.reload(module)

    return load


@pytest.mark.parametrize("is_asgi", [False, True])
def test_included(urls: Any, is_asgi: bool) -> None:
    """One line mounts the routes; Django's own `authenticate` checks passwords, and the subject is the primary key."""
    changed = _settings()
    module = urls(changed)
    browser = _browser([path("auth/", include(module))], changed, is_asgi=is_asgi)
    assert browser.login(password="guess").status == 401
    assert browser.login().status == 200
    assert browser.attributes("__Host-refresh")["path"] == "/"
    (session,) = changed["JWTGUARD_SESSIONS"].list("7").run()
    assert browser.send("GET", "/auth/sessions").json()["sessions"][0]["id"] == session.session_id
    assert browser.send("PUT", "/auth/logout").status == 405
    assert browser.send("POST", "/auth/logout").status == 204


def test_forced_script_name(urls: Any) -> None:
    """Below a prefix that Django was told of, the refresh cookie is for the whole host all the same."""
    changed = _settings(FORCE_SCRIPT_NAME="/shop")
    browser = _browser([path("auth/", include(urls(changed)))], changed)
    browser.login()
    assert browser.attributes("__Host-refresh")["path"] == "/"


def test_behind_a_login_wall(urls: Any) -> None:
    """Django's own middleware that wants everybody logged in lets the routes pass."""
    changed = _settings(MIDDLEWARE=[SESSIONS, AUTHENTICATION, LOGIN_WALL, CSRF, MIDDLEWARE])
    changed["SESSION_ENGINE"] = "django.contrib.sessions.backends.signed_cookies"
    browser = _browser([path("auth/", include(urls(changed)))], changed)
    assert browser.login().status == 200
    assert browser.send("GET", "/auth/sessions").status == 200


@pytest.mark.parametrize("is_asgi", [False, True])
def test_asynchronous_parts(is_asgi: bool) -> None:
    """With anything that can only be awaited the views are async, and wrong methods are refused all the same."""
    site = route_site("bearer, async")
    auth = DjangoGuard(site.guard, site.sessions, **site.settings)
    browser = _browser(list(auth.routes()), {"MIDDLEWARE": []}, is_asgi=is_asgi)
    assert browser.login().status == 200
    assert browser.send("GET", "/auth/login").status == 405


class Misleading:
    """A middleware that leads a request for the login elsewhere, as some do for tenants."""

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.urlconf = _urlconf([path("auth/login", _secret)])  # type: ignore[assignment]
        response: HttpResponse = self.get_response(request)
        return response


@async_only_middleware
def misleading_async(get_response: Any) -> Any:
    """The same, in an asynchronous stack."""

    async def middleware(request: HttpRequest) -> HttpResponse:
        request.urlconf = _urlconf([path("auth/login", _secret)])  # type: ignore[assignment]
        response: HttpResponse = await get_response(request)
        return response

    return middleware


def _secret(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"subject": request.principal.subject})  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("is_asgi", "misleading"), [(False, "Misleading"), (True, "Misleading"), (True, "misleading_async")]
)
def test_led_elsewhere(is_asgi: bool, misleading: str) -> None:
    """A request let pass as a login meets the rules after all when another view is to run; a caller still passes."""
    site = route_site("cookies, rules")
    auth = DjangoGuard(site.guard, site.sessions, **site.settings)
    first = _middleware("Misled", auth)
    browser = _browser(
        [*auth.routes(), path("me", _secret)],
        {"MIDDLEWARE": [first, f"{__name__}.{misleading}"]},
        is_asgi=is_asgi,
    )
    assert browser.login().status == 401
    token = site.sessions.start("user-alice").run().access_token
    answer = browser.send("POST", "/auth/login", headers=[("Authorization", f"Bearer {token}")])
    assert (answer.status, answer.json()) == (200, {"subject": "user-alice"})
    assert browser.send("POST", "/elsewhere/auth/login").status == 401


def test_two_guards() -> None:
    """The middleware of another guard makes no exception for these routes."""
    site, other = route_site("cookies, rules"), route_site("cookies, rules")
    auth = DjangoGuard(site.guard, site.sessions, **site.settings)
    middleware = [_middleware("Own", auth), _middleware("Another", other.guard)]
    browser = _browser(list(auth.routes()), {"MIDDLEWARE": middleware})
    assert browser.login().status == 401


def test_outside_transactions() -> None:
    """No view runs inside the transaction of its request, whatever the database's settings say."""
    site = route_site("bearer")
    for pattern in DjangoGuard(site.guard, site.sessions, **site.settings).routes():
        assert vars(pattern.callback)["_non_atomic_requests"] == {connection.alias}


def test_functions_by_dotted_path() -> None:
    """`JWTGUARD_ROUTES` names functions as settings name things."""
    changed = _settings(JWTGUARD_ROUTES={"authenticate": f"{__name__}.everybody"})
    with override_settings(**changed):
        endpoints = default_auth().endpoints
        assert default_auth() is default_auth()
    assert endpoints is not None
    assert endpoints._settings.authenticate is everybody


def everybody(username: str, password: str) -> str:
    """The subject of anybody."""
    return username


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"JWTGUARD_SESSIONS": "nowhere.sessions"}, "JWTGUARD_SESSIONS is 'nowhere.sessions', which cannot be imp"),
        ({"JWTGUARD_SESSIONS": 1}, "that is no Sessions"),
        ({"JWTGUARD_ROUTES": "cookies"}, "JWTGUARD_ROUTES is a mapping"),
        ({"JWTGUARD_ROUTES": {"authenticate": "nowhere.check"}}, "JWTGUARD_ROUTES authenticate is 'nowhere.check'"),
        ({"JWTGUARD_ROUTES": {"deliver": "cookies"}}, "the routes have no setting deliver"),
        ({"JWTGUARD_SESSIONS": None}, "only with sessions"),
    ],
)
def test_checks(changes: dict[str, Any], problem: str) -> None:
    """`manage.py check` says what is wrong with the settings."""
    with override_settings(**_settings(**changes)):
        (message,) = check_routes()
        assert message.id == "jwtguard.E201"
        assert problem in message.msg
        with pytest.raises(ConfigurationError, match=problem[:20]):
            default_auth()


def test_checks_of_renewal() -> None:
    """Silent renewal without the middleware is an error; with it, or without sessions, nothing is wrong."""
    renewing = _settings(JWTGUARD_ROUTES={"delivery": "cookies", "silent_renewal": True})
    with override_settings(**{**renewing, "MIDDLEWARE": [CSRF]}):
        assert [message.id for message in check_routes()] == ["jwtguard.E202"]
    with override_settings(**renewing):
        assert check_routes() == []
    with override_settings(**_settings(JWTGUARD_SESSIONS=None, JWTGUARD_ROUTES={})):
        assert check_routes() == []
        with pytest.raises(ConfigurationError, match="set JWTGUARD_SESSIONS"):
            default_auth().routes()
    assert check_routes() == []


def test_checks_of_the_order() -> None:
    """`requires` above a decorator that registers a URL guards nothing, and `manage.py check` says so."""
    urls: list[Any] = []

    def register(route: str) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            urls.append(path(route, view))
            return view

        return decorate

    @requires()
    @register("open")
    def bypassed(request: HttpRequest) -> HttpResponse:
        raise AssertionError

    @register("guarded")
    @requires()
    def guarded(request: HttpRequest) -> HttpResponse:
        raise AssertionError

    nested = [path("inner/", include((urls, "inner")))]
    with override_settings(ROOT_URLCONF=_urlconf(nested)):
        (message,) = check_order()
    assert message.id == "jwtguard.E203"
    assert "bypassed: its route was registered before `requires`" in message.msg
    with override_settings(ROOT_URLCONF=None):
        assert check_order() == []


def test_a_body_that_was_read_before(urls: Any) -> None:
    """A middleware that looked into the form leaves it readable."""
    changed = _settings(MIDDLEWARE=[f"{__name__}.Curious", CSRF, MIDDLEWARE])
    browser = _browser([path("auth/", include(urls(changed)))], changed)
    form = {"username": "alice", "password": "wonderland"}
    assert browser.send("POST", "/auth/login", form=form).status == 200
    assert json.loads(browser.send("POST", "/auth/login", json_body=form).body)["expires_in"] == 300


class Curious(Misleading):
    """A middleware that reads the body."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        assert request.POST is not None
        assert request.body
        response: HttpResponse = self.get_response(request)
        return response


def _cookies_seen(request: HttpRequest) -> HttpResponse:
    """All that a view sees of cookies."""
    shown = repr([request.META, getattr(request, "scope", None), request.headers])
    return JsonResponse(
        {"cookies": request.COOKIES, "header": request.headers.get("Cookie"), "leaks": "secret" in shown}
    )


@pytest.mark.parametrize("is_asgi", [False, True])
@pytest.mark.parametrize("in_front", [[], [SESSIONS, f"{__name__}.reading"]])
@pytest.mark.parametrize("sent", ["theme=dark; __Host-refresh=secret; x=1", "__Host-refresh=secret"])
def test_the_refresh_cookie_is_hidden_from_views(in_front: list[str], sent: str, *, is_asgi: bool) -> None:
    """Views see every other cookie, also where another middleware has read them before."""
    changed = _settings(MIDDLEWARE=[*in_front, MIDDLEWARE], JWTGUARD=route_site("cookies").guard)
    browser = _browser([path("", _cookies_seen)], changed, is_asgi=is_asgi)
    found = browser.send("GET", "/", headers=[("Cookie", sent)]).json()
    if "theme" in sent:
        assert found == {"cookies": {"theme": "dark", "x": "1"}, "header": "theme=dark; x=1", "leaks": False}
    else:
        assert found == {"cookies": {}, "header": None, "leaks": False}


def reading(get_response: Any) -> Any:
    """A middleware of the project that looks at cookies and headers."""

    def middleware(request: HttpRequest) -> Any:
        assert request.COOKIES["__Host-refresh"] == request.headers["Cookie"][-6:] or "x" in request.COOKIES
        return get_response(request)

    return middleware
