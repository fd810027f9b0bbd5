"""How refusals are answered: `EXCEPTION_HANDLER = "jwtguard.django.rest_framework.exception_handler"`."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from rest_framework.exceptions import NotAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.views import exception_handler as default_handler
from rest_framework.views import set_rollback

from jwtguard.core.errors import MissingTokenError
from jwtguard.django.requests import read, respond
from jwtguard.django.rest_framework.authentication import authenticator_of, http_of
from jwtguard.django.rest_framework.refusals import RefusedRequest


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """`EXCEPTION_HANDLER`: answers our refusals as all adapters do, with a problem document (RFC 9457).

    The browsable API shows them in its page; what is not ours is left to REST framework's own handler.
    """
    request: Request = context["request"]
    by = authenticator_of(request)
    if isinstance(exc, NotAuthenticated) and by is not None:
        exc = RefusedRequest(by.guard_for(http_of(request)), MissingTokenError())
    if not isinstance(exc, RefusedRequest) or _is_for_people(request):
        return default_handler(exc, context)
    set_rollback()
    return respond(exc.guard.answer(exc.error, read(http_of(request))))


def _is_for_people(request: Request) -> bool:
    return isinstance(getattr(request, "accepted_renderer", None), BrowsableAPIRenderer)
