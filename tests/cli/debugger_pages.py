"""The debugger's page in a real browser, with what must hold whatever a test does: no request to anybody else, nothing
that the content security policy had to stop, nothing stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page, expect

from jwtguard.cli.debugger.server import DebuggerServer

STORED = """async () => ({
  local: localStorage.length,
  session: sessionStorage.length,
  databases: (await indexedDB.databases()).length,
  caches: (await caches.keys()).length,
  cookies: document.cookie,
})"""
WATCH = """
window.stopped = [];
document.addEventListener("securitypolicyviolation", (event) => window.stopped.push(
  `${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`,
));
"""


class DebuggerPage:
    """The page as a user sees it."""

    def __init__(self, page: Page, server: DebuggerServer) -> None:
        self.page = page
        self.server = server

    def open(self, link: str | None = None) -> None:
        """Open it, and wait until it has talked to the server."""
        with self.page.expect_response("**/api/start"):
            self.page.goto(link or self.server.gate.link)
        expect(self.page.locator("#algorithm option")).not_to_have_count(0)

    def __getitem__(self, name: str) -> Locator:
        return self.page.locator(f"#{name}")

    def paste(self, text: str) -> None:
        """Put a token into its field."""
        self["token"].fill(text)

    def check_against(self, kind: str, text: str = "") -> None:
        """Choose what to check against."""
        self.page.locator(f'input[name="check"][value="{kind}"]').check()
        field = {"secret": "secret", "public": "public-key", "jwks": "jwks"}.get(kind)
        if field is not None:
            self[field].fill(text)

    def sign_with(self, kind: str) -> None:
        """Choose what to sign with."""
        self.page.locator(f'input[name="sign"][value="{kind}"]').check()

    def shows(self, verdict: str, reason: str = "") -> None:
        """Wait for a verdict."""
        expect(self["verdict-title"]).to_have_text(verdict)
        if reason:
            expect(self["reason-word"]).to_have_text(reason)

    def evaluate(self, script: str, argument: Any = None) -> Any:
        """Run a script in the page."""
        return self.page.evaluate(script, argument)


@contextmanager
def watched(page: Page, server: DebuggerServer) -> Iterator[DebuggerPage]:
    """The page; afterwards it is asked what it did."""
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text) if message.type in {"error", "warning"} else None)
    page.add_init_script(WATCH)
    yield DebuggerPage(page, server)
    if page.url.startswith(server.gate.origin):
        assert page.evaluate("window.stopped") == []
        assert page.evaluate(STORED) == {"local": 0, "session": 0, "databases": 0, "caches": 0, "cookies": ""}
    assert page.context.cookies() == []
    elsewhere = [url for url in asked if not url.startswith(("data:", "blob:"))]
    assert {f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in elsewhere} <= {server.gate.origin}
    # Nothing of a token stands in an address, and the page's own token only where browsers do not send it.
    assert [url for url in elsewhere if "?" in url or "eyJ" in url] == []
    assert [text for text in said if "net::ERR_FAILED" not in text and "status of 4" not in text] == []
