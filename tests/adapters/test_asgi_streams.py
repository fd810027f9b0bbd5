"""Responses that outlive their token, on asyncio and on trio, with a clock that moves as the middleware sleeps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from typing import Any

import anyio
import anyio.to_thread
import pytest

from jwtguard import UNCHECKED, ConfigurationError, Guard, InvalidTokenError, SessionRevocation, UnavailableError
from jwtguard.asgi import UNAUTHENTICATED_USER, GuardMiddleware
from jwtguard.testing.conformance.adapter_case import GOOD, bearer
from jwtguard.testing.conformance.adapter_sites import NOW, guard_for_tests
from jwtguard.websocket_lifetime import GRACE, GuardedResponse, Lifetime, ResponseCutError
from tests.core.session_world import ACCESS_KEY, World
from tests.core.token_samples import AUDIENCE, ISSUER

Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]
DISCONNECT = {"type": "http.disconnect"}
FINAL: Message = {"type": "http.response.body", "body": b"", "more_body": False}
CHUNK: Message = {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True}
EVENTS = b"text/event-stream"

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def start(kind: bytes = EVENTS, name: bytes = b"content-type", **more: Any) -> Message:
    return {"type": "http.response.start", "status": 200, "headers": [(b"a", b"b"), (name, kind)], **more}


class Scene:
    """A server's side of one request; `hold` is what `sleep` waits for before the clock moves."""

    def __init__(self, method: str = "GET", *incoming: Message, **settings: Any) -> None:
        self.method, self.settings = method, settings
        self.now: float = NOW
        self.naps: list[float] = []
        self.sent: list[Message] = []
        self.seen: list[Message] = []
        self.incoming = [{"type": "http.request", "body": b"", "more_body": False}, *incoming]
        self.may_expire: anyio.Event
        self.is_patient = False

    async def receive(self) -> Message:
        if not self.incoming:
            await anyio.sleep_forever()
        return self.incoming.pop(0)

    async def send(self, message: Message) -> None:
        await anyio.sleep(0)
        if "headers" in message:  # What caches are told is no part of the scene.
            message = {**message, "headers": [field for field in message["headers"] if field[0] != b"vary"]}
        self.sent.append(message)

    async def sleep(self, seconds: float) -> None:
        await self.may_expire.wait()
        if self.is_patient and seconds == GRACE:
            await anyio.sleep_forever()
        self.naps.append(seconds)
        self.now += seconds
        for _ in range(20):  # Let the application do what it can do now.
            await anyio.sleep(0)

    async def expire(self) -> None:
        self.may_expire.set()
        for _ in range(400):
            await anyio.sleep(0)

    def scope(self) -> Message:
        name, value = bearer(GOOD)
        headers = [(name.lower().encode(), value.encode())]
        return {"type": "http", "method": self.method, "path": "/", "headers": headers}

    def play(self, app: App, backend: str, guard: Guard | None = None, scope: Message | None = None) -> None:
        async def main() -> None:
            self.may_expire = anyio.Event()
            in_front = GuardMiddleware(
                app,
                guard or guard_for_tests(rules=UNCHECKED, clock=lambda: self.now),
                sleep=self.sleep,
                **self.settings,
            )
            with anyio.fail_after(10):
                await in_front(scope or self.scope(), self.receive, self.send)

        anyio.run(main, backend=backend)

    async def stream(self, send: Any, receive: Any, kind: bytes = EVENTS) -> None:
        """An event stream that lasts until the client leaves."""
        await send(start(kind))
        await send(CHUNK)
        self.may_expire.set()
        while not self.seen or self.seen[-1] != DISCONNECT:
            self.seen.append(await receive())
        await send(CHUNK)


def streaming(scene: Scene, kind: bytes = EVENTS) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await scene.stream(send, receive, kind)

    return app


@backends
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("end_streams", [None, True])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (EVENTS, b"content-type"),
        (b"text/event-stream; charset=utf-8", b"content-type"),
        (b"Text/Event-Stream ;charset=UTF-8", b"Content-Type"),
    ],
)
def test_event_stream_to_a_get(backend: str, method: str, end_streams: bool | None, kind: bytes, name: bytes) -> None:
    """At the expiry of the token an event stream to a GET ends, and the application sees a disconnect."""
    scene = Scene(method, end_streams=end_streams)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(kind, name))
        await send(CHUNK)
        scene.may_expire.set()
        scene.seen += [await receive(), await receive(), await receive()]
        await send(CHUNK)

    scene.play(app, backend)
    assert scene.sent == [start(kind, name), CHUNK, FINAL]
    assert scene.seen[1:] == [DISCONNECT, DISCONNECT]
    assert sum(scene.naps) >= 310


@backends
@pytest.mark.parametrize(
    ("method", "kind", "end_streams"),
    [
        ("GET", EVENTS, False),
        ("GET", b"text/plain", None),
        ("GET", b"text/event-streams", None),
        ("GET", b"application/json; profile=text/event-stream", None),
        ("POST", EVENTS, None),
        ("POST", EVENTS, False),
        ("DELETE", EVENTS, None),
    ],
)
def test_runs_on(backend: str, method: str, kind: bytes, end_streams: bool | None) -> None:
    """A response other than an event stream to a GET was admitted before the expiry, and finishes."""
    scene = Scene(method, end_streams=end_streams)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(kind))
        scene.now += 1000
        await scene.expire()
        await send(CHUNK)
        await send(FINAL)

    scene.play(app, backend)
    assert scene.sent == [start(kind), CHUNK, FINAL]
    assert scene.naps == []


@backends
@pytest.mark.parametrize(("method", "kind"), [("POST", EVENTS), ("GET", b"text/plain"), ("PUT", b"application/json")])
def test_any_other_response_is_cut(backend: str, method: str, kind: bytes) -> None:
    """With `end_streams=True`: the error makes the server close the connection, and nothing completes the response."""
    scene = Scene(method, end_streams=True)
    with pytest.raises(ResponseCutError, match="the access token has expired"):
        scene.play(streaming(scene, kind), backend)
    assert scene.sent == [start(kind), CHUNK]
    assert scene.seen[-1] == DISCONNECT


@backends
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_response_that_has_not_begun(backend: str, method: str) -> None:
    """With `end_streams=True` it is a refusal, at once; the application sees a disconnect and says no more."""
    scene = Scene(method, end_streams=True)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scene.may_expire.set()
        scene.seen += [await receive(), await receive()]
        await send(start())
        await send(FINAL)

    scene.play(app, backend)
    assert [message["type"] for message in scene.sent] == ["http.response.start", "http.response.body"]
    assert scene.sent[0]["status"] == 401
    assert b'error="invalid_token"' in dict(scene.sent[0]["headers"])[b"www-authenticate"]
    assert scene.seen[-1] == DISCONNECT


@backends
def test_event_stream_that_begins_after_the_expiry(backend: str) -> None:
    """An event stream that begins after the expiry of the token ends at once."""
    scene = Scene()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scene.now += 1000
        scene.may_expire.set()
        await scene.stream(send, receive)

    scene.play(app, backend)
    assert [message for message in scene.sent if message != CHUNK] == [start(), FINAL]


@backends
@pytest.mark.parametrize("kind", [EVENTS, b"text/plain"])
def test_application_that_does_not_listen(backend: str, kind: bytes) -> None:
    """An application that does not receive is cancelled after five seconds."""
    scene = Scene("GET", end_streams=True)
    was_cancelled = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start(kind))
        scene.may_expire.set()
        try:
            await anyio.sleep_forever()
        finally:
            was_cancelled.append(scene.naps[-1])

    if kind == EVENTS:
        scene.play(app, backend)
        assert scene.sent == [start(kind), FINAL]
    else:
        with pytest.raises(ResponseCutError):
            scene.play(app, backend)
        assert scene.sent == [start(kind)]
    assert was_cancelled == [5.0]


@backends
def test_application_that_sends_without_end(backend: str) -> None:
    """An application that sends without a pause lets other tasks run, and is cancelled."""
    scene = Scene()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        scene.may_expire.set()
        while True:
            await send(CHUNK)

    scene.play(app, backend)
    assert scene.sent[0] == start()
    assert scene.sent[-1] == FINAL
    assert scene.sent.count(FINAL) == 1


@backends
@pytest.mark.parametrize("end_streams", [None, True])
@pytest.mark.parametrize(
    "messages",
    [
        [start(), CHUNK, FINAL],
        [start(), {"type": "http.response.body", "body": b"x"}],
        [start(), {"type": "http.response.pathsend", "path": "/f"}],
        [
            start(trailers=True),
            {"type": "http.response.body", "body": b"x"},
            {"type": "http.response.trailers", "headers": [], "more_trailers": True},
            {"type": "http.response.trailers", "headers": []},
        ],
    ],
)
def test_what_follows_a_complete_response(backend: str, end_streams: bool | None, messages: list[Message]) -> None:
    """Such as a background task: it is not cancelled, and nothing is sent after it."""
    scene = Scene(end_streams=end_streams)
    finished: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        await scene.expire()
        finished.append(True)

    scene.play(app, backend)
    assert scene.sent == messages
    assert finished


@backends
@pytest.mark.parametrize("between", [1, 2, 3])
def test_trailers_are_part_of_the_response(backend: str, between: int) -> None:
    """A response whose trailers are missing is not complete."""
    scene = Scene("POST", end_streams=True)
    messages: list[Message] = [
        start(trailers=True),
        {"type": "http.response.body", "body": b"x"},
        {"type": "http.response.trailers", "headers": [], "more_trailers": True},
    ]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages[:between]:
            await send(message)
        await scene.expire()

    with pytest.raises(ResponseCutError):
        scene.play(app, backend)
    assert scene.sent == messages[:between]


@backends
def test_expiry_while_the_application_sends(backend: str) -> None:
    """A message that is being sent at the expiry is sent whole, and then the stream is completed."""
    scene = Scene()
    scene.is_patient = True
    passed = scene.send

    async def slow(message: Message) -> None:
        if message == CHUNK:
            await scene.expire()
        await passed(message)

    scene.send = slow  # type: ignore[method-assign]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        await send(CHUNK)
        scene.seen += [await receive(), await receive()]

    scene.play(app, backend)
    assert scene.sent == [start(), CHUNK, FINAL]


@backends
@pytest.mark.parametrize("stuck_at", [CHUNK, FINAL])
def test_client_that_takes_nothing_any_more(backend: str, stuck_at: Message, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its connection is cut: the stream was not completed."""
    monkeypatch.setattr("jwtguard.websocket_lifetime.GRACE", 0.05)
    scene = Scene()
    passed = scene.send

    async def stuck(message: Message) -> None:
        if message == stuck_at:
            scene.may_expire.set()
            await anyio.sleep_forever()
        await passed(message)

    scene.send = stuck  # type: ignore[method-assign]
    with pytest.raises(ResponseCutError):
        scene.play(streaming(scene), backend)
    assert FINAL not in scene.sent


@backends
@pytest.mark.parametrize("gone_at", ["http.response.body", "http.response.start"])
def test_client_that_is_gone(backend: str, gone_at: str) -> None:
    """An exception of the server at the last message is no error of the application."""
    scene = Scene("POST" if gone_at == "http.response.start" else "GET", end_streams=True)
    passed = scene.send

    async def gone(message: Message) -> None:
        if message["type"] == gone_at and message != CHUNK:
            raise OSError("gone")
        await passed(message)

    scene.send = gone  # type: ignore[method-assign]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if gone_at == "http.response.body":
            await scene.stream(send, receive)
        else:
            scene.may_expire.set()
            await receive()
            await receive()

    with pytest.raises(ResponseCutError):
        scene.play(app, backend)


@backends
@pytest.mark.parametrize("when", ["before", "after"])
def test_errors_of_the_application(backend: str, when: str) -> None:
    """Go on to the server as they are, before the end and after it."""
    scene = Scene()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(start())
        if when == "after":
            await scene.stream(send, receive)
        raise ValueError("own")

    with pytest.raises(ValueError, match="own"):
        scene.play(app, backend)
    assert (FINAL in scene.sent) is (when == "after")


@backends
@pytest.mark.parametrize("error", [InvalidTokenError("revoked"), UnavailableError("store"), ValueError("unforeseen")])
def test_why_a_response_is_refused(backend: str, error: Exception) -> None:
    """401 where the session has ended, 503 where that cannot be checked, also a second time."""
    answers: list[int] = []

    async def main() -> None:
        async def recheck() -> float:
            raise error

        async def refuse(end: Any) -> None:
            answers.append(end.error().status)

        async def nothing(*_: Any) -> Message:
            return {"type": "http.request"}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (await receive())["type"] != "http.disconnect":
                await anyio.sleep(0)

        response = GuardedResponse(
            nothing,
            nothing,  # type: ignore[arg-type]
            in_order=True,
            refuse=refuse,
            lifetime=lambda: Lifetime(
                expires_at=None, clock=lambda: NOW, recheck=recheck, sleep=lambda _: anyio.sleep(0)
            ),
        )
        with anyio.fail_after(10):
            await response.run(app, {})

    anyio.run(main, backend=backend)
    assert answers == [401 if isinstance(error, InvalidTokenError) else 503]


@backends
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_session_that_ends(backend: str, kind: str) -> None:
    """An event stream ends, and a websocket closes, with the session of a blocking store, on every event loop."""
    world = World()
    answer = world.start()
    revocation = SessionRevocation(world.store, max_staleness=timedelta(seconds=5), monotonic=world.clock)
    guard = Guard(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=ACCESS_KEY.verification_key,
        revocation=revocation,
        rules=UNCHECKED,
        clock=world.clock,
    )
    scene = Scene()
    scene.incoming = [{"type": "websocket.connect"}] if kind == "websocket" else scene.incoming

    async def sleep(seconds: float) -> None:
        await scene.may_expire.wait()
        await anyio.sleep(0)
        world.clock.now += seconds

    scene.sleep = sleep  # type: ignore[method-assign]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"} if kind == "websocket" else start())
        await receive()
        await anyio.to_thread.run_sync(lambda: world.sessions.end(answer.refresh_token).run())
        scene.may_expire.set()
        scene.seen.append(await receive())

    headers = [(b"authorization", f"Bearer {answer.access_token}".encode())]
    scene.play(app, backend, guard, {"type": kind, "method": "GET", "path": "/", "headers": headers})
    assert scene.seen[0]["type"] == f"{kind}.disconnect"
    assert scene.sent[-1] == (
        {"type": "websocket.close", "code": 3000, "reason": "the session has ended"} if kind == "websocket" else FINAL
    )


@backends
@pytest.mark.parametrize("is_any", [True, False])
def test_token_that_never_expires(backend: str, is_any: bool) -> None:
    """A token without an expiry is not watched."""
    scene = Scene()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in (start(), CHUNK, FINAL):
            await send(message)

    async def refuse(end: object) -> None:
        raise AssertionError

    response = GuardedResponse(
        scene.receive,
        scene.send,
        lifetime=lambda: Lifetime(expires_at=None, clock=lambda: NOW, sleep=scene.sleep),
        in_order=True,
        refuse=refuse if is_any else None,
    )
    anyio.run(response.run, app, {}, backend=backend)
    assert scene.sent == [start(), CHUNK, FINAL]


@backends
def test_request_without_a_caller(backend: str) -> None:
    """A request without a token is not watched."""
    scene = Scene(end_streams=True)
    seen: list[object] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["user"] is UNAUTHENTICATED_USER
        seen.append(receive)

    scene.play(app, backend, scope={**scene.scope(), "headers": []})
    assert seen == [scene.receive]


@pytest.mark.parametrize("value", [0, 1, "no", [None]])
def test_setting(value: Any) -> None:
    """`end_streams` is None, False or True."""
    with pytest.raises(ConfigurationError, match=r"end_streams is None \(event streams to a GET"):
        GuardMiddleware(lambda *_: None, guard_for_tests(rules=UNCHECKED), end_streams=value)  # type: ignore[arg-type]
