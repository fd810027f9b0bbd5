"""What the tests of faults run in processes of their own: races, and refreshes that are killed.

Imported by forked children, so it imports no driver by itself.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import multiprocessing
import os
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import pytest

from jwtguard.core.errors import InvalidGrantError, JWTGuardError, UnavailableError
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.sessions.store_protocol import SessionStore
from jwtguard.testing.conformance.store_bench import StoreBench, rotation_of
from tests.servers import Server

Opening = Callable[[], AbstractContextManager[SessionStore]]
"""Opens a store, anew in each process: a partial of a function of a module, so that it can be sent there."""

PROCESSES, THREADS, REFRESHES = 4, 5, 1000
DEADLINE = 60.0


def sessions_on(store: SessionStore, *, grace: float, **changes: Any) -> Sessions:
    """Sessions by the real clock, with the keys that all processes share."""
    return StoreBench(store, asyncio.Runner(), has_own_clock=True).sessions(grace=grace, **changes)


def processes() -> BaseContext:
    """Processes that fork from one that has imported everything and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    # What cannot be imported, because its driver is not installed, is passed over.
    context.set_forkserver_preload([__name__, "tests.stores.sqlalchemy_engines", "tests.stores.redis_clients"])
    return context


def race(opening: Opening, *, grace: float) -> tuple[Counter[str], str]:
    """Refresh one token a thousand times at once over four processes; what came of it, and the token."""
    with opening() as store:
        first = sessions_on(store, grace=grace).start("user-1").run().refresh_token
    context = processes()
    barrier = context.Barrier(PROCESSES)
    pipes = [context.Pipe(duplex=False) for _ in range(PROCESSES)]
    runners = [
        context.Process(target=_racer, args=(opening, first, grace, barrier, sender))  # type: ignore[attr-defined]
        for _, sender in pipes
    ]
    for runner in runners:
        runner.start()
    outcomes: Counter[str] = Counter()
    for (receiver, sender), runner in zip(pipes, runners, strict=True):
        sender.close()
        assert receiver.poll(DEADLINE)
        outcomes += receiver.recv()
        receiver.close()
        runner.join(DEADLINE)
        runner.close()
    return outcomes, first


def _racer(opening: Opening, token: str, grace: float, barrier: Any, sender: Connection) -> None:
    kinds: Counter[str] = Counter()

    def refresh(_: int) -> str:
        try:
            rotation = rotation_of(sessions.refresh(token).run().refresh_token)
        except JWTGuardError as error:
            return error.reason
        return f"generation {rotation.generation}"

    with opening() as store, ThreadPoolExecutor(THREADS) as threads:
        sessions = sessions_on(store, grace=grace, on_event=lambda event: kinds.update([event.kind]))
        sessions.list("connect").run()
        barrier.wait(DEADLINE)
        answers = Counter(threads.map(refresh, range(REFRESHES // PROCESSES)))
    sender.send(answers + Counter({f"event {kind}": count for kind, count in kinds.items()}))
    sender.close()


def killed_refreshes(opening: Opening, times: int = 50) -> None:
    """Kill a process in the middle of a refresh, again and again: the client's last token goes on, on one branch."""
    context = processes()
    chance = random.Random(7)
    with opening() as store:
        sessions = sessions_on(store, grace=60)
        token = sessions.start("user-1").run().refresh_token
        for _ in range(times):
            receiver, sender = context.Pipe(duplex=False)
            runner = context.Process(target=_refresher, args=(opening, token, sender))  # type: ignore[attr-defined]
            runner.start()
            sender.close()
            assert receiver.poll(DEADLINE)
            deadline = time.monotonic() + chance.uniform(0, 0.02)
            while time.monotonic() < deadline and receiver.poll(max(deadline - time.monotonic(), 0)):
                token = receiver.recv()
            runner.kill()
            with contextlib.suppress(EOFError):
                while True:
                    token = receiver.recv()
            runner.join(DEADLINE)
            runner.close()
            receiver.close()
            token = _after_the_kill(store, sessions, token)


def _after_the_kill(store: Any, sessions: Sessions, token: str) -> str:
    """The last generation that the client was told is the row's, or the one just before; both go on, on one branch."""
    told = rotation_of(token)
    row = store.find(told.session_id, now=time.time())
    assert row is not None
    assert row.is_alive
    assert row.generation - told.generation in {0, 1}
    again = sessions.refresh(token).run().refresh_token
    assert rotation_of(again).generation in {row.generation, row.generation + 1}
    after = sessions_on(store, grace=0).refresh(again).run().refresh_token
    assert rotation_of(after).generation == rotation_of(again).generation + 1
    return after


def _refresher(opening: Opening, token: str, sender: Connection) -> None:
    with opening() as store:
        sessions = sessions_on(store, grace=0)
        token = sessions_on(store, grace=60).refresh(token).run().refresh_token
        while True:
            sender.send(token)
            token = sessions.refresh(token).run().refresh_token


def end_and_die(opening: Opening, token: str) -> None:
    """End a session in another process, which is killed the moment it has the answer."""
    runner = processes().Process(target=_ender, args=(opening, token))  # type: ignore[attr-defined]
    runner.start()
    runner.join(DEADLINE)
    assert runner.exitcode == -signal.SIGKILL
    runner.close()


def _ender(opening: Opening, token: str) -> None:
    with opening() as store:
        sessions_on(store, grace=0).end(token).run()
        os.kill(os.getpid(), signal.SIGKILL)


def refused(sessions: Sessions, token: str) -> str:
    """The reason of the 400."""
    try:
        sessions.refresh(token).run()
    except InvalidGrantError as error:
        return error.reason
    raise AssertionError("the refresh was answered with tokens")


def outlasts(server: Server, sessions: Sessions, *, within: float) -> None:
    """While the server is stalled, each request is a 503 in bounded time. Afterwards the store works by itself."""
    token = sessions.start("user-1").run().refresh_token
    with server.stopped():
        for attempt in (sessions.refresh(token), sessions.refresh(token)):
            began = time.monotonic()
            with pytest.raises(UnavailableError):
                attempt.run()
            assert time.monotonic() - began < within
    assert sessions.list("user-1").run()
    # An attempt may have been carried out when the server went on; within the grace time that is harmless.
    assert rotation_of(sessions.refresh(token).run().refresh_token).generation == 1


async def outlasts_on_a_loop(server: Server, sessions: Sessions, *, within: float) -> None:
    """The same, for who must be awaited."""
    token = (await sessions.start("user-1")).refresh_token
    with server.stopped():
        for attempt in (sessions.refresh(token), sessions.refresh(token)):
            began = time.monotonic()
            with pytest.raises(UnavailableError):
                await attempt
            assert time.monotonic() - began < within
    assert await sessions.list("user-1")
    assert rotation_of((await sessions.refresh(token)).refresh_token).generation == 1


def page() -> str:
    """docs/sessions-stores.md, whose settings are tested as they stand there."""
    return (Path(__file__).resolve().parents[2] / "docs" / "sessions-stores.md").read_text(encoding="utf-8")


def documented(name: str) -> dict[str, Any]:
    """The settings for a driver."""
    (found,) = re.findall(rf"^\| {name} \| `(\{{.*\}})` \|$", page(), re.MULTILINE)
    settings: dict[str, Any] = ast.literal_eval(found)
    return settings


def recovers(attempt: Callable[[], Any], *, within: float = 20.0) -> Any:
    """What the attempt returns as soon as it is no longer answered with 503."""
    deadline = time.monotonic() + within
    while True:
        try:
            return attempt()
        except UnavailableError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.05)
