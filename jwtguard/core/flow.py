"""One logic for sync and async: a flow describes the input and output it needs, a driver performs it.

>>> def greet(name):
...     weather = yield Call(lambda: "sun")  # "perform this", blocking or coroutine function
...     return f"{weather} for {name}"
>>> Flow(greet("alice")).run()  # from sync code; from async code: await Flow(greet("alice"))
'sun for alice'

A core function that may need input or output is a generator and hands out a `Flow`. Everything else is a plain
function. A flow that needs nothing yields nothing, so it costs no await, no thread and no lock.

Two rules for writing one: inside another flow, write `yield from` in front of it; and never hold a lock
across a `yield`, since any other thread or task may run there.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeAlias, TypeVar

from jwtguard.core.errors import ConfigurationError

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

T = TypeVar("T")
P = ParamSpec("P")

LONGEST_WAIT = 60.0
"""Seconds after which a wait ends that names no time of its own: none lasts for ever."""


class Call(Generic[T]):
    """Ask the driver to perform `function`, which takes no argument and may block or be a coroutine function.

    `sync_alternative` names what to use instead of a coroutine function from sync code, for the error message.
    `to_thread` is the way into the thread where it must block, if any other will not do; async drivers take it.
    """

    __slots__ = ("function", "sync_alternative", "to_thread")

    def __init__(
        self,
        function: Callable[[], T | Awaitable[T]],
        *,
        sync_alternative: str | None = None,
        to_thread: ToThread | None = None,
    ) -> None:
        self.function = function
        self.sync_alternative = sync_alternative
        self.to_thread = to_thread


class Wait(Generic[T]):
    """Ask the driver to wait for a future that another caller fulfils; a waiter that gives up does not cancel it.

    After `timeout` seconds the flow gets a `TimeoutError`.
    """

    __slots__ = ("future", "timeout")

    def __init__(self, future: Future[T], *, timeout: float = LONGEST_WAIT) -> None:
        self.future = future
        self.timeout = timeout


_NO_RESULT = "it is no result yet; await it or call .run(), and in a generator of a flow write `yield from`"
Step: TypeAlias = Call[Any] | Wait[Any]
Steps: TypeAlias = Generator[Step, Any, T]
ToThread: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]


class Flow(Generic[T]):
    """A computation that has not run yet: `await` it in async code, call `.run()` in sync code. Runs once."""

    __slots__ = ("_waiting",)

    def __init__(self, steps: Steps[T]) -> None:
        self._waiting: Steps[T] | None = steps

    def run(self) -> T:
        """Run to the end on this thread and return the result; raises what the flow raises."""
        steps = self.take()
        try:
            step = steps.send(None)
            while True:
                try:
                    outcome = _perform_sync(step)
                except BaseException as error:  # noqa: BLE001 - thrown into the flow, so its try/finally mean what they say
                    step = steps.throw(error)
                else:
                    step = steps.send(outcome)
        except StopIteration as done:
            result: T = done.value
            return result

    def __await__(self) -> Generator[Any, Any, T]:
        return run_async(self).__await__()

    def __iter__(self) -> Steps[T]:
        return self.take()

    def take(self) -> Steps[T]:
        """The steps, for a driver; a flow gives them away once."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            raise _run_already()
        return waiting

    # A question that only the result can answer means a missing `await` or `.run()`: `if guard.verify(text):` would be
    # true for every token there is. `__iter__` stays as it is, for `yield from`.

    def __bool__(self) -> bool:
        raise TypeError(f"a Flow cannot be tested for truth: {_NO_RESULT}")

    def __eq__(self, other: object) -> bool:
        raise TypeError(f"a Flow cannot be compared: {_NO_RESULT}")

    __hash__ = object.__hash__  # asyncio keeps what it waits for in sets, each equal to itself alone.

    def __repr__(self) -> str:
        return f"<Flow: {_NO_RESULT}>"

    # For type checkers, a flow has none of these.
    if not TYPE_CHECKING:  # pragma: no branch
        __lt__ = __le__ = __gt__ = __ge__ = __eq__

        def __len__(self) -> int:
            raise TypeError(f"a Flow has no length: {_NO_RESULT}")

        def __contains__(self, item: object) -> bool:
            raise TypeError(f"a Flow has no members: {_NO_RESULT}")

        def __getitem__(self, item: object) -> object:
            raise TypeError(f"a Flow has no items: {_NO_RESULT}")

        def __getattr__(self, name: str) -> object:  # Called only for what is not there.
            message = f"a Flow has no attribute {name!r}: {_NO_RESULT}"
            raise AttributeError(message, name=name, obj=self)

    def __del__(self) -> None:
        # A check that was never run must not pass silently for one that was.
        if getattr(self, "_waiting", None) is not None:
            message = f"a Flow was never run: {_NO_RESULT}"
            warnings.warn(message, RuntimeWarning, stacklevel=2, source=self)


def flow(function: Callable[P, Steps[T]]) -> Callable[P, Flow[T]]:
    """Make a generator function return a `Flow`."""

    @functools.wraps(function)
    def start(*args: P.args, **kwargs: P.kwargs) -> Flow[T]:
        return Flow(function(*args, **kwargs))

    return start


class OneLoop:
    """Keeps what holds connections to the event loop it first ran on, for they belong to that one.

    `name` is the asynchronous class, `sync_alternative` the one that serves every loop and thread.
    """

    __slots__ = ("_loop", "_name", "_sync_alternative")

    def __init__(self, name: str, *, sync_alternative: str) -> None:
        self._name = name
        self._sync_alternative = sync_alternative
        self._loop: asyncio.AbstractEventLoop | None = None

    def check(self) -> asyncio.AbstractEventLoop:
        """The loop; raises `ConfigurationError` on any but the first. Call it from a coroutine."""
        import asyncio  # noqa: PLC0415 - slow to import, and a program that only serves WSGI never needs it

        from jwtguard.core.event_loops import on_asyncio  # noqa: PLC0415 - see above

        if not on_asyncio():
            raise ConfigurationError(
                f"{self._name} works on asyncio alone, and this is another event loop: use {self._sync_alternative}"
            )
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        if self._loop is not loop:
            raise ConfigurationError(
                f"{self._name} serves the event loop it first ran on, and this is another one (Flask, for example,"
                f" runs each async view on a loop of its own): use {self._sync_alternative}"
            )
        return loop


def is_async(function: Callable[..., object]) -> bool:
    """Whether calling `function` gives a coroutine, for functions, partials and objects with `async __call__`."""
    # Of its type, as Python calls it: making an object of a class with `async __call__` is not async.
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def run_sync(flow: Flow[T]) -> T:
    """Drive `flow` on this thread: calls are performed here, futures are waited for here."""
    return flow.run()


async def run_async(flow: Flow[T], *, to_thread: ToThread | None = None) -> T:
    """Drive `flow` on the running loop: coroutine functions are awaited, blocking ones go to `to_thread`.

    `to_thread` is the framework's way into a thread (default: the loop's own).
    """
    steps = flow.take()
    perform = to_thread or _to_thread
    try:
        step = steps.send(None)
        while True:
            try:
                outcome = await _perform_async(step, perform)
            except GeneratorExit:  # The driver was closed: the flow can clean up but ask for nothing more.
                steps.close()
                raise
            except BaseException as error:  # noqa: BLE001 - cancellation too is thrown into the flow
                step = steps.throw(error)
            else:
                step = steps.send(outcome)
    except StopIteration as done:
        result: T = done.value
        return result


def _perform_sync(step: Step) -> object:
    if isinstance(step, Wait):
        return step.future.result(step.timeout)
    if is_async(step.function):
        raise _needs_a_loop(step)
    outcome = step.function()
    if inspect.isawaitable(outcome):
        if inspect.iscoroutine(outcome):
            outcome.close()
        raise _needs_a_loop(step)
    return outcome


async def _perform_async(step: Step, to_thread: ToThread) -> object:
    if isinstance(step, Wait):
        from jwtguard.core.event_loops import result_of  # noqa: PLC0415 - a program without a loop never needs it

        return await result_of(step.future, step.timeout)
    if is_async(step.function):
        return await step.function()
    outcome = await (step.to_thread or to_thread)(step.function)
    return await outcome if inspect.isawaitable(outcome) else outcome


async def _to_thread(function: Callable[[], T]) -> T:
    from jwtguard.core.event_loops import in_thread  # noqa: PLC0415 - a program without a loop never needs it

    return await in_thread(function)


def _run_already() -> RuntimeError:
    return RuntimeError("this Flow has run already: ask for a new one")


def _needs_a_loop(step: Call[Any]) -> ConfigurationError:
    function = getattr(step.function, "func", step.function)  # What a partial was made of.
    name = getattr(function, "__qualname__", type(function).__qualname__)
    advice = f"use {step.sync_alternative}" if step.sync_alternative else "use its sync counterpart"
    return ConfigurationError(f"{name} is asynchronous and cannot run from sync code: {advice}")
