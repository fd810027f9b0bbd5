"""What is Django's own: views of every kind, the middleware, `request.principal`, `request.user`, templates."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, iscoroutinefunction
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import RequestFactory
from django.test.utils import override_settings
from django.urls import path
from django.utils.decorators import method_decorator
from django.views import View

from jwtguard import (
    UNCHECKED,
    ConfigurationError,
    Event,
    InvalidTokenError,
    MissingTokenError,
    Principal,
    Rule,
    Rules,
    TokenHeader,
    has_role,
    optional,
    public,
)
from jwtguard.django import DjangoGuard, GuardMiddleware, default_guard, requires
from jwtguard.django.requests import request_auth_of
from jwtguard.django.settings import user_of
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import ABSENT, ADMIN, EXPIRED, GOOD, bearer, token
from jwtguard.testing.conformance.adapter_sites import AUDIENCE, ISSUER, OTHER_KEY, guard_for_tests
from tests.adapters.django_site import CSRF
from tests.adapters.fetched_keys import FetchedKeys

SECRET = "a secret for tests, known to all"
CONFIG = {
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "keys": {"secret": SECRET, "kid": "main"},
    "rules": "UNCHECKED",
    "clock": lambda: 1.8e9,
}
MIDDLEWARE = "jwtguard.django.GuardMiddleware"
GUARD = guard_for_tests(rules=UNCHECKED)
OTHER = guard_for_tests(OTHER_KEY, rules=UNCHECKED)
RULED = guard_for_tests(rules=Rules([Rule("/public", public), Rule("/admin", has_role("admin"))]))
THEIRS = token(key=OTHER_KEY, subject="user-2")
NOT_A_GUARD = "not a guard"


class OtherMiddleware(GuardMiddleware):
    """The middleware of the second guard."""

    guard = OTHER


@pytest.fixture(autouse=True)
def _no_settings() -> Iterator[None]:
    """Each test starts without our settings, whatever the one before it left."""
    with override_settings(MIDDLEWARE=[], APPEND_SLASH=False):
        yield


def hello(request: HttpRequest) -> HttpResponse:
    """A view that says who is calling."""
    principal: Principal | None = request.principal  # type: ignore[attr-defined]
    return HttpResponse("anonymous" if principal is None else principal.subject)


def ok(request: HttpRequest) -> HttpResponse:
    """A view that does not care."""
    return HttpResponse("ok")


async def hello_async(request: HttpRequest) -> HttpResponse:
    """The same, as a coroutine."""
    return hello(request)


@contextmanager
def serving(view: Any, *middleware: str, **changed: Any) -> Iterator[Callable[..., RawAnswer]]:
    """Serve `view` at every path, under WSGI or, with `asgi=True`, under ASGI; gives a function that asks."""
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("<path:rest>", _without_rest(view)), path("", view)]
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=list(middleware), **changed):

        def ask(
            target: str = "/", *headers: tuple[str, str], method: str = "GET", asgi: bool = False, **more: Any
        ) -> RawAnswer:
            client = asgi_client(ASGIHandler()) if asgi else wsgi_client(WSGIHandler())
            return client(RawRequest(method=method, target=target, headers=headers, **more))

        yield ask


def _without_rest(view: Any) -> Any:
    def called(request: HttpRequest, rest: str) -> Any:
        return view(request)

    async def called_async(request: HttpRequest, rest: str) -> Any:
        return await view(request)

    return called_async if asyncio.iscoroutinefunction(view) else called


# Views of every kind.


class Page(View):
    """A class-based view."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return hello(request)


class AsyncPage(View):
    """A class-based view whose handlers are coroutines."""

    async def get(self, request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0)
        return hello(request)


@method_decorator(requires(guard=GUARD), name="dispatch")
class DecoratedPage(Page):
    """A class-based view, decorated in Django's other way."""


@method_decorator(requires(guard=GUARD), name="dispatch")
class DecoratedAsyncPage(AsyncPage):
    """An async one."""


class DecoratedMethod(Page):
    """One method is decorated."""

    @method_decorator(requires(guard=GUARD))
    def get(self, request: HttpRequest) -> HttpResponse:
        return hello(request)


guarded = requires(guard=GUARD)


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize(
    "view",
    [
        guarded(hello),
        guarded(hello_async),
        guarded(Page.as_view()),
        guarded(AsyncPage.as_view()),
        DecoratedPage.as_view(),
        DecoratedAsyncPage.as_view(),
        DecoratedMethod.as_view(),
    ],
)
def test_views(view: Any, *, asgi: bool) -> None:
    """Function and class-based views, sync and async, are guarded alike under WSGI and ASGI."""
    with serving(view) as ask:
        assert ask("/", bearer(GOOD), asgi=asgi).body == b"user-1"
        refused = ask(asgi=asgi)
    assert (refused.status, refused.header("WWW-Authenticate")) == (401, ABSENT)
    assert refused.header("Content-Type") == "application/problem+json"


def test_view_keeps_its_arguments() -> None:
    """The arguments that the URL captured reach the view."""

    @requires(guard=GUARD)
    def user(request: HttpRequest, number: int, *, kind: str = "") -> HttpResponse:
        return HttpResponse(f"{number + 1}{kind}")

    with serving(lambda request: user(request, 1, kind="x")) as ask:
        assert ask("/", bearer(GOOD)).body == b"2x"
    assert (user.__name__, Page.as_view().__name__) == ("user", guarded(Page.as_view()).__name__)


def test_decorating_a_class() -> None:
    """Decorating the class itself is refused at once, with what to write instead."""
    with pytest.raises(ConfigurationError, match=r"Page is a class: decorate what its as_view\(\) returns"):
        requires()(Page)


def test_decorating_a_plain_method() -> None:
    """A method that is decorated like a function gets no request first; the error says what to write."""

    class Wrong(View):
        """A view."""

        get: Any = requires(guard=GUARD)(hello)

    with pytest.raises(ConfigurationError, match=r"found Wrong: decorate what a class's as_view\(\) returns"):
        Wrong.as_view()(RequestFactory().get("/"))


@pytest.mark.parametrize("make", [DjangoGuard, lambda wrong: requires(guard=wrong)])
def test_no_guard(make: Callable[[Any], object]) -> None:
    """A value that is no guard is refused when the view is decorated."""
    with pytest.raises(ConfigurationError, match=r"needs a guard: pass Guard\(...\), found str"):
        make("guard")


# Which guard.


@pytest.mark.parametrize("setting", [CONFIG, GUARD, f"{__name__}.GUARD", {**CONFIG, "audience": [AUDIENCE, "another"]}])
@pytest.mark.parametrize("middleware", [[], [MIDDLEWARE], [CSRF, MIDDLEWARE]])
def test_guard_of_the_settings(setting: Any, middleware: list[str]) -> None:
    """`JWTGUARD` is a mapping, a guard, or the dotted path of one; decorator and middleware go by it."""
    with serving(requires()(hello), *middleware, JWTGUARD=setting) as ask:
        assert (ask("/", bearer(GOOD)).body, ask().status) == (b"user-1", 401)


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        (None, "the setting JWTGUARD is missing: set JWTGUARD = "),
        (f"{__name__}.NOT_A_GUARD", "and that is no Guard: set JWTGUARD"),
        (f"{__name__}.NOWHERE", "which cannot be imported"),
        ("nowhere.guard", "which cannot be imported"),
        ("guard", "which cannot be imported"),
        (5, "the setting JWTGUARD is 5, and that is no Guard"),
        ({**CONFIG, "isuer": "x"}, "did you mean 'issuer'"),
    ],
)
def test_wrong_settings(setting: Any, match: str) -> None:
    """A wrong setting says what to write, and never lets anybody pass: not even the process starts with it."""
    with override_settings(JWTGUARD=setting):
        with pytest.raises(ConfigurationError, match=match):
            default_guard()
        with pytest.raises(ConfigurationError, match=match):
            GuardMiddleware(hello)
    with serving(requires()(hello), JWTGUARD=setting) as ask:
        assert ask("/", bearer(GOOD)).status == 500


def test_override_settings() -> None:
    """Settings that a test overrides count at once, and no longer than the override."""
    with override_settings(JWTGUARD=CONFIG):
        before = default_guard()
        assert default_guard() is before
        with override_settings(JWTGUARD=GUARD):
            assert default_guard() is GUARD
        assert (default_guard().issuer, default_guard() is GUARD) == (ISSUER, False)


def test_middleware_of_no_guard() -> None:
    """A middleware class whose guard is none fails when the process starts."""
    wrong = type("Wrong", (GuardMiddleware,), {"guard": "guard"})
    with pytest.raises(ConfigurationError, match="Wrong needs a guard"):
        wrong(hello)


def test_guard_of_the_middleware() -> None:
    """The shortcut goes by the one middleware in front, before the setting."""
    with serving(requires()(hello), f"{__name__}.OtherMiddleware", JWTGUARD=CONFIG) as ask:
        assert (ask("/", bearer(THEIRS)).body, ask("/", bearer(GOOD)).status) == (b"user-2", 401)


def test_two_middlewares() -> None:
    """With two guards in front the shortcut cannot choose; naming one decides."""
    both = (MIDDLEWARE, f"{__name__}.OtherMiddleware")
    with serving(requires()(hello), *both, JWTGUARD=CONFIG) as ask:
        assert ask("/", bearer(GOOD)).status == 500
    with serving(requires(guard=OTHER)(hello), *both, JWTGUARD=CONFIG) as ask:
        assert (ask("/", bearer(THEIRS)).body, ask("/", bearer(GOOD)).status) == (b"user-2", 401)
    with serving(hello, *both, JWTGUARD=CONFIG) as ask:
        assert ask("/", bearer(GOOD)).status == 500


# `request.principal`.


def test_principal_is_a_property() -> None:
    """`request.principal` cannot be set, so only a guard decides who is calling."""
    request = RequestFactory().get("/")
    with pytest.raises(AttributeError):
        request.principal = Principal(subject="forged")  # type: ignore[attr-defined]


def test_principal_in_the_wrong_place() -> None:
    """Without middleware and decorator the caller is unknown, and the error says what to add."""
    with pytest.raises(ConfigurationError, match=r"no jwtguard middleware.*auth\.principal"):
        hello(RequestFactory().get("/"))


def test_innermost_requires() -> None:
    """Inside `requires` it is the caller it let in; behind it, the one before."""
    auth, other = DjangoGuard(GUARD), DjangoGuard(OTHER)
    inner = other.requires(tokens_from=[TokenHeader("X-Token", from_proxy=False)])(hello)

    @auth.requires()
    def view(request: HttpRequest) -> HttpResponse:
        mine = auth.principal(request)
        assert mine is not None
        parts = [hello(request).content, inner(request).content, hello(request).content]
        return HttpResponse(b" ".join([*parts, (mine.subject or "").encode()]))

    with serving(view, MIDDLEWARE, JWTGUARD=GUARD) as ask:
        assert ask("/", bearer(GOOD), ("X-Token", THEIRS)).body == b"user-1 user-2 user-1 user-1"


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize("view", [hello, hello_async])
def test_reading_the_principal(view: Any, *, asgi: bool) -> None:
    """Behind a middleware that only identifies, reading the principal refuses; other views are not disturbed."""
    with serving(view, MIDDLEWARE, JWTGUARD=CONFIG) as ask:
        refused = ask(asgi=asgi)
        assert (refused.status, refused.header("WWW-Authenticate")) == (401, ABSENT)
        assert ask("/", bearer(GOOD), asgi=asgi).body == b"user-1"
    with serving(ok, MIDDLEWARE, JWTGUARD=CONFIG) as ask:
        assert ask("/", bearer(EXPIRED), asgi=asgi).status == 200


def test_errors_of_the_application_stay_errors() -> None:
    """A token that a view verifies for its own ends is the view's business."""

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(str(GUARD.verify(EXPIRED).run()))

    with serving(view, MIDDLEWARE, JWTGUARD=CONFIG) as ask:
        assert (ask("/", bearer(GOOD)).status, ask().status) == (500, 500)
    request = RequestFactory().get("/")
    with override_settings(JWTGUARD=CONFIG):
        middleware = GuardMiddleware(hello)
        middleware(RequestFactory().get("/", headers={"authorization": f"Bearer {GOOD}"}))
        for error in (InvalidTokenError("expired"), MissingTokenError(), ValueError("own")):
            assert middleware.process_exception(request, error) is None


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_template_that_is_rendered_later(*, is_async: bool, asgi: bool) -> None:
    """A template response is rendered after the view has returned, and still knows the view's caller."""
    template = engines["django"].from_string("hello {{ request.principal.subject }}")
    outer = DjangoGuard(OTHER)

    def page(request: HttpRequest) -> HttpResponseBase:
        return TemplateResponse(request, template)

    async def page_async(request: HttpRequest) -> HttpResponseBase:
        return page(request)

    inner: Any = requires(guard=GUARD)(page_async if is_async else page)
    view = outer.requires(optional, tokens_from=[TokenHeader("X-Token", from_proxy=False)])(inner)
    with serving(view) as ask:
        assert ask("/", bearer(GOOD), asgi=asgi).body == b"hello user-1"
        assert ask("/", bearer(GOOD), ("X-Token", THEIRS), asgi=asgi).body == b"hello user-1"


def test_rendered_template_ends_the_visit() -> None:
    """After the template was rendered, also inside the view, the principal is no longer held."""
    template = engines["django"].from_string("{{ request.principal.subject }}")

    def page(request: HttpRequest) -> HttpResponseBase:
        response = TemplateResponse(request, template)
        return response.render() if "now" in request.GET else response

    for query in ("", "?now=1"):
        request = RequestFactory().get(f"/{query}", headers={"authorization": f"Bearer {GOOD}"})
        response = requires(guard=GUARD)(page)(request)
        assert isinstance(response, TemplateResponse)
        assert response.render().content == b"user-1"
        with pytest.raises(ConfigurationError):
            hello(request)


# The middleware.


@pytest.mark.parametrize("asgi", [False, True])
@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("/public", [], 200),
        ("/", [], 401),
        ("/admin", [bearer(GOOD)], 403),
        ("/admin", [bearer(ADMIN)], 200),
        ("/unmatched/", [], 401),
    ],
)
def test_rules(target: str, headers: list[tuple[str, str]], status: int, *, asgi: bool) -> None:
    """With rules the middleware decides."""
    with serving(ok, MIDDLEWARE, JWTGUARD=RULED) as ask:
        assert ask(target, *headers, asgi=asgi).status == status


@pytest.mark.parametrize(
    ("asgi", "script", "target", "root_path", "status"),
    [
        (False, None, "/public", "/app", 200),
        (False, "/forced", "/public", "", 200),
        (False, "/public", "/other", "", 401),
        (False, "/forced", "/forced/public", "", 401),
        (True, None, "/public", "/app", 200),
        (True, "/forced", "/forced/public", "", 200),
        (True, "/public", "/public/other", "", 401),
    ],
)
def test_path_info(*, asgi: bool, script: str | None, target: str, root_path: str, status: int) -> None:
    """Rules go by the path that Django routes, also where `FORCE_SCRIPT_NAME` or the server has taken off a prefix."""
    with serving(ok, MIDDLEWARE, JWTGUARD=RULED, FORCE_SCRIPT_NAME=script) as ask:
        assert ask(target, asgi=asgi, root_path=root_path).status == status


def test_middleware_is_marked() -> None:
    """In an async stack Django sees that the middleware is async, and else that it is not."""
    with override_settings(JWTGUARD=GUARD):
        middlewares = [GuardMiddleware(hello_async), GuardMiddleware(hello)]
    assert [iscoroutinefunction(middleware) for middleware in middlewares] == [True, False]


class Hops:
    """Counts the threads that asgiref was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        original = SyncToAsync.__call__

        async def counted(this: Any, *args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return await original(this, *args, **kwargs)

        monkeypatch.setattr(SyncToAsync, "__call__", counted)


@pytest.mark.parametrize("decorated", [True, False])
@pytest.mark.parametrize("headers", [[bearer(GOOD)], []])
def test_no_thread_in_an_async_stack(
    monkeypatch: pytest.MonkeyPatch, headers: list[tuple[str, str]], *, decorated: bool
) -> None:
    """Where everything is async, neither middleware nor decorator takes a request to another thread."""
    threads: list[int] = []

    async def view(request: HttpRequest) -> HttpResponse:
        threads.append(threading.get_ident())
        return HttpResponse(status=200 if headers else 401)

    def hops(view: Any, *middleware: str) -> int:
        with serving(view, *middleware, JWTGUARD=GUARD) as ask, monkeypatch.context() as patched:
            counted = Hops(patched)
            assert ask("/", *headers, asgi=True).status == (200 if headers else 401)
        return counted.count

    # Django itself hops a few times, to send signals and to log what was refused: we add nothing to that.
    assert hops(requires(guard=GUARD)(view) if decorated else view, MIDDLEWARE) == hops(view)
    assert set(threads) == {threading.get_ident()}


@pytest.mark.parametrize("in_front", [True, False])
@pytest.mark.parametrize("is_async", [True, False])
def test_where_keys_are_fetched(*, is_async: bool, in_front: bool) -> None:
    """In an async stack a coroutine runs on the loop, and what blocks where Django's connections belong."""
    keys = FetchedKeys(is_async=is_async)
    guard = guard_for_tests(keys=keys, rules=UNCHECKED)
    view = hello_async if in_front else requires(guard=guard)(hello_async)
    with serving(view, *([MIDDLEWARE] if in_front else []), JWTGUARD=guard) as ask:
        assert ask("/", bearer(GOOD), asgi=True).body == b"user-1"
        assert [thread == threading.get_ident() for thread in keys.threads] == [is_async]


def test_async_keys_under_wsgi() -> None:
    """A sync stack cannot wait for an async key source: a server error, and no refusal that blames the client."""
    guard = guard_for_tests(keys=FetchedKeys(is_async=True), rules=UNCHECKED)
    for view, middleware in ((hello, [MIDDLEWARE]), (requires(guard=guard)(hello), [])):
        with serving(view, *middleware, JWTGUARD=guard) as ask:
            assert ask("/", bearer(GOOD)).status == 500


def test_raw_fields_under_asgi() -> None:
    """Under ASGI the raw fields are read, not Django's joined view of them and not its parsed cookies."""
    with serving(requires(guard=GUARD)(hello)) as ask:
        assert ask("/", bearer(GOOD), bearer(GOOD), asgi=True).status == 400
        assert ask("/", ("X_Authorization", "x"), bearer(GOOD), asgi=True).body == b"user-1"
        assert ask("/", ("Http-Authorization", f"Bearer {GOOD}"), asgi=True).status == 401


def test_events_are_told_once() -> None:
    """The decorator goes by what its middleware found, and verifies nothing again."""
    events: list[Event] = []
    guard = guard_for_tests(on_event=events.append, rules=UNCHECKED)
    with serving(requires()(requires()(hello)), MIDDLEWARE, JWTGUARD=guard) as ask:
        assert ask("/", bearer(GOOD)).status == 200
    assert [event.outcome for event in events] == ["accepted"]


# `request.user`.


class User:
    """A user, as a project's own function finds it."""

    is_authenticated = True

    def __init__(self, name: str | None) -> None:
        self.name = name


FOUND: list[str | None] = []


def find_user(principal: Principal) -> User | None:
    """A project's function for JWTGUARD_USER."""
    FOUND.append(principal.subject)
    return None if principal.subject == "user-2" else User(principal.subject)


def user_view(request: HttpRequest) -> HttpResponse:
    """A view that says what `request.user` is."""
    user: Any = getattr(request, "user", None)
    return JsonResponse([getattr(user, "name", None), getattr(user, "is_authenticated", None)], safe=False)


async def auser_view(request: HttpRequest) -> HttpResponse:
    """The same of `request.auser`."""
    user: Any = await request.auser()
    assert await request.auser() is user
    return JsonResponse([getattr(user, "name", None), user.is_authenticated], safe=False)


FINDING = {"JWTGUARD": GUARD, "JWTGUARD_USER": f"{__name__}.find_user"}


@pytest.mark.parametrize("middleware", [[], [MIDDLEWARE]])
@pytest.mark.parametrize("decorated", [True, False])
def test_user_by_opting_in(middleware: list[str], *, decorated: bool) -> None:
    """With `JWTGUARD_USER`, `request.user` is who the project's function finds, by middleware or decorator."""
    FOUND.clear()
    view = requires()(user_view) if decorated else user_view
    with serving(view, *middleware, **FINDING) as ask:
        found = ask("/", bearer(GOOD)).json()
    assert found == (["user-1", True] if middleware or decorated else [None, None])
    assert len(FOUND) == (1 if middleware or decorated else 0)


def test_no_user_without_opting_in() -> None:
    """Without the setting, `request.user` is none of our business."""
    with serving(requires()(user_view), MIDDLEWARE, JWTGUARD=GUARD) as ask:
        assert ask("/", bearer(GOOD)).json() == [None, None]


def test_a_view_that_raises_leaves_no_principal_behind() -> None:
    """After a sync or async view has raised, an error handler, for example, finds no principal."""

    def fails(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    async def fails_async(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    decorate = requires(guard=guard_for_tests())
    for view in (decorate(fails), lambda request: asyncio.run(decorate(fails_async)(request))):
        request = RequestFactory().get("/", headers=dict([bearer(GOOD)]))
        with pytest.raises(ZeroDivisionError):
            view(request)
        assert request_auth_of(request).admitted == []


def test_no_caller_has_no_user() -> None:
    """The function, which may ask a database, runs once for a caller, and without one never."""
    FOUND.clear()
    with serving(requires(optional)(user_view), MIDDLEWARE, **FINDING) as ask:
        assert ask().json() == [None, None]
        assert FOUND == []
        assert ask("/", bearer(GOOD)).json() == ["user-1", True]
    assert FOUND == ["user-1"]


def test_user_who_is_gone() -> None:
    """A caller whose user is not found is refused as one with a broken token."""
    with serving(requires(guard=OTHER)(user_view), **FINDING) as ask:
        assert ask("/", bearer(THEIRS)).status == 401


def test_user_of_the_innermost_requires() -> None:
    """Behind a decorator, the user is again the one before."""
    inner = requires(guard=GUARD, tokens_from=[TokenHeader("X-Token", from_proxy=False)])(user_view)

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(b"".join(response(request).content for response in (user_view, inner, user_view)))

    with serving(view, MIDDLEWARE, **FINDING) as ask:
        answer = ask("/", bearer(GOOD), ("X-Token", token(subject="user-3")))
    assert answer.body == b'["user-1", true]["user-3", true]["user-1", true]'


def test_auser() -> None:
    """`await request.auser()`, which Django's async decorators use, is the same user, found once."""
    FOUND.clear()
    with serving(auser_view, MIDDLEWARE, **FINDING) as ask:
        assert ask("/", bearer(GOOD), asgi=True).json() == ["user-1", True]
    assert FOUND == ["user-1"]


@pytest.mark.parametrize(
    ("setting", "match"),
    [
        (f"{__name__}.nowhere", "the setting JWTGUARD_USER is .* which cannot be imported"),
        (f"{__name__}.NOT_A_GUARD", "is no function of a principal"),
        (5, "the setting JWTGUARD_USER is 5"),
    ],
)
def test_wrong_user_setting(setting: Any, match: str) -> None:
    """A wrong `JWTGUARD_USER` is found when the process starts."""
    with override_settings(JWTGUARD=GUARD, JWTGUARD_USER=setting):
        with pytest.raises(ConfigurationError, match=match):
            user_of()
        with pytest.raises(ConfigurationError, match=match):
            GuardMiddleware(hello)


def test_user_setting_may_be_the_function() -> None:
    """The setting may also be the function itself."""
    with override_settings(JWTGUARD_USER=find_user):
        assert user_of() is find_user
    assert user_of() is None
