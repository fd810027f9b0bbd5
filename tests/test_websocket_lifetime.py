"""A websocket ends with its token and with its session, and not before."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jwtguard import InvalidTokenError, UnavailableError
from jwtguard.websocket_lifetime import GuardedSocket, Message
from tests.core.token_samples import NOW, Clock

EXPIRED = {"code": 3000, "reason": "the access token has expired"}
ENDED = {"code": 3000, "reason": "the session has ended"}
RETRY = 2.0
UNKNOWN = {"code": 1013, "reason": "the session cannot be checked at the moment"}


class Scene:
    """A socket between a silent client and an application that listens; time passes as the socket sleeps."""

    def __init__(
        self, *, expires_at: float | None = NOW + 300, recheck: Callable[[], Awaitable[float]] | None = None
    ) -> None:
        self.clock = Clock()
        self.naps: list[float] = []
        self.sent: list[Message] = []
        self.received: list[Message] = []
        self.incoming: list[Message] = [{"type": "websocket.connect"}]
        self.socket = GuardedSocket(
            self.receive, self.send, expires_at=expires_at, clock=self.clock, recheck=recheck, sleep=self.sleep
        )

    async def receive(self) -> Message:
        if not self.incoming:
            await asyncio.Event().wait()
        return self.incoming.pop(0)

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    async def sleep(self, seconds: float) -> None:
        for _ in range(10):  # Let the application get to where it waits for the client.
            await asyncio.sleep(0)
        self.naps.append(seconds)
        self.clock.now += seconds

    async def listen(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while not self.received or self.received[-1]["type"] != "websocket.disconnect":
            self.received.append(await receive())

    def play(self, app: Any = None) -> None:
        asyncio.run(asyncio.wait_for(self.socket.run(app or self.listen, {}), 10))


def rechecks(*answers: float | Exception) -> Callable[[], Awaitable[float]]:
    """Gives these answers, one a call."""
    left = list(answers)

    async def recheck() -> float:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return recheck


@pytest.mark.parametrize(
    ("recheck", "end", "naps"),
    [
        (None, EXPIRED, [60, 60, 60, 60, 60]),
        (rechecks(float("inf")), EXPIRED, [60, 60, 60, 60, 60]),
        (rechecks(100, 100, 100), EXPIRED, [60, 40, 60, 40, 60, 40]),
        (rechecks(InvalidTokenError("revoked")), ENDED, []),
        (rechecks(5, InvalidTokenError("revoked")), ENDED, [5]),
        (rechecks(3, 5, 5, InvalidTokenError("revoked")), ENDED, [3, 5, 5]),
        (rechecks(0, 0, InvalidTokenError("revoked")), ENDED, []),
        (rechecks(5, UnavailableError("store"), UnavailableError("store")), UNKNOWN, [5, RETRY]),
        (rechecks(5, ValueError("unforeseen"), TimeoutError()), UNKNOWN, [5, RETRY]),
        (rechecks(5, TimeoutError(), ValueError("unforeseen")), UNKNOWN, [5, RETRY]),
        (rechecks(5, UnavailableError("store"), InvalidTokenError("revoked")), ENDED, [5, RETRY]),
        (
            rechecks(UnavailableError("store"), 5, TimeoutError(), 5, InvalidTokenError("revoked")),
            ENDED,
            [RETRY, 5] * 2,
        ),
    ],
)
def test_how_it_ends(
    recheck: Callable[[], Awaitable[float]] | None,
    end: dict[str, Any],
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The client is told the reason, and the application sees a disconnect; the session is asked when it is due. A
    look-up that fails is tried once more, within two seconds.
    """
    monkeypatch.setattr("jwtguard.websocket_lifetime.random.uniform", lambda earliest, latest: latest)
    scene = Scene(recheck=recheck)
    scene.play()
    assert scene.sent[-1] == {"type": "websocket.close", **end}
    assert scene.received == [{"type": "websocket.connect"}, {"type": "websocket.disconnect", **end}]
    assert scene.naps == naps


def test_without_an_expiry() -> None:
    """The session is asked all the same."""
    scene = Scene(expires_at=None, recheck=rechecks(*[90] * 10, InvalidTokenError("revoked")))
    scene.play()
    assert scene.sent[-1] == {"type": "websocket.close", **ENDED}
    assert sum(scene.naps) == 900


def test_nothing_to_watch() -> None:
    """Without an expiry and a session the application gets the server's own functions."""
    scene = Scene(expires_at=None)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert (receive, send) == (scene.receive, scene.send)

    scene.play(app)


@pytest.mark.parametrize("error", [RuntimeError("unforeseen"), UnavailableError("store")])
def test_only_the_unforeseen_is_logged_with_a_traceback(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """An outage has been told where it was found."""
    Scene(recheck=rechecks(error, error)).play()
    assert ("its session cannot be checked" in caplog.text) is isinstance(error, RuntimeError)


def test_a_check_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """An unforeseen error counts as an outage: the socket is closed, because the session's state is unknown."""
    monkeypatch.setattr("jwtguard.websocket_lifetime._LONGEST_CHECK", 0.01)

    async def recheck() -> float:
        await asyncio.Event().wait()
        return 0

    scene = Scene(recheck=recheck)
    scene.play()
    assert scene.sent[-1] == {"type": "websocket.close", **UNKNOWN}


def test_messages_pass() -> None:
    """Messages pass both ways until the end; then sending fails as to a client that has gone."""
    scene = Scene(recheck=rechecks(5, InvalidTokenError("revoked")))
    scene.incoming += [{"type": "websocket.receive", "text": str(number)} for number in range(3)]
    failed: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await scene.listen(scope, receive, send)
        with pytest.raises(OSError, match="the session has ended"):
            await send({"type": "websocket.send", "text": "too late"})
        await send({"type": "websocket.close"})
        failed.append("as it should")

    scene.play(app)
    assert [message.get("text") for message in scene.received] == [None, "0", "1", "2", None]
    assert [message["type"] for message in scene.sent] == ["websocket.accept", "websocket.close"]
    assert failed


def test_a_receive_that_is_given_up() -> None:
    """Loses no message."""
    scene = Scene(expires_at=NOW + 1e9)
    arrived = asyncio.Event()
    got: list[Message] = []

    async def receive() -> Message:
        if got:
            await arrived.wait()
        return {"type": "websocket.receive", "text": "late"} if got else {"type": "websocket.connect"}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        got.append(await receive())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.01)
        arrived.set()
        got.append(await receive())

    async def forever(_: float) -> None:
        await asyncio.Event().wait()

    socket = GuardedSocket(receive, scene.send, expires_at=NOW + 1e9, clock=scene.clock, sleep=forever)
    asyncio.run(asyncio.wait_for(socket.run(app, {}), 10))
    assert [message.get("text") for message in got] == [None, "late"]


def test_closed_by_the_application() -> None:
    """Nothing is closed twice."""
    scene = Scene(recheck=rechecks(5, InvalidTokenError("revoked")))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1000})
        assert (await receive())["code"] == 3000

    scene.play(app)
    assert scene.sent == [{"type": "websocket.close", "code": 1000}]


def test_a_client_that_is_gone() -> None:
    """A client that has gone is no error."""
    scene = Scene(recheck=rechecks(InvalidTokenError("revoked")))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await receive()

    async def send(message: Message) -> None:
        raise OSError("gone")

    socket = GuardedSocket(
        scene.receive, send, expires_at=None, clock=scene.clock, recheck=rechecks(InvalidTokenError("revoked"))
    )
    asyncio.run(asyncio.wait_for(socket.run(app, {}), 10))
