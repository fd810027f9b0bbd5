"""Every statement that sessions need, for any database that SQLAlchemy speaks to.

>>> from sqlalchemy import create_engine
>>> from jwtguard.core.sessions.store_protocol import NewSession
>>> from jwtguard.stores.session_table import metadata
>>> engine = create_engine("sqlite://")
>>> statements = SessionStatements(engine.dialect)
>>> new = NewSession(session_id="s1", issuer="i", subject="user-1", idle_lifetime=60, absolute_lifetime=90)
>>> with engine.connect() as connection:
...     metadata.create_all(connection)
...     statements.create(connection, new, 1000.0)
...     statements.find(connection, "s1", 1030.0).state
'alive'
>>> engine.dispose()

Each function takes a `Connection` in autocommit, so one text serves the sync and the async store. PostgreSQL, MariaDB
and MySQL go by their own clock, which all servers that talk to them share; other databases by the caller's. Each
statement uses an index, however many rows there are, and changes a bounded number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Double,
    Insert,
    LargeBinary,
    Select,
    TextClause,
    Update,
    bindparam,
    case,
    cast,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.exc import DBAPIError

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
from jwtguard.stores.housekeeping import CANDIDATES, MANY, a_few, best_effort, purge_pages, skipping_locked
from jwtguard.stores.rows import UNGRACIOUS, Row
from jwtguard.stores.session_table import session_table

T = TypeVar("T")

_CLOCKS: dict[str, ColumnElement[Any]] = {
    # Not now(), which stands still through a transaction; nor clock_timestamp(), which is another time for each row, so
    # that no index can be searched for it.
    "postgresql": cast(func.extract("epoch", func.statement_timestamp()), Double),
    # Not unix_timestamp(), which goes through the local time and errs for an hour each autumn.
    "mysql": literal_column("(timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1e6)", Double),
}
# MariaDB gives up before the store or its driver does. It would otherwise carry a statement out when a lock is gone, up
# to 50 seconds later, after the request was answered with 503.
_BOUNDED = "SET STATEMENT innodb_lock_wait_timeout = 2 FOR "


class Statement:
    """A statement whose text was made once: to look it up at each call costs more than the rest of the call."""

    __slots__ = ("_constants", "_is_write", "_order", "_text")

    def __init__(self, statement: Insert | Update | Select[Any, Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        # Such as the offset 0 that SQLAlchemy writes behind a limit for SQLite.
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        self._is_write = not isinstance(statement, Select)
        self._order: Sequence[str] | None = compiled.positiontup

    def execute(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        """Run it with the driver's kind of parameters: by name, or by place."""
        order, values = self._order, {**self._constants, **values}
        is_bounded = self._is_write and getattr(connection.dialect, "is_mariadb", False)
        return connection.exec_driver_sql(
            _BOUNDED + self._text if is_bounded else self._text,
            values if order is None else tuple(values[name] for name in order),
        )


class SessionStatements:
    """The statements in a dialect. Not each looks at `now`, the caller's time."""

    def __init__(self, dialect: Dialect) -> None:
        columns = session_table.c
        self._family = "mysql" if isinstance(dialect, MySQLDialect) else dialect.name
        clock = _CLOCKS.get(self._family)
        self._has_own_clock = clock is not None
        now: ColumnElement[Any] = bindparam("now", type_=Double) if clock is None else clock
        idle, absolute = bindparam("idle_lifetime", type_=Double), bindparam("absolute_lifetime", type_=Double)
        one = self._equal(columns.session_id, "id")
        all_of_subject = self._equal(columns.issuer, "of_issuer") & self._equal(columns.subject, "of_subject")
        limit = bindparam("limit", type_=BigInteger)
        after = bindparam("after", type_=Double)
        is_alive = columns.revoked_at.is_(None) & (columns.expires_at > now)
        rows = select(*(columns[name] for name in Row._fields), now.label("now"))

        self._create = Statement(
            insert(session_table).values(
                session_id=bindparam("session_id"),
                issuer=bindparam("issuer"),
                subject=bindparam("subject"),
                label=bindparam("label"),
                generation=literal_column("0"),
                created_at=now,
                expires_at=now + idle,
                ends_at=now + absolute,
            ),
            dialect,
        )
        idle_deadline = now + idle
        age = now - columns.refreshed_at
        set_back = literal_column(str(-MAX_CLOCK_STEP), Double)
        self._rotate = Statement(
            update(session_table)
            .where(one, columns.generation == bindparam("generation", type_=BigInteger), is_alive)
            .where(or_(columns.refreshed_at.is_(None), age >= bindparam("grace", type_=Double), age < set_back))
            .values(
                generation=columns.generation + literal_column("1"),
                refreshed_at=now,
                expires_at=case((idle_deadline < columns.ends_at, idle_deadline), else_=columns.ends_at),
            ),
            dialect,
        )
        self._find = Statement(rows.where(one), dialect)
        any_of = bindparam("ids", type_=columns.session_id.type, expanding=True)
        self._find_many = rows.where(columns.session_id.in_(any_of))
        self._list = Statement(
            rows.where(all_of_subject, is_alive).order_by(columns.created_at.desc()).limit(limit), dialect
        )
        # What has expired is revoked too: a clock that is set back must not bring it to life.
        ended = update(session_table).values(revoked_at=now)
        kinds = (is_alive, columns.revoked_at.is_(None))
        self._revoke = [Statement(ended.where(one, kind), dialect) for kind in kinds]
        # Some rows of a subject, oldest first, and then these by their ids. MariaDB has no LIMIT in a subquery of IN.
        self._unended = Statement(
            select(columns.session_id, columns.created_at)
            .where(all_of_subject, columns.revoked_at.is_(None), columns.created_at >= after)
            .order_by(columns.created_at)
            .limit(limit),
            dialect,
        )
        these = columns.session_id.in_(bindparam("ids", expanding=True))
        self._revoke_these = [ended.where(these, kind) for kind in kinds]
        # In the order of the index: without one, the planner may scan a table in which many rows are dead. The first
        # page has no lower bound: without statistics, PostgreSQL takes a range for a few rows, and sorts all the dead.
        dead = select(columns.session_id, columns.ends_at).where(columns.ends_at <= now)
        dead = dead.order_by(columns.ends_at).limit(limit)
        self._dead = Statement(dead, dialect)
        self._dead_from = Statement(dead.where(columns.ends_at >= after), dialect)
        self._delete_these = delete(session_table).where(these)

    def _equal(self, column: ColumnElement[str], name: str) -> ColumnElement[bool]:
        """Whether a column has a value character by character, whatever its collation is."""
        value = bindparam(name, type_=column.type)
        if self._family != "mysql":
            return column == value
        # The first comparison finds the row by the index. Its collation may ignore case, accents or trailing spaces.
        return (column == value) & (_bytes(column) == _bytes(value))

    def create(self, connection: Connection, session: NewSession, now: float) -> None:
        """Write a new row; raises IntegrityError if its id is taken. Afterwards delete some dead rows if that works."""
        values = {
            "session_id": session.session_id,
            "issuer": session.issuer,
            "subject": session.subject,
            "label": session.label,
            "idle_lifetime": min(session.idle_lifetime, session.absolute_lifetime),
            "absolute_lifetime": session.absolute_lifetime,
        }
        _insist(lambda: self._create.execute(connection, self._at(now, values)))
        with best_effort("SQLAlchemyStore"):
            self._clean(connection, now)

    def rotate(
        self, connection: Connection, rotation: RotationRequest, now: float, grace: float, idle_lifetime: float
    ) -> RotationResult:
        """Rotate, or say what the row is like."""
        values = {
            "id": rotation.session_id,
            "generation": rotation.generation,
            "grace": grace or UNGRACIOUS,
            "idle_lifetime": idle_lifetime,
        }
        if not is_storable(rotation.session_id, MAX_SESSION_ID):
            return RotationResult(is_rotated=False)
        try:
            if self._rotate.execute(connection, self._at(now, values)).rowcount:
                return RotationResult(is_rotated=True)
        except DBAPIError as error:
            if not is_lost_race(error.orig):
                raise
        found = self._find.execute(connection, self._at(now, {"id": rotation.session_id})).fetchone()
        if found is None:
            return RotationResult(is_rotated=False)
        row, read_at = _row(found)
        return row.not_rotated(read_at)

    def find(self, connection: Connection, session_id: str, now: float) -> Session | None:
        """The session of this id."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        found = self._find.execute(connection, self._at(now, {"id": session_id})).fetchone()
        return None if found is None else _session(found)

    def find_many(self, connection: Connection, session_ids: Sequence[str], now: float) -> Sequence[Session]:
        """The sessions of these ids that there are."""
        named = [session_id for session_id in session_ids if is_storable(session_id, MAX_SESSION_ID)]
        found = connection.execute(self._find_many, self._at(now, {"ids": named}))
        # Collations of MariaDB take `s1 ` for `s1`.
        return [session for row in found if (session := _session(row)).session_id in named]

    def list(self, connection: Connection, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        if not _are_storable(issuer, subject):
            return []
        values = {"of_issuer": issuer, "of_subject": subject, "limit": MAX_LISTED}
        found = self._list.execute(connection, self._at(now, values))
        return [_session(row) for row in found]

    def revoke(self, connection: Connection, session_id: str, now: float) -> bool:
        """End a session; whether it was alive."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return False
        values = self._at(now, {"id": session_id})
        alive, rest = self._revoke
        was_alive = _insist(lambda: alive.execute(connection, values).rowcount)
        _insist(lambda: rest.execute(connection, values).rowcount)
        return was_alive > 0

    def end_some(
        self, connection: Connection, issuer: str, subject: str, now: float, *, after: float
    ) -> tuple[int, float | None]:
        """End some sessions of a subject that began at the time `after` or later, oldest first.

        Gives how many were alive, and the time to go on from; None at the end. A subject may have so many that all of
        them take longer than a store waits for an answer.
        """
        if not _are_storable(issuer, subject):
            return 0, None
        values = {"of_issuer": issuer, "of_subject": subject, "limit": MANY, "after": after}
        page = [tuple(row) for row in self._unended.execute(connection, values)]
        ended = self._end_these(connection, [session_id for session_id, _ in page], now) if page else 0
        return ended, page[-1][1] if len(page) == MANY else None

    def _end_these(self, connection: Connection, session_ids: Sequence[str], now: float) -> int:
        values = self._at(now, {"ids": session_ids})
        alive, rest = self._revoke_these
        ended = _insist(lambda: connection.execute(alive, values).rowcount)
        _insist(lambda: connection.execute(rest, values).rowcount)
        return ended

    def purge(self, connection: Connection, now: float) -> int:
        """Delete what can decide nothing any more, some at a time, so that no login waits long."""
        burial = self._skipping_locked(connection.dialect)
        statement = self._delete_these if burial is None else burial
        return purge_pages(
            lambda after: self._dead_rows(connection, now, after=after, limit=MANY),
            lambda ids: connection.execute(statement, {"ids": ids}).rowcount,
            size=MANY,
        )

    def _clean(self, connection: Connection, now: float) -> None:
        """Delete a few dead rows, and wait for no other transaction."""
        dead = self._dead_rows(connection, now, after=None, limit=CANDIDATES)
        if not dead:
            return
        values = {"ids": a_few([session_id for session_id, _ in dead])}
        burial = self._skipping_locked(connection.dialect)
        if burial is not None:
            connection.execute(burial, values)
        elif self._family == "sqlite":
            with _without_waiting(connection):
                connection.execute(self._delete_these, values)
        # Any other database might wait: there the dead are left to `purge`.

    def _dead_rows(
        self, connection: Connection, now: float, *, after: float | None, limit: int
    ) -> Sequence[tuple[str, float]]:
        values = {"limit": limit} if after is None else {"limit": limit, "after": after}
        found = (self._dead if after is None else self._dead_from).execute(connection, self._at(now, values))
        return [(str(session_id), float(ends_at)) for session_id, ends_at in map(tuple, found)]

    def _skipping_locked(self, dialect: Dialect) -> TextClause | None:
        """The statement that deletes what no other transaction has locked, if the database has one."""
        if self._family not in {"postgresql", "mysql"}:
            return None
        version = tuple(part for part in dialect.server_version_info or () if isinstance(part, int))
        statement = skipping_locked(self._family, version, is_mariadb=getattr(dialect, "is_mariadb", False))
        if statement is None:
            return None
        return text(statement.format(ids=":ids")).bindparams(bindparam("ids", expanding=True))

    def _at(self, now: float, values: dict[str, Any]) -> dict[str, Any]:
        return values if self._has_own_clock else {**values, "now": now}


def _insist(write: Callable[[], T]) -> T:
    """Try again after a lost race: a session that is refreshed all the time must be ended all the same."""
    attempt = 1
    while True:
        try:
            return write()
        except DBAPIError as error:
            if not is_lost_race(error.orig) or attempt == ATTEMPTS:
                raise
        attempt += 1


@contextmanager
def _without_waiting(connection: Connection) -> Iterator[None]:
    """In SQLite: an error at once where another connection writes."""
    before = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {before:d}")


def _bytes(value: ColumnElement[str]) -> ColumnElement[bytes]:
    """As the bytes of UTF-8, which are compared as they are."""
    return cast(func.convert(value.op("USING")(literal_column("utf8mb4"))), LargeBinary)


def _are_storable(issuer: str, subject: str) -> bool:
    return is_storable(issuer, MAX_TEXT) and is_storable(subject, MAX_TEXT)


def _row(found: Sequence[Any]) -> tuple[Row, float]:
    """The row, and when it was read."""
    *values, now = found
    return Row(*values), now


def _session(found: Sequence[Any]) -> Session:
    row, now = _row(found)
    return row.session(now)
