"""docs/browser-storage.md: the attack works on the one page and not on the other, in a real browser."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import flask
import pytest
from playwright.sync_api import Page, Route
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.chromium import browser as browser
from tests.chromium import page as page
from tests.docs.sessions_page import run as sessions_page
from tests.examples.documents import ROOT, blocks

DOCUMENT = ROOT / "docs" / "browser-storage.md"
HTML = [code for _, _, code in blocks(DOCUMENT, "html")]
LOGINS = {heading: code for heading, _, code in blocks(DOCUMENT, "js")}


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name is werkzeug's
        """Nothing."""


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], tuple[str, flask.Flask]]]:
    """A function that serves the page's application with this delivery, and tells its address."""
    monkeypatch.chdir(tmp_path)
    running = []

    def start(delivery: str) -> tuple[str, flask.Flask]:
        (_, _, code) = next(blocks(DOCUMENT))
        shown = sessions_page("The sessions")
        assert 'delivery = "bearer"' in code
        exec(code.replace('delivery = "bearer"', f'delivery = "{delivery}"'), shown)
        shown["notes"].append(HTML[0])
        app: flask.Flask = shown["app"]
        server = make_server("localhost", 0, app, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        running.append((server, thread))
        return f"http://localhost:{server.server_port}", app

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def loot(page: Page) -> list[str]:
    """What evil.example receives."""
    received: list[str] = []

    def take(route: Route) -> None:
        received.append(unquote_plus(urlsplit(route.request.url).query).removeprefix("loot="))
        route.fulfill(status=204)

    page.context.route("https://evil.example/**", take)
    return received


def log_in(page: Page, address: str, heading: str) -> None:
    """Log in on a page of this origin that has no notes, as the document says."""
    page.goto(f"{address}/salary")
    page.evaluate(f"async () => {{ {LOGINS[heading]} }}")


def test_local_storage(page: Page, loot: list[str], serve: Any) -> None:
    """The token is taken away, and works from elsewhere."""
    address, app = serve("bearer")
    log_in(page, address, "The token in `localStorage`")
    with page.expect_response("https://evil.example/**"):
        page.goto(address)
    token = loot[0].split()[0]
    stolen = app.test_client().get("/salary", headers={"Authorization": f"Bearer {token}"})
    assert (stolen.status_code, stolen.get_json()["of"]) == (200, "ada")


def test_cookie(page: Page, loot: list[str], serve: Any) -> None:
    """The script gets nothing; it can act while the page is open."""
    address, _ = serve("cookies")
    log_in(page, address, "The token in a cookie")
    with page.expect_response("https://evil.example/**"):
        page.goto(address)
    assert loot == ["undefined "]
    assert page.evaluate("async () => (await fetch('/salary')).status") == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1"])
def test_form_of_another_site(page: Page, serve: Any, origin: str) -> None:
    """Another site's form is refused, and so is that of another port of the same host, which has the cookies."""
    address, _ = serve("cookies")
    log_in(page, address, "The token in a cookie")
    form = HTML[1].replace("TARGET", address)
    page.context.route(f"{origin}/form", lambda route: route.fulfill(body=form, content_type="text/html"))
    with page.expect_response(f"{address}/auth/logout") as found:
        page.goto(f"{origin}/form")
    assert (found.value.status, json.loads(found.value.body())["title"]) == (403, "Forbidden")
    page.goto(f"{address}/salary")
    assert "4200" in page.content()
