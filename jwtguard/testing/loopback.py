r"""A small web server on this machine that counts what it is asked, and answers byte by byte what it is told to.

>>> import urllib.request
>>> with serving() as server:
...     server.behaviour = answer(b"hello", headers="Content-Type: text/plain\r\n")
...     with urllib.request.urlopen(server.origin + "/page") as reply:
...         reply.read(), server.paths()
(b'hello', ['/page'])
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias

Send: TypeAlias = Callable[[bytes], None]


def answer(body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n") -> bytes:
    """A whole HTTP answer. It says that the connection ends, or a client would race to use it once more."""
    return f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Server:
    """Counts requests and answers each as `behaviour` says: bytes, a function that sends them, or either by path."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour: Any = answer(b"{}")
        self.requests: list[bytes] = []
        self.closing = threading.Event()
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._start(self._listener)

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self.requests)

    def paths(self) -> list[str]:
        """What was asked for."""
        return [path_of(request) for request in self.requests]

    def refuse(self) -> None:
        """Refuse connections from now on, as a server that is down does. The port stays ours."""
        # Another socket holds the port and does not listen on it.
        held = socket.socket()
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._stop(self._listener)
        held.bind(("127.0.0.1", self.port))
        self._listener = held

    def accept(self) -> None:
        """Take connections again, after `refuse()`."""
        self._listener.listen(128)
        self._start(self._listener)

    def close(self) -> None:
        """End it, and whatever still sends."""
        if not self.closing.is_set():
            self.closing.set()
            self._stop(self._listener)

    def respond(self, request: bytes, send: Send) -> None:
        """Answer one request, which is whole."""
        behaviour = self.behaviour
        if isinstance(behaviour, dict):
            behaviour = behaviour.get(path_of(request), answer(b"", status="404 Not Found"))
        if isinstance(behaviour, bytes):
            send(behaviour)
        else:
            behaviour(send, self)

    def _start(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    @staticmethod
    def _stop(listener: socket.socket) -> None:
        with suppress(OSError):  # It may not listen at the moment.
            # Wakes up `accept`, which a mere close would leave waiting.
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            request = _received(connection)
            if request is not None:
                self.requests.append(request)
                self.respond(request, connection.sendall)
        except OSError:
            pass  # The client went away, which some tests are about.
        finally:
            connection.close()


def path_of(request: bytes) -> str:
    """The target of a request."""
    return request.split(b" ", 2)[1].decode("latin-1")


def _received(connection: socket.socket) -> bytes | None:
    """A whole request with its body; None if the client left before."""
    request = b""
    while b"\r\n\r\n" not in request:
        received = connection.recv(65536)
        if not received:
            return None
        request += received
    head, _, body = request.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower()[:15] == b"content-length:"), 0)
    while len(body) < length:
        received = connection.recv(65536)
        if not received:
            return None
        body += received
    return head + b"\r\n\r\n" + body


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(tls)
    try:
        yield server
    finally:
        server.close()


def hang(send: Send, server: Server) -> None:
    """Nothing at all, until the server ends."""
    server.closing.wait(10)
