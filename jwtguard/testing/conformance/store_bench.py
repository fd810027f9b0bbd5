"""A store on the bench: its methods called the same way whether they are `async` or not, and a clock to move.

>>> import asyncio
>>> from jwtguard.stores.memory import MemoryStore
>>> with asyncio.Runner() as runner:
...     bench = StoreBench(MemoryStore(), runner)
...     session_id = bench.create(label="Firefox")
...     bench.take(session_id, 0).is_rotated
True
"""

from __future__ import annotations

import asyncio
import inspect
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, TypeVar, cast

from jwtguard.core.events import SessionEvent
from jwtguard.core.flow import Flow, is_async, run_async
from jwtguard.core.sessions.grants import Grants
from jwtguard.core.sessions.refresh_tokens import RefreshToken, RefreshTokens
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.sessions.store_protocol import (
    MaybeAsync,
    NewSession,
    RotationRequest,
    RotationResult,
    Session,
    SessionStore,
    new_session_id,
)
from jwtguard.core.tokens.encoding import decode_segment
from jwtguard.core.tokens.issuer import TokenIssuer
from jwtguard.core.tokens.keys import SigningKey

T = TypeVar("T")

ISSUER = "https://issuer.example"
NOW = 1_800_000_000.0
ACCESS_KEY = SigningKey.from_secret("0123456789abcdef0123456789abcdef", algorithm="HS256", kid="a1")
REFRESH_KEY = SigningKey.from_secret("fedcba9876543210fedcba9876543210", algorithm="HS256", kid="r1")
HOUR = 3600.0


class StoreBench:
    """A store, a new subject, and a clock.

    `has_own_clock` says that the store goes by its own: then ours is the real one. `now` may be set.
    """

    def __init__(self, store: SessionStore, runner: asyncio.Runner, *, has_own_clock: bool = False) -> None:
        self.store = store
        self.has_own_clock = has_own_clock
        self.subject = f"user-{secrets.token_hex(8)}"
        self.now = time.time() if has_own_clock else NOW
        self.events: list[SessionEvent] = []
        self._runner = runner

    def wait(self, answer: MaybeAsync[T]) -> T:
        """The answer of a method, waited for if it must be."""
        return self._runner.run(_wait(answer)) if inspect.isawaitable(answer) else answer

    def run(self, flow: Flow[T]) -> T:
        """The result of a flow, driven as the store needs it."""
        return self._runner.run(run_async(flow)) if is_async(self.store.find) else flow.run()

    def create(self, session_id: str | None = None, **changes: Any) -> str:  # noqa: ANN401 - of a NewSession
        """Create a session and return its id."""
        arguments: dict[str, Any] = {"issuer": ISSUER, "subject": self.subject}
        lifetimes = {"idle_lifetime": HOUR, "absolute_lifetime": 24 * HOUR}
        session = NewSession(**{"session_id": session_id or new_session_id(), **arguments, **lifetimes, **changes})
        self.wait(self.store.create(session, now=self.now))
        return session.session_id

    def take(
        self, session_id: str, generation: int, *, grace: float = 0.0, idle_lifetime: float = HOUR
    ) -> RotationResult:
        """Rotate."""
        rotation = RotationRequest(session_id=session_id, generation=generation)
        return self.wait(self.store.rotate(rotation, now=self.now, grace=grace, idle_lifetime=idle_lifetime))

    def find(self, session_id: str) -> Session | None:
        """The session of this id."""
        return self.wait(self.store.find(session_id, now=self.now))

    def found(self, session_id: str) -> Session:
        """The session of this id, which is there."""
        session = self.find(session_id)
        assert session is not None
        return session

    def listed(self, subject: str | None = None, issuer: str = ISSUER) -> list[str]:
        """The ids of the live sessions of a subject, as the store lists them."""
        sessions = self.wait(self.store.list(issuer=issuer, subject=subject or self.subject, now=self.now))
        return [session.session_id for session in sessions]

    def revoke(self, session_id: str) -> bool:
        """End a session."""
        return self.wait(self.store.revoke(session_id, now=self.now))

    def revoke_all(self, subject: str | None = None, issuer: str = ISSUER) -> int:
        """End all sessions of a subject."""
        return self.wait(self.store.revoke_all(issuer=issuer, subject=subject or self.subject, now=self.now))

    def purge(self) -> int:
        """Delete dead rows."""
        return self.wait(self.store.purge(now=self.now))

    def together(self, calls: Sequence[Callable[[], MaybeAsync[T]]]) -> list[T]:
        """The answers of calls made at once: by threads, or by tasks of one loop."""
        if is_async(self.store.find):
            return self._runner.run(_together(cast("Sequence[Callable[[], Awaitable[T]]]", calls)))
        with ThreadPoolExecutor(len(calls)) as threads:
            return [future.result() for future in [threads.submit(cast("Callable[[], T]", call)) for call in calls]]

    def sessions(self, **changes: Any) -> Sessions:  # noqa: ANN401 - what `Sessions` takes
        """Sessions on the store, whose events go to `events`."""

        def clock() -> float:
            return time.time() if self.has_own_clock else self.now

        issuer = TokenIssuer(
            issuer=changes.pop("issuer", ISSUER),
            audience="https://api.example",
            client_id="web",
            signing_keys=[ACCESS_KEY],
            clock=clock,
        )
        arguments: dict[str, Any] = {
            "issuer": issuer,
            "store": self.store,
            "load": lambda _: Grants(roles=["user"]),
            "refresh_keys": [REFRESH_KEY],
            "on_event": self.events.append,
            "clock": clock,
        }
        if "grace" in changes:
            changes["grace"] = timedelta(seconds=changes["grace"])
        return Sessions(**arguments | changes)

    def refresh_token(self, session_id: str, generation: int) -> str:
        """A genuine refresh token of any generation."""
        token = RefreshToken(
            subject=self.subject, session_id=session_id, generation=generation, auth_time=int(self.now)
        )
        return RefreshTokens(ISSUER, [REFRESH_KEY]).issue(token, now=self.now, lifetime=HOUR)


def rotation_of(refresh_token: str) -> RotationRequest:
    """The row and the generation that a refresh token names."""
    claims = json.loads(decode_segment(refresh_token.split(".")[1].encode()))
    return RotationRequest(session_id=claims["sid"], generation=claims["gen"])


async def _wait(answer: Awaitable[T]) -> T:
    return await answer


async def _together(calls: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    return list(await asyncio.gather(*(call() for call in calls)))
