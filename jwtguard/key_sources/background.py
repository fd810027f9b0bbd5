"""BackgroundFetches: flows that run apart from their callers, so that many can wait for one and each may stop waiting.

>>> def background_fetch():
...     return "done"
...     yield
>>> runner = BackgroundFetches(is_async=False, name="example")
>>> under_way = BackgroundFetch(5.0)
>>> runner.start(under_way, lambda: Flow(background_fetch())), under_way.future.result()
(True, 'done')

A blocking fetcher runs on a daemon thread of its own, an async one as a task of the event loop it first ran on. No
waiter runs it, so a cancelled one does not end it for the others, and a fetch never occupies a framework's thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.event_loops import on_asyncio
from jwtguard.core.flow import Call, Flow, Steps, run_async, run_sync
from jwtguard.key_sources.http_client import SYNC_WAY

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task
    from concurrent.futures import Future

T = TypeVar("T")

GRACE = 1.0
"""Seconds that waiters add to the time-out of a fetch, for what no time-out reaches, such as looking up a name."""
ABANDONED = 60.0
"""Seconds after which a background fetch that does not end counts as lost, and another may start."""


class BackgroundFetch(Generic[T]):
    """One background fetch under way: `future` will hold what it brings. `timeout` is in seconds."""

    __slots__ = ("_begun", "_process", "_timeout", "future", "task")

    def __init__(self, timeout: float) -> None:
        from concurrent.futures import Future  # noqa: PLC0415 - slow to import

        self.future: Future[T] = Future()
        self.task: Task[None] | None = None  # Held here: a loop holds only weak references to tasks.
        self._timeout = timeout
        self._begun = time.monotonic()
        self._process = os.getpid()

    def is_under_way(self) -> bool:
        """Whether it may still end: not if it has, if it was lost, or if a fork left its thread in the parent."""
        lost = time.monotonic() > self._begun + self._timeout + ABANDONED or self._process != os.getpid()
        return not lost and not self.future.done()

    def wait_seconds(self) -> float:
        """How long to wait for it from now, at most; 0 if it is overdue, so that later callers need not wait again."""
        return max(0.0, self._begun + self._timeout + GRACE - time.monotonic())


class BackgroundFetches:
    """Starts background fetches. `name` is for the threads."""

    __slots__ = ("_is_async", "_loop", "_name")

    def __init__(self, *, is_async: bool, name: str) -> None:
        self._is_async = is_async
        self._name = name
        self._loop: AbstractEventLoop | None = None

    def preparing(self) -> Steps[None]:
        """Make sure that background fetches can start from here; raises `ConfigurationError` if an async one cannot."""
        if self._is_async:
            yield Call(self._bind, sync_alternative=SYNC_WAY)

    async def _bind(self) -> None:
        import asyncio  # noqa: PLC0415 - slow to import, and loaded already where this runs

        if not on_asyncio():
            raise ConfigurationError(
                f"{self._name}: an async fetcher works on asyncio alone, and this is another event loop: use {SYNC_WAY}"
            )
        loop = asyncio.get_running_loop()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            raise ConfigurationError(
                f"{self._name}: an async fetcher serves the event loop it first ran on, and this is another: use"
                f" {SYNC_WAY}"
            )

    def start(self, background_fetch: BackgroundFetch[T], make: Callable[[], Flow[T]]) -> bool:
        """Start it, without waiting; False if it cannot be. What goes wrong goes into its future."""
        try:
            if self._is_async:
                self._start_task(background_fetch, make)
            else:
                thread = threading.Thread(
                    target=_on_thread, args=(background_fetch, make), name=self._name, daemon=True
                )
                thread.start()
        except RuntimeError as error:  # No more threads, a closed loop, or an interpreter that shuts down.
            background_fetch.future.set_exception(error)
            return False
        return True

    def _start_task(self, background_fetch: BackgroundFetch[T], make: Callable[[], Flow[T]]) -> None:
        if self._loop is None:
            raise RuntimeError("no event loop has used this source of keys yet")
        loop = self._loop

        def create() -> None:
            background_fetch.task = loop.create_task(_on_loop(background_fetch, make))

        # A request on another thread, too, may find that the keys grow old.
        loop.call_soon_threadsafe(create)


def _on_thread(background_fetch: BackgroundFetch[T], make: Callable[[], Flow[T]]) -> None:
    try:
        result = run_sync(make())
    except BaseException as error:  # noqa: BLE001 - a caller may wait for it
        background_fetch.future.set_exception(error)
    else:
        background_fetch.future.set_result(result)


async def _on_loop(background_fetch: BackgroundFetch[T], make: Callable[[], Flow[T]]) -> None:
    import asyncio  # noqa: PLC0415 - slow to import, and loaded already where this runs

    try:
        result = await run_async(make())
    except asyncio.CancelledError:  # The loop ends, and all waiters on it.
        background_fetch.future.set_exception(RuntimeError("the event loop is shutting down"))
        raise
    except BaseException as error:  # noqa: BLE001 - see above
        background_fetch.future.set_exception(error)
    else:
        background_fetch.future.set_result(result)
