"""`requires` for function views and what `as_view()` returns, sync and async.

>>> from django.views.generic import TemplateView
>>> from jwtguard import has_role
>>> guarded = requires(has_role("admin"))(TemplateView.as_view(template_name="admin.html"))
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, ParamSpec, TypeVar, Unpack, cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.urls import URLPattern
from django.utils.module_loading import import_string
from django.views import View as ClassBasedView
from django.views.decorators.csrf import csrf_exempt

from jwtguard import endpoints as shipped
from jwtguard.core.access.requirements import Requirement, authenticated
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.http.token_sources import TokenSource
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.tokens.principal import Principal
from jwtguard.django.requests import (
    PROVEN,
    admitting,
    django_request,
    perform,
    read,
    refuse,
    request_auth_of,
    tell_caches,
)
from jwtguard.django.routes import metadata_pattern, url_patterns
from jwtguard.django.settings import default_guard, default_sessions, imported
from jwtguard.django.user_lookup import user_finder
from jwtguard.endpoints.mounting import endpoints_of
from jwtguard.guard import Guard
from jwtguard.request_auth import Checkpoint, check_guard, check_view
from jwtguard.view_metadata import ViewMetadata, attach, note

P = ParamSpec("P")
R = TypeVar("R")


class DjangoGuard:
    """The decorator of one guard: `auth = DjangoGuard(guard)`, then `@auth.requires(has_role("admin"))`.

    With `sessions` it has the `routes` of login and logout; `settings` are those of `EndpointSettings`, and without
    `authenticate` Django's own checks passwords.
    """

    def __init__(
        self, guard: Guard, sessions: Sessions | None = None, **settings: Unpack[shipped.EndpointSettings]
    ) -> None:
        self.guard = check_guard(guard, "DjangoGuard")
        self.endpoints = endpoints_of(guard, sessions, settings)

    def routes(self, prefix: str = "/auth") -> list[URLPattern]:
        """The URL patterns of login, refresh, logout, the caller's sessions and the public keys, below `prefix`."""
        return self._patterns(prefix, shipped.ENDPOINTS)

    def jwks_route(self) -> URLPattern:
        """The URL pattern of the public keys alone, at `/.well-known/jwks.json`."""
        return self._patterns("", (shipped.JWKS,))[0]

    def metadata_route(self) -> URLPattern:
        """The URL pattern of the protected resource metadata (RFC 9728 §3), for the outermost `urlpatterns`."""
        return metadata_pattern(self.guard)

    def _patterns(self, prefix: str, mounted: Iterable[shipped.Endpoint]) -> list[URLPattern]:
        if self.endpoints is None:
            raise ConfigurationError(
                "the routes need sessions: set JWTGUARD_SESSIONS, or write DjangoGuard(guard, Sessions(...))"
            )
        return url_patterns(self.endpoints, prefix, mounted)

    def requires(
        self, requirement: Requirement = authenticated, *, tokens_from: Iterable[TokenSource] | None = None
    ) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Let only callers into a view that `requirement` admits; see `jwtguard.django.requires`."""
        return requires(requirement, tokens_from=tokens_from, guard=self.guard)

    def principal(self, request: HttpRequest) -> Principal | None:
        """The caller of a request as this guard knows it; raises the refusal if there is none."""
        return request_auth_of(django_request(request)).principal_of(self.guard)

    def caller(self, request: HttpRequest) -> Principal | None:
        """The same for asking whether there is a caller: None where there is none, whatever the reason."""
        return request_auth_of(django_request(request)).caller_of(self.guard)


def requires(
    requirement: Requirement = authenticated,
    *,
    tokens_from: Iterable[TokenSource] | None = None,
    guard: Guard | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only callers into a view that `requirement` admits.

    For functions and for what `as_view()` returns. `tokens_from` overrides where its token may travel. Without
    `guard`, that of the one middleware in front decides, else that of the `JWTGUARD` setting; where there is neither,
    the view raises `ConfigurationError` and never runs.
    """
    checkpoint = Checkpoint(requirement, tokens_from)
    if guard is not None:
        check_guard(guard, "requires")
    noted = ViewMetadata(requirement=checkpoint.requirement, tokens_from=checkpoint.tokens_from, guard=guard)

    def decorate(view: Callable[P, R]) -> Callable[P, R]:
        check_view(view, instead="decorate what its as_view() returns, as in requires(...)(MyView.as_view())")
        if _is_async(view):
            async_view = cast("Callable[..., Awaitable[HttpResponseBase]]", view)

            @functools.wraps(view)
            async def guarded_async(request: HttpRequest, /, *args: object, **kwargs: object) -> HttpResponseBase:
                http = django_request(request)
                chosen = guard if guard is not None and hasattr(http, "META") else guard_for(http, guard)
                request_auth = request_auth_of(http)
                try:
                    finder = user_finder(request_auth, chosen)
                    admission = await perform(checkpoint.admit(chosen, read(http), request_auth, finder))
                except JWTGuardError as error:
                    return refuse(http, chosen, error)
                is_proven = http.method in _HARMLESS or chosen.proves_origin(admission)
                # It may read a form or a session, which blocks.
                refused = None if is_proven else await sync_to_async(_check_csrf)(http, view)
                if refused is not None:
                    tell_caches(http, refused)
                    return refused
                with admitting(http, request_auth, chosen, admission.principal) as keep_until_rendered:
                    response = await async_view(request, *args, **kwargs)
                    keep_until_rendered(response)
                tell_caches(http, response)
                return response

            attach(guarded_async, noted)
            note(guarded_async)
            return cast("Callable[P, R]", _exempt(guarded_async))

        sync_view = cast("Callable[..., HttpResponseBase]", view)

        @functools.wraps(view)
        def guarded(request: HttpRequest, /, *args: object, **kwargs: object) -> HttpResponseBase:
            http = django_request(request)
            chosen = guard if guard is not None and hasattr(http, "META") else guard_for(http, guard)
            request_auth = request_auth_of(http)
            try:
                admission = checkpoint.admit(chosen, read(http), request_auth, user_finder(request_auth, chosen)).run()
            except JWTGuardError as error:
                return refuse(http, chosen, error)
            is_proven = http.method in _HARMLESS or chosen.proves_origin(admission)
            refused = None if is_proven else _check_csrf(http, view)
            if refused is not None:
                tell_caches(http, refused)
                return refused
            with admitting(http, request_auth, chosen, admission.principal) as keep_until_rendered:
                response = sync_view(request, *args, **kwargs)
                keep_until_rendered(response)
            tell_caches(http, response)
            return response

        attach(guarded, noted)
        note(guarded)
        return cast("Callable[P, R]", _exempt(guarded))

    return decorate


def _is_async(view: Callable[..., Any]) -> bool:
    """Whether calling `view` gives a coroutine."""
    # `method_decorator` hands over the bound `dispatch`, which is sync, and returns what the class's handlers return.
    instance = getattr(getattr(view, "func", None), "__self__", None)
    return iscoroutinefunction(view) or (isinstance(instance, ClassBasedView) and instance.view_is_async)


def guard_for(request: HttpRequest, guard: Guard | None) -> Guard:
    """The guard that was named, that of the one middleware in front, or that of the settings."""
    if not hasattr(request, "META"):
        raise ConfigurationError(
            f"`requires` guards functions of a request, and found {type(request).__name__}: decorate what a class's"
            ' as_view() returns, or its dispatch with @method_decorator(requires(...), name="dispatch")'
        )
    if guard is not None:
        return guard
    request_auth = request_auth_of(request)
    return request_auth.guard() if request_auth.has_middleware else default_guard()


_EXEMPT = "by jwtguard"
"""What we set `csrf_exempt` to: true for Django, and not what the project's own `csrf_exempt` says."""


def _exempt(view: Callable[..., Any]) -> Callable[..., Any]:
    """Take a view out of the checks of Django's middleware that would refuse a bearer client before the guard runs.

    The CSRF check runs later where the token needs it (`_check_csrf`). `LoginRequiredMiddleware` knows Django's session
    alone, and would redirect a caller with a valid token to the login page.
    """
    view.csrf_exempt = _EXEMPT  # type: ignore[attr-defined]
    return login_not_required(view)


def _is_exempt(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Whether the project took the view out of CSRF protection, below our decorator or above it."""
    routed = view if request.resolver_match is None else request.resolver_match.func
    marked = any(getattr(function, "csrf_exempt", False) not in {False, _EXEMPT} for function in (view, routed))
    # `csrf_exempt` around our decorator copies our metadata over its own, but is still there.
    return marked or _is_exempting(inspect.unwrap(routed, stop=_is_exempting))


def _is_exempting(function: Callable[..., Any]) -> bool:
    return getattr(function, "__code__", None) in _EXEMPTING


_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that Django's own check lets pass; before a view with another one it runs, unless a token let the caller in
that proves its origin."""


def _check_csrf(request: HttpRequest, view: Callable[..., Any]) -> HttpResponseBase | None:
    """What the project's CSRF middleware says, which `_exempt` kept out: None, or its refusal."""
    middleware = _csrf_middleware(tuple(settings.MIDDLEWARE))
    if middleware is None or _is_exempt(request, view):
        return None
    if getattr(request, "_dont_enforce_csrf_checks", False) == PROVEN:
        request._dont_enforce_csrf_checks = False  # type: ignore[attr-defined] # not by what this view goes by
    check = middleware(view)
    check.process_request(request)
    return check.process_view(request, view, (), {})


@functools.cache
def _csrf_middleware(paths: tuple[str, ...]) -> type[CsrfViewMiddleware] | None:
    """The CSRF middleware of the project, or its subclass; None if it has none, and no view of it is protected."""
    classes = map(import_string, paths)
    return next((found for found in classes if isinstance(found, type) and issubclass(found, CsrfViewMiddleware)), None)


_EXEMPTING = {csrf_exempt(function).__code__ for function in (_check_csrf, perform)}
"""What Django's `csrf_exempt` makes of a function, sync or async: the code of its wrapper, by which it is known."""


@functools.cache
def default_auth() -> DjangoGuard:
    """The guard of the settings, with the sessions if they name any.

    `JWTGUARD_SESSIONS` is a dotted path or `Sessions`, and `JWTGUARD_ROUTES` what `DjangoGuard` takes besides, with
    functions by dotted path or as they are.

    Raises `ConfigurationError` with what to write instead.
    """
    sessions = default_sessions()
    routes = getattr(settings, "JWTGUARD_ROUTES", {})
    if not isinstance(routes, Mapping):
        raise ConfigurationError(f'JWTGUARD_ROUTES is a mapping, as in {{"delivery": "cookies"}}, found {routes!r}')
    named: Any = {
        name: imported(f"JWTGUARD_ROUTES {name}", value)
        if name in {"authenticate", "before_login"} and isinstance(value, str)
        else value
        for name, value in routes.items()
    }
    return DjangoGuard(default_guard(), sessions, **named)


def _forget_auth(*, setting: str, **_: object) -> None:
    if setting.startswith("JWTGUARD"):
        default_auth.cache_clear()


# Django's tests change settings while it runs.
setting_changed.connect(_forget_auth, dispatch_uid="jwtguard.default_auth")
