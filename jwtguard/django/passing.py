"""Which requests the middleware lets pass unasked, and what it does when a response starts.

>>> from django.http import HttpResponse
>>> finished(HttpResponse("hello"), ()).run().status_code
200
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve

from jwtguard import endpoints as shipped
from jwtguard.callers import EXEMPT, Pending, finishing
from jwtguard.core.flow import Flow
from jwtguard.guard import Guard


def is_exempt(request: HttpRequest, guard: Guard) -> bool:
    """Whether the view that `request` is for reads no access token of `guard`: as far as can be told before it runs."""
    route = request.path_info
    endpoints = (one for one in shipped.ENDPOINTS if one.is_exempt and route.endswith(one.path))
    if not any(request.method in endpoint.methods for endpoint in endpoints):
        return False  # Nearly all requests, which are not routed twice for this.
    try:
        view = resolve(route, getattr(request, "urlconf", None)).func
    except Resolver404:
        return False
    return getattr(view, EXEMPT, None) is guard


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
