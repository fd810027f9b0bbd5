"""Websockets that live no longer than their token, on a clock that the tests move."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from datetime import timedelta
from typing import Any

import pytest

from jwtguard import UNCHECKED
from jwtguard.asgi import GuardMiddleware
from jwtguard.testing.conformance.adapter_case import bearer, token
from jwtguard.testing.conformance.adapter_sites import NOW, guard_for_tests
from jwtguard.websocket_lifetime import GuardedSocket

Message = MutableMapping[str, Any]
App = Callable[..., Coroutine[Any, Any, None]]
ENDED = {"type": "websocket.close", "code": 3000, "reason": "the access token has expired"}
DISCONNECT = {"type": "websocket.disconnect", "code": 3000, "reason": "the access token has expired"}
ACCEPT: Message = {"type": "websocket.accept"}
CLOSE: Message = {"type": "websocket.close", "code": 1000}


def text(value: str) -> Message:
    """A message from the client."""
    return {"type": "websocket.receive", "text": value}


class Wire:
    """The server's side of a connection, and a clock that stands still until the test lets the token expire."""

    def __init__(self, *incoming: Message, lifetime: float = 30.0) -> None:
        self.sent: list[Message] = []
        self.naps: list[float] = []
        self.now = NOW
        self.expires_at: float | None = NOW + lifetime
        self.incoming: asyncio.Queue[Message | Exception] = asyncio.Queue()
        for message in ({"type": "websocket.connect"}, *incoming):
            self.incoming.put_nowait(message)
        self._may_expire = asyncio.Event()

    async def receive(self) -> Message:
        message = await self.incoming.get()
        if isinstance(message, Exception):
            raise message
        return message

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        await self._may_expire.wait()
        self.now += seconds

    async def expire(self) -> None:
        """Let the clock run on, and everybody who waits for it do what they do."""
        self._may_expire.set()
        await settled()

    async def run(self, app: App, scope: Message | None = None) -> None:
        socket = GuardedSocket(
            self.receive, self.send, expires_at=self.expires_at, clock=lambda: self.now, sleep=self.sleep
        )
        async with asyncio.timeout(10):
            await socket.run(app, {} if scope is None else scope)


async def settled() -> None:
    """Let every task that can run, run."""
    for _ in range(50):
        await asyncio.sleep(0)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine, and see that it leaves no task behind."""

    async def checked() -> None:
        await test()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(checked())


Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def test_messages_pass() -> None:
    """Until the token expires, messages pass both ways, in order, and nothing else is sent."""

    async def test() -> None:
        wire = Wire(text("a"), text("b"))
        seen: list[Message] = []

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            seen.extend([await receive() for _ in range(3)])
            await send(ACCEPT)

        await wire.run(app)
        assert seen == [{"type": "websocket.connect"}, text("a"), text("b")]
        assert wire.sent == [ACCEPT]

    run(test)


def test_no_expiry() -> None:
    """A token that never expires costs nothing: the application gets the server's own functions."""

    async def test() -> None:
        wire = Wire()
        wire.expires_at = None
        seen: list[object] = []

        async def app(*arguments: object) -> None:
            seen.extend(arguments)

        await wire.run(app, {"type": "websocket"})
        assert seen == [{"type": "websocket"}, wire.receive, wire.send]

    run(test)


def test_expiry_while_the_application_waits() -> None:
    """An application that waits for the client is told of a disconnect, and the client of the reason."""

    async def test() -> None:
        wire = Wire()
        seen: list[Message] = []

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            await send(ACCEPT)
            expiring = asyncio.ensure_future(wire.expire())
            seen.extend([await receive(), await receive()])
            await expiring

        await wire.run(app)
        assert seen == [DISCONNECT, DISCONNECT]
        assert wire.sent == [ACCEPT, ENDED]

    run(test)


def test_expiry_before_accept() -> None:
    """A handshake that outlasts its token is refused, and cannot be accepted any more."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            await wire.expire()
            with pytest.raises(OSError, match="the websocket was closed: the access token has expired"):
                await send(ACCEPT)

        await wire.run(app)
        assert wire.sent == [ENDED]

    run(test)


def test_the_connect_comes_first() -> None:
    """The handshake's own message reaches the application, even if the token expired meanwhile."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await wire.expire()
            assert await receive() == {"type": "websocket.connect"}
            assert await receive() == DISCONNECT

        await wire.run(app)

    run(test)


def test_sending_after_the_end() -> None:
    """After the end, sending fails as it does when the client is gone; closing again does nothing."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            await wire.expire()
            with pytest.raises(OSError, match="the websocket was closed"):
                await send({"type": "websocket.send", "text": "late"})
            await send(CLOSE)

        await wire.run(app)
        assert wire.sent == [ACCEPT, ENDED]

    run(test)


def test_application_that_closes_first() -> None:
    """A websocket that the application closed is not closed a second time."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await send(ACCEPT)
            await send(CLOSE)
            await wire.expire()

        await wire.run(app)
        assert wire.sent == [ACCEPT, CLOSE]

    run(test)


def test_application_that_denies_first() -> None:
    """A handshake that the application denied with an answer of its own is over, and is not closed on top."""

    async def test() -> None:
        wire = Wire()
        denial: list[Message] = [
            {"type": "websocket.http.response.start", "status": 404, "headers": []},
            {"type": "websocket.http.response.body", "body": b""},
        ]

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            for message in denial:
                await send(message)
            await wire.expire()

        await wire.run(app)
        assert wire.sent == denial

    run(test)


def test_cancelled_receive_loses_nothing() -> None:
    """An application that gives up waiting, with a time-out say, still gets the message that comes after."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            for value in ("a", "b"):
                waiting = asyncio.ensure_future(receive())
                await settled()
                waiting.cancel()
                await settled()
                wire.incoming.put_nowait(text(value))
                assert await receive() == text(value)

        await wire.run(app)

    run(test)


def test_two_that_receive_at_once() -> None:
    """Each of two tasks that receive at once gets a message of its own."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            waiting = asyncio.gather(receive(), receive())
            await settled()
            for value in ("a", "b"):
                wire.incoming.put_nowait(text(value))
            assert {message["text"] for message in await waiting} == {"a", "b"}

        await wire.run(app)

    run(test)


def test_server_that_fails() -> None:
    """An error of the server's `receive` is the application's to see, and the next call asks anew."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            wire.incoming.put_nowait(ConnectionError("gone"))
            with pytest.raises(ConnectionError, match="gone"):
                await receive()
            wire.incoming.put_nowait(text("a"))
            assert await receive() == text("a")

        await wire.run(app)

    run(test)


def test_error_after_the_wait_ended() -> None:
    """An error of the server that arrives after the last wait has ended has no effect."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            waiting = asyncio.ensure_future(receive())
            await settled()
            waiting.cancel()
            wire.incoming.put_nowait(ConnectionError("gone"))
            await settled()

        await wire.run(app)

    run(test)


def test_client_that_is_gone() -> None:
    """If the client is gone when its token expires, the application is told all the same."""

    async def test() -> None:
        wire = Wire()

        async def gone(message: Message) -> None:
            raise ConnectionError("gone")

        wire.send = gone  # type: ignore[method-assign]

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            await wire.expire()
            assert await receive() == DISCONNECT

        await wire.run(app)

    run(test)


def test_errors_of_the_application() -> None:
    """An exception of the application reaches the server, and no task stays behind."""

    async def test() -> None:
        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            raise ValueError("own")

        with pytest.raises(ValueError, match="own"):
            await Wire().run(app)

    run(test)


def test_cancellation() -> None:
    """A server that shuts down cancels the application, and everything that waits with it."""

    async def test() -> None:
        wire = Wire()

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            await receive()

        running = asyncio.ensure_future(wire.run(app))
        await settled()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    run(test)


@pytest.mark.parametrize(
    ("lifetime", "naps"), [(30.0, [30.0]), (60.0, [60.0]), (130.0, [60.0, 60.0, 10.0]), (0.0, []), (-5.0, [])]
)
def test_naps(lifetime: float, naps: list[float]) -> None:
    """The clock is asked again every minute, since clocks are set and machines sleep."""

    async def test() -> None:
        wire = Wire(lifetime=lifetime)

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            assert await receive() == DISCONNECT

        expiring = asyncio.ensure_future(wire.expire())
        await wire.run(app)
        await expiring
        assert (wire.naps, wire.sent) == (naps, [ENDED])

    run(test)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [({}, 310.0), ({"leeway": timedelta(0)}, 300.0), ({"max_token_age": timedelta(seconds=60)}, 70.0)],
)
def test_when_a_token_ends(settings: dict[str, Any], expected: float) -> None:
    """A websocket lives exactly as long as its token would be accepted: to `exp`, or to the age that is allowed."""

    async def test() -> None:
        wire = Wire()
        guard = guard_for_tests(clock=lambda: wire.now, rules=UNCHECKED, **settings)

        async def app(scope: Message, receive: Receive, send: Send) -> None:
            await receive()
            await wire.expire()
            assert await receive() == DISCONNECT

        name, value = bearer(token())
        scope = {"type": "websocket", "path": "/", "headers": [(name.lower().encode(), value.encode())]}
        await GuardMiddleware(app, guard, sleep=wire.sleep)(scope, wire.receive, wire.send)
        assert sum(wire.naps) == expected

    run(test)
