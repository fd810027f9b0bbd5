"""Databases of the tests' own under an alias of Django's: migrated, and gone again with all their connections."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections

from jwtguard.core.sessions.store_protocol import RotationRequest, RotationResult
from jwtguard.django.store import DjangoStore
from tests.adapters import django_site as django_site  # Configures Django.
from tests.servers import LOOPBACK, Server


@contextmanager
def database(**settings: Any) -> Iterator[str]:
    """A database under an alias, with the tables of all apps."""
    alias = f"tests_{secrets.token_hex(4)}"
    connections.settings[alias] = {**connections.settings["default"], **settings}
    try:
        call_command("migrate", database=alias, verbosity=0)
        yield alias
    finally:
        connections[alias].close()
        del connections[alias]
        del connections.settings[alias]


def sqlite(folder: Path, **options: Any) -> dict[str, Any]:
    """The settings of a database in a file, since each thread opens its own connection."""
    options = {"timeout": 30, "transaction_mode": "IMMEDIATE", **options}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "sessions.sqlite3"), "OPTIONS": options}


def postgresql(server: Server, **options: Any) -> dict[str, Any]:
    """The settings of the server's database, under a new schema."""
    import psycopg

    schema = f"tests_{secrets.token_hex(4)}"
    with psycopg.connect(f"host={LOOPBACK} port={server.port} user=postgres dbname=postgres", autocommit=True) as link:
        link.execute(f"CREATE SCHEMA {schema}".encode())
    options = {"options": f"-c search_path={schema}", **options}
    where = {"HOST": LOOPBACK, "PORT": str(server.port), "USER": "postgres", "NAME": "postgres"}
    return {"ENGINE": "django.db.backends.postgresql", "OPTIONS": options, **where}


def mariadb(server: Server, **options: Any) -> dict[str, Any]:
    """The settings of a new database with the character set latin1. PyMySQL stands in for the
    driver that Django names.
    """
    import pymysql

    pymysql.install_as_MySQLdb()
    name = f"tests_{secrets.token_hex(4)}"
    with pymysql.connect(host=LOOPBACK, port=server.port, user="root") as link, link.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET latin1")
    where = {"HOST": LOOPBACK, "PORT": str(server.port), "USER": "root", "NAME": name}
    return {"ENGINE": "django.db.backends.mysql", "OPTIONS": options, **where}


class ThreadedStore(DjangoStore):
    """A store whose threads leave no connection behind, which Django's request cycle would close."""

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        try:
            return super().rotate(rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)
        finally:
            if threading.current_thread() is not threading.main_thread():
                connections[self.database].close()
