"""`RouteConformance`: the ready-made routes answer alike in every framework.

>>> class TestMyRoutes(RouteConformance):
...     def client(self, site):
...         raise NotImplementedError("build the site with your framework; return wsgi_client(app) or asgi_client(app)")

Needs pytest.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import ClassVar

import pytest

from jwtguard.testing.conformance.adapter import assert_challenge
from jwtguard.testing.conformance.browser import ELSEWHERE, Browser
from jwtguard.testing.conformance.raw_clients import Client, RawAnswer
from jwtguard.testing.conformance.route_cases import ROUTE_CASES, RouteCase
from jwtguard.testing.conformance.route_sites import PUBLIC_KEY, RouteSite, route_site
from jwtguard.testing.conformance.selection import looks_of_route, rows_that_differ

TWO_WEEKS = str(14 * 24 * 3600)
_delivered = pytest.mark.parametrize("name", ["cookies", "cookies, async", "silent renewal"])
_tokens = pytest.mark.parametrize("name", ["bearer", "bearer, async", "bearer, decorators only"])


class RouteConformance:
    """The contract of the routes, as tests.

    `every_row = False` leaves out rows that differ from another row only in what the routes decide without the adapter.
    """

    every_row: ClassVar[bool] = True

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each row."""
        if "route_case" in metafunc.fixturenames:
            rows = ROUTE_CASES if self.every_row else rows_that_differ(ROUTE_CASES, looks_of_route)
            metafunc.parametrize("route_case", rows, ids=[f"{row.site}: {row.name}" for row in rows])

    def client(self, site: RouteSite) -> Client:
        """Build `site` with the framework, and return a client of it."""
        raise NotImplementedError("an adapter's test says how a site is built")

    def browser(self, name: str, *, root_path: str = "", host: str = "api.example") -> tuple[RouteSite, Browser]:
        """A new site of this name, and a browser of it."""
        site = route_site(name)
        return site, Browser(self.client(site), root_path=root_path, host=host)

    def test_answer(self, route_case: RouteCase) -> None:
        """The request gets the answer that the table says."""
        case = route_case
        site, browser = self.browser(case.site)
        answer = browser.send(case.method, case.path, body=case.body, headers=case.headers, origin=case.origin)
        assert answer.status == case.status, answer
        assert_challenge(case.challenge, answer.header("WWW-Authenticate"))
        assert answer.header("Retry-After") == case.retry_after
        assert len(site.logins) == case.asked
        if case.allow is not None:
            allowed = (answer.header("Allow") or "").split(", ")
            assert set(case.allow.split(", ")) <= set(allowed) <= {*case.allow.split(", "), "HEAD", "OPTIONS"}
        if case.framework:
            return
        assert answer.header("Cache-Control") == "no-store"
        if case.status >= 400:
            assert case.detail in answer.json()["detail"]
            assert answer.header("Content-Type") == "application/problem+json"
            assert answer.json().get("error") == case.error
            assert answer.json()["title"] == HTTPStatus(case.status).phrase
        if case.status == 403:
            assert browser.set_cookies == []

    def test_every_failed_login_looks_the_same(self) -> None:
        """A wrong password, an unknown user and one who is barred get one body, and are checked in one way."""
        site, browser = self.browser("bearer")
        attempts = [("alice", "guess"), ("unknown", "guess"), ("mallory", "malice")]
        answers = [browser.login(*attempt) for attempt in attempts]
        assert len({(answer.status, answer.body) for answer in answers}) == 1
        assert site.logins == attempts

    def test_the_hook_may_answer(self) -> None:
        """An answer of `before_login` is sent as it is, and no password is checked."""
        site, browser = self.browser("bearer")
        answer = browser.login("blocked")
        assert (answer.status, answer.body, site.logins) == (418, b"short and stout", [])

    @_tokens
    def test_tokens_in_the_body(self, name: str) -> None:
        """Bearer delivery follows RFC 6749 §5.1, and the tokens work."""
        site, browser = self.browser(name)
        answer = browser.login()
        pair = answer.json()
        assert (answer.header("Content-Type"), answer.header("Cache-Control")) == ("application/json", "no-store")
        assert sorted(pair) == ["access_token", "expires_in", "refresh_token", "scope", "token_type"]
        assert (pair["token_type"], pair["expires_in"], pair["scope"]) == ("Bearer", 300, "reports:read")
        assert browser.set_cookies == []
        assert _me(browser, pair["access_token"]).json() == {"subject": "user-alice"}
        site.clock.now += 60
        for kind in ("json_body", "form"):
            sent = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
            answer = browser.send("POST", "/auth/refresh", **{kind: sent})  # type: ignore[arg-type]
            assert (answer.status, answer.header("Cache-Control")) == (200, "no-store")
            pair = answer.json()
            site.clock.now += 60
        assert _me(browser, pair["access_token"]).status == 200
        assert browser.send("POST", "/auth/logout", json_body={"refresh_token": pair["refresh_token"]}).status == 204
        answer = browser.send("POST", "/auth/refresh", json_body={"refresh_token": pair["refresh_token"]})
        assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")

    def test_a_token_used_twice(self) -> None:
        """An older generation after the grace time ends the session for both who hold it."""
        site, browser = self.browser("bearer")
        stolen = browser.login().json()["refresh_token"]
        fresh = browser.send("POST", "/auth/refresh", json_body={"refresh_token": stolen}).json()["refresh_token"]
        site.clock.now += 11
        for token in (stolen, fresh):
            answer = browser.send("POST", "/auth/refresh", json_body={"refresh_token": token})
            assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")

    @pytest.mark.parametrize("name", ["bearer", "bearer, async"])
    def test_a_changed_password(self, name: str) -> None:
        """The refresh tokens of before are worth nothing; a login with the new password is."""
        site, browser = self.browser(name)
        pairs = [browser.login().json() for _ in range(2)]
        site.passwords["alice"] = "looking-glass"
        for pair in pairs:
            answer = browser.send("POST", "/auth/refresh", json_body={"refresh_token": pair["refresh_token"]})
            assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")
        assert site.sessions.list("user-alice").run() == []
        pair = browser.login(password="looking-glass").json()
        assert browser.send("POST", "/auth/refresh", json_body={"refresh_token": pair["refresh_token"]}).status == 200

    @_delivered
    def test_tokens_in_cookies(self, name: str) -> None:
        """Cookie delivery shows no token to scripts; names, paths and lifetimes are those of the contract."""
        site, browser = self.browser(name)
        answer = browser.login()
        assert answer.json() == {"expires_in": 300, "scope": "reports:read"}
        flags = {"secure": "", "httponly": "", "max-age": TWO_WEEKS}
        assert browser.attributes("__Host-access") == {**flags, "path": "/", "samesite": "Lax"}
        samesite = "Lax" if name == "silent renewal" else "Strict"
        assert browser.attributes("__Host-refresh") == {**flags, "path": "/", "samesite": samesite}
        assert browser.send("GET", "/me").json() == {"subject": "user-alice"}
        before = browser.cookies("/auth")
        site.clock.now += 400  # An expired access cookie prevents neither a refresh nor a logout.
        assert browser.send("POST", "/auth/refresh").status == 200
        after = browser.cookies("/auth")
        assert all(before[cookie] != after[cookie] for cookie in before)
        site.clock.now += 400
        answer = browser.send("POST", "/auth/logout")
        assert (answer.status, answer.body, answer.header("Content-Type"), browser.cookies("/auth")) == (
            204,
            b"",
            None,
            {},
        )
        for name, value in after.items():
            browser.put(name, value, "/auth")
        assert browser.send("POST", "/auth/refresh").json()["error"] == "invalid_grant"

    def test_refresh_token_in_a_cookie(self) -> None:
        """A page gets the access token to keep, and no script ever sees the refresh token."""
        site, browser = self.browser("refresh cookie, rules")
        answer = browser.login()
        assert sorted(answer.json()) == ["access_token", "expires_in", "scope", "token_type"]
        assert browser.attributes("__Host-refresh") == {
            "secure": "",
            "httponly": "",
            "max-age": TWO_WEEKS,
            "path": "/",
            "samesite": "Strict",
        }
        assert list(browser.cookies("/me")) == ["__Host-refresh"]
        assert _me(browser, answer.json()["access_token"]).json() == {"subject": "user-alice"}
        before = browser.cookies("/auth")
        site.clock.now += 400
        assert _me(browser, answer.json()["access_token"]).status == 401
        answer = browser.send("POST", "/auth/refresh")
        assert _me(browser, answer.json()["access_token"]).status == 200
        after = browser.cookies("/auth")
        assert before["__Host-refresh"] != after["__Host-refresh"]
        # A page may not hand over a token by itself: it would have had to keep one where scripts can read it.
        browser.lose("__Host-refresh")
        sent = {"refresh_token": after["__Host-refresh"]}
        assert browser.send("POST", "/auth/refresh", json_body=sent).json()["error"] == "invalid_request"
        browser.put("__Host-refresh", after["__Host-refresh"])
        assert (browser.send("POST", "/auth/logout").status, browser.cookies("/auth")) == (204, {})
        browser.put("__Host-refresh", after["__Host-refresh"])
        assert browser.send("POST", "/auth/refresh").json()["error"] == "invalid_grant"

    def test_not_remembered(self) -> None:
        """Cookies end with the browser where the user, or else the application, says so; generation after
        generation.
        """
        for name, remember in (("cookies", False), ("cookies, forgotten", None), ("refresh cookie", False)):
            _, browser = self.browser(name)
            more = {} if remember is None else {"remember": remember}
            assert browser.send("POST", "/auth/login", json_body={**_ALICE, **more}).status == 200
            assert not any("max-age" in cookie.lower() for cookie in browser.set_cookies)
            assert browser.send("POST", "/auth/refresh").status == 200
            assert "max-age" not in browser.attributes("__Host-refresh")
        _, browser = self.browser("cookies, forgotten")
        assert browser.send("POST", "/auth/login", form={**_ALICE, "remember": "on"}).status == 200
        assert browser.attributes("__Host-access")["max-age"] == TWO_WEEKS

    def test_csrf_cookie(self) -> None:
        """The readable cookie beside them holds the token that a client without Origin must send back."""
        _, browser = self.browser("cookies, csrf token")
        browser.login()
        csrf = browser.cookies("/")["__Host-csrf"]
        assert "httponly" not in browser.attributes("__Host-csrf")
        assert browser.attributes("__Host-csrf")["max-age"] == TWO_WEEKS
        assert browser.send("POST", "/me", origin=[]).status == 403
        assert browser.send("POST", "/me", origin=[], headers=[("X-CSRF-Token", csrf)]).status == 200
        browser.send("POST", "/auth/logout")
        assert browser.cookies("/auth") == {}

    @pytest.mark.parametrize("name", ["cookies", "cookies, rules"])
    def test_mounted(self, name: str) -> None:
        """Below a root path, the refresh cookie is for the whole host all the same; the same routes are exempt."""
        _, browser = self.browser(name, root_path="/shop")
        assert browser.login().status == 200
        assert browser.attributes("__Host-refresh")["path"] == "/"
        assert browser.send("POST", "/auth/refresh").status == 200
        browser.send("POST", "/auth/logout")
        assert browser.cookies("/auth/logout") == {}

    @pytest.mark.parametrize("name", ["cookies", "refresh cookie, rules"])
    def test_cookies_that_others_planted(self, name: str) -> None:
        """A sister domain can plant a cookie without `__Host-`: it neither logs a user in nor prevents a login."""
        _, attacker = self.browser(name)
        attacker.login("bob", "builder")
        planted = attacker.cookies("/")["__Host-refresh"]
        site, browser = self.browser(name)
        for cookie in ("__Secure-refresh", "refresh", "__host-refresh"):
            browser.put(cookie, planted)
        assert browser.send("POST", "/auth/refresh").json()["error"] == "invalid_request"
        browser.login()
        site.clock.now += 400
        assert browser.send("POST", "/auth/refresh").status == 200
        assert browser.send("POST", "/auth/logout").status == 204
        assert site.sessions.list("user-alice").run() == []

    @pytest.mark.parametrize("name", ["cookies", "refresh cookie", "silent renewal"])
    @pytest.mark.parametrize("joined", ["{cookie}={first}; {cookie}={second}", "{cookie}={first},{cookie}={second}"])
    def test_two_refresh_cookies(self, name: str, joined: str) -> None:
        """A refresh is refused and takes the cookies away, or it would be refused for ever; a logout ends both."""
        site, browser = self.browser(name)
        tokens = []
        for _ in range(2):
            browser.login()
            tokens.append(browser.cookies("/")["__Host-refresh"])
            browser.lose("__Host-refresh")
        browser.lose("__Host-access")
        both = ("Cookie", joined.format(cookie="__Host-refresh", first=tokens[0], second=tokens[1]))
        answer = browser.send("POST", "/auth/refresh", headers=[both])
        assert (answer.status, answer.json()["error"]) == (400, "invalid_request")
        deleting = browser.attributes("__Host-refresh")
        assert (deleting["max-age"], deleting["path"], "domain" in deleting) == ("0", "/", False)
        assert len(site.sessions.list("user-alice").run()) == 2
        assert browser.send("POST", "/auth/logout", headers=[both]).status == 204
        assert site.sessions.list("user-alice").run() == []

    def test_a_name_of_one_s_own(self) -> None:
        """Two applications on one host each have a refresh cookie, and neither takes the other's."""
        _, first = self.browser("cookies")
        first.login()
        site, browser = self.browser("cookies, own name")
        browser.put("__Host-refresh", first.cookies("/")["__Host-refresh"])
        browser.login()
        assert sorted(browser.cookies("/")) == ["__Host-access", "__Host-refresh", "__Host-refresh-admin"]
        site.clock.now += 400
        assert browser.send("POST", "/auth/refresh").status == 200
        assert browser.send("POST", "/auth/logout").status == 204
        assert list(browser.cookies("/")) == ["__Host-refresh"]

    def test_development(self) -> None:
        """Names without prefixes for plain http on this machine, and nowhere else."""
        for name, cookies in (("cookies", ["access", "refresh"]), ("refresh cookie", ["refresh"])):
            _, browser = self.browser(f"{name}, development", host="localhost:8000")
            browser.login()
            assert sorted(browser.cookies("/auth/login")) == cookies
            _, browser = self.browser(f"{name}, development")
            assert (browser.login().status, browser.set_cookies) == (400, [])

    @pytest.mark.parametrize("name", ["cookies, too large", "bearer, too long"])
    def test_too_large(self, name: str) -> None:
        """Tokens that no browser would keep, or that the guard refuses, are an error of the server, which says so.

        No session is left behind.
        """
        site, browser = self.browser(name)
        assert _is_server_error(browser)
        assert site.sessions.list("user-alice").run() == []

    @pytest.mark.parametrize("name", ["cookies", "silent renewal", "silent renewal, revocation"])
    def test_logout_clears_whatever_there_is(self, name: str) -> None:
        """Garbage, a store that is down: the browser holds no token afterwards."""
        site, browser = self.browser(name)
        browser.login()
        site.store.is_down = True
        assert browser.send("POST", "/auth/logout").status == 503
        assert browser.cookies("/auth") == {}
        for cookie in ("__Host-access", "__Host-refresh"):
            browser.put(cookie, "garbage")
        assert browser.send("POST", "/auth/logout").status == 204
        assert "__Host-access" not in browser.cookies("/auth")

    def test_sessions_of_the_caller(self) -> None:
        """A user sees and ends the sessions that are the user's own; all at once only after a fresh login."""
        site, browser = self.browser("bearer")
        alice = browser.send("POST", "/auth/login", headers=[("User-Agent", "Phone")], json_body=_ALICE).json()
        bob = browser.login("bob", "builder").json()
        site.clock.now += 1
        browser.login()
        found = _get(browser, "/auth/sessions", alice["access_token"]).json()["sessions"]
        assert [(one["label"], one["current"]) for one in found] == [(None, False), ("Phone", True)]
        assert sorted(found[0]) == ["created_at", "current", "expires_at", "id", "label", "refreshed_at"]
        other, own = (f"/auth/sessions/{one['id']}" for one in found)
        answer = _get(browser, own, bob["access_token"], "DELETE")
        assert (answer.status, answer.json()["title"]) == (404, "Not Found")
        assert _get(browser, "/auth/sessions/unknown", bob["access_token"], "DELETE").status == 404
        assert _get(browser, other, alice["access_token"], "DELETE").status == 204
        assert len(_get(browser, "/auth/sessions", alice["access_token"]).json()["sessions"]) == 1
        site.clock.now += 299
        fresh = browser.send("POST", "/auth/refresh", json_body={"refresh_token": alice["refresh_token"]}).json()
        assert _get(browser, "/auth/logout-all", fresh["access_token"], "POST").status == 204
        assert site.sessions.list("user-alice").run() == []
        site.clock.now += 2
        stale = browser.send("POST", "/auth/refresh", json_body={"refresh_token": bob["refresh_token"]}).json()
        answer = _get(browser, "/auth/logout-all", stale["access_token"], "POST")
        assert (answer.status, answer.json()["error"]) == (401, "insufficient_user_authentication")
        assert len(site.sessions.list("user-bob").run()) == 1

    def test_sessions_by_cookie(self) -> None:
        """With cookies, too; ending all of them, or the current one, clears the cookies, and no other site can."""
        for template, method in (("/auth/logout-all", "POST"), ("/auth/sessions/{id}", "DELETE")):
            _, browser = self.browser("cookies")
            browser.login()
            (session,) = browser.send("GET", "/auth/sessions").json()["sessions"]
            path = template.format(**session)
            assert browser.send(method, path, origin=ELSEWHERE).status == 403
            assert browser.send(method, path).status == 204
            assert browser.cookies("/auth") == {}

    @pytest.mark.parametrize("path", ["/auth/.well-known/jwks.json", "/.well-known/jwks.json"])
    def test_public_keys(self, path: str) -> None:
        """The keys below the prefix and at the root, never a shared secret, behind rules too."""
        for name, kids in (("bearer", []), ("bearer, public key", [PUBLIC_KEY.kid]), ("cookies, rules", [])):
            _, browser = self.browser(name)
            answer = browser.send("GET", path, headers=[("Authorization", "Bearer garbage")])
            assert (answer.status, answer.header("Cache-Control")) == (200, "public, max-age=300")
            assert [key["kid"] for key in answer.json()["keys"]] == kids
            assert b'"k"' not in answer.body
            assert b'"d"' not in answer.body
            assert browser.send("HEAD", path).body == b""

    def test_rules_in_front(self) -> None:
        """Behind rules that ask for a token everywhere, a user can log in, renew and leave."""
        site, browser = self.browser("cookies, rules")
        browser.put("__Host-access", "garbage")
        assert browser.login().status == 200
        assert browser.send("GET", "/auth/sessions").status == 200
        site.clock.now += 400
        assert browser.send("GET", "/auth/sessions").status == 401
        assert browser.send("POST", "/auth/refresh").status == 200
        assert browser.send("GET", "/auth/other").status == 200
        site.clock.now += 400
        assert browser.send("POST", "/auth/logout").status == 204


_ALICE = {"username": "alice", "password": "wonderland"}


def _get(browser: Browser, path: str, token: str, method: str = "GET") -> RawAnswer:
    return browser.send(method, path, headers=[("Authorization", f"Bearer {token}")])


def _me(browser: Browser, token: str) -> RawAnswer:
    return _get(browser, "/me", token)


def _is_server_error(browser: Browser) -> bool:
    """Frameworks answer 500, or leave that to the server."""
    try:
        return browser.login().status == 500
    except Exception as error:  # noqa: BLE001 - each framework lets it through in its own way
        return "the largest claims: portrait" in str(error)
