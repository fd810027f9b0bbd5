"""A debugger that runs while a test does, and calls to it as its page, a browser or an attacker would send them."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jwtguard import Guard
from jwtguard.cli.debugger.actions import Actions
from jwtguard.cli.debugger.gate import TOKEN_HEADER
from jwtguard.cli.debugger.server import DebuggerServer
from tests.samples import NOW

Fields = Sequence[tuple[str, str]]


class StandingClock:
    """Seconds since the epoch, moved by hand."""

    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


@contextmanager
def running(
    guard: Guard | None = None,
    *,
    clock: StandingClock | None = None,
    actions: Mapping[str, Any] | None = None,
    port: int = 0,
) -> Iterator[DebuggerServer]:
    """A debugger, on a free port if nothing is said; its clock stands still."""
    made = Actions(guard, guard_name="project.auth:guard", clock=clock or StandingClock())
    with DebuggerServer({**made.by_name, **(actions or {})}, port=port) as server:
        # A short look-out, so that shutting down does not take half a second.
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def api_token(server: DebuggerServer) -> str:
    """The token that only the page knows."""
    return server.gate.link.partition("#token=")[2]


def page_fields(server: DebuggerServer) -> list[tuple[str, str]]:
    """What the page's own calls carry, as Chromium sends them."""
    return [
        ("Host", f"127.0.0.1:{server.server_port}"),
        ("Origin", server.gate.origin),
        ("Sec-Fetch-Site", "same-origin"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Dest", "empty"),
        ("Content-Type", "application/json"),
        (TOKEN_HEADER, api_token(server)),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    fields: http.client.HTTPMessage
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


def send(
    server: DebuggerServer,
    method: str,
    path: str,
    fields: Fields,
    body: bytes | None = None,
) -> Answer:
    """Send exactly these fields; `Content-Length` is added where there is a body and nothing says how long it is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in fields:
            connection.putheader(name, value)
        if body is not None and not {"content-length", "transfer-encoding"} & {name.lower() for name, _ in fields}:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        response = connection.getresponse()
        return Answer(status=response.status, fields=response.msg, body=response.read())
    finally:
        connection.close()


def call(server: DebuggerServer, name: str, data: Mapping[str, Any] | None = None) -> Answer:
    """A call as the page makes it."""
    return send(server, "POST", f"/api/{name}", page_fields(server), json.dumps(data or {}).encode())


def changed(fields: Fields, name: str, *values: str) -> list[tuple[str, str]]:
    """The same fields, with `name` given once for each value, or not at all."""
    return [(key, value) for key, value in fields if key.lower() != name.lower()] + [(name, value) for value in values]
