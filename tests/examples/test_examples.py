"""Every example, as a server that runs, does what a reader expects who copies it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.examples.servers import COMMANDS, MANAGE, Server, run, serving
from tests.examples.visitors import BEARER, Visitor

ABSENT = 'Bearer realm="api"'
INVALID = (
    'Bearer realm="api", error="invalid_token", '
    'error_description="The access token is malformed, expired, revoked or not valid for this resource."'
)
EVIL = [("Origin", "https://evil.example")]
COOKIES = [name for name in COMMANDS if name not in BEARER]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Gives each example by its name, started when it is first asked for; what they print tells of no error."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def start(name: str) -> Server:
            if name not in started:
                started[name] = stack.enter_context(serving(name, tmp_path_factory.mktemp(name)))
            return started[name]

        yield start
    for server in started.values():
        assert "Traceback" not in server.log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, running: Callable[[str], Server]) -> Server:
    """One example, running."""
    return running(request.param)


# An example allows five logins in a minute, so these are shared.


@pytest.fixture(scope="module")
def bob(server: Server) -> Visitor:
    """Bob, logged in for all tests that only look."""
    return logged_in(server, "bob")


@pytest.fixture(scope="module")
def ada(server: Server) -> Visitor:
    """Ada, likewise."""
    return logged_in(server, "ada")


@pytest.fixture(scope="module", params=COOKIES)
def visitor(request: pytest.FixtureRequest, running: Callable[[str], Server]) -> Visitor:
    """Bob, at an example that sets cookies."""
    return logged_in(running(request.param), "bob")


def logged_in(server: Server, name: str, *, device: str = "A device") -> Visitor:
    visitor = Visitor(server, device=device)
    assert visitor.login(name).status == 200
    return visitor


def tampered(text: str) -> str:
    """The token with one character of its claims changed."""
    header, payload, signature = text.split(".")
    return f"{header}.{payload[:10]}{'A' if payload[10] != 'A' else 'B'}{payload[11:]}.{signature}"


def test_public_page(server: Server) -> None:
    """Everybody sees the front page."""
    assert server.send("GET", "/").status == 200


@pytest.mark.parametrize(("name", "password"), [("ada", "a guess"), ("unknown", "a guess"), ("unknown", "ü" * 500)])
def test_wrong_login(server: Server, name: str, password: str) -> None:
    """A wrong name and a wrong password get the same answer."""
    answers = [Visitor(server).login(*attempt) for attempt in ((name, password), ("carol", "a guess"))]
    assert answers[0].status == 401
    assert answers[0].body == answers[1].body


def test_guesses_are_slowed_down(server: Server) -> None:
    """The sixth guess in a minute is told to wait, and no longer than that minute."""
    answers = [Visitor(server).login("eve", "a guess") for _ in range(6)]
    assert [answer.status for answer in answers] == [401] * 5 + [429]
    assert 1 <= int(answers[-1].header("Retry-After") or "") <= 60


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b'{"username": 1, "password": []}'])
@pytest.mark.parametrize("path", ["/auth/login", "/me"])
def test_malformed_body(server: Server, bob: Visitor, path: str, body: bytes) -> None:
    """A body that makes no sense is refused, not stumbled over."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bob.token}"}
    assert 400 <= server.send("POST", path, headers, body).status < 500


def test_admitted(bob: Visitor) -> None:
    """With a token the profile is shown."""
    answer = bob.get("/me")
    assert (answer.status, answer.json()["name"]) == (200, "bob")


def test_no_token(server: Server) -> None:
    """Without one: 401, and a challenge without an error code."""
    reply = server.send("GET", "/me")
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, ABSENT)
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_tampered_token(server: Server, bob: Visitor) -> None:
    """One character changed: 401 invalid_token."""
    reply = server.send("GET", "/me", {"Authorization": f"Bearer {tampered(bob.token)}"})
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, INVALID)


def test_role(ada: Visitor, bob: Visitor) -> None:
    """The administrator sees all users; bob is told what he lacks."""
    assert ada.get("/admin/users").json() == {"users": ["ada", "bob"]}
    answer = bob.get("/admin/users")
    assert (answer.status, answer.json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in (answer.header("WWW-Authenticate") or "")
    assert "has_role('admin')" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/admin", "/admin/", "/admin/whatever", "/auth/sessions", "/nowhere"])
def test_nothing_is_open_by_mistake(server: Server, path: str) -> None:
    """The rules cover what no view does."""
    assert server.send("GET", path).status == 401


def test_scope(ada: Visitor, bob: Visitor) -> None:
    """The scope decides, and the challenge names it."""
    assert ada.get("/reports").status == 200
    answer = bob.get("/reports")
    assert answer.status == 403
    assert (answer.header("WWW-Authenticate") or "").endswith('scope="reports:read"')


def test_bearer_post_needs_no_csrf(server: Server, ada: Visitor) -> None:
    """A POST with a bearer token needs no CSRF token."""
    reply = server.post("/me", {"display_name": "Ada L."}, {"Authorization": f"Bearer {ada.token}"})
    assert (reply.status, reply.json()["display_name"]) == (200, "Ada L.")
    assert ada.get("/me").json()["display_name"] == "Ada L."


def test_refresh_and_logout(server: Server) -> None:
    """A login is renewed by its refresh token, and after logout no more; answers with tokens stay in no cache."""
    visitor = Visitor(server)
    answer = visitor.login("bob")
    assert (answer.status, answer.json()["expires_in"], answer.header("Cache-Control")) == (200, 300, "no-store")
    before = visitor.token
    answer = visitor.refresh()
    assert (answer.status, answer.header("Cache-Control")) == (200, "no-store")
    assert visitor.token != before
    assert visitor.get("/me").status == 200
    kept = visitor.browser.cookies("/auth")
    assert visitor.logout().status == 204
    assert visitor.browser.cookies("/auth") == {}
    for name, value in kept.items():
        visitor.browser.put(name, value)
    answer = visitor.refresh()
    assert (answer.status, answer.json()["error"]) == (400, "invalid_grant")


def test_my_devices(server: Server, bob: Visitor) -> None:
    """A user sees every device, which one this is, and ends one of them; another user cannot."""
    laptop, phone = (logged_in(server, "ada", device=device) for device in ("Laptop", "Phone"))
    found = {one["label"]: one for one in phone.get("/auth/sessions").json()["sessions"]}
    assert (found["Laptop"]["current"], found["Phone"]["current"]) == (False, True)
    path = f"/auth/sessions/{found['Laptop']['id']}"
    assert bob.get(path, "DELETE").status == 404
    assert phone.get(path, "DELETE").status == 204
    assert "Laptop" not in {one["label"] for one in phone.get("/auth/sessions").json()["sessions"]}
    assert laptop.refresh().status == 400
    # Without revocation a guard asks no store, and the access token is valid for the rest of its five minutes.
    assert laptop.get("/me").status == (200 if server.name == "starlette" else 401)


def test_login_sets_cookies(visitor: Visitor) -> None:
    """The tokens' cookies are out of reach for scripts; the CSRF token's is not."""
    assert visitor.refresh().status == 200
    browser = visitor.browser
    assert sorted(browser.cookies("/auth")) == sorted(["__Host-access", "__Host-csrf", "__Host-refresh"])
    attributes = {name: browser.attributes(name) for name in browser.cookies("/auth")}
    assert {attribute["secure"] for attribute in attributes.values()} == {""}
    assert {name for name, attribute in attributes.items() if "httponly" not in attribute} == {"__Host-csrf"}


def test_bearer_sets_none(server: Server, bob: Visitor) -> None:
    """A login that asks for JSON sets no cookie."""
    assert (bob.browser.cookies("/auth") == {}) == (server.name in BEARER)


def test_cookie_get(visitor: Visitor) -> None:
    """The cookie opens the profile."""
    answer = visitor.browser.send("GET", "/me")
    assert (answer.status, answer.json()["name"]) == (200, "bob")


def test_cookie_and_header_at_once(visitor: Visitor) -> None:
    """Two tokens are one too many."""
    headers = [("Authorization", f"Bearer {visitor.token}")]
    assert visitor.browser.send("GET", "/me", headers=headers).status == 400


def test_an_absent_access_cookie(visitor: Visitor) -> None:
    """One example renews it on the way; in the others the page has to."""
    renews = visitor.server.name == "flask"
    visitor.browser.lose("__Host-access")
    answer = visitor.browser.send("GET", "/me")
    assert answer.status == (200 if renews else 401)
    assert any(cookie.startswith("__Host-access=") for cookie in visitor.browser.set_cookies) == renews
    assert visitor.refresh().status == 200
    assert visitor.browser.send("GET", "/me").status == 200


def rename(visitor: Visitor, origin: list[tuple[str, str]], *, with_token: bool) -> tuple[int, str]:
    """The status, and what the answer says about it, if anything."""
    csrf = [("X-CSRF-Token", visitor.browser.cookies("/")["__Host-csrf"])] if with_token else []
    document = {"display_name": "Bob"}
    answer = visitor.browser.send("POST", "/me", json_body=document, origin=origin, headers=csrf)
    return answer.status, answer.json().get("detail", "")


def test_cookie_post_from_our_own_page(visitor: Visitor) -> None:
    """Our own Origin, as every browser sends it with a POST, is enough; the one example wants the token besides."""
    own = [("Origin", visitor.server.origin)]
    assert rename(visitor, own, with_token=True) == (200, "")
    assert rename(visitor, own, with_token=False)[0] == (403 if visitor.server.name == "flask" else 200)


def test_cookie_post_from_elsewhere(visitor: Visitor) -> None:
    """Another Origin is refused, whatever else is right."""
    status, detail = rename(visitor, EVIL, with_token=True)
    assert status == 403
    assert "Origin" in detail


def test_cookie_post_without_headers(visitor: Visitor) -> None:
    """Without Origin and Sec-Fetch-Site, the CSRF token is needed, and the answer says so."""
    status, detail = rename(visitor, [], with_token=False)
    assert status == 403
    assert "X-CSRF-Token" in detail
    assert rename(visitor, [], with_token=True) == (200, "")


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/logout"])
def test_from_elsewhere(visitor: Visitor, path: str) -> None:
    """Another site can neither log a visitor in, nor out."""
    browser, document = visitor.browser, {"username": "bob", "password": "example-password-of-bob"}
    for kind in ({"json_body": document}, {"form": document}):
        assert browser.send("POST", path, origin=EVIL, **kind).status == 403  # type: ignore[arg-type]
        assert browser.set_cookies == []
    assert browser.send("POST", path, origin=[], form=document).status == 403


def test_a_broken_cookie_locks_no_user_out(visitor: Visitor) -> None:
    """A user with an old cookie sees the front page, and can log in and out."""
    other = Visitor(visitor.server)
    for name in ("__Host-access", "__Host-refresh"):
        other.browser.put(name, "a.b.c")
    assert other.browser.send("GET", "/").status == 200
    assert other.login("bob").status == 200
    other.browser.put("__Host-access", "a.b.c")
    assert other.logout().status == 204


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_keys_are_for_their_owner_only(server: Server) -> None:
    """The files that the first start creates are readable by their owner alone."""
    made = [path for path in server.log.parent.rglob("*") if path.suffix == ".pem" or "secret" in path.name]
    assert len(made) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}


def test_django_check(tmp_path: Path) -> None:
    """Django finds nothing wrong with the project."""
    assert "no issues" in run(str(MANAGE), "check", data=tmp_path)
    assert "No changes" in run(str(MANAGE), "makemigrations", "--check", "--dry-run", data=tmp_path)
