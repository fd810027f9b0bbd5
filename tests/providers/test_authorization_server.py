"""Clients of other authors find the login of a guarded resource, and come back with a token that it takes."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import flask
import httpx
import pytest
import uvicorn
from django.core.handlers.wsgi import WSGIHandler
from django.test.utils import override_settings
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse

from jwtguard import Guard, OpenIDProvider, Requirement, ResourceMetadata, Rules, SigningKey, fresh
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.django import DjangoGuard
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawRequest, asgi_client
from tests.adapters import django_site as django_site  # Sets Django up.
from tests.examples.documents import ROOT, blocks
from tests.providers.conftest import HERE, Provider

CALLBACK = "http://127.0.0.1/callback"


@contextmanager
def served(make: Callable[[str], Any], path: str = "") -> Iterator[str]:
    """The URL of an ASGI application that is made for it, while it is served on this machine."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{path}"
    server = uvicorn.Server(uvicorn.Config(make(url), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()


def log_in(url: str) -> dict[str, str]:
    """What the browser of the user brings back from the authorization server: code and state."""
    with httpx.Client(trust_env=False) as browser:
        for _ in range(10):
            answer = browser.get(url)
            assert answer.is_redirect, answer.text
            url = urljoin(url, answer.headers["location"])
            if url.startswith(CALLBACK):
                break
    came_back = dict(parse_qsl(urlsplit(url).query))
    assert "code" in came_back, came_back
    return came_back


def page(provider: Provider, url: str) -> Any:
    """The application of the page, with the URLs of this machine."""
    (code,) = [code for _, _, code in blocks(ROOT / "docs" / "how-to-mcp.md") if code.startswith("# server.py")]
    code = code.replace("https://tools.example/mcp", url)
    code = code.replace(
        'OpenIDProvider("https://login.example")', f'OpenIDProvider("{provider.origin}", allow_http_loopback=True)'
    )
    module = ModuleType("server")
    exec(code.replace("https://login.example", provider.origin), vars(module))
    return vars(module)["app"]


def test_an_mcp_client(authorization_server: Provider) -> None:
    """The client of the MCP SDK finds the login through the challenge, registers, logs in, and calls the tool."""
    from mcp import Client
    from mcp.client.auth import OAuthClientProvider, TokenStorage
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client
    from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

    class Storage(TokenStorage):
        tokens: Any = None
        client: Any = None

        async def get_tokens(self) -> Any:
            return self.tokens

        async def set_tokens(self, tokens: Any) -> None:
            self.tokens = tokens

        async def get_client_info(self) -> Any:
            return self.client

        async def set_client_info(self, client_info: Any) -> None:
            self.client = client_info

    storage, came_back = Storage(), dict[str, str]()

    async def redirect(url: str) -> None:
        came_back.update(await asyncio.to_thread(log_in, url))

    async def callback() -> Any:
        return AuthorizationCodeResult(
            **{name: came_back[name] for name in AuthorizationCodeResult.model_fields if name in came_back}
        )

    async def call(url: str) -> str:
        client_metadata = OAuthClientMetadata.model_validate(
            {"redirect_uris": [CALLBACK], "client_name": "test", "application_type": "native"}
        )
        auth = OAuthClientProvider(url, client_metadata, storage, redirect, callback)
        async with (
            create_mcp_http_client(auth=auth) as http,
            Client(streamable_http_client(url, http_client=http)) as client,
        ):
            result = await client.call_tool("forecast", {"city": "Turku"})
            return str(result.content[0].text)  # type: ignore[union-attr]

    with served(lambda url: page(authorization_server, url), "/mcp") as url:
        assert asyncio.run(call(url)) == "Sun in Turku"
        assert storage.tokens.scope.split() == ["read"]
        assert httpx.post(url, trust_env=False).status_code == 401


def test_the_other_blocks_of_the_page() -> None:
    """The requirements that the page shows can be made as they stand there."""
    made = [run_block(code) for _, _, code in blocks(ROOT / "docs" / "how-to-mcp.md") if "server.py" not in code]
    assert [repr(requirement) for found in made for requirement in found] == [
        "has_role('user') & fresh(max_age=300, acr=['urn:example:gold'])",
        "acted_by('agent-7') | not_delegated",
        "not_delegated",
    ]


def run_block(code: str) -> list[Requirement]:
    """The requirements that a block of the page makes and names."""
    before: dict[str, Any] = {}
    exec(code, before)
    return [before[name] for name in re.findall(r"^(\w+) =", code, re.MULTILINE)]


def get_token(provider: Provider, resource: str, **asked: str) -> str:
    """What a client of its own gets for this resource, with a login as it is asked for (RFC 9470 §4)."""
    verifier = "a-verifier-of-a-test-which-is-long-enough-for-pkce"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    common = {"client_id": "app", "redirect_uri": CALLBACK, "resource": resource}
    asking = {**common, "response_type": "code", "scope": "openid read", "code_challenge": challenge, **asked}
    came_back = log_in(f"{provider.origin}/auth?{urlencode({**asking, 'code_challenge_method': 'S256'})}")
    form = {**common, "grant_type": "authorization_code", "code": came_back["code"], "code_verifier": verifier}
    answer = httpx.post(f"{provider.origin}/token", data=form, trust_env=False)
    return str(answer.json()["access_token"])


def test_a_stronger_login(authorization_server: Provider) -> None:
    """A client that is refused asks for what the challenge names, and comes back with a login that is enough."""
    resource = "https://api.example"
    guard = Guard(
        issuer=authorization_server.origin,
        audience=resource,
        keys=OpenIDProvider(authorization_server.origin, allow_http_loopback=True),
        rules=Rules([], default=fresh(acr="gold", amr="otp", max_age=60)),
    )
    client = asgi_client(GuardMiddleware(PlainTextResponse("closed account"), guard=guard))
    asked: dict[str, str] = {}
    statuses = []
    for _ in range(2):
        token = get_token(authorization_server, resource, **asked)
        answer = client(RawRequest(headers=[("Authorization", f"Bearer {token}")]))
        statuses.append(answer.status)
        challenge = answer.header("WWW-Authenticate") or ""
        asked = {
            name: value
            for name, value in re.findall(r'(\w+)="([^"]*)"', challenge)
            if name in {"acr_values", "max_age"}
        }
        assert answer.status == 200 or 'error="insufficient_user_authentication"' in challenge
    assert statuses == [401, 200]


def starlette_app(guard: Guard) -> Any:
    """Starlette with the route of the metadata."""
    return Starlette(routes=[ASGIGuard(guard).metadata_route()], middleware=[Middleware(GuardMiddleware, guard=guard)])


def fastapi_app(guard: Guard) -> Any:
    """FastAPI with it."""
    app = FastAPI()
    app.include_router(FastAPIGuard(guard).metadata_route())
    app.add_middleware(GuardMiddleware, guard=guard)
    return app


def flask_app(guard: Guard) -> Any:
    """Flask with it, as an ASGI server serves it."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard)
    auth.init_app(app)
    app.register_blueprint(auth.metadata_route())
    return app


def django_app(guard: Guard) -> Any:
    """Django with it."""
    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [DjangoGuard(guard).metadata_route()]
    changed = {"ROOT_URLCONF": urls, "JWTGUARD": guard, "MIDDLEWARE": ["jwtguard.django.GuardMiddleware"]}

    def application(environ: Any, start_response: Any) -> Any:
        with override_settings(**changed):
            return WSGIHandler()(environ, start_response)

    return application


@contextmanager
def served_wsgi(make: Callable[[str], Any], path: str) -> Iterator[str]:
    """The same as `served` for a WSGI application."""
    apps: list[Any] = []
    with make_server("127.0.0.1", 0, lambda *given: apps[0](*given), handler_class=Silent) as server:
        url = f"http://127.0.0.1:{server.server_port}{path}"
        apps.append(make(url))
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield url
        finally:
            server.shutdown()
            thread.join(10)


class Silent(WSGIRequestHandler):
    """Writes no line for each request."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
        """Write nothing."""


@pytest.mark.parametrize(
    ("serve", "make"),
    [(served, starlette_app), (served, fastapi_app), (served_wsgi, flask_app), (served_wsgi, django_app)],
)
@pytest.mark.parametrize("path", ["", "/api/v1"])
def test_discovery_by_oauth4webapi(node_modules: None, serve: Any, make: Callable[[Guard], Any], path: str) -> None:
    """`resourceDiscoveryRequest` finds the inserted path, and takes the document for that of this very resource."""

    def application(url: str) -> Any:
        metadata = ResourceMetadata(resource=url, authorization_servers=["https://login.example"])
        keys = SigningKey.generate("HS256").verification_key
        return make(
            Guard(issuer="https://i.example", audience=url, keys=keys, rules=Rules([]), resource_metadata=metadata)
        )

    with serve(application, path) as url:
        command = ["node", "discovery.mjs", url]
        run = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["authorization_servers"] == ["https://login.example"]
