"""The middleware: knows the caller of each request, and enforces the guard's rules.

For a second guard, subclass it: `class AdminGuardMiddleware(GuardMiddleware): guard = admin_guard`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.apps import apps
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from jwtguard import endpoints as shipped
from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.flow import Flow, is_async
from jwtguard.django.decorators import DjangoGuard, default_auth
from jwtguard.django.requests import (
    PROVEN,
    perform,
    read,
    refuse,
    request_auth_of,
    show_user,
    tell_caches,
    unhandled,
    withhold,
)
from jwtguard.django.settings import APP, NOT_INSTALLED, user_of
from jwtguard.django.user_lookup import user_finder
from jwtguard.guard import Guard
from jwtguard.request_auth import EXEMPT, Entry, Pending, check_front, check_guard, finishing

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]

_UNASKED = "_jwtguard_unasked"


class GuardMiddleware:
    """`MIDDLEWARE = [..., "jwtguard.django.GuardMiddleware"]`. `guard` is the one of the settings by default.

    With `rules=UNCHECKED` it refuses nothing: `requires` on the views decides. A guard without `rules` is a
    `ConfigurationError`, and the system check `jwtguard.E005`.

    Given a `DjangoGuard`, or `JWTGUARD_SESSIONS` in the settings, it lets those routes pass that read no access token,
    and renews silently where that is on.
    """

    sync_capable = True
    async_capable = True
    guard: ClassVar[Guard | DjangoGuard | None] = None

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if not apps.is_installed(APP):
            raise ConfigurationError(f'{NOT_INSTALLED} (jwtguard.E006): write INSTALLED_APPS = [..., "{APP}"]')
        own = type(self).guard
        if own is None:
            auth = default_auth()
        else:
            auth = own if isinstance(own, DjangoGuard) else DjangoGuard(check_guard(own, type(self).__name__))
        self._guard, self._endpoints = check_front(auth.guard, type(self).__name__), auth.endpoints
        self._is_async = iscoroutinefunction(get_response)
        find_user = user_of()  # Raises what is wrong with it, before the first request.
        if find_user is not None and is_async(find_user) and not self._is_async:
            raise ConfigurationError(
                "the function of JWTGUARD_USER is async, and this stack of middlewares is not: serve the project with"
                " ASGI and async middlewares, or set a function that is not async"
            )
        if self._is_async:
            markcoroutinefunction(self)
        if self._endpoints is not None:  # Else no request is let pass unasked, and Django need not call it.
            # Django calls a hook that is not async in a thread, for each request of an async stack.
            self.process_view = self._process_view_async if self._is_async else self._process_view

    @classmethod
    def own_guard(cls) -> Guard | None:
        """The guard that the class names; None for the one of the settings."""
        return cls.guard.guard if isinstance(cls.guard, DjangoGuard) else cls.guard

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer a request; a coroutine where the stack is async, so that no thread is needed."""
        if self._endpoints is not None and self._endpoints.refresh_cookie is not None:
            withhold(request, self._endpoints.refresh_cookie)
        if self._is_async:
            return self._answer_async(request)
        try:
            self._keep(request, self._enter(request, is_exempt=self._exempts(request)).run())
        except JWTGuardError as error:
            refusal = error if self._endpoints is None else _missed(request, self._guard, error)
            response: HttpResponseBase = refuse(request, self._guard, refusal)
        else:
            try:
                response = cast("HttpResponseBase", self.get_response(request))
            except JWTGuardError as error:
                response = self._refusal(request, error)
            response = unhandled(request, self._guard) or response
        pending = () if self._endpoints is None else request_auth_of(request).take_pending()
        response = _finished(response, pending).run() if pending else response
        tell_caches(request, response)
        return response

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        try:
            self._keep(request, await perform(self._enter(request, is_exempt=self._exempts(request))))
        except JWTGuardError as error:
            refusal = error if self._endpoints is None else _missed(request, self._guard, error)
            response: HttpResponseBase = refuse(request, self._guard, refusal)
        else:
            try:
                response = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
            except JWTGuardError as error:
                response = self._refusal(request, error)
            response = unhandled(request, self._guard) or response
        pending = () if self._endpoints is None else request_auth_of(request).take_pending()
        response = await perform(_finished(response, pending)) if pending else response
        tell_caches(request, response)
        return response

    def _refusal(self, request: HttpRequest, error: JWTGuardError) -> HttpResponseBase:
        """The refusal that Django's page for errors raised; raises what is not ours."""
        refused = unhandled(request, self._guard, error)
        if refused is None:
            raise error
        return refused

    def _enter(self, request: HttpRequest, *, is_exempt: bool = False) -> Flow[Entry]:
        renew = None if self._endpoints is None else self._endpoints.renew(request_auth_of(request).put_off)
        find_user = user_finder(request_auth_of(request), self._guard)
        return self._guard.enter(read(request), renew=renew, find_user=find_user, is_exempt=is_exempt)

    def _exempts(self, request: HttpRequest) -> bool:
        """Whether the view of a request reads no access token; remembers that no token was asked for."""
        if self._endpoints is None or not _is_exempt(request, self._guard):
            return False
        request.__dict__.setdefault(_UNASKED, []).append(self._guard)
        return True

    def _was_misled(self, request: HttpRequest, view: object) -> bool:
        """Whether the request was let pass for a view other than the one that is to run: a middleware further in may
        have changed the path or the URLs.
        """
        return self._guard in request.__dict__.get(_UNASKED, ()) and getattr(view, EXEMPT, None) is not self._guard

    def _process_view(self, request: HttpRequest, view: object, *_: object) -> HttpResponseBase | None:
        if self._was_misled(request, view):
            try:
                self._keep(request, self._enter(request).run())
            except JWTGuardError as error:
                return refuse(request, self._guard, error)
        return None

    async def _process_view_async(self, request: HttpRequest, view: object, *_: object) -> HttpResponseBase | None:
        if self._was_misled(request, view):
            try:
                self._keep(request, await perform(self._enter(request)))
            except JWTGuardError as error:
                return refuse(request, self._guard, error)
        return None

    def _keep(self, request: HttpRequest, entry: Entry) -> None:
        request_auth_of(request).keep(self._guard, entry)
        if self._guard.proves_origin(entry):
            # No other site could have sent this token, so Django need not ask the same again, and a bearer client
            # has no CSRF cookie. In every other case its own check runs.
            request._dont_enforce_csrf_checks = PROVEN  # type: ignore[attr-defined]
        show_user(request, entry.principal)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer with the refusal that reading `request.principal` raised; other errors are not ours."""
        if isinstance(exception, JWTGuardError) and request_auth_of(request).is_kept(self._guard, exception):
            return refuse(request, self._guard, exception)
        return None


def _is_exempt(request: HttpRequest, guard: Guard) -> bool:
    """Whether the view that `request` is for reads no access token of `guard`: as far as can be told before it runs.

    Whatever the method: to another than its own, the view itself answers 405.
    """
    return bool(_methods_of(request, guard, request.path_info))


def _missed(request: HttpRequest, guard: Guard, refusal: JWTGuardError) -> JWTGuardError:
    """What to answer a request that rules refuse: see `jwtguard.endpoints.missed`."""
    return shipped.missed(request.path_info, partial(_methods_of, request, guard), refusal)


def _methods_of(request: HttpRequest, guard: Guard, path: str) -> tuple[str, ...]:
    """The methods of the exempt route of `guard` at `path`; none if there is no such route."""
    for endpoint in shipped.ENDPOINTS:
        # For nearly no request: the others are not routed twice.
        if endpoint.is_exempt and path.endswith(endpoint.path):
            try:
                view = resolve(path, getattr(request, "urlconf", None)).func
            except Resolver404:
                return ()
            return endpoint.methods if getattr(view, EXEMPT, None) is guard else ()
    return ()


def _finished(response: HttpResponseBase, pending: Sequence[Pending]) -> Flow[HttpResponseBase]:
    """`response` as it starts, with what is pending done."""
    return Flow(_finishing(response, pending))


def _finishing(response: HttpResponseBase, pending: Sequence[Pending]) -> Any:  # noqa: ANN401
    headers = [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]
    changed = yield from finishing(pending, response.status_code, headers)
    if changed is not None:
        response.headers["Cache-Control"] = "no-store"
        for field in changed:
            if field[0] == "Set-Cookie" and field not in headers:
                response.cookies.load(field[1])
    return response
