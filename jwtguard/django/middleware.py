"""The middleware: knows the caller of each request, and enforces the guard's rules if it has them.

For a second guard, subclass it: `class AdminGuardMiddleware(GuardMiddleware): guard = admin_guard`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from jwtguard.callers import Entry, check_guard
from jwtguard.core.errors import JWTGuardError
from jwtguard.django.requests import PROVEN, callers_of, perform, read, refuse, show_user
from jwtguard.django.settings import default_guard, user_of
from jwtguard.guard import Guard

GetResponse = Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class GuardMiddleware:
    """`MIDDLEWARE = [..., "jwtguard.django.GuardMiddleware"]`. `guard` is the one of the settings by default."""

    sync_capable = True
    async_capable = True
    guard: ClassVar[Guard | None] = None

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        own = type(self).guard
        self._guard = default_guard() if own is None else check_guard(own, type(self).__name__)
        user_of()  # Raises what is wrong with it, before the first request.
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer a request; a coroutine where the stack is async, so that no thread is needed."""
        if self._is_async:
            return self._answer_async(request)
        try:
            self._keep(request, self._guard.enter(read(request)).run())
        except JWTGuardError as error:
            return refuse(request, self._guard, error)
        return self.get_response(request)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        try:
            self._keep(request, await perform(self._guard.enter(read(request))))
        except JWTGuardError as error:
            return refuse(request, self._guard, error)
        return await cast("Awaitable[HttpResponseBase]", self.get_response(request))

    def _keep(self, request: HttpRequest, entry: Entry) -> None:
        callers_of(request).keep(self._guard, entry)
        if entry.principal is not None and entry.authentication is not None and entry.authentication.proves_origin:
            # No other site could have sent this token, so Django need not ask the same again, and a bearer client
            # has no CSRF cookie. In every other case its own check runs.
            request._dont_enforce_csrf_checks = PROVEN  # type: ignore[attr-defined]
        show_user(request, entry.principal)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Answer with the refusal that reading `request.principal` raised; other errors are not ours."""
        if isinstance(exception, JWTGuardError) and callers_of(request).is_kept(self._guard, exception):
            return refuse(request, self._guard, exception)
        return None
