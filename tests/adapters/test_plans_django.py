"""No statement of `DjangoStore` reads the whole table, however many rows it has."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from jwtguard.django.store import DjangoStore
from jwtguard.testing import StoreBench
from tests.adapters.django_databases import database, mariadb, postgresql, sqlite
from tests.servers import mariadb_server as mariadb_server
from tests.servers import postgresql_server as postgresql_server
from tests.stores.plans import Plans, filling, use

pytestmark = pytest.mark.servers


@pytest.mark.parametrize(
    ("vendor", "is_half_dead", "is_analyzed"),
    [
        ("sqlite", False, True),
        ("sqlite", True, True),
        ("postgresql", False, True),
        ("postgresql", True, True),
        ("postgresql", True, False),
        ("mysql", True, True),
    ],
)
def test_each_statement_uses_an_index(
    request: pytest.FixtureRequest, tmp_path: Path, vendor: str, is_half_dead: bool, is_analyzed: bool
) -> None:
    """Login, refresh, look-up, list, both ends and purging, of 100,000 rows; where the database has no statistics of
    them, too.
    """
    if vendor == "sqlite":
        settings = sqlite(tmp_path)
    elif vendor == "postgresql":
        settings = postgresql(request.getfixturevalue("postgresql_server"))
    else:
        settings = mariadb(request.getfixturevalue("mariadb_server"))
    with database(**settings) as using, asyncio.Runner() as runner:
        connection = connections[using]

        def explain(statement: str, values: Any) -> list[dict[str, Any]]:
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                names = [column[0] for column in cursor.description]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        plans = Plans(vendor, explain)

        def see(execute: Any, statement: str, values: Any, many: bool, context: Any) -> Any:
            plans.see(statement, values)
            return execute(statement, values, many, context)

        with connection.cursor() as cursor:
            statements = filling(vendor, now=time.time(), is_half_dead=is_half_dead, is_analyzed=is_analyzed)
            for statement in statements:
                cursor.execute(statement)
        bench = StoreBench(DjangoStore(using), runner, has_own_clock=True)
        with connection.execute_wrapper(see):
            use(bench)
            bench.purge()
        plans.check(at_least=10 if is_half_dead else 9)
