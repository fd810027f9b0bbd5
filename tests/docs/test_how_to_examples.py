"""The pages that say how to do one thing: their code runs, and does what they say."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from jwtguard import Guard, JWTGuardError, SigningKey, SigningKeys, TokenIssuer, has_permission
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import RawRequest, StoreConformance, websocket_client, wsgi_client
from jwtguard.testing.conformance.browser import Browser
from tests.docs.sessions_page import run as sessions_page
from tests.examples.documents import ROOT, run

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("how-to-*.md"))


def indented_blocks(page: Path) -> list[str]:
    """The blocks of Python inside lists, which `blocks` does not see."""
    found = re.findall(r"^    ```python\n(.*?)^    ```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(code) for code in found]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory of the reader."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_page_is_run_here() -> None:
    """A page that is added needs a test, and this list tells."""
    tested = {
        "keycloak",
        "auth0",
        "logout-everywhere",
        "key-rotation",
        "websockets",
        "single-page-application",
        "store",
        "mcp",  # In tests/providers, with an authorization server.
    }
    assert {page.stem.removeprefix("how-to-") for page in PAGES} == tested


def test_keycloak() -> None:
    """The presets are as the page says: groups as roles, a key in tests."""
    shown = run(DOCS / "how-to-keycloak.md", {})
    assert isinstance(shown["guard"], Guard)
    issuer = TokenIssuer(
        issuer="https://kc.example/realms/acme", audience="orders-api", client_id="web", signing_keys=[shown["key"]]
    )
    text = issuer.access_token("ada", claims={"typ": "Bearer", "azp": "web", "realm_access": {"roles": ["manager"]}})
    guard = Guard(issuers=[shown["realm"]])
    assert guard.principal_of(guard.verify(text).run()).roles == {"manager"}
    assert shown["with_groups"].claims.roles[1].path == ("groups",)


def test_auth0() -> None:
    """Likewise."""
    shown = run(DOCS / "how-to-auth0.md", {})
    issuer = TokenIssuer(
        issuer="https://acme.eu.auth0.com/",
        audience="https://orders.example",
        client_id="web",
        signing_keys=[shown["key"]],
    )
    guard = Guard(issuers=[shown["tenant"]])
    caller = guard.principal_of(guard.verify(issuer.access_token("ada", permissions=["delete:orders"])).run())
    assert shown["may_delete"] == has_permission("delete:orders")
    assert caller.permissions == {"delete:orders"}


@pytest.mark.parametrize("name", ["keycloak", "auth0"])
def test_reasons_are_real(name: str) -> None:
    """The tables of refusals name reasons that the code has."""
    known = (DOCS / "verification.md").read_text(encoding="utf-8")
    text = (DOCS / f"how-to-{name}.md").read_text(encoding="utf-8").partition("## When a token is refused")[2]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    reasons = [reason for row in rows for reason in re.findall("`(.*?)`", row)]
    assert reasons
    for reason in reasons:
        family = re.match("kind_|missing_", reason)
        assert f"`{family[0]}…`" in known if family else f"`{reason}`" in known, reason


def test_logout_everywhere() -> None:
    """A changed password ends every session, and a guard that asks refuses their access tokens."""
    shown = run(DOCS / "how-to-logout-everywhere.md", sessions_page("The sessions"))
    first, second = (shown["sessions"].start("ada").run() for _ in range(2))
    shown["guard"].verify(first.access_token).run()
    shown["change_password"]("ada", "another")
    for answer in (first, second):
        with pytest.raises(JWTGuardError, match="revoked"):
            shown["sessions"].refresh(answer.refresh_token).run()
    with pytest.raises(JWTGuardError, match="revoked"):
        shown["guard"].verify(second.access_token).run()


def test_key_rotation() -> None:
    """Two keys after a rotation; one of them stolen; an old secret that checks tokens without `kid`."""
    shown = run(DOCS / "how-to-key-rotation.md", {})
    keys: SigningKeys = shown["keys"]
    assert [state.role for state in keys.states()] == ["compromised", "current"]
    assert next(state.role for state in shown["secrets"].states()) == "retired"
    assert all(isinstance(key, SigningKey) for key in shown["refresh_keys"])


def test_websockets() -> None:
    """A handshake with the subprotocol or with a cookie from our own page is let in; from another page it is not."""
    key = SigningKey.generate("ES256")
    app = run(DOCS / "how-to-websockets.md", {"key": key})["app"]
    issuer = TokenIssuer(
        issuer="https://login.example", audience="https://api.example", client_id="web", signing_keys=[key]
    )
    text = issuer.access_token("ada", roles=["support"])
    end = [{"type": "websocket.disconnect", "code": 1000}]

    def sent(*headers: tuple[str, str]) -> list[str]:
        request = RawRequest(target="/feed", headers=[("Host", "api.example"), *headers])
        return [message.get("text", message["type"]) for message in websocket_client(app, request, incoming=end)]

    cookie = ("Cookie", f"__Host-access={text}")
    assert sent(("Sec-WebSocket-Protocol", f"bearer, {text}")) == ["websocket.accept", "hello ada"]
    assert sent(cookie, ("Origin", "https://api.example")) == ["websocket.accept", "hello ada"]
    for headers in ([], [cookie], [cookie, ("Origin", "https://evil.example")]):
        assert "websocket.accept" not in sent(*headers)


def test_single_page_application() -> None:
    """The page's requests, as a browser sends them; then a page of another origin, which is named or is not."""
    page = DOCS / "how-to-single-page-application.md"
    shown = run(page, sessions_page("The sessions"), "The server")
    browser = Browser(wsgi_client(shown["app"]))
    assert browser.login("ada", "a long password").status == 200
    assert browser.send("POST", "/notes", json_body={"text": "hello"}).json() == {"by": "ada", "text": "hello"}
    browser.lose("__Host-access")  # It has expired, and is renewed on the way.
    assert browser.send("POST", "/notes", json_body={"text": "hello"}).status == 200
    elsewhere = [("Origin", "https://app.example"), ("Sec-Fetch-Site", "same-site")]
    assert browser.send("POST", "/notes", json_body={"text": "hello"}, origin=elsewhere).status == 403
    (origins,) = indented_blocks(page)
    exec(origins, shown)
    named = Browser(wsgi_client(run(page, shown, "The server")["app"]))
    assert named.login("ada", "a long password").status == 200
    assert named.send("POST", "/notes", json_body={"text": "hello"}, origin=elsewhere).status == 200


class TestMyStore(StoreConformance):
    """The class that the page shows, for the shortest store there is."""

    shown = run(DOCS / "how-to-store.md", {"MyStore": MemoryStore})
    has_own_clock = shown["TestMyStore"].has_own_clock

    @pytest.fixture
    def store(self) -> MemoryStore:
        """A store with nothing in it."""
        return MemoryStore()

    def dump(self, bench: Any) -> list[str]:
        """The rows."""
        return [repr(row) for row in bench.store._rows.values()]
