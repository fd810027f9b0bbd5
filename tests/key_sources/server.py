"""Misbehaviour for the web server on this machine: what a hostile or broken provider sends, byte by byte."""

from __future__ import annotations

import threading
from collections.abc import Callable

from jwtguard.testing.loopback import Send as Send
from jwtguard.testing.loopback import Server as Server
from jwtguard.testing.loopback import answer as answer
from jwtguard.testing.loopback import hang as hang
from jwtguard.testing.loopback import serving as serving


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
