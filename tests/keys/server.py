"""A web server on this machine that misbehaves as it is told to, byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Send: TypeAlias = Callable[[bytes], None]
Behaviour: TypeAlias = "bytes | Callable[[Send, Server], None]"


def answer(body: bytes, *, status: str = "200 OK", headers: str = "Content-Type: application/json\r\n") -> bytes:
    """A whole HTTP answer. It says that the connection ends, or a client would race to use it once more."""
    return f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Server:
    """Counts requests and answers each as `behaviour` says: bytes, or a function that sends them."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.behaviour: Any = answer(b"{}")
        self.requests: list[bytes] = []
        self.closing = threading.Event()
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.origin = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self.requests)

    def paths(self) -> list[str]:
        """What was asked for."""
        return [request.split(b" ")[1].decode() for request in self.requests]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            request = b""
            while b"\r\n\r\n" not in request:
                received = connection.recv(65536)
                if not received:
                    return
                request += received
            head, _, body = request.partition(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.split(b"\r\n") if line.lower()[:15] == b"content-length:"), 0
            )
            while len(body) < length:
                body += connection.recv(65536)
            self.requests.append(head + b"\r\n\r\n" + body)
            behaviour = self.behaviour
            if isinstance(behaviour, dict):
                behaviour = behaviour.get(head.split(b" ")[1].decode(), answer(b"", status="404 Not Found"))
            if isinstance(behaviour, bytes):
                connection.sendall(behaviour)
            else:
                behaviour(connection.sendall, self)
        except OSError:
            pass  # The client went away, which some tests are about.
        finally:
            connection.close()

    def close(self) -> None:
        """End it, and whatever still sends."""
        if self.closing.is_set():
            return
        self.closing.set()
        # Wakes up `accept`, which a mere close would leave waiting.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server for the length of a test."""
    server = Server(tls)
    try:
        yield server
    finally:
        server.close()


def huge(send: Send, server: Server) -> None:
    """A body of 100 MB, without saying so before."""
    send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
    for _ in range(1600):
        send(b" " * 65536)


def announced_huge(send: Send, server: Server) -> None:
    """The same, said in the header."""
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n")
    for _ in range(1600):
        send(b" " * 65536)


def trickle(send: Send, server: Server) -> None:
    """A byte now and then, never the last one."""
    send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    _slowly(send, server, b" " * 1000)


def trickled_head(send: Send, server: Server) -> None:
    """The same, in the header."""
    _slowly(send, server, b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000)


def _slowly(send: Send, server: Server, data: bytes) -> None:
    for byte in data:
        send(bytes([byte]))
        if server.closing.wait(0.02):
            return


def hang(send: Send, server: Server) -> None:
    """Nothing at all."""
    server.closing.wait(10)


def cut_short(send: Send, server: Server) -> None:
    """An end before the end."""
    send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"keys": []}')


def no_http(send: Send, server: Server) -> None:
    """Another protocol."""
    send(b"220 mail.example ESMTP\r\n")


def held(body: bytes, release: threading.Event) -> Callable[[Send, Server], None]:
    """A good answer, once the test says so."""

    def behave(send: Send, server: Server) -> None:
        assert release.wait(10)
        send(answer(body))

    return behave
