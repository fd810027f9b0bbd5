"""The file of an `SQLiteStore`: who may read it, and what happens when it is replaced, deleted or not there yet."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from jwtguard import ConfigurationError, Sessions, UnavailableError
from jwtguard.stores.sql_sessions import SQLSessions
from jwtguard.stores.sqlite import SQLiteStore
from jwtguard.testing.conformance.store_bench import rotation_of
from tests.stores.faults import sessions_on


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    with SQLiteStore(path) as store:
        yield store


def delete(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    """As where an empty volume is mounted late."""
    path.unlink()
    path.touch()


def other_database(path: Path) -> None:
    other = path.with_name("other.db")
    with SQLiteStore(other) as store:
        sessions_on(store, grace=0).start("user-2").run()
    other.replace(path)


def made_by_another_process(path: Path) -> None:
    path.unlink()
    with SQLiteStore(path) as store:
        sessions_on(store, grace=0).start("user-2").run()


def is_out_of_reach(sessions: Sessions, token: str) -> None:
    """Each operation is 503, and none is 400."""
    for attempt in (
        sessions.refresh(token),
        sessions.list("user-1"),
        sessions.end(token),
        sessions.end_all("user-1"),
        sessions.start("user-1"),
        sessions.purge(),
    ):
        with pytest.raises(UnavailableError):
            attempt.run()


@pytest.mark.parametrize("happens", [delete, empty, other_database, made_by_another_process])
def test_another_file_in_its_place(
    store: SQLiteStore, path: Path, happens: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    """503 in each thread at each call, the log says why, and nothing is written. Put back, the file serves again."""
    sessions = sessions_on(store, grace=0)
    token = sessions.start("user-1").run().refresh_token
    store._local.opened.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = path.with_name("kept.db")
    os.link(path, kept)
    happens(path)
    found = path.read_bytes() if path.exists() else None
    for _ in range(2):
        is_out_of_reach(sessions, token)
    with ThreadPoolExecutor(1) as another_thread:
        another_thread.submit(is_out_of_reach, sessions, token).result()
    assert (path.read_bytes() if path.exists() else None) == found
    assert caplog.text.count("was deleted or replaced") == 1
    kept.replace(path)
    assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1


def test_closed_in_between(store: SQLiteStore, path: Path) -> None:
    """A store that is closed opens the file that is there by then."""
    sessions = sessions_on(store, grace=0)
    sessions.start("user-1").run()
    delete(path)
    store.close()
    assert sessions.list("user-1").run() == []


def test_not_made(path: Path) -> None:
    """With `create=False`: 503 without a folder, a file or a table, and none is made; once they are there, it works."""
    path = path.parent / "volume" / path.name
    with SQLiteStore(path, create=False) as store:
        sessions = sessions_on(store, grace=0)
        with pytest.raises(UnavailableError):
            sessions.start("user-1").run()
        path.parent.mkdir()
        with pytest.raises(UnavailableError):
            sessions.start("user-1").run()
        assert not path.exists()
        path.touch()
        with pytest.raises(UnavailableError):
            sessions.start("user-1").run()
        assert path.stat().st_size == 0
        path.unlink()
        SQLiteStore(path).find("unknown", now=0)
        assert sessions.start("user-1").run()


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_for_its_owner_alone(store: SQLiteStore, path: Path, umask: int) -> None:
    """The file and those beside it can be read by their owner alone, whatever the process's mask is."""
    before = os.umask(umask)
    try:
        sessions_on(store, grace=0).start("user-1").run()
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"sessions.db": 0o600, "sessions.db-wal": 0o600, "sessions.db-shm": 0o600}


def test_a_mode_of_yours(path: Path) -> None:
    """A file that is there keeps its mode."""
    path.touch(0o660)
    path.chmod(0o660)
    with SQLiteStore(path) as store:
        sessions_on(store, grace=0).start("user-1").run()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_link_to_nothing(store: SQLiteStore, path: Path) -> None:
    """No file is made through a symbolic link: 503."""
    target = path.with_name("elsewhere.db")
    path.symlink_to(target)
    with pytest.raises(UnavailableError):
        sessions_on(store, grace=0).start("user-1").run()
    assert not target.exists()


def test_a_link_to_a_file(store: SQLiteStore, path: Path) -> None:
    """A link to a file that is there is followed."""
    target = path.with_name("elsewhere.db")
    target.touch()
    path.symlink_to(target)
    assert sessions_on(store, grace=0).start("user-1").run()
    assert target.stat().st_size > 0


def test_names_that_a_url_would_change(tmp_path: Path) -> None:
    """The name of the file is taken as it stands."""
    path = tmp_path / "a file?mode=memory#1%41é.db"
    with SQLiteStore(path) as store:
        sessions_on(store, grace=0).start("user-1").run()
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_settings_that_cannot_be(path: Path) -> None:
    """Said when the store is made."""
    with pytest.raises(ConfigurationError, match="create is True or False"):
        SQLiteStore(path, create="no")  # type: ignore[arg-type]


# After a login.


def insert_dead(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO jwtguard_session SELECT 'dead-' || value, 'i', 'dead', NULL, 0, 0, NULL, NULL, 1, 1"
            " FROM (WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?)"
            " SELECT value FROM n)",
            [count],
        )


def test_a_login_while_another_process_writes(
    store: SQLiteStore, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once its row is written, a login waits for nothing: dead rows are left for the next one."""
    sessions = sessions_on(store, grace=0)
    sessions.start("user-1").run()
    insert_dead(path, 3)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        delete = SQLSessions.delete

        def after_the_row_is_written(sessions: SQLSessions, session_ids: list[str]) -> int:
            other.execute("BEGIN IMMEDIATE")
            try:
                return delete(sessions, session_ids)
            finally:
                other.execute("ROLLBACK")

        with monkeypatch.context() as patch, caplog.at_level(logging.DEBUG, "jwtguard"):
            patch.setattr(SQLSessions, "delete", after_the_row_is_written)
            token = sessions.start("user-1").run().refresh_token
    assert "dead sessions were not deleted: OperationalError" in caplog.text
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1
    assert store._local.opened.connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)
    sessions.start("user-1").run()
    assert sessions.purge().run() == 0


@pytest.mark.parametrize("ends", ["ROLLBACK", "ABORT"])
def test_an_error_after_a_login(store: SQLiteStore, path: Path, ends: str, caplog: pytest.LogCaptureFixture) -> None:
    """An error while deleting other rows is logged; the session stands, and no transaction is left open."""
    sessions = sessions_on(store, grace=0)
    sessions.start("user-1").run()
    insert_dead(path, 3)
    connection = store._local.opened.connection
    connection.execute(
        f"CREATE TRIGGER full AFTER DELETE ON jwtguard_session BEGIN SELECT RAISE({ends}, 'disk full'); END"
    )
    token = sessions.start("user-1").run().refresh_token
    assert "dead sessions were not deleted" in caplog.text
    assert not connection.in_transaction
    assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1


def test_a_folder_in_its_place(store: SQLiteStore, path: Path) -> None:
    """503, and as soon as it is gone, the file is made."""
    path.mkdir()
    sessions = sessions_on(store, grace=0)
    with pytest.raises(UnavailableError):
        sessions.start("user-1").run()
    path.rmdir()
    assert sessions.start("user-1").run()
