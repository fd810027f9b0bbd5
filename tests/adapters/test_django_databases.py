"""Sessions in a project with a primary and a replica, and logins inside atomic blocks: in Django."""

from __future__ import annotations

import asyncio
import io
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections, transaction
from django.test.utils import override_settings

from jwtguard import InvalidGrantError
from jwtguard.django import store as store_module
from jwtguard.django.store import STORES, DjangoStore
from jwtguard.stores.sql_sessions import SQLSessions
from jwtguard.testing import StoreBench
from tests.adapters.django_databases import database, mariadb, postgresql, sqlite
from tests.servers import mariadb_server as mariadb_server
from tests.servers import postgresql_server as postgresql_server

AT_ONCE = 2.0


class Router:
    """Reads from the replica, writes to the primary."""

    primary, replica = "", ""

    def db_for_read(self, model: type, **_: Any) -> str:
        return self.replica

    def db_for_write(self, model: type, **_: Any) -> str:
        return self.primary

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        return True


@pytest.fixture
def primary_and_replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Two databases; the replica never hears of what is written to the primary."""
    folders = [tmp_path / name for name in ("primary", "replica")]
    for folder in folders:
        folder.mkdir()
    with database(**sqlite(folders[0])) as primary, database(**sqlite(folders[1])) as replica:
        monkeypatch.setattr(Router, "primary", primary)
        monkeypatch.setattr(Router, "replica", replica)
        with override_settings(DATABASE_ROUTERS=[f"{__name__}.Router"]):
            yield primary, replica


def bench_on(store: DjangoStore, **changes: Any) -> StoreBench:
    bench = StoreBench(store, asyncio.Runner(), **changes)
    bench.now = time.time()
    return bench


def test_everything_happens_on_the_primary(primary_and_replica: tuple[str, str]) -> None:
    """Login, refresh, look-up, list and logout: none asks the replica, which knows of no session."""
    primary, _ = primary_and_replica
    store = DjangoStore()
    bench = bench_on(store)
    sessions = bench.sessions(grace=0)
    answer = bench.run(sessions.start(bench.subject))
    answer = bench.run(sessions.refresh(answer.refresh_token))
    (session,) = bench.run(sessions.list(bench.subject))
    assert bench.found(session.session_id).generation == 1
    assert DjangoStore(primary).find(session.session_id, now=bench.now) == session
    bench.run(sessions.end(answer.refresh_token))
    with pytest.raises(InvalidGrantError, match="revoked"):
        bench.run(sessions.refresh(answer.refresh_token))
    assert (store.database, store.using) == (primary, None)


def test_a_replica_that_lags_behind(primary_and_replica: tuple[str, str]) -> None:
    """A session that has ended on the primary is ended, whatever the replica still says."""
    _, replica = primary_and_replica
    bench = bench_on(DjangoStore())
    session_id = bench.create()
    old = bench_on(DjangoStore(replica))
    old.subject = bench.subject
    old.create(session_id)
    assert bench.revoke(session_id)
    assert bench.found(session_id).state == "revoked"
    assert bench.listed() == []
    assert not bench.take(session_id, 0).is_rotated
    assert old.listed() == [session_id]


def test_the_admin_looks_at_the_primary(primary_and_replica: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Its list reads there, and its action ends sessions there."""
    from django.contrib import admin
    from django.test import RequestFactory

    from jwtguard.django.models import Session

    with override_settings(INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "jwtguard.django"]):
        from jwtguard.django.admin import SessionAdmin

        primary, _ = primary_and_replica
        bench = bench_on(DjangoStore())
        chosen, other = bench.create(), bench.create()
        sessions_admin = SessionAdmin(Session, admin.site)
        said: list[str] = []
        monkeypatch.setattr(sessions_admin, "message_user", lambda request, text, level: said.append(text))
        request = RequestFactory().post("/admin/")
        listed = sessions_admin.get_queryset(request)
        assert listed.db == primary
        assert listed.count() == 2
        for queryset in (listed.filter(pk=chosen), Session.objects.using(primary).filter(pk=chosen)):
            sessions_admin.revoke(request, queryset)
    assert said == ["1 session was ended.", "0 sessions were ended."]
    assert [bench.found(session_id).state for session_id in (chosen, other)] == ["revoked", "alive"]


def test_the_action_on_rows_of_a_replica(primary_and_replica: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions that were chosen on a replica are ended on the primary."""
    from django.contrib import admin
    from django.test import RequestFactory

    from jwtguard.django.models import Session

    with override_settings(INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "jwtguard.django"]):
        from jwtguard.django.admin import SessionAdmin

        _, replica = primary_and_replica
        bench = bench_on(DjangoStore())
        session_id = bench.create()
        bench_on(DjangoStore(replica)).create(session_id)
        sessions_admin = SessionAdmin(Session, admin.site)
        monkeypatch.setattr(sessions_admin, "message_user", lambda *_: None)
        sessions_admin.revoke(RequestFactory().post("/admin/"), Session.objects.using(replica).all())
    assert bench.found(session_id).state == "revoked"


def test_purging_by_command(primary_and_replica: tuple[str, str]) -> None:
    """On the databases of all stores of the project, on the router's if it has made none, or on the one named."""
    primary, replica = primary_and_replica
    STORES.clear()

    def login_long_ago(alias: str) -> None:
        bench = bench_on(DjangoStore(alias))
        bench.now -= 10 * 86400
        bench.create()

    def purged(**options: str) -> str:
        output = io.StringIO()
        call_command("jwtguard_purge", stdout=output, **options)
        return output.getvalue().strip()

    for alias in (primary, replica):
        login_long_ago(alias)
    STORES.clear()
    assert purged() == "1 dead session deleted"
    assert purged(database=replica) == "1 dead session deleted"
    kept = [DjangoStore(alias) for alias in (primary, replica)]
    for store in kept:
        login_long_ago(store.database)
    assert purged() == "2 dead sessions deleted"


# Logins inside atomic blocks.


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def using(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with ten dead rows and a live one."""
    if request.param == "sqlite":
        settings = sqlite(tmp_path)
    elif request.param == "postgresql":
        settings = postgresql(request.getfixturevalue("postgresql_server"))
    else:
        settings = mariadb(request.getfixturevalue("mariadb_server"), isolation_level="read committed")
    with database(**settings) as using:
        insert_dead(using)
        yield using


def insert_dead(using: str) -> None:
    from jwtguard.django.models import Session

    times = {"created_at": 0.0, "expires_at": 1.0, "ends_at": 1.0}
    Session.objects.using(using).bulk_create(
        [Session(session_id=f"dead-{number}", issuer="i", subject="s", **times) for number in range(10)]
    )


def dead(using: str) -> int:
    from jwtguard.django.models import Session

    return Session.objects.using(using).filter(ends_at=1.0).count()


def test_dead_rows_are_deleted_after_the_commit(using: str) -> None:
    """A block does not hold them: a login of another connection meanwhile waits for nothing."""
    bench = bench_on(DjangoStore(using), has_own_clock=True)
    with transaction.atomic(using=using):
        bench.create()
        assert dead(using) == 10
        if connections[using].vendor != "sqlite":  # Which has one writer at a time.
            with ThreadPoolExecutor(1) as threads:
                began = time.monotonic()
                threads.submit(login_elsewhere, using).result()
                assert time.monotonic() - began < AT_ONCE
            assert dead(using) == 6
    assert dead(using) in {2, 6}
    assert len(bench.listed()) == 1


def login_elsewhere(using: str) -> None:
    try:
        bench_on(DjangoStore(using), has_own_clock=True).create()
    finally:
        connections[using].close()


def test_a_block_that_is_rolled_back(using: str) -> None:
    """Its login was none, and nothing is deleted for it."""
    bench = bench_on(DjangoStore(using), has_own_clock=True)
    with transaction.atomic(using=using):
        bench.create()
        transaction.set_rollback(True, using=using)
    assert (bench.listed(), dead(using)) == ([], 10)


def test_a_login_in_a_transaction_by_hand(using: str) -> None:
    """Without autocommit, a login deletes no rows: an error would break the transaction of the application."""
    bench = bench_on(DjangoStore(using), has_own_clock=True)
    transaction.set_autocommit(False, using=using)
    try:
        bench.create()
        transaction.commit(using=using)
    finally:
        transaction.set_autocommit(True, using=using)
    assert dead(using) == 10


def test_the_admin_goes_by_the_clock_of_the_database(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The admin says whether a session is alive by the clock that wrote its dates."""
    from django.contrib import admin
    from django.db import router
    from django.test import RequestFactory

    from jwtguard.django.models import Session

    monkeypatch.setattr(router, "db_for_write", lambda model: using)
    with override_settings(INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "jwtguard.django"]):
        from jwtguard.django.admin import SessionAdmin

        bench_on(DjangoStore(using), has_own_clock=True).create()
        sessions_admin = SessionAdmin(Session, admin.site)
        listed = sessions_admin.get_queryset(RequestFactory().get("/admin/"))
        states = {session.session_id[:4]: sessions_admin.state(session) for session in listed}
        assert states.pop("dead") == "expired"
        assert set(states.values()) == {"alive"}


@pytest.mark.parametrize("is_atomic", [False, True])
def test_an_error_while_deleting(
    using: str, is_atomic: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The login stands, inside a block and outside, and the log tells."""

    def fail(*_: object) -> int:
        with connections[using].cursor() as cursor:
            cursor.execute("SELECT no_such_column FROM jwtguard_session")
        raise AssertionError

    monkeypatch.setattr(SQLSessions, "delete", fail)
    bench = bench_on(DjangoStore(using), has_own_clock=True)
    with caplog.at_level(logging.WARNING, "jwtguard"):
        if is_atomic:
            with transaction.atomic(using=using):
                session_id = bench.create()
        else:
            session_id = bench.create()
    assert bench.listed() == [session_id]
    assert "dead sessions were not deleted" in caplog.text
    assert dead(using) == 10


@pytest.mark.parametrize("using", ["postgresql", "mysql"], indirect=True)
def test_beside_locked_rows(using: str) -> None:
    """A login answers at once, and deletes what is not locked."""
    bench = bench_on(DjangoStore(using), has_own_clock=True)
    other = connections[using].copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("SELECT * FROM jwtguard_session WHERE session_id <> 'dead-3' FOR UPDATE")
        began = time.monotonic()
        ids = [bench.create() for _ in range(8)]
        assert time.monotonic() - began < AT_ONCE
        assert sorted(bench.listed()) == sorted(ids)
        assert bench.purge() in {0, 1}
        assert dead(using) == 9
        other.rollback()
    finally:
        other.close()
    bench.create()
    assert dead(using) == 5


def test_a_login_while_another_connection_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In SQLite a login does not wait to delete dead rows while another connection writes."""
    import sqlite3

    with database(**sqlite(tmp_path)) as using:
        insert_dead(using)
        bench = bench_on(DjangoStore(using))
        other = sqlite3.connect(connections.settings[using]["NAME"], isolation_level=None)
        delete = SQLSessions.delete

        def while_locked(*arguments: Any) -> int:
            other.execute("BEGIN IMMEDIATE")
            try:
                return delete(*arguments)
            finally:
                other.execute("ROLLBACK")

        with monkeypatch.context() as patch:
            patch.setattr(SQLSessions, "delete", while_locked)
            began = time.monotonic()
            session_id = bench.create()
            assert time.monotonic() - began < AT_ONCE
        other.close()
        assert (bench.listed(), dead(using)) == ([session_id], 10)
        with connections[using].cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout")
            assert cursor.fetchone() == (30000,), "as the project has set it"
        bench.create()
        assert dead(using) == 6


def test_a_database_that_cannot_skip(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logins leave the dead to `purge` there; SQLite has no locks of rows to skip."""
    monkeypatch.setattr(store_module, "skipping_locked", lambda *_, **__: None)
    bench = bench_on(DjangoStore(using), has_own_clock=True)
    bench.create()
    left = 6 if connections[using].vendor == "sqlite" else 10
    assert dead(using) == left
    assert bench.purge() == left


def test_a_login_that_loses_a_race(using: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deadlock's victim writes its row again, but not inside a block, which is lost with it."""
    bench = bench_on(DjangoStore(using), has_own_clock=True)
    left = [1]

    def deadlock(execute: Any, *arguments: Any) -> Any:
        if left[0] and "INSERT" in arguments[0]:
            left[0] -= 1
            raise OperationalError("deadlock") from type("Lost", (Exception,), {"sqlstate": "40P01"})()
        return execute(*arguments)

    with connections[using].execute_wrapper(deadlock):
        session_id = bench.create()
        left[0] = 1
        with pytest.raises(OperationalError), transaction.atomic(using=using):
            bench.create()
    assert bench.listed() == [session_id]
