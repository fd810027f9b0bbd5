"""A revocation on a store that notes what it is asked, with clocks that stand still."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jwtguard import JWTGuardError, SessionRevocation, VerifiedToken
from jwtguard.core.flow import Flow, Steps
from jwtguard.core.sessions.store_protocol import NewSession
from jwtguard.core.tokens.encoding import ClaimsSet, JOSEHeader
from jwtguard.stores.memory import MemoryStore
from tests.core.session_world import NotingStore
from tests.core.token_samples import CLAIMS, ISSUER, Clock, policy

OTHER = "https://other.example"
DAY = 86400.0


def token(**changes: Any) -> VerifiedToken:
    """A verified token of session s1, with some claims changed; None leaves one out."""
    claims = {name: value for name, value in {**CLAIMS, "sid": "s1", **changes}.items() if value is not None}
    return VerifiedToken(header=JOSEHeader({"alg": "HS256"}), claims=ClaimsSet(claims), sha256=b"", policy=policy())


class Dial:
    """A revocation on a store with a live session s1, and clocks that stand still."""

    def __init__(self, staleness: float = 5, **changes: Any) -> None:
        self.clock = Clock()
        self.monotonic = Clock(0)
        self.store = NotingStore()
        self.create("s1")
        self.store.calls.clear()
        self.revocation = SessionRevocation(
            self.store, max_staleness=timedelta(seconds=staleness), monotonic=self.monotonic, **changes
        )

    def create(self, session_id: str, issuer: str = ISSUER) -> None:
        self.store.create(
            NewSession(
                session_id=session_id, issuer=issuer, subject="user-1", idle_lifetime=DAY, absolute_lifetime=DAY
            ),
            now=self.clock.now,
        )

    def checking(self, **changes: Any) -> Steps[None]:
        return self.revocation.checking(token(**changes), clock=self.clock)

    def outcome(self, **changes: Any) -> str:
        """`accepted`, or the reason of the error."""
        try:
            Flow(self.checking(**changes)).run()
        except JWTGuardError as error:
            return f"{error.status} {error.reason}".removeprefix("401 ")
        return "accepted"

    def end(self) -> None:
        MemoryStore.revoke(self.store, "s1", now=self.clock.now)

    @property
    def look_ups(self) -> int:
        return self.store.calls.count("find")
