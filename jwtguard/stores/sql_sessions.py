"""The statements of a session store in SQL, and what each operation makes of their results.

>>> import sqlite3
>>> from jwtguard.core.sessions.store_protocol import NewSession
>>> connection = sqlite3.connect(":memory:", isolation_level=None)
>>> _ = connection.executescript(SQLITE_SCHEMA)
>>> def execute(statement, values):
...     cursor = connection.execute(statement, values)
...     return Result(cursor.fetchall(), cursor.rowcount)
>>> sessions = SQLSessions(store="example", vendor="sqlite", execute=execute)
>>> new = NewSession(session_id="s1", issuer="i", subject="user-1", idle_lifetime=60, absolute_lifetime=90)
>>> sessions.create(new, now=1000.0)
>>> sessions.find("s1", now=1030.0).state
'alive'
>>> connection.close()

SQLite, PostgreSQL, MariaDB and MySQL run the same texts, through their own drivers, SQLAlchemy or Django. PostgreSQL,
MariaDB and MySQL use their own clock, which all application servers share; SQLite uses the caller's. Each statement
uses an index, however many rows there are, and changes a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

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
from jwtguard.stores.conflicts import ATTEMPTS, is_lost_race
from jwtguard.stores.housekeeping import BEFORE_ALL, CANDIDATES, MANY, a_few, best_effort, purge_pages
from jwtguard.stores.rows import Row

CLOCKS = {
    # Not now(), which is constant during a transaction; nor clock_timestamp(), which is volatile: no index is searched
    # for a volatile value.
    "postgresql": "CAST(EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP()) AS double precision)",
    # Not unix_timestamp(), which goes through the local time and is wrong for an hour each autumn.
    "mysql": "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)",
}
"""The time in seconds since the epoch, in the SQL of the databases that have a clock of their own."""
VENDORS = ("sqlite", "postgresql", "mysql")
"""The kinds of database, named as Django names them; "mysql" is MariaDB too."""
# MariaDB gives up before the store or its driver does. Otherwise it would carry out a statement up to 50 seconds later,
# when a lock is released, after the request was answered with 503.
BOUNDED_WRITE = "SET STATEMENT innodb_lock_wait_timeout = 2 FOR "

# The table of `jwtguard.stores.session_table` and `jwtguard.django.models`, so each store can open the others' files.
SQLITE_SCHEMA = """
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
VALUES (:session_id, :issuer, :subject, :label, 0, {now}, {now} + :idle_lifetime, {now} + :absolute_lifetime)
"""
# The least of two values has another name in each database, so it is a CASE.
_ROTATE = """
UPDATE jwtguard_session
SET generation = generation + 1, refreshed_at = {now},
    expires_at = CASE WHEN {now} + :idle_lifetime < ends_at THEN {now} + :idle_lifetime ELSE ends_at END
WHERE {session} AND generation = :generation AND revoked_at IS NULL AND expires_at > {now}
  AND (refreshed_at IS NULL OR {now} - refreshed_at >= :grace OR {now} - refreshed_at < -{max_clock_step})
"""
_SELECT = "SELECT {columns}, {now} AS read_at FROM jwtguard_session WHERE "
_FIND = _SELECT + "{session}"
_FIND_MANY = _SELECT + "session_id IN {ids}"
_LIST = _SELECT + "{subject} AND revoked_at IS NULL AND expires_at > {now} ORDER BY created_at DESC LIMIT :limit"
_REVOKE = "UPDATE jwtguard_session SET revoked_at = {now} WHERE revoked_at IS NULL AND "
_REVOKE_ONE = _REVOKE + "{session}"
_REVOKE_MANY = _REVOKE + "session_id IN {ids}"
_ALIVE = " AND expires_at > {now}"
# MariaDB has no LIMIT in a subquery of IN, so some rows of a subject are read, and ended by their ids.
_UNENDED = """
SELECT session_id, created_at FROM jwtguard_session
WHERE {subject} AND revoked_at IS NULL AND created_at >= :after ORDER BY created_at LIMIT :limit
"""
# In the order of the index: without one, the planner may scan a table in which many rows are dead. The first page has
# no lower bound: without statistics, PostgreSQL takes a range for a few rows, and sorts all dead rows.
_DEAD = "SELECT session_id, ends_at FROM jwtguard_session WHERE ends_at <= {now} ORDER BY ends_at LIMIT :limit"
_DEAD_AFTER = _DEAD.replace("ORDER BY", "AND ends_at >= :after ORDER BY")
_DELETE = "DELETE FROM jwtguard_session WHERE session_id IN {ids}"
_SYNCHRONOUS_FULL = 2


class Result(NamedTuple):
    """What a statement gave: its rows, and how many rows it changed."""

    rows: Sequence[Sequence[Any]]
    changed: int


def exactly(vendor: str, column: str, value: str) -> str:
    """The SQL that compares a column and a value character by character; for "mysql" it contains the value twice.

    There the first comparison finds the row by an index, and the second compares bytes: a collation may ignore case,
    accents and, even if it is a binary one, spaces at the end.
    """
    if vendor != "mysql":
        return f"{column} = {value}"
    return (
        f"({column} = {value}"
        f" AND CAST(CONVERT({column} USING utf8mb4) AS BINARY) = CAST(CONVERT({value} USING utf8mb4) AS BINARY))"
    )


@cache
def _in_dialect(statement: str, vendor: str, number_of_ids: int) -> str:
    """The text of a statement for a kind of database. Its parameters are `:name`."""
    return statement.format(
        columns=", ".join(Row._fields),
        ids=f"({', '.join(f':id{number}' for number in range(number_of_ids))})",
        max_clock_step=MAX_CLOCK_STEP,
        now=CLOCKS.get(vendor, ":now"),
        session=exactly(vendor, "session_id", ":session_id"),
        subject=f"{exactly(vendor, 'issuer', ':issuer')} AND {exactly(vendor, 'subject', ':subject')}",
    ).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLSessions:
    """The operations of a store on one connection, which is in autocommit unless `is_atomic`.

    `vendor` is one of `VENDORS`. `execute` runs a statement with parameters of the form `:name`; it may get more values
    than the statement uses. `delete_unlocked` gives the statement that deletes only rows that no other transaction has
    locked, None if the database has none. `write_prefix` stands before each write. `is_atomic`: a transaction of the
    application is open, and what is written here is part of it. `store` is the name for the log.
    """

    store: str
    vendor: str
    execute: Callable[[str, Mapping[str, Any]], Result]
    delete_unlocked: Callable[[], str | None] = lambda: None
    write_prefix: str = ""
    is_atomic: bool = False

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row, then delete some dead rows if possible; raises the driver's error if the id is taken."""
        self.insert(session, now=now)
        with best_effort(self.store):
            self.clean(now=now)

    def insert(self, session: NewSession, *, now: float) -> None:
        """Write a new row and do nothing else."""
        self._write(
            _INSERT,
            now,
            session_id=session.session_id,
            issuer=session.issuer,
            subject=session.subject,
            label=session.label,
            idle_lifetime=min(session.idle_lifetime, session.absolute_lifetime),
            absolute_lifetime=session.absolute_lifetime,
        )

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like."""
        session_id = rotation.session_id
        if not is_storable(session_id, MAX_SESSION_ID):
            return RotationResult(is_rotated=False)
        values: dict[str, Any] = {
            "session_id": session_id,
            "generation": rotation.generation,
            # A clock that was set back makes ages negative, and a negative age counts as 0.
            "grace": grace or BEFORE_ALL,
            "idle_lifetime": idle_lifetime,
        }
        try:
            if self._run(self.write_prefix + _ROTATE, now, **values).changed:
                return RotationResult(is_rotated=True)
        except Exception as error:
            if not is_lost_race(error):
                raise
            # Another request was first, as the row will show.
        # A statement of its own: the state that the write saw may be old.
        found = self._run(_FIND, now, session_id=session_id).rows
        if not found:
            return RotationResult(is_rotated=False)
        row, read_at = _row(found[0])
        return row.not_rotated(read_at)

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        found = self._run(_FIND, now, session_id=session_id).rows
        return _session(found[0]) if found else None

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that exist."""
        named = [session_id for session_id in session_ids if is_storable(session_id, MAX_SESSION_ID)]
        found = self._run(_FIND_MANY, now, ids=named).rows if named else []
        # Collations of MariaDB take `s1 ` for `s1`.
        return [session for row in found if (session := _session(row)).session_id in named]

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        if not _are_storable(issuer, subject):
            return []
        return [_session(row) for row in self._run(_LIST, now, issuer=issuer, subject=subject, limit=MAX_LISTED).rows]

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session; whether it was alive."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return False
        return self._end(_REVOKE_ONE, now, session_id=session_id) > 0

    def end_some(self, *, issuer: str, subject: str, now: float, after: float) -> tuple[int, float | None]:
        """End some sessions of a subject that began at the time `after` or later, oldest first.

        Returns how many were alive, and the time to continue from; None at the end. To end all sessions of a subject
        in one statement could take longer than a store waits for an answer.
        """
        if not _are_storable(issuer, subject):
            return 0, None
        page = self._run(_UNENDED, now, issuer=issuer, subject=subject, after=after, limit=MANY).rows
        ended = self._end(_REVOKE_MANY, now, ids=[str(session_id) for session_id, _ in page]) if page else 0
        return ended, float(page[-1][1]) if len(page) == MANY else None

    def purge(self, *, now: float) -> int:
        """Delete all rows that can decide nothing any more, some at a time, so that no login waits long."""
        return purge_pages(lambda after: self._dead(now, after=after, limit=MANY), self.delete, size=MANY)

    def clean(self, *, now: float) -> None:
        """Delete a few dead rows, without waiting for another transaction."""
        dead = a_few([session_id for session_id, _ in self._dead(now, after=None, limit=CANDIDATES)])
        if dead and self.vendor == "sqlite":
            with self._pragma("busy_timeout", 0):  # An error at once where another connection writes.
                self.delete(dead)
        elif dead and self.delete_unlocked() is not None:
            self.delete(dead)
        # Any other database might wait: there `purge` deletes dead rows.

    def delete(self, session_ids: Sequence[str]) -> int:
        """Delete these rows, without those that another transaction has locked if the database can tell; how many."""
        return self._run(self.delete_unlocked() or _DELETE, 0.0, ids=session_ids).changed

    def _end(self, statement: str, now: float, **values: Any) -> int:  # noqa: ANN401 - parameters
        """End sessions, durably; how many were alive."""
        with self._durable():
            ended = self._write(statement + _ALIVE, now, **values)
            # What has expired is revoked too: after a clock is set back it must not be alive again.
            self._write(statement, now, **values)
        return ended

    def _dead(self, now: float, *, after: float | None, limit: int) -> Sequence[tuple[str, float]]:
        statement = _DEAD if after is None else _DEAD_AFTER
        found = self._run(statement, now, after=after, limit=limit).rows
        return [(str(session_id), float(ends_at)) for session_id, ends_at in found]

    def _run(self, statement: str, now: float, *, ids: Sequence[str] = (), **values: Any) -> Result:  # noqa: ANN401
        named = {f"id{number}": session_id for number, session_id in enumerate(ids)}
        return self.execute(_in_dialect(statement, self.vendor, len(ids)), {**values, **named, "now": now})

    def _write(self, statement: str, now: float, **values: Any) -> int:  # noqa: ANN401 - parameters
        """Run a statement, and again after a lost race: a session that is often refreshed must still be ended.

        Inside a transaction of the application it runs once: a lost race undoes the whole transaction.
        """
        statement = self.write_prefix + statement
        for _ in range(0 if self.is_atomic else ATTEMPTS - 1):
            try:
                return self._run(statement, now, **values).changed
            except Exception as error:
                if not is_lost_race(error):
                    raise
        return self._run(statement, now, **values).changed

    @contextmanager
    def _durable(self) -> Iterator[None]:
        """In SQLite, wait for the disk: the end of a session must survive a power cut, whatever the project has set."""
        if self.vendor != "sqlite" or self.is_atomic:
            yield
            return
        with self._pragma("synchronous", _SYNCHRONOUS_FULL, at_least=True):
            yield

    @contextmanager
    def _pragma(self, name: str, value: int, *, at_least: bool = False) -> Iterator[None]:
        """Give a setting of SQLite another value meanwhile."""
        before = int(self.execute(f"PRAGMA {name}", {}).rows[0][0])
        if at_least and before >= value:
            yield
            return
        self.execute(f"PRAGMA {name} = {value}", {})
        try:
            yield
        finally:
            self.execute(f"PRAGMA {name} = {before}", {})


def _are_storable(issuer: str, subject: str) -> bool:
    return is_storable(issuer, MAX_TEXT) and is_storable(subject, MAX_TEXT)


def _row(found: Sequence[Any]) -> tuple[Row, float]:
    """The row, and when it was read."""
    *values, now = found
    return Row(*values), now


def _session(found: Sequence[Any]) -> Session:
    row, now = _row(found)
    return row.session(now)
