"""Every statement that sessions need, for any database that SQLAlchemy speaks to.

>>> from sqlalchemy import create_engine
>>> from jwtguard.core.session_store import NewSession
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
and MySQL go by their own clock, which all servers that talk to them share; other databases by the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    Dialect,
    Double,
    Insert,
    Select,
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
    update,
)
from sqlalchemy.exc import DBAPIError

from jwtguard.core.grace import MAX_CLOCK_STEP
from jwtguard.core.session_store import MAX_SESSION_ID, NewSession, Session, Taken, Turn, is_storable
from jwtguard.stores.rows import FEW, MANY, UNGRACIOUS, Row, in_batches
from jwtguard.stores.session_table import session_table

_CLOCKS: dict[str, ColumnElement[Any]] = {
    # Not now(), which stands still while a statement waits for a row that another one holds.
    "postgresql": cast(func.extract("epoch", func.clock_timestamp()), Double),
    # Not unix_timestamp(), which goes through the local time and errs for an hour each autumn.
    "mysql": literal_column("(timestampdiff(microsecond, '1970-01-01', utc_timestamp(6)) / 1e6)", Double),
}
_CLOCKS["mariadb"] = _CLOCKS["mysql"]

# Of the loser, in a database whose default isolation is stricter than READ COMMITTED (SQLSTATE, ISO 9075).
_SERIALIZATION_FAILURE = "40001"
_ATTEMPTS = 5


class Statement:
    """A statement whose text was made once: to look it up at each call costs more than the rest of the call."""

    __slots__ = ("_order", "_text")

    def __init__(self, statement: Insert | Update | Select[Any], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup

    def execute(self, connection: Connection, values: dict[str, Any]) -> CursorResult[Any]:
        """Run it with the driver's kind of parameters: by name, or by place."""
        order = self._order
        return connection.exec_driver_sql(
            self._text, values if order is None else tuple(values[name] for name in order)
        )


class SessionStatements:
    """The statements in a dialect. Not each looks at `now`, the caller's time."""

    def __init__(self, dialect: Dialect) -> None:
        columns = session_table.c
        clock = _CLOCKS.get(dialect.name)
        self._has_own_clock = clock is not None
        now: ColumnElement[Any] = bindparam("now", type_=Double) if clock is None else clock
        idle, absolute = bindparam("idle_lifetime", type_=Double), bindparam("absolute_lifetime", type_=Double)
        one = columns.session_id == bindparam("id", type_=columns.session_id.type)
        all_of_subject = (columns.subject == bindparam("of_subject", type_=columns.subject.type)) & (
            columns.issuer == bindparam("of_issuer", type_=columns.issuer.type)
        )
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
        self._take_turn = Statement(
            update(session_table)
            .where(one, columns.generation == bindparam("turn", type_=BigInteger), is_alive)
            .where(or_(columns.refreshed_at.is_(None), age >= bindparam("grace", type_=Double), age < set_back))
            .values(
                generation=columns.generation + literal_column("1"),
                refreshed_at=now,
                expires_at=case((idle_deadline < columns.ends_at, idle_deadline), else_=columns.ends_at),
            ),
            dialect,
        )
        self._find = Statement(rows.where(one), dialect)
        self._list = Statement(rows.where(all_of_subject, is_alive).order_by(columns.created_at.desc()), dialect)
        # What has expired is revoked too: a clock that is set back must not bring it to life.
        ended = update(session_table).values(revoked_at=now)
        kinds = (is_alive, columns.revoked_at.is_(None))
        self._revoke = [Statement(ended.where(one, kind), dialect) for kind in kinds]
        self._revoke_all = [Statement(ended.where(all_of_subject, kind), dialect) for kind in kinds]
        # Two statements, since MariaDB has no LIMIT in a subquery of IN.
        limit = bindparam("limit", type_=BigInteger)
        self._dead = select(columns.session_id).where(columns.ends_at <= now).limit(limit)
        self._bury = delete(session_table).where(columns.session_id.in_(bindparam("ids", expanding=True)))

    def create(self, connection: Connection, session: NewSession, now: float) -> None:
        """Write a new row, and delete some dead ones; raises IntegrityError if its id is taken."""
        values = {
            "session_id": session.session_id,
            "issuer": session.issuer,
            "subject": session.subject,
            "label": session.label,
            "idle_lifetime": min(session.idle_lifetime, session.absolute_lifetime),
            "absolute_lifetime": session.absolute_lifetime,
        }
        self._create.execute(connection, self._at(now, values))
        # A few at each login are more than one, so the dead never outnumber those that come.
        self._delete(connection, now, FEW)

    def take_turn(self, connection: Connection, turn: Turn, now: float, grace: float, idle_lifetime: float) -> Taken:
        """Take the turn, or say what the row is like."""
        values = {
            "id": turn.session_id,
            "turn": turn.generation,
            "grace": grace or UNGRACIOUS,
            "idle_lifetime": idle_lifetime,
        }
        try:
            if self._take_turn.execute(connection, self._at(now, values)).rowcount:
                return Taken(is_taken=True)
        except DBAPIError as error:
            if not _has_lost_a_race(error):
                raise
        found = self._find.execute(connection, self._at(now, {"id": turn.session_id})).fetchone()
        if found is None:
            return Taken(is_taken=False)
        row, read_at = _row(found)
        return row.not_taken(read_at)

    def find(self, connection: Connection, session_id: str, now: float) -> Session | None:
        """The session of this id."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        found = self._find.execute(connection, self._at(now, {"id": session_id})).fetchone()
        return None if found is None else _session(found)

    def list(self, connection: Connection, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        found = self._list.execute(connection, self._at(now, {"of_issuer": issuer, "of_subject": subject}))
        return [_session(row) for row in found]

    def revoke(self, connection: Connection, session_id: str, now: float) -> bool:
        """End a session; whether it was alive."""
        return self._end(connection, self._revoke, self._at(now, {"id": session_id})) > 0

    def revoke_all(self, connection: Connection, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject; how many were alive."""
        return self._end(connection, self._revoke_all, self._at(now, {"of_issuer": issuer, "of_subject": subject}))

    def purge(self, connection: Connection, now: float) -> int:
        """Delete what can decide nothing any more, some at a time, so that nobody waits long."""
        return in_batches(lambda: self._delete(connection, now, MANY))

    @staticmethod
    def _end(connection: Connection, statements: Sequence[Statement], values: dict[str, Any]) -> int:
        alive, rest = statements
        ended = _insist(lambda: alive.execute(connection, values).rowcount)
        _insist(lambda: rest.execute(connection, values).rowcount)
        return ended

    def _delete(self, connection: Connection, now: float, limit: int) -> int:
        ids = connection.execute(self._dead, self._at(now, {"limit": limit})).scalars().all()
        if ids:
            connection.execute(self._bury, {"ids": ids})
        return len(ids)

    def _at(self, now: float, values: dict[str, Any]) -> dict[str, Any]:
        return values if self._has_own_clock else {**values, "now": now}


def _insist(end: Callable[[], int]) -> int:
    """Try again after a lost race: a session that is refreshed all the time must be ended all the same."""
    attempt = 1
    while True:
        try:
            return end()
        except DBAPIError as error:
            if not _has_lost_a_race(error) or attempt == _ATTEMPTS:
                raise
        attempt += 1


def _has_lost_a_race(error: DBAPIError) -> bool:
    return getattr(error.orig, "sqlstate", None) == _SERIALIZATION_FAILURE


def _row(found: Sequence[Any]) -> tuple[Row, float]:
    """The row, and when it was read."""
    *values, now = found
    return Row(*values), now


def _session(found: Sequence[Any]) -> Session:
    row, now = _row(found)
    return row.session(now)
