"""Sessions in the database of a Django project, through its ORM.

In `INSTALLED_APPS` stands `"jwtguard.django"`, and `manage.py migrate` makes the table. Then, in any module::

    sessions = Sessions(issuer=issuer, store=DjangoStore(), load=load, refresh_keys=[key])

>>> DjangoStore(using="default")
DjangoStore(using='default')

A turn is taken in autocommit, so a refresh must not run in an atomic block: if that were rolled back, a turn that was
handed out would be forgotten, or the end of a stolen session undone. Under `ATOMIC_REQUESTS`, put
`@transaction.non_atomic_requests` on views that refresh; the shipped ones have it. Ending sessions inside a block of
yours joins it: `end_all` beside the change of a password takes effect with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.grace import age_of_turn
from jwtguard.core.session_store import MAX_SESSION_ID, MAX_TEXT, NewSession, Session, Taken, Turn, is_storable
from jwtguard.django.database_clock import DatabaseClock, clock_of
from jwtguard.django.turn_statement import write_turn
from jwtguard.stores.patience import TIMEOUT, patience

if TYPE_CHECKING:
    from jwtguard.django.models import Session as Row

T = TypeVar("T")
Time: TypeAlias = "float | DatabaseClock"
STORES: WeakSet[DjangoStore] = WeakSet()
"""All stores of this process, for the system checks."""

FEW, MANY = 4, 500
"""Dead rows deleted at each login, and at once by `purge`. A few each are more than one, so the dead do not pile up."""
_COLUMNS = ("session_id", "issuer", "subject", "label", "generation", "created_at", "refreshed_at", "expires_at")
# Of the loser, in a database whose isolation is stricter than READ COMMITTED (SQLSTATE, ISO 9075).
_SERIALIZATION_FAILURE = "40001"
_ATTEMPTS = 5
_SQLITE_FULL = 2


class DjangoStore:
    """A session store on the database `using`; see `jwtguard.core.session_store.SessionStore`.

    May be made in `settings.py`: the database is looked for when it is first used. `timeout`: how long the database may
    take to answer, outside blocks of yours, before its line is cut. Raises `ConfigurationError`, later too: if the app
    is not installed, and whenever a turn is to be taken inside an atomic block.
    """

    def __init__(self, using: str = "default", *, timeout: timedelta = TIMEOUT) -> None:
        if not isinstance(using, str) or not using:
            raise ConfigurationError(
                f'using is an alias of DATABASES: write DjangoStore(using="default"), not {using!r}'
            )
        self.using = using
        self._patience = patience(timeout)
        STORES.add(self)

    @staticmethod
    async def to_thread(function: Callable[[], T]) -> T:
        """Run what blocks in the thread where Django's connections belong."""
        return await sync_to_async(function, thread_sensitive=True)()

    def create(self, session: NewSession, *, now: float) -> None:
        """Write a new row, and delete some dead ones; raises IntegrityError if its id is taken."""
        with self._connection() as connection:
            clock = clock_of(connection, now)
            self._rows.create(
                session_id=session.session_id,
                issuer=session.issuer,
                subject=session.subject,
                label=session.label,
                created_at=clock,
                expires_at=clock + min(session.idle_lifetime, session.absolute_lifetime),
                ends_at=clock + session.absolute_lifetime,
            )
            self._delete_dead(clock, FEW)

    def take_turn(self, turn: Turn, *, now: float, grace: float, idle_lifetime: float) -> Taken:
        """Take the turn, or say what the row is like."""
        with self._connection() as connection:
            _refuse_atomic(connection)
            try:
                taken = write_turn(connection, turn, now=now, grace=grace, idle_lifetime=idle_lifetime)
            except DatabaseError as error:
                if not _has_lost_a_race(error):
                    raise
                taken = False  # To whoever was first, which the read below shows.
            if taken:
                return Taken(is_taken=True)
            # A statement of its own: what the write saw may be old.
            found = _read(self._rows.filter(session_id=turn.session_id), clock_of(connection, now))
            if not found:
                return Taken(is_taken=False)
            session, read_at = found[0]
            return Taken(is_taken=False, session=session, age=age_of_turn(session.refreshed_at, now=read_at))

    def find(self, session_id: str, *, now: float) -> Session | None:
        """The session of this id."""
        if not is_storable(session_id, MAX_SESSION_ID):
            return None
        with self._connection() as connection:
            found = _read(self._rows.filter(session_id=session_id), clock_of(connection, now))
        return found[0][0] if found else None

    def list(self, *, issuer: str, subject: str, now: float) -> Sequence[Session]:
        """The live sessions of a subject, newest first."""
        if not is_storable(subject, MAX_TEXT):
            return []
        with self._connection() as connection:
            clock = clock_of(connection, now)
            rows = _alive(self._rows, clock).filter(issuer=issuer, subject=subject).order_by("-created_at")
            return [session for session, _ in _read(rows, clock)]

    def revoke(self, session_id: str, *, now: float) -> bool:
        """End a session; whether it was alive."""
        return self._revoke(self._rows.filter(session_id=session_id), now) > 0

    def revoke_all(self, *, issuer: str, subject: str, now: float) -> int:
        """End all sessions of a subject; how many were alive."""
        return self._revoke(self._rows.filter(issuer=issuer, subject=subject), now)

    def purge(self, *, now: float) -> int:
        """Delete what can decide nothing any more, some at a time, so that nobody waits long."""
        with self._connection(is_patient=True) as connection:
            clock = clock_of(connection, now)
            deleted = total = self._delete_dead(clock, MANY)
            while deleted == MANY:
                deleted = self._delete_dead(clock, MANY)
                total += deleted
            return total

    @property
    def _rows(self) -> QuerySet[Row]:
        try:
            from jwtguard.django.models import Session as Row  # noqa: PLC0415 - models only load once the apps are ready
        except (AppRegistryNotReady, ImproperlyConfigured, RuntimeError) as error:
            problem = str(error)
        else:
            return Row.objects.using(self.using)
        raise ConfigurationError(f'DjangoStore needs "jwtguard.django" in INSTALLED_APPS and django.setup(): {problem}')

    @contextmanager
    def _connection(self, *, is_patient: bool = False) -> Iterator[BaseDatabaseWrapper]:
        """This thread's connection; one that broke is given up, so that the next call makes another."""
        connection = connections[self.using]
        # In a block of yours the line is yours, too.
        is_patient = is_patient or connection.in_atomic_block
        waiting = nullcontext() if is_patient else self._patience.waiting(lambda: connection.connection)
        try:
            with waiting:
                yield connection
        except DatabaseError:
            if not connection.in_atomic_block:
                connection.close_if_unusable_or_obsolete()
            raise

    def _revoke(self, rows: QuerySet[Row], now: float) -> int:
        with self._connection() as connection, _durably(connection):
            clock = clock_of(connection, now)
            ended = _settled(connection, lambda: _alive(rows, clock).update(revoked_at=clock))
            # What has expired too: a clock that is set back must not bring it to life.
            _settled(connection, lambda: rows.filter(revoked_at=None).update(revoked_at=clock))
            return ended

    def _delete_dead(self, clock: Time, limit: int) -> int:
        # Two statements, since MariaDB has no LIMIT in a subquery of IN.
        dead = list(self._rows.filter(ends_at__lte=clock).values_list("session_id", flat=True)[:limit])
        return self._rows.filter(session_id__in=dead).delete()[0] if dead else 0

    def __repr__(self) -> str:
        return f"DjangoStore(using={self.using!r})"


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


def _has_lost_a_race(error: DatabaseError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == _SERIALIZATION_FAILURE


def _settled(connection: BaseDatabaseWrapper, write: Callable[[], int]) -> int:
    """Write again for a loser: an end must not be forgotten because the session was refreshed at that moment."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return write()
        except DatabaseError as error:
            if connection.in_atomic_block or not _has_lost_a_race(error):
                raise
    return write()


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
