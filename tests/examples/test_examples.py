"""Every example, as a server that runs, does what a reader expects who copies it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.examples.servers import COMMANDS, MANAGE, Reply, Server, run, serving

ABSENT = 'Bearer realm="api"'
INVALID = (
    'Bearer realm="api", error="invalid_token", '
    'error_description="The access token is malformed, expired, revoked or not valid for this resource."'
)
EVIL = {"Origin": "https://evil.example"}


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One example, running; what it printed until its end tells of no error."""
    with serving(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running
    assert "Traceback" not in running.log.read_text(encoding="utf-8", errors="replace")


@pytest.fixture(scope="module")
def cookies(server: Server) -> Mapping[str, str]:
    """The cookies that bob's login set, and the headers that a browser sends with them."""
    reply = server.login("bob", cookie=True, headers={"Origin": server.origin})
    assert reply.status == 200
    assert "access_token" not in reply.json()
    return reply.cookies


@pytest.fixture(scope="module")
def wrong(server: Server) -> bytes:
    """What a wrong password is answered."""
    return server.post("/login", {"name": "bob", "password": "wrong"}).body


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def cookie_header(cookies: Mapping[str, str]) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def tampered(text: str) -> str:
    """The token with one character of its claims changed."""
    header, payload, signature = text.split(".")
    return f"{header}.{payload[:10]}{'A' if payload[10] != 'A' else 'B'}{payload[11:]}.{signature}"


def test_public_page(server: Server) -> None:
    """Everybody sees the front page."""
    assert server.send("GET", "/").status == 200


def test_login_answers_with_a_token_for_the_header(server: Server) -> None:
    """The answer to a login is what RFC 6749 §5.1 describes, and stays in no cache."""
    reply = server.login("bob")
    assert reply.status == 200
    assert reply.json()["token_type"] == "Bearer"
    assert reply.json()["expires_in"] == 300
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.cookies == {}


@pytest.mark.parametrize(
    "document",
    [
        {"name": "ada", "password": "a guess"},
        {"name": "nobody", "password": "a guess"},
        {"name": "ada\udcff", "password": "a guess"},
        {"name": "", "password": ""},
    ],
)
def test_wrong_login(server: Server, wrong: bytes, document: object) -> None:
    """A wrong name and a wrong password get the same answer."""
    reply = server.post("/login", document)
    assert (reply.status, reply.body) == (401, wrong)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"{", b"\xff", b'{"name": 1, "password": []}'],
)
@pytest.mark.parametrize("path", ["/login", "/me"])
def test_malformed_body(server: Server, path: str, body: bytes) -> None:
    """A body that makes no sense is refused, not stumbled over."""
    headers = {"Content-Type": "application/json", **bearer(server.token("bob"))}
    assert 400 <= server.send("POST", path, headers, body).status < 500


def test_admitted(server: Server) -> None:
    """With a token the profile is there."""
    reply = server.send("GET", "/me", bearer(server.token("bob")))
    assert (reply.status, reply.json()["name"]) == (200, "bob")


def test_no_token(server: Server) -> None:
    """Without one: 401, and a challenge without an error code."""
    reply = server.send("GET", "/me")
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, ABSENT)
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_tampered_token(server: Server) -> None:
    """One character changed: 401 invalid_token."""
    reply = server.send("GET", "/me", bearer(tampered(server.token("bob"))))
    assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, INVALID)


def test_role(server: Server) -> None:
    """The administrator sees all users; bob is told what he lacks."""
    assert server.send("GET", "/admin/users", bearer(server.token("ada"))).json() == {"users": ["ada", "bob"]}
    reply = server.send("GET", "/admin/users", bearer(server.token("bob")))
    assert (reply.status, reply.json()["error"]) == (403, "insufficient_scope")
    assert 'error="insufficient_scope"' in reply.headers["WWW-Authenticate"]
    assert "has_role('admin')" in reply.json()["detail"]


def test_nothing_below_admin_is_open(server: Server) -> None:
    """The rule covers what no view does."""
    for path in ("/admin", "/admin/", "/admin/whatever"):
        assert server.send("GET", path).status == 401


def test_scope(server: Server) -> None:
    """The scope decides, and the challenge names it."""
    assert server.send("GET", "/reports", bearer(server.token("ada"))).status == 200
    reply = server.send("GET", "/reports", bearer(server.token("bob")))
    assert reply.status == 403
    assert reply.headers["WWW-Authenticate"].endswith('scope="reports:read"')


def test_bearer_post_needs_no_csrf(server: Server) -> None:
    """What came in a header was put there by a program, not by a browser on its own."""
    reply = server.post("/me", {"display_name": "Ada L."}, bearer(server.token("ada")))
    assert (reply.status, reply.json()["display_name"]) == (200, "Ada L.")
    assert server.send("GET", "/me", bearer(server.token("ada"))).json()["display_name"] == "Ada L."


def test_login_sets_cookies(server: Server, cookies: Mapping[str, str]) -> None:
    """The token's cookie is out of reach for scripts; the CSRF token's is not."""
    fields = server.login("bob", cookie=True).headers.get_all("Set-Cookie") or []
    attributes = {text.partition("=")[0]: {part.strip() for part in text.split(";")[1:]} for text in fields}
    assert set(attributes) == set(cookies) == {"__Host-access", "__Host-csrf"}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= attributes["__Host-access"]
    assert {"Secure", "SameSite=Lax", "Path=/"} <= attributes["__Host-csrf"]
    assert "HttpOnly" not in attributes["__Host-csrf"]


def test_cookie_get(server: Server, cookies: Mapping[str, str]) -> None:
    """The cookie opens the profile."""
    reply = server.send("GET", "/me", cookie_header(cookies))
    assert (reply.status, reply.json()["name"]) == (200, "bob")


def test_cookie_and_header_at_once(server: Server, cookies: Mapping[str, str]) -> None:
    """Two tokens are one too many."""
    assert server.send("GET", "/me", {**cookie_header(cookies), **bearer(server.token("bob"))}).status == 400


def rename(server: Server, cookies: Mapping[str, str], headers: Mapping[str, str]) -> Reply:
    return server.post("/me", {"display_name": "Bob"}, {**cookie_header(cookies), **headers})


def test_cookie_post_from_our_own_page(server: Server, cookies: Mapping[str, str]) -> None:
    """Our own Origin, as every browser sends it with a POST, is enough."""
    assert rename(server, cookies, {"Origin": server.origin}).status == 200


def test_cookie_post_from_elsewhere(server: Server, cookies: Mapping[str, str]) -> None:
    """Another Origin is refused, whatever else is right."""
    reply = rename(server, cookies, {**EVIL, "X-CSRF-Token": cookies["__Host-csrf"]})
    assert reply.status == 403
    assert "Origin" in reply.json()["detail"]


def test_cookie_post_without_headers(server: Server, cookies: Mapping[str, str]) -> None:
    """Without Origin and Sec-Fetch-Site, the CSRF token is needed, and the answer says so."""
    reply = rename(server, cookies, {})
    assert reply.status == 403
    assert "X-CSRF-Token" in reply.json()["detail"]
    assert rename(server, cookies, {"X-CSRF-Token": cookies["__Host-csrf"]}).status == 200


def test_login_from_elsewhere(server: Server) -> None:
    """Another site cannot log a visitor in."""
    for cookie in (True, False):
        reply = server.login("bob", cookie=cookie, headers=EVIL)
        assert (reply.status, reply.cookies) == (403, {})


def test_login_by_another_sites_form(server: Server) -> None:
    """Nor with a content type that a form can send, from a browser that names no Origin."""
    body = b'{"name": "bob", "password": "example-password-of-bob", "cookie": true}'
    for headers in ({"Content-Type": "text/plain"}, {}):
        reply = server.send("POST", "/login", headers, body)
        assert 400 <= reply.status < 500
        assert reply.cookies == {}


def test_logout(server: Server, cookies: Mapping[str, str]) -> None:
    """Logging out deletes both cookies, but not on another site's word."""
    assert server.send("POST", "/logout", {**cookie_header(cookies), **EVIL}).status == 403
    reply = server.send("POST", "/logout", {**cookie_header(cookies), "Origin": server.origin})
    assert (reply.status, reply.cookies) == (204, {"__Host-access": "", "__Host-csrf": ""})


def test_a_broken_cookie_locks_nobody_out(server: Server) -> None:
    """Whoever has an old cookie can log in, and out."""
    old = {"Cookie": "__Host-access=a.b.c", "Origin": server.origin}
    assert server.login("bob", cookie=True, headers=old).status == 200
    assert server.send("POST", "/logout", old).status == 204


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_keys_are_for_their_owner_only(server: Server) -> None:
    """What was made at first start, nobody else may read."""
    made = [path for path in server.log.parent.iterdir() if path.suffix == ".pem" or "secret" in path.name]
    assert len(made) >= 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}


def test_django_check(tmp_path: Path) -> None:
    """Django finds nothing wrong with the project."""
    assert "no issues" in run(str(MANAGE), "check", data=tmp_path)
    assert "No changes" in run(str(MANAGE), "makemigrations", "--check", "--dry-run", data=tmp_path)
