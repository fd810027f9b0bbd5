"""No statement of `SQLiteStore` reads the whole table, however many rows it has."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jwtguard.stores.sqlite import SQLiteStore
from jwtguard.testing import StoreBench
from tests.stores.plans import Plans, filling, use


@pytest.mark.parametrize("is_half_dead", [False, True])
def test_each_statement_uses_an_index(tmp_path: Path, is_half_dead: bool) -> None:
    """Login, refresh, look-up, list, both ends and purging, of 100,000 rows."""
    path = tmp_path / "sessions.db"
    with (
        SQLiteStore(path) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
        asyncio.Runner() as runner,
    ):
        other.row_factory = sqlite3.Row

        def explain(statement: str, _: Any) -> list[dict[str, Any]]:
            return [dict(row) for row in other.execute(statement)]

        bench = StoreBench(store, runner)
        bench.now = time.time()
        store.find("unknown", now=bench.now)
        for statement in filling("sqlite", now=bench.now, is_half_dead=is_half_dead):
            other.execute(statement)
        plans = Plans("sqlite", explain)
        store._local.opened.connection.set_trace_callback(lambda statement: plans.see(statement, None))
        use(bench)
        bench.purge()
        store._local.opened.connection.set_trace_callback(None)
        plans.check(at_least=8 if is_half_dead else 7)
