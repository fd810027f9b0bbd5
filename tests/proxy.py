"""A TCP proxy on loopback that can go silent or cut its connections, and counts round trips."""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
from types import TracebackType
from typing import Self

from tests.servers import LOOPBACK


class Proxy:
    """Forwards to a port of this machine. `is_silent`: takes everything and forwards nothing, as a partition does.
    `swallows_answers`: the server hears all, and its clients hear nothing. `cut` ends all connections.

    `trips` counts how often a client spoke after the server had; `sent` is all that clients sent.
    """

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server((LOOPBACK, 0))
        self._stop_reading, self._stop_writing = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._pairs: dict[socket.socket, tuple[socket.socket, bool]] = {}
        self._spoke_last: dict[socket.socket, bool] = {}
        self._thread = threading.Thread(target=self._serve)
        self.port: int = self._listener.getsockname()[1]
        self.is_silent = False
        self.swallows_answers = False
        self.trips = 0
        self.sent = b""

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._stop_reading, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop_writing.send(b"stop")
        self._thread.join()
        for connection in list(self._pairs):
            connection.close()
        for held in (self._listener, self._stop_reading, self._stop_writing, self._selector):
            held.close()

    def cut(self) -> None:
        """End all connections, without a word to either side."""
        self._stop_writing.send(b"c")

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                ready = key.fileobj
                assert isinstance(ready, socket.socket)
                if ready is self._stop_reading:
                    if ready.recv(1) != b"c":
                        return
                    for connection in list(self._pairs):
                        self._drop(connection)
                    break  # What else is ready may be one of these.
                if ready is self._listener:
                    self._accept()
                elif ready in self._pairs:
                    self._forward(ready)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection((LOOPBACK, self._target))
        except OSError:
            client.close()
            return
        self._pairs[client], self._pairs[server] = (server, True), (client, False)
        for connection in (client, server):
            self._selector.register(connection, selectors.EVENT_READ)

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        connection.close()
        del self._pairs[connection]

    def _forward(self, source: socket.socket) -> None:
        target, is_client = self._pairs[source]
        data = b""
        with contextlib.suppress(OSError):
            data = source.recv(65536)
        if not data:
            for connection in (source, target):
                self._drop(connection)
            return
        if self.is_silent or (self.swallows_answers and not is_client):
            return
        pair = source if is_client else target
        if is_client and not self._spoke_last.get(pair, False):
            self.trips += 1
        self._spoke_last[pair] = is_client
        if is_client:
            self.sent += data
        with contextlib.suppress(OSError):
            target.sendall(data)
