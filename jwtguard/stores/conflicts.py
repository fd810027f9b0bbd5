"""What a database's error says about other transactions: a lost race may be tried again, a lock may not be waited for.

>>> lost = Exception()
>>> lost.sqlstate = "40001"
>>> is_lost_race(lost), is_conflict(lost), is_conflict(Exception("disk full"))
(True, True, False)

Both look at the driver's error, which SQLAlchemy has in `orig` and Django in `__cause__`.
"""

from __future__ import annotations

import sqlite3

ATTEMPTS = 5
"""How often a statement is tried that loses races."""
# SQLSTATE (ISO 9075, and PostgreSQL's appendix A): serialization failure, deadlock; lock not available.
_LOST_RACES: frozenset[object] = frozenset({"40001", "40P01", 1213})
_LOCKS: frozenset[object] = frozenset({"55P03", 1205, 3572})
"""The numbers are those of MariaDB and MySQL: 1213 is a deadlock, 1205 a wait that took too long, 3572 NOWAIT."""
_SQLITE = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


def is_lost_race(error: BaseException) -> bool:
    """Whether another transaction won: the database has undone the statement, which may be tried again."""
    return not _LOST_RACES.isdisjoint(_codes(_of_driver(error)))


def is_conflict(error: BaseException) -> bool:
    """Whether another transaction is the reason, for example by a lock that it still holds."""
    error = _of_driver(error)
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE  # The other bits are the extended code.
    return not (_LOST_RACES | _LOCKS).isdisjoint(_codes(error))


def _of_driver(error: BaseException) -> BaseException:
    return getattr(error, "orig", None) or error.__cause__ or error


def _codes(error: BaseException) -> set[object]:
    """What drivers say: psycopg and asyncpg `sqlstate`, psycopg2 `pgcode`, those of MySQL a number first."""
    found: set[object] = {getattr(error, "sqlstate", None), getattr(error, "pgcode", None)}
    number = error.args[0] if error.args else None
    return found | {number} if isinstance(number, int) else found
