"""Websockets through a real server and a real client, on loopback: what the others only play."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from jwtguard import UNCHECKED, AuthorizationHeader, TokenCookie, TokenSubprotocol
from jwtguard.asgi import GuardMiddleware, requires
from jwtguard.testing.conformance.adapter_case import ABSENT, EXPIRED, GOOD
from jwtguard.testing.conformance.adapter_sites import NOW, guard_for_tests
from tests.adapters.uvicorn_server import by_uvicorn

WAIT = 30.0
"""Seconds after which a test fails that waits for the other side."""
HEADER = {"Authorization": f"Bearer {GOOD}"}


class Application:
    """An application with one websocket, whose clock runs on when the client says `expire`."""

    def __init__(self) -> None:
        self.now = NOW
        self.seen: list[str] = []
        self._may_expire = asyncio.Event()
        guard = guard_for_tests(
            tokens_from=[AuthorizationHeader(), TokenCookie("__Host-access"), TokenSubprotocol()],
            clock=lambda: self.now,
            rules=UNCHECKED,
        )
        in_front = Middleware(GuardMiddleware, guard=guard, sleep=self._sleep)
        self.app = Starlette(routes=[WebSocketRoute("/", requires()(self._talk))], middleware=[in_front])

    async def _sleep(self, seconds: float) -> None:
        await self._may_expire.wait()
        self.now += seconds

    async def _talk(self, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.user.identity)
        async for message in websocket.iter_text():
            self.seen.append(message)
            if message == "expire":
                self._may_expire.set()
        self.seen.append("ended")


def open_socket(port: int, **settings: Any) -> ClientConnection:
    """Connect as a client does."""
    client: ClientConnection = connect(
        f"ws://127.0.0.1:{port}/", open_timeout=WAIT, close_timeout=WAIT, proxy=None, **settings
    )
    return client


def test_closed_when_the_token_expires() -> None:
    """The client is told by code 3000 that its token has expired, and the application by a disconnect."""
    application = Application()
    with by_uvicorn(application.app) as port, open_socket(port, additional_headers=HEADER) as client:
        assert client.recv(WAIT) == "user-1"
        client.send("expire")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv(WAIT)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3000, "the access token has expired")
    assert application.seen == ["expire", "ended"]


def test_closed_by_the_client() -> None:
    """A client that leaves before its token expires is an ordinary disconnect."""
    application = Application()
    with by_uvicorn(application.app) as port:
        with open_socket(port, additional_headers=HEADER) as client:
            assert client.recv(WAIT) == "user-1"
        assert client.close_code == 1000
    assert application.seen == ["ended"]


@pytest.mark.parametrize(
    ("settings", "status", "challenge"),
    [
        ({}, 401, ABSENT),
        ({"additional_headers": {"Authorization": f"Bearer {EXPIRED}"}}, 401, 'error="invalid_token"'),
        ({"additional_headers": {"Cookie": f"__Host-access={GOOD}"}}, 403, None),
        ({"additional_headers": {"Cookie": f"__Host-access={GOOD}"}, "origin": "https://evil.example"}, 403, None),
    ],
)
def test_denied(settings: dict[str, Any], status: int, challenge: str | None) -> None:
    """A refused handshake is answered with status, challenge and problem, as any other request."""
    with by_uvicorn(Application().app) as port, pytest.raises(InvalidStatus) as refused:
        open_socket(port, **settings)
    answer = refused.value.response
    assert answer.status_code == status
    assert (challenge or "") in answer.headers.get("WWW-Authenticate", "")
    assert answer.body is not None
    assert json.loads(answer.body)["status"] == status


@pytest.mark.parametrize(
    ("settings", "subprotocol"),
    [({"subprotocols": ["bearer", GOOD]}, "bearer"), ({"additional_headers": HEADER, "subprotocols": ["chat"]}, None)],
)
def test_subprotocol(settings: dict[str, Any], subprotocol: str | None) -> None:
    """A token that came as a subprotocol is answered with the one that is none of the token's."""
    with by_uvicorn(Application().app) as port, open_socket(port, **settings) as client:
        assert (client.recv(WAIT), client.subprotocol) == ("user-1", subprotocol)


def test_cookie_from_our_own_page() -> None:
    """A page of the same host may open a websocket with its cookie."""
    with by_uvicorn(Application().app) as port:
        cookie = {"Cookie": f"__Host-access={GOOD}"}
        with open_socket(port, additional_headers=cookie, origin=f"http://127.0.0.1:{port}") as client:
            assert client.recv(WAIT) == "user-1"
