"""What may go wrong when dead rows are deleted: which errors come of other transactions, and how pages go on."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence

import pytest

from jwtguard.stores.conflicts import is_conflict, is_lost_race
from jwtguard.stores.housekeeping import (
    CANDIDATES,
    FEW,
    SKIPPING_LOCKED,
    a_few,
    best_effort,
    purge_pages,
    skipping_locked,
)


class DriverError(Exception):
    """As a driver raises it."""

    def __init__(self, *args: object, **attributes: object) -> None:
        super().__init__(*args)
        vars(self).update(attributes)


class WrappedError(Exception):
    """As SQLAlchemy wraps it."""

    def __init__(self, orig: Exception) -> None:
        super().__init__("wrapped")
        self.orig = orig


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "is_lost", "is_met"),
    [
        (DriverError(sqlstate="40001"), True, True),
        (DriverError(sqlstate="40P01"), True, True),
        (DriverError(pgcode="40P01"), True, True),
        (DriverError(1213, "Deadlock found when trying to get lock"), True, True),
        (DriverError(sqlstate="55P03"), False, True),
        (DriverError(1205, "Lock wait timeout exceeded"), False, True),
        (DriverError(3572, "Statement aborted because lock(s) could not be acquired"), False, True),
        (of_sqlite(sqlite3.SQLITE_BUSY), False, True),
        (of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), False, True),
        (of_sqlite(sqlite3.SQLITE_LOCKED), False, True),
        (of_sqlite(sqlite3.SQLITE_FULL), False, False),
        (DriverError(sqlstate="08006"), False, False),
        (DriverError(2013, "Lost connection to server during query"), False, False),
        (DriverError("1213"), False, False),
        (DriverError(), False, False),
    ],
    ids=str,
)
def test_what_comes_of_other_transactions(error: Exception, is_lost: bool, is_met: bool) -> None:
    """A lost race may be tried again; a lock may not be waited for; anything else is neither."""
    assert (is_lost_race(error), is_conflict(error)) == (is_lost, is_met)


@pytest.mark.parametrize(
    ("family", "version", "is_mariadb", "expected"),
    [
        ("postgresql", (15, 18), False, "postgresql"),
        ("mysql", (10, 6), True, "mariadb"),
        ("mysql", (11, 4, 2), True, "mariadb"),
        ("mysql", (10, 5, 29), True, None),
        ("mysql", (8, 0, 1), False, "mysql"),
        ("mysql", (9, 1), False, "mysql"),
        ("mysql", (8, 0, 0), False, None),
        ("mysql", (5, 7, 44), False, None),
        ("mysql", (), False, None),
        ("sqlite", (3, 45), False, None),
    ],
)
def test_databases_that_can_skip_locked_rows(
    family: str, version: tuple[int, ...], is_mariadb: bool, expected: str | None
) -> None:
    """PostgreSQL, MariaDB since 10.6, MySQL since 8.0.1; only MariaDB can also be told not to wait at all."""
    found = skipping_locked(family, version, is_mariadb=is_mariadb)
    assert found == (SKIPPING_LOCKED[expected] if expected else None)
    assert found is None or "SKIP LOCKED" in found
    assert (found is not None and "innodb_lock_wait_timeout = 0" in found) == (expected == "mariadb")


def test_logins_choose_different_rows() -> None:
    """A few of the candidates, by chance."""
    dead = [str(number) for number in range(CANDIDATES)]
    chosen = {frozenset(a_few(dead)) for _ in range(50)}
    assert {len(each) for each in chosen} == {FEW}
    assert len(chosen) > 25
    assert sorted(a_few(["1", "2"])) == ["1", "2"]


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (WrappedError(DriverError(sqlstate="55P03")), logging.DEBUG),
        (DriverError(1205), logging.DEBUG),
        (DriverError(2013), logging.WARNING),
        (KeyError("ends_at"), logging.WARNING),
    ],
    ids=str,
)
def test_what_is_logged(error: Exception, level: int, caplog: pytest.LogCaptureFixture) -> None:
    """The name of the error, never its message; a lock of another transaction is no warning."""
    with caplog.at_level(logging.DEBUG, "jwtguard"), best_effort("MyStore"):
        raise error
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (
        level,
        f"dead sessions were not deleted: {type(error).__name__}",
    )
    assert vars(record)["jwtguard_event"] == "housekeeping_failed"
    assert vars(record)["jwtguard_source"] == "MyStore"


class Table:
    """Dead rows, some of which others have locked."""

    def __init__(self, *ends_at: float, locked: Sequence[int] = ()) -> None:
        self.rows = {f"s{number}": end for number, end in enumerate(ends_at)}
        self.locked = {f"s{number}" for number in locked}
        self.pages = 0

    def page(self, after: float | None) -> list[tuple[str, float]]:
        self.pages += 1
        assert self.pages < 20
        found = [row for row in self.rows.items() if after is None or row[1] >= after]
        return sorted(found, key=lambda row: row[1])[:2]

    def delete(self, session_ids: Sequence[str]) -> int:
        gone = [name for name in session_ids if name not in self.locked]
        for name in gone:
            del self.rows[name]
        return len(gone)


@pytest.mark.parametrize(
    ("table", "deleted", "left"),
    [
        (Table(), 0, []),
        (Table(1.0), 1, []),
        (Table(1.0, 2.0, 3.0, 4.0, 5.0), 5, []),
        (Table(1.0, 2.0, 3.0, 4.0, 5.0, locked=[2]), 4, ["s2"]),
        (Table(1.0, 2.0, 3.0, 4.0, 5.0, locked=[0, 1]), 3, ["s0", "s1"]),
        (Table(1.0, 2.0, locked=[0, 1]), 0, ["s0", "s1"]),
        (Table(1.0, 1.0, 1.0, locked=[0, 1]), 0, ["s0", "s1", "s2"]),
    ],
)
def test_purging_beside_locks(table: Table, deleted: int, left: list[str]) -> None:
    """All that no other transaction holds is deleted, page by page, and it ends."""
    assert purge_pages(table.page, table.delete, size=2) == deleted
    assert sorted(table.rows) == left


def test_purging_in_a_conflict() -> None:
    """A page that cannot be deleted now is left; any other error goes through."""
    table = Table(1.0, 2.0, 3.0)

    def failing(error: Exception) -> int:
        raise error

    assert purge_pages(table.page, lambda _: failing(WrappedError(DriverError(1205))), size=2) == 0
    with pytest.raises(DriverError):
        purge_pages(table.page, lambda _: failing(DriverError(2013)), size=2)
