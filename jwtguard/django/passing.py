"""Which requests the middleware lets pass unasked, and what it does when a response starts.

>>> from django.http import HttpResponse
>>> finished(HttpResponse("hello"), ()).run().status_code
200
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from jwtguard import endpoints as shipped
from jwtguard.core.errors import JWTGuardError
from jwtguard.core.flow import Flow
from jwtguard.guard import Guard
from jwtguard.request_auth import EXEMPT, Pending, finishing


def is_exempt(request: HttpRequest, guard: Guard) -> bool:
    """Whether the view that `request` is for reads no access token of `guard`: as far as can be told before it runs.

    Whatever the method: to another than its own, the view itself answers 405.
    """
    return bool(_methods_of(request, guard, request.path_info))


def missed(request: HttpRequest, guard: Guard, refusal: JWTGuardError) -> JWTGuardError:
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


def finished(response: HttpResponseBase, pending: Sequence[Pending]) -> Flow[HttpResponseBase]:
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
