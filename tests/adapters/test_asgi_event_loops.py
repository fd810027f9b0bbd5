"""asyncio and trio: what works on both, and what says that it does not."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import anyio
import pytest
import trio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from jwtguard import ConfigurationError, Guard, RemoteJWKSet, Rules, SessionRevocation, SigningKey, TokenIssuer
from jwtguard.asgi import ASGIGuard, GuardMiddleware, requires
from jwtguard.core import event_loops
from jwtguard.core.event_loops import Beside, Stoppable, in_store_thread, in_thread, on_asyncio, result_of
from jwtguard.core.flow import Call, Flow, OneLoop, Steps, Wait, run_async
from jwtguard.core.sessions.store_protocol import NewSession, Session
from jwtguard.key_sources.http_client import FetchRequest, FetchResponse
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing.conformance.adapter_case import bearer
from tests.core.dial import token as token_of
from tests.core.session_world import ACCESS_KEY, World
from tests.core.token_samples import AUDIENCE, ISSUER

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


def run(backend: str, function: Callable[[], Any]) -> Any:
    async def limited() -> Any:
        with anyio.fail_after(20):
            return await function()

    return anyio.run(limited, backend=backend)


@backends
def test_which_loop(backend: str) -> None:
    """`on_asyncio` tells asyncio from trio."""

    async def main() -> bool:
        return on_asyncio()

    assert run(backend, main) is (backend == "asyncio")


@backends
@pytest.mark.parametrize("into", [in_thread, in_store_thread])
def test_threads(backend: str, into: Any) -> None:
    """A function on a thread gives results and errors, and has the caller's context variables."""
    variable = contextvars.ContextVar("variable", default=0)

    def blocking() -> int:
        assert threading.current_thread() is not threading.main_thread()
        return variable.get()

    def failing() -> None:
        raise ValueError("own")

    async def main() -> int:
        variable.set(7)
        with pytest.raises(ValueError, match="own"):
            await into(failing)
        found: int = await into(blocking)
        return found

    assert run(backend, main) == 7


@backends
def test_a_future_that_is_fulfilled_elsewhere(backend: str) -> None:
    """By a thread, by a task of the loop, or before: it is waited for, and may be shared."""

    async def main() -> list[str]:
        by_thread: Future[str] = Future()
        by_task: Future[str] = Future()
        before: Future[str] = Future()
        before.set_result("before")
        threading.Timer(0.01, by_thread.set_result, ["thread"]).start()

        async def fulfil() -> None:
            by_task.set_result("task")

        first = ""
        async with anyio.create_task_group() as group:
            group.start_soon(fulfil)
            first = await result_of(by_task, 10)
        return [first, await result_of(by_thread, 10), await result_of(before, 10), await result_of(before, 10)]

    assert run(backend, main) == ["task", "thread", "before", "before"]


@backends
def test_a_future_that_nothing_fulfils(backend: str) -> None:
    """A wait for a future is bounded, and does not cancel the future, because other callers may wait for it."""
    future: Future[str] = Future()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await result_of(future, 0.01)

    run(backend, main)
    assert not future.cancelled()
    future.set_result("late, when the loop is gone")


def test_an_error_that_no_waiter_saw() -> None:
    """An error whose only waiter was cancelled causes no warning."""
    future: Future[str] = Future()

    async def main() -> None:
        waiting = asyncio.ensure_future(result_of(future, 10))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        future.set_exception(ValueError("own"))
        await asyncio.sleep(0.01)

    asyncio.run(main())
    gc.collect()


@backends
def test_a_store_call_that_does_not_begin(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store call that gets no thread ends with TimeoutError, and never begins later."""
    monkeypatch.setattr(event_loops, "STORE_CALL", 0.05)
    monkeypatch.setattr(event_loops, "STORE_THREADS", 1)
    monkeypatch.setattr(event_loops, "_store_threads", event_loops.StoreThreads())
    may_end = threading.Event()
    begun: list[int] = []

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await in_store_thread(may_end.wait)
        with pytest.raises(TimeoutError):
            await in_store_thread(lambda: begun.append(1))
        may_end.set()
        await in_store_thread(lambda: begun.append(2))

    run(backend, main)
    assert begun == [2]


@backends
def test_block_that_is_stopped(backend: str) -> None:
    """From another task, once or twice; what the block raises by itself passes; a stop in vain is none."""

    async def main() -> None:
        block = Stoppable()

        async def stop() -> None:
            block.stop()
            block.stop()

        async with anyio.create_task_group() as group, block:
            group.start_soon(stop)
            await anyio.sleep_forever()
        assert block.was_stopped
        for error in (ValueError, TimeoutError):
            with pytest.raises(error):
                async with Stoppable() as block:
                    raise error
            assert not block.was_stopped
        async with Stoppable(0.01) as block:
            await anyio.sleep_forever()
        assert block.was_stopped
        async with Stoppable(10) as block:
            await anyio.sleep(0)
        assert not block.was_stopped

    run(backend, main)


def test_block_that_is_stopped_when_its_time_is_up() -> None:
    """A stop at the moment of the time-out counts as one stop."""

    async def main() -> None:
        async with Stoppable(0) as block:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                block.stop()
                raise
        assert block.was_stopped

    asyncio.run(main())


@backends
def test_functions_beside_a_block(backend: str) -> None:
    """End with it, or are waited for; and the block's error stays what it is."""
    told: list[str] = []

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            told.append("cancelled")

    async def to_the_end() -> None:
        await anyio.sleep(0.01)
        told.append("finished")

    beside = Beside()

    async def failing() -> None:
        beside.start(forever)
        beside.start(to_the_end, to_the_end=True)
        await anyio.sleep(0)
        raise ValueError("own")

    async def main() -> None:
        with pytest.raises(ValueError, match="own"):
            await beside.run(failing)
        await Beside().run(lambda: anyio.sleep(0))

    run(backend, main)
    assert sorted(told) == ["cancelled", "finished"]


@backends
def test_functions_beside_a_block_that_is_cancelled(backend: str) -> None:
    """When the block is cancelled, the functions beside it are cancelled too, also with `to_the_end`."""
    told: list[str] = []

    async def forever() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            told.append("cancelled")

    beside = Beside()

    async def body() -> None:
        beside.start(forever, to_the_end=True)
        await anyio.sleep_forever()

    async def main() -> None:
        with anyio.move_on_after(0.01):
            await beside.run(body)

    run(backend, main)
    assert told == ["cancelled"]


@backends
def test_body_that_is_stopped(backend: str) -> None:
    """A stopped body counts as ended, and functions with `to_the_end` run to their end."""
    told: list[str] = []
    beside = Beside()

    async def stop() -> None:
        beside.start(to_the_end, to_the_end=True)
        beside.stop()
        await anyio.sleep_forever()

    async def to_the_end() -> None:
        await anyio.sleep(0.01)
        told.append("finished")

    async def body() -> None:
        beside.start(stop)
        await anyio.sleep_forever()

    async def main() -> None:
        await beside.run(body)
        await anyio.sleep(0)
        told.append("went on")

    run(backend, main)
    assert told == ["finished", "went on"]


def test_body_that_is_stopped_and_cancelled() -> None:
    """A body that is stopped and cancelled at once is cancelled, so that a server can shut down."""
    beside = Beside()

    async def stop() -> None:
        beside.stop()

    async def body() -> None:
        beside.start(stop)
        await asyncio.sleep(10)

    async def main() -> None:
        running = asyncio.ensure_future(beside.run(body))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())


def test_another_loop_without_anyio(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anyio, trio is a ConfigurationError that says what to install; asyncio works."""
    monkeypatch.setitem(sys.modules, "anyio", None)

    async def main() -> None:
        await in_thread(lambda: None)

    with pytest.raises(ConfigurationError, match="install anyio"):
        trio.run(main)
    asyncio.run(main())


def test_what_needs_asyncio() -> None:
    """An asynchronous store or fetcher says on trio that it does not work there, and what does."""

    async def fetch(request: FetchRequest) -> FetchResponse:
        raise AssertionError("never called")

    keys = RemoteJWKSet("https://issuer.example/jwks.json", fetcher=fetch)

    async def main() -> None:
        with pytest.raises(ConfigurationError, match=r"AsyncThing works on asyncio alone.*use Thing"):
            OneLoop("AsyncThing", sync_alternative="Thing").check()
        with pytest.raises(ConfigurationError, match=r"works on asyncio alone.*use a sync fetcher"):
            await keys.prefetch()

    trio.run(main)


@backends
def test_flows(backend: str) -> None:
    """Flows with blocking calls and waits run on each loop."""
    done: Future[str] = Future()
    done.set_result("told")

    def steps() -> Steps[list[str]]:
        return [(yield Call(lambda: "called")), (yield Wait(done))]

    async def main() -> list[list[str]]:
        return [await Flow(steps()), await run_async(Flow(steps()))]

    assert run(backend, main) == [["called", "told"]] * 2


# Through the middleware and the decorator.


class Caller:
    """Sends one request to an application, and keeps the status."""

    def __init__(self, token: str) -> None:
        name, value = bearer(token)
        self.headers = [(name.lower().encode(), value.encode())]

    async def get(self, app: ASGIApp, path: str = "/", method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
        sent: list[Any] = []
        headers = [*self.headers, (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": headers}

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def guard_of(world: World, **settings: Any) -> Guard:
    return Guard(
        issuer=ISSUER, audience=AUDIENCE, **{"keys": ACCESS_KEY.verification_key, "clock": world.clock, **settings}
    )


def endpoint(*, blocking: bool) -> Any:
    async def hello(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.user.subject)

    def hello_from_a_thread(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.user.subject)

    return hello_from_a_thread if blocking else hello


@backends
@pytest.mark.parametrize("in_front", [True, False])
@pytest.mark.parametrize("blocking", [True, False])
def test_requests(backend: str, in_front: bool, blocking: bool) -> None:
    """Behind the middleware or with the decorator alone, with a blocking store that is asked each time."""
    world = World()
    token = world.start().access_token
    revocation = SessionRevocation(world.store, max_staleness=timedelta(0), monotonic=world.clock)
    guard = guard_of(world, revocation=revocation, rules=Rules([]) if in_front else None)
    if in_front:
        view = requires()(endpoint(blocking=blocking))
        app: ASGIApp = GuardMiddleware(Starlette(routes=[Route("/", view)]), guard)
    else:
        app = Starlette(routes=[Route("/", ASGIGuard(guard).requires()(endpoint(blocking=blocking)))])
    assert run(backend, lambda: Caller(token).get(app)) == (200, b"user-1")
    world.sessions.end_all("user-1").run()
    assert run(backend, lambda: Caller(token).get(app))[0] == 401


@backends
def test_keys_that_are_fetched(backend: str) -> None:
    """A blocking fetcher runs on a thread of its own, once for all waiting requests."""
    key = SigningKey.generate("ES256", kid="k1")
    document = key.verification_key.to_jwk()
    fetches: list[str] = []

    def fetch(request: FetchRequest) -> FetchResponse:
        fetches.append(request.url)
        return FetchResponse(status=200, body=json.dumps({"keys": [document]}).encode())

    world = World()
    issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="web", signing_keys=[key], clock=world.clock)
    keys = RemoteJWKSet("https://issuer.example/jwks.json", algorithms=["ES256"], fetcher=fetch, clock=world.clock)
    app = GuardMiddleware(
        Starlette(routes=[Route("/", requires()(endpoint(blocking=False)))]),
        guard_of(world, keys=keys, rules=Rules([])),
    )
    answers: list[Any] = []

    async def main() -> None:
        async def ask() -> None:
            answers.append(await Caller(issuer.access_token("user-1")).get(app))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)

    run(backend, main)
    assert answers == [(200, b"user-1")] * 5
    assert len(fetches) == 1


@backends
def test_shipped_routes(backend: str) -> None:
    """A refresh reads the body, and asks a blocking store."""
    world = World()
    auth = ASGIGuard(guard_of(world, rules=Rules([])), sessions=world.sessions, authenticate=lambda *_: None)
    app = GuardMiddleware(Starlette(routes=[*auth.routes()]), auth)
    answer = world.start()
    body = json.dumps({"refresh_token": answer.refresh_token}).encode()
    status, content = run(backend, lambda: Caller(answer.access_token).get(app, "/auth/refresh", "POST", body))
    assert status == 200
    assert "access_token" in json.loads(content)


# Store calls have threads of their own.


class SlowStart(MemoryStore):
    """A blocking store with many sessions; counts its calls."""

    def __init__(self, sessions: int) -> None:
        super().__init__()
        self.calls = 0
        for number in range(sessions):
            self.create(
                NewSession(
                    session_id=f"s{number}", issuer=ISSUER, subject="u", idle_lifetime=1e9, absolute_lifetime=1e9
                ),
                now=1_000_000_000,
            )

    def find(self, session_id: str, *, now: float) -> Session | None:
        self.calls += 1
        return super().find(session_id, now=1_000_000_001)


@backends
def test_blocking_endpoints_do_not_hold_up_look_ups(backend: str) -> None:
    """While 45 endpoints occupy every thread of the application, 200 connections are checked."""
    store = SlowStart(200)
    revocation = SessionRevocation(store, max_staleness=timedelta(0))
    may_end = threading.Event()

    async def main() -> int:
        checked = 0

        async def block() -> None:
            await anyio.to_thread.run_sync(may_end.wait, 20)

        async def check(number: int) -> None:
            nonlocal checked
            await run_async(Flow(revocation.checking(token_of(sid=f"s{number}"), clock=lambda: 0.0)))
            checked += 1

        async with anyio.create_task_group() as group:
            for _ in range(45):
                group.start_soon(block)
            await anyio.sleep(0)
            try:
                async with anyio.create_task_group() as checks:
                    for number in range(200):
                        checks.start_soon(check, number)
            finally:
                may_end.set()
        return checked

    assert run(backend, main) == 200
    assert store.calls == 200
