"""Django's cache beside a guard: one user never gets the page that is kept for another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest
from django.core.cache import cache
from django.core.checks import run_checks
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.middleware.cache import CacheMiddleware, FetchFromCacheMiddleware, UpdateCacheMiddleware
from django.test.utils import override_settings
from django.urls import path
from django.utils.cache import patch_vary_headers
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_headers

from jwtguard import UNCHECKED, AuthorizationHeader, Guard, TokenCookie, TokenHeader, optional, public
from jwtguard.django import GuardMiddleware, requires
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import EXPIRED, bearer, cookie, token
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.adapters.django_site import CSRF

GUARD = guard_for_tests(
    tokens_from=[AuthorizationHeader(), TokenCookie(), TokenHeader("X-Token", from_proxy=False)], rules=UNCHECKED
)
MIDDLEWARE = "jwtguard.django.GuardMiddleware"
UPDATE, FETCH, BOTH = (
    f"django.middleware.cache.{name}"
    for name in ("UpdateCacheMiddleware", "FetchFromCacheMiddleware", "CacheMiddleware")
)
IN_MEMORY = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": __name__}}
CAROL, DAVE = token(subject="carol"), token(subject="dave")
PLACES: dict[str, Callable[[str], tuple[str, str]]] = {
    "bearer": bearer,
    "cookie": cookie,
    "header": lambda text: ("X-Token", text),
}
Ask = Callable[..., RawAnswer]


@contextmanager
def serving(view: Any, middleware: Sequence[str], *, guard: Guard = GUARD, is_asgi: bool = False) -> Iterator[Ask]:
    """Serve `view` with an empty cache; gives a function that gets."""
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("", view)]
    settings = {
        "ROOT_URLCONF": urls,
        "MIDDLEWARE": list(middleware),
        "CACHES": IN_MEMORY,
        "CACHE_MIDDLEWARE_SECONDS": 60,
        "JWTGUARD": guard,
    }
    with override_settings(**settings):
        cache.clear()
        handler: Any = ASGIHandler() if is_asgi else WSGIHandler()
        client = asgi_client(handler) if is_asgi else wsgi_client(handler)

        def ask(*headers: tuple[str, str], target: str = "/", method: str = "GET") -> RawAnswer:
            return client(RawRequest(method=method, target=target, headers=[("Host", "api.example"), *headers]))

        yield ask


@pytest.mark.parametrize("is_asgi", [False, True])
@pytest.mark.parametrize("place", PLACES)
def test_the_page_of_another(place: str, *, is_asgi: bool) -> None:
    """Behind both halves of the cache, Carol's page comes from the cache for Carol alone, and as long as her token."""
    runs: list[str | None] = []

    def view(request: HttpRequest) -> HttpResponse:
        caller = request.principal  # type: ignore[attr-defined]
        runs.append(caller.subject)
        return HttpResponse(f"for {caller.subject}")

    with serving(view, [UPDATE, CSRF, MIDDLEWARE, FETCH], is_asgi=is_asgi) as ask:
        for _ in range(2):
            assert ask(PLACES[place](CAROL)).body == b"for carol"
            assert ask(PLACES[place](DAVE)).body == b"for dave"
            assert ask().status == 401
            assert ask(PLACES[place](EXPIRED)).status == 401
    assert runs == ["carol", "dave"]


@pytest.mark.parametrize("is_asgi", [False, True])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("order", ["outside", "inside with vary_on_headers"])
def test_cache_page(place: str, order: str, *, is_asgi: bool) -> None:
    """`cache_page` is safe around `requires`, and inside it together with `vary_on_headers`."""
    runs: list[str | None] = []

    def view(request: HttpRequest) -> HttpResponse:
        caller = request.principal  # type: ignore[attr-defined]
        runs.append(caller.subject)
        return HttpResponse(f"for {caller.subject}")

    guarded: Any = cache_page(60)(requires()(view))
    if order != "outside":
        guarded = requires()(cache_page(60)(vary_on_headers("Authorization", "Cookie", "X-Token")(view)))
    with serving(guarded, [], is_asgi=is_asgi) as ask:
        for _ in range(2):
            assert ask(PLACES[place](CAROL)).body == b"for carol"
            assert ask(PLACES[place](DAVE)).body == b"for dave"
            assert ask().status == 401
    assert runs == ["carol", "dave"]


def _plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


def _varying(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("hello")
    patch_vary_headers(response, ["Accept-Language", "cookie"])
    return response


def _anything(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello", headers={"Vary": "*"})


def _streamed(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"hello"

    return StreamingHttpResponse(parts() if hasattr(request, "scope") else [b"hel", b"lo"])


def _moved(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect("/elsewhere")


def _unchanged(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=304)


def _missing(request: HttpRequest) -> HttpResponse:
    raise Http404


def _failing(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("unforeseen")


ALL = "Authorization, Cookie, X-Token"


@pytest.mark.parametrize("is_asgi", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("view", "status", "vary"),
    [
        (_plain, 200, ALL),
        (_varying, 200, "Accept-Language, cookie, Authorization, X-Token"),
        (_anything, 200, "*"),
        (_streamed, 200, ALL),
        (_moved, 302, ALL),
        (_unchanged, 304, ALL),
        (_missing, 404, ALL),
        (_failing, 500, ALL),
    ],
)
def test_responses_behind_the_middleware(view: Any, status: int, vary: str, method: str, *, is_asgi: bool) -> None:
    """Every response and error of a view names in Vary where the middleware looked, with a token and without."""
    with serving(view, [MIDDLEWARE], is_asgi=is_asgi) as ask:
        for headers in ([], [bearer(CAROL)]):
            answer = ask(*headers, method=method)
            assert (answer.status, answer.header("Vary")) == (status, vary)


@pytest.mark.parametrize("is_asgi", [False, True])
@pytest.mark.parametrize(
    ("view", "status", "vary"),
    [
        (_plain, 200, ALL),
        (_varying, 200, "Accept-Language, cookie, Authorization, X-Token"),
        (_anything, 200, "*"),
        (_streamed, 200, ALL),
        (_moved, 302, ALL),
    ],
)
def test_responses_of_a_decorator_alone(view: Any, status: int, vary: str, *, is_asgi: bool) -> None:
    """Without the middleware the decorator says it, of what the view returns."""
    with serving(requires(optional)(view), [], is_asgi=is_asgi) as ask:
        assert (ask().status, ask().header("Vary")) == (status, vary)
    with serving(requires(public)(_plain), [], is_asgi=is_asgi) as ask:
        assert ask(bearer(CAROL)).header("Vary") is None


def test_a_view_that_returns_nothing() -> None:
    """Django says what is wrong with such a view."""

    def nothing(request: HttpRequest) -> None:
        return None

    with serving(requires(optional)(nothing), []) as ask:
        assert ask().status == 500


def test_a_refusal_of_djangos_own_check() -> None:
    """The page of Django's CSRF check depends on the token, too."""
    with serving(requires(optional)(_plain), [CSRF]) as ask:
        answer = ask(method="POST")
        assert (answer.status, answer.header("Vary")) == (403, ALL)


# The order of middlewares.


class Second(GuardMiddleware):
    """A second guard."""

    guard = GUARD


class OwnUpdate(UpdateCacheMiddleware):
    """A project's own."""


class OwnFetch(FetchFromCacheMiddleware):
    """A project's own."""


class OwnBoth(CacheMiddleware):
    """A project's own."""


def function_middleware(get_response: Any) -> Any:
    """A middleware that is a function."""
    return get_response


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        ([], []),
        ([UPDATE, FETCH], []),
        ([MIDDLEWARE], []),
        ([UPDATE, MIDDLEWARE, FETCH], []),
        ([f"{__name__}.OwnUpdate", f"{__name__}.function_middleware", MIDDLEWARE, f"{__name__}.OwnFetch"], []),
        ([MIDDLEWARE, UPDATE, FETCH], ["jwtguard.E301"]),
        ([UPDATE, FETCH, MIDDLEWARE], ["jwtguard.E302"]),
        ([FETCH, MIDDLEWARE, UPDATE], ["jwtguard.E301", "jwtguard.E302"]),
        ([MIDDLEWARE, f"{__name__}.OwnUpdate"], ["jwtguard.E301"]),
        ([f"{__name__}.OwnFetch", MIDDLEWARE], ["jwtguard.E302"]),
        ([MIDDLEWARE, BOTH], ["jwtguard.E301"]),
        ([f"{__name__}.OwnBoth", MIDDLEWARE], ["jwtguard.E302"]),
        ([MIDDLEWARE, UPDATE, f"{__name__}.Second", FETCH], ["jwtguard.E301"]),
        ([UPDATE, MIDDLEWARE, FETCH, f"{__name__}.Second"], ["jwtguard.E302"]),
    ],
)
def test_order(middleware: list[str], expected: list[str]) -> None:
    """Every guard stands between the two halves of the cache, or the check says which half is on the wrong side."""
    with override_settings(MIDDLEWARE=middleware, JWTGUARD=GUARD):
        found = [str(message.id) for message in run_checks() if str(message.id).startswith("jwtguard.E3")]
    assert found == expected
