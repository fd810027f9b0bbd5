"""The table `jwtguard_session` of SQLAlchemy's databases: PostgreSQL, MariaDB, MySQL, SQLite.

>>> from sqlalchemy import create_engine, inspect
>>> engine = create_engine("sqlite://")
>>> metadata.create_all(engine)
>>> inspect(engine).get_table_names()
['jwtguard_session']
>>> engine.dispose()
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Index, MetaData, String, Table
from sqlalchemy.dialects.mysql import VARCHAR

from jwtguard.core.sessions.store_protocol import MAX_SESSION_ID, MAX_TEXT

metadata = MetaData()
"""Holds the one table, for `metadata.create_all(engine)` or Alembic's `target_metadata`."""


def _text(length: int) -> String:
    # MariaDB and MySQL compare without case unless told otherwise. Both ignore spaces at the end in `utf8mb4_bin`, the
    # one such collation that both have: a URL may say mysql for a MariaDB. The statements compare the bytes as well.
    return (
        String(length)
        .with_variant(VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"), "mysql")
        .with_variant(VARCHAR(length, charset="utf8mb4", collation="utf8mb4_nopad_bin"), "mariadb")
    )


session_table = Table(
    "jwtguard_session",
    metadata,
    Column("session_id", _text(MAX_SESSION_ID), primary_key=True),
    Column("issuer", _text(MAX_TEXT), nullable=False),
    Column("subject", _text(MAX_TEXT), nullable=False),
    Column("label", _text(MAX_TEXT)),
    Column("generation", BigInteger, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("refreshed_at", Double),
    Column("revoked_at", Double),
    Column("expires_at", Double, nullable=False),
    Column("ends_at", Double, nullable=False),
    Index("jwtguard_session_newest", "issuer", "subject", "created_at"),
    Index("jwtguard_session_ends_at", "ends_at"),
)
