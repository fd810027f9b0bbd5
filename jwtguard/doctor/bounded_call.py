"""Run a call that may hang, with a time limit.

>>> from jwtguard.core.flow import Flow
>>> def steps():
...     return 42
...     yield
>>> answer_of(lambda: Flow(steps()))
42

Asynchronous calls share one event loop, since clients keep their connections on the first loop that they use. Threads
are daemons: a call that hangs must not keep the program from ending.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import Flow, run_async

T = TypeVar("T")

LONGEST = 10.0
"""Seconds for one call, whatever its own time-out is."""


def answer_of(make: Callable[[], Flow[T]], *, timeout: float = LONGEST) -> T:
    """The result of a flow, asynchronous or not; raises what it raises, or `TimeoutError`."""
    try:
        try:
            return _on_thread(lambda: make().run()).result(timeout)
        except ConfigurationError:
            # A part of it must be awaited; any other error is raised again below.
            return asyncio.run_coroutine_threadsafe(_awaited(make), _loop()).result(timeout)
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"there was no answer within {timeout:g} s") from None


def _on_thread(function: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            future.set_exception(error)
        else:
            future.set_result(result)

    threading.Thread(target=run, name="jwtguard doctor", daemon=True).start()
    return future


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="jwtguard doctor's loop", daemon=True).start()
    return loop


async def _awaited(make: Callable[[], Flow[T]]) -> T:
    return await run_async(make(), to_thread=lambda function: asyncio.wrap_future(_on_thread(function)))
