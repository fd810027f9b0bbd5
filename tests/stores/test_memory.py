"""The contract of session stores, for the one in memory."""

from __future__ import annotations

import pytest

from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import StoreBench, StoreConformance


class TestMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    def dump(self, bench: StoreBench) -> list[str]:
        assert isinstance(bench.store, MemoryStore)
        return [repr(row) for row in bench.store._rows.values()]
