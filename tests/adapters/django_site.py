"""The sites of the conformance cases as Django applications: settings, URLs and handlers of one process."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.test.utils import override_settings
from django.urls import path
from django.views import View

from jwtguard.django import DjangoGuard, GuardMiddleware
from jwtguard.testing import Route, Site

if not settings.configured:
    settings.configure(
        SECRET_KEY="a secret for tests, known to all",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="",
        MIDDLEWARE=[],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
            }
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "jwtguard.django",
        ],
        USE_TZ=True,
    )
    django.setup()

CSRF = "django.middleware.csrf.CsrfViewMiddleware"


def build(site: Site, *, is_asgi: bool, class_based: bool = False, csrf: bool = True) -> Any:
    """The site as a WSGI or ASGI application."""
    auth, other = DjangoGuard(site.guard), DjangoGuard(site.other)
    urls = [_url(other if route.by_other else auth, route, site, class_based) for route in site.routes]
    middleware = middlewares(site, CSRF) if csrf else middlewares(site)
    changed = {"ROOT_URLCONF": _urlconf(urls), "MIDDLEWARE": middleware, "APPEND_SLASH": False}
    return with_settings(changed, is_asgi=is_asgi)


def middlewares(site: Site, *more: str) -> list[str]:
    """The `MIDDLEWARE` of the site, outermost first."""
    other = [_middleware("Other", site.other)] if site.other_middleware else []
    first = [_middleware("First", site.guard)] if site.middleware else []
    return [*other, *first, *more]


def _middleware(name: str, guard: Any) -> str:
    # Settings name middleware by dotted path, and each site has guards of its own.
    globals()[name] = type(name, (GuardMiddleware,), {"guard": guard})
    return f"{__name__}.{name}"


def with_settings(changed: dict[str, Any], *, is_asgi: bool) -> Any:
    """A project with these settings as an application."""
    with override_settings(**changed):
        handler: Any = ASGIHandler() if is_asgi else WSGIHandler()
    if is_asgi:

        @functools.wraps(handler)
        async def asgi(scope: Any, receive: Any, send: Any) -> None:
            with override_settings(**changed):
                await handler(scope, receive, send)

        return asgi

    def wsgi(environ: Any, start_response: Any) -> Any:
        with override_settings(**changed):
            return handler(environ, start_response)

    return wsgi


def _url(auth: DjangoGuard, route: Route, site: Site, class_based: bool) -> Any:
    def caller(request: HttpRequest) -> HttpResponseBase:
        principal = request.principal  # type: ignore[attr-defined]
        return JsonResponse({"subject": None if principal is None else principal.subject})

    async def async_caller(request: HttpRequest) -> HttpResponseBase:
        return caller(request)

    class Caller(View):
        def get(self, request: HttpRequest) -> HttpResponseBase:
            return caller(request)

        post = get

    class AsyncCaller(View):
        async def get(self, request: HttpRequest) -> HttpResponseBase:
            return caller(request)

        post = get

    view: Any = async_caller if site.async_views else caller
    if class_based:
        view = (AsyncCaller if site.async_views else Caller).as_view()
    if route.requirement is not None:
        view = auth.requires(route.requirement, tokens_from=route.tokens_from)(view)
    return path(route.path.removeprefix("/"), view)


def _urlconf(urls: list[Any]) -> ModuleType:
    module = ModuleType("urls")
    vars(module)["urlpatterns"] = urls
    return module
