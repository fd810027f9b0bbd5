"""Sessions in an SQLite file: the default on one machine, safe over threads and processes.

>>> import tempfile
>>> from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest
>>> with tempfile.TemporaryDirectory() as folder, SQLiteStore(f"{folder}/sessions.db") as store:
...     store.create(
...         NewSession(session_id="s1", issuer="i", subject="user-1", idle_lifetime=60, absolute_lifetime=90), now=0
...     )
...     store.rotate(RotationRequest(session_id="s1", generation=0), now=1, grace=10, idle_lifetime=60).is_rotated
True

The file is in WAL mode, so readers never wait, and has a `-wal` and a `-shm` beside it while it is open. It must lie on
a local disk: on a network file system neither WAL nor locks can be relied on.

A store belongs to the file that it opened first. If another file takes its place, or none does, every call raises until
the first one is back or the process is started again: two databases would answer differently about one session.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.events import log_fields
from jwtguard.core.validation import Problems
from jwtguard.stores.sql_sessions import SQLITE_SCHEMA, Result, SQLSessions
from jwtguard.stores.sql_store import SQLStore

logger = logging.getLogger("jwtguard")

BUSY_TIMEOUT = timedelta(seconds=5)
Identity: TypeAlias = tuple[int, int]
"""Device and inode: what tells one file from another of the same name."""

_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'jwtguard_session'"

_inherited: list[sqlite3.Connection] = []
"""Connections of the process that forked us. To use or close one here would break the locks that it holds there."""


class FileReplacedError(sqlite3.OperationalError):
    """The file is not the one that the store opened first."""


class SQLiteStore(SQLStore):
    """A session store in the file `path`, which is made if it is not there, as is the table in it.

    The file is made for its owner alone (mode 0600), and not through a symbolic link. With `create=False` neither file
    nor table is made, and the store raises until they are there: for a volume that may be mounted later.
    `busy_timeout`: how long a write waits while another process writes, before the answer is 503. Times are the
    caller's. Each thread has a connection of its own, closed when the thread ends; `close`, or leaving a `with` block,
    closes them all. Raises `ConfigurationError` with all problems.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = True, busy_timeout: timedelta = BUSY_TIMEOUT
    ) -> None:
        problems = Problems()
        self._busy_timeout = problems.seconds("busy_timeout", busy_timeout)
        name = os.fspath(path)
        if not name or name.startswith(":memory:"):
            problems.append("each thread would have an SQLite database of its own in memory: use MemoryStore()")
        # Absolute, since a server may change its folder once it has started.
        self._path = Path(name).absolute()
        if not isinstance(create, bool):
            problems.append(f"create is True or False, found {create!r}")
        elif create and not self._path.parent.is_dir():
            problems.append(f"the folder {str(self._path.parent)!r} is not there: make it first")
        problems.raise_all()
        self._create = create
        self._identity: Identity | None = None
        """Of the file that was opened first."""
        self._has_told = False
        self._local = threading.local()
        self._open: weakref.WeakSet[_Opened] = weakref.WeakSet()

    def close(self) -> None:
        """Close the connections of all threads. The next call opens the file that is there by then."""
        while self._open:
            self._open.pop().close()
        self._local = threading.local()
        self._identity = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _sessions(self, *, has_timeout: bool = True) -> Iterator[SQLSessions]:
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is None or opened.process != os.getpid():
            opened = self._opened()
        try:
            self._check_identity()
            yield SQLSessions(store="SQLiteStore", vendor="sqlite", execute=opened.execute)
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OSError):
            # The file may have been replaced or repaired: the next call opens it anew.
            self._local.__dict__.pop("opened", None)
            opened.close()
            raise

    def _opened(self) -> _Opened:
        """A connection for this thread."""
        if self._identity is None and self._create:
            _make_private(self._path)
        else:
            self._check_identity()
        before = _identity(self._path)
        # A file is made at the first opening alone: one that has gone since was deleted, and its sessions with it.
        is_first = self._identity is None
        opened = _Opened(self._path, self._busy_timeout, create=self._create and is_first)
        if is_first:
            self._identity = before
        self._local.opened = opened
        self._open.add(opened)
        return opened

    def _check_identity(self) -> None:
        """Raise `FileReplacedError` if the file is not the one that was opened first, or is gone."""
        first = self._identity
        if first is None:
            return
        try:
            is_same = _identity(self._path) == first
        except OSError:
            is_same = False
        if not is_same:
            if not self._has_told:
                self._has_told = True
                logger.error(
                    "the file of the session store was deleted or replaced: put it back, or restart the process: %s",
                    ascii(str(self._path)),
                    extra=log_fields("store_unavailable", reason="file_replaced", source="SQLiteStore"),
                )
            raise FileReplacedError("the file was deleted or replaced while it was in use")
        self._has_told = False


class _Opened:
    """A thread's connection, closed with it."""

    __slots__ = ("__weakref__", "connection", "process")

    def __init__(self, path: Path, busy_timeout: float, *, create: bool) -> None:
        self.process = os.getpid()
        # One thread uses it; another may close it, when this one has ended. The mode keeps SQLite from making the file.
        self.connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw", uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
        )
        try:
            if not create and self.connection.execute(_HAS_TABLE).fetchone() is None:
                raise sqlite3.OperationalError("the file has no table jwtguard_session")
            mode = self._switch_to_wal(time.monotonic() + busy_timeout)
            if mode != "wal":
                raise ConfigurationError(f"SQLite cannot use WAL for {path}: put the file on a local disk")
            # A lost generation is a refresh token too new, which ends the session: safe, so generations need not wait
            # for the disk.
            self.connection.execute("PRAGMA synchronous = NORMAL")
            if create:
                self.connection.executescript(SQLITE_SCHEMA)
        except BaseException:
            self.connection.close()
            raise

    def execute(self, statement: str, values: Mapping[str, Any]) -> Result:
        """Run a statement."""
        cursor = self.connection.execute(statement, values)
        return Result(cursor.fetchall(), cursor.rowcount)

    def _switch_to_wal(self, deadline: float) -> str:
        """Where several processes make the file at once, SQLite refuses all but one without waiting."""
        while True:
            try:
                mode: str = self.connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.01)
            else:
                return mode

    def close(self) -> None:
        """Close it, unless it is another process's."""
        if self.process == os.getpid():
            self.connection.close()
        else:
            _inherited.append(self.connection)

    def __del__(self) -> None:
        if hasattr(self, "connection"):
            self.close()


def _make_private(path: Path) -> None:
    """Make the file for its owner alone, if there is none; SQLite gives those beside it the same mode."""
    # Exclusively: the file is not created through a link that an attacker has placed there.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _identity(path: Path) -> Identity:
    found = path.stat()
    return found.st_dev, found.st_ino
