"""What README.md and docs/guide.md show works as it is shown, in every framework."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwtguard import Guard, Rules, TokenIssuer, authenticated, has_role, has_scope, public
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.browser import Browser
from tests.examples.documents import GUIDE, README, ROOT, blocks, run
from tests.literal.server import served
from tests.processes import free_port

Send = Callable[[RawRequest], RawAnswer]
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]


def readme(*headings: str) -> dict[str, Any]:
    """What the names stand for after the guard of the guide was made, and the blocks under `headings` were run."""
    namespace: dict[str, Any] = {"__name__": "readme"}
    return run(GUIDE, run(GUIDE, namespace, "Use"), *headings) if headings else run(GUIDE, namespace, "Use")


def get(send: Send, path: str, key: Any = None, **rights: Any) -> RawAnswer:
    """The answer to a request with a token that has these rights, or without one."""
    headers = []
    if key is not None:
        issuer = TokenIssuer(
            issuer="https://login.example", audience="https://api.example", client_id="web", signing_keys=[key]
        )
        headers.append(("Authorization", f"Bearer {issuer.access_token('user-1', **rights)}"))
    return send(RawRequest(target=path, headers=[("Host", "api.example"), *headers]))


def check(send: Send, key: Any) -> None:
    """The three uses: the decorator, the middleware with its rules, and the role on a check."""
    assert get(send, "/invoices").status == 401
    assert get(send, "/invoices", key, roles=["accountant"]).status == 403
    admitted = get(send, "/invoices", key, roles=["accounting"])
    assert (admitted.status, admitted.json()) == (200, {"for": "user-1"})
    assert get(send, "/admin/users").status == 401
    assert get(send, "/admin/users", key, roles=["accounting"]).status == 403
    # No such page, but the rules let the request through to where that is found out.
    assert get(send, "/admin/users", key, roles=["admin"]).status == 404
    assert get(send, "/health").status == 404
    assert get(send, "/elsewhere").status == 401


def test_flask() -> None:
    """The Flask application."""
    shown = readme("Flask")
    check(wsgi_client(shown["app"]), shown["key"])


def test_fastapi() -> None:
    """The FastAPI application."""
    shown = readme("FastAPI")
    check(asgi_client(shown["app"]), shown["key"])


def test_starlette() -> None:
    """The Starlette application."""
    shown = readme("Starlette")
    check(asgi_client(shown["app"]), shown["key"])


def test_each_use_is_short() -> None:
    """Decorator, middleware and role, in less than ten lines besides the imports."""
    for heading in ("Flask", "FastAPI", "Starlette", "Django"):
        code = "\n".join(code for found, _, code in blocks(GUIDE) if found == heading)
        lines = [line for line in code.splitlines() if line and not line.startswith(("from ", "import ", "#"))]
        assert len(lines) < 10, heading


def test_tokens_and_cookies() -> None:
    """Issuing, verifying without a framework, and the cookies of login and logout."""
    shown = readme("Issue tokens", "Cookies")
    names = [value.partition("=")[0] for value in (*shown["at_login"], *shown["at_logout"])]
    assert names == ["__Host-access", "__Host-csrf"] * 2


def test_sessions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Login, refresh and logout, behind the rules of the guard."""
    monkeypatch.chdir(tmp_path)
    browser = Browser(wsgi_client(readme("Flask", "Issue tokens", "Sessions")["app"]))
    assert browser.login("ada", "a guess").status == 401
    pair = browser.login("ada", "correct horse").json()
    token = {"refresh_token": pair["refresh_token"]}
    assert browser.send("POST", "/auth/refresh", json_body=token).json()["access_token"]
    listing = browser.send("GET", "/auth/sessions", headers=[("Authorization", f"Bearer {pair['access_token']}")])
    assert len(listing.json()["sessions"]) == 1
    assert browser.send("POST", "/auth/logout", json_body=token).status == 204
    assert browser.send("POST", "/auth/refresh", json_body=token).status == 400


def test_cors() -> None:
    """Outside of the guard, CORS answers preflights, and a page can read refusals."""
    send = asgi_client(readme("Starlette", "CORS")["app"])
    preflight = [
        ("Origin", "https://app.example"),
        ("Access-Control-Request-Method", "GET"),
        ("Access-Control-Request-Headers", "authorization"),
    ]
    answer = send(RawRequest(method="OPTIONS", target="/invoices", headers=preflight))
    assert (answer.status, answer.header("Access-Control-Allow-Origin")) == (200, "https://app.example")
    refusal = send(RawRequest(target="/invoices", headers=preflight[:1]))
    assert (refusal.status, refusal.header("Access-Control-Allow-Origin")) == (401, "https://app.example")


@pytest.fixture
def pem_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that the configuration names, in the working directory."""
    monkeypatch.chdir(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    Path("public.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.usefixtures("pem_file")
def test_configuration() -> None:
    """The mapping means what it seems to."""
    guard: Guard = readme("Configuration")["guard"]
    assert isinstance(guard.rules, Rules)
    assert guard.rules.requirement("GET", "/health") == public
    assert guard.rules.requirement("GET", "/admin/users") == has_role("admin") | has_scope("admin")
    assert guard.rules.requirement("GET", "/elsewhere") == authenticated
    assert len(guard.tokens_from) == 2


@pytest.mark.usefixtures("pem_file")
def test_environment() -> None:
    """The environment variables are all known, and make a guard."""
    (_, _, code) = next(blocks(GUIDE, "sh"))
    environ: Mapping[str, str] = dict(line.removeprefix("export ").split("=", 1) for line in code.splitlines())
    guard = Guard.from_env(environ)
    assert guard.issuer == "https://login.example"
    assert len(guard.tokens_from) == 2


def test_no_text_tells_to_install_another_project() -> None:
    """`jwtguard` on the index is not this."""
    for document in DOCUMENTS:
        assert "pip install jwtguard" not in document.read_text(encoding="utf-8").replace("'", "").replace(
            "pip install jwtguard-middleware", ""
        )


def test_the_readme(tmp_path: Path) -> None:
    """The application of the README starts as it stands there, and the two calls get the answer that it shows."""
    (_, _, code), (_, _, calls), (_, _, answer) = (next(blocks(README, kind)) for kind in ("python", "sh", "json"))
    (tmp_path / "app.py").write_text(code)
    port = free_port()
    script = calls.replace("localhost:8000", f"127.0.0.1:{port}")
    with served(tmp_path, "-m", "uvicorn", "app:app", "--port", "{port}", port=port) as client:
        assert client(RawRequest(target="/invoices")).status == 401
        command = ["bash", "-euc", script]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(run.stdout) == json.loads(answer)
