"""Who talks to an example: logs in, calls, refreshes, logs out, whichever way its tokens travel."""

from __future__ import annotations

from collections.abc import Sequence

from jwtguard.testing.conformance.browser import Browser
from jwtguard.testing.conformance.raw_clients import RawAnswer
from tests.examples.servers import Server

BEARER = {"fastapi"}
"""The examples that answer with tokens instead of setting cookies."""
Headers = Sequence[tuple[str, str]]


def bearer(token: str) -> Headers:
    return [("Authorization", f"Bearer {token}")]


class Visitor:
    """One user at one example, with the tokens that their device keeps."""

    def __init__(self, server: Server, *, device: str = "A device") -> None:
        self.server = server
        self.browser = Browser(server.client, host=f"127.0.0.1:{server.port}")
        self._device = device
        self._pair: dict[str, str] = {}

    def login(self, name: str, password: str | None = None) -> RawAnswer:
        """Log in; without a password, with the right one."""
        document = {"username": name, "password": password or f"example-password-of-{name}"}
        return self._obtain("/auth/login", document)

    def refresh(self) -> RawAnswer:
        """Ask for new tokens."""
        return self._obtain("/auth/refresh", self._refresh_token)

    def logout(self) -> RawAnswer:
        """End the session."""
        return self.browser.send("POST", "/auth/logout", json_body=self._refresh_token)

    @property
    def token(self) -> str:
        """The access token."""
        return self._pair.get("access_token") or self.browser.cookies("/")["__Host-access"]

    def get(self, path: str, method: str = "GET") -> RawAnswer:
        """Send a request with the access token in the header, and no cookie."""
        stranger = Browser(self.server.client, host=f"127.0.0.1:{self.server.port}")
        return stranger.send(method, path, headers=bearer(self.token))

    @property
    def _refresh_token(self) -> dict[str, str]:
        return {"refresh_token": self._pair["refresh_token"]} if self._pair else {}

    def _obtain(self, path: str, document: dict[str, str]) -> RawAnswer:
        answer = self.browser.send("POST", path, json_body=document, headers=[("User-Agent", self._device)])
        if answer.status == 200 and self.server.name in BEARER:
            self._pair = answer.json()
        return answer
