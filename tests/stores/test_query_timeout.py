"""A connection whose answer is overdue is cut, that one alone; the watching thread ends with the last wait."""

from __future__ import annotations

import multiprocessing
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from jwtguard import ConfigurationError
from jwtguard.stores.query_timeout import QueryTimeout, cut, query_timeout

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    here, there = socket.socketpair()
    here.settimeout(10)
    with here, there:
        yield here, there


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_overdue(pair: Pair) -> None:
    """A waiting caller gets the end of the connection after the time-out, not before."""
    began = time.monotonic()
    with QueryTimeout(0.05).waiting(lambda: pair[0]):
        assert pair[0].recv(1) == b""
    assert 0.05 <= time.monotonic() - began < 5


def test_in_time(pair: Pair) -> None:
    """An answer in time leaves the line as it is, and the thread ends."""
    query_timeout = QueryTimeout(0.5)
    for _ in range(3):
        with query_timeout.waiting(lambda: pair[0]):
            pair[1].send(b"1")
            assert pair[0].recv(1) == b"1"
    until(lambda: query_timeout._thread is None)
    pair[1].send(b"2")
    assert pair[0].recv(1) == b"2"


def test_each_has_a_time_of_its_own(pair: Pair) -> None:
    """A connection that is cut does not disturb another that waits."""
    query_timeout = QueryTimeout(0.05)
    here, there = socket.socketpair()
    here.settimeout(10)
    with here, there, query_timeout.waiting(lambda: here):
        assert here.recv(1) == b""
        with query_timeout.waiting(lambda: pair[0]):
            pair[1].send(b"1")
            assert pair[0].recv(1) == b"1"


def test_who_comes_while_the_thread_ends(pair: Pair) -> None:
    """A call that begins while the thread ends is watched by a new thread."""
    query_timeout = QueryTimeout(0.05)

    class Late(dict[int, Any]):
        """Empty at the last look of the first thread, and no longer at the one after that."""

        looks = 0

        def __bool__(self) -> bool:
            self.looks += 1
            if self.looks == 2:
                self[0] = (os.getpid(), time.monotonic(), lambda: pair[0])
            return len(self) > 0

    query_timeout._waiting = Late()
    query_timeout._start()
    assert pair[0].recv(1) == b""


def _in_a_child(query_timeout: QueryTimeout, ours: Pair, answers: Any) -> None:
    with query_timeout.waiting(lambda: ours[0]):
        answers.send(ours[0].recv(1))
    answers.send(dict(query_timeout._waiting))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # That is what is asked about.
def test_in_a_child(pair: Pair) -> None:
    """A forked process watches its own lines, and leaves alone those that its parent waits for."""
    query_timeout = QueryTimeout(0.05)
    own = socket.socketpair()
    receiver, sender = multiprocessing.Pipe(duplex=False)
    query_timeout._waiting[-1] = (os.getpid(), 0.0, lambda: pair[0])
    child = multiprocessing.get_context("fork").Process(target=_in_a_child, args=(query_timeout, own, sender))
    child.start()
    try:
        assert receiver.poll(10)
        assert receiver.recv() == b""
        assert receiver.poll(10)
        assert receiver.recv() == {}
    finally:
        child.join(10)
        child.close()
        for end in (*own, receiver, sender):
            end.close()
    pair[1].send(b"1")
    assert pair[0].recv(1) == b"1"


def test_a_line_of_another_process(pair: Pair) -> None:
    """A connection of the parent is forgotten and not cut in a forked child."""
    query_timeout = QueryTimeout(5)
    query_timeout._waiting[-1] = (os.getpid() + 1, 0.0, lambda: pair[0])
    query_timeout._cut_overdue()
    assert not query_timeout._waiting
    pair[1].send(b"1")
    assert pair[0].recv(1) == b"1"


def test_what_cannot_be_cut() -> None:
    """A connection that was closed meanwhile, that was not made yet, or that has no line: nothing happens."""
    here, there = socket.socketpair()
    here.close()
    there.close()
    for line in (lambda: here, lambda: None, lambda: object()):
        cut(line)


def test_terminated() -> None:
    """A driver that has a word of its own for it is told so."""
    told: list[str] = []
    cut(lambda: SimpleNamespace(terminate=lambda: told.append("terminate"), fileno=None))
    assert told == ["terminate"]


@pytest.mark.parametrize("limit", [5, None, timedelta(0), timedelta(seconds=-1)])
def test_limits_that_are_none(limit: Any) -> None:
    """Said when the store is made."""
    with pytest.raises(ConfigurationError, match="timeout"):
        query_timeout(limit)
