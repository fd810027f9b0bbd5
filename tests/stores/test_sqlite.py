"""The contract of session stores, for the one in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from jwtguard.stores.sqlite import SQLiteStore
from jwtguard.testing import StoreBench, StoreConformance


class TestSQLiteStore(StoreConformance):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "sessions.db"

    @pytest.fixture
    def store(self, path: Path) -> Iterator[SQLiteStore]:
        with SQLiteStore(path) as store:
            yield store

    def dump(self, bench: StoreBench) -> list[str]:
        assert isinstance(bench.store, SQLiteStore)
        with closing(sqlite3.connect(bench.store._path)) as connection:
            return [repr(row) for row in connection.execute("SELECT * FROM jwtguard_session")]
