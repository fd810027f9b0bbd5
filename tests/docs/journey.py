"""What the page promises, asked of an application that was typed in from it."""

from __future__ import annotations

from jwtguard.testing.conformance.browser import Browser
from jwtguard.testing.conformance.raw_clients import Client


def walk(client: Client, password: str = "a long password") -> None:
    """Log in, call, refresh, look at the sessions, log out."""
    browser = Browser(client)
    assert browser.login("ada", "a guess").status == 401
    assert browser.login("ada", password).status == 200
    assert sorted(browser.cookies("/auth/refresh")) == ["__Host-access", "__Host-refresh"]
    subject = browser.send("GET", "/me").json()["subject"]
    assert subject
    assert browser.send("POST", "/auth/refresh").status == 200
    assert [one["current"] for one in browser.send("GET", "/auth/sessions").json()["sessions"]] == [True]
    assert browser.send("GET", "/auth/.well-known/jwks.json").status == 200
    assert browser.send("POST", "/auth/logout").status == 204
    assert browser.send("GET", "/me").status == 401
