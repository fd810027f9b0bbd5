"""A websocket that lives no longer than its token and its session: whoever holds the token gets in, but not for ever.

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
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

from jwtguard.core.errors import JWTGuardError, UnavailableError
from jwtguard.core.logs import log_fields

logger = logging.getLogger("jwtguard")

Message: TypeAlias = MutableMapping[str, Any]

UNAUTHORIZED = 3000
"""The close code that IANA registers for it (WebSocket Close Code Number Registry)."""
TRY_AGAIN_LATER = 1013
"""What 503 is to a request (WebSocket Close Code Number Registry)."""
# Clocks are set and machines sleep: the wall clock is asked again at least this often, in seconds.
_LONGEST_NAP = 60.0
# A store that takes longer to answer is as good as down, in seconds.
_LONGEST_CHECK = 10.0


class _End(NamedTuple):
    code: int
    reason: str


_EXPIRED = _End(UNAUTHORIZED, "the access token has expired")
_REVOKED = _End(UNAUTHORIZED, "the session has ended")
_UNKNOWN = _End(TRY_AGAIN_LATER, "the session cannot be checked at the moment")


class GuardedSocket:
    """Stands between the server and the application of one websocket connection until the token or the session ends.

    `expires_at` and `clock` are seconds since the epoch; None never expires. `recheck` asks whether the session goes
    on: it gives the seconds until it must be asked again, or raises a `JWTGuardError`. `sleep` waits for seconds.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
        *,
        expires_at: float | None,
        clock: Callable[[], float],
        recheck: Callable[[], Awaitable[float]] | None = None,
        sleep: Callable[[float], Awaitable[object]] | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._expires_at = float("inf") if expires_at is None else expires_at
        self._clock = clock
        self._recheck = recheck
        self._sleep = asyncio.sleep if sleep is None else sleep
        self._connected = False
        self._closed_by_app = False
        self._pending: asyncio.Future[Message] | None = None
        self._ended: asyncio.Future[_End]

    async def run(self, app: Callable[..., Awaitable[None]], scope: MutableMapping[str, Any]) -> None:
        """Run `app` on this socket."""
        if self._expires_at == float("inf") and self._recheck is None:
            await app(scope, self._receive, self._send)
            return
        self._ended = asyncio.get_running_loop().create_future()
        watching = asyncio.ensure_future(self._watch())
        try:
            await app(scope, self.receive, self.send)
        finally:
            for task in (watching, self._pending):
                if task is not None:
                    task.cancel()
                    with suppress(asyncio.CancelledError, Exception):
                        await task

    async def receive(self) -> Message:
        """The client's next message; a disconnect once the token has expired or the session has ended."""
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
        end = self._ended.result()
        return {"type": "websocket.disconnect", "code": end.code, "reason": end.reason}

    async def send(self, message: Message) -> None:
        """Pass a message on; raises OSError after the end, as the ASGI specification asks of servers."""
        if self._ended.done() and not self._closed_by_app:  # An answer of its own it may finish.
            if message["type"] == "websocket.close":
                return
            raise OSError("the websocket was closed: " + self._ended.result().reason)
        if message["type"] in {"websocket.close", "websocket.http.response.start"}:
            self._closed_by_app = True
        await self._send(message)

    async def _watch(self) -> None:
        end = await self._wait_for_the_end()
        self._ended.set_result(end)
        if not self._closed_by_app:
            with suppress(Exception):  # The client may be gone already, and then nobody is left to tell.
                await self._send({"type": "websocket.close", "code": end.code, "reason": end.reason})

    async def _wait_for_the_end(self) -> _End:
        due = float("inf") if self._recheck is None else 0.0
        while (left := self._expires_at - self._clock()) > 0:
            if due <= 0 and self._recheck is not None:
                try:
                    due = await asyncio.wait_for(self._recheck(), min(left, _LONGEST_CHECK))
                except Exception as error:
                    if isinstance(error, JWTGuardError) and error.status == 401:
                        return _REVOKED
                    # If nobody can tell, it ends too: no session that was ended may go on by an outage. The client is
                    # told to come back, not that its token is no good.
                    if not isinstance(error, UnavailableError | TimeoutError):
                        logger.exception(
                            "a websocket is closed: its session cannot be checked",
                            extra=log_fields("socket_not_checked"),
                        )
                    return _UNKNOWN
                continue  # The answer may have taken its time.
            nap = min(left, due, _LONGEST_NAP)
            await self._sleep(nap)
            due -= nap
        return _EXPIRED
