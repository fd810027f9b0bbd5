"""A browser, as far as cookies go: it keeps them by name and path, sends them back, and says where requests come from.

>>> from jwtguard.testing.conformance.raw_clients import RawAnswer
>>> def server(request):
...     return RawAnswer(status=204, headers=(("Set-Cookie", "a=1; Path=/auth; Secure; HttpOnly"),), body=b"")
>>> browser = Browser(server)
>>> browser.send("GET", "/").status, browser.cookies("/auth/login"), browser.cookies("/")
(204, {'a': '1'}, {})
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from jwtguard.testing.conformance.raw_clients import Client, RawAnswer, RawRequest

HOST = "api.example"
ELSEWHERE = (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site"))
OTHER_PORT = (("Origin", f"https://{HOST}:8443"), ("Sec-Fetch-Site", "same-site"))
LINK = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate"), ("Sec-Fetch-Dest", "document"))
"""What browsers add to a GET request when a user follows a link of another site: no Origin."""


class Browser:
    """One user's browser, talking to one site over https. `root_path` is where the site is mounted."""

    def __init__(self, client: Client, *, root_path: str = "", host: str = HOST) -> None:
        self.client = client
        self._root_path = root_path
        self._host = host
        self.set_cookies: list[str] = []
        self._jar: dict[tuple[str, str], str] = {}

    def send(
        self,
        method: str,
        path: str,
        *,
        json_body: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Sequence[tuple[str, str]] = (),
        origin: Sequence[tuple[str, str]] | None = None,
    ) -> RawAnswer:
        """Send a request with the cookies of its path, and keep those of the answer.

        `origin` says which page it comes from, by default one of the site itself. `set_cookies` then holds what the
        answer set.
        """
        own = [("Origin", f"https://{self._host}"), ("Sec-Fetch-Site", "same-origin")]
        fields = [("Host", self._host), *(own if origin is None else origin), *headers]
        if json_body is not None:
            body = json.dumps(json_body).encode()
            fields.append(("Content-Type", "application/json; charset=utf-8"))
        if form is not None:
            body = urlencode(form).encode()
            fields.append(("Content-Type", "application/x-www-form-urlencoded"))
        if body:
            fields.append(("Content-Length", str(len(body))))
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies(path).items())
        if cookies:
            fields.append(("Cookie", cookies))
        self.set_cookies = []
        answer = self.client(
            RawRequest(method=method, target=path, headers=fields, body=body, root_path=self._root_path)
        )
        self.set_cookies = [value for name, value in answer.headers if name.lower() == "set-cookie"]
        for cookie in self.set_cookies:
            self._keep(cookie)
        return answer

    def login(self, username: str = "alice", password: str = "wonderland", **more: object) -> RawAnswer:
        """Log in from a page of the site."""
        return self.send("POST", "/auth/login", json_body={"username": username, "password": password, **more})

    def cookies(self, path: str) -> dict[str, str]:
        """What goes along with a request for `path` (RFC 6265 §5.1.4)."""
        path = (self._root_path + path).partition("?")[0]
        return {
            name: value
            for (name, below), value in self._jar.items()
            if path == below or path.startswith(below.rstrip("/") + "/")
        }

    def lose(self, name: str) -> None:
        """Forget a cookie of this name."""
        self._jar = {key: value for key, value in self._jar.items() if key[0] != name}

    def put(self, name: str, value: str, path: str = "/") -> None:
        """Keep a cookie as if it had been set before."""
        self._jar[name, path] = value

    def attributes(self, name: str) -> dict[str, str]:
        """The attributes, lower-case, with which the last answer set a cookie of this name."""
        (found,) = (cookie for cookie in self.set_cookies if cookie.strip().startswith(f"{name}="))
        pairs = (part.strip().partition("=") for part in found.split(";")[1:])
        return {key.lower(): value for key, _, value in pairs}

    def _keep(self, cookie: str) -> None:
        pair, *parts = cookie.split(";")
        name, _, value = pair.strip().partition("=")
        attributes = {part.strip().partition("=")[0].lower(): part.partition("=")[2] for part in parts}
        key = (name, attributes.get("path", "/"))
        if attributes.get("max-age") == "0":
            self._jar.pop(key, None)
        else:
            self._jar[key] = value
