"""The ready-made routes as Django views: `urlpatterns = [path("auth/", include("jwtguard.django.urls"))]`.

>>> from django.test.utils import override_settings
>>> from jwtguard.django import DjangoGuard
>>> from jwtguard.testing.route_sites import route_site
>>> site = route_site("bearer")
>>> [str(url.pattern) for url in DjangoGuard(site.guard, site.sessions).routes(prefix="/auth")][:2]
['auth/login', 'auth/refresh']

They are outside Django's CSRF check, since they run our own, outside its login wall and outside any transaction of the
request: what a rotation found out about a stolen token must not be rolled back with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.urls import Resolver404, URLPattern, path, resolve
from django.views.decorators.csrf import csrf_exempt

from jwtguard.callers import EXEMPT, Pending, finishing
from jwtguard.core.flow import Flow
from jwtguard.core.http import HTTPAnswer
from jwtguard.django.requests import callers_of, perform, read, respond
from jwtguard.endpoints import ENDPOINTS, Endpoint, Endpoints, check_prefix
from jwtguard.guard import Guard
from jwtguard.marks import Mark, mark


def url_patterns(endpoints: Endpoints, prefix: str, mounted: Iterable[Endpoint] = ENDPOINTS) -> list[URLPattern]:
    """The URL patterns below `prefix`."""
    below = check_prefix(prefix).removeprefix("/")
    patterns = []
    for endpoint in mounted:
        route = f"{below}{endpoint.path}".removeprefix("/").replace("{", "<str:").replace("}", ">")
        patterns.append(path(route, _view(endpoints, endpoint), name=f"jwtguard_{endpoint.name}"))
    return patterns


def _view(endpoints: Endpoints, endpoint: Endpoint) -> Callable[..., Any]:
    def flow(request: HttpRequest, session_id: str) -> Flow[HTTPAnswer]:
        body = request.read(endpoints.max_body_bytes + 1) if endpoint.takes_body else b""
        return endpoints.answer(
            endpoint,
            read(request),
            body,
            callers=callers_of(request),
            session_id=session_id,
            authenticate=partial(_authenticate, request),
        )

    def view(request: HttpRequest, session_id: str = "") -> HttpResponse:
        if request.method not in endpoint.methods:
            return HttpResponseNotAllowed(endpoint.methods)
        return respond(flow(request, session_id).run())

    async def async_view(request: HttpRequest, session_id: str = "") -> HttpResponse:
        if request.method not in endpoint.methods:
            return HttpResponseNotAllowed(endpoint.methods)
        return respond(await perform(flow(request, session_id).take()))

    chosen: Any = async_view if endpoints.is_async else view
    for alias in connections:
        chosen = transaction.non_atomic_requests(using=alias)(chosen)
    chosen = login_not_required(csrf_exempt(chosen))
    if endpoint.is_exempt:
        setattr(chosen, EXEMPT, endpoints.guard)
    requirement = endpoints.requirement(endpoint)
    mark(chosen, Mark(requirement=requirement, guard=endpoints.guard, sessions=endpoints.sessions))
    return chosen  # type: ignore[no-any-return]


def _authenticate(request: HttpRequest, username: str, password: str) -> str | None:
    """Django's own: every backend of the project, which takes as long for a user that nobody has."""
    from django.contrib.auth import authenticate  # noqa: PLC0415 - for projects that have the app

    user = authenticate(request, username=username, password=password)
    return None if user is None else str(user.pk)


def is_exempt(request: HttpRequest, guard: Guard) -> bool:
    """Whether the view that `request` is for reads no access token of `guard`: as far as can be told before it runs."""
    route = request.path_info
    endpoints = (one for one in ENDPOINTS if one.is_exempt and route.endswith(one.path))
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
