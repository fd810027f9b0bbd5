"""Asking something that may hang: with an end.

>>> from jwtguard.core.flow import Flow
>>> def steps():
...     return 42
...     yield
>>> answer_of(lambda: Flow(steps()))
42

What can only be awaited runs on one event loop for all questions, since clients keep their connections on the first
one that they see. Threads are daemons: whoever hangs must not keep the program from ending.
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

PATIENCE = 10.0
"""Seconds for one question, whatever time-outs whoever is asked has or lacks."""


def answer_of(make: Callable[[], Flow[T]], *, patience: float = PATIENCE) -> T:
    """The result of a flow, asynchronous or not; raises what it raises, or `TimeoutError`."""
    try:
        try:
            return _on_thread(lambda: make().run()).result(patience)
        except ConfigurationError:
            # Something in it can only be awaited; or the program is wrong, and is so again.
            return asyncio.run_coroutine_threadsafe(_awaited(make), _loop()).result(patience)
    except TimeoutError as error:
        raise TimeoutError(str(error) or f"there was no answer within {patience:g} s") from None


def _on_thread(function: Callable[[], T]) -> Future[T]:
    future: Future[T] = Future()

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for it
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
