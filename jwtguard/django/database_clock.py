"""The time as the database tells it, in seconds since the epoch, where it has a clock that all servers share.

>>> from django.db.models import Value
>>> DatabaseClock(1000.0).get_source_expressions() == [Value(1000.0, output_field=FloatField())]
True

PostgreSQL, MariaDB and MySQL have one. SQLite's is this machine's, as the caller's is, and the caller's can be tested.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import FloatField, Func, Value
from django.db.models.sql.compiler import SQLCompiler

SQL: TypeAlias = "tuple[str, tuple[Any, ...]]"


class DatabaseClock(Func):
    """Seconds since the epoch: by the database's clock if it has one, else `now`, the caller's time."""

    template = "%(expressions)s"

    def __init__(self, now: float) -> None:
        super().__init__(Value(now, output_field=FloatField()), output_field=FloatField())

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> SQL:
        """Not `now()`, which stands still while a statement waits for a row that another one holds."""
        return "CAST(EXTRACT(EPOCH FROM CLOCK_TIMESTAMP()) AS double precision)", ()

    def as_mysql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> SQL:
        """Not `unix_timestamp()`, which goes through the local time and errs for an hour each autumn."""
        return "(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) / 1e6)", ()
