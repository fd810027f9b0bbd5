"""How long a database may take to answer before its connection is cut, so that the caller gets an error, and 503.

>>> import socket
>>> from types import SimpleNamespace
>>> here, there = socket.socketpair()
>>> query_timeout = QueryTimeout(0.01)
>>> with query_timeout.waiting(lambda: SimpleNamespace(fileno=here.fileno)):
...     here.recv(1)  # `there` never says anything
b''
>>> here.close(), there.close()
(None, None)

If the database process hangs, or the machine disappears, some drivers (psycopg among them) block forever: the time-outs
of PostgreSQL run in the server, and those of TCP in a kernel that confirms data even if no process reads it.
"""

from __future__ import annotations

import itertools
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeAlias

from jwtguard.core.validation import Problems

TIMEOUT = timedelta(seconds=5)
Line: TypeAlias = Callable[[], Any]
"""Gives the driver's connection as it is now."""
_LOOKS = 5
"""How often overdue connections are looked for during one time-out."""


class QueryTimeout:
    """Cuts connections that have not answered for `limit` seconds, by a thread that ends with the last call."""

    __slots__ = ("_came", "_names", "_thread", "_waiting", "limit")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._names = itertools.count()
        self._came = False
        """Whether a call began since the last look."""
        self._thread: threading.Thread | None = None
        # No lock: each step is a single operation on the dict, and a line that is cut a moment too late costs a 503.
        self._waiting: dict[int, tuple[int, float, Line]] = {}

    @contextmanager
    def waiting(self, line: Line) -> Iterator[None]:
        """While this waits for an answer, its line is cut when the answer is overdue."""
        name, self._came = next(self._names), True
        self._waiting[name] = (os.getpid(), time.monotonic() + self.limit, line)
        if self._thread is None or not self._thread.is_alive():  # Nor is it alive in a child that was forked.
            self._start()
        try:
            yield
        finally:
            self._waiting.pop(name, None)

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._watch, name="jwtguard query time-out", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while self._came or self._waiting:
            self._came = False
            time.sleep(self.limit / _LOOKS)
            self._cut_overdue()
        self._thread = None
        if self._waiting:  # A call that began between the last look and the line above, and found the thread alive.
            self._start()

    def _cut_overdue(self) -> None:
        now, process = time.monotonic(), os.getpid()
        for name, (owner, overdue_at, line) in list(self._waiting.items()):
            if owner != process:
                del self._waiting[name]  # Of the parent process, which shares the connection.
            elif now >= overdue_at and self._waiting.pop(name, None) is not None:
                cut(line)


def query_timeout(limit: timedelta) -> QueryTimeout:
    """The query time-out of a store; raises `ConfigurationError` if `limit` is not a time, of a millisecond or more."""
    problems = Problems()
    after = problems.seconds("timeout", limit)
    if not problems and after < 0.001:
        problems.append(f"timeout is how long the database may take to answer, found {limit!r}")
    problems.raise_all()
    return QueryTimeout(after)


def cut(line: Line) -> None:
    """Cut a driver's connection, so that its waiting caller gets the driver's error; never raises."""
    with suppress(Exception):  # It was closed meanwhile, or is none that can be cut (SQLite's).
        connection = line()
        terminate = getattr(connection, "terminate", None)
        if terminate is not None:  # asyncpg's, for its own loop.
            terminate()
            return
        with socket.socket(fileno=os.dup(connection.fileno())) as held:
            connection.fileno()  # Open even now, so what is held is its line, and not another's of the same number.
            held.shutdown(socket.SHUT_RDWR)
