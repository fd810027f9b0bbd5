"""What differs between event loops: asyncio, for which the standard library is enough, and trio, through anyio.

>>> import asyncio
>>> asyncio.run(in_store_thread(lambda: "found"))
'found'

Everything else in this package is written once, in terms of these few operations. Nothing here is imported before a
loop needs it.
"""

from __future__ import annotations

import contextvars
import os
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.forks import Lock, tell_child

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future, ThreadPoolExecutor

T = TypeVar("T")

STORE_CALL = 60.0
"""Seconds that a caller waits for a blocking call of a store, the time until a thread is free included."""
STORE_THREADS = min(32, (os.cpu_count() or 1) + 8)
"""Threads for the blocking calls of stores, which those of the application's endpoints cannot occupy."""


def on_asyncio() -> bool:
    """Whether the running event loop is asyncio's."""
    import asyncio  # noqa: PLC0415 - slow to import, and a program that only serves WSGI never needs it

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _anyio() -> ModuleType:
    """For every other loop; raises `ConfigurationError` where it is not installed."""
    try:
        import anyio  # noqa: PLC0415 - only on other loops than asyncio

        import_module("anyio.to_thread")
    except ImportError:
        raise ConfigurationError("on an event loop other than asyncio, jwtguard needs anyio: install anyio") from None
    return anyio


async def sleep(seconds: float) -> None:
    """Wait, and let other tasks run."""
    if on_asyncio():
        import asyncio  # noqa: PLC0415 - see above

        await asyncio.sleep(seconds)
    else:
        await _anyio().sleep(seconds)


async def in_thread(function: Callable[[], T]) -> T:
    """Call a blocking function on one of the loop's threads."""
    if on_asyncio():
        import asyncio  # noqa: PLC0415 - see above

        return await asyncio.to_thread(function)
    result: T = await _anyio().to_thread.run_sync(function)
    return result


async def result_of(future: Future[T], timeout: float) -> T:  # noqa: ASYNC109 - it is that of the future
    """The result of a future that another thread or task fulfils; raises `TimeoutError` after `timeout` seconds.

    The future may be shared: a caller that is cancelled does not cancel it.
    """
    if on_asyncio():
        import asyncio  # noqa: PLC0415 - see above

        shared = asyncio.wrap_future(future)
        shared.add_done_callback(_retrieve)
        return await asyncio.wait_for(asyncio.shield(shared), timeout)
    anyio = _anyio()
    import trio  # noqa: PLC0415 - the loop that runs; anyio's own way back from foreign threads asks for a recent anyio

    fulfilled, token = trio.Event(), trio.lowlevel.current_trio_token()

    def fulfil(_: Future[T]) -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(fulfilled.set)

    future.add_done_callback(fulfil)
    with anyio.fail_after(timeout):
        await fulfilled.wait()
    return future.result(0)


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Look at the exception, if there is one: if the only waiter was cancelled, asyncio would warn otherwise."""
    _ = future.cancelled() or future.exception()


class StoreThreads:
    """A pool of threads, started when it is first needed, and anew in a child: threads do not survive a fork."""

    __slots__ = ("__weakref__", "_lock", "_pool")

    def __init__(self) -> None:
        self._lock = Lock("store")
        self._pool: ThreadPoolExecutor | None = None
        tell_child(self)

    def after_fork(self) -> None:
        """Forget the threads of the parent."""
        self._pool = None

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Call it on a thread, with the caller's context variables."""
        with self._lock:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - slow to import

                self._pool = ThreadPoolExecutor(STORE_THREADS, thread_name_prefix="jwtguard store")
            pool = self._pool
        return pool.submit(contextvars.copy_context().run, function)


_store_threads = StoreThreads()


async def in_store_thread(function: Callable[[], T]) -> T:
    """Call a blocking function of a store on a thread that is kept for such calls.

    If every thread is busy, it waits for one. A call that has not begun is given up with its caller.
    """
    future = _store_threads.submit(function)
    try:
        return await result_of(future, STORE_CALL)
    finally:
        future.cancel()


class Stoppable:
    """A block that can be left at any time: `async with Stoppable() as block`, and `block.stop()` from elsewhere.

    After `seconds` it stops by itself. `was_stopped` tells, after the block, whether it was cut short; what the block
    itself raises passes.
    """

    __slots__ = ("_is_stopping", "_scope", "_seconds", "was_stopped")

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds
        self._is_stopping = self.was_stopped = False
        self._scope: Any = None

    def stop(self) -> None:
        """Cut the block short; call it on the same event loop, while the block runs."""
        if self._is_stopping:
            return
        self._is_stopping = True
        if on_asyncio():
            if not self._scope.expired():
                self._scope.reschedule(0)
        else:
            self._scope.cancel()

    async def __aenter__(self) -> Self:
        if on_asyncio():
            import asyncio  # noqa: PLC0415 - see above

            self._scope = asyncio.timeout(self._seconds)
            await self._scope.__aenter__()
        else:
            seconds = float("inf") if self._seconds is None else self._seconds
            self._scope = _anyio().move_on_after(seconds)
            self._scope.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not on_asyncio():
            is_swallowed = bool(self._scope.__exit__(kind, error, trace))
            self.was_stopped = self._scope.cancelled_caught
            return is_swallowed
        try:
            await self._scope.__aexit__(kind, error, trace)
        except TimeoutError:
            self.was_stopped = True
        return self.was_stopped


class Beside:
    """Runs functions beside another one, `body`: `await beside.run(body)`, and `beside.start(function)` meanwhile.

    When `body` ends, a function is cancelled, or waited for if it was started with `to_the_end=True`. `stop()` cancels
    `body`, which then counts as ended. The functions raise nothing; what `body` raises passes.
    """

    # All of this for the few bodies beside which something runs; for the others nothing is made.
    _cancelled_at_end: Sequence[Callable[[], object]] = ()
    _is_stopping = False
    _task: asyncio.Task[Any] | None = None
    _tasks: Sequence[asyncio.Task[None]] = ()
    _group: Any = None
    _scope: Any = None

    def start(self, function: Callable[[], Coroutine[Any, Any, None]], *, to_the_end: bool = False) -> None:
        """Run it from now on; call it while `body` runs."""
        if self._group is None:
            import asyncio  # noqa: PLC0415 - see above

            task = asyncio.get_running_loop().create_task(function())
            self._tasks = [*self._tasks, task]
            cancel: Callable[[], object] = task.cancel
        else:
            scope = _anyio().CancelScope()
            self._group.start_soon(_within, scope, function)
            cancel = scope.cancel
        if not to_the_end:
            self._cancelled_at_end = [*self._cancelled_at_end, cancel]

    def stop(self) -> None:
        """Cancel `body`; call it from a function beside it."""
        self._is_stopping = True
        if self._task is not None:
            self._task.cancel()
        else:
            self._scope.cancel()

    async def run(self, body: Callable[[], Awaitable[None]]) -> None:
        """Run `body` here, and everything that is started until it has ended."""
        import asyncio  # noqa: PLC0415 - see above

        try:
            self._task = task = asyncio.current_task()
        except RuntimeError:
            await self._run_in_group(body)
            return
        cancelled_before = 0 if task is None else task.cancelling()
        is_cancelled = False
        try:
            await body()
        except asyncio.CancelledError:
            # As `asyncio.timeout` does: it was us, unless the task was cancelled from outside as well.
            is_cancelled = not self._is_stopping or task is None or task.uncancel() > cancelled_before
            if is_cancelled:
                raise
        finally:
            if self._tasks:
                for cancel in [each.cancel for each in self._tasks] if is_cancelled else self._cancelled_at_end:
                    cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run_in_group(self, body: Callable[[], Awaitable[None]]) -> None:
        anyio = _anyio()
        raised: BaseException | None = None
        async with anyio.create_task_group() as self._group:
            with anyio.CancelScope() as self._scope:
                try:
                    await body()
                except Exception as error:  # noqa: BLE001 - it passes, below: a task group would wrap it
                    raised = error
            for cancel in self._cancelled_at_end:
                cancel()
        if raised is not None:
            raise raised


async def _within(scope: Any, function: Callable[[], Awaitable[None]]) -> None:  # noqa: ANN401 - of anyio
    with scope:
        await function()
