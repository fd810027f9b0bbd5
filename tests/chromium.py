"""A real headless Chromium, driven through Playwright, for the pages that are served by examples and tools.

A test module imports the fixtures: ``from tests.chromium import browser as browser, page as page``. The browser lives
as long as the module: Playwright keeps an event loop running in its thread, beside which other tests could not start
one of theirs.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    # As root, Chromium has no sandbox to offer; in a container, no /dev/shm worth its name.
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
    "--disable-dev-shm-usage",
    # One loopback address, several names: that is how pages of different sites are told apart in a test.
    "--host-resolver-rules=MAP *.example 127.0.0.1, MAP *.test 127.0.0.1, EXCLUDE localhost",
]
"""What the browser is started with."""


def executable() -> str:
    """The path of the browser, which comes from the system's packages and not from Playwright; skips without one."""
    for name in NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    pytest.skip("no Chromium on PATH: `apt install chromium`")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium that resolves every host name by itself to nowhere: what is not loopback is out of reach."""
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path,
            headless=True,
            args=ARGUMENTS,
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page with a cookie jar of its own; an error that its scripts leave uncaught fails the test."""
    context = browser.new_context()
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, f"the page's scripts failed: {errors}"
