"""A websocket of an ended session, through the ASGI middleware: closed with 3000, within `max_staleness`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import UNCHECKED, Guard, SessionRevocation
from jwtguard.asgi import GuardMiddleware
from jwtguard.core.sessions.store_protocol import Session
from jwtguard.stores.memory import MemoryStore
from tests.core.session_world import ACCESS_KEY, World
from tests.core.token_samples import AUDIENCE, ISSUER


class OnTheLoop(MemoryStore):
    """Asks another store without a thread, so that no machine is too slow for a clock that stands still."""

    def __init__(self, store: MemoryStore) -> None:
        super().__init__()
        self.store = store

    async def find(self, session_id: str, *, now: float) -> Session | None:  # type: ignore[override]
        return self.store.find(session_id, now=now)


class Sockets:
    """An application behind the middleware, with sockets of one session; one clock for all that tells the time."""

    def __init__(self, staleness: float) -> None:
        self.world = World()
        self.answer = self.world.start()
        self.world.store.calls.clear()
        self.start = self.world.clock.now
        revocation = SessionRevocation(
            OnTheLoop(self.world.store), max_staleness=timedelta(seconds=staleness), monotonic=self.world.clock
        )
        guard = Guard(
            issuer=ISSUER,
            audience=AUDIENCE,
            keys=ACCESS_KEY.verification_key,
            revocation=revocation,
            rules=UNCHECKED,
            clock=self.world.clock,
        )
        self.middleware = GuardMiddleware(self.app, guard, sleep=self.sleep)
        self.happens: dict[float, Any] = {}
        self.closed: list[tuple[float, int]] = []
        self.disconnected: list[int] = []
        self.lock = asyncio.Lock()

    @property
    def elapsed(self) -> float:
        return self.world.clock.now - self.start

    async def sleep(self, seconds: float) -> None:
        """Each sleeper waits for its own time; the one with the shortest wait moves the clock."""
        until = self.world.clock.now + seconds
        while self.world.clock.now < until:
            for _ in range(50):  # Whatever else can happen now, happens first.
                await asyncio.sleep(0)
            async with self.lock:
                if self.world.clock.now < until:
                    self.world.clock.now = min(self.world.clock.now + 0.25, until)
                    for at in [at for at in self.happens if at <= self.elapsed]:
                        self.happens.pop(at)()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        self.disconnected.append((await receive())["code"])

    async def open(self) -> None:
        incoming = [{"type": "websocket.connect"}]

        async def receive() -> Any:
            if not incoming:
                await asyncio.Event().wait()
            return incoming.pop(0)

        async def send(message: Any) -> None:
            if message["type"] == "websocket.close":
                self.closed.append((self.elapsed, message["code"]))

        headers = [(b"authorization", f"Bearer {self.answer.access_token}".encode())]
        scope = {"type": "websocket", "path": "/", "headers": headers}
        await self.middleware(scope, receive, send)

    async def play(self, number: int) -> None:
        await asyncio.wait_for(asyncio.gather(*(self.open() for _ in range(number))), 60)


def end(sockets: Sockets) -> None:
    sockets.world.sessions.end(sockets.answer.refresh_token).run()


@pytest.mark.parametrize(("staleness", "ended_at"), [(5, 7), (5, 4.5), (20, 1), (0, 3)])
def test_closed_within_max_staleness(staleness: float, ended_at: float) -> None:
    """Five sockets of a session share its look-ups; where every request asks, sockets ask once a second."""

    async def main() -> None:
        sockets = Sockets(staleness)
        sockets.happens[ended_at] = lambda: end(sockets)
        await sockets.play(5)
        interval = max(staleness, 1)
        assert [code for _, code in sockets.closed] == [3000] * 5
        assert sockets.disconnected == [3000] * 5
        assert all(ended_at <= at <= ended_at + interval + 0.25 for at, _ in sockets.closed)
        handshakes = 1 if staleness else 5
        assert sockets.world.store.calls.count("find") <= handshakes + (ended_at // interval) + 2

    asyncio.run(main())


def test_closed_when_the_store_is_unreachable() -> None:
    """With 1013, which asks the client to come back; the session may go on after the outage."""

    async def main() -> None:
        sockets = Sockets(5)
        sockets.happens[6] = lambda: sockets.world.store.fails.add("find")
        await sockets.play(2)
        assert [code for _, code in sockets.closed] == [1013] * 2
        assert sockets.disconnected == [1013] * 2

    asyncio.run(main())


def test_closed_when_the_token_expires() -> None:
    """A session that goes on is asked until then, and no more often than it must."""

    async def main() -> None:
        sockets = Sockets(60)
        await sockets.play(1)
        assert sockets.closed == [(310, 3000)]
        assert sockets.world.store.calls.count("find") in {6, 7}

    asyncio.run(main())


def test_an_ended_session_opens_no_socket() -> None:
    """The application hears nothing of it; what the middleware kept is an error."""

    async def main() -> None:
        sockets = Sockets(5)
        end(sockets)
        opened: list[object] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            opened.append(scope["user"].is_authenticated)

        sockets.middleware.app = app
        await sockets.open()
        assert opened == [False]

    asyncio.run(main())
