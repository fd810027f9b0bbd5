"""Responses and websockets that outlive their token, through uvicorn (h11, httptools) and hypercorn (asyncio, trio)."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import anyio
import hypercorn.asyncio
import hypercorn.trio
import pytest
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from jwtguard import UNCHECKED
from jwtguard.asgi import GuardMiddleware, requires
from jwtguard.testing.conformance.adapter_case import GOOD
from jwtguard.testing.conformance.adapter_sites import NOW, guard_for_tests
from tests.adapters.uvicorn_server import by_uvicorn

WAIT = 30.0
"""Seconds after which a test fails that waits for the other side."""
HEADERS = {"Authorization": f"Bearer {GOOD}"}


class Site:
    """An application whose clock passes the expiry once its stream has begun."""

    def __init__(self, end_streams: bool | None = None) -> None:
        self.has_begun = False
        self.was_closed = threading.Event()
        guard = guard_for_tests(rules=UNCHECKED, clock=lambda: NOW + (1e6 if self.has_begun else 0))
        in_front = Middleware(GuardMiddleware, guard=guard, end_streams=end_streams, sleep=self._sleep)
        routes = [
            Route("/{kind:path}", requires()(self._stream), methods=["GET", "POST"]),
            WebSocketRoute("/", requires()(self._talk)),
        ]
        self.app = Starlette(routes=routes, middleware=[in_front])

    async def _sleep(self, seconds: float) -> None:
        while not self.has_begun:
            await anyio.sleep(0.01)
        await anyio.sleep(0)

    async def _stream(self, request: Request) -> Response:
        return StreamingResponse(self._events(), media_type=request.path_params["kind"])

    async def _events(self) -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            self.has_begun = True
            await anyio.sleep(WAIT)
            yield b"data: too late\n\n"
        finally:
            self.was_closed.set()

    async def _talk(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.has_begun = True
        async for _ in websocket.iter_text():
            pass
        self.was_closed.set()


@contextmanager
def by_hypercorn(app: Any, *, on_trio: bool) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Config()
    config.bind, config.errorlog, config.graceful_timeout = [f"127.0.0.1:{port}"], None, 0.1
    stop, is_ready = threading.Event(), threading.Event()

    async def until_stopped() -> None:
        is_ready.set()
        while not stop.is_set():
            await anyio.sleep(0.02)

    serve = hypercorn.trio.serve if on_trio else hypercorn.asyncio.serve
    run = partial(serve, app, config, shutdown_trigger=until_stopped)
    thread = threading.Thread(target=lambda: anyio.run(run, backend="trio" if on_trio else "asyncio"))
    thread.start()
    try:
        for _ in range(1000):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            threading.Event().wait(0.01)
        yield port
    finally:
        stop.set()
        thread.join(WAIT)
    assert not thread.is_alive()


Serve = Callable[[Any], Any]
servers = pytest.mark.parametrize(
    "serve",
    [
        pytest.param(partial(by_uvicorn, http="h11"), id="uvicorn-h11"),
        pytest.param(partial(by_uvicorn, http="httptools"), id="uvicorn-httptools"),
        pytest.param(partial(by_hypercorn, on_trio=False), id="hypercorn-asyncio"),
        pytest.param(partial(by_hypercorn, on_trio=True), id="hypercorn-trio"),
    ],
)


@contextmanager
def answered(port: int, method: str, path: str) -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT)
    connection.request(method, path, headers=HEADERS)
    answer = connection.getresponse()
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


@servers
@pytest.mark.parametrize("end_streams", [None, True])
def test_event_stream_ends_in_order(serve: Serve, end_streams: bool | None) -> None:
    """The client sees a complete response, so that a browser's EventSource connects anew."""
    site = Site(end_streams)
    with serve(site.app) as port, answered(port, "GET", "/text/event-stream") as answer:
        assert (answer.status, answer.read()) == (200, b"data: 1\n\n")
        assert site.was_closed.wait(WAIT)


@servers
@pytest.mark.parametrize(("method", "kind"), [("POST", "text/event-stream"), ("GET", "application/x-ndjson")])
def test_any_other_response_is_cut(serve: Serve, method: str, kind: str) -> None:
    """A response that is no event stream is cut off, so that it does not look complete."""
    site = Site(end_streams=True)
    with serve(site.app) as port, answered(port, method, f"/{kind}") as answer:
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
        assert site.was_closed.wait(WAIT)


@servers
def test_websocket_closes(serve: Serve) -> None:
    """A websocket is closed with 3000 and the reason."""
    site = Site()
    with serve(site.app) as port:
        client: Any = connect(
            f"ws://127.0.0.1:{port}/", additional_headers=HEADERS, open_timeout=WAIT, close_timeout=WAIT, proxy=None
        )
        with client, pytest.raises(ConnectionClosed) as closed:
            client.recv(WAIT)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (3000, "the access token has expired")
        assert site.was_closed.wait(WAIT)
