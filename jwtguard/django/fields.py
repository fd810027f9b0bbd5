"""A column of text that is compared to the letter, in every database.

>>> ExactCharField(max_length=64).max_length
64
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField

if TYPE_CHECKING:
    _Text = CharField[str, str]
else:
    _Text = CharField  # Not generic when it runs.


class ExactCharField(_Text):
    """Text that is compared to the letter: MariaDB and MySQL take `Alice` and `alice` for one unless told otherwise."""

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """The column's type, with a binary collation where the default is none."""
        column = super().db_type(connection)
        return f"{column} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" if connection.vendor == "mysql" else column
