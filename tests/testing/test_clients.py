"""The raw clients: what they send is what a server would hand over, and nothing is tidied on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from jwtguard.testing import RawAnswer, RawRequest, asgi_client, websocket_client, wsgi_client

REQUEST = RawRequest(
    method="get",
    target="/a%2Fb/%C3%A9%ff?q=%20",
    headers=[("X-Name", "1"), ("x-name", "2"), ("Cookie", "a=1"), ("Cookie", "b=2"), ("Content-Type", "text/plain")],
    body=b"body",
    scheme="http",
    root_path="/root",
)


def test_wsgi_environ() -> None:
    """A WSGI environ holds the path as bytes in disguise, and repeated fields folded into one (PEP 3333)."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        seen.update(environ, body=environ["wsgi.input"].read())
        start_response("418 I'm a teapot", [("X-Answer", "1")])
        return [b"a", b"b"]

    answer = wsgi_client(app)(REQUEST)
    assert answer == RawAnswer(status=418, headers=(("X-Answer", "1"),), body=b"ab")
    expected = {
        "REQUEST_METHOD": "get",
        "SCRIPT_NAME": "/root",
        "PATH_INFO": "/a/b/\xc3\xa9\xff",
        "QUERY_STRING": "q=%20",
        "HTTP_X_NAME": "1,2",
        "HTTP_COOKIE": "a=1; b=2",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "wsgi.url_scheme": "http",
        "body": b"body",
    }
    assert {name: seen[name] for name in expected} == expected


def test_wsgi_chunks_are_closed() -> None:
    """The application's iterable is closed after it was read."""
    closed = []

    class Chunks(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"written")
        return Chunks([b"a"])

    assert wsgi_client(app)(RawRequest()).body == b"a"
    assert closed == [True]


def test_asgi_scope() -> None:
    """An ASGI scope holds each field by itself, and the root path in front of the path."""
    seen: dict[str, Any] = {}

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.update(scope, message=await receive())
        await send({"type": "http.response.start", "status": 418, "headers": [(b"x-answer", b"1")]})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body"})

    assert asgi_client(app)(REQUEST) == RawAnswer(status=418, headers=(("x-answer", "1"),), body=b"a")
    expected = {
        "type": "http",
        "method": "get",
        "path": "/root/a/b/é\ufffd",
        "raw_path": b"/root/a%2Fb/%C3%A9%ff",
        "root_path": "/root",
        "query_string": b"q=%20",
        "scheme": "http",
        "headers": [
            (b"x-name", b"1"),
            (b"x-name", b"2"),
            (b"cookie", b"a=1"),
            (b"cookie", b"b=2"),
            (b"content-type", b"text/plain"),
        ],
        "message": {"type": "http.request", "body": b"body", "more_body": False},
    }
    assert {name: seen[name] for name in expected} == expected


def test_asgi_client_waits_for_its_answer() -> None:
    """An application that listens for a disconnect hears nothing while it answers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        listening = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert not listening.done()
        listening.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    assert asgi_client(app)(RawRequest()).status == 200


@pytest.mark.parametrize(("can_deny", "extensions"), [(True, {"websocket.http.response": {}}), (False, {})])
def test_websocket(can_deny: bool, extensions: dict[str, Any]) -> None:
    """A websocket begins with its connect, goes on with what the test says, and is then silent."""
    seen: dict[str, Any] = {}

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        seen.update(scope, messages=[await receive(), await receive()])
        listening = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        assert not listening.done()
        listening.cancel()
        await send({"type": "websocket.accept"})

    request = RawRequest(headers=[("Sec-WebSocket-Protocol", "bearer, abc"), ("X-Name", "1")])
    incoming = [{"type": "websocket.receive", "text": "hi"}]
    assert websocket_client(app, request, can_deny=can_deny, incoming=incoming) == [{"type": "websocket.accept"}]
    assert seen["messages"] == [{"type": "websocket.connect"}, *incoming]
    assert (seen["subprotocols"], seen["extensions"], seen["scheme"]) == (["bearer", "abc"], extensions, "wss")


def test_websocket_from_a_test_with_a_loop() -> None:
    """A test that is a coroutine itself can open a websocket too."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.close"})

    async def test() -> None:
        assert websocket_client(app, RawRequest()) == [{"type": "websocket.close"}]

    asyncio.run(test())


def test_header() -> None:
    """A header is found whatever its case; one that was sent twice is a mistake of the application."""
    answer = RawAnswer(status=200, headers=(("X-One", "1"), ("X-Two", "1"), ("x-two", "2")), body=b'{"a": 1}')
    assert (answer.header("x-one"), answer.header("X-Three"), answer.json()) == ("1", None, {"a": 1})
    with pytest.raises(AssertionError, match="X-Two was sent 2 times"):
        answer.header("X-Two")
