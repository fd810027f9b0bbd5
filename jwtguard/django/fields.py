"""Columns of text that take every character, and one that is compared character by character, in every database.

>>> ExactCharField(max_length=64).max_length
64
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField
from django.db.models.lookups import Exact
from django.db.models.sql.compiler import SQLCompiler

from jwtguard.stores.sql_sessions import exactly

if TYPE_CHECKING:
    _Text = CharField[Any, Any]
    _Exact = Exact[str]
else:
    _Text = CharField  # Not generic when it runs.
    _Exact = Exact


class UnicodeCharField(_Text):
    """Text of any characters: in MariaDB and MySQL a column otherwise takes those of the database's character set."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """The column's type, with its character set where there is a choice."""
        column = super().db_type(connection)
        return f"{column} CHARACTER SET utf8mb4" if connection.vendor == "mysql" else column


class ExactCharField(UnicodeCharField):
    """Text that is compared character by character."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """The column's type, with a binary collation where the default is none. Lookups compare bytes as well."""
        column = super().db_type(connection)
        return f"{column} COLLATE utf8mb4_bin" if connection.vendor == "mysql" else column


@ExactCharField.register_lookup
class _ExactLookup(_Exact):
    """`filter(subject=...)`."""

    def as_mysql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """MariaDB's and MySQL's."""
        column, of_column = self.process_lhs(compiler, connection)
        value, of_value = self.process_rhs(compiler, connection)
        parameters = (*of_column, *of_value)
        return exactly("mysql", column, value), parameters + parameters
