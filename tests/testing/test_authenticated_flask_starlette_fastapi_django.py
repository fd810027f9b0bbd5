"""Clients that are logged in, for the test clients of the frameworks: what arrives is what the guard admits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from django.http import HttpRequest, JsonResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from jwtguard import CSRF, Guard, has_role
from jwtguard.asgi import ASGIGuard
from jwtguard.django import DjangoGuard
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard, principal
from jwtguard.testing import Authenticated, throwaway_guard, tokens_for
from tests.adapters import django_site

Ask = Callable[[str], int]
"""Sends a request by this method; returns the status."""


def flask(guard: Guard, server_name: str | None = None) -> tuple[Any, Ask]:
    app, auth = Flask(__name__), FlaskGuard(guard)
    app.config["SERVER_NAME"] = server_name

    @app.route("/", methods=["GET", "POST"])
    @auth.requires(has_role("admin"))
    def index() -> dict[str, str | None]:
        return {"subject": principal.subject}

    client = app.test_client()
    return client, lambda method: client.open("/", method=method).status_code


def named_flask(guard: Guard) -> tuple[Any, Ask]:
    return flask(guard, "api.example:8000")


def starlette(guard: Guard) -> tuple[Any, Ask]:
    @ASGIGuard(guard).requires(has_role("admin"))
    async def index(request: Request) -> JSONResponse:
        return JSONResponse({})

    client = TestClient(Starlette(routes=[Route("/", index, methods=["GET", "POST"])]))
    return client, lambda method: client.request(method, "/").status_code


def fastapi(guard: Guard) -> tuple[Any, Ask]:
    app, auth = FastAPI(), FastAPIGuard(guard)

    @app.api_route("/", methods=["GET", "POST"], dependencies=[auth.requires(has_role("admin"))])
    async def index() -> str:
        return "in"

    client = TestClient(app, base_url="https://api.example")
    return client, lambda method: client.request(method, "/").status_code


def _django_urls(guard: Guard) -> ModuleType:
    @DjangoGuard(guard).requires(has_role("admin"))
    def index(request: HttpRequest) -> JsonResponse:
        return JsonResponse({})

    module = ModuleType("urls")
    vars(module)["urlpatterns"] = [path("", index)]
    return module


def django(guard: Guard, client: Any = None) -> tuple[Any, Ask]:
    client = client or Client(enforce_csrf_checks=True)

    def ask(method: str) -> int:
        with override_settings(ROOT_URLCONF=_django_urls(guard), MIDDLEWARE=[django_site.CSRF]):
            status: int = client.generic(method, "/").status_code
            return status

    return client, ask


def django_rest_framework(guard: Guard) -> tuple[Any, Ask]:
    from rest_framework.test import APIClient  # Reads the settings when it is imported.

    return django(guard, APIClient(enforce_csrf_checks=True))


def django_async(guard: Guard) -> tuple[Any, Ask]:
    client = AsyncClient(enforce_csrf_checks=True)

    def ask(method: str) -> int:
        async def asking() -> int:
            response: Any = await client.generic(method, "/")
            status: int = response.status_code
            return status

        with override_settings(ROOT_URLCONF=_django_urls(guard), MIDDLEWARE=[django_site.CSRF]):
            return asyncio.run(asking())

    return client, ask


@pytest.fixture(params=[flask, named_flask, starlette, fastapi, django, django_rest_framework, django_async])
def build(request: pytest.FixtureRequest) -> Callable[[Guard], tuple[Any, Ask]]:
    made: Callable[[Guard], tuple[Any, Ask]] = request.param
    return made


@pytest.mark.parametrize("via", ["header", "cookie"])
def test_logged_in_and_out(build: Callable[[Guard], tuple[Any, Ask]], via: Any) -> None:
    """The client passes with its role, by GET and by POST; afterwards it is unauthenticated again."""
    guard = throwaway_guard()
    with tokens_for(guard) as token_for, Authenticated(token_for) as authenticated:
        client, ask = build(guard)
        assert ask("GET") == 401
        assert authenticated(client, "alice", roles=["admin"], via=via) is client
        assert (ask("GET"), ask("POST")) == (200, 200)
        authenticated(client, "bob", via=via)
        assert (ask("GET"), ask("POST")) == (403, 403)
        authenticated.logout(client)
        assert ask("GET") == 401


@pytest.mark.parametrize("csrf", [True, False])
def test_csrf(build: Callable[[Guard], tuple[Any, Ask]], csrf: bool) -> None:
    """A guard that asks for a CSRF token gets it, or the test sees it refuse."""
    guard = throwaway_guard(csrf=CSRF(secret="a secret for csrf tokens in tests", require_token=True))
    with tokens_for(guard) as token_for, Authenticated(token_for) as authenticated:
        client, ask = build(guard)
        authenticated(client, "alice", roles=["admin"], via="cookie", csrf=csrf)
        assert (ask("GET"), ask("POST")) == ((200, 200) if csrf else (200, 403))
