"""Sessions in an SQLite file: the default on one machine, safe over threads and processes.

>>> import tempfile
>>> from jwtguard.core.session_store import NewSession, Turn
>>> with tempfile.TemporaryDirectory() as folder, SQLiteStore(f"{folder}/sessions.db") as store:
...     store.create(
...         NewSession(session_id="s1", issuer="i", subject="user-1", idle_lifetime=60, absolute_lifetime=90), now=0
...     )
...     store.take_turn(Turn(session_id="s1", generation=0), now=1, grace=10, idle_lifetime=60).is_taken
True

The file is in WAL mode, so readers never wait, and has a `-wal` and a `-shm` beside it while it is open. It must lie on
a local disk: on a network file system neither WAL nor locks can be relied on.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.grace import MAX_CLOCK_STEP
from jwtguard.core.policy import seconds
from jwtguard.core.session_store import MAX_SESSION_ID, NewSession, Session, Taken, Turn, is_storable
from jwtguard.stores.rows import FEW, MANY, UNGRACIOUS, Row, in_batches

BUSY_TIMEOUT = timedelta(seconds=5)

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
CREATE INDEX IF NOT EXISTS jwtguard_session_subject ON jwtguard_session (subject, issuer);
CREATE INDEX IF NOT EXISTS jwtguard_session_ends_at ON jwtguard_session (ends_at);
"""
_INSERT = """
INSERT INTO jwtguard_session (session_id, issuer, subject, label, generation, created_at, expires_at, ends_at)
VALUES (?, ?, ?, ?, 0, ?, ?, ?)
"""
_TAKE_TURN = f"""
UPDATE jwtguard_session
SET generation = generation + 1, refreshed_at = :now, expires_at = min(:now + :idle_lifetime, ends_at)
WHERE session_id = :session_id AND generation = :generation AND revoked_at IS NULL AND expires_at > :now
  AND (refreshed_at IS NULL OR :now - refreshed_at >= :grace OR :now - refreshed_at < -{MAX_CLOCK_STEP})
"""  # noqa: S608 - a number of our own
_SELECT = f"SELECT {', '.join(Row._fields)} FROM jwtguard_session"  # noqa: S608 - names of our own
_FIND = f"{_SELECT} WHERE session_id = ?"
_LIST = f"""
{_SELECT} WHERE subject = ? AND issuer = ? AND revoked_at IS NULL AND expires_at > ? ORDER BY created_at DESC
"""
# What has expired is revoked too: a clock that is set back must not bring it to life.
_REVOKE = "UPDATE jwtguard_session SET revoked_at = :now WHERE revoked_at IS NULL"
_REVOKE_ONE = f"{_REVOKE} AND session_id = :session_id"
_REVOKE_ALL = f"{_REVOKE} AND subject = :subject AND issuer = :issuer"
_ALIVE = " AND expires_at > :now"
_PURGE = """
DELETE FROM jwtguard_session WHERE session_id IN (SELECT session_id FROM jwtguard_session WHERE ends_at <= ? LIMIT ?)
"""

_inherited: list[sqlite3.Connection] = []
"""Connections of the process that forked us. To use or close one here would break the locks that it holds there."""


class SQLiteStore:
    """A session store in the file `path`, which is made if it is not there, as is the table in it.

    `busy_timeout`: how long a write waits while another process writes, before the answer is 503. Times are the
    caller's. Each thread has a connection of its own, closed when the thread ends; `close`, or leaving a `with` block,
    closes them all. Raises `ConfigurationError` with all problems.
    """

    def __init__(self, path: str | os.PathLike[str], *, busy_timeout: timedelta = BUSY_TIMEOUT) -> None:
        problems: list[str] = []
        self._busy_timeout = seconds("busy_timeout", busy_timeout, problems)
        name = os.fspath(path)
        if not name or name.startswith(":memory:"):
            problems.append("each thread would have an SQLite database of its own in memory: use MemoryStore()")
        # Absolute, since a server may change its folder once it has started.
        self._path = Path(name).absolute()
        if not self._path.parent.is_dir():
            problems.append(f"the folder {str(self._path.parent)!r} is not there: make it first")
        ConfigurationError.raise_all(problems)
        self._local = threading.local()
        self._open: weakref.WeakSet[_Opened] = weakref.WeakSet()

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row, and delete some dead ones; raises sqlite3.IntegrityError if its id is taken."""
        ends_at = now + session.absolute_lifetime
        values = (session.session_id, session.issuer, session.subject, session.label, now)
        with self._connection() as connection:
            connection.execute(_INSERT, (*values, min(now + session.idle_lifetime, ends_at), ends_at))
            # A few at each login are more than one, so the dead never outnumber those that come.
            connection.execute(_PURGE, (now, FEW))

    def take_turn(self, turn: Turn, *, now: float, grace: float, idle_lifetime: float) -> Taken:
        """Take the turn, or say what the row is like."""
        values = {
            "session_id": turn.session_id,
            "generation": turn.generation,
            "now": now,
            "grace": grace or UNGRACIOUS,
            "idle_lifetime": idle_lifetime,
        }
        with self._connection() as connection:
            if connection.execute(_TAKE_TURN, values).rowcount:
                return Taken(is_taken=True)
            found = connection.execute(_FIND, (turn.session_id,)).fetchone()
        return Taken(is_taken=False) if found is None else Row(*found).not_taken(now)

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        with self._connection() as connection:
            found = connection.execute(_FIND, (session_id,)).fetchone()
        return None if found is None else Row(*found).session(now)

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        with self._connection() as connection:
            found = connection.execute(_LIST, (subject, issuer, now)).fetchall()
        return [Row(*row).session(now) for row in found]

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session; it stays ended if the machine loses power the moment after."""
        return self._revoke(_REVOKE_ONE, {"session_id": session_id, "now": now}) > 0

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject; they stay ended if the machine loses power the moment after."""
        return self._revoke(_REVOKE_ALL, {"subject": subject, "issuer": issuer, "now": now})

    def purge(self, *, now: float) -> int:
        """Delete what can decide nothing any more, some at a time, so that nobody waits long."""

        def delete() -> int:
            with self._connection() as connection:
                return connection.execute(_PURGE, (now, MANY)).rowcount

        return in_batches(delete)

    def close(self) -> None:
        """Close the connections of all threads; whoever uses the store again opens another."""
        while self._open:
            self._open.pop().close()
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _revoke(self, statement: str, values: dict[str, object]) -> int:
        with self._connection() as connection:
            connection.execute("PRAGMA synchronous = FULL")
            try:
                alive = connection.execute(statement + _ALIVE, values).rowcount
                connection.execute(statement, values)
                return alive
            finally:
                connection.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        opened: _Opened | None = getattr(self._local, "opened", None)
        if opened is None or opened.process != os.getpid():
            opened = self._local.opened = _Opened(self._path, self._busy_timeout)
            self._open.add(opened)
        try:
            yield opened.connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error:
            # The file may have been replaced or repaired: the next call finds out from the beginning.
            self._local.__dict__.pop("opened", None)
            opened.close()
            raise


class _Opened:
    """A thread's connection, closed with it."""

    __slots__ = ("__weakref__", "connection", "process")

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.process = os.getpid()
        # One thread uses it; another may close it, when this one has ended.
        self.connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None, check_same_thread=False)
        try:
            mode = self._switch_to_wal(time.monotonic() + busy_timeout)
            if mode != "wal":
                raise ConfigurationError(f"SQLite cannot use WAL for {path}: put the file on a local disk")
            # A lost turn is a refresh token too new, which ends the session: safe, so turns need not wait for the disk.
            self.connection.execute("PRAGMA synchronous = NORMAL")
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
