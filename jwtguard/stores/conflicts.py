"""What a database's error says about other transactions: who lost a race may try again, who met a lock may not wait.

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


def is_lost_race(error: BaseException | None) -> bool:
    """Whether another transaction won: the database has undone the statement, which may be tried again."""
    return not _LOST_RACES.isdisjoint(_codes(error))


def is_conflict(error: BaseException | None) -> bool:
    """Whether another transaction is the reason, be it by a lock that it still holds."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) & 0xFF in _SQLITE  # The rest of the number says more of it.
    return not (_LOST_RACES | _LOCKS).isdisjoint(_codes(error))


def _codes(error: BaseException | None) -> set[object]:
    """What drivers say: psycopg and asyncpg `sqlstate`, psycopg2 `pgcode`, those of MySQL a number in front."""
    found: set[object] = {getattr(error, "sqlstate", None), getattr(error, "pgcode", None)}
    number = error.args[0] if error is not None and error.args else None
    return found | {number} if isinstance(number, int) else found
