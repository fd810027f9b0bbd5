"""The debugger's server: a page and its parts, and the calls that only this page may make.

>>> server = DebuggerServer({"greet": lambda data: {"text": f"hello {data['name']}"}})
>>> server.gate.link.startswith(f"http://127.0.0.1:{server.server_port}/#token=")
True
>>> server.server_close()

Nothing is logged: neither requests nor what they hold. Nothing is kept either, no cookie is set, and every answer tells
the browser not to store it. Who may ask for what is decided in `gate.py`.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import socketserver
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any, TypeAlias, cast

from jwtguard.cli.debugger.gate import HOST, Gate
from jwtguard.cli.debugger.page_files import PAGE_FILES, PageFile
from jwtguard.cli.debugger.problems import RefusedError
from jwtguard.core.events import log_fields

logger = logging.getLogger("jwtguard")

Action: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""What a call does: JSON object in, JSON object out; raises `RefusedError` for what it cannot use."""

MAX_BODY = 2 * 1024 * 1024
"""Bytes of a call. A token may have 8192, but an input of a megabyte should fail as a token, not as HTTP."""
TIMEOUT = 10.0
"""Seconds without a byte until a connection is closed."""

CSP = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        # No script can turn text into markup, ours included: whatever a token holds is shown as text.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
)
HEADERS = (
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cache-Control", "no-store"),
    ("Connection", "close"),
)


class DebuggerServer(ThreadingHTTPServer):
    """Serves the page on 127.0.0.1 and performs `actions`, by name, for it. `port` 0 takes a free one.

    Raises `OSError` if the port is taken.
    """

    daemon_threads = True
    # On Windows the option would let another program listen on the same port.
    allow_reuse_address = os.name == "posix"

    def __init__(self, actions: Mapping[str, Action], *, port: int = 0) -> None:
        self.actions = actions
        super().__init__((HOST, port), _Handler)
        self.gate = Gate(self.server_port)

    def server_bind(self) -> None:
        """Bind, without the look-up of our own name that the base class makes."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing about a connection that broke: a traceback could hold what was sent."""


class _Handler(BaseHTTPRequestHandler):
    timeout = TIMEOUT
    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # Who names none gets the headers, too.
    server_version = "jwtguard"
    sys_version = ""
    unread = False

    def _respond(self) -> None:
        """Any request: check the address, then serve a file or make a call."""
        self.unread = "Content-Length" in self.headers or "Transfer-Encoding" in self.headers
        try:
            self._debugger.gate.check_address(self.headers)
            is_call = self.path.startswith("/api/")
            allowed = "POST" if is_call else "GET, HEAD"
            if self.command not in allowed.split(", "):
                raise RefusedError(405, f"the methods here are {allowed}", allow=allowed)
            if is_call:
                answer = self._call(self.path.removeprefix("/api/"))
                self._send(200, "application/json", json.dumps(answer).encode("ascii"))
            else:
                file = self._file()
                self._send(200, file.content_type, file.body)
        except RefusedError as refused:
            self._refuse(refused)

    # The base class looks for these names.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _respond  # noqa: N815

    @property
    def _debugger(self) -> DebuggerServer:
        return cast("DebuggerServer", self.server)

    def _file(self) -> PageFile:
        self._debugger.gate.check_navigation(self.headers)
        file = PAGE_FILES.get(self.path)
        if file is None:
            raise RefusedError(404, "there is no such page")
        return file

    def _call(self, name: str) -> Mapping[str, Any]:
        gate = self._debugger.gate
        if name == "open":
            gate.check_own_page(self.headers)
            ticket = self._body().get("ticket")
            return {"token": gate.redeem(ticket if isinstance(ticket, str) else "")}
        gate.check_call(self.headers)
        action = self._debugger.actions.get(name)
        if action is None:
            raise RefusedError(404, "there is no such call")
        data = self._body()
        try:
            return action(data)
        except RefusedError:
            raise
        except Exception as error:  # noqa: BLE001 - its text may quote what was sent
            unforeseen = type(error).__name__
        logger.error(
            "the debugger failed: unforeseen %s", unforeseen, extra=log_fields("unforeseen", reason=unforeseen)
        )
        raise RefusedError(500, f"the debugger failed ({unforeseen}): that is a bug, please report it")

    def _body(self) -> Mapping[str, Any]:
        """The JSON object that was sent. Its type cannot be had by a form of another site (Fetch §2.2.2)."""
        if self.headers.get_all("Content-Type") not in (["application/json"], ["application/json; charset=utf-8"]):
            raise RefusedError(415, "send application/json")
        lengths = self.headers.get_all("Content-Length", [])
        if (
            "Transfer-Encoding" in self.headers
            or len(lengths) != 1
            or not (lengths[0].isascii() and lengths[0].isdigit())
        ):
            raise RefusedError(411, "send a Content-Length")
        if len(lengths[0]) > 9 or int(lengths[0]) > MAX_BODY:
            raise RefusedError(413, f"that is more than {MAX_BODY // 1024 // 1024} MiB: no token is as long")
        data = self.rfile.read(int(lengths[0]))
        self.unread = False
        try:
            value = json.loads(data.decode("utf-8"))
        except (ValueError, RecursionError):
            value = None  # The error holds the text.
        if not isinstance(value, dict):
            raise RefusedError(400, "send a JSON object")
        return value

    def _refuse(self, refused: RefusedError) -> None:
        self._send(refused.status, "application/problem+json", refused.body, allow=refused.allow)

    def _send(self, status: int, content_type: str, body: bytes, *, allow: str | None = None) -> None:
        own = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        self.send_response(status)
        for name, value in [*HEADERS, *own, *([] if allow is None else [("Allow", allow)])]:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """What the base class refuses by itself, a malformed request line for example, without quoting it."""
        del message, explain
        self.close_connection = True
        self._refuse(RefusedError(code, "this is not a request that a browser sends"))

    def finish(self) -> None:
        """End the connection so that a refusal is read even by who is still sending."""
        super().finish()
        if self.unread:
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(5)
            pieces = iter(lambda: self.connection.recv(65536), b"")
            deque(islice(pieces, 2000), maxlen=0)  # Read and forgotten, up to a bound.

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
        """Nothing is logged."""
