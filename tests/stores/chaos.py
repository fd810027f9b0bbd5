"""A history of logins, refreshes and logouts while faults happen to the store, and what may never be in it.

No generation is rotated twice (no second branch); no refresh that began after an answered logout succeeds; a refusal
(400) comes only to a session that was ended, or to a generation whose first answer was lost; whatever else happens is
503.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from jwtguard.core.errors import InvalidGrantError, UnavailableError
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.sessions.store_protocol import SessionStore
from jwtguard.testing.conformance.store_bench import rotation_of
from tests.proxy import Proxy
from tests.servers import Server
from tests.stores.faults import recovers, sessions_on

SECONDS = float(os.environ.get("JWTGUARD_CHAOS_SECONDS", "3"))
"""For each store. A long run takes 60."""
Fault = Callable[[random.Random], object]
CLIENTS = 4


@dataclass(slots=True)
class History:
    """What clients saw; `wrong` is what may never be seen."""

    ended: list[str] = field(default_factory=list)
    rotations: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    answered: int = 0
    refused: int = 0
    unavailable: int = 0


def run(
    store: SessionStore,
    faults: Mapping[str, Fault],
    *,
    seed: int,
    seconds: float = SECONDS,
    thread: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> History:
    """Let clients work while one fault follows another; then check what they saw, and what is stored."""
    history, is_over, chance = History(), threading.Event(), random.Random(seed)

    def work(number: int) -> None:
        try:
            with thread():
                while not is_over.is_set():
                    (_rotate if number % 2 else _log_out)(store, history, random.Random(seed + number), is_over)
        except Exception as error:
            history.wrong.append(f"client {number}: {error!r}")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for each in threads:
        each.start()
    deadline = time.monotonic() + seconds
    names = sorted(faults)
    chance.shuffle(names)
    while time.monotonic() < deadline:
        for name in names:
            faults[name](chance)
            is_over.wait(chance.uniform(0.05, 0.2))
    is_over.set()
    for each in threads:
        each.join(60)
        assert not each.is_alive(), "a client waits for ever"
    _compare(store, history)
    return history


def _attempt(history: History, action: Callable[[], object]) -> bool:
    """Whether it was answered; False if it was 503, so that its effect is unknown."""
    try:
        action()
    except UnavailableError:
        history.unavailable += 1
        time.sleep(0.02)  # As `Retry-After` asks, in the measure of this test.
        return False
    history.answered += 1
    return True


def _started(sessions: Sessions, history: History, is_over: threading.Event) -> str | None:
    tokens: list[str] = []
    while not tokens and not is_over.is_set():
        _attempt(history, lambda: tokens.append(sessions.start("user-1").run().refresh_token))
    return tokens[0] if tokens else None


def _rotate(store: SessionStore, history: History, chance: random.Random, is_over: threading.Event) -> None:
    """Without a grace time: each answer is the next generation. A lost answer costs the session, and nothing else
    does."""
    sessions = sessions_on(store, grace=0)
    token = _started(sessions, history, is_over)
    is_lost = False
    while token is not None and not is_over.is_set():
        rotation = rotation_of(token)
        answers: list[str] = []

        def refresh(token: str = token, answers: list[str] = answers) -> None:
            answers.append(sessions.refresh(token).run().refresh_token)

        try:
            if not _attempt(history, refresh):
                is_lost = True
                continue
        except InvalidGrantError as error:
            history.refused += 1
            if not is_lost or error.reason not in {"reuse", "revoked"}:
                history.wrong.append(f"{rotation} was refused, though no answer was lost: {error.reason}")
            history.rotations.pop(rotation.session_id, None)
            return
        following = rotation_of(answers[0])
        if (following.session_id, following.generation) != (rotation.session_id, rotation.generation + 1):
            history.wrong.append(f"after {rotation} came {following}")
        old, token, is_lost = token, answers[0], False
        history.rotations[rotation.session_id] = following.generation
        if chance.random() < 0.05:
            _steal(sessions, history, old)
            return


def _steal(sessions: Sessions, history: History, old: str) -> None:
    """A generation that was taken is taken for a second time: that ends the session, and gives no second branch."""
    session_id = rotation_of(old).session_id
    history.rotations.pop(session_id, None)
    try:
        if _attempt(history, lambda: sessions.refresh(old).run()):
            history.wrong.append(f"{session_id} has two branches")
    except InvalidGrantError:
        history.refused += 1
        history.ended.append(session_id)


def _log_out(store: SessionStore, history: History, chance: random.Random, is_over: threading.Event) -> None:
    """With a grace time longer than each outage, a fault ends no session, and a logged-out session is refused."""
    sessions = sessions_on(store, grace=60)
    token = _started(sessions, history, is_over)
    if token is None:
        return
    session_id = rotation_of(token).session_id
    for _ in range(chance.randrange(4)):
        _attempt(history, lambda: sessions.refresh(token).run())  # A refusal is an error of this client's.
    ends: Sequence[Callable[[], object]] = [
        lambda: sessions.end(token).run(),
        lambda: sessions.end_session("user-1", session_id).run(),
    ]
    while not _attempt(history, chance.choice(ends)):
        if is_over.is_set():
            return
    history.ended.append(session_id)
    try:
        if _attempt(history, lambda: sessions.refresh(token).run()):
            history.wrong.append(f"{session_id} was refreshed after its logout")
    except InvalidGrantError:
        history.refused += 1


def _compare(store: SessionStore, history: History) -> None:
    """What is stored, once all is well again, is what clients were told."""
    assert history.wrong == []
    sessions = sessions_on(store, grace=0)
    token = recovers(lambda: sessions.start("user-2").run()).refresh_token
    assert rotation_of(recovers(lambda: sessions.refresh(token).run()).refresh_token).generation == 1
    find = store.find
    for session_id in history.ended:
        session = find(session_id, now=time.time())
        assert session is None or session.state == "revoked", session  # type: ignore[union-attr]
    for session_id, generation in history.rotations.items():
        session = find(session_id, now=time.time())
        # One more if the last answer was lost; and then the generation before may have ended the session.
        assert session.generation - generation in {0, 1}, session  # type: ignore[union-attr]
    assert history.ended
    assert history.answered > 20


def of_server(server: Server, proxy: Proxy) -> Mapping[str, Fault]:
    """Faults of a server and of the network before it."""

    def silence(chance: random.Random) -> None:
        proxy.is_silent = True
        time.sleep(chance.uniform(0.1, 0.8))
        proxy.is_silent = False
        proxy.cut()

    def swallow_answers(chance: random.Random) -> None:
        proxy.swallows_answers = True
        time.sleep(chance.uniform(0.1, 0.8))
        proxy.swallows_answers = False
        proxy.cut()

    def stall(chance: random.Random) -> None:
        with server.stopped():
            time.sleep(chance.uniform(0.1, 0.8))

    def crash(chance: random.Random) -> None:
        server.kill()
        server.start()

    return {
        "cut": lambda _: proxy.cut(),
        "silence": silence,
        "swallow answers": swallow_answers,
        "stall": stall,
        "crash": crash,
    }
