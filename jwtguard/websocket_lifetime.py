"""Connections that stay open: a websocket or a response lives no longer than its token and its session.

>>> import asyncio
>>> async def server(*_):
...     return {"type": "websocket.connect"}
>>> async def application(scope, receive, send):
...     print(await receive())
>>> socket = GuardedSocket(server, server, expires_at=1000, clock=lambda: 900.0)
>>> asyncio.run(socket.run(application, {}))
{'type': 'websocket.connect'}

Works on asyncio and, where anyio is installed, on trio: `jwtguard.core.event_loops` has what differs.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from jwtguard.core import event_loops
from jwtguard.core.errors import InvalidTokenError, JWTGuardError, UnavailableError
from jwtguard.core.event_loops import Beside, Stoppable
from jwtguard.core.events import log_fields

logger = logging.getLogger("jwtguard")

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[..., Awaitable[None]]
Recheck: TypeAlias = Callable[[], Awaitable[float]]
Sleep: TypeAlias = Callable[[float], Awaitable[object]]

UNAUTHORIZED = 3000
"""The close code that IANA registers for it (WebSocket Close Code Number Registry)."""
TRY_AGAIN_LATER = 1013
"""What 503 is to a request (WebSocket Close Code Number Registry)."""
GRACE = 5.0
"""Seconds that an application has after the end of its response, and the last message has to reach the server."""
# Clocks are set and machines sleep: the wall clock is asked again at least this often, in seconds.
_LONGEST_NAP = 60.0
# Less would not move a clock that counts from the epoch, whose floats are coarse.
_SHORTEST_NAP = 0.001
# A store that takes longer to answer is as good as down, in seconds.
_LONGEST_CHECK = 10.0
# A look-up that failed is tried once more after so many seconds; drawn, so that not all connections ask at once.
_RETRY = (0.5, 2.0)


class End(NamedTuple):
    """Why a connection ends: the close code of a websocket, the reason, and the refusal that a request would get."""

    code: int
    reason: str
    refusal: str

    def error(self) -> JWTGuardError:
        """The refusal of a request that comes after this end."""
        return UnavailableError("store") if self.code == TRY_AGAIN_LATER else InvalidTokenError(self.refusal)


_EXPIRED = End(UNAUTHORIZED, "the access token has expired", "expired")
_REVOKED = End(UNAUTHORIZED, "the session has ended", "revoked")
_UNKNOWN = End(TRY_AGAIN_LATER, "the session cannot be checked at the moment", "store")


class ResponseCutError(Exception):
    """Leaves the application, so that the server cuts a connection whose response must not look complete."""


class Lifetime:
    """How long a connection may stay open: until its token expires or its session ends.

    `expires_at` and `clock` are seconds since the epoch; None never expires. `recheck` asks whether the session goes
    on: it gives the seconds until it must be asked again, or raises a `JWTGuardError`. `sleep` waits for seconds.
    """

    def __init__(
        self,
        *,
        expires_at: float | None,
        clock: Callable[[], float],
        recheck: Recheck | None = None,
        sleep: Sleep | None = None,
    ) -> None:
        self._expires_at = float("inf") if expires_at is None else expires_at
        self._clock = clock
        self._recheck = recheck
        self.sleep = event_loops.sleep if sleep is None else sleep

    @property
    def is_endless(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._expires_at == float("inf") and self._recheck is None

    async def until_the_end(self) -> End:
        """Wait for the end, and say why it came."""
        due = float("inf") if self._recheck is None else 0.0
        has_failed = False
        while (left := self._expires_at - self._clock()) > 0:
            if due <= 0 and self._recheck is not None:
                try:
                    due = await _within(min(left, _LONGEST_CHECK), self._recheck)
                except Exception as error:
                    if isinstance(error, JWTGuardError) and error.status == 401:
                        return _REVOKED
                    if not has_failed:
                        has_failed, due = True, random.uniform(*_RETRY)  # noqa: S311 - spreads load, keeps no secret
                        continue
                    # If this cannot be told, it ends too: no ended session may go on by an outage. The client is told
                    # to come back, not that its token is no good.
                    if not isinstance(error, UnavailableError | TimeoutError):
                        logger.exception(
                            "a connection is closed: its session cannot be checked",
                            extra=log_fields("socket_not_checked"),
                        )
                    return _UNKNOWN
                has_failed = False
                continue  # The answer may have taken its time.
            nap = max(min(left, due, _LONGEST_NAP), _SHORTEST_NAP)
            await self.sleep(nap)
            due -= nap
        return _EXPIRED


async def _within(seconds: float, recheck: Recheck) -> float:
    async with Stoppable(seconds):
        return await recheck()
    raise TimeoutError


class _Connection:
    """One connection between the server and the application."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._end: End | None = None
        self._receiving: set[Stoppable] = set()
        self._beside = Beside()

    async def _received(self) -> Message | None:
        """The client's next message; None once this has ended."""
        if self._end is not None:
            return None
        async with Stoppable() as block:
            self._receiving.add(block)
            try:
                return await self._receive()
            finally:
                self._receiving.discard(block)
        return None

    def _ended(self, end: End) -> None:
        """From here on, `_received` gives None, also to those who wait in it."""
        self._end = end
        for block in self._receiving:
            block.stop()


class GuardedSocket(_Connection):
    """A websocket that is closed when its token expires or its session ends; the application sees a disconnect.

    The arguments are those of `Lifetime`.
    """

    _is_connected = _is_closed_by_app = False

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        expires_at: float | None,
        clock: Callable[[], float],
        recheck: Recheck | None = None,
        sleep: Sleep | None = None,
    ) -> None:
        super().__init__(receive, send)
        self._lifetime = Lifetime(expires_at=expires_at, clock=clock, recheck=recheck, sleep=sleep)

    async def run(self, app: App, scope: Scope) -> None:
        """Run `app` on this socket."""
        if self._lifetime.is_endless:
            await app(scope, self._receive, self._send)
            return

        async def body() -> None:
            self._beside.start(self._watch)
            await app(scope, self.receive, self.send)

        await self._beside.run(body)

    async def receive(self) -> Message:
        """The client's next message; a disconnect once the token has expired or the session has ended."""
        if not self._is_connected:  # The handshake's own message is there already, and must come first.
            self._is_connected = True
            return await self._receive()
        message = await self._received()
        if message is not None:
            return message
        end = self._end or _EXPIRED
        return {"type": "websocket.disconnect", "code": end.code, "reason": end.reason}

    async def send(self, message: Message) -> None:
        """Pass a message on; raises OSError after the end, as the ASGI specification asks of servers."""
        if self._end is not None and not self._is_closed_by_app:  # An answer of its own it may finish.
            if message["type"] == "websocket.close":
                return
            raise OSError("the websocket was closed: " + self._end.reason)
        if message["type"] in {"websocket.close", "websocket.http.response.start"}:
            self._is_closed_by_app = True
        await self._send(message)

    async def _watch(self) -> None:
        end = await self._lifetime.until_the_end()
        self._ended(end)
        if not self._is_closed_by_app:
            self._beside.start(self._close, to_the_end=True)

    async def _close(self) -> None:
        end = self._end or _EXPIRED
        with suppress(Exception):  # The client may have gone already.
            async with Stoppable(GRACE):
                await self._send({"type": "websocket.close", "code": end.code, "reason": end.reason})


class GuardedResponse(_Connection):
    """A response that ends when its token expires or its session ends: when `lifetime()` is over.

    With `refuse` it is any response: one that has not begun by then is the refusal that `refuse(end)` sends. Without,
    it is an event stream (`text/event-stream`), and everything else runs on. Ended means: the application sees
    `http.disconnect`, what it sends is dropped, and it is cancelled after `GRACE` seconds. With `in_order` an event
    stream is completed; any other response is cut, by a `ResponseCutError`, so that it does not look complete.
    """

    _is_watched = _has_begun = _is_complete = _is_event_stream = _has_trailers = False
    _sending = 0

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        lifetime: Callable[[], Lifetime],
        in_order: bool,
        refuse: Callable[[End], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(receive, send)
        self._lifetime = lifetime
        self._in_order = in_order
        self._refuse = refuse

    async def run(self, app: App, scope: Scope) -> None:
        """Run `app` for this response; raises `ResponseCutError`."""

        async def body() -> None:
            if self._refuse is not None:
                self._watch_from_here()
            await app(scope, self.receive, self.send)

        await self._beside.run(body)
        if self._end is not None and not self._is_complete:
            raise ResponseCutError(f"the response is cut: {self._end.reason}")

    async def receive(self) -> Message:
        """The next part of the request; a disconnect once the token has expired or the session has ended."""
        message = await self._received()
        return {"type": "http.disconnect"} if message is None else message

    async def send(self, message: Message) -> None:
        """Pass a message on, or drop it after the end."""
        if self._is_watched:
            await self._send_watched(message)
            return
        # Most responses are no event stream, and pay for this look alone.
        await self._send(message)
        if self._refuse is None and message["type"] == "http.response.start":
            self._note_start(message)
            if self._is_event_stream:
                self._watch_from_here()

    def _watch_from_here(self) -> None:
        lifetime = self._lifetime()
        if not lifetime.is_endless:
            self._is_watched = True
            self._beside.start(partial(self._watch, lifetime))

    def _note_start(self, message: Message) -> None:
        self._has_begun = True
        self._has_trailers = message.get("trailers", False)
        self._is_event_stream = _is_event_stream(message.get("headers", ()))

    async def _send_watched(self, message: Message) -> None:
        if self._end is not None:
            # Other tasks must run: an application may send forever, and nothing slows it down any more.
            await event_loops.sleep(0)
            return
        if message["type"] == "http.response.start":
            self._note_start(message)
        self._sending += 1
        try:
            await self._send(message)
        finally:
            self._sending -= 1
        if self._completes(message):
            self._is_complete = True
        elif self._end is not None:
            self._finish_in_order()  # It ended while this was under way.

    def _completes(self, message: Message) -> bool:
        kind = message["type"]
        if kind == "http.response.trailers":
            return not message.get("more_trailers", False)
        if kind == "http.response.body":
            return not message.get("more_body", False) and not self._has_trailers
        return bool(kind == "http.response.pathsend")

    async def _watch(self, lifetime: Lifetime) -> None:
        end = await lifetime.until_the_end()
        if self._is_complete:
            return  # What the application does after its response is its own business.
        self._ended(end)
        if self._refuse is not None and not self._has_begun:
            self._beside.start(partial(self._last, partial(self._refuse, end)), to_the_end=True)
        elif not self._sending:
            self._finish_in_order()
        await lifetime.sleep(GRACE)
        self._beside.stop()

    def _finish_in_order(self) -> None:
        if self._in_order and self._is_event_stream:
            final = {"type": "http.response.body", "body": b"", "more_body": False}
            self._beside.start(partial(self._last, partial(self._send, final)), to_the_end=True)

    async def _last(self, send: Callable[[], Awaitable[None]]) -> None:
        """The last that the server hears; if it does not take it in time, the response stays incomplete."""
        with suppress(Exception):  # The client may be gone already.
            async with Stoppable(GRACE):
                await send()
                self._is_complete = True


def _is_event_stream(headers: Any) -> bool:  # noqa: ANN401 - an iterable of pairs, as ASGI says
    return any(
        name.lower() == b"content-type" and value.partition(b";")[0].strip().lower() == b"text/event-stream"
        for name, value in headers
    )
