"""The picture of the debugger in its document: ``python -m tests.cli.debugger_screenshot docs/images/debugger.png``.

It shows a token that is refused, and why. Clock, key and place are always the same, so the picture changes only when
the page does.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from jwtguard import Guard, TokenIssuer
from jwtguard.cli.debugger.server import DebuggerServer
from tests.chromium import ARGUMENTS, executable
from tests.cli.debuggers import StandingClock, running
from tests.core.keys import SECRET, hs256
from tests.samples import NOW

AUDIENCE = "https://api.example/orders"


def project_guard(clock: StandingClock) -> Guard:
    """The guard of the picture, which wants another audience than the token has."""
    return Guard(
        issuer="https://login.example", audience=AUDIENCE, keys=hs256(secret=SECRET).verification_key, clock=clock
    )


def shown_token() -> str:
    """A token for another audience."""
    issuer = TokenIssuer(
        issuer="https://login.example",
        audience="https://api.example/invoices",
        client_id="web",
        signing_keys=[hs256(secret=SECRET)],
        clock=lambda: NOW - 32,
        new_jti=lambda: "9f1c4e",
    )
    return issuer.access_token("ada", roles=["manager"], scope=["orders:read"])


def take(browser: Browser, server: DebuggerServer, path: Path) -> None:
    """Open the page, paste the token, and take the picture of what it says."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 730}, color_scheme="light", locale="en-GB", timezone_id="UTC"
    )
    page = context.new_page()
    page.clock.set_fixed_time(NOW)
    page.goto(server.gate.link)
    expect(page.locator("#guard-name")).not_to_be_empty()
    page.locator("#token").fill(shown_token())
    expect(page.locator("#verdict-title")).to_have_text("Refused")
    page.locator("#steps-details summary").click()
    page.locator("#token").blur()
    page.screenshot(path=path, animations="disabled", caret="hide")
    context.close()


def main(path: Path) -> None:
    """Write the picture to `path`."""
    clock = StandingClock()
    with running(project_guard(clock), clock=clock) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        take(browser, server, path)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
