"""Sessions in the database of a Django project, through its ORM.

In `INSTALLED_APPS` stands `"jwtguard.django"`, and `manage.py migrate` makes the table. Then, in any module::

    sessions = Sessions(issuer=issuer, store=DjangoStore(), load=load, refresh_keys=[key])

>>> DjangoStore(using="default")
DjangoStore(using='default')
>>> DjangoStore()  # where the project's routers write sessions: `db_for_write`
DjangoStore()

A generation is rotated in autocommit, so a refresh must not run in an atomic block: if that were rolled back, a
generation that was handed out would be forgotten, or the end of a stolen session undone. Under `ATOMIC_REQUESTS`, put
`@transaction.non_atomic_requests` on views that refresh; the shipped ones have it. Ending sessions inside a block of
yours joins it: `end_all` beside the change of a password takes effect with it.

Everything is read where it is written: a replica that lags behind would show a session that has ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured
from django.db import DatabaseError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.sessions.grace import age_of_rotation
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
from jwtguard.django.database_clock import DatabaseClock, clock_of
from jwtguard.django.rotation_statement import write_rotation
from jwtguard.stores.conflicts import ATTEMPTS, is_lost_race
from jwtguard.stores.housekeeping import BEFORE_ALL, CANDIDATES, MANY, a_few, best_effort, purge_pages, skipping_locked
from jwtguard.stores.query_timeout import TIMEOUT, query_timeout

if TYPE_CHECKING:
    from jwtguard.django.models import Session as Row

T = TypeVar("T")
Time: TypeAlias = "float | DatabaseClock"
STORES: WeakSet[DjangoStore] = WeakSet()
"""All stores of this process, for the system checks."""

_COLUMNS = ("session_id", "issuer", "subject", "label", "generation", "created_at", "refreshed_at", "expires_at")
_SQLITE_FULL = 2


class DjangoStore:
    """A session store on the database `using`; see `jwtguard.core.sessions.store_protocol.SessionStore`.

    Without `using`, the project's `DATABASE_ROUTERS` say where sessions are written (`db_for_write`), at each call.
    May be made in `settings.py`: the database is looked for when it is first used. `timeout`: how long the database may
    take to answer, outside blocks of yours, before its line is cut. Raises `ConfigurationError`, later too: if the app
    is not installed, and whenever a generation is to be taken inside an atomic block.
    """

    def __init__(self, using: str | None = None, *, timeout: timedelta = TIMEOUT) -> None:
        if using is not None and (not isinstance(using, str) or not using):
            raise ConfigurationError(
                f'using is an alias of DATABASES or None: write DjangoStore(using="default"), not {using!r}'
            )
        self.using = using
        self._query_timeout = query_timeout(timeout)
        STORES.add(self)

    @staticmethod
    async def to_thread(function: Callable[[], T]) -> T:
        """Run what blocks in the thread where Django's connections belong."""
        return await sync_to_async(function, thread_sensitive=True)()

    @property
    def database(self) -> str:
        """The alias of the database that is written to now; raises `ConfigurationError` before the apps are loaded."""
        return self.using or router.db_for_write(_model())

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row; raises IntegrityError if its id is taken. Afterwards, or after the commit of the block that
        this is in, delete some dead rows if that works.
        """
        with self._connection() as connection:
            clock = clock_of(connection, now)
            rows = _rows(connection)
            _settled(
                connection,
                lambda: rows.create(
                    session_id=session.session_id,
                    issuer=session.issuer,
                    subject=session.subject,
                    label=session.label,
                    created_at=clock,
                    expires_at=clock + min(session.idle_lifetime, session.absolute_lifetime),
                    ends_at=clock + session.absolute_lifetime,
                ),
            )
            using, is_atomic = connection.alias, connection.in_atomic_block
        if is_atomic:
            # An error would break the block, and the rows would stay locked as long as it lasts.
            transaction.on_commit(lambda: self._clean(using, now), using=using, robust=True)
        else:
            self._clean(using, now)

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like."""
        if not is_storable(rotation.session_id, MAX_SESSION_ID):
            return RotationResult(is_rotated=False)
        with self._connection() as connection:
            _refuse_atomic(connection)
            try:
                taken = write_rotation(connection, rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)
            except DatabaseError as error:
                if not is_lost_race(error.__cause__):
                    raise
                taken = False  # Another request was first, as the read below shows.
            if taken:
                return RotationResult(is_rotated=True)
            # A statement of its own: what the write saw may be old.
            found = _read(_rows(connection).filter(session_id=rotation.session_id), clock_of(connection, now))
            if not found:
                return RotationResult(is_rotated=False)
            session, read_at = found[0]
            return RotationResult(
                is_rotated=False, session=session, age=age_of_rotation(session.refreshed_at, now=read_at)
            )

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        with self._connection() as connection:
            found = _read(_rows(connection).filter(session_id=session_id), clock_of(connection, now))
        return found[0][0] if found else None

    def find_many(self, session_ids: Sequence[str], *, now: float) -> Sequence[Session]:
        """The sessions of these ids that there are, in one statement."""
        named = [session_id for session_id in session_ids if is_storable(session_id, MAX_SESSION_ID)]
        with self._connection() as connection:
            found = _read(_rows(connection).filter(session_id__in=named), clock_of(connection, now))
        # Collations of MariaDB take `s1 ` for `s1`.
        return [session for session, _ in found if session.session_id in named]

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        if not _are_storable(issuer, subject):
            return []
        with self._connection() as connection:
            clock = clock_of(connection, now)
            rows = _alive(_rows(connection), clock).filter(issuer=issuer, subject=subject).order_by("-created_at")
            return [session for session, _ in _read(rows[:MAX_LISTED], clock)]

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session; whether it was alive."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return False
        with self._connection() as connection, _durably(connection):
            return _end(connection, _rows(connection).filter(session_id=session_id), now) > 0

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject, some at a time; how many were alive."""
        if not _are_storable(issuer, subject):
            return 0
        ended, after, found = 0, BEFORE_ALL, MANY
        while found == MANY:
            # Each page is waited for by itself: all of them may take longer than `timeout`.
            with self._connection() as connection, _durably(connection):
                rows = _rows(connection)
                unended = rows.filter(issuer=issuer, subject=subject, revoked_at=None, created_at__gte=after)
                page = list(unended.order_by("created_at").values_list("session_id", "created_at")[:MANY])
                found = len(page)
                if page:
                    ended += _end(connection, rows.filter(session_id__in=[name for name, _ in page]), now)
                    after = page[-1][1]
        return ended

    def purge(self, *, now: float) -> int:
        """Delete what can decide nothing any more, some at a time, so that no login waits long."""
        with self._connection(is_patient=True) as connection:
            return purge_pages(
                lambda after: _dead(connection, now, after=after, limit=MANY),
                lambda session_ids: _delete(connection, session_ids),
                size=MANY,
            )

    def _clean(self, using: str, now: float) -> None:
        """Delete a few dead rows, and wait for no other transaction."""
        with best_effort("DjangoStore"), self._connection(using) as connection:
            dead = _dead(connection, now, limit=CANDIDATES) if connection.get_autocommit() else []
            if not dead:
                return
            session_ids = a_few([session_id for session_id, _ in dead])
            if _skipping_locked(connection) is not None:
                _delete(connection, session_ids)
            elif connection.vendor == "sqlite":
                with _without_waiting(connection):
                    _delete(connection, session_ids)
            # Any other database might wait: there the dead are left to `purge`.

    @contextmanager
    def _connection(self, using: str | None = None, *, is_patient: bool = False) -> Iterator[BaseDatabaseWrapper]:
        """This thread's connection; one that broke is given up, so that the next call makes another."""
        connection = connections[using or self.database]
        # In a block of yours the line is yours, too.
        is_patient = is_patient or connection.in_atomic_block
        waiting = nullcontext() if is_patient else self._query_timeout.waiting(lambda: connection.connection)
        try:
            with waiting:
                yield connection
        except DatabaseError:
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            raise

    def __repr__(self) -> str:
        return "DjangoStore()" if self.using is None else f"DjangoStore(using={self.using!r})"


def _model() -> type[Row]:
    try:
        from jwtguard.django.models import Session as Row  # noqa: PLC0415 - models only load once the apps are ready
    except (AppRegistryNotReady, ImproperlyConfigured, RuntimeError) as error:
        problem = str(error)
    else:
        return Row
    raise ConfigurationError(f'DjangoStore needs "jwtguard.django" in INSTALLED_APPS and django.setup(): {problem}')


def _rows(connection: BaseDatabaseWrapper) -> QuerySet[Row]:
    return _model().objects.using(connection.alias)


def _are_storable(issuer: str, subject: str) -> bool:
    return is_storable(issuer, MAX_TEXT) and is_storable(subject, MAX_TEXT)


def _alive(rows: QuerySet[Row], clock: Time) -> QuerySet[Row]:
    return rows.filter(revoked_at=None, expires_at__gt=clock)


def _read(rows: QuerySet[Row], clock: Time) -> Sequence[tuple[Session, float]]:
    """Sessions, each with the time at which it was read, by the clock that counts."""
    found: list[tuple[Session, float]] = []
    columns = [*_COLUMNS, "revoked_at"]
    if isinstance(clock, DatabaseClock):
        rows, columns = rows.annotate(read_at=clock), [*columns, "read_at"]
    for row in rows.values(*columns):
        values: dict[str, Any] = dict(row)
        read_at, revoked_at = values.pop("read_at", clock), values.pop("revoked_at")
        is_over = not read_at < values["expires_at"]
        session = Session(**values, state="revoked" if revoked_at is not None else "expired" if is_over else "alive")
        found.append((session, read_at))
    return found


def _refuse_atomic(connection: BaseDatabaseWrapper) -> None:
    # Django's own test cases wrap each test in a block, and `atomic(durable=True)` looks past those as well.
    blocks = getattr(connection, "atomic_blocks", ())
    is_atomic = any(not getattr(block, "_from_testcase", False) for block in blocks)
    if is_atomic or not (connection.in_atomic_block or connection.get_autocommit()):
        raise ConfigurationError(
            "a session is being refreshed inside an atomic block, whose rollback would undo it: put"
            " @transaction.non_atomic_requests on the view (ATOMIC_REQUESTS), or leave transaction.atomic() first"
        )


def _settled(connection: BaseDatabaseWrapper, write: Callable[[], T]) -> T:
    """Write again for a loser: an end must not be forgotten because the session was refreshed at that moment."""
    for _ in range(ATTEMPTS - 1):
        try:
            return write()
        except DatabaseError as error:
            if connection.in_atomic_block or not is_lost_race(error.__cause__):
                raise
    return write()


def _end(connection: BaseDatabaseWrapper, rows: QuerySet[Row], now: float) -> int:
    clock = clock_of(connection, now)
    ended = _settled(connection, lambda: _alive(rows, clock).update(revoked_at=clock))
    # What has expired too: a clock that is set back must not bring it to life.
    _settled(connection, lambda: rows.filter(revoked_at=None).update(revoked_at=clock))
    return ended


# Housekeeping.


def _dead(
    connection: BaseDatabaseWrapper, now: float, *, after: float | None = None, limit: int
) -> Sequence[tuple[str, float]]:
    # In the order of the index: without one, the planner may scan a table in which many rows are dead. The first page
    # has no lower bound: without statistics, PostgreSQL takes a range for a few rows, and sorts all the dead.
    rows = _rows(connection).filter(ends_at__lte=clock_of(connection, now)).order_by("ends_at")
    if after is not None:
        rows = rows.filter(ends_at__gte=after)
    return list(rows.values_list("session_id", "ends_at")[:limit])


def _delete(connection: BaseDatabaseWrapper, session_ids: Sequence[str]) -> int:
    """Delete rows, without those that other transactions have locked if the database can tell."""
    statement = _skipping_locked(connection) or "DELETE FROM jwtguard_session WHERE session_id IN {ids}"
    places = f"({', '.join(['%s'] * len(session_ids))})"
    with connection.cursor() as cursor:
        cursor.execute(statement.format(ids=places), session_ids)
        deleted: int = cursor.rowcount
    return deleted


def _skipping_locked(connection: BaseDatabaseWrapper) -> str | None:
    if connection.vendor not in {"postgresql", "mysql"}:
        return None
    is_mariadb = bool(getattr(connection, "mysql_is_mariadb", False))
    return skipping_locked(connection.vendor, connection.get_database_version(), is_mariadb=is_mariadb)


@contextmanager
def _without_waiting(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """In SQLite: an error at once where another connection writes."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        before = int(cursor.fetchone()[0])
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {before}")


@contextmanager
def _durably(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """On SQLite, wait for the disk: the end of a session must survive a power cut, whatever the project has set."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous")
        level = int(cursor.fetchone()[0])
        if level >= _SQLITE_FULL:
            yield
            return
        cursor.execute(f"PRAGMA synchronous = {_SQLITE_FULL}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA synchronous = {level}")
