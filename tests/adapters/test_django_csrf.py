"""Django's own protections beside ours: its CSRF check, its sessions and its users, all of them real."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware, get_token
from django.test import Client as DjangoClient
from django.test import RequestFactory
from django.test.utils import override_settings
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from jwtguard import (
    UNCHECKED,
    AuthorizationHeader,
    Guard,
    Principal,
    Requirement,
    Rule,
    Rules,
    TokenCookie,
    TokenHeader,
    TokenQuery,
    authenticated,
    has_role,
    optional,
    optional_lenient,
    public,
)
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.django import requires
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import ADMIN, EXPIRED, GOOD, bearer, cookie
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.adapters.django_site import CSRF

MIDDLEWARE = "jwtguard.django.GuardMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
USERS = "django.contrib.auth.middleware.AuthenticationMiddleware"
PLACES: list[TokenSource] = [
    AuthorizationHeader(),
    TokenCookie("__Host-access"),
    TokenHeader("X-Token", from_proxy=False),
]
GUARD = guard_for_tests(tokens_from=PLACES, rules=UNCHECKED)
UNPROTECTED = guard_for_tests(tokens_from=PLACES, csrf=UNCHECKED, rules=UNCHECKED)
QUERY = guard_for_tests(tokens_from=[TokenQuery("t")], rules=UNCHECKED)
GATEWAY_PLACES: list[TokenSource] = [AuthorizationHeader(from_proxy=True), TokenHeader("X-Token", from_proxy=True)]
GATEWAY = guard_for_tests(tokens_from=GATEWAY_PLACES, rules=UNCHECKED)
GATEWAY_UNPROTECTED = guard_for_tests(tokens_from=GATEWAY_PLACES, csrf=UNCHECKED, rules=UNCHECKED)
CSRF_SECRET = "a" * 32
HOST = ("Host", "api.example")
OWN = ("Origin", "https://api.example")

Headers = Sequence[tuple[str, str]]
Ask = Callable[..., RawAnswer]


def with_form(headers: Headers = ()) -> Headers:
    """The header fields, and with them what Django's own check asks of a form of our pages."""
    cookies = [value for name, value in headers if name == "Cookie"]
    others = [field for field in headers if field[0] not in {"Cookie", "Origin"}]
    joined = "; ".join([*cookies, f"csrftoken={CSRF_SECRET}"])
    return [*others, ("Cookie", joined), ("X-CSRFToken", CSRF_SECRET), OWN]


@contextmanager
def serving(view: Any, *middleware: str, **changed: Any) -> Iterator[Ask]:
    """Serve `view` at `/`; gives a function that posts."""
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("", view)]

    def ask(*headers: tuple[str, str], target: str = "/", method: str = "POST", asgi: bool = False) -> RawAnswer:
        client = asgi_client(ASGIHandler()) if asgi else wsgi_client(WSGIHandler())
        return client(RawRequest(method=method, target=target, headers=[HOST, *headers]))

    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=list(middleware), APPEND_SLASH=False, **changed):
        yield ask


def view(request: HttpRequest) -> HttpResponse:
    """A view that changes something."""
    return HttpResponse("ran")


async def view_async(request: HttpRequest) -> HttpResponse:
    """The same, as a coroutine."""
    return view(request)


# When Django's own check is skipped, and when it runs.

SKIPPED: list[tuple[Guard, Requirement, Headers, str]] = [
    (GUARD, authenticated, [bearer(GOOD)], "/"),
    (GUARD, authenticated, [("X-Token", GOOD)], "/"),
    (GUARD, authenticated, [cookie(GOOD), OWN], "/"),
    (GUARD, has_role("admin"), [bearer(ADMIN)], "/"),
    (GUARD, optional, [bearer(GOOD)], "/"),
    (GUARD, optional_lenient, [cookie(GOOD), OWN], "/"),
    (UNPROTECTED, authenticated, [bearer(GOOD)], "/"),
    (GATEWAY, authenticated, [bearer(GOOD), OWN], "/"),
    (GATEWAY, authenticated, [("X-Token", GOOD), ("Sec-Fetch-Site", "same-origin")], "/"),
]
"""A token let the caller in, and no other site could have sent it."""

KEPT: list[tuple[Guard, Requirement, Headers, str]] = [
    (GUARD, public, [], "/"),
    (GUARD, public, [bearer(GOOD)], "/"),
    (GUARD, optional, [], "/"),
    (GUARD, optional_lenient, [], "/"),
    (GUARD, optional_lenient, [bearer(EXPIRED)], "/"),
    (GUARD, optional_lenient, [cookie(GOOD), ("Origin", "https://evil.example")], "/"),
    (UNPROTECTED, authenticated, [cookie(GOOD)], "/"),
    (UNPROTECTED, authenticated, [cookie(GOOD), OWN], "/"),
    (QUERY, authenticated, [], f"/?t={GOOD}"),
    (GATEWAY_UNPROTECTED, authenticated, [bearer(GOOD)], "/"),
    (GATEWAY_UNPROTECTED, authenticated, [("X-Token", GOOD)], "/"),
    (GATEWAY, optional_lenient, [bearer(GOOD), ("Origin", "https://evil.example")], "/"),
    (QUERY, optional, [], "/"),
]
"""No token let the caller in, or one that any site can have sent along."""


@pytest.fixture(params=["decorator", "decorator and middleware", "rules"])
def guarding(request: pytest.FixtureRequest) -> Callable[[Guard, Requirement, Any], tuple[Any, list[str], Any]]:
    """The ways to guard a view: gives the view, the middleware and the setting."""

    def guard_view(guard: Guard, requirement: Requirement, undecorated: Any) -> tuple[Any, list[str], Any]:
        if request.param == "decorator":
            return requires(requirement, guard=guard)(undecorated), [], guard
        if request.param == "decorator and middleware":
            return requires(requirement)(undecorated), [MIDDLEWARE], guard
        rules = Rules([Rule("/", requirement)])
        ruled = guard_for_tests(rules=rules, tokens_from=guard.tokens_from, csrf=guard.csrf)
        return undecorated, [MIDDLEWARE], ruled

    return guard_view


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize(("guard", "requirement", "headers", "target"), SKIPPED)
def test_skipped(
    guarding: Any, guard: Guard, requirement: Requirement, headers: Headers, target: str, *, asgi: bool
) -> None:
    """After a token that proves where the request comes from, Django does not ask for its own."""
    guarded, middleware, setting = guarding(guard, requirement, view_async if asgi else view)
    for order in ([*middleware, CSRF], [CSRF, *middleware]):
        with serving(guarded, *order, JWTGUARD=setting) as ask:
            assert ask(*headers, target=target, asgi=asgi).body == b"ran"


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize(("guard", "requirement", "headers", "target"), KEPT)
def test_kept(
    guarding: Any, guard: Guard, requirement: Requirement, headers: Headers, target: str, *, asgi: bool
) -> None:
    """In every other case Django's check runs before the view, which a form of our own pages passes."""
    guarded, middleware, setting = guarding(guard, requirement, view_async if asgi else view)
    with serving(guarded, *middleware, CSRF, JWTGUARD=setting) as ask:
        refused = ask(*headers, target=target, asgi=asgi)
        assert (refused.status, refused.header("Content-Type")) == (403, "text/html; charset=utf-8")
        assert ask(*with_form(headers), target=target, asgi=asgi).body == b"ran"
        assert ask(*headers, target=target, asgi=asgi, method="GET").body == b"ran"


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize(("guard", "requirement", "headers", "target"), KEPT)
def test_project_without_csrf(
    guarding: Any, guard: Guard, requirement: Requirement, headers: Headers, target: str, *, asgi: bool
) -> None:
    """In a project without Django's CSRF middleware, none of its checks runs."""
    guarded, middleware, setting = guarding(guard, requirement, view_async if asgi else view)
    with serving(guarded, *middleware, JWTGUARD=setting) as ask:
        assert ask(*headers, target=target, asgi=asgi).body == b"ran"


def test_order_of_checks(guarding: Any) -> None:
    """A missing token is answered before the CSRF check."""
    guarded, middleware, setting = guarding(GUARD, authenticated, view)
    with serving(guarded, *middleware, CSRF, JWTGUARD=setting) as ask:
        assert ask().status == 401
        assert ask(cookie(GOOD), ("Origin", "https://evil.example")).json()["detail"].startswith("The Origin header")


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize("token", [bearer(GOOD), ("X-Token", GOOD)])
def test_gateways_token_from_elsewhere(guarding: Any, token: tuple[str, str], *, asgi: bool) -> None:
    """A form of another site to which a gateway adds the token is refused by our check."""
    guarded, middleware, setting = guarding(GATEWAY, authenticated, view_async if asgi else view)
    with serving(guarded, *middleware, CSRF, JWTGUARD=setting) as ask:
        refused = ask(token, ("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"), asgi=asgi)
        assert (refused.status, refused.header("Content-Type")) == (403, "application/problem+json")


# What Django's settings say of the host and of other origins.


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize(
    ("changed", "headers", "status"),
    [
        ({}, [("Origin", "https://shop.example")], 403),
        ({}, [("Origin", "https://shop.example"), ("X-Forwarded-Host", "shop.example")], 403),
        ({}, [("Origin", "https://shop.example"), ("Sec-Fetch-Site", "same-origin")], 200),
        (
            {"USE_X_FORWARDED_HOST": True},
            [("Origin", "https://shop.example"), ("X-Forwarded-Host", "shop.example")],
            200,
        ),
        ({"USE_X_FORWARDED_HOST": True}, [OWN, ("X-Forwarded-Host", "shop.example")], 403),
        ({"USE_X_FORWARDED_HOST": True}, [OWN], 200),
        ({"ALLOWED_HOSTS": ["shop.example"]}, [OWN], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://app.example"]}, [("Origin", "https://app.example")], 200),
        ({"CSRF_TRUSTED_ORIGINS": ["https://app.example"]}, [("Origin", "http://app.example")], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://app.example"]}, [("Origin", "https://sub.app.example")], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://.app.example"]}, [("Origin", "https://sub.app.example")], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.app.example"]}, [("Origin", "https://a.b.app.example")], 200),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.app.example"]}, [("Origin", "https://app.example")], 200),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.app.example"]}, [("Origin", "https://evilapp.example")], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.app.example"]}, [("Origin", "http://sub.app.example")], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.app.example"]}, [("Origin", "https://sub.app.example:444")], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.app.example:444"]}, [("Origin", "https://sub.app.example:444")], 200),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*"]}, [("Origin", "https://sub.app.example")], 403),
        ({"CSRF_TRUSTED_ORIGINS": ["https://*.app.example"]}, [("Origin", "null")], 403),
        (
            {"CSRF_TRUSTED_ORIGINS": ["https://*.app.example"]},
            [("Origin", "https://sub.app.example"), ("Sec-Fetch-Site", "same-site")],
            200,
        ),
    ],
)
def test_settings_of_the_project(changed: dict[str, Any], headers: Headers, status: int, *, asgi: bool) -> None:
    """Our check takes over how Django finds the host, and which other origins the project trusts."""
    guarded: Any = requires(guard=GUARD)(view_async if asgi else view)
    with serving(guarded, CSRF, **changed) as ask:
        assert ask(cookie(GOOD), *headers, asgi=asgi).status == status


# What the project exempts or protects itself.


class Exempt(View):
    """A class-based view that the project took out of CSRF protection."""

    @method_decorator(csrf_exempt)
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponse:
        return view(request)


open_to_all = requires(public, guard=GUARD)


class Page(View):
    """A class-based view."""

    def post(self, request: HttpRequest) -> HttpResponse:
        return view(request)


@method_decorator([csrf_exempt, open_to_all], name="dispatch")
class ExemptOutside(Page):
    """Exempted around our decorator."""


@method_decorator([open_to_all, csrf_exempt], name="dispatch")
class ExemptInside(Page):
    """Exempted inside it."""


@pytest.mark.parametrize(
    "exempt",
    [
        open_to_all(csrf_exempt(view)),
        csrf_exempt(open_to_all(view)),
        open_to_all(open_to_all(csrf_exempt(view))),
        open_to_all(csrf_exempt(open_to_all(view))),
        open_to_all(Exempt.as_view()),
        ExemptOutside.as_view(),
        ExemptInside.as_view(),
        csrf_exempt(view),
    ],
)
def test_exempt_views(exempt: Any) -> None:
    """A view that the project exempted stays exempt, wherever `csrf_exempt` stands."""
    with serving(exempt, CSRF) as ask:
        assert ask().body == b"ran"


@pytest.mark.parametrize(
    "protected", [open_to_all(view), open_to_all(open_to_all(view)), csrf_protect(open_to_all(csrf_protect(view)))]
)
def test_decorated_views_are_not_exempt(protected: Any) -> None:
    """A view that our decorator takes out of Django's CSRF middleware is still checked."""
    with serving(protected, CSRF) as ask:
        assert (ask().status, ask(*with_form()).body) == (403, b"ran")


def test_exempt_outside_of_routing() -> None:
    """A view that is called by hand, and not by the router, is checked too."""
    factory = RequestFactory(enforce_csrf_checks=True)
    with override_settings(MIDDLEWARE=[CSRF]):
        request = factory.post("/")
        assert open_to_all(view)(request).status_code == 403
        assert open_to_all(csrf_exempt(view))(factory.post("/")).status_code == 200


def test_protected_views_and_bearer_tokens() -> None:
    """Behind our middleware, a view that the project protects itself takes bearer tokens too."""
    with serving(csrf_protect(view), MIDDLEWARE, JWTGUARD=GUARD) as ask:
        assert (ask(bearer(GOOD)).body, ask().status) == (b"ran", 403)


class Strict(CsrfViewMiddleware):
    """A project's own CSRF middleware."""

    def process_view(self, request: HttpRequest, callback: Any, callback_args: Any, callback_kwargs: Any) -> Any:
        return None if getattr(callback, "csrf_exempt", False) else HttpResponse("strict", status=418)


def function_middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """A middleware that is a function, as a project may write it."""
    return get_response


@pytest.mark.parametrize(("order", "status"), [([], 200), ([CSRF], 403)])
def test_middleware_that_is_no_class(order: list[str], status: int) -> None:
    """A project's middleware may be functions; its CSRF middleware is found behind them."""
    with serving(open_to_all(view), f"{__name__}.function_middleware", *order) as ask:
        assert ask().status == status


def test_csrf_middleware_of_the_project() -> None:
    """The check that runs is that of the project's own middleware, where it has one."""
    with serving(open_to_all(view), f"{__name__}.Strict") as ask:
        assert ask().body == b"strict"


def test_csrf_cookie_is_set() -> None:
    """A guarded page with a form still gets Django's cookie for it."""

    @requires(optional, guard=GUARD)
    def form(request: HttpRequest) -> HttpResponse:
        return HttpResponse(get_token(request))

    with serving(form, CSRF) as ask:
        assert "csrftoken=" in (ask(method="GET").header("Set-Cookie") or "")


# Sessions and users.


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with one user; gives the `Cookie` of a session in which she is logged in."""
    settings = connections.settings["default"]
    before, settings["NAME"] = settings["NAME"], str(tmp_path_factory.mktemp("django") / "db.sqlite3")
    connections["default"].close()
    connections["default"].settings_dict["NAME"] = settings["NAME"]
    try:
        call_command("migrate", verbosity=0)
        # Imported once Django is set up.
        from django.contrib.auth.models import User

        user = User.objects.create_user("alice")
        client = DjangoClient()
        client.force_login(user)
        yield f"sessionid={client.cookies['sessionid'].value}"
    finally:
        connections.close_all()
        settings["NAME"] = connections["default"].settings_dict["NAME"] = before


def find_user(principal: Principal) -> Any:
    """The project's function for JWTGUARD_USER."""
    return get_user_model()(username=f"bearer of {principal.subject}")


def whoami(request: HttpRequest) -> HttpResponse:
    """A view that says both: the caller of the token, and the user of the session."""
    principal = request.principal  # type: ignore[attr-defined]
    return JsonResponse([None if principal is None else principal.subject, request.user.get_username()], safe=False)


async def whoami_async(request: HttpRequest) -> HttpResponse:
    """The same, in async code."""
    principal = request.principal  # type: ignore[attr-defined]
    user = await request.auser()
    return JsonResponse([None if principal is None else principal.subject, user.get_username()], safe=False)


WITH_SESSIONS = [SESSIONS, CSRF, USERS]


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize("middleware", [[], [MIDDLEWARE]])
def test_session_users_beside_bearer_users(database: str, middleware: list[str], *, asgi: bool) -> None:
    """Pages with a session and clients with a token share a view: each is known, and each keeps its protection."""
    session = ("Cookie", database)
    form = with_form([session])
    guarded: Any = requires(optional)(whoami_async if asgi else whoami)
    with serving(guarded, *WITH_SESSIONS, *middleware, JWTGUARD=GUARD) as ask:
        assert ask(session, asgi=asgi).status == 403
        assert ask(*form, asgi=asgi).json() == [None, "alice"]
        assert ask(session, method="GET", asgi=asgi).json() == [None, "alice"]
        assert ask(bearer(GOOD), asgi=asgi).json() == ["user-1", ""]
        assert ask(bearer(GOOD), session, asgi=asgi).json() == ["user-1", "alice"]
        assert ask(bearer(EXPIRED), *form, asgi=asgi).status == 401
        both = ("Cookie", f"{database}; __Host-access={GOOD}")
        assert ask(both, OWN, asgi=asgi).json() == ["user-1", "alice"]
        assert ask(both, ("Origin", "https://evil.example"), asgi=asgi).status == 403


@pytest.mark.parametrize("asgi", [False, True])
def test_session_view_behind_our_middleware(database: str, *, asgi: bool) -> None:
    """A view of the project that knows nothing of tokens is protected as it was."""
    plain: Any = view_async if asgi else view
    with serving(plain, *WITH_SESSIONS, MIDDLEWARE, JWTGUARD=GUARD) as ask:
        assert ask(("Cookie", database), asgi=asgi).status == 403
        assert ask(*with_form([("Cookie", database)]), asgi=asgi).body == b"ran"


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize("middleware", [[], [MIDDLEWARE]])
def test_user_of_a_token(database: str, middleware: list[str], *, asgi: bool) -> None:
    """With `JWTGUARD_USER` a token's user stands before a session's, and a session's stays where there is no token."""
    session = ("Cookie", database)
    guarded: Any = requires(optional)(whoami_async if asgi else whoami)
    settings = {"JWTGUARD": GUARD, "JWTGUARD_USER": find_user}
    with serving(guarded, *WITH_SESSIONS, *middleware, **settings) as ask:
        assert ask(bearer(GOOD), session, asgi=asgi).json() == ["user-1", "bearer of user-1"]
        assert ask(session, method="GET", asgi=asgi).json() == [None, "alice"]


@pytest.mark.parametrize("asgi", [False, True])
def test_login_required(database: str, *, asgi: bool) -> None:
    """With `JWTGUARD_USER`, Django's own `login_required` lets the bearer of a token in, in sync and async views."""
    needs_login: Any = login_required(view_async if asgi else view, login_url="/login")
    settings = {"JWTGUARD": GUARD, "JWTGUARD_USER": find_user}
    with serving(needs_login, *WITH_SESSIONS, MIDDLEWARE, **settings) as ask:
        assert ask(bearer(GOOD), asgi=asgi).body == b"ran"
        assert ask(asgi=asgi, method="GET").status == 302
