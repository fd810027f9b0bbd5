"""What is particular to Django REST framework, besides the contract of all adapters."""

from __future__ import annotations

from tests.adapters import django_rest_framework_site as drf

# isort: split
import importlib
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.db import transaction
from django.test import Client, override_settings
from django.urls import path
from rest_framework import permissions
from rest_framework.authentication import BasicAuthentication, SessionAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from jwtguard import (
    CSRF,
    UNCHECKED,
    AuthorizationHeader,
    ConfigurationError,
    Event,
    Guard,
    InvalidTokenError,
    Principal,
    TokenCookie,
    TokenHeader,
    TokenQuery,
    VerifiedToken,
    fresh,
    has_role,
    has_scope,
    optional,
    optional_lenient,
    predicate,
    public,
)
from jwtguard.django import DjangoGuard, GuardMiddleware
from jwtguard.django.rest_framework import (
    GuardAuthentication,
    GuardPermission,
    HasPermission,
    HasRole,
    HasScope,
    RefusedRequest,
    Requires,
)
from jwtguard.django.users import TokenUser, by_primary_key
from jwtguard.testing.conformance.adapter_sites import OutOfReach
from tests.adapters.django_site import _urlconf
from tests.samples import NOW, guard, token

ABSENT = 'Bearer realm="api"'
OWN = guard()
OURS = [drf.authentication(OWN)]


class Denies(permissions.BasePermission):
    """A permission of another package that refuses every request."""

    def has_permission(self, request: Any, view: Any) -> bool:
        return False


def bearer(subject: str = "user-1", **settings: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {token(subject, **settings)}"}


def ask(view: type[APIView], method: str = "GET", headers: dict[str, str] | None = None, **changed: Any) -> Any:
    """The response of a project with this one view."""
    settings = {"ROOT_URLCONF": _urlconf([path("", view.as_view())]), "MIDDLEWARE": [], **changed}
    with override_settings(**settings):
        return Client().generic(method, "/", headers=headers)


def status(permission: Any, headers: dict[str, str] | None = None, **changed: Any) -> int:
    """The status that a view with this permission answers with."""
    found: int = ask(drf.view(authentications=OURS, permissions=[permission]), headers=headers, **changed).status_code
    return found


ADMIN, EDITOR = bearer(roles=["admin"]), bearer(roles=["editor"], scope=["write"])


# The view's permission, the guard, the request, the status, and what must stand in the challenge and Retry-After.
WITHOUT_A_HANDLER: list[tuple[Any, Guard, dict[str, str], int, str | None, str | None]] = [
    (HasRole("admin"), OWN, {}, 401, ABSENT, None),
    (permissions.IsAuthenticated, OWN, {}, 401, ABSENT, None),
    (permissions.AllowAny, OWN, {"Authorization": "Bearer broken"}, 401, 'error="invalid_token"', None),
    (HasRole("admin"), OWN, EDITOR, 403, 'error="insufficient_scope"', None),
    (HasScope("read"), OWN, EDITOR, 403, 'scope="read"', None),
    (Requires(fresh(max_age=60)), OWN, EDITOR, 401, 'max_age="60"', None),
    (HasRole("admin"), OWN, {"Authorization": "Bearer a.b.c, Bearer a.b.c"}, 400, 'error="invalid_request"', None),
    (HasRole("admin"), guard(keys=OutOfReach()), EDITOR, 503, None, "7"),
    (HasRole("editor"), OWN, EDITOR, 200, None, None),
]


@pytest.mark.parametrize(("permission", "by", "headers", "expected", "challenge", "retry_after"), WITHOUT_A_HANDLER)
def test_without_the_handler(
    permission: Any, by: Guard, headers: dict[str, str], expected: int, challenge: str | None, retry_after: str | None
) -> None:
    """Status and header fields are right even where REST framework's own handler writes the body."""
    made = drf.view(authentications=[drf.authentication(by)], permissions=[permission])
    response = ask(made, headers=headers)
    assert response.status_code == expected
    if challenge is None:
        assert "WWW-Authenticate" not in response
    else:
        assert challenge in response["WWW-Authenticate"]
        assert response["WWW-Authenticate"].startswith(ABSENT)
    assert response.get("Retry-After") == retry_after
    if expected != 200:
        assert list(response.json()) == ["detail"]


def test_what_is_not_ours_stays_so() -> None:
    """Errors of the view and of other classes are answered as REST framework does, with our handler, too."""

    class Wrong(APIView):
        authentication_classes = OURS
        permission_classes = ()

        def get(self, request: Request) -> Response:
            raise ValidationError({"name": ["missing"]})

    response = ask(Wrong, REST_FRAMEWORK=drf.SETTINGS)
    assert (response.status_code, response.json()) == (400, {"name": ["missing"]})
    made = drf.view(authentications=[BasicAuthentication], permissions=[permissions.IsAuthenticated])
    response = ask(made, REST_FRAMEWORK=drf.SETTINGS)
    assert response["WWW-Authenticate"].startswith("Basic")


def test_the_handler_undoes_what_was_begun() -> None:
    """A refusal rolls a transaction of the request back, as REST framework's own do."""
    with mock.patch("rest_framework.views.set_rollback") as rolled_back:
        assert status(HasRole("admin"), EDITOR, REST_FRAMEWORK=drf.SETTINGS) == 403
        assert rolled_back.call_count == 1


# Who is calling.


SEEN: list[tuple[Any, Any]] = []


class Who(APIView):
    """Tells who REST framework says is calling."""

    authentication_classes = OURS
    permission_classes = (permissions.IsAuthenticated,)

    def get(self, request: Request) -> Response:
        SEEN.append((request.user, request.auth))
        principal: Any = request.principal  # type: ignore[attr-defined]
        return Response({"principal": principal.subject, "django": request._request.user.pk})


def test_user_and_auth() -> None:
    """`request.user` is authenticated, `request.auth` is the token, and `request.principal` is the principal."""
    SEEN.clear()
    assert ask(Who, headers=bearer("alice", claims={"name": "Alice"})).json() == {
        "principal": "alice",
        "django": "alice",
    }
    ((user, auth),) = SEEN
    assert isinstance(user, TokenUser)
    assert isinstance(auth, VerifiedToken)
    assert (user.pk, user.id, user.username, user.get_username()) == ("alice",) * 4
    assert (str(user), user.get_full_name(), user.principal.subject) == ("Alice", "Alice", "alice")
    assert (user.is_authenticated, user.is_active) == (True, True)
    assert (user.is_anonymous, user.is_staff, user.is_superuser) == (False, False, False)
    assert (user.has_perm("a.b"), user.has_perms(["a.b"]), user.has_module_perms("a")) == (False, False, False)
    assert auth.claims["name"] == "Alice"


@pytest.fixture
def users() -> Iterator[None]:
    """Two users, in the database that all tests of this process share, and gone again."""
    call_command("migrate", "auth", verbosity=0)
    with transaction.atomic():
        User.objects.all().delete()
        User.objects.create(pk=17, username="ada")
        User.objects.create(pk=18, username="bob", is_active=False)
        yield
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("17", 200), ("18", 401), ("19", 401), ("ada", 401)],
)
@pytest.mark.parametrize("permission", [permissions.IsAuthenticated, Requires(optional)])
def test_users_of_the_database(users: None, subject: str, expected: int, permission: Any) -> None:
    """With `JWTGUARD_USER` the user is looked up; a deleted or inactive user is not authenticated by a valid token."""
    setting = "jwtguard.django.users.by_primary_key"
    SEEN.clear()
    with mock.patch.object(Who, "permission_classes", [permission]):
        response = ask(Who, headers=bearer(subject), JWTGUARD_USER=setting)
    assert response.status_code == expected
    if expected == 200:
        assert SEEN[0][0] == User.objects.get(pk=17)
    else:
        assert 'error="invalid_token"' in response["WWW-Authenticate"]


def test_a_permission_that_authenticates_by_itself_asks_for_the_user_too(users: None) -> None:
    """A token whose user is gone does not slip past a view without authentication classes."""
    made = drf.view(permissions=[Requires(guard=OWN)])
    assert [
        ask(made, headers=bearer(subject), JWTGUARD_USER=by_primary_key).status_code for subject in ("17", "19")
    ] == [200, 401]


@pytest.mark.parametrize(
    ("requirement", "headers", "user", "subject"),
    [
        (public, bearer("alice"), AnonymousUser, None),
        (optional_lenient, {"Authorization": "Bearer broken"}, AnonymousUser, None),
        (optional_lenient, {}, AnonymousUser, None),
        (optional_lenient, bearer("alice"), TokenUser, "alice"),
        (has_role("admin"), bearer("alice", roles=["admin"]), TokenUser, "alice"),
    ],
)
def test_without_authentication_classes(requirement: Any, headers: Any, user: type, subject: str | None) -> None:
    """The permission finds out who is calling, and says so where a class would."""
    seen: list[Any] = []

    class Page(APIView):
        authentication_classes = ()
        permission_classes = (Requires(requirement, guard=OWN),)

        def get(self, request: Request) -> Response:
            seen.append(request.user)
            principal: Any = request.principal  # type: ignore[attr-defined]
            return Response({"principal": None if principal is None else principal.subject})

    assert ask(Page, headers=headers).json() == {"principal": subject}
    assert [type(one) for one in seen] == [user]


def test_a_user_of_another_kind() -> None:
    """A user of Django's own session has no token, so a role is refused, and the user stays logged in."""

    class Ada(SessionAuthentication):
        def authenticate(self, request: Any) -> Any:
            return User(username="ada"), None

    made = drf.view(authentications=[*OURS, Ada], permissions=[HasRole("admin")])
    assert ask(made).status_code == 401
    assert ask(made, headers=ADMIN).status_code == 200
    seen: list[Any] = []

    class Page(APIView):
        authentication_classes = (Ada,)
        permission_classes = (Requires(optional, guard=OWN),)

        def get(self, request: Request) -> Response:
            seen.append(request.user)
            return Response()

    assert ask(Page, headers=ADMIN).status_code == 200
    assert seen[0].username == "ada"


# Permissions, and what they combine to.


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (HasRole("editor"), 200),
        (HasRole("admin"), 403),
        (HasScope("write"), 200),
        (HasPermission("users.delete"), 403),
        (HasRole("admin") | HasScope("write"), 200),
        (HasRole("editor") & HasScope("read"), 403),
        (Requires(has_role("editor") & has_scope("write")), 200),
        (Requires(predicate(lambda principal: principal.subject == "user-1")), 200),
        (Requires(), 200),
        (HasRole("admin") | permissions.IsAuthenticated, 200),
        (permissions.IsAuthenticated | HasRole("admin"), 200),
        (HasRole("admin") | Denies, 403),
        (Denies | HasRole("admin"), 403),
        (Denies | HasRole("editor"), 200),
        (HasRole("editor") & permissions.IsAuthenticated, 200),
        (permissions.IsAuthenticated & HasRole("admin"), 403),
        (HasRole("editor") & ~Denies, 200),
        ((permissions.IsAdminUser | permissions.IsAuthenticated) & HasRole("editor"), 200),
        ((HasRole("admin") & permissions.IsAuthenticated) | HasRole("editor"), 200),
        (Requires(has_role("admin"), guard=OWN) | HasRole("editor"), 200),
    ],
)
def test_permissions(permission: Any, expected: int) -> None:
    """Each says yes and no, alone and with those of other makes."""
    assert status(permission, EDITOR) == expected


def test_two_of_ours_are_one(caplog: pytest.LogCaptureFixture) -> None:
    """The refusal names the scopes that would let the caller in, and the log all; clients, where explained."""
    caplog.set_level("INFO", logger="jwtguard")
    for explained in (False, True):
        by = drf.authentication(guard(explain_refusals=explained))
        made = drf.view(authentications=[by], permissions=[HasRole("admin") | HasScope("read")])
        response = ask(made, headers=EDITOR, REST_FRAMEWORK=drf.SETTINGS)
        assert ("has_role('admin') | has_scope('read')" in response.json()["detail"]) is explained
        assert ("has_role" in response["WWW-Authenticate"]) is explained
        assert "missing=has_role('admin'),has_scope('read')" in caplog.text
        assert 'scope="read"' in response["WWW-Authenticate"]
    assert repr(HasRole("a") & HasScope("b")) == "<permission has_role('a') & has_scope('b')>"


@pytest.mark.parametrize("headers", [{}, EDITOR])
def test_a_mixture_is_refused_as_rest_framework_does(headers: dict[str, str]) -> None:
    """A refusal by a permission class of another package names no required scope."""
    made = drf.view(authentications=OURS, permissions=[HasRole("admin") | Denies])
    response = ask(made, headers=headers, REST_FRAMEWORK=drf.SETTINGS)
    assert response.status_code == (403 if headers else 401)
    assert response.get("WWW-Authenticate") == (None if headers else ABSENT)


def test_no_negation() -> None:
    """A negated permission of jwtguard is refused in each form, because a missing claim must not admit."""
    with pytest.raises(ConfigurationError, match="cannot be negated"):
        _ = ~HasRole("banned")
    hidden = ~(Denies | HasRole("banned"))
    with pytest.raises(ConfigurationError, match="cannot be negated"):
        status(hidden, EDITOR)
    with pytest.raises(ConfigurationError, match="cannot be negated"):
        status(hidden)
    assert status(hidden, bearer(roles=["banned"])) == 403


def test_a_class_of_one_s_own() -> None:
    """Inheriting is as good as calling."""

    class IsSales(GuardPermission):
        requirement = has_role("sales")

    assert [status(IsSales, bearer(roles=roles)) for roles in (["sales"], ["admin"])] == [200, 403]


@pytest.mark.parametrize("combined", [lambda own: own & HasRole("editor"), lambda own: HasRole("editor") & own])
def test_a_class_of_one_s_own_keeps_what_it_asks_for(combined: Any) -> None:
    """Combining makes no requirement of a class that asks for more than that."""

    class IsWriter(HasScope("write")):  # type: ignore[misc]
        def has_permission(self, request: Any, view: Any) -> bool:
            return False

    assert status(combined(IsWriter), EDITOR) == 403


def test_objects() -> None:
    """A view that checks permissions of objects asks ours again, which has nothing against any."""

    class Page(APIView):
        authentication_classes = OURS
        permission_classes = (HasRole("editor") | Denies,)

        def get(self, request: Request) -> Response:
            self.check_object_permissions(request, object())
            return Response()

    assert ask(Page, headers=EDITOR).status_code == 200


# Guards.


def test_a_guard_of_each() -> None:
    """Two guards on one view: each takes its own callers, and the permission goes by the one that did."""
    other = guard(issuer="https://other.example", tokens_from=[TokenHeader("X-Machine", from_proxy=False)])
    made = drf.view(
        authentications=[*OURS, drf.authentication(DjangoGuard(other))], permissions=[permissions.IsAuthenticated]
    )
    text = bearer()["Authorization"].removeprefix("Bearer ")
    assert ask(made, headers=EDITOR).status_code == 200
    assert ask(made, headers={"X-Machine": text}).status_code == 401  # another issuer's
    theirs = drf.view(authentications=OURS, permissions=[Requires(guard=other)])
    response = ask(theirs, headers={**EDITOR, "X-Machine": text})
    assert response.status_code == 401


def test_places_of_a_view_s_own() -> None:
    """`tokens_from` on the class or on the permission: there is looked, and nowhere else."""
    header = [TokenHeader("X-Token", from_proxy=False)]
    text = bearer(roles=["admin"])["Authorization"].removeprefix("Bearer ")
    by_class = drf.view(authentications=[drf.authentication(OWN, header)], permissions=[HasRole("admin")])
    by_permission = drf.view(authentications=OURS, permissions=[Requires(has_role("admin"), tokens_from=header)])
    lazy = type("Lazy", (by_class,), {"perform_authentication": lambda self, request: None})
    for made in (by_class, by_permission, lazy):
        assert ask(made, headers={"X-Token": text}).status_code == 200
        assert ask(made, headers=ADMIN).status_code == 401


EVENTS: list[Event] = []


class Front(GuardMiddleware):
    guard = guard(on_event=EVENTS.append, rules=UNCHECKED)


class Front2(GuardMiddleware):
    guard = guard(issuer="https://other.example", rules=UNCHECKED)


def test_the_guard_of_the_middleware() -> None:
    """Without one of its own, a view has that of the middleware in front, and verifies nothing again."""
    made = drf.view(authentications=[GuardAuthentication], permissions=[HasRole("admin")])
    EVENTS.clear()
    assert ask(made, headers=ADMIN, MIDDLEWARE=[f"{__name__}.Front"]).status_code == 200
    assert [event.outcome for event in EVENTS] == ["accepted"]
    assert ask(made, headers=EDITOR, MIDDLEWARE=[f"{__name__}.Front"]).status_code == 403


def test_the_guard_of_the_settings() -> None:
    """Without a middleware the guard of `JWTGUARD` is used; without that setting it is a ConfigurationError."""
    made = drf.view(authentications=[GuardAuthentication], permissions=[HasRole("admin")])
    assert ask(made, headers=ADMIN, JWTGUARD=OWN).status_code == 200
    assert ask(drf.view(permissions=[HasRole("admin")]), headers=ADMIN, JWTGUARD=OWN).status_code == 200
    with pytest.raises(ConfigurationError, match="JWTGUARD is missing"):
        ask(made, headers=ADMIN)
    with pytest.raises(ConfigurationError, match="JWTGUARD is missing"):
        ask(drf.view(permissions=[HasRole("admin")]), headers=ADMIN)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"guard": "guard"}, "Wrong needs a guard"),
        ({"tokens_from": "cookie"}, "tokens_from is a list"),
    ],
)
def test_mistakes_in_a_class(attributes: dict[str, Any], message: str) -> None:
    """A wrong attribute is a ConfigurationError when the class is made."""
    with pytest.raises(ConfigurationError, match=message):
        type("Wrong", (GuardAuthentication,), attributes)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Requires("admin"), "a requirement is"),  # type: ignore[arg-type]
        (lambda: Requires(guard={}), "Requires needs a guard"),  # type: ignore[arg-type]
        (lambda: HasRole(""), "takes one name"),
        (lambda: Requires(public) | HasRole("admin"), "does not combine"),
    ],
)
def test_mistakes_in_a_permission(make: Any, message: str) -> None:
    """The same, for what a view is written with."""
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_a_wrong_program_is_not_answered() -> None:
    """A view in front of which two guards stand must say which it means."""
    both = [f"{__name__}.Front", f"{__name__}.Front2"]
    for made in (
        drf.view(authentications=[GuardAuthentication], permissions=[permissions.AllowAny]),
        drf.view(permissions=[HasRole("admin")]),
    ):
        with pytest.raises(ConfigurationError, match="more than one guard"):
            ask(made, headers=ADMIN, MIDDLEWARE=both)


def test_an_error_in_the_set_up_of_keys() -> None:
    """An async key source under sync views is the program's fault, and stays a server error."""

    class Wrong:
        def current(self) -> None:
            raise ConfigurationError("write it otherwise")

        def refreshed(self, kid: str | None) -> Any:
            raise AssertionError

    wrong = guard(keys=Wrong())
    for made in (
        drf.view(authentications=[drf.authentication(wrong)], permissions=[HasRole("admin")]),
        drf.view(permissions=[Requires(guard=wrong)]),
    ):
        with pytest.raises(ConfigurationError, match="write it otherwise"):
            ask(made, headers=ADMIN)


# Cookies.


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({"Sec-Fetch-Site": "same-origin"}, 200), ({"Sec-Fetch-Site": "cross-site"}, 403), ({}, 403)],
)
def test_csrf(headers: dict[str, str], expected: int) -> None:
    """A cookie's token needs a proof that our own page sent it."""
    own = guard(tokens_from=[TokenCookie()], csrf=CSRF(secret="a secret for csrf tokens in tests"))
    made = drf.view(authentications=[drf.authentication(own)], permissions=[HasRole("admin")])
    text = ADMIN["Authorization"].removeprefix("Bearer ")
    response = ask(made, "POST", headers={"Cookie": f"__Host-access={text}", **headers}, REST_FRAMEWORK=drf.SETTINGS)
    assert response.status_code == expected
    if expected == 403:
        assert "header" in response.json()["detail"]


# The rest of REST framework.


def test_throttling_by_user() -> None:
    """Each caller has a rate of their own."""

    class Once(UserRateThrottle):
        rate = "1/day"

    class Page(Who):
        throttle_classes = (Once,)

    caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "throttling"}}
    found = [ask(Page, headers=bearer(name), CACHES=caches).status_code for name in ("a", "b", "a")]
    assert found == [200, 200, 429]


TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True, "OPTIONS": {}}]
APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.staticfiles", "rest_framework"]


@pytest.mark.parametrize(("headers", "expected"), [(ADMIN, 200), (EDITOR, 403), ({}, 401)])
def test_browsable_api(headers: dict[str, str], expected: int) -> None:
    """A person with a browser sees a page, refused or not; a program the problem document."""
    made = drf.view(
        authentications=OURS, permissions=[HasRole("admin")], renderers=[JSONRenderer, BrowsableAPIRenderer]
    )
    changed: dict[str, Any] = {
        "INSTALLED_APPS": APPS,
        "TEMPLATES": TEMPLATES,
        "STATIC_URL": "/static/",
        "REST_FRAMEWORK": drf.SETTINGS,
    }
    page = ask(made, headers={**headers, "Accept": "text/html"}, **changed)
    assert (page.status_code, page["Content-Type"]) == (expected, "text/html; charset=utf-8")
    assert ("WWW-Authenticate" in page) == (expected != 200)
    document = ask(made, headers={**headers, "Accept": "application/json"}, **changed)
    assert document.status_code == expected
    if expected != 200:
        assert document["Content-Type"] == "application/problem+json"
        assert document.json()["status"] == expected


def test_what_the_exception_holds() -> None:
    """A handler of the project's own finds the cause."""
    error = RefusedRequest(OWN, InvalidTokenError("expired"))
    assert (error.error.reason, error.status_code, error.get_codes()) == ("expired", 401, "invalid_token")
    assert error.detail == InvalidTokenError("expired").detail


# The OpenAPI document.


def document(view: Any, **changed: Any) -> tuple[Any, Any]:
    """The security of the operation, and the schemes, in drf-spectacular's document."""
    from drf_spectacular.generators import SchemaGenerator

    importlib.import_module("jwtguard.django.spectacular")  # As the app does where drf-spectacular is one.
    with override_settings(**changed), mock.patch.object(view, "schema", _auto_schema()):
        generator: Any = SchemaGenerator
        made = generator(patterns=[path("page", view.as_view())]).get_schema(request=None, public=True)
    operation = made["paths"]["/page"]["get"]
    return operation.get("security"), made.get("components", {}).get("securitySchemes")


def test_locks_of_public_views() -> None:
    """A view that reads no token has no lock; one that lets anyone in says that a caller may do without."""
    silent = drf.view(authentications=[], permissions=[permissions.AllowAny])
    assert document(silent) == ([{}], None)
    free = drf.view(authentications=[drf.authentication(OWN)], permissions=[permissions.AllowAny])
    assert document(free)[0] == [{"BearerToken": []}, {}]


def _auto_schema() -> Any:
    from drf_spectacular.openapi import AutoSchema

    return AutoSchema()


BEARER = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
COOKIE = {"type": "apiKey", "in": "cookie", "name": "__Host-access"}
BOTH = guard(tokens_from=[AuthorizationHeader(), TokenCookie()])


@pytest.mark.parametrize(
    ("authentication", "changed", "expected"),
    [
        (drf.authentication(OWN), {}, {"BearerToken": BEARER}),
        (drf.authentication(BOTH), {}, {"BearerToken": BEARER, "CookieToken.__Host-access": COOKIE}),
        (GuardAuthentication, {"JWTGUARD": OWN}, {"BearerToken": BEARER}),
        (GuardAuthentication, {"MIDDLEWARE": [f"{__name__}.Front"]}, {"BearerToken": BEARER}),
        (
            drf.authentication(OWN, [TokenHeader("X-Token", from_proxy=False), TokenQuery()]),
            {},
            {
                "HeaderToken.X-Token": {"type": "apiKey", "in": "header", "name": "X-Token"},
                "QueryToken.access_token": {"type": "apiKey", "in": "query", "name": "access_token"},
            },
        ),
    ],
)
def test_the_lock_in_the_document(authentication: Any, changed: dict[str, Any], expected: dict[str, Any]) -> None:
    """Any one of the places will do."""
    made = drf.view(authentications=[authentication], permissions=[HasRole("admin")])
    security, schemes = document(made, **changed)
    assert (security, schemes) == ([{name: []} for name in expected], expected)


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_lock_is_registered_by_the_app(is_installed: bool) -> None:
    """Where drf-spectacular is an app of the project too; else it is not even imported."""
    config = apps.get_app_config("jwtguard")
    with (
        mock.patch("jwtguard.django.apps.apps.is_installed", return_value=is_installed) as asked,
        mock.patch("jwtguard.django.apps.import_module") as importing,
    ):
        config.ready()
    asked.assert_called_once_with("drf_spectacular")
    assert (mock.call("jwtguard.django.spectacular") in importing.mock_calls) is is_installed


def test_the_extra_is_named() -> None:
    """Without REST framework, importing says what to install."""
    name = "jwtguard.django.rest_framework"
    with mock.patch.dict(sys.modules, {"rest_framework": None}):
        del sys.modules[name]
        with pytest.raises(ImportError, match=rf"^{name} needs .*pip install 'jwtguard-middleware\[drf\]'$"):
            importlib.import_module(name)


def test_a_principal_makes_a_user() -> None:
    """A token without a name shows its subject."""
    assert str(TokenUser(Principal(subject="17", auth_time=NOW))) == "17"
