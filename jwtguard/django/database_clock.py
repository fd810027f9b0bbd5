"""The time as the database tells it, in seconds since the epoch, where it has a clock that all servers share.

>>> from types import SimpleNamespace
>>> clock_of(SimpleNamespace(vendor="sqlite"), 1000.0), clock_of(SimpleNamespace(vendor="postgresql"), 1000.0)
(1000.0, DatabaseClock())

PostgreSQL, MariaDB and MySQL have one. SQLite's is this machine's, as the caller's is, and the caller's can be tested.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import FloatField, Func
from django.db.models.sql.compiler import SQLCompiler

SQL: TypeAlias = "tuple[str, tuple[Any, ...]]"
CLOCKS = {
    # Not now(), which stands still through a transaction; nor clock_timestamp(), which is another time for each row, so
    # that no index can be searched for it.
    "postgresql": "CAST(EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP()) AS double precision)",
    # Not unix_timestamp(), which goes through the local time and errs for an hour each autumn.
    "mysql": "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)",
}
"""The time in the SQL of those databases that have a clock of their own, as Django calls them."""
_SECONDS: FloatField[float, float] = FloatField()


class DatabaseClock(Func):
    """Seconds since the epoch, by the database's clock."""

    def __init__(self) -> None:
        super().__init__(output_field=_SECONDS)

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> SQL:
        """PostgreSQL's."""
        return CLOCKS["postgresql"], ()

    def as_mysql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> SQL:
        """MariaDB's and MySQL's."""
        return CLOCKS["mysql"], ()


def clock_of(connection: BaseDatabaseWrapper, now: float) -> float | DatabaseClock:
    """The time for a statement: the database's if it has a clock of its own, else `now`, the caller's."""
    return DatabaseClock() if connection.vendor in CLOCKS else now
