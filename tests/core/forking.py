"""Runs something in a child that is forked while another thread is inside a block, as a server that preloads does."""

from __future__ import annotations

import os
import select
import signal
import threading
import traceback
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager

WAIT = 30.0
"""Seconds after which a child that does not answer is killed."""


def forked(ask: Callable[[], object]) -> str:
    """What `ask` gives in a child, as text; its error, or that it did not answer."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 and later warn of forks in processes with threads, which is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            answer = f"{ask()}"
        except BaseException:
            answer = traceback.format_exc()
        os.write(writing, answer.encode()[:4096])
        os._exit(0)
    os.close(writing)
    try:
        is_ready, _, _ = select.select([reading], [], [], WAIT)
        if not is_ready:
            os.kill(child, signal.SIGKILL)
            return "no answer"
        return os.read(reading, 4096).decode()
    finally:
        os.close(reading)
        os.waitpid(child, 0)


def forked_while(block: AbstractContextManager[object], ask: Callable[[], object]) -> str:
    """What `ask` gives in a child that is forked while another thread is inside `block`."""
    is_inside, may_leave = threading.Event(), threading.Event()

    def hold() -> None:
        with block:
            is_inside.set()
            may_leave.wait(WAIT)

    holding = threading.Thread(target=hold)
    holding.start()
    assert is_inside.wait(WAIT)
    try:
        return forked(ask)
    finally:
        may_leave.set()
        holding.join(WAIT)
