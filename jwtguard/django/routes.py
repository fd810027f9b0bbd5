"""The ready-made routes as Django views: `urlpatterns = [path("auth/", include("jwtguard.django.urls"))]`.

>>> from django.test.utils import override_settings
>>> from jwtguard.django import DjangoGuard
>>> from jwtguard.testing.conformance.route_sites import route_site
>>> site = route_site("bearer")
>>> [str(url.pattern) for url in DjangoGuard(site.guard, site.sessions).routes(prefix="/auth")][:2]
['auth/login', 'auth/refresh']

They are outside Django's CSRF check, since they run our own, outside its login wall and outside any transaction of the
request: what a rotation found out about a stolen token must not be rolled back with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from django.apps import apps
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import connections, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

from jwtguard.core.flow import Flow
from jwtguard.core.http.resource_metadata import METHODS
from jwtguard.core.http.response import HTTPResponse
from jwtguard.django.requests import perform, read, request_auth_of, respond
from jwtguard.django.shipped_pattern import ShippedPattern
from jwtguard.endpoints import ENDPOINTS, Endpoint, Endpoints, check_prefix
from jwtguard.endpoints.mounting import check_place
from jwtguard.endpoints.resource_metadata import (
    NAME,
    check_metadata_place,
    metadata_answer,
    metadata_view,
)
from jwtguard.guard import Guard
from jwtguard.request_auth import EXEMPT
from jwtguard.view_metadata import ViewMetadata, attach

_LONGEST_NAME = 254
"""Characters, where the model says nothing: as in Django's form."""


def url_patterns(endpoints: Endpoints, prefix: str, mounted: Iterable[Endpoint] = ENDPOINTS) -> list[URLPattern]:
    """The URL patterns below `prefix`."""
    below = check_prefix(prefix).removeprefix("/")
    patterns = []
    for endpoint in mounted:
        route = f"{below}{endpoint.path}".removeprefix("/").replace("{", "<str:").replace("}", ">")
        patterns.append(path(route, _view(endpoints, endpoint, prefix), name=f"jwtguard_{endpoint.name}"))
    first = patterns[0]
    return [ShippedPattern(first.pattern, first.callback, first.default_args, first.name), *patterns[1:]]


def _view(endpoints: Endpoints, endpoint: Endpoint, prefix: str) -> Callable[..., Any]:
    def flow(request: HttpRequest, session_id: str) -> Flow[HTTPResponse]:
        if prefix and request.resolver_match is not None:
            check_place(path_before(request.resolver_match.route, prefix), prefix)
        body = request.read(endpoints.max_body_bytes + 1) if endpoint.takes_body else b""
        return endpoints.answer(
            endpoint,
            read(request),
            body,
            request_auth=request_auth_of(request),
            session_id=session_id,
            authenticate=partial(_authenticate, request),
            spell=_as_in_a_form,
        )

    def view(request: HttpRequest, session_id: str = "") -> HttpResponse:
        if request.method not in endpoint.methods:
            return HttpResponseNotAllowed(endpoint.methods)
        return respond(flow(request, session_id).run())

    async def async_view(request: HttpRequest, session_id: str = "") -> HttpResponse:
        if request.method not in endpoint.methods:
            return HttpResponseNotAllowed(endpoint.methods)
        return respond(await perform(flow(request, session_id)))

    chosen: Any = async_view if endpoints.is_async else view
    for alias in connections:
        chosen = transaction.non_atomic_requests(using=alias)(chosen)
    chosen = login_not_required(csrf_exempt(chosen))
    if endpoint.is_exempt:
        setattr(chosen, EXEMPT, endpoints.guard)
    requirement = endpoints.requirement(endpoint)
    attach(
        chosen,
        ViewMetadata(
            requirement=requirement,
            guard=endpoints.guard,
            sessions=endpoints.sessions,
            prefix=prefix,
            path=endpoint.path,
        ),
    )
    return chosen  # type: ignore[no-any-return]


def metadata_pattern(guard: Guard) -> URLPattern:
    """The URL pattern of the metadata of the resource that `guard` protects."""

    def view(request: HttpRequest) -> HttpResponse:
        if request.method not in METHODS:
            return HttpResponseNotAllowed(METHODS)
        route = "" if request.resolver_match is None else request.resolver_match.route
        check_metadata_place(f"/{route}".removesuffix(document.path), guard)
        return respond(metadata_answer(guard, read(request)))

    document = guard.publish_metadata()
    chosen = login_not_required(csrf_exempt(view))
    attach(chosen, metadata_view(guard))
    return path(document.path.removeprefix("/"), chosen, name=NAME)


def path_before(route: str, prefix: str) -> str:
    """What stands in front of `prefix` in the whole route of a pattern.

    >>> path_before("api/auth/login", "/auth")
    '/api'
    """
    return f"/{route}".rpartition(f"{prefix}/")[0]


def _authenticate(request: HttpRequest, username: str, password: str) -> str | None:
    """Django's own: every backend of the project, which takes as long for an unknown user."""
    from django.contrib.auth import authenticate, get_user_model  # noqa: PLC0415 - for projects that have the app

    try:
        user = authenticate(request, username=username, password=password)
    except (ValueError, ValidationError):
        # The name cannot be one: it is no number where users log in with a number, for example. The same work is done
        # as for any other name without a user (django.contrib.auth.backends.ModelBackend).
        get_user_model()().set_password(password)
        return None
    return None if user is None else str(user.pk)


def _as_in_a_form(username: str) -> str:
    """The name as the field of Django's own login form hands it on: stripped, and normalized to NFKC.

    Without it, a name that was typed on another keyboard is another name here than in the form.
    """
    if not apps.is_installed("django.contrib.auth"):
        return username  # Backends of the project check names of their own.
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - for projects that have the app
    from django.contrib.auth.forms import UsernameField  # noqa: PLC0415 - as above

    model: Any = get_user_model()
    length = getattr(model._meta.get_field(model.USERNAME_FIELD), "max_length", None)
    # As in AuthenticationForm: a name that is too long stays as it is, since normalizing it takes long.
    return str(UsernameField(max_length=length or _LONGEST_NAME).to_python(username))
