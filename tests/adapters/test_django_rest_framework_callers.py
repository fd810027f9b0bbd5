"""Who the caller is in Django: asking never raises, and reading an absent caller is the finished refusal."""

from __future__ import annotations

from tests.adapters.django_rest_framework_site import authentication

# isort: split
from collections.abc import Callable
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import path
from rest_framework.decorators import api_view, authentication_classes
from rest_framework.response import Response

from jwtguard import UNCHECKED, ConfigurationError, has_role, optional
from jwtguard.django import DjangoGuard, requires
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import ADMIN, EXPIRED, GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import OutOfReach, guard_for_tests
from tests.adapters.django_site import _middleware, _urlconf, with_settings

Headers = tuple[tuple[str, str], ...]
View = Callable[[HttpRequest], HttpResponse]
TEMPLATE = (
    "{% if request.principal_or_none %}hello {{ request.principal_or_none.subject }}{% else %}stranger{% endif %}"
)
STRANGERS = [
    pytest.param({}, (), id="no token"),
    pytest.param({}, (bearer(EXPIRED),), id="an expired token"),
    pytest.param({}, (bearer(GOOD), bearer(GOOD)), id="two tokens"),
    pytest.param({"keys": OutOfReach()}, (bearer(GOOD),), id="keys out of reach"),
]
both = pytest.mark.parametrize("is_asgi", [False, True], ids=["WSGI", "ASGI"])


def page(request: HttpRequest, exception: object = None) -> HttpResponse:
    """A page that shows the caller."""
    return HttpResponse(engines["django"].from_string(TEMPLATE).render({}, request))


def reading(request: HttpRequest, exception: object = None) -> HttpResponse:
    """A page that reads the caller."""
    return HttpResponse(request.principal.subject)  # type: ignore[attr-defined]


def failing(request: HttpRequest) -> HttpResponse:
    """A view that raises."""
    raise RuntimeError("unforeseen")


class Showing:
    """A middleware of the project's own, outside ours, that shows the caller."""

    sync_capable, async_capable = True, False

    def __init__(self, get_response: Any) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: HttpResponse = self.get_response(request)
        caller = request.principal_or_none  # type: ignore[attr-defined]
        response.headers["X-Caller"] = "stranger" if caller is None else caller.subject
        return response


class Reading(Showing):
    """One that reads the caller, inside ours."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return reading(request)


def ask(
    target: str,
    headers: Headers = (),
    *,
    views: dict[str, Any] | None = None,
    handler: View = page,
    middlewares: list[str] | None = None,
    is_asgi: bool = False,
    **settings: Any,
) -> RawAnswer:
    """Send one request to a project with these views and one handler for its error pages."""
    shown = {"": page, "failing": failing, "reading": reading, **(views or {})}
    urls = _urlconf([path(route, view) for route, view in shown.items()])
    vars(urls)["handler404"] = vars(urls)["handler403"] = handler
    vars(urls)["handler500"] = lambda request: HttpResponse(handler(request), status=500)
    if middlewares is None:
        middlewares = [_middleware("RequestAuth", guard_for_tests(rules=UNCHECKED, **settings))]
    changed = {"ROOT_URLCONF": urls, "MIDDLEWARE": middlewares, "DEBUG": False, "APPEND_SLASH": False}
    client = (asgi_client if is_asgi else wsgi_client)(with_settings(changed, is_asgi=is_asgi))
    return client(RawRequest(target=f"/{target}", headers=headers))


def showing(*inner: str) -> list[str]:
    """Middlewares with the project's own around them."""
    return [f"{__name__}.Showing", *inner]


@both
@pytest.mark.parametrize("target", ["", "failing", "nowhere"])
@pytest.mark.parametrize(("settings", "headers"), STRANGERS)
def test_strangers(settings: dict[str, Any], headers: Headers, target: str, *, is_asgi: bool) -> None:
    """A stranger is shown as one, on error pages and in middlewares too, and nothing raises."""
    middlewares = showing(_middleware("RequestAuth", guard_for_tests(rules=UNCHECKED, **settings)))
    answer = ask(target, headers, middlewares=middlewares, is_asgi=is_asgi)
    assert (answer.body, answer.header("X-Caller")) == (b"stranger", "stranger")


@both
@pytest.mark.parametrize("target", ["", "failing", "nowhere"])
def test_callers(target: str, *, is_asgi: bool) -> None:
    """There a caller is shown, too."""
    middlewares = showing(_middleware("RequestAuth", guard_for_tests(rules=UNCHECKED)))
    answer = ask(target, (bearer(GOOD),), middlewares=middlewares, is_asgi=is_asgi)
    assert (answer.body, answer.header("X-Caller")) == (b"hello user-1", "user-1")


@pytest.mark.parametrize("guards", [0, 2])
def test_no_guard_or_several(guards: int) -> None:
    """Where no guard or more than one is in front, there is no caller outside `requires`."""
    middlewares = [_middleware(f"RequestAuth{number}", guard_for_tests(rules=UNCHECKED)) for number in range(guards)]
    assert ask("", (bearer(GOOD),), middlewares=middlewares).body == b"stranger"


def test_the_innermost_requires() -> None:
    """The caller is that of the innermost `requires` around the running view."""
    auth = DjangoGuard(guard_for_tests())

    def view(request: HttpRequest) -> HttpResponse:
        caller, known = request.principal_or_none, auth.caller(request)  # type: ignore[attr-defined]
        return JsonResponse([None if each is None else each.subject for each in (caller, known)], safe=False)

    views = {
        "any": auth.requires(optional)(view),
        "known": auth.requires()(view),
        "open": view,
    }
    assert ask("known", (bearer(GOOD),), views=views, middlewares=[]).json() == ["user-1", "user-1"]
    assert ask("any", views=views, middlewares=[]).json() == [None, None]
    assert ask("open", (bearer(GOOD),), views=views, middlewares=[]).json() == [None, None]


# Reading an absent caller.


@both
@pytest.mark.parametrize("target", ["reading", "nowhere", "failing"])
@pytest.mark.parametrize(("headers", "challenge"), [((), 'Bearer realm="api"'), ((bearer(EXPIRED),), "invalid_token")])
def test_reading_an_absent_caller(target: str, headers: Headers, challenge: str, *, is_asgi: bool) -> None:
    """The answer is the finished refusal wherever it was read: in a view or an error page."""
    answer = ask(target, headers, handler=reading, is_asgi=is_asgi)
    assert (answer.status, challenge in str(answer.header("WWW-Authenticate"))) == (401, True)
    assert answer.json()["status"] == 401


@both
def test_reading_in_a_middleware(*, is_asgi: bool) -> None:
    """Reading the principal in a middleware inside the guard's, without a token, is a 401."""
    middlewares = [_middleware("RequestAuth", guard_for_tests(rules=UNCHECKED)), f"{__name__}.Reading"]
    assert ask("", middlewares=middlewares, is_asgi=is_asgi).status == 401


@both
def test_other_errors_stay_errors(*, is_asgi: bool) -> None:
    """A refusal that a view caught changes no answer, and an error of the program stays one."""

    def catching(request: HttpRequest) -> HttpResponse:
        try:
            return reading(request)
        except Exception:
            raise RuntimeError("unforeseen") from None

    def misled(request: HttpRequest) -> HttpResponse:
        raise ConfigurationError("set up wrongly")

    views = {"catching": catching, "misled": misled}
    assert [ask(target, views=views, is_asgi=is_asgi).status for target in views] == [500, 500]


def test_an_error_page_that_is_set_up_wrongly() -> None:
    """An error of the program that Django's page for errors raises is passed on."""

    def misled(request: HttpRequest, exception: object = None) -> HttpResponse:
        raise ConfigurationError("set up wrongly")

    with pytest.raises(ConfigurationError, match="set up wrongly"):
        ask("failing", handler=misled)  # Under WSGI: Django's ASGI handler would leave the request's body open.


def test_a_signal_without_a_request() -> None:
    """Django's signal for errors may come without a request, from other packages."""
    sent = got_request_exception.send(sender=None, request=None)
    assert [outcome for _, outcome in sent] == [None] * len(sent)


# REST framework.


def test_requires_below_api_view() -> None:
    """`requires` below `api_view` guards REST framework's request, and its caller is the one of Django's."""

    @api_view(["GET", "POST"])
    @authentication_classes([])
    @requires(has_role("admin"), guard=guard_for_tests())
    def inner(request: Any) -> Response:
        return Response({"subject": request.principal.subject, "asked": request.principal_or_none.subject})

    @requires(guard=guard_for_tests())
    @api_view(["GET"])
    @authentication_classes([])
    def outer(request: Any) -> Response:
        return Response({"subject": request.principal.subject})

    views = {"inner": inner, "outer": outer}
    assert [ask(target, views=views, middlewares=[]).status for target in views] == [401, 401]
    assert ask("inner", (bearer(GOOD),), views=views, middlewares=[]).status == 403
    assert ask("inner", (bearer(ADMIN),), views=views, middlewares=[]).json() == {
        "subject": "user-1",
        "asked": "user-1",
    }
    assert ask("outer", (bearer(GOOD),), views=views, middlewares=[]).json() == {"subject": "user-1"}


@pytest.mark.parametrize("is_behind", [False, True])
def test_asking_in_rest_framework(*, is_behind: bool) -> None:
    """A view that anybody may call asks for a caller without an error, behind a middleware or not."""
    guard = guard_for_tests(rules=UNCHECKED)
    auth = DjangoGuard(guard)

    @api_view(["GET"])
    @authentication_classes([authentication(guard)])
    def view(request: Any) -> Response:
        known = auth.caller(request)
        return Response([request.principal_or_none is None, known is None])

    middlewares = [_middleware("RequestAuth", guard)] if is_behind else []
    assert ask("view", views={"view": view}, middlewares=middlewares).json() == [True, True]
    assert ask("view", (bearer(GOOD),), views={"view": view}, middlewares=middlewares).json() == [False, False]
