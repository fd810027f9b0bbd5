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

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from asgiref.sync import sync_to_async
from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured
from django.db import DatabaseError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest, RotationResult
from jwtguard.stores.housekeeping import best_effort, skipping_locked
from jwtguard.stores.query_timeout import TIMEOUT, query_timeout
from jwtguard.stores.sql_sessions import BOUNDED_WRITE, Result, SQLSessions
from jwtguard.stores.sql_store import SQLStore

if TYPE_CHECKING:
    from jwtguard.django.models import Session as Row

T = TypeVar("T")
STORES: WeakSet[DjangoStore] = WeakSet()
"""All stores of this process, for the system checks."""


class DjangoStore(SQLStore):
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
        this is in, delete some dead rows if possible.
        """
        using = self.database
        with self._sessions(using) as sessions:
            sessions.insert(session, now=now)
            is_atomic = sessions.is_atomic
        clean = partial(self._clean, using, now)
        if is_atomic:
            # An error would break the block, and the rows would stay locked as long as it lasts.
            transaction.on_commit(clean, using=using, robust=True)
        else:
            clean()

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        """Rotate, or say what the row is like; raises `ConfigurationError` inside an atomic block."""
        _refuse_atomic(connections[self.database])
        return super().rotate(rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)

    def _clean(self, using: str, now: float) -> None:
        with best_effort("DjangoStore"), self._sessions(using) as sessions:
            if connections[using].get_autocommit():
                sessions.clean(now=now)

    @contextmanager
    def _sessions(self, using: str | None = None, *, has_timeout: bool = True) -> Iterator[SQLSessions]:
        """This thread's connection; one that broke is given up, so that the next call makes another."""
        connection = connections[using or self.database]
        # Inside a block of the application the connection must not be cut.
        has_timeout = has_timeout and not connection.in_atomic_block
        waiting = self._query_timeout.waiting(lambda: connection.connection) if has_timeout else nullcontext()
        try:
            with waiting:
                yield _sessions_on(connection)
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


def _refuse_atomic(connection: BaseDatabaseWrapper) -> None:
    # Django's own test cases wrap each test in a block, and `atomic(durable=True)` looks past those as well.
    blocks = getattr(connection, "atomic_blocks", ())
    is_atomic = any(not getattr(block, "_from_testcase", False) for block in blocks)
    if is_atomic or not (connection.in_atomic_block or connection.get_autocommit()):
        raise ConfigurationError(
            "a session is being refreshed inside an atomic block, whose rollback would undo it: put"
            " @transaction.non_atomic_requests on the view (ATOMIC_REQUESTS), or leave transaction.atomic() first"
        )


def _sessions_on(connection: BaseDatabaseWrapper) -> SQLSessions:
    vendor, is_atomic = connection.vendor, connection.in_atomic_block
    is_mariadb = vendor == "mysql" and bool(getattr(connection, "mysql_is_mariadb", False))

    def execute(statement: str, values: Mapping[str, Any]) -> Result:
        with connection.cursor() as cursor:
            cursor.execute(_in_pyformat(statement), values)
            return Result(cursor.fetchall() if cursor.description else [], cursor.rowcount)

    return SQLSessions(
        store="DjangoStore",
        vendor=vendor,
        execute=execute,
        delete_unlocked=lambda: skipping_locked(vendor, connection.get_database_version(), is_mariadb=is_mariadb),
        # A block of the application waits for locks as long as it chooses.
        write_prefix=BOUNDED_WRITE if is_mariadb and not is_atomic else "",
        is_atomic=is_atomic,
    )


@cache
def _in_pyformat(statement: str) -> str:
    """The statement with its parameters as Django writes them: `%(name)s`."""
    return re.sub(r":([a-z_]+[0-9]*)", r"%(\1)s", statement)
