"""Deleting the rows of dead sessions: bounded, beside what others have locked, and never at the cost of a login.

>>> pages = [[("s1", 1.0), ("s2", 2.0)], []]
>>> purge_pages(lambda after: pages.pop(0), len, size=2)
2

A login has succeeded once its row is written. What then goes wrong with the dead rows of others is logged.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from jwtguard.core.events import log_fields
from jwtguard.stores.conflicts import is_conflict

logger = logging.getLogger("jwtguard")

FEW = 4
"""Dead rows that a login deletes. They are more than one, so the dead never outnumber the rows that come."""
CANDIDATES = 64
"""Dead rows among which a login chooses its few by chance, so that logins at the same time choose different ones."""
MANY = 100
"""Rows that are deleted, or ended, by one statement. PostgreSQL reads the whole table for several hundred ids, where it
has no statistics yet.
"""
BEFORE_ALL = -1e18
"""A time, and the grace time that stands for none. MariaDB has no infinity."""

# Each is one statement in autocommit. Its subquery locks those of the rows that no other transaction has locked.
SKIPPING_LOCKED = {
    # An array, since the planner may scan the table where it finds a subquery.
    "postgresql": """
DELETE FROM jwtguard_session WHERE session_id = ANY(ARRAY(
    SELECT session_id FROM jwtguard_session WHERE session_id IN {ids} FOR UPDATE SKIP LOCKED
))
""",
    "mysql": """
DELETE jwtguard_session FROM jwtguard_session JOIN (
    SELECT session_id FROM jwtguard_session WHERE session_id IN {ids} FOR UPDATE SKIP LOCKED
) unlocked ON unlocked.session_id = jwtguard_session.session_id
""",
}
# An entry of another index may be locked though the row is not, and SKIP LOCKED does not see that.
SKIPPING_LOCKED["mariadb"] = "SET STATEMENT innodb_lock_wait_timeout = 0 FOR" + SKIPPING_LOCKED["mysql"]


def skipping_locked(family: str, version: tuple[int, ...], *, is_mariadb: bool) -> str | None:
    """The statement for a database, `{ids}` in it; None if this release has no SKIP LOCKED.

    MariaDB has SKIP LOCKED since 10.6, MySQL since 8.0.1.
    """
    if family == "postgresql":
        return SKIPPING_LOCKED[family]
    if family == "mysql" and is_mariadb:
        return SKIPPING_LOCKED["mariadb"] if version >= (10, 6) else None
    return SKIPPING_LOCKED["mysql"] if family == "mysql" and version >= (8, 0, 1) else None


def a_few(dead: Sequence[str]) -> list[str]:
    """Those of the candidates that one login deletes."""
    return random.sample(dead, min(FEW, len(dead)))


@contextmanager
def best_effort(store: str) -> Iterator[None]:
    """What goes wrong inside is logged, with the name of the store, and nothing is raised."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the login has succeeded, whatever the database raises after it
        # Locks of others come and go. Anything else is for an operator to see.
        level = logging.DEBUG if is_conflict(error) else logging.WARNING
        reason = type(error).__name__  # The name alone: messages of databases quote values.
        logger.log(
            level,
            "dead sessions were not deleted: %s",
            reason,
            extra=log_fields("housekeeping_failed", reason=reason, source=store),
        )


def purge_pages(
    page: Callable[[float | None], Sequence[tuple[str, float]]], delete: Callable[[Sequence[str]], int], *, size: int
) -> int:
    """Delete all dead rows, some at a time; how many there were.

    `page(after)` gives up to `size` dead rows, each with its `ends_at`, from that time on and in its order, or the
    first ones where it is None; `delete` deletes those that it can, and says how many.
    """
    total = 0
    after: float | None = None
    while True:
        dead = page(after)
        deleted = _deleted(delete, [session_id for session_id, _ in dead]) if dead else 0
        total += deleted
        if len(dead) < size:
            return total
        if not deleted:
            # Others hold this page: go on behind it, or end if there is nothing behind it that can be told apart.
            if dead[-1][1] == after:
                return total
            after = dead[-1][1]


def _deleted(delete: Callable[[Sequence[str]], int], session_ids: Sequence[str]) -> int:
    try:
        return delete(session_ids)
    except Exception as error:
        if not is_conflict(error):
            raise
        return 0
