"""The routes of Django projects: every kind of pattern, decorators of functions and classes, middlewares, the admin."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.decorators import login_not_required, login_required
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views import View

from jwtguard import Rule, has_role, has_scope, optional, public
from jwtguard.django import DjangoGuard, GuardMiddleware, requires
from jwtguard.inventory import inventory
from tests.adapters.django_site import CSRF
from tests.inventory.apps import Row, guard_with, row, sessions_with

RULED = guard_with(
    Rule("/public", public),
    Rule("/admin/", has_role("admin")),
    Rule("/users/me/", optional),
    Rule("/archive/1", public),
)
AUTH = DjangoGuard(RULED, sessions_with())


class Ruled(GuardMiddleware):
    """A middleware with rules."""

    guard = RULED


class Shipping(GuardMiddleware):
    """One that knows the shipped routes."""

    guard = AUTH


def view(request: HttpRequest, **_: object) -> HttpResponse:
    """Any view."""
    raise AssertionError


async def async_view(request: HttpRequest) -> HttpResponse:
    """Any view that is async."""
    raise AssertionError


@contextmanager
def project(*patterns: Any, middleware: str | None = None, **settings: Any) -> Iterator[Any]:
    """The handler of a project with these URLs."""
    from django.core.handlers.wsgi import WSGIHandler

    found = [CSRF] if middleware is None else [CSRF, f"{__name__}.{middleware}"]
    with override_settings(ROOT_URLCONF=tuple(patterns), MIDDLEWARE=found, APPEND_SLASH=False, **settings):
        yield WSGIHandler()


def rows(*patterns: Any, middleware: str | None = None, **settings: Any) -> list[Row]:
    """The rows of a project."""
    with project(*patterns, middleware=middleware, **settings) as handler:
        return [row(route) for route in inventory(handler).routes]


def test_functions() -> None:
    """Functions answer every method; decorators are found through others that wrap."""
    assert rows(
        path("", view),
        path("me", requires()(view)),
        path("both", requires(has_role("a"))(requires(has_scope("b"))(async_view))),
    ) == [
        ("any", "/", "unguarded", []),
        ("any", "/me", "guarded", ["requires(authenticated)"]),
        ("any", "/both", "guarded", ["requires(has_role('a'))", "requires(has_scope('b'))"]),
    ]


def test_rules() -> None:
    """Rules see the whole path, through every include."""
    users = [path("<str:name>/", view), path("<int:number>/posts", view)]
    found = rows(
        path("public", view), path("admin/", include(([path("x", view)], "a"))), path("users/", include(users)),
        middleware="Ruled",
    )  # fmt: skip
    assert found == [
        ("any", "/public", "public", ["rule '/public': public"]),
        ("any", "/admin/x", "guarded", ["rule '/admin/': has_role('admin')"]),
        ("any", "/users/<str:name>/", "guarded", ["by default: authenticated"]),
        ("any", "/users/<int:number>/posts", "guarded", ["by default: authenticated"]),
    ]
    with project(path("users/", include(users)), middleware="Ruled") as handler:
        assert [[each.path for each in route.overrides] for route in inventory(handler).routes] == [["/users/me/"], []]


@pytest.mark.parametrize(
    ("regex", "shown", "overrides"),
    [
        (r"^archive/(?P<year>[0-9]+)$", "/archive/(?P<year>[0-9]+)$", ["/archive/1"]),
        (r"^archive/1$", "/archive/1", []),
        (r"public\.txt$", "/public.txt", []),
        (r"^archives?/", "/archives?/", ["/public", "/admin/…", "/users/me/…", "/archive/1"]),
        (r"^(?:public|other)$", "/(?:public|other)$", ["/public", "/admin/…", "/users/me/…", "/archive/1"]),
    ],
)
def test_regular_expressions(regex: str, shown: str, overrides: list[str]) -> None:
    """From its first sign on, a regular expression counts as one that matches anything: rules may cover some of it."""
    with project(re_path(regex, view), middleware="Ruled") as handler:
        (route,) = inventory(handler).routes
    assert (route.path, [each.path for each in route.overrides]) == (shown, overrides)


def test_languages_in_the_path() -> None:
    """The language in front of a path is unknown."""
    with project(*i18n_patterns(path("x", view)), USE_I18N=True, LANGUAGE_CODE="en") as handler:
        (route,) = inventory(handler).routes
    assert route.path == "/en/x"


class Plain(View):
    """A class without decorators."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError

    @method_decorator(requires(has_role("editor")))
    def post(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError


@method_decorator(requires(), name="dispatch")
class Base(View):
    """A class whose dispatch is guarded."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError


@method_decorator(requires(has_role("admin")), name="dispatch")
class Derived(Base):
    """One that adds to what its base asks."""


@method_decorator([requires(has_role("a")), requires(has_role("b"))], name="dispatch")
class Twice(View):
    """One with two at once."""

    def get(self, request: HttpRequest) -> HttpResponse:
        raise AssertionError


class Empty(View):
    """One that answers nothing."""


def test_classes() -> None:
    """`as_view()`, `dispatch` and single methods are found, and none hides another."""
    assert rows(
        path("plain", Plain.as_view()),
        path("around", requires(has_scope("s"))(Plain.as_view())),
        path("derived", Derived.as_view()),
        path("twice", Twice.as_view()),
        path("empty", Empty.as_view()),
    ) == [
        ("GET", "/plain", "unguarded", []),
        ("POST", "/plain", "guarded", ["requires(has_role('editor'))"]),
        ("GET", "/around", "guarded", ["requires(has_scope('s'))"]),
        ("POST", "/around", "guarded", ["requires(has_scope('s'))", "requires(has_role('editor'))"]),
        ("GET", "/derived", "guarded", ["requires(has_role('admin'))", "requires(authenticated)"]),
        ("GET", "/twice", "guarded", ["requires(has_role('a'))", "requires(has_role('b'))"]),
        ("any", "/empty", "unguarded", []),
    ]


def test_guards_of_others() -> None:
    """What Django and its REST framework have in the way is named, and does not count as unguarded."""
    # These need settings when they are imported.
    from django.contrib.auth.mixins import LoginRequiredMixin
    from rest_framework.permissions import AllowAny, IsAuthenticated
    from rest_framework.views import APIView

    class WithLogin(LoginRequiredMixin, Plain):
        pass

    class Checked(APIView):
        permission_classes = [IsAuthenticated]  # noqa: RUF012

    class Unchecked(APIView):
        permission_classes = [AllowAny]  # noqa: RUF012

    def admin(request: HttpRequest) -> HttpResponse:
        raise AssertionError

    admin.admin_site = object()  # type: ignore[attr-defined]
    found = rows(
        path("login", login_required(view)),
        path("mixin", WithLogin.as_view()),
        path("admin", admin),
        path("checked", Checked.as_view()),
        path("unchecked", Unchecked.as_view()),
    )
    assert [each[1:] for each in found if each[0] != "POST"] == [
        ("/login", "third_party", ["django.contrib.auth.decorators"]),
        ("/mixin", "third_party", ["django.contrib.auth.mixins"]),
        ("/admin", "third_party", ["the login of Django's admin"]),
        ("/checked", "third_party", ["permission_classes: IsAuthenticated"]),
        ("/unchecked", "unguarded", []),
    ]


def test_a_login_everywhere() -> None:
    """`LoginRequiredMiddleware` is in the way of all views but those that it leaves out."""
    everywhere = "django.contrib.auth.middleware.LoginRequiredMiddleware"

    @functools.wraps(view)
    def copy(request: HttpRequest, **_: object) -> HttpResponse:
        raise AssertionError

    with (
        project(path("x", view), path("y", login_not_required(copy))) as handler,
        override_settings(MIDDLEWARE=[everywhere]),
    ):
        assert [row(route)[2:] for route in inventory(handler).routes] == [
            ("third_party", ["LoginRequiredMiddleware"]),
            ("unguarded", []),
        ]


@pytest.mark.parametrize(("middleware", "state", "notes"), [("Shipping", "public", 0), ("Ruled", "guarded", 1)])
def test_shipped_routes(middleware: str, state: str, notes: int) -> None:
    """The login is let pass by a middleware that knows of it; else a note says what happens."""
    with project(*AUTH.routes(), middleware=middleware) as handler:
        found = {route.path: route for route in inventory(handler).routes}
    assert (found["/auth/login"].state, len(found["/auth/login"].notes)) == (state, notes)
    assert [check.text for check in found["/auth/sessions/<str:session_id>"].access_checks] == [
        "by default: authenticated",
        "shipped route: authenticated",
    ]


def test_the_guard_of_a_decorator() -> None:
    """It is that of the middleware, else that of the settings, else none."""
    decorated = path("x", requires()(view))
    guards = []
    places: list[dict[str, Any]] = [{"middleware": "Ruled"}, {"JWTGUARD": AUTH.guard}, {}]
    for settings in places:
        with project(decorated, **settings) as handler:
            (route,) = inventory(handler).routes
            guards.append(route.access_checks[-1].guard)
    assert guards == [RULED, AUTH.guard, None]


class OfTheSettings(GuardMiddleware):
    """A middleware that goes by the settings."""


def test_the_guard_of_the_settings() -> None:
    """A middleware without a guard of its own enforces the rules of the settings' guard."""
    found = rows(path("public", view), middleware="OfTheSettings", JWTGUARD=RULED)
    assert found == [("any", "/public", "public", ["rule '/public': public"])]
