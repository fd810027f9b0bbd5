"""The contract of session stores, for Django's ORM on SQLite and PostgreSQL; and what is Django's own."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, OperationalError, connections, transaction
from django.test.utils import CaptureQueriesContext, override_settings

from jwtguard import ConfigurationError, InvalidGrantError, UnavailableError
from jwtguard.core.flow import Flow, run_async
from jwtguard.django.store import DjangoStore
from jwtguard.stores import sql_sessions
from jwtguard.stores.sql_sessions import SQLSessions
from jwtguard.testing import StoreBench, StoreConformance
from tests.adapters.django_databases import ThreadedStore, database, mariadb, postgresql, sqlite
from tests.servers import Server
from tests.servers import mariadb_server as mariadb_server
from tests.servers import postgresql_server as postgresql_server
from tests.stores.faults import documented, outlasts, sessions_on

ERROR = "refreshed inside an atomic block"


class OwnTests(StoreConformance):
    """What holds on every database."""

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls) -> dict[str, Any]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def alias(cls, settings: dict[str, Any]) -> Iterator[str]:
        with database(**settings) as alias:
            yield alias

    @pytest.fixture
    def store(self, alias: str) -> DjangoStore:
        self.using = alias
        return ThreadedStore(alias)

    def dump(self, bench: StoreBench) -> list[str]:
        from jwtguard.django.models import Session

        return [repr(row) for row in Session.objects.using(self.using).values()]

    def queries(self) -> CaptureQueriesContext:
        return CaptureQueriesContext(connections[self.using])

    def kind(self, query: dict[str, str]) -> str:
        """The verb of a statement. On MariaDB, a time-out for locks stands before those that write."""
        return re.sub(r"^SET STATEMENT .* FOR\s+", "", query["sql"]).split()[0]

    def test_one_statement_for_a_rotation(self, bench: StoreBench) -> None:
        """A rotation is one UPDATE in autocommit; one that changed no row adds a SELECT."""
        session_id = bench.create()
        with self.queries() as queries:
            assert bench.take(session_id, 0, grace=10).is_rotated
        assert [self.kind(query) for query in queries] == ["UPDATE"]
        with self.queries() as queries:
            assert not bench.take(session_id, 0, grace=10).is_rotated
        assert [self.kind(query) for query in queries] == ["UPDATE", "SELECT"]
        with self.queries() as queries:
            assert bench.find(session_id)
        assert len(queries) == 1

    def test_no_rotation_inside_an_atomic_block(self, bench: StoreBench) -> None:
        """A rollback would forget a generation that was handed out, or the end of a stolen session."""
        sessions = bench.sessions(grace=0)
        first = bench.run(sessions.start(bench.subject))
        second = bench.run(sessions.refresh(first.refresh_token))
        for text in (first.refresh_token, second.refresh_token):
            with pytest.raises(ConfigurationError, match=ERROR), transaction.atomic(using=self.using):
                bench.run(sessions.refresh(text))
        assert [session.generation for session in bench.run(sessions.list(bench.subject))] == [1]
        with pytest.raises(InvalidGrantError, match="reuse"):
            bench.run(sessions.refresh(first.refresh_token))
        assert bench.run(sessions.list(bench.subject)) == []

    def test_no_rotation_without_autocommit(self, bench: StoreBench) -> None:
        """A rotation without autocommit is a ConfigurationError: the time of its commit is unknown."""
        session_id = bench.create()
        transaction.set_autocommit(False, using=self.using)
        try:
            with pytest.raises(ConfigurationError, match=ERROR):
                bench.take(session_id, 0)
        finally:
            transaction.rollback(using=self.using)
            transaction.set_autocommit(True, using=self.using)
        assert bench.take(session_id, 0).is_rotated

    def test_in_a_test_case_of_django(self, bench: StoreBench) -> None:
        """Which wraps each test in a block that counts as none, as for `atomic(durable=True)`."""
        session_id = bench.create()
        block = transaction.atomic(using=self.using)
        block._from_testcase = True  # type: ignore[attr-defined]
        with block:
            assert bench.take(session_id, 0).is_rotated
            with transaction.atomic(using=self.using), pytest.raises(ConfigurationError, match=ERROR):
                bench.take(session_id, 1)

    @pytest.mark.parametrize("fails", [False, True])
    def test_ending_joins_the_block(self, bench: StoreBench, fails: bool) -> None:
        """`end_all` beside the change of a password takes effect with it, or not at all."""
        sessions = bench.sessions()
        texts = [bench.run(sessions.start(bench.subject)).refresh_token for _ in range(3)]
        ids = bench.listed()
        try:
            with transaction.atomic(using=self.using):
                assert bench.run(sessions.end_session(bench.subject, ids[0])) is True
                bench.run(sessions.end(texts[0]))
                assert bench.run(sessions.end_all(bench.subject)) in {1, 2}
                assert bench.listed() == []
                if fails:
                    raise ZeroDivisionError
        except ZeroDivisionError:
            assert sorted(bench.listed()) == sorted(ids)
        else:
            assert bench.listed() == []

    def test_login_joins_the_block(self, bench: StoreBench) -> None:
        """A login that is rolled back was none: its tokens name a session that is not there."""
        sessions = bench.sessions()
        with transaction.atomic(using=self.using):
            answer = bench.run(sessions.start(bench.subject))
            transaction.set_rollback(True, using=self.using)
        with pytest.raises(InvalidGrantError, match="unknown_session"):
            bench.run(sessions.refresh(answer.refresh_token))

    def test_await(self, bench: StoreBench) -> None:
        """On a loop a store call blocks in the thread of Django's connections, also under `run_async`."""
        sessions = bench.sessions(grace=0)

        async def main() -> str:
            answer = await sessions.start(bench.subject)
            return (await run_async(sessions.refresh(answer.refresh_token))).refresh_token

        text = async_to_sync(main)()
        assert bench.run(sessions.refresh(text)).refresh_token

    def test_an_error_inside_a_block(self, bench: StoreBench) -> None:
        """An error in an inner atomic block leaves the outer block usable."""
        session_id = bench.create()
        with transaction.atomic(using=self.using):
            with pytest.raises(IntegrityError), transaction.atomic(using=self.using):
                bench.create(session_id)
            bench.revoke(session_id)
        assert bench.found(session_id).state == "revoked"

    @pytest.mark.parametrize("subject", ["a\x00b", "\ud800", "x" * 256])
    def test_a_subject_that_no_row_has(self, bench: StoreBench, subject: str) -> None:
        """A subject that cannot stand in a row has no sessions; it is no outage."""
        assert bench.listed(subject) == []

    def test_purging_many(self, bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> None:
        """A purge deletes in batches, so that each statement is short."""
        monkeypatch.setattr(sql_sessions, "MANY", 3)
        monkeypatch.setattr(sql_sessions, "CANDIDATES", 0)
        bench.purge()
        for _ in range(7):
            bench.create(absolute_lifetime=-1)
        alive = bench.create()
        assert bench.purge() == 7
        assert bench.purge() == 0
        assert bench.listed() == [alive]

    def test_purging_behind_a_locked_page(self, bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> None:
        """If other transactions hold all rows of a page, purging goes on with the rows behind it."""
        bench.purge()
        delete, held = SQLSessions.delete, iter([True])
        monkeypatch.setattr(sql_sessions, "MANY", 3)
        monkeypatch.setattr(sql_sessions, "CANDIDATES", 0)
        monkeypatch.setattr(SQLSessions, "delete", lambda *args: 0 if next(held, False) else delete(*args))
        for _ in range(7):
            bench.create(absolute_lifetime=-1)
        # Of the first page, rows with the time of its last row are found again; earlier ones are left to the next call.
        first = bench.purge()
        assert first in {5, 7}
        assert first + bench.purge() == 7


class TestSQLite(OwnTests):
    """The clock is the caller's, which is on the same machine."""

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
        return sqlite(tmp_path_factory.mktemp("django"))

    @pytest.mark.parametrize(("project", "during"), [("OFF", 2), ("NORMAL", 2), ("FULL", 2), ("EXTRA", 3)])
    def test_ending_waits_for_the_disk(self, bench: StoreBench, project: str, during: int) -> None:
        """The end of a session survives a power cut; what the project has set holds for all the rest."""
        levels: list[int] = []

        def level() -> int:
            with connections[self.using].cursor() as cursor:
                cursor.execute("PRAGMA synchronous")
                return int(cursor.fetchone()[0])

        def noting(execute: Any, statement: str, *arguments: Any) -> Any:
            if statement.startswith("UPDATE"):
                levels.append(level())
            return execute(statement, *arguments)

        session_id = bench.create()
        with connections[self.using].cursor() as cursor:
            cursor.execute(f"PRAGMA synchronous = {project}")
        before = level()
        with connections[self.using].execute_wrapper(noting):
            assert bench.revoke(session_id)
        assert set(levels) == {during}
        assert level() == before

    def test_locked(self, tmp_path: Path) -> None:
        """503 while another process holds the database, and recovery by itself."""
        import sqlite3

        with database(**sqlite(tmp_path, timeout=0)) as using:
            bench = _bench(DjangoStore(using))
            sessions = bench.sessions()
            text = bench.run(sessions.start(bench.subject)).refresh_token
            other = sqlite3.connect(connections.settings[using]["NAME"], isolation_level=None)
            other.execute("BEGIN EXCLUSIVE")
            flows: list[Flow[Any]] = [sessions.refresh(text), sessions.end(text), sessions.start("user-2")]
            for flow in flows:
                with pytest.raises(UnavailableError):
                    bench.run(flow)
            other.execute("COMMIT")
            other.close()
            assert bench.run(sessions.refresh(text)).refresh_token


class TestPostgreSQL(OwnTests):
    """The clock is the server's."""

    has_own_clock: ClassVar[bool] = True

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls, postgresql_server: Server) -> dict[str, Any]:
        return postgresql(postgresql_server)

    def test_it_recovers_from_a_crash(self, bench: StoreBench, postgresql_server: Server) -> None:
        """503 while the server is gone, and the next call after it is back makes a connection of its own."""
        sessions = bench.sessions(grace=0)
        answer = bench.run(sessions.start(bench.subject))
        postgresql_server.kill()
        try:
            for _ in range(2):
                with pytest.raises(UnavailableError):
                    bench.run(sessions.refresh(answer.refresh_token))
        finally:
            postgresql_server.start()
        assert bench.run(sessions.refresh(answer.refresh_token)).refresh_token

    def test_stalled(self, alias: str, postgresql_server: Server) -> None:
        """A server that is stopped, whose kernel goes on to take what it is sent."""
        store = DjangoStore(alias, timeout=timedelta(seconds=0.5))
        connections.settings[alias]["OPTIONS"] |= documented("psycopg") | connections.settings[alias]["OPTIONS"]
        connections[alias].close()
        outlasts(postgresql_server, sessions_on(store, grace=60), within=6)


class TestSerializablePostgreSQL(TestPostgreSQL):
    """Under the strictest isolation, where a loser is told by an error."""

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls, postgresql_server: Server) -> dict[str, Any]:
        from django.db.backends.postgresql.psycopg_any import IsolationLevel

        return postgresql(postgresql_server, isolation_level=IsolationLevel.SERIALIZABLE)


class TestMariaDB(OwnTests):
    """In a database whose character set is latin1, as that of an old server may be."""

    has_own_clock: ClassVar[bool] = True

    @pytest.fixture(scope="class")
    @classmethod
    def settings(cls, mariadb_server: Server) -> dict[str, Any]:
        return mariadb(mariadb_server)

    def test_a_column_that_ignores_spaces_and_accents(self, bench: StoreBench) -> None:
        """Statements of the store and lookups of the model tell subjects apart even so."""
        from jwtguard.django.models import Session

        with connections[self.using].cursor() as cursor:
            cursor.execute("ALTER TABLE jwtguard_session MODIFY subject varchar(255) CHARACTER SET utf8mb4")
        ids = [bench.create(subject=bench.subject + end) for end in ("e", "é", "E", "e ")]
        rows = Session.objects.using(self.using)
        assert [rows.filter(subject=bench.subject + end).count() for end in ("e", "é", "E", "e ")] == [1] * 4
        assert [bench.listed(bench.subject + end) for end in ("e", "é", "E", "e ")] == [[name] for name in ids]
        assert bench.revoke_all(bench.subject + "e") == 1
        assert [bench.found(name).is_alive for name in ids] == [False, True, True, True]


def _bench(store: DjangoStore) -> StoreBench:
    import asyncio

    return StoreBench(store, asyncio.Runner())


# Losing a race, as PostgreSQL tells it.


class LostError(Exception):
    sqlstate = "40001"


class GoneError(Exception):
    sqlstate = "08006"


def losing(using: str, verb: str, times: int, cause: Exception) -> AbstractContextManager[None]:
    """Let statements fail that begin with `verb`, so many times."""
    left = [times]

    def fail(execute: Any, statement: str, *arguments: Any) -> Any:
        if left[0] and statement.startswith(verb):
            left[0] -= 1
            raise OperationalError("could not serialize access") from cause
        return execute(statement, *arguments)

    return connections[using].execute_wrapper(fail)


@pytest.mark.parametrize(
    ("times", "cause", "is_ended"), [(4, LostError(), True), (5, LostError(), False), (1, GoneError(), False)]
)
def test_a_loser_writes_again(tmp_path: Path, times: int, cause: Exception, is_ended: bool) -> None:
    """An end must not be forgotten because the session was refreshed at that moment; but not for ever."""
    with database(**sqlite(tmp_path)) as using:
        bench = _bench(DjangoStore(using))
        session_id = bench.create()
        with losing(using, "UPDATE", times, cause), nullcontext() if is_ended else pytest.raises(OperationalError):
            assert bench.revoke(session_id)
        assert bench.found(session_id).is_alive != is_ended


def test_a_loser_inside_a_block(tmp_path: Path) -> None:
    """A statement that lost a race inside a block is not run again: the block is lost with it."""
    with database(**sqlite(tmp_path)) as using:
        bench = _bench(DjangoStore(using))
        session_id = bench.create()
        lost = losing(using, "UPDATE", 1, LostError())
        with pytest.raises(OperationalError), transaction.atomic(using=using), lost:
            bench.revoke(session_id)
        assert bench.found(session_id).is_alive


@pytest.mark.parametrize(("cause", "is_lost"), [(LostError(), True), (GoneError(), False)])
def test_a_loser_of_a_rotation(tmp_path: Path, cause: Exception, is_lost: bool) -> None:
    """Reads who was first, or is told that the database is down."""
    with database(**sqlite(tmp_path)) as using:
        bench = _bench(DjangoStore(using))
        session_id = bench.create()
        with losing(using, "UPDATE", 1, cause), nullcontext() if is_lost else pytest.raises(OperationalError):
            assert not bench.take(session_id, 0).is_rotated
        assert bench.found(session_id).generation == 0


# Set up wrongly.


@pytest.mark.parametrize("using", ["", 1, b"default"])
def test_an_alias_that_is_none(using: Any) -> None:
    """Refused at once."""
    with pytest.raises(ConfigurationError, match="alias of DATABASES"):
        DjangoStore(using)


def test_the_app_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says what to write."""
    import sys

    monkeypatch.delitem(sys.modules, "jwtguard.django.models")
    with (
        override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]),
        pytest.raises(ConfigurationError, match="INSTALLED_APPS"),
    ):
        DjangoStore().find("s1", now=time.time())


def test_the_table_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    """503, and the log names the kind of error."""
    bench = _bench(DjangoStore())
    with caplog.at_level(logging.ERROR), pytest.raises(UnavailableError):
        bench.run(bench.sessions().start("user-1"))
    assert "OperationalError" in caplog.text


def test_it_shows_its_database() -> None:
    """The repr of the store holds the database's alias alone."""
    assert repr(DjangoStore("other")) == "DjangoStore(using='other')"
    assert repr(DjangoStore()) == "DjangoStore()"
