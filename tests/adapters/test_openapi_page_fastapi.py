"""Swagger UI over the OpenAPI document of a FastAPI application: press Authorize, log in, call."""

# No `from __future__ import annotations`: FastAPI must find the guard of the annotation.
import socket
import threading
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from playwright.sync_api import Page
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from jwtguard import Principal, has_scope
from jwtguard.fastapi import FastAPIGuard
from jwtguard.testing.conformance.route_sites import route_site
from tests.chromium import browser as browser
from tests.chromium import page as page
from tests.providers.conftest import HERE
from tests.providers.conftest import node_modules as node_modules


def application() -> FastAPI:
    """An application with the shipped login, a route that needs a scope and one that is open."""
    site = route_site("bearer")
    app, auth = FastAPI(docs_url=None), FastAPIGuard(site.guard, site.sessions, **site.settings)
    auth.init_app(app)
    app.include_router(auth.routes(prefix="/auth"))
    app.mount("/static", StaticFiles(directory=HERE / "node_modules" / "swagger-ui-dist"))

    @app.get("/secret")
    async def secret(caller: Annotated[Principal, auth.requires(has_scope("reports:read"))]) -> str:
        return f"hello {caller.subject}"

    @app.get("/open")
    async def free() -> str:
        return "hello"

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """FastAPI's page, with the files of this machine."""
        static: Any = {"swagger_js_url": "/static/swagger-ui-bundle.js", "swagger_css_url": "/static/swagger-ui.css"}
        return get_swagger_ui_html(openapi_url="/openapi.json", title="test", **static)

    return app


@pytest.fixture
def origin(node_modules: None) -> Iterator[str]:
    """Where the application is served."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(), log_level="warning"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    listener.close()


def test_authorize(page: Page, origin: str) -> None:
    """The form of user name and password gets a token, with which the guarded operation is called."""
    page.goto(f"{origin}/docs")
    page.get_by_role("button", name="Authorize").first.click()
    form = page.locator(".auth-container", has_text="Login (OAuth2, password)")
    form.locator("input#oauth_username").fill("alice")
    form.locator("input#oauth_password").fill("wonderland")
    form.get_by_role("button", name="Apply credentials").or_(form.locator("button.authorize")).first.click()
    form.get_by_role("button", name="Logout").or_(form.get_by_text("Authorized")).first.wait_for()
    page.locator(".btn-done").first.click()
    operation = page.locator(".opblock", has_text="/secret").first
    operation.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    operation.locator(".live-responses-table .response-col_status").first.wait_for()
    assert "hello user-alice" in operation.locator(".live-responses-table").inner_text()
