"""Django Ninja: the contract of adapters, the lock in the document, and slips."""

from __future__ import annotations

import itertools
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest
from django.http import HttpRequest
from django.urls import path

from jwtguard import (
    AuthorizationHeader,
    ConfigurationError,
    Guard,
    TokenCookie,
    authenticated,
    has_role,
    optional,
    public,
)
from jwtguard.testing import AdapterConformance, RawRequest, Route, Site, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.raw_clients import Client
from tests.adapters.django_site import middlewares, with_settings

# Ninja reads the settings of Django when it is imported, and django_site makes them.
ninja: Any = import_module("ninja")
NinjaGuard: Any = import_module("jwtguard.ninja").NinjaGuard

NUMBERS = itertools.count()


def new_api() -> Any:
    """An API with a name of its own, which Ninja asks for."""
    return ninja.NinjaAPI(urls_namespace=f"api-{next(NUMBERS)}", docs_url=None, openapi_url=None)


def build(site: Site) -> Any:
    """The site, each route an operation."""
    api, others = new_api(), new_api()
    auth, other = NinjaGuard(api, site.guard), NinjaGuard(others, site.other)
    for route in site.routes:
        _add(others if route.by_other else api, other if route.by_other else auth, route, site)
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("", api.urls), path("", others.urls)]
    return with_settings({"ROOT_URLCONF": urls, "MIDDLEWARE": middlewares(site), "APPEND_SLASH": False}, is_asgi=True)


def _add(api: Any, auth: Any, route: Route, site: Site) -> None:
    def caller(request: HttpRequest) -> dict[str, str | None]:
        principal = request.principal  # type: ignore[attr-defined]
        return {"subject": None if principal is None else principal.subject}

    async def async_caller(request: HttpRequest) -> dict[str, str | None]:
        return caller(request)

    function = async_caller if site.async_views else caller
    asked = (
        {} if route.requirement is None else {"auth": auth.requires(route.requirement, tokens_from=route.tokens_from)}
    )
    api.api_operation(["GET", "HEAD", "POST"], route.path, **asked)(function)


class TestASGI(AdapterConformance):
    """Django Ninja under ASGI, where operations are sync and async."""

    every_row = False
    can = frozenset({"mounting", "async views", "methods in any case", "no csrf of its own"})

    def client(self, site: Site) -> Client:
        return asgi_client(build(site))


def served(*requirements: Any, guard: Guard | None = None) -> tuple[Any, Client]:
    """An API with an operation for each requirement, at /0, /1 and so on, and one without."""
    api = new_api()
    auth = NinjaGuard(api, guard or guard_for_tests())
    for number, requirement in enumerate(requirements):
        api.get(f"/{number}", auth=auth.requires(requirement))(lambda request: repr(request.auth))
    api.get("/open")(lambda request: "open")
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("", api.urls)]
    return api, wsgi_client(with_settings({"ROOT_URLCONF": urls, "MIDDLEWARE": []}, is_asgi=False))


def test_the_lock() -> None:
    """Guarded operations show it, and those that read no token do not."""
    api, _ = served(authenticated, has_role("admin"), public)
    document = api.get_openapi_schema(path_prefix="/")
    locks = {path: methods["get"].get("security") for path, methods in document["paths"].items()}
    locked: Any = [{"BearerToken": []}]
    assert locks == {"/0": locked, "/1": locked, "/2": None, "/open": None}
    assert document["components"]["securitySchemes"] == {
        "BearerToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    api, _ = served(authenticated, guard=guard_for_tests(tokens_from=[TokenCookie("a"), AuthorizationHeader()]))
    assert [*api.get_openapi_schema(path_prefix="/")["components"]["securitySchemes"]] == ["CookieToken.a"]


def test_request_auth() -> None:
    """`request.auth` is the principal, and something true where the operation does without."""
    _, client = served(authenticated, optional)
    assert client(RawRequest(target="/0", headers=[bearer(GOOD)])).json().startswith("Principal(subject='user-1'")
    assert client(RawRequest(target="/1")).json() == "'anonymous'"
    assert client(RawRequest(target="/open")).json() == "open"


def test_slips() -> None:
    """Arguments that change places, and `requires` without parentheses, let no operation be made."""
    wrong: Any = guard_for_tests()
    with pytest.raises(ConfigurationError, match="takes the NinjaAPI first"):
        NinjaGuard(wrong, new_api())
    auth = NinjaGuard(new_api(), wrong)
    with pytest.raises(ConfigurationError, match="without parentheses"):
        auth.requires(lambda request: None)
