"""`StoreConformance`: inherit it, say how a store is made, and all that a session store must do is a test of yours.

>>> class TestMyStore(StoreConformance):
...     has_own_clock = True  # if it goes by the database's clock
...
...     @pytest.fixture
...     def store(self):
...         return MyStore(...)
...
...     def dump(self, bench):
...         return [...]  # each row of the store as one text

Needs pytest. An `async` store is run on the fixture `runner`, an `asyncio.Runner`: use it to close its client.
"""

from __future__ import annotations

import pytest as pytest

from jwtguard.testing.conformance.store_outcomes import StoreOutcomeConformance
from jwtguard.testing.conformance.store_protocol import StorePortConformance


class StoreConformance(StorePortConformance, StoreOutcomeConformance):
    """The contract of a session store: the port's, and the outcome table with `Sessions` on top."""
