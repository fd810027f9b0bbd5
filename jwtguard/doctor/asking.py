"""Asking something that may hang: with an end.

>>> from jwtguard.core.flow import Flow
>>> def steps():
...     return 42
...     yield
>>> answer_of(lambda: Flow(steps()))
42
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from jwtguard.core.errors import ConfigurationError
from jwtguard.core.flow import Flow

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds for one question, whatever time-outs whoever is asked has or lacks."""


def answer_of(make: Callable[[], Flow[T]], *, patience: float = PATIENCE) -> T:
    """The result of a flow, asynchronous or not; raises what it raises, or `TimeoutError`."""
    future: Future[T] = Future()
    # A daemon: whoever hangs must not keep the program from ending.
    threading.Thread(target=_run, args=(make, future), name="jwtguard doctor", daemon=True).start()
    try:
        return future.result(patience)
    except TimeoutError:
        raise TimeoutError(f"there was no answer within {patience:g} s") from None


def _run(make: Callable[[], Flow[T]], future: Future[T]) -> None:
    try:
        try:
            result = make().run()
        except ConfigurationError:
            # Something in it can only be awaited; or the program is wrong, and is so again.
            result = asyncio.run(_awaited(make))
    except BaseException as error:  # noqa: BLE001 - whatever it is, somebody waits for it
        future.set_exception(error)
    else:
        future.set_result(result)


async def _awaited(make: Callable[[], Flow[T]]) -> T:
    return await make()
