"""The two pages of the Flask example, in a real browser: tokens in cookies, and the access token in a header."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from examples.users import example_users
from tests.chromium import browser as browser
from tests.examples.pages import EXPIRY, LEAST_CONTRAST, Site, Tab, forging_page, serving

COOKIES, HEADER = "/", "/header"
PREFIX = {COOKIES: "/auth", HEADER: "/header/auth"}
both = pytest.mark.parametrize("path", [COOKIES, HEADER], ids=["cookies", "header"])
Device = Callable[..., BrowserContext]

# A browser that leaves a page drops requests half way, and the development server then drops a file that it has open.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table of users, made once: hashing passwords is slow on purpose."""
    path = tmp_path_factory.mktemp("users") / "users.sqlite3"
    example_users(path)
    return path


@pytest.fixture
def site(tmp_path: Path, users: Path) -> Iterator[Site]:
    """The running example, before the first login."""
    with Site(tmp_path, users).served() as running:
        yield running


@pytest.fixture
def device(browser: Browser) -> Iterator[Device]:
    """Makes devices: each has a cookie jar of its own."""
    made: list[BrowserContext] = []

    def make(user_agent: str | None = None, **settings: object) -> BrowserContext:
        made.append(browser.new_context(user_agent=user_agent, **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for context in made:
        context.close()


@pytest.fixture
def path() -> str:
    """The page in question, where a test does not say."""
    return COOKIES


@pytest.fixture
def tab(site: Site, device: Device, path: str) -> Iterator[Tab]:
    """A tab of the page in question, where ada has logged in. Its scripts must leave nothing to complain about."""
    tab = Tab(device(), site, path).open()
    yield tab.login().shows_account()
    assert tab.complaints == []


def another(tab: Tab) -> Tab:
    """A second tab beside the first, in the same browser."""
    return Tab(tab.page.context, tab._site, tab._path).open()


@both
def test_login_and_calls(site: Site, device: Device, path: str) -> None:
    """A person logs in by keyboard, reads, is refused what is not theirs, and is still there after a reload."""
    tab = Tab(device(), site, path).open().shows_login("Please log in.")
    tab.login("bob", "a guess").shows_login("The name or the password is wrong.")
    tab.page.get_by_label("Name", exact=True).clear()
    tab.page.get_by_label("Password").clear()
    tab.login("bob").shows_account("bob")
    expect(tab.page.get_by_role("heading", name="Hello, bob")).to_be_focused()
    tab.press("Read the reports").says("This needs has_scope('reports:read').")
    tab.press("List the users").says("This needs has_role('admin').")
    tab.page.reload()
    tab.shows_account("bob")
    assert tab.complaints == []


@both
def test_rename(tab: Tab, path: str) -> None:
    """A request that changes something passes the CSRF check where there is one."""
    tab.page.get_by_label("Display name").fill("Ada L.")
    tab.page.keyboard.press("Enter")
    tab.shows_account("Ada L.").says("Renamed.")


@both
def test_the_access_token_expires(site: Site, tab: Tab, path: str) -> None:
    """An expired access token is renewed by the server, or the page refreshes it and repeats the request."""
    before = tab.cookies
    site.clock.now += EXPIRY
    site.door.seen.clear()
    tab.press("Read the reports").shows_reports()
    after = tab.cookies
    assert {name for name in before if before[name] != after[name]} == set(before) - {"__Host-csrf"}
    by_the_page = ["GET /reports", "POST /header/auth/refresh", "GET /reports"]
    assert site.door.seen == (["GET /reports"] if path == COOKIES else by_the_page)


@both
def test_two_tabs_refresh_at_once(site: Site, tab: Tab, path: str) -> None:
    """Two tabs that present the same refresh token at once both stay logged in."""
    other = another(tab).shows_account()
    for _ in range(2):
        site.clock.now += EXPIRY
        # Two paths, since a browser asks for one page twice only one after the other.
        site.door.hold(*(["/reports", "/admin/users"] if path == COOKIES else ["/header/auth/refresh"] * 2))
        tab.press("Read the reports")
        other.press("List the users")
        tab.shows_reports()
        expect(other.page.locator("#answer")).to_have_text('{"users":["ada","bob"]}')
        for one in (tab, other):
            one.press("Read the reports").shows_reports()


@both
def test_calls_that_find_out_together(site: Site, tab: Tab, path: str) -> None:
    """Two calls of one page at the same moment share a refresh, or are both renewed on the way."""
    site.clock.now += EXPIRY
    site.door.seen.clear()
    site.door.hold("/reports", "/admin/users")
    tab.page.evaluate("for (const button of document.querySelectorAll('[data-path]')) button.click()")
    expect(tab.page.locator("#answer")).not_to_be_empty()
    tab.press("Read the reports").shows_reports()
    assert site.door.seen.count("POST /header/auth/refresh") == (0 if path == COOKIES else 1)


@both
def test_a_call_that_finds_out_late(site: Site, tab: Tab, path: str) -> None:
    """A call that left with the old token, and is answered when there is a new one, is made again with that."""
    site.clock.now += EXPIRY
    site.door.seen.clear()
    site.door.hold("/admin/users", "/static/icon.svg")
    tab.press("List the users").press("Read the reports").shows_reports()
    tab.page.context.request.get(f"{site.origin}/static/icon.svg")
    expect(tab.page.locator("#answer")).to_have_text('{"users":["ada","bob"]}')
    assert site.door.seen.count("POST /header/auth/refresh") == (0 if path == COOKIES else 1)


@both
def test_logout_in_another_tab(site: Site, tab: Tab, path: str) -> None:
    """The other tab hears of it at once, and there is nothing left to log in with."""
    other = another(tab).shows_account()
    tab.press("Log out").shows_login("You are logged out.")
    expect(tab.page.get_by_label("Name", exact=True)).to_be_focused()
    other.shows_login("You have logged out in another tab.")
    assert tab.page.context.cookies() == []
    tab.page.reload()
    tab.shows_login("Please log in.")


@both
def test_a_tab_that_did_not_hear(site: Site, tab: Tab, path: str) -> None:
    """Its next call is answered 401, and it shows the form all the same."""
    other = another(tab).shows_account()
    other.page.evaluate("BroadcastChannel.prototype.postMessage = () => {}")
    other.press("Log out").shows_login("You are logged out.")
    tab.shows_account().press("Read the reports").shows_login("Please log in.")


@both
def test_login_in_another_tab(site: Site, device: Device, path: str) -> None:
    """A login in one tab is a login in the other tab, also a login of another user."""
    tabs = [Tab(device(), site, path).open().shows_login("Please log in.")]
    tabs.append(another(tabs[0]).shows_login("Please log in."))
    tabs[0].login()
    tabs[1].shows_account()
    tabs[1].press("Log out")
    tabs[0].shows_login("You have logged out in another tab.").login("bob")
    for tab in tabs:
        tab.shows_account("bob")


@both
def test_my_devices(site: Site, device: Device, tab: Tab, path: str) -> None:
    """Each device is in the list, this one is marked, and one that is ended is out at its next call."""
    site.clock.now += 60
    phone = Tab(device("Mozilla/5.0 (Android 16; Mobile) Gecko/140.0 Firefox/140.0"), site, path).open().login()
    phone.shows_account()
    assert phone.devices == ["This device (Firefox on Android)", "Chrome on Linux"]
    tab.page.reload()
    tab.shows_account()
    assert tab.devices == ["Firefox on Android", "This device (Chrome on Linux)"]
    tab.page.get_by_role("button", name="End Firefox on Android").press("Enter")
    tab.says("That device is logged out.")
    assert tab.devices == ["This device (Chrome on Linux)"]
    expect(tab.page.get_by_role("button", name="Log out", exact=True)).to_be_focused()
    phone.press("Read the reports").shows_login("Please log in.")
    assert phone.devices == []


@both
def test_logout_everywhere(site: Site, device: Device, tab: Tab, path: str) -> None:
    """A logout everywhere asks for the password if the login is old, and ends the sessions of all devices."""
    phone = Tab(device(), site, path).open().login().shows_account()
    site.clock.now += EXPIRY
    tab.press("Log out everywhere")
    tab.shows_login("For that, your login is too old. Please type your password once more.")
    tab.login().shows_account().press("Log out everywhere").shows_login("You are logged out on all devices.")
    phone.press("Read the reports").shows_login("Please log in.")


@both
def test_scripts_read_no_token(tab: Tab, path: str) -> None:
    """An injected script finds no credential that works elsewhere."""
    names = {"__Host-access", "__Host-refresh", "__Host-csrf"} if path == COOKIES else {"__Host-refresh-header"}
    assert set(tab.cookies) == names
    readable = tab.page.evaluate("document.cookie")
    assert readable == (f"__Host-csrf={tab.cookies['__Host-csrf']}" if path == COOKIES else "")
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}, Object.keys(window), document.body.innerHTML])"
    assert "eyJ" not in tab.page.evaluate(stored)


@both
def test_injected_scripts_do_not_run(site: Site, device: Device, path: str) -> None:
    """The page has no script in its HTML, and its policy lets none run that got there."""
    tab = Tab(device(), site, path)
    inject = "<!doctype html><script>window.wasInjected = true</script>"
    tab.page.route(
        f"{site.origin}{path}",
        lambda route: route.fulfill(response=(answer := route.fetch()), body=inject + answer.text()),
    )
    tab.open().shows_login("Please log in.")
    assert tab.page.evaluate("window.wasInjected") is None
    assert any("Content Security Policy" in complaint for complaint in tab.complaints)


OTHER_SITE, OTHER_PORT = "prizes.test", "localhost"
LOGIN = {"username": "bob", "password": "example-password-of-bob"}
FORMS = {
    "/auth/login": LOGIN,
    "/auth/refresh": {},
    "/auth/logout": {},
    "/auth/logout-all": {},
    "/header/auth/login": LOGIN,
    "/me": {"display_name": "Mallory"},
}


@pytest.mark.parametrize("host", [OTHER_SITE, OTHER_PORT], ids=["another site", "another port"])
def test_forms_of_others(site: Site, tab: Tab, host: str) -> None:
    """A form of another site, or of another port of this host, is refused, and changes nothing."""
    before = tab.page.context.cookies()
    page = tab.page.context.new_page()
    for target, fields in FORMS.items():
        with serving(forging_page(site.origin + target, fields)) as port:
            page.goto(f"http://{host}:{port}/")
            with page.expect_navigation() as navigation:
                page.get_by_role("button").click()
        answer = navigation.value
        assert answer is not None
        # A form on another site sends no cookies (SameSite), so a route that needs a token refuses it.
        needs_cookie = target in {"/me", "/auth/logout-all"}
        assert answer.status == (401 if host == OTHER_SITE and needs_cookie else 403), target
        assert ("cookie" in answer.request.all_headers()) == (host == OTHER_PORT)
    assert tab.page.context.cookies() == before
    tab.page.reload()
    tab.shows_account("ada")


def test_both_pages_at_once(site: Site, tab: Tab) -> None:
    """In one browser, one may be logged in as ada and the other as bob: the header's calls bring no cookie along."""
    header = Tab(tab.page.context, site, HEADER).open().login("bob").shows_account("bob")
    header.press("Read the reports").says("This needs has_scope('reports:read').")
    site.clock.now += EXPIRY
    tab.press("Read the reports").shows_reports()
    header.press("Read the reports").says("This needs has_scope('reports:read').")


@both
def test_not_remembered(site: Site, device: Device, path: str) -> None:
    """Without the check mark the cookies end with the browser."""
    tab = Tab(device(), site, path).open()
    tab.page.get_by_label("Stay logged in").uncheck()
    tab.login().shows_account()
    assert {cookie.get("expires") for cookie in tab.page.context.cookies()} == {-1}


@both
def test_out_of_reach(tab: Tab, path: str) -> None:
    """A server that does not answer ends no login."""
    tab.page.context.set_offline(True)
    tab.press("Read the reports").says("The server cannot be reached.").shows_account()
    tab.page.context.set_offline(False)
    tab.press("Read the reports").shows_reports()


@both
def test_it_can_be_read(site: Site, device: Device, path: str) -> None:
    """Nothing sticks out on a small screen, and all text stands out from its ground (WCAG 2.2 §1.4.3)."""

    def check(tab: Tab) -> None:
        for width in (360, 1440):
            tab.page.set_viewport_size({"width": width, "height": 800})
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= width
            for is_dark in (False, True):
                tab.page.emulate_media(color_scheme="dark" if is_dark else "light")
                assert tab.page.evaluate(LEAST_CONTRAST) >= 4.5, (width, is_dark)

    tab = Tab(device("a-device-with-quite-a-long-name/1.0" * 3), site, path).open().shows_login("Please log in.")
    check(tab)
    tab.login().shows_account()
    check(tab)
