"""What goes wrong on one machine: races, locks, crashes, forks."""

from __future__ import annotations

import gc
import os
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from jwtguard import ConfigurationError, UnavailableError
from jwtguard.stores.sqlite import SQLiteStore, _Opened
from jwtguard.testing.conformance.store_bench import rotation_of
from tests.stores.faults import REFRESHES, end_and_die, killed_refreshes, race, refused, sessions_on


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions.db"


def patient(path: Path) -> SQLiteStore:
    return SQLiteStore(path, busy_timeout=timedelta(seconds=30))


def test_a_thousand_at_once(path: Path) -> None:
    """One generation is rotated; all others are the replay of that generation."""
    outcomes, first = race(partial(patient, path), grace=60)
    assert outcomes == {"generation 1": REFRESHES, "event refreshed": 1, "event replayed": REFRESHES - 1}
    with SQLiteStore(path) as store:
        assert store.find(rotation_of(first).session_id, now=0).generation == 1  # type: ignore[union-attr]


def test_a_thousand_at_once_without_grace(path: Path) -> None:
    """One generation is rotated at most; all others are refused, and the session is over."""
    outcomes, first = race(partial(patient, path), grace=0)
    assert outcomes["event refreshed"] == outcomes["generation 1"] == 1
    assert outcomes["reuse"] + outcomes["revoked"] == REFRESHES - 1
    with SQLiteStore(path) as store:
        assert store.find(rotation_of(first).session_id, now=0).state == "revoked"  # type: ignore[union-attr]


def test_killed_in_the_middle(path: Path) -> None:
    """Fifty times kill -9: the client's last token goes on, and there is one branch."""
    killed_refreshes(partial(patient, path))


def test_ended_is_ended_when_the_process_dies(path: Path) -> None:
    """An answered logout has happened."""
    with SQLiteStore(path) as store:
        sessions = sessions_on(store, grace=0)
        token = sessions.start("user-1").run().refresh_token
        end_and_die(partial(patient, path), token)
        assert refused(sessions, token) == "revoked"


def test_locked(path: Path) -> None:
    """While another process holds the lock, a write is a 503 and reads work; afterwards all is as before."""
    with (
        SQLiteStore(path, busy_timeout=timedelta(milliseconds=20)) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        sessions = sessions_on(store, grace=0)
        token = sessions.start("user-1").run().refresh_token
        other.execute("BEGIN IMMEDIATE")
        for attempt in (sessions.refresh(token), sessions.end(token), sessions.end_all("user-1"), sessions.start("u")):
            with pytest.raises(UnavailableError):
                attempt.run()
        assert len(sessions.list("user-1").run()) == 1
        other.execute("ROLLBACK")
        assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1


def test_a_short_lock_is_waited_for(path: Path) -> None:
    """A write waits while another process writes."""
    with (
        SQLiteStore(path) as store,
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        sessions = sessions_on(store, grace=0)
        token = sessions.start("user-1").run().refresh_token
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.1, lambda: other.execute("ROLLBACK"))
        timer.start()
        assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1
        timer.join()


def test_a_file_that_is_no_database(path: Path) -> None:
    """503, and as soon as it is one again, it works."""
    with SQLiteStore(path) as store:
        sessions = sessions_on(store, grace=0)
        path.write_bytes(b"no database at all" * 100)
        with pytest.raises(UnavailableError):
            sessions.start("user-1").run()
        path.unlink()
        assert sessions.start("user-1").run()


def test_made_by_many_at_once(path: Path) -> None:
    """Threads that open a new file at the same moment all find the table."""
    store, barrier, errors = SQLiteStore(path), threading.Barrier(8), []

    def use() -> None:
        barrier.wait()
        try:
            store.find("unknown", now=0)
        except sqlite3.Error as error:
            errors.append(error)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert errors == []


def test_a_new_file_that_stays_locked(path: Path) -> None:
    """The first use waits no longer than a write may."""
    store = SQLiteStore(path, busy_timeout=timedelta(milliseconds=20))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError):
            store.find("unknown", now=0)
        other.execute("ROLLBACK")
    assert store.find("unknown", now=0) is None
    store.close()


def test_a_new_file_that_others_are_making() -> None:
    """SQLite refuses all but one of those that generation WAL on, without waiting: they try again."""

    class Busy:
        left = 2

        def execute(self, _: str) -> Busy:
            self.left -= 1
            if self.left >= 0:
                raise sqlite3.OperationalError("database is locked")
            return self

        def fetchone(self) -> tuple[str]:
            return ("wal",)

        def close(self) -> None:
            pass

    opened = _Opened.__new__(_Opened)
    opened.process, opened.connection = os.getpid(), Busy()  # type: ignore[assignment]
    assert opened._switch_to_wal(time.monotonic() + 60) == "wal"


def test_the_folder_is_gone(path: Path) -> None:
    """503, and as soon as it is back, it works."""
    with SQLiteStore(path) as store:
        sessions = sessions_on(store, grace=0)
        path.parent.rename(path.parent.with_name("elsewhere"))
        with pytest.raises(UnavailableError):
            sessions.start("user-1").run()
        path.parent.mkdir()
        assert sessions.start("user-1").run()


def test_connections_end_with_their_threads(path: Path) -> None:
    """No thread leaves a file open behind it."""
    with SQLiteStore(path) as store:
        with ThreadPoolExecutor(5) as threads:
            list(threads.map(lambda _: store.find("unknown", now=0), range(50)))
        gc.collect()
        assert len(store._open) == 0


def test_fork(path: Path) -> None:
    """A child opens connections of its own, and leaves the parent's alone."""
    with SQLiteStore(path) as store:
        sessions = sessions_on(store, grace=0)
        token = sessions.start("user-1").run().refresh_token
        child = os.fork()
        if child == 0:
            status = 1
            try:
                sessions.refresh(token).run()
                store.close()
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert refused(sessions, token) == "reuse"


def test_an_inherited_connection_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, seen from within: in another process, closing is letting go."""
    with SQLiteStore(path) as store:
        store.find("unknown", now=0)
        opened = store._local.opened
        parent = os.getpid()
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: parent + 1)
            store.find("unknown", now=0)
            assert store._local.opened is not opened
            opened.close()
            store.close()
        assert opened.connection.execute("SELECT 1").fetchone() == (1,)
        opened.close()


def test_closed_and_used_again(path: Path) -> None:
    """Closing lets go of the file; the next call opens it again."""
    store = SQLiteStore(path)
    assert store.find("unknown", now=0) is None
    store.close()
    assert store.find("unknown", now=0) is None
    store.close()


def test_what_reaches_the_disk(path: Path) -> None:
    """The file is in WAL mode; a rotation does not wait for the disk, the end of a session does."""
    with SQLiteStore(path) as store:
        sessions = sessions_on(store, grace=0)
        token = sessions.start("user-1").run().refresh_token
        seen: list[str] = []
        connection = store._local.opened.connection
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
        connection.set_trace_callback(seen.append)
        token = sessions.refresh(token).run().refresh_token
        assert [statement.split()[0] for statement in seen] == ["UPDATE"], "one statement, in autocommit"
        seen.clear()
        sessions.end(token).run()
        assert [" ".join(statement.split()[:4]) for statement in seen] == [
            "PRAGMA synchronous",
            "PRAGMA synchronous = 2",
            "UPDATE jwtguard_session SET revoked_at",
            "UPDATE jwtguard_session SET revoked_at",
            "PRAGMA synchronous = 1",
        ]
        connection.set_trace_callback(None)


def test_the_folder_may_change(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A relative path means the folder in which the store was made."""
    monkeypatch.chdir(path.parent)
    with SQLiteStore("sessions.db") as store:
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        store.find("unknown", now=0)
    assert path.exists()


def test_settings_that_cannot_be() -> None:
    """Said when the store is made, all at once."""
    with pytest.raises(ConfigurationError, match="MemoryStore"):
        SQLiteStore(":memory:")
    with pytest.raises(ConfigurationError) as caught:
        SQLiteStore("/no/such/folder/sessions.db", busy_timeout=5)  # type: ignore[arg-type]
    assert len(caught.value.problems) == 2


def test_no_wal(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where SQLite cannot use WAL, the store says so instead of being slow and locked."""
    monkeypatch.setattr("jwtguard.stores.sqlite._Opened._switch_to_wal", lambda *_: "delete")
    with pytest.raises(ConfigurationError, match="local disk"):
        SQLiteStore(path).find("unknown", now=0)
