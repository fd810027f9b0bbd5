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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.logs import log_fields
from jwtguard.core.sessions.grace import MAX_CLOCK_STEP
from jwtguard.core.sessions.store_protocol import (
    MAX_LISTED,
    MAX_SESSION_ID,
    MAX_TEXT,
    NewSession,
    RotationRequest,
    RotationResult,
    Session,
    is_storable,
)
from jwtguard.core.validation import Problems
from jwtguard.stores.housekeeping import BEFORE_ALL, CANDIDATES, MANY, a_few, best_effort, purge_pages
from jwtguard.stores.rows import UNGRACIOUS, Row

logger = logging.getLogger("jwtguard")

BUSY_TIMEOUT = timedelta(seconds=5)
Identity: TypeAlias = tuple[int, int]
"""Device and inode: what tells one file from another of the same name."""

# The columns of the table in `jwtguard.stores.sqlalchemy`, so that a file can be opened with either.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jwtguard_session (
    session_id   TEXT PRIMARY KEY NOT NULL,
    issuer       TEXT NOT NULL,
    subject      TEXT NOT NULL,
    label        TEXT,
    generation   INTEGER NOT NULL,
    created_at   REAL NOT NULL,
    refreshed_at REAL,
    revoked_at   REAL,
    expires_at   REAL NOT NULL,
    ends_at      REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jwtguard_session_newest ON jwtguard_session (issuer, subject, created_at);
CREATE INDEX IF NOT EXISTS jwtguard_session_ends_at ON jwtguard_session (ends_at);
"""
_INSERT = """
INSERT INTO jwtguard_session (session_id, issuer, subject, label, generation, created_at, expires_at, ends_at)
VALUES (?, ?, ?, ?, 0, ?, ?, ?)
"""
_ROTATE = f"""
UPDATE jwtguard_session
SET generation = generation + 1, refreshed_at = :now, expires_at = min(:now + :idle_lifetime, ends_at)
WHERE session_id = :session_id AND generation = :generation AND revoked_at IS NULL AND expires_at > :now
  AND (refreshed_at IS NULL OR :now - refreshed_at >= :grace OR :now - refreshed_at < -{MAX_CLOCK_STEP})
"""  # noqa: S608 - a number of our own
_SELECT = f"SELECT {', '.join(Row._fields)} FROM jwtguard_session"  # noqa: S608 - names of our own
_FIND = f"{_SELECT} WHERE session_id = ?"
_LIST = f"""
{_SELECT} WHERE issuer = ? AND subject = ? AND revoked_at IS NULL AND expires_at > ? ORDER BY created_at DESC LIMIT ?
"""
# What has expired is revoked too: a clock that is set back must not bring it to life.
_REVOKE = "UPDATE jwtguard_session SET revoked_at = :now WHERE revoked_at IS NULL"
_REVOKE_ONE = f"{_REVOKE} AND session_id = :session_id"
_ALIVE = " AND expires_at > :now"
_UNENDED = """
SELECT session_id, created_at FROM jwtguard_session
WHERE issuer = ? AND subject = ? AND revoked_at IS NULL AND created_at >= ? ORDER BY created_at LIMIT ?
"""
_DEAD = """
SELECT session_id, ends_at FROM jwtguard_session WHERE ends_at <= ? AND ends_at >= ? ORDER BY ends_at LIMIT ?
"""
_DELETE = "DELETE FROM jwtguard_session WHERE session_id = ?"
_HAS_TABLE = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'jwtguard_session'"

_inherited: list[sqlite3.Connection] = []
"""Connections of the process that forked us. To use or close one here would break the locks that it holds there."""


class FileReplacedError(sqlite3.OperationalError):
    """The file is not the one that the store opened first."""


class SQLiteStore:
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

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row; raises sqlite3.IntegrityError if its id is taken. Afterwards delete some dead rows if that
        works at once.
        """
        ends_at = now + session.absolute_lifetime
        values = (session.session_id, session.issuer, session.subject, session.label, now)
        with self._connection() as connection:
            connection.execute(_INSERT, (*values, min(now + session.idle_lifetime, ends_at), ends_at))
            with best_effort("SQLiteStore"):
                dead = [session_id for session_id, _ in connection.execute(_DEAD, (now, BEFORE_ALL, CANDIDATES))]
                if dead:
                    self._delete_at_once(connection, a_few(dead))

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like."""
        values = {
            "session_id": rotation.session_id,
            "generation": rotation.generation,
            "now": now,
            "grace": grace or UNGRACIOUS,
            "idle_lifetime": idle_lifetime,
        }
        if not is_storable(rotation.session_id, MAX_SESSION_ID):
            return RotationResult(is_rotated=False)
        with self._connection() as connection:
            if connection.execute(_ROTATE, values).rowcount:
                return RotationResult(is_rotated=True)
            found = connection.execute(_FIND, (rotation.session_id,)).fetchone()
        return RotationResult(is_rotated=False) if found is None else Row(*found).not_rotated(now)

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        with self._connection() as connection:
            found = connection.execute(_FIND, (session_id,)).fetchone()
        return None if found is None else Row(*found).session(now)

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that there are, in one statement."""
        named = [session_id for session_id in session_ids if is_storable(session_id, MAX_SESSION_ID)]
        statement = f"{_SELECT} WHERE session_id IN ({', '.join('?' * len(named))})"
        with self._connection() as connection:
            found = connection.execute(statement, named).fetchall()
        return [Row(*row).session(now) for row in found]

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        if not (is_storable(issuer, MAX_TEXT) and is_storable(subject, MAX_TEXT)):
            return []
        with self._connection() as connection:
            found = connection.execute(_LIST, (issuer, subject, now, MAX_LISTED)).fetchall()
        return [Row(*row).session(now) for row in found]

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session; it stays ended if the machine loses power the moment after."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return False
        with self._connection() as connection, _durably(connection):
            return self._end(connection, [session_id], now) > 0

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject, some at a time; they stay ended if the machine loses power after that."""
        if not (is_storable(issuer, MAX_TEXT) and is_storable(subject, MAX_TEXT)):
            return 0
        ended, after, found = 0, BEFORE_ALL, MANY
        with self._connection() as connection, _durably(connection):
            while found == MANY:
                page = connection.execute(_UNENDED, (issuer, subject, after, MANY)).fetchall()
                found = len(page)
                if page:
                    ended += self._end(connection, [session_id for session_id, _ in page], now)
                    after = page[-1][1]
        return ended

    def purge(self, *, now: float) -> int:
        """Delete what can decide nothing any more, some at a time, so that no login waits long."""
        with self._connection() as connection:
            return purge_pages(
                lambda after: connection.execute(_DEAD, (now, BEFORE_ALL if after is None else after, MANY)).fetchall(),
                lambda ids: _delete(connection, ids),
                size=MANY,
            )

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

    @staticmethod
    def _end(connection: sqlite3.Connection, session_ids: Sequence[str], now: float) -> int:
        """End sessions in one transaction; how many were alive."""
        values = [{"session_id": session_id, "now": now} for session_id in session_ids]
        with _transaction(connection):
            alive = connection.executemany(_REVOKE_ONE + _ALIVE, values).rowcount
            connection.executemany(_REVOKE_ONE, values)
        return alive

    def _delete_at_once(self, connection: sqlite3.Connection, session_ids: Sequence[str]) -> None:
        """Delete rows, or raise without waiting if another connection writes."""
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            _delete(connection, session_ids)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(self._busy_timeout * 1000)}")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is None or opened.process != os.getpid():
            opened = self._opened()
        try:
            self._check_identity()
            yield opened.connection
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OSError):
            # The file may have been replaced or repaired: the next call finds out from the beginning.
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
                self.connection.executescript(_SCHEMA)
        except BaseException:
            self.connection.close()
            raise

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


def _delete(connection: sqlite3.Connection, session_ids: Sequence[str]) -> int:
    with _transaction(connection):
        return connection.executemany(_DELETE, [(session_id,) for session_id in session_ids]).rowcount


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:  # Not where SQLite has rolled it back by itself, as for a full disk.
            connection.execute("ROLLBACK")


@contextmanager
def _durably(connection: sqlite3.Connection) -> Iterator[None]:
    """Wait for the disk."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        yield
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")
