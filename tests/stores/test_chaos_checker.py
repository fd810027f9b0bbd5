"""The history of `tests.stores.chaos` shows what it is there to show."""

from __future__ import annotations

import pytest

from jwtguard.core.sessions.store_protocol import NewSession, RotationRequest, RotationResult
from jwtguard.stores.memory import MemoryStore
from tests.stores.chaos import run


class TakesAnyTurn(MemoryStore):
    """So that a thief goes on beside the user."""

    def rotate(self, rotation: RotationRequest, *, now: float, grace: float, idle_lifetime: float) -> RotationResult:
        session = self.find(rotation.session_id, now=now)
        if session is not None and rotation.generation < session.generation:
            rotation = RotationRequest(session_id=rotation.session_id, generation=session.generation)
        return super().rotate(rotation, now=now, grace=grace, idle_lifetime=idle_lifetime)


class ForgetsLogouts(MemoryStore):
    def revoke(self, session_id: str, *, now: float) -> bool:
        return True


class LosesSessions(MemoryStore):
    """As an outage that is answered with 400."""

    def create(self, session: NewSession, *, now: float) -> None:
        super().create(session, now=now)
        if len(self._rows) % 7 == 0:
            del self._rows[session.session_id]


@pytest.mark.parametrize(
    "store", [TakesAnyTurn(), ForgetsLogouts(), LosesSessions()], ids=lambda store: type(store).__name__
)
def test_it_is_found(store: MemoryStore) -> None:
    """A store with this fault does not pass."""
    with pytest.raises(AssertionError):
        run(store, {}, seed=1, seconds=0.3)


def test_a_store_without_faults() -> None:
    """Passes."""
    assert run(MemoryStore(), {}, seed=1, seconds=0.3).unavailable == 0
