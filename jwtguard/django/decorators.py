"""`requires` for function views and what `as_view()` returns, sync and async.

>>> from django.views.generic import TemplateView
>>> from jwtguard import has_role
>>> guarded = requires(has_role("admin"))(TemplateView.as_view(template_name="admin.html"))
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import URLPattern
from django.utils.module_loading import import_string

from jwtguard.callers import Checkpoint
from jwtguard.core.authorization import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.extraction import TokenSource
from jwtguard.core.principal import Principal
from jwtguard.core.sessions import Sessions
from jwtguard.django.requests import callers_of, perform, read, refuse
from jwtguard.django.settings import default_guard
from jwtguard.endpoints import ENDPOINTS, JWKS, Endpoint, Endpoints, EndpointSettings
from jwtguard.guard import Admission, Guard

P = ParamSpec("P")
R = TypeVar("R")
View = Callable[Concatenate[HttpRequest, P], R]


class DjangoGuard:
    """The decorator of one guard: `auth = DjangoGuard(guard)`, then `@auth.requires(has_role("admin"))`.

    With `sessions` it has the `routes` of login and logout; `settings` are those of `EndpointSettings`, and without
    `authenticate` Django's own checks passwords.
    """

    def __init__(self, guard: Guard, sessions: Sessions | None = None, **settings: Unpack[EndpointSettings]) -> None:
        if not isinstance(guard, Guard):
            raise ConfigurationError(f"DjangoGuard takes a Guard(...), found {guard!r}")
        self.guard = guard
        self.endpoints = Endpoints.of_adapter(guard, sessions, settings)

    def routes(self, prefix: str = "/auth") -> list[URLPattern]:
        """The URL patterns of login, refresh, logout, the caller's sessions and the public keys, below `prefix`."""
        return self._patterns(prefix, ENDPOINTS)

    def jwks_route(self) -> URLPattern:
        """The URL pattern of the public keys alone, at `/.well-known/jwks.json`."""
        return self._patterns("", (JWKS,))[0]

    def _patterns(self, prefix: str, mounted: Iterable[Endpoint]) -> list[URLPattern]:
        from jwtguard.django.routes import url_patterns  # noqa: PLC0415 - only where routes are wanted

        if self.endpoints is None:
            raise ConfigurationError(
                "the routes need sessions: set JWTGUARD_SESSIONS, or write DjangoGuard(guard, Sessions(...))"
            )
        return url_patterns(self.endpoints, prefix, mounted)

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Callable[[View[P, R]], View[P, R]]:
        """Let only callers into a view that `requirement` admits; see `jwtguard.django.requires`."""
        return requires(requirement, tokens_from=tokens_from, guard=self.guard)

    def principal(self, request: HttpRequest) -> Principal | None:
        """The caller of a request as this guard knows it; raises the refusal if there is none."""
        return callers_of(request).principal_of(self.guard)


def requires(
    requirement: Requirement = authenticated,
    *,
    tokens_from: Iterable[TokenSource] | None = None,
    guard: Guard | None = None,
) -> Callable[[View[P, R]], View[P, R]]:
    """Let only callers into a view that `requirement` admits.

    For functions and for what `as_view()` returns. `tokens_from` overrides where its token may travel. Without
    `guard`, the one of the `JWTGUARD` setting decides; without that the view raises `ConfigurationError`.
    """
    checkpoint = Checkpoint(requirement, tokens_from)

    def decorate(view: View[P, R]) -> View[P, R]:
        if isinstance(view, type):
            raise ConfigurationError(
                f"decorate what the class gives to the URLs: requires(...)({view.__name__}.as_view())"
            )
        if iscoroutinefunction(view):
            async_view = cast("View[P, Awaitable[HttpResponseBase]]", view)

            @functools.wraps(view)
            async def guarded_async(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
                chosen = _guard_for(request) if guard is None else guard
                try:
                    admission = await perform(checkpoint.admit(chosen, read(request), callers_of(request)))
                except JWTGuardError as error:
                    return refuse(request, chosen, error)
                if _needs_csrf_check(request, admission):
                    # It may read a form or a session, which blocks.
                    refused = await sync_to_async(_check_csrf)(request, view)
                    if refused is not None:
                        return refused
                with callers_of(request).admitting(chosen, admission.principal):
                    return await async_view(request, *args, **kwargs)

            return cast("View[P, R]", _exempt(guarded_async))

        @functools.wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> object:
            chosen = _guard_for(request) if guard is None else guard
            try:
                admission = checkpoint.admit(chosen, read(request), callers_of(request)).run()
            except JWTGuardError as error:
                return refuse(request, chosen, error)
            refused = _check_csrf(request, view) if _needs_csrf_check(request, admission) else None
            if refused is not None:
                return refused
            with callers_of(request).admitting(chosen, admission.principal):
                return view(request, *args, **kwargs)

        return cast("View[P, R]", _exempt(guarded))

    return decorate


def _guard_for(request: HttpRequest) -> Guard:
    """The guard of the one middleware in front, or that of the settings."""
    callers = callers_of(request)
    return callers.guard() if callers.has_middleware else default_guard()


def _exempt(view: Callable[..., Any]) -> Callable[..., Any]:
    """Take a view out of Django's CSRF middleware, which would refuse a bearer client before we can see its token."""
    view.csrf_exempt = True  # type: ignore[attr-defined]
    return view


def _needs_csrf_check(request: HttpRequest, admission: Admission) -> bool:
    """Whether Django's own check must run before the view: unless a token let the caller in that proves its origin."""
    return not admission.proves_origin and request.method not in {"GET", "HEAD", "OPTIONS", "TRACE"}


def _check_csrf(request: HttpRequest, view: Callable[..., Any]) -> HttpResponseBase | None:
    """What the project's CSRF middleware says, which `_exempt` kept out: None, or its refusal."""
    middleware = _csrf_middleware(tuple(settings.MIDDLEWARE))
    if middleware is None:
        return None
    check = middleware(_unused)
    check.process_request(request)
    return check.process_view(request, view, (), {})


@functools.cache
def _csrf_middleware(paths: tuple[str, ...]) -> type[CsrfViewMiddleware] | None:
    """The CSRF middleware of the project, or its subclass; None if it has none, and no view of it is protected."""
    classes = map(import_string, paths)
    return next((found for found in classes if isinstance(found, type) and issubclass(found, CsrfViewMiddleware)), None)


def _unused(_: HttpRequest) -> HttpResponseBase:
    raise AssertionError("the CSRF check is asked, not passed through")
