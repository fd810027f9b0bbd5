"""`RenewalConformance`: silent renewal works alike in every framework.

>>> class TestMyRenewal(RenewalConformance):
...     def client(self, site):
...         raise NotImplementedError("build the site with your framework; return wsgi_client(app) or asgi_client(app)")

Needs pytest.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import pytest

from jwtguard.testing.conformance.browser import ELSEWHERE, LINK, OTHER_PORT, Browser
from jwtguard.testing.conformance.raw_clients import Client, RawAnswer
from jwtguard.testing.conformance.route_sites import RouteSite, route_site

_navigation = pytest.mark.parametrize(
    ("method", "origin", "is_renewed"),
    [
        ("GET", None, True),
        ("GET", [], True),
        ("GET", [("Sec-Fetch-Site", "none"), *LINK[1:]], True),
        ("GET", LINK, True),
        ("GET", [("Sec-Fetch-Site", "same-site"), *LINK[1:]], True),
        ("GET", ELSEWHERE, False),
        ("GET", OTHER_PORT, False),
        ("GET", LINK[:1], False),
        ("GET", LINK[:2], False),
        ("GET", [*LINK[:2], ("Sec-Fetch-Dest", "iframe")], False),
        ("GET", [LINK[0], ("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Dest", "image")], False),
        ("GET", [*LINK, ("Origin", "null")], False),
        ("HEAD", LINK, False),
    ],
)


def _assert_outage_ends(answer: RawAnswer, site: RouteSite, browser: Browser) -> None:
    """Assert that `answer` is an outage, and that the site answers again once its store does."""
    assert (answer.status, answer.header("Retry-After"), browser.set_cookies) == (503, "5", [])
    site.store.is_down = False
    assert browser.send("GET", "/me").status == 200


class RenewalConformance:
    """The contract of silent renewal, as tests."""

    def client(self, site: RouteSite) -> Client:
        """Build `site` with the framework, and return a client of it."""
        raise NotImplementedError("an adapter's test says how a site is built")

    def logged_in(self, name: str = "silent renewal") -> tuple[RouteSite, Browser]:
        """A new site, and a browser that logged in so long ago that its access cookie has expired."""
        site = route_site(name)
        browser = Browser(self.client(site))
        assert browser.login().status == 200
        site.clock.now += 400
        return site, browser

    @pytest.mark.parametrize("path", ["/me", "/plain", "/auth/sessions"])
    @pytest.mark.parametrize("name", ["silent renewal", "silent renewal, rules", "silent renewal, revocation"])
    def test_expired_or_absent(self, name: str, path: str) -> None:
        """The request passes, its answer carries new cookies, and the next one needs none."""
        site, browser = self.logged_in(name)
        for lost in (None, "__Host-access"):
            if lost is not None:
                browser.lose(lost)
            before = browser.cookies("/")
            assert browser.send("GET", path).status == 200
            assert len(browser.set_cookies) == 2
            assert all(browser.cookies("/")[cookie] != value for cookie, value in before.items())
            assert browser.attributes("__Host-refresh")["samesite"] == "Lax"
            assert browser.send("GET", path).status == 200
            assert browser.set_cookies == []
            site.clock.now += 100
        assert site.store.rotations == 2

    def test_views_cannot_have_it_stored(self) -> None:
        """The answer that carries tokens says `no-store`, whatever the view says; the next one is the view's again."""
        _, browser = self.logged_in()
        assert browser.send("GET", "/cached").header("Cache-Control") == "no-store"
        assert browser.send("GET", "/cached").header("Cache-Control") == "public, max-age=60"

    @pytest.mark.parametrize("name", ["silent renewal", "silent renewal, rules"])
    def test_no_answer_no_rotation(self, name: str) -> None:
        """A view that raises costs the client nothing."""
        site, browser = self.logged_in(name)
        with suppress(RuntimeError):
            assert browser.send("GET", "/fails").status == 500
        assert (site.store.rotations, browser.set_cookies) == (0, [])
        assert browser.send("GET", "/me").status == 200

    def test_never_beside_cookies_of_the_view(self) -> None:
        """Cookies that a view or a route sets are kept."""
        site, browser = self.logged_in()
        assert browser.send("GET", "/leaving").status == 200
        assert (len(browser.set_cookies), site.store.rotations) == (1, 0)
        for path in ("/auth/logout-all", "/auth/logout"):
            site, browser = self.logged_in()
            site.clock.now -= 200
            browser.lose("__Host-access")
            assert browser.send("POST", path).status == 204
            assert (browser.cookies("/"), site.store.rotations) == ({}, 0)

    def test_not_where_no_principal_is_read(self) -> None:
        """A public rule reads no token, so it renews none."""
        site, browser = self.logged_in("silent renewal, rules")
        assert browser.send("GET", "/open").status == 200
        assert (browser.set_cookies, site.store.rotations) == ([], 0)

    def test_a_session_that_ended(self) -> None:
        """The full refresh path decides: after a logout everywhere, there is no caller, and the view never runs."""
        for name in ("silent renewal", "silent renewal, revocation"):
            site, browser = self.logged_in(name)
            site.sessions.end_all("user-alice").run()
            answer = browser.send("GET", "/me")
            assert (answer.status, browser.set_cookies, site.store.rotations) == (401, [], 0)

    def test_a_changed_password_ends_silent_renewal(self) -> None:
        """A changed password ends the session: the view never runs, and no generation is rotated."""
        site, browser = self.logged_in()
        site.passwords["alice"] = "looking-glass"
        answer = browser.send("GET", "/me")
        assert (answer.status, browser.set_cookies, site.store.rotations) == (401, [], 0)
        assert site.sessions.list("user-alice").run() == []

    def test_a_stolen_copy(self) -> None:
        """An older generation after the grace time ends the session before any view runs."""
        site, browser = self.logged_in()
        stolen = browser.cookies("/")
        assert browser.send("GET", "/me").status == 200
        thief = Browser(browser.client)
        for cookie, value in stolen.items():
            thief.put(cookie, value)
        site.clock.now += 11
        assert thief.send("GET", "/me").status == 401
        site.clock.now += 400
        assert browser.send("GET", "/me").status == 401

    def test_two_tabs(self) -> None:
        """Two requests with the same cookies within the grace time both pass, and end in the same generation."""
        site, browser = self.logged_in()
        other = Browser(browser.client)
        for cookie, value in browser.cookies("/").items():
            other.put(cookie, value)
        for tab in (browser, other):
            assert tab.send("GET", "/me").status == 200
            assert len(tab.set_cookies) == 2
        assert site.store.rotations == 1
        site.clock.now += 400
        assert other.send("GET", "/me").status == 200

    def test_the_store_is_unreachable(self) -> None:
        """With the store down the answer is 503, and it recovers by itself."""
        site, browser = self.logged_in()
        site.store.is_down = True
        _assert_outage_ends(browser.send("GET", "/me"), site, browser)

    @_navigation
    def test_from_elsewhere(self, method: str, origin: Sequence[tuple[str, str]] | None, is_renewed: bool) -> None:  # noqa: FBT001
        """Another site may bring a user here by a link, and renew nothing in any other way."""
        site, browser = self.logged_in()
        assert browser.send(method, "/me", origin=origin).status == (200 if is_renewed else 401)
        assert site.store.rotations == is_renewed

    @pytest.mark.parametrize("origin", [ELSEWHERE, OTHER_PORT, LINK, []])
    def test_changing_something(self, origin: Sequence[tuple[str, str]]) -> None:
        """On an unsafe method, a caller from silent renewal passes the CSRF check or does not pass at all."""
        site, browser = self.logged_in()
        assert browser.send("POST", "/me", origin=origin).status == 403
        assert (site.store.rotations, browser.set_cookies) == (0, [])
        assert browser.send("POST", "/me").status == 200
        assert site.store.rotations == 1

    def test_csrf_token(self) -> None:
        """The CSRF token of the session goes on working, and is renewed with the rest."""
        _, browser = self.logged_in("silent renewal, csrf token")
        csrf = browser.cookies("/")["__Host-csrf"]
        assert browser.send("POST", "/me", origin=[], headers=[("X-CSRF-Token", csrf)]).status == 200
        assert len(browser.set_cookies) == 3
        assert browser.cookies("/")["__Host-csrf"] == csrf

    def test_only_for_the_cookie(self) -> None:
        """A token that is refused for another reason, or came in the header, is not renewed; nor is garbage."""
        site, browser = self.logged_in()
        expired = browser.cookies("/")["__Host-access"]
        browser.put("__Host-access", "garbage")
        assert browser.send("GET", "/me").status == 401
        browser.lose("__Host-access")
        assert browser.send("GET", "/me", headers=[("Authorization", f"Bearer {expired}")]).status == 401
        browser.put("__Host-refresh", "garbage")
        assert browser.send("GET", "/me").status == 401
        assert site.store.rotations == 0
