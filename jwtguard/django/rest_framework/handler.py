"""How refusals are answered: `EXCEPTION_HANDLER = "jwtguard.django.rest_framework.exception_handler"`.

REST framework imports this package from inside `rest_framework.views`, when it reads `DEFAULT_AUTHENTICATION_CLASSES`.
So no module of this package imports `rest_framework.views`, or what imports it, at module level.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request

from jwtguard.core.errors import MissingTokenError
from jwtguard.django.requests import read, respond
from jwtguard.django.rest_framework.authentication import authenticator_of, http_of
from jwtguard.django.rest_framework.refusals import RefusedRequest


def exception_handler(exc: Exception, context: dict[str, Any]) -> HttpResponseBase | None:
    """`EXCEPTION_HANDLER`: answers our refusals as all adapters do, with a problem document (RFC 9457).

    The browsable API shows them in its page; what is not ours is left to REST framework's own handler.
    """
    from rest_framework import views  # noqa: PLC0415 - see the head of this module

    request: Request = context["request"]
    by = authenticator_of(request)
    if isinstance(exc, NotAuthenticated) and by is not None:
        exc = RefusedRequest(by.guard_for(http_of(request)), MissingTokenError())
    if not isinstance(exc, RefusedRequest) or _is_for_people(request):
        return views.exception_handler(exc, context)
    views.set_rollback()
    return respond(exc.guard.answer(exc.error, read(http_of(request))))


def _is_for_people(request: Request) -> bool:
    from rest_framework.renderers import BrowsableAPIRenderer  # noqa: PLC0415 - see the head of this module

    return isinstance(getattr(request, "accepted_renderer", None), BrowsableAPIRenderer)
