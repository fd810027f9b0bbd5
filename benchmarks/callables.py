"""Requests without a network: the WSGI or ASGI callable is called as a server would call it, and nothing else runs.

>>> def app(environ, start_response):
...     start_response("200 OK", [])
...     return [environ["HTTP_AUTHORIZATION"].encode()]
>>> WSGIClient(app).ask("abc")
(200, b'Bearer abc')
"""

from __future__ import annotations

import asyncio
import io
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from benchmarks.measuring import Batch


class WSGIClient:
    """Sends GET requests to one path of a WSGI application."""

    def __init__(self, app: Callable[..., Iterable[bytes]], path: str = "/") -> None:
        self._app = app
        self._environ: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "testserver",
            "HTTP_ACCEPT": "*/*",
            "HTTP_USER_AGENT": "benchmarks",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }

    def ask(self, token: str | None) -> tuple[int, bytes]:
        """One request with a bearer token, or without, looked at: the status and the body."""
        return self.ask_with(_bearer(token))

    def ask_with(self, fields: Mapping[str, str]) -> tuple[int, bytes]:
        """One request with these fields in its environ."""
        seen: list[str] = []
        chunks = self._app({**self._environ, **fields}, lambda status, headers, exc_info=None: seen.append(status))
        body = b"".join(chunks)
        _close(chunks)
        return int(seen[-1].partition(" ")[0]), body

    def batch(self, tokens: Sequence[str | None]) -> Batch:
        """Requests with these tokens in turn, answered and thrown away."""
        return self.batch_with([_bearer(token) for token in tokens])

    def batch_with(self, requests: Sequence[Mapping[str, str]]) -> Batch:
        """Requests with these fields in turn."""
        app, coming = self._app, itertools.cycle([{**self._environ, **fields} for fields in requests])

        def start_response(status: str, headers: object, exc_info: object = None) -> None:
            pass

        def run(times: int) -> None:
            for _ in range(times):
                # A copy, since frameworks keep things in it; every contender pays for that alike.
                chunks = app(next(coming).copy(), start_response)
                for _chunk in chunks:
                    pass
                _close(chunks)

        return run


class ASGIClient:
    """Sends GET requests to one path of an ASGI application, on one event loop."""

    def __init__(self, app: Callable[..., Any], path: str = "/", *, loop: asyncio.AbstractEventLoop) -> None:
        self._app = app
        self._loop = loop
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "client": ("127.0.0.1", 50000),
            "server": ("testserver", 443),
        }
        self._headers = [(b"host", b"testserver"), (b"accept", b"*/*"), (b"user-agent", b"benchmarks")]

    def _request(self, token: str | None) -> dict[str, Any]:
        headers = [] if token is None else [(b"authorization", b"Bearer " + token.encode())]
        return {**self._scope, "headers": [*self._headers, *headers]}

    def ask(self, token: str | None) -> tuple[int, bytes]:
        """One request, looked at: the status and the body."""
        messages: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        self._loop.run_until_complete(self._app(self._request(token), _receive, send))
        return messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:])

    def batch(self, tokens: Sequence[str | None]) -> Batch:
        """Requests with these tokens in turn, answered and thrown away."""
        app, coming = self._app, itertools.cycle([self._request(token) for token in tokens])

        async def send(message: dict[str, Any]) -> None:
            pass

        async def requests(times: int) -> None:
            for _ in range(times):
                scope = next(coming).copy()
                scope["headers"] = scope["headers"].copy()
                await app(scope, _receive, send)

        return lambda times: self._loop.run_until_complete(requests(times))


def _bearer(token: str | None) -> dict[str, str]:
    return {} if token is None else {"HTTP_AUTHORIZATION": f"Bearer {token}"}


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def _close(chunks: object) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
