"""One logic for sync and async: the three drivers agree, and misuse is caught."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

import pytest

from jwtguard import ConfigurationError, JWTGuardError, authenticated
from jwtguard.core.flow import Call, Flow, Steps, ToThread, Wait, flow, is_async, run_async, run_sync
from jwtguard.core.http.request import ASGIRequest
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.core.session_world import World


async def _awaited(made: Flow[Any]) -> Any:
    return await made


DRIVERS: list[Any] = [
    pytest.param(run_sync, id="run_sync"),
    pytest.param(lambda made: made.run(), id="run"),
    pytest.param(lambda made: asyncio.run(run_async(made)), id="run_async"),
    pytest.param(lambda made: asyncio.run(_awaited(made)), id="await"),
]
ASYNC_DRIVERS = DRIVERS[2:]
Driver = Callable[[Flow[Any]], Any]


class BrokenError(Exception):
    """What the functions under test raise."""


def _breaks() -> str:
    raise BrokenError("on purpose")


async def _breaks_later() -> str:
    raise BrokenError("on purpose")


async def _later() -> str:
    return "later"


class AsyncCallable:
    """An object whose call is a coroutine."""

    async def __call__(self) -> str:
        return "later"


def _calling(function: Callable[[], Any]) -> Flow[Any]:
    def steps() -> Steps[Any]:
        return (yield Call(function))

    return Flow(steps())


def _done(value: object) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


@pytest.mark.parametrize("drive", DRIVERS)
def test_result(drive: Driver) -> None:
    """The results of calls and waits come back into the flow, in order, and its return value comes out."""

    def steps() -> Steps[list[object]]:
        first = yield Call(lambda: "sun")
        second = yield Wait(_done("moon"))
        return [first, second]

    assert drive(Flow(steps())) == ["sun", "moon"]


@pytest.mark.parametrize("drive", DRIVERS)
def test_nothing_to_do(drive: Driver) -> None:
    """A flow that yields nothing is a plain function."""

    def steps() -> Steps[Any]:
        return "at once"
        yield

    assert drive(Flow(steps())) == "at once"


@pytest.mark.parametrize("drive", DRIVERS)
@pytest.mark.parametrize("step", [Call(_breaks), Wait(_done(None))], ids=["call", "wait"])
def test_exception_is_thrown_in(drive: Driver, step: Call[Any] | Wait[Any]) -> None:
    """An exception arises inside the flow at its yield: it can be caught there, and finally runs."""
    if isinstance(step, Wait):
        step = Wait(Future())
        step.future.set_exception(BrokenError("on purpose"))
    seen: list[str] = []

    def steps() -> Steps[Any]:
        try:
            yield step
        except BrokenError:
            seen.append("caught")
            # And the flow goes on asking.
            return (yield Call(lambda: "went on"))
        finally:
            seen.append("finally")
        raise AssertionError

    assert (drive(Flow(steps())), seen) == ("went on", ["caught", "finally"])


@pytest.mark.parametrize("drive", DRIVERS)
def test_exception_comes_out(drive: Driver) -> None:
    """An exception that the flow does not catch leaves the driver, after `finally`."""
    seen: list[str] = []

    def steps() -> Steps[None]:
        try:
            yield Call(_breaks)
        finally:
            seen.append("finally")

    with pytest.raises(BrokenError):
        drive(Flow(steps()))
    assert seen == ["finally"]


@pytest.mark.parametrize("drive", DRIVERS)
def test_yield_from_a_flow(drive: Driver) -> None:
    """Flows nest by `yield from`, and raise through each other."""

    @flow
    def inner(name: str) -> Steps[Any]:
        weather = yield Call(lambda: "sun")
        return f"{weather} for {name}"

    def outer() -> Steps[Any]:
        said = yield from inner("alice")
        try:
            yield from _calling(_breaks)
        except BrokenError:
            return said + ", later rain"
        raise AssertionError

    assert drive(Flow(outer())) == "sun for alice, later rain"


@pytest.mark.parametrize("drive", ASYNC_DRIVERS)
@pytest.mark.parametrize(
    ("function", "expected"),
    [
        pytest.param(lambda: "now", "now", id="sync"),
        pytest.param(_later, "later", id="async"),
        pytest.param(functools.partial(_later), "later", id="partial"),
        pytest.param(functools.partial(functools.partial(_later)), "later", id="partial of partial"),
        pytest.param(AsyncCallable(), "later", id="async call"),
        pytest.param(functools.partial(AsyncCallable()), "later", id="partial of async call"),
        pytest.param(lambda: _later(), "later", id="sync that returns an awaitable"),
    ],
)
def test_call_on_a_loop(drive: Driver, function: Callable[[], Any], expected: str) -> None:
    """On a loop every kind of function is performed, and an awaitable is never the result."""
    assert drive(_calling(function)) == expected


@pytest.mark.parametrize(
    "function",
    [
        pytest.param(_later, id="async"),
        pytest.param(functools.partial(_later), id="partial"),
        pytest.param(AsyncCallable(), id="async call"),
        pytest.param(functools.partial(AsyncCallable()), id="partial of async call"),
        pytest.param(lambda: _later(), id="sync that returns a coroutine"),
    ],
)
def test_async_function_from_sync_code(function: Callable[[], Any]) -> None:
    """From sync code an async function is a ConfigurationError that names what to use instead."""

    def steps() -> Steps[Any]:
        return (yield Call(function, sync_alternative="SyncStore"))

    with pytest.raises(ConfigurationError, match="is asynchronous and cannot run from sync code: use SyncStore"):
        run_sync(Flow(steps()))


def test_async_function_from_sync_code_without_alternative() -> None:
    """Without a known alternative the error still says what kind of thing is needed, and which function it was."""
    with pytest.raises(ConfigurationError, match=r"^_later is asynchronous .* use its sync counterpart$"):
        _calling(_later).run()


def test_awaitable_that_is_no_coroutine_from_sync_code() -> None:
    """A future of a loop is refused as well; there is nothing to close."""
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(ConfigurationError, match="asynchronous"):
            _calling(loop.create_future).run()
    finally:
        loop.close()


def test_configuration_error_can_be_cleaned_up_after() -> None:
    """The error arises inside the flow, as any other does."""
    seen: list[str] = []

    def steps() -> Steps[None]:
        try:
            yield Call(_later)
        finally:
            seen.append("finally")

    with pytest.raises(ConfigurationError):
        run_sync(Flow(steps()))
    assert seen == ["finally"]


@pytest.mark.parametrize("function", [_breaks, _breaks_later], ids=["blocking", "async"])
def test_only_blocking_functions_go_to_a_thread(function: Callable[[], Any]) -> None:
    """`to_thread` is given what blocks and nothing else, and its exceptions come back."""
    sent: list[object] = []

    async def to_thread(blocking: Callable[[], Any]) -> Any:
        sent.append(blocking)
        return blocking()

    with pytest.raises(BrokenError):
        asyncio.run(run_async(_calling(function), to_thread=to_thread))
    assert sent == ([_breaks] if function is _breaks else [])


def test_no_thread_without_a_step() -> None:
    """A flow that yields nothing, and one that waits for a future, use no thread."""

    async def to_thread(blocking: Callable[[], Any]) -> Any:
        raise AssertionError

    def waits() -> Steps[Any]:
        return (yield Wait(_done("told")))

    runner: ToThread = to_thread
    assert asyncio.run(run_async(Flow(waits()), to_thread=runner)) == "told"


@pytest.mark.parametrize(("drive", "same"), [(DRIVERS[0].values[0], True), (DRIVERS[3].values[0], False)])
def test_where_blocking_functions_run(drive: Driver, same: bool) -> None:
    """In sync code they run on the caller's thread, on a loop by default in another."""
    assert (drive(_calling(threading.get_ident)) == threading.get_ident()) is same


@pytest.mark.parametrize("awaiting", [_awaited, run_async], ids=["await", "run_async"])
def test_no_await_point_without_a_step(awaiting: Callable[[Flow[Any]], Any]) -> None:
    """A flow that yields nothing never gives control to the loop: one `send` by hand finishes the coroutine."""

    def steps() -> Steps[Any]:
        return "warm"
        yield

    with pytest.raises(StopIteration) as stopped:
        awaiting(Flow(steps())).send(None)
    assert stopped.value.value == "warm"


def test_cancelled_waiter_cancels_no_other() -> None:
    """The future that several wait for goes on when one of them gives up."""
    future: Future[str] = Future()

    def steps() -> Steps[Any]:
        return (yield Wait(future))

    async def scene() -> object:
        waiting = [asyncio.ensure_future(run_async(Flow(steps()))) for _ in range(2)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        assert not future.cancelled()
        future.set_result("told")
        return await waiting[1]

    assert asyncio.run(scene()) == "told"


def test_cancellation_is_thrown_in() -> None:
    """A cancelled task's flow runs its finally, which may still ask for something."""
    seen: list[object] = []

    async def tidy() -> str:
        return "tidied"

    def steps() -> Steps[None]:
        try:
            yield Wait(Future())
        finally:
            seen.append((yield Call(tidy)))

    async def scene() -> None:
        task = asyncio.ensure_future(run_async(Flow(steps())))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scene())
    assert seen == ["tidied"]


def test_abandoned_coroutine_cleans_up() -> None:
    """A coroutine that is closed half-way closes the flow, so its finally runs at once."""
    seen: list[str] = []

    class Pause:
        def __await__(self) -> Any:
            yield

    async def pause() -> None:
        await Pause()

    def steps() -> Steps[None]:
        try:
            yield Call(pause)
        finally:
            seen.append("finally")

    coroutine = run_async(Flow(steps()))
    coroutine.send(None)
    coroutine.close()
    assert seen == ["finally"]


@pytest.mark.parametrize(
    "ask",
    [
        bool,
        len,
        lambda made: not made,
        lambda made: made == "sun",
        lambda made: made != "sun",
        lambda made: made < 1,
        lambda made: made >= 1,
        lambda made: "sun" in made,
        lambda made: made["sub"],
        lambda made: made[0],
    ],
)
def test_asking_a_flow_for_its_result_is_refused(ask: Callable[[Any], object]) -> None:
    """`if guard.verify(text):` would be true for every token there is; the error says what to write."""
    made = _calling(_later)
    with pytest.raises(TypeError, match=r"a Flow .*: it is no result yet; await it or call \.run\(\)"):
        ask(made)
    made.take().close()


@pytest.mark.parametrize("name", ["subject", "claims", "principal", "__wrapped__", "_private"])
def test_an_attribute_of_the_result_is_refused(name: str) -> None:
    """An attribute of the result is refused on the flow; `hasattr` and `getattr` with a default work."""
    made = _calling(_later)
    with pytest.raises(
        AttributeError, match=rf"no attribute '{name}': it is no result yet; await it or call \.run\(\)"
    ):
        getattr(made, name)
    assert getattr(made, name, None) is None
    made.take().close()


def _flows() -> dict[str, Callable[[], Any]]:
    """What applications call and get a flow from."""
    guard = guard_for_tests()
    sessions = World().made()
    request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []})
    return {
        "verify": lambda: guard.verify("a.b.c"),
        "prefetch": guard.prefetch,
        "authenticate": lambda: guard.authenticate(request),
        "admit": lambda: guard.admit(request, authenticated),
        "enter": lambda: guard.enter(request),
        "start": lambda: sessions.start("alice"),
        "refresh": lambda: sessions.refresh("a.b.c"),
        "end": lambda: sessions.end("a.b.c"),
        "end_all": lambda: sessions.end_all("alice"),
        "end_session": lambda: sessions.end_session("alice", "1"),
        "list": lambda: sessions.list("alice"),
    }


@pytest.mark.parametrize("name", _flows())
def test_public_methods(name: str) -> None:
    """Each of them says so when `await` or `.run()` was forgotten, also where it is printed."""
    made = _flows()[name]()
    with pytest.raises(AttributeError, match=r"await it or call \.run\(\)"):
        _ = made.subject
    with pytest.raises(TypeError, match=r"await it or call \.run\(\)"):
        bool(made)
    assert "await it or call .run()" in f"{made}"
    with suppress(JWTGuardError):
        made.run()


def test_flows_wait_together() -> None:
    """asyncio keeps flows in sets and compares them with themselves alone."""

    async def together() -> list[Any]:
        return list(await asyncio.gather(_calling(_later), _calling(_later), asyncio.wait_for(_calling(_later), 5)))

    assert asyncio.run(together()) == ["later", "later", "later"]


def test_never_run_warns() -> None:
    """A check that was never run does not pass silently for one that was."""
    with pytest.warns(RuntimeWarning, match="a Flow was never run"):
        _calling(_later)


@pytest.mark.parametrize("drive", DRIVERS)
def test_run_twice_is_refused(drive: Driver) -> None:
    """A flow runs once with every driver."""
    made = _calling(lambda: "sun")
    drive(made)
    with pytest.raises(RuntimeError, match="has run already"):
        drive(made)


def test_flow_keeps_the_functions_name() -> None:
    """`@flow` leaves name and docstring as they are."""

    @flow
    def refresh() -> Steps[Any]:
        """Refresh."""
        return "done"
        yield

    assert (refresh.__name__, refresh.__doc__, refresh().run()) == ("refresh", "Refresh.", "done")


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (_later, True),
        (AsyncCallable(), True),
        (functools.partial(_later), True),
        (print, False),
        (AsyncCallable, False),
    ],
)
def test_is_async(function: Callable[..., Awaitable[object]], expected: bool) -> None:
    """Functions, partials and objects with an async call count; making such an object does not."""
    assert is_async(function) is expected
