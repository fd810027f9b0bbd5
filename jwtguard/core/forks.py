"""Locks and shared state that a forked child can use, whatever the threads of its parent were doing.

>>> lock = Lock("example")
>>> with lock:
...     pass

A server such as gunicorn with `--preload` imports the application, and forks. Of the parent's threads only the one that
forks lives on in the child: a lock that another thread held would stay locked, and a result that another thread was to
bring would never come. So both are made anew in the child.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Protocol
from weakref import WeakSet

from jwtguard.core.errors import UnavailableError

LOCK_TIMEOUT = 15.0
"""Seconds until a lock counts as lost: more than any thread holds one, the lock of the key files included."""


class Forked(Protocol):
    """What has something to do in a child."""

    def after_fork(self) -> None:
        """Make anew what the threads of the parent may have held; called in the child, before anything else runs."""
        ...


_forked: WeakSet[Forked] = WeakSet()


def tell_child(forked: Forked) -> None:
    """Have `forked.after_fork()` called in every child, for as long as the object lives."""
    _forked.add(forked)


def after_fork() -> None:
    """What runs in a child."""
    for forked in list(_forked):
        forked.after_fork()


class Lock:
    """A lock that is free in a child, and for which nothing waits forever: `UnavailableError` after `LOCK_TIMEOUT`.

    `name` is the reason that the error gives.
    """

    __slots__ = ("__weakref__", "_lock", "_name")

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        tell_child(self)

    def after_fork(self) -> None:
        """Be free."""
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=LOCK_TIMEOUT):
            raise UnavailableError(self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


# Windows has no fork, and nothing to register.
getattr(os, "register_at_fork", lambda **_: None)(after_in_child=after_fork)
