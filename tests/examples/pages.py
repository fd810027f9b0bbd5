"""The pages of an example, served by threads of this process, so that a test can move the clock; and other people's."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import BrowserContext, Page, expect
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from examples.flask_app.app import create_app

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

expect.set_options(timeout=30_000)  # Milliseconds: nothing takes that long, except on a busy machine.
EXPIRY = 400.0
"""Longer than an access token lives, in seconds."""


# The least contrast of all text on a page with what is behind it, as WCAG 2.2 defines it.
LEAST_CONTRAST = """() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    const luminance = ([red, green, blue]) =>
        0.2126 * linear(red / 255) + 0.7152 * linear(green / 255) + 0.0722 * linear(blue / 255);
    const ground = (element) => {
        const found = channels(getComputedStyle(element).backgroundColor);
        return found[3] === 0 ? ground(element.parentElement) : found;
    };
    const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const shown = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && hasText(one));
    return Math.min(...shown.map((element) => {
        const text = luminance(channels(getComputedStyle(element).color));
        const behind = luminance(ground(element));
        return (Math.max(text, behind) + 0.05) / (Math.min(text, behind) + 0.05);
    }));
}"""


class Clock:
    """Stands still until a test moves it. Seconds since the epoch."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Turnstile:
    """Lets requests to certain paths into the application only when one for each of them has come."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._waiting: list[str] = []
        self._barrier = threading.Barrier(1)
        self.seen: list[str] = []
        """Method and path of all requests so far."""

    def hold(self, *paths: str) -> None:
        """From now on, until all have come once."""
        self._barrier = threading.Barrier(len(paths), action=self._waiting.clear)
        self._waiting.extend(paths)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.seen.append(f"{environ['REQUEST_METHOD']} {path}")
        if path in self._waiting:
            self._barrier.wait(timeout=30)
        return self._app(environ, start_response)


class Site:
    """The Flask example on a free port, with a clock of its own."""

    def __init__(self, data: Path, users: Path) -> None:
        shutil.copy(users, data / "users.sqlite3")
        self.clock = Clock()
        self.door = Turnstile(create_app(data, clock=self.clock))
        self.port = 0

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.port}"

    @contextmanager
    def served(self) -> Iterator[Site]:
        with serving(self.door) as self.port:
            yield self


@contextmanager
def serving(app: WSGIApplication) -> Iterator[int]:
    """The port of a server of `app`, from when it listens until it has ended."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def forging_page(target: str, fields: dict[str, str]) -> Callable[..., Any]:
    """An application on another site: a page with a form that is sent to `target` by its one button."""
    inputs = "".join(f'<input name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items())
    form = f'<form method="post" action="{escape(target)}">{inputs}<button>You have won</button></form>'

    @Request.application
    def app(request: Request) -> Response:
        return Response(f"<!doctype html><title>A prize</title>{form}", mimetype="text/html")

    return app


class Tab:
    """A tab of one of the two pages, and what a person does there."""

    def __init__(self, context: BrowserContext, site: Site, path: str) -> None:
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._listen(message.text))
        self._path = path
        self._site = site

    def _listen(self, text: str) -> None:
        if not text.startswith("Failed to load resource"):  # As the browser says of any answer of 400 and above.
            self.complaints.append(text)

    def open(self) -> Tab:
        self.page.goto(self._site.origin + self._path)
        return self

    def login(self, name: str = "ada", password: str | None = None) -> Tab:
        """By keyboard alone."""
        field = self.page.get_by_label("Name", exact=True)
        expect(field).to_be_visible()
        field.focus()
        self.page.keyboard.type(name)
        self.page.keyboard.press("Tab")
        self.page.keyboard.type(password or f"example-password-of-{name}")
        self.page.keyboard.press("Enter")
        return self

    def press(self, name: str) -> Tab:
        """By keyboard alone, too."""
        self.page.get_by_role("button", name=name, exact=True).press("Enter")
        return self

    def shows_account(self, name: str = "ada") -> Tab:
        expect(self.page.get_by_role("heading", name=f"Hello, {name}")).to_be_visible()
        expect(self.page.get_by_role("button", name="Log in")).to_be_hidden()
        return self

    def shows_login(self, message: str) -> Tab:
        expect(self.page.get_by_role("button", name="Log in")).to_be_visible()
        expect(self.page.get_by_role("button", name="Log out", exact=True)).to_be_hidden()
        return self.says(message)

    def says(self, message: str) -> Tab:
        expect(self.page.get_by_role("status").first).to_have_text(message)
        return self

    def shows_reports(self) -> Tab:
        """After pressing the button that reads them."""
        expect(self.page.locator("#answer")).to_have_text('{"reports":["2026-10","2026-11"]}')
        return self

    @property
    def devices(self) -> list[str]:
        """The devices shown, without the times."""
        return [text.partition(",")[0] for text in self.page.get_by_role("listitem").all_inner_texts()]

    @property
    def cookies(self) -> dict[str, str]:
        """All that the browser keeps, whether scripts may read it or not."""
        return {cookie.get("name", ""): cookie.get("value", "") for cookie in self.page.context.cookies()}
