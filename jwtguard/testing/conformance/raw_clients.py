"""Clients that send a request as it would come off the wire: nothing is tidied, folded or added on the way.

>>> def application(environ, start_response):
...     start_response("200 OK", [("Content-Type", "text/plain")])
...     return [environ["HTTP_X_NAME"].encode()]
>>> wsgi_client(application)(RawRequest(headers=[("X-Name", "a"), ("X-Name", "b")])).body
b'a,b'
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import unquote_to_bytes

Message: TypeAlias = MutableMapping[str, Any]
ASGIApp: TypeAlias = Callable[..., Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """A request. Header fields are sent in this order, repeated where they are repeated; `target` may have a query."""

    method: str = "GET"
    target: str = "/"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""
    scheme: str = "https"
    root_path: str = ""

    @property
    def path(self) -> str:
        """The decoded path."""
        return unquote_to_bytes(self.target.partition("?")[0]).decode("utf-8", "surrogateescape")

    @property
    def query(self) -> str:
        """What follows the question mark."""
        return self.target.partition("?")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """An answer: the status, the header fields in order, and the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The one field of this name, None if there is none; two are an AssertionError."""
        found = [value for field, value in self.headers if field.lower() == name.lower()]
        assert len(found) <= 1, f"{name} was sent {len(found)} times"
        return found[0] if found else None

    def json(self) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """The body, parsed."""
        return json.loads(self.body)


Client: TypeAlias = Callable[[RawRequest], RawAnswer]


def wsgi_client(app: Callable[..., Iterable[bytes]]) -> Client:
    """A client of a WSGI application that folds repeated fields as servers do (PEP 3333, RFC 9110 §5.3)."""

    def send(request: RawRequest) -> RawAnswer:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": request.root_path,
            "PATH_INFO": request.path.encode("utf-8", "surrogateescape").decode("latin-1"),
            "QUERY_STRING": request.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": request.scheme,
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers:
            upper = name.upper().replace("-", "_")
            variable = upper if upper in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{upper}"
            separator = "; " if upper == "COOKIE" else ","
            environ[variable] = f"{environ[variable]}{separator}{value}" if variable in environ else value
        environ.setdefault("CONTENT_LENGTH", str(len(request.body)))
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Callable[..., None]:
            started.append((status, headers))
            return lambda _: None

        chunks = app(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            getattr(chunks, "close", lambda: None)()
        status, headers = started[-1]
        return RawAnswer(status=int(status.split()[0]), headers=tuple(headers), body=body)

    return send


def _fields(request: RawRequest) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers]


def _scope(request: RawRequest, kind: str, scheme: str) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": scheme,
        # The ASGI specification puts the root path in front of the path.
        "path": request.root_path + request.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace"),
        "raw_path": (request.root_path + request.target.partition("?")[0]).encode("latin-1"),
        "root_path": request.root_path,
        "query_string": request.query.encode("latin-1"),
        "headers": _fields(request),
        "client": ("127.0.0.1", 1234),
        "server": ("localhost", 443),
        "extensions": {},
    }


def asgi_client(app: ASGIApp) -> Client:
    """A client of an ASGI application, which sees each field by itself."""

    def send(request: RawRequest) -> RawAnswer:
        scope = {**_scope(request, "http", request.scheme), "method": request.method}
        sent: list[Message] = []
        incoming = iter([{"type": "http.request", "body": request.body, "more_body": False}])

        async def receive() -> Message:
            message = next(incoming, None)
            if message is None:
                await asyncio.Event().wait()  # A client that waits for its answer says nothing more.
            assert message is not None
            return message

        async def collect(message: Message) -> None:
            sent.append(message)

        async def run() -> None:
            await app(scope, receive, collect)

        asyncio.run(run())
        start = next(message for message in sent if message["type"] == "http.response.start")
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"])
        body = b"".join(message.get("body", b"") for message in sent if message["type"] == "http.response.body")
        return RawAnswer(status=start["status"], headers=headers, body=body)

    return send


def websocket_client(
    app: ASGIApp, request: RawRequest, *, can_deny: bool = True, incoming: Sequence[Message] = ()
) -> list[Message]:
    """Open a websocket and return all that the application sent, until it is done.

    `can_deny`: the server offers the denial extension. `incoming` follows the connect; then the client is silent.
    """
    scope = {**_scope(request, "websocket", "wss"), "subprotocols": []}
    for name, value in request.headers:
        if name.lower() == "sec-websocket-protocol":
            scope["subprotocols"] = [protocol.strip() for protocol in value.split(",")]
    scope["extensions"] = {"websocket.http.response": {}} if can_deny else {}
    sent: list[Message] = []
    messages = iter([{"type": "websocket.connect"}, *incoming])

    async def receive() -> Message:
        message = next(messages, None)
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def collect(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        async with asyncio.timeout(10):
            await app(scope, receive, collect)

    # On a thread of its own: where sockets are tested, the test may have a loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()
    return sent
