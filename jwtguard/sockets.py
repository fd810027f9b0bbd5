"""A websocket that lives no longer than its token: whoever holds the token gets in, but not for ever.

>>> async def server(*_):
...     return {"type": "websocket.connect"}
>>> async def application(scope, receive, send):
...     print(await receive())
>>> socket = GuardedSocket(server, server, expires_at=1000, clock=lambda: 900.0)
>>> asyncio.run(socket.run(application, {}))
{'type': 'websocket.connect'}
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]

UNAUTHORIZED = 3000
"""The close code that IANA registers for it (WebSocket Close Code Number Registry)."""
_REASON = "the access token has expired"
# Clocks are set and machines sleep: the wall clock is asked again at least this often, in seconds.
_LONGEST_NAP = 60.0


class GuardedSocket:
    """Stands between the server and the application of one websocket connection until `expires_at`.

    `expires_at` and `clock` are seconds since the epoch; None never expires. `sleep` waits for seconds.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        *,
        expires_at: float | None,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._expires_at = expires_at
        self._clock = clock
        self._sleep = asyncio.sleep if sleep is None else sleep
        self._connected = False
        self._closed_by_app = False
        self._pending: asyncio.Future[Message] | None = None
        self._ended: asyncio.Future[None]

    async def run(self, app: Callable[..., Awaitable[None]], scope: MutableMapping[str, Any]) -> None:
        """Run `app` on this socket."""
        if self._expires_at is None:
            await app(scope, self._receive, self._send)
            return
        self._ended = asyncio.get_running_loop().create_future()
        watching = asyncio.ensure_future(self._watch(self._expires_at))
        try:
            await app(scope, self.receive, self.send)
        finally:
            for task in (watching, self._pending):
                if task is not None:
                    task.cancel()
                    with suppress(asyncio.CancelledError, Exception):
                        await task

    async def receive(self) -> Message:
        """The client's next message; a disconnect once the token has expired."""
        if not self._connected:  # The handshake's own message is there already, and must come first.
            self._connected = True
            return await self._receive()
        while not self._ended.done():
            # Kept over calls: a call that the application gives up on must not lose the message that comes after it.
            pending = self._pending = self._pending or asyncio.ensure_future(self._receive())
            waiting: set[asyncio.Future[Any]] = {pending, self._ended}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            # Of two calls that wait at once, one gets the message, and the other waits for the next.
            if not self._ended.done() and self._pending is pending:
                self._pending = None
                return pending.result()
        return {"type": "websocket.disconnect", "code": UNAUTHORIZED, "reason": _REASON}

    async def send(self, message: Message) -> None:
        """Pass a message on; raises OSError after the end, as the ASGI specification asks of servers."""
        if self._ended.done():
            if message["type"] == "websocket.close":
                return
            raise OSError("the websocket was closed: " + _REASON)
        if message["type"] in {"websocket.close", "websocket.http.response.start"}:
            self._closed_by_app = True
        await self._send(message)

    async def _watch(self, expires_at: float) -> None:
        while (left := expires_at - self._clock()) > 0:
            await self._sleep(min(left, _LONGEST_NAP))
        if not self._closed_by_app:
            self._ended.set_result(None)
            with suppress(Exception):  # The client may be gone already, and then nobody is left to tell.
                await self._send({"type": "websocket.close", "code": UNAUTHORIZED, "reason": _REASON})
