"""What `examples/demo.py` shows: real requests to the running Flask example, each with its answer.

Needs nothing but the standard library, and a server that listens.
"""

from __future__ import annotations

import http.client
import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

PASSWORD = "example-password-of-{}"
COOKIE = "__Host-refresh-header"
"""What the page that sends its token in a header calls its refresh cookie."""


def say(text: str = "") -> None:
    """Print a line at once, also where the output is no terminal."""
    print(text, flush=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, with its body read as JSON."""

    status: int
    headers: http.client.HTTPMessage
    body: Mapping[str, Any]

    @property
    def token(self) -> str:
        """The access token that it brought."""
        return str(self.body.get("access_token", ""))

    @property
    def refresh_token(self) -> str:
        """The refresh token that it set as a cookie."""
        cookie = self.headers.get("Set-Cookie", "").partition(";")[0]
        return cookie.removeprefix(f"{COOKIE}=")


class Conversation:
    """Talks to the application at `port` of this machine, and prints what is said."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.is_as_expected = True

    def run(self) -> bool:
        """Ask everything; whether every answer was the expected one."""
        bob, ada = self.log_in("bob"), self.log_in("ada")
        header, payload, signature = bob.token.split(".")
        tampered = f"{header}.{payload[:-6]}{'A' if payload[-6] != 'A' else 'B'}{payload[-5:]}.{signature}"
        self.ask("an admitted call", "GET /me", 200, token=bob.token)
        self.ask("no token", "GET /me", 401)
        self.ask("a role that bob does not have", "GET /admin/users", 403, token=bob.token)
        self.ask("the same for ada, who has it", "GET /admin/users", 200, token=ada.token)
        self.ask("a scope that bob does not have", "GET /reports", 403, token=bob.token)
        self.ask("a token in which one character was changed", "GET /me", 401, token=tampered)
        bob = self.ask("a refresh: new tokens for old", "POST /header/auth/refresh", 200, refresh=bob.refresh_token)
        self.ask("where bob is logged in", "GET /header/auth/sessions", 200, token=bob.token)
        self.ask("bob logs out", "POST /header/auth/logout", 204, refresh=bob.refresh_token)
        self.ask("the access token of a session that has ended", "GET /me", 401, token=bob.token)
        self.ask("and its refresh token", "POST /header/auth/refresh", 400, refresh=bob.refresh_token)
        say()
        say(f"{'Every' if self.is_as_expected else 'NOT every'} answer was the expected one.")
        return self.is_as_expected

    def log_in(self, name: str) -> Answer:
        """Exchange a password for tokens."""
        body = {"username": name, "password": PASSWORD.format(name)}
        answer = self.ask(f"{name} logs in", "POST /header/auth/login", 200, body=body)
        if answer.status != HTTPStatus.OK:
            raise SystemExit("examples/demo.py: no user can log in, so there is nothing to show.")
        return answer

    def ask(
        self,
        title: str,
        line: str,
        expected: int,
        *,
        token: str | None = None,
        refresh: str | None = None,
        body: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request, "GET /me" for example: what is sent, and what comes back."""
        say(f"\n── {title}")
        method, path = line.split()
        headers = {"Content-Type": "application/json"} if method == "POST" else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
            line += f"  Authorization: Bearer {shortened(token)}"
        if refresh:
            headers["Cookie"] = f"{COOKIE}={refresh}"
            line += f"  Cookie: {COOKIE}={shortened(refresh)}"
        if body:
            line += f"  {json.dumps({**body, 'password': '…'}, ensure_ascii=False)}"
        say(f"   {line}")
        answer = self.send(method, path, headers, body)
        has_challenge = "WWW-Authenticate" in answer.headers
        is_right = answer.status == expected and has_challenge == (expected in {401, 403})
        self.is_as_expected &= is_right
        report(answer, is_right=is_right)
        return answer

    def send(self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, str] | None) -> Answer:
        """Send one request over the loopback interface."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, body=content, headers=dict(headers))
            answer = connection.getresponse()
            return Answer(status=answer.status, headers=answer.headers, body=json.loads(answer.read() or b"{}"))
        finally:
            connection.close()


def report(answer: Answer, *, is_right: bool) -> None:
    """Show an answer: status, challenge, cookie, and what its body says."""
    say(f"   {answer.status} {HTTPStatus(answer.status).phrase}" + ("" if is_right else "   ← NOT what was expected"))
    body = {**answer.body, "access_token": shortened(answer.token)} if answer.token else answer.body
    cookie = answer.headers.get("Set-Cookie", "")
    if answer.refresh_token:
        cookie = cookie.replace(answer.refresh_token, shortened(answer.refresh_token))
    shown = {
        "WWW-Authenticate": answer.headers.get("WWW-Authenticate"),
        "Set-Cookie": cookie,
        "body": json.dumps(body, ensure_ascii=False) if body else None,
    }
    for name, text in shown.items():
        if text:
            say(textwrap.fill(f"{name}: {text}", 110, initial_indent="   ", subsequent_indent="      "))


def shortened(token: str) -> str:
    """The start of a token, enough to recognize it: the whole token grants access."""
    return f"{token[:12]}…{token[-6:]}"


def invite(port: int) -> None:
    """Print what to try by hand."""
    at = f"http://127.0.0.1:{port}"
    login = json.dumps({"username": "bob", "password": PASSWORD.format("bob")})
    read_token = """python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'"""
    as_json = "-H 'Content-Type: application/json' -d"
    say(f"""
It keeps serving until Ctrl-C. Open it in a browser, where ada has the password example-password-of-ada:

http://localhost:{port}/          both tokens in cookies that no script can read
http://localhost:{port}/header    the access token in a variable of the page

Or try it from another terminal (an access token lives five minutes):

TOKEN=$(curl -s {at}/header/auth/login {as_json} '{login}' | {read_token})
curl -i {at}/me -H "Authorization: Bearer $TOKEN"
curl -i {at}/me
curl -i {at}/reports -H "Authorization: Bearer $TOKEN"
curl -i {at}/me -H "Authorization: Bearer ${{TOKEN}}x"

The token in a cookie, as a browser sends it; then a request as another site would make the browser send it:

curl -i {at}/me -H "Cookie: __Host-access=$TOKEN"
EVIL='Origin: https://evil.example'
curl -i {at}/me -H "Cookie: __Host-access=$TOKEN" -H "$EVIL" {as_json} '{{"display_name": "me"}}'
""")
