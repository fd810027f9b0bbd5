"""What the middleware and the decorator both do with a Django request.

>>> from django.test import RequestFactory
>>> read(RequestFactory().get("/admin", headers={"authorization": "Bearer abc"})).values("authorization")
['Bearer abc']
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar
from urllib.parse import SplitResult, unquote, urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.core.signals import got_request_exception
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.utils.http import is_same_domain

from jwtguard.core.errors import ConfigurationError, JWTGuardError
from jwtguard.core.flow import Flow, run_async
from jwtguard.core.http.cookies import TokenCookie
from jwtguard.core.http.request import ASGIRequest, WSGIRequest
from jwtguard.core.http.response import HTTPRequest, HTTPResponse
from jwtguard.core.tokens.principal import Principal
from jwtguard.endpoints.withholding import withhold_from_environ, withhold_from_scope
from jwtguard.guard import Guard
from jwtguard.request_auth import RequestAuth

T = TypeVar("T")
_REQUEST_AUTH = "_jwtguard_callers"
_UNHANDLED = "_jwtguard_unhandled"
PROVEN = "proven by jwtguard"
"""What the middleware tells Django's CSRF check: true, and no other's word, as that of a test client is."""


def read(request: HttpRequest) -> HTTPRequest:
    """The request as the core reads it: under ASGI from the raw header fields, which Django joins and tidies."""
    scope = getattr(request, "scope", None)
    root_path = request.path.removesuffix(request.path_info)  # FORCE_SCRIPT_NAME counts, too.
    site = _Site(request)
    if scope is None:
        return WSGIRequest(request.META, _ESCAPES.sub(_undecodable, request.path_info), root_path, site)
    return ASGIRequest(scope, request.path_info, root_path, site)


class _Site:
    """What the project's settings say about its own host and the origins that it trusts."""

    __slots__ = ("_request",)

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    def host(self) -> str | None:
        """The host by `USE_X_FORWARDED_HOST` and the Host header; None if `ALLOWED_HOSTS` does not allow it."""
        try:
            return self._request.get_host()
        except DisallowedHost:
            return None

    def trusts_origin(self, origin: str) -> bool:
        """Whether `CSRF_TRUSTED_ORIGINS` holds `origin`, or a wildcard that covers it as Django reads wildcards."""
        return any(
            origin == trusted or ("*" in trusted and _covers(urlsplit(trusted), urlsplit(origin)))
            for trusted in settings.CSRF_TRUSTED_ORIGINS
        )


def _covers(wildcard: SplitResult, origin: SplitResult) -> bool:
    """Whether `https://*.example.com` covers `origin`: any subdomain, and `https://example.com` itself."""
    return wildcard.scheme == origin.scheme and is_same_domain(origin.netloc, wildcard.netloc.lstrip("*"))


_ESCAPES = re.compile("(?:%[89A-F][0-9A-F])+")


def _undecodable(escapes: re.Match[str]) -> str:
    """U+FFFD for bytes of a path that are not UTF-8, as in every other framework: under WSGI, Django escapes them."""
    return "\ufffd" if "\ufffd" in unquote(escapes[0], errors="replace") else escapes[0]


def withhold(request: HttpRequest, cookie: TokenCookie) -> None:
    """Hide the refresh cookie from all that is further in: it is for the shipped routes and silent renewal alone."""
    withhold_from_environ(request.META, cookie)
    scope = getattr(request, "scope", None)
    if scope is not None:
        request.scope = own = dict(scope)  # type: ignore[attr-defined] # of Django's request under ASGI
        withhold_from_scope(own, cookie)
    # What a middleware further out has read before is kept there.
    request.__dict__.pop("headers", None)
    if "COOKIES" in request.__dict__:
        request.COOKIES.pop(cookie.sent_name, None)


def refuse(request: HttpRequest, guard: Guard, error: JWTGuardError) -> HttpResponse:
    """The response for a refusal; an error in the set-up is raised again, and stays a server error."""
    if isinstance(error, ConfigurationError):
        raise error
    return respond(guard.answer(error, read(request)))


def tell_caches(request: HttpRequest, response: HttpResponseBase | None) -> None:
    """Add to a response what caches must know of how the request was authenticated."""
    if not isinstance(response, HttpResponseBase):
        return  # Django says what is wrong with a view that returns something else.
    headers = response.headers
    for name, value in read(request).search.changes(
        response.status_code, lambda name: [headers[name]] if name in headers else []
    ):
        headers[name] = value


def respond(answer: HTTPResponse) -> HttpResponse:
    """A finished answer as Django's response, which keeps cookies apart from the other header fields."""
    response = HttpResponse(answer.body, status=answer.status)
    del response.headers["Content-Type"]  # Django's own, which a response without a body has too.
    for name, value in answer.headers:
        if name == "Set-Cookie":
            response.cookies.load(value)
        else:
            response.headers[name] = value
    return response


def django_request(request: HttpRequest) -> HttpRequest:
    """Django's own request, also of the one that REST framework hands to a view under `api_view`."""
    inner: HttpRequest = getattr(request, "_request", request)
    return inner


def request_auth_of(request: HttpRequest) -> RequestAuth:
    """Who was let in during this request so far."""
    request_auth: RequestAuth | None = request.__dict__.get(_REQUEST_AUTH)
    if request_auth is None:
        request_auth = request.__dict__[_REQUEST_AUTH] = RequestAuth()
    return request_auth


@contextmanager
def admitting(
    request: HttpRequest, request_auth: RequestAuth, guard: Guard, principal: Principal | None
) -> Iterator[Callable[[HttpResponseBase], None]]:
    """While a view runs, `principal` is the caller, also as `request.user`.

    Gives a function for the response of the view: if its template is rendered later, the caller stays until then.
    """
    with ExitStack() as stack:
        stack.enter_context(request_auth.admitting(guard, principal))
        before = show_user(request, principal)
        if before:
            stack.callback(request.__dict__.update, before)

        def keep_until_rendered(response: HttpResponseBase) -> None:
            if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                kept = stack.pop_all()
                response.add_post_render_callback(lambda _: kept.close())

        yield keep_until_rendered


def show_user(request: HttpRequest, principal: Principal | None) -> dict[str, object] | None:
    """Fill `request.user` and `request.auser` with the user that was found for the caller.

    Gives what stood there before.
    """
    user = None if principal is None else request_auth_of(request).user_of(principal)
    if user is None:
        return None

    async def auser() -> object:
        return user

    attributes = request.__dict__
    before: dict[str, object] = {name: attributes[name] for name in ("user", "auser") if name in attributes}
    attributes.update(user=user, auser=auser)
    return before


async def perform(flow: Flow[T]) -> T:
    """The result of a flow; what blocks runs where Django's database connections belong."""
    return await run_async(flow, to_thread=_to_thread)


async def _to_thread(function: Callable[[], T]) -> T:
    return await sync_to_async(function, thread_sensitive=True)()


def _principal(request: HttpRequest) -> Principal | None:
    """The caller: the one that the innermost `requires` let in, else the one that the middleware found."""
    request_auth: RequestAuth = request.__dict__.get(_REQUEST_AUTH) or request_auth_of(request)
    return request_auth.admitted[-1].principal if request_auth.admitted else request_auth.principal()


def _principal_or_none(request: HttpRequest) -> Principal | None:
    """The same for asking whether there is a caller: None where there is none, whatever the reason."""
    return request_auth_of(request).caller()


# Properties of the class, since reading it may have to raise, and None must be able to be None: no lazy object on the
# instance can do either.
HttpRequest.principal = property(_principal)  # type: ignore[attr-defined]
HttpRequest.principal_or_none = property(_principal_or_none)  # type: ignore[attr-defined]


def unhandled(request: HttpRequest, guard: Guard, error: Exception | None = None) -> HttpResponse | None:
    """The refusal for what an error page or a middleware raised by reading an absent caller; None for all else.

    `error` is what came out of Django where its own page for errors raised, too.
    """
    raised = request.__dict__.get(_UNHANDLED) if error is None else error
    if isinstance(raised, JWTGuardError) and request_auth_of(request).is_kept(guard, raised):
        return refuse(request, guard, raised)
    return None


def _note_unhandled(*, request: HttpRequest | None = None, **_: object) -> None:
    if request is not None:
        request.__dict__[_UNHANDLED] = sys.exc_info()[1]


# Django asks no middleware about what an error page raises, and answers 500: the signal alone tells of it.
got_request_exception.connect(_note_unhandled, dispatch_uid="jwtguard.unhandled")
