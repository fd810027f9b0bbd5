"""The rest of sessions in a Django project: migration, admin, purge, system checks, and doing without all of it."""

from __future__ import annotations

import asyncio
import doctest
import importlib
import inspect
import io
import logging
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.db import connections
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import override_settings

from jwtguard import Grants, Sessions
from jwtguard.core.sessions.store_protocol import NewSession, new_session_id
from jwtguard.django.fields import ExactCharField
from jwtguard.django.store import STORES, DjangoStore
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import StoreBench
from tests.adapters.django_databases import database, sqlite
from tests.core.session_world import REFRESH_KEY, token_issuer

DAY = 86400.0
ADMIN = {
    "ROOT_URLCONF": "tests.adapters.django_admin_urls",
    "INSTALLED_APPS": [
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "jwtguard.django",
    ],
    "MIDDLEWARE": [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
}


def run(code: str) -> str:
    """What a program of its own prints, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


SETTINGS = """
    import django
    from django.conf import settings
    settings.configure(
        SECRET_KEY="x" * 50, INSTALLED_APPS=["jwtguard.django"], USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        JWTGUARD={"issuer": "https://issuer.example", "audience": "https://api.example",
                  "keys": {"secret": "not a secret, only an example!!!"}},
    )
"""


def test_the_migration_is_whole() -> None:
    """`makemigrations` has nothing to add."""
    call_command("makemigrations", "jwtguard", check=True, dry_run=True, verbosity=0)


def test_importing_the_adapter_imports_no_models() -> None:
    """A store may be made in the settings, before any app is loaded."""
    code = """
    import sys
    import jwtguard.django, jwtguard.django.store
    jwtguard.django.store.DjangoStore()
    print("jwtguard.django.models" in sys.modules)
    """
    assert run(code) == "False"


def test_a_project_without_sessions() -> None:
    """A project without sessions needs no table: a guard works, checks pass, and no query is made."""
    code = f"""
    {SETTINGS}
    django.setup()
    from django.core.checks import run_checks
    from django.db import connection
    from django.test import RequestFactory
    from django.http import HttpResponse
    from jwtguard import public
    from jwtguard.django import requires
    view = requires(public)(lambda request: HttpResponse("hello"))
    print(view(RequestFactory().get("/")).content.decode(), run_checks(), connection.introspection.table_names())
    """
    assert run(code) == "hello [] []"


def test_before_the_apps_are_loaded() -> None:
    """A store is told apart from one in a project that lacks the app."""
    code = f"""
    {SETTINGS}
    from jwtguard.django.store import DjangoStore
    try:
        DjangoStore().find("s1", now=0)
    except Exception as error:
        print(type(error).__name__, "django.setup()" in str(error))
    """
    assert run(code) == "ConfigurationError True"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[StoreBench]:
    """A store on a database of its own, at today's time."""
    import asyncio

    with database(**sqlite(tmp_path)) as using:
        bench = StoreBench(DjangoStore(using), asyncio.Runner())
        bench.now = time.time()
        yield bench


@pytest.mark.parametrize(
    ("dead", "said"), [(0, "0 dead sessions deleted"), (1, "1 dead session deleted"), (3, "3 dead sessions deleted")]
)
def test_purge(bench: StoreBench, dead: int, said: str) -> None:
    """`manage.py jwtguard_purge` deletes what is past its absolute lifetime, and says how much."""
    alive = bench.create()
    bench.now -= 10 * DAY
    for _ in range(dead):
        bench.create()
    output = io.StringIO()
    call_command("jwtguard_purge", database=bench.store.using, stdout=output)  # type: ignore[attr-defined]
    assert output.getvalue().strip() == said
    assert bench.find(alive)


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> set[DjangoStore]:
    """The stores that the project has made: none to begin with, whatever other tests have left."""
    made: set[DjangoStore] = set()
    monkeypatch.setattr("jwtguard.django.management.commands.jwtguard_purge.STORES", made)
    return made


def purged() -> str:
    """What `manage.py jwtguard_purge` says."""
    output = io.StringIO()
    call_command("jwtguard_purge", stdout=output)
    return output.getvalue().strip()


def bury(store: Any, number: int) -> None:
    """Leave dead rows in a store."""
    for _ in range(number):
        session = NewSession(
            session_id=new_session_id(), issuer="i", subject="user-1", idle_lifetime=1, absolute_lifetime=1
        )
        answer = store.create(session, now=time.time() - DAY)
        if inspect.isawaitable(answer):
            asyncio.run(answer)  # type: ignore[arg-type]


def test_purge_of_all_stores(tmp_path: Path, stores: set[DjangoStore]) -> None:
    """Without an alias, every database is purged in which the project keeps sessions, each once."""
    (tmp_path / "other").mkdir()
    with database(**sqlite(tmp_path)) as one, database(**sqlite(tmp_path / "other")) as other:
        stores.update(DjangoStore(using) for using in (one, other, other))
        bury(DjangoStore(one), 1)
        bury(DjangoStore(other), 2)
        assert purged() == "3 dead sessions deleted"
        assert purged() == "0 dead sessions deleted"


def test_purge_without_a_store(tmp_path: Path, stores: set[DjangoStore], monkeypatch: pytest.MonkeyPatch) -> None:
    """A project that has made no store has the default one."""
    with database(**sqlite(tmp_path)) as using:
        monkeypatch.setattr("jwtguard.django.store.router.db_for_write", lambda model: using)
        bury(DjangoStore(using), 1)
        assert purged() == "1 dead session deleted"


def test_purge_of_a_store_that_the_urls_make(tmp_path: Path, stores: set[DjangoStore]) -> None:
    """The sessions of a `DjangoGuard` in `urls.py` are found."""
    with database(**sqlite(tmp_path)) as using:

        class URLs:
            @property
            def urlpatterns(self) -> list[object]:
                stores.add(DjangoStore(using))
                return []

        bury(DjangoStore(using), 1)
        with override_settings(ROOT_URLCONF=URLs()):
            assert purged() == "1 dead session deleted"


class AsyncMemoryStore:
    """A store whose methods can only be awaited."""

    def __init__(self) -> None:
        inner = MemoryStore()

        def awaitable(name: str) -> Any:
            async def method(*args: Any, **kwargs: Any) -> Any:
                return getattr(inner, name)(*args, **kwargs)

            return method

        for name in ("create", "rotate", "find", "list", "revoke", "revoke_all", "purge"):
            setattr(self, name, awaitable(name))


@pytest.mark.parametrize("kind", [MemoryStore, AsyncMemoryStore])
def test_purge_of_sessions_elsewhere(kind: Any, stores: set[DjangoStore]) -> None:
    """The store of `JWTGUARD_SESSIONS` may be of another kind, sync or async."""
    store = kind()
    sessions = Sessions(
        issuer=token_issuer(), store=store, load=lambda subject: Grants(), refresh_keys=[REFRESH_KEY], clock=time.time
    )
    bury(store, 2)
    with override_settings(JWTGUARD_SESSIONS=sessions):
        assert purged() == "2 dead sessions deleted"


def test_purge_of_the_sessions_of_the_settings(tmp_path: Path, stores: set[DjangoStore]) -> None:
    """Their store is found by the settings alone."""
    with database(**sqlite(tmp_path)) as using:
        store = DjangoStore(using)
        stores.add(store)
        sessions = Sessions(
            issuer=token_issuer(), store=store, load=lambda subject: Grants(), refresh_keys=[REFRESH_KEY]
        )
        bury(store, 1)
        with override_settings(JWTGUARD_SESSIONS=sessions):
            assert purged() == "1 dead session deleted"


# System checks.


def checked() -> list[str]:
    ours = {"jwtguard.E101", "jwtguard.E102", "jwtguard.W101"}
    return [message.id for message in run_checks() if message.id in ours]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True}, []),
        ({"ATOMIC_REQUESTS": True}, ["jwtguard.W101"]),
        ({"AUTOCOMMIT": False}, ["jwtguard.E102"]),
        ({"AUTOCOMMIT": False, "ATOMIC_REQUESTS": True}, ["jwtguard.E102", "jwtguard.W101"]),
        (None, ["jwtguard.E101"]),
    ],
)
def test_databases_are_checked(
    settings: dict[str, Any] | None, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where sessions are kept, a view must be able to refresh them."""
    from django.conf import settings as project

    STORES.clear()
    store = DjangoStore("sessions")
    if settings is not None:
        monkeypatch.setitem(project.DATABASES, "sessions", {**project.DATABASES["default"], **settings})
    assert sorted(checked()) == expected
    del store
    assert checked() == [], "a store that is gone is no matter"


@pytest.mark.parametrize("module", ["models", "admin"])
def test_examples_of_modules_that_need_a_project(module: str) -> None:
    """The examples in the docstrings of models and admin run inside a project."""
    with override_settings(**ADMIN):
        outcome = doctest.testmod(importlib.import_module(f"jwtguard.django.{module}"))
    assert (outcome.failed, outcome.attempted > 0) == (0, True)


# The expressions of the databases that no test here runs on.


class Vendor:
    """As much of a connection as an expression asks for."""

    def __init__(self, vendor: str) -> None:
        self.vendor = vendor
        self.ops = connections["default"].ops
        self.data_types = {"CharField": "varchar(%(max_length)s)"}


def test_mysql() -> None:
    """Columns that tell `Alice` from `alice`."""
    mysql: Any = Vendor("mysql")
    field = ExactCharField(max_length=64)
    assert field.db_type(mysql) == "varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    assert field.db_type(Vendor("postgresql")) == "varchar(64)"  # type: ignore[arg-type]


# The admin.


@pytest.fixture
def admin(bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """A superuser in the admin, whose sessions are in the database of the bench."""
    from django.contrib.auth.models import User

    using = bench.store.using  # type: ignore[attr-defined]
    connection = connections[using]
    default = connections["default"]
    with override_settings(**ADMIN):
        try:
            connections["default"] = connection
            call_command("migrate", database="default", verbosity=0)
            user = User.objects.create_superuser("root", password="root")
            client = Client()
            client.force_login(user)
            yield client
        finally:
            connections["default"] = default
            sys.modules.pop("tests.adapters.django_admin_urls", None)


def test_the_list(admin: Client, bench: StoreBench) -> None:
    """The admin shows subject, label, state and times of each session; no user can add, change or delete one."""
    from django.contrib.admin.utils import quote  # An id may hold `_26`, which the admin reads as an escape.

    alive = bench.create(label="Firefox on Linux")
    bench.take(alive, 0)
    bench.revoke(bench.create(label="revoked one"))
    bench.create(label="expired one", idle_lifetime=-1)
    page = admin.get("/admin/jwtguard/session/").content.decode()
    for text in ("Firefox on Linux", "alive", "revoked one", ">revoked<", "expired one", ">expired<", alive):
        assert text in page
    assert "End the selected sessions" in page
    assert "Delete selected" not in page
    assert admin.get("/admin/jwtguard/session/add/").status_code == 403
    assert admin.get(f"/admin/jwtguard/session/{quote(alive)}/change/").status_code == 200
    assert admin.post(f"/admin/jwtguard/session/{quote(alive)}/change/", {"generation": 0}).status_code == 403
    assert admin.post(f"/admin/jwtguard/session/{quote(alive)}/delete/", {"post": "yes"}).status_code == 403
    assert admin.get("/admin/jwtguard/session/?q=firefox").content.decode().count("field-subject") == 1


def test_the_action(admin: Client, bench: StoreBench, caplog: pytest.LogCaptureFixture) -> None:
    """The action ends the chosen sessions, says how many, and logs a line for each."""
    chosen, other = [bench.create(), bench.create()], bench.create()
    ended = bench.create()
    bench.revoke(ended)
    data = {"action": "revoke", "_selected_action": [*chosen, ended]}
    with caplog.at_level(logging.INFO, "jwtguard"):
        page = admin.post("/admin/jwtguard/session/", data, follow=True).content.decode()
    assert "2 sessions were ended." in page
    assert [bench.found(session_id).state for session_id in (*chosen, other)] == ["revoked", "revoked", "alive"]
    assert sorted(record.getMessage() for record in caplog.records if record.name == "jwtguard") == sorted(
        f"session ended: subject={bench.subject!r} sid={session_id!r} reason=admin" for session_id in chosen
    )


@pytest.mark.parametrize(
    ("permissions", "status", "may_end"),
    [((), 403, False), (("view_session",), 200, False), (("change_session",), 200, True)],
)
def test_who_may(admin: Client, bench: StoreBench, permissions: tuple[str, ...], status: int, may_end: bool) -> None:
    """The view permission shows sessions; the change permission ends them."""
    from django.contrib.auth.models import Permission, User

    user = User.objects.create_user("staff", is_staff=True)
    wanted: QuerySet[Permission] = Permission.objects.filter(
        codename__in=permissions, content_type__app_label="jwtguard"
    )
    user.user_permissions.set(wanted)
    client = Client()
    client.force_login(user)
    session_id = bench.create()
    assert client.get("/admin/jwtguard/session/").status_code == status
    client.post("/admin/jwtguard/session/", {"action": "revoke", "_selected_action": [session_id]})
    assert bench.found(session_id).is_alive is not may_end


def test_a_row_shows_itself(bench: StoreBench) -> None:
    """A row is shown by subject and label, or by subject and id, with its times as datetimes."""
    from jwtguard.django.models import Session

    rows = Session.objects.using(bench.store.using)  # type: ignore[attr-defined]
    named, nameless = bench.create(label="Firefox"), bench.create()
    assert str(rows.get(pk=named)) == f"{bench.subject}: Firefox"
    assert str(rows.get(pk=nameless)) == f"{bench.subject}: {nameless}"
    row = rows.get(pk=named)
    assert row.started == datetime.fromtimestamp(bench.now, UTC)
    assert row.last_refreshed is None
    assert (row.expires - row.started).total_seconds() == pytest.approx(3600)
    bench.take(named, 0)
    assert rows.get(pk=named).last_refreshed == row.started
