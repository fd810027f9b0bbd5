"""A child that was forked while another thread held a lock, or waited for a result, answers all the same."""

from __future__ import annotations

import ast
import asyncio
import gc
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from jwtguard import Introspection, InvalidTokenError, RemoteJWKSet, SessionRevocation, SigningKeys, UnavailableError
from jwtguard.core import forks
from jwtguard.core.event_loops import in_store_thread
from jwtguard.core.flow import Call, Flow, run_async
from jwtguard.core.forks import Lock, after_fork, tell_child
from jwtguard.core.sessions.store_protocol import NewSession, Session
from jwtguard.key_rotation.private_files import locked
from jwtguard.key_sources.http_client import FetchRequest, FetchResponse
from jwtguard.stores.memory import MemoryStore
from jwtguard.stores.sqlite import SQLiteStore
from tests.core.dial import DAY, token
from tests.core.forking import forked, forked_while
from tests.core.token_samples import ISSUER, NOW, Clock, policy

PACKAGE = Path(str(find_spec("jwtguard").origin)).parent  # type: ignore[union-attr]
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
NEW = NewSession(session_id="s1", issuer=ISSUER, subject="user-1", idle_lifetime=DAY, absolute_lifetime=DAY)
KEY_SET = (
    b'{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}'
)


class Gate:
    """Stops those who pass it in the parent, so that they are under way when it forks."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.entered = threading.Event()
        self.may_pass = threading.Event()

    def passing(self) -> None:
        if os.getpid() == self.process:
            self.entered.set()
            assert self.may_pass.wait(30)


class GatedStore(MemoryStore):
    """A store whose look-ups stop at a gate in the parent."""

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate
        self.create(NEW, now=NOW)

    def find(self, session_id: str, *, now: float) -> Session | None:
        self.gate.passing()
        return super().find(session_id, now=now)


class GatedBatches(GatedStore):
    """One that looks up many at once."""

    def find(self, session_id: str, *, now: float) -> Session | None:
        self.gate.passing()
        return MemoryStore.find(self, session_id, now=now)

    def find_many(self, session_ids: Any, *, now: float) -> list[Session]:
        self.gate.passing()
        return [found for each in session_ids if (found := MemoryStore.find(self, each, now=now))]


@contextmanager
def under_way(gate: Gate, ask: Callable[[], object], *, threads: int = 1) -> Iterator[None]:
    """While `ask` is stopped at the gate, on so many threads."""
    running = [threading.Thread(target=ask) for _ in range(threads)]
    for thread in running:
        thread.start()
    assert gate.entered.wait(30)
    try:
        yield
    finally:
        gate.may_pass.set()
        for thread in running:
            thread.join(30)


def check(revocation: SessionRevocation) -> str:
    Flow(revocation.checking(token(), clock=Clock())).run()
    return "accepted"


@pytest.mark.parametrize("staleness", [0, 5])
@pytest.mark.parametrize("kind", [GatedStore, GatedBatches])
def test_look_up_in_flight(staleness: float, kind: type[GatedStore]) -> None:
    """The child asks for itself: the answer that the parent waits for never comes here."""
    gate = Gate()
    revocation = SessionRevocation(kind(gate), max_staleness=timedelta(seconds=staleness), monotonic=Clock(0))
    with under_way(gate, lambda: check(revocation), threads=12):
        assert forked(lambda: check(revocation)) == "accepted"
    assert check(revocation) == "accepted"


def fetched(gate: Gate, body: bytes) -> Callable[[FetchRequest], FetchResponse]:
    def fetch(request: FetchRequest) -> FetchResponse:
        gate.passing()
        return FetchResponse(status=200, body=body)

    return fetch


def test_fetch_of_keys_in_flight() -> None:
    """The child fetches for itself."""
    gate = Gate()
    keys = RemoteJWKSet("https://issuer.example/jwks.json", algorithms=["EdDSA"], fetcher=fetched(gate, KEY_SET))

    def ask() -> int:
        return len(list(keys.refreshed("k1").run()))

    with under_way(gate, ask):
        assert forked(ask) == "1"
    assert ask() == 1


def test_introspection_in_flight() -> None:
    """The child asks for itself, and what the parent has under way does not count against its limit."""
    gate = Gate()
    body = b'{"active": true, "iss": "%s", "aud": "api", "sub": "user-1", "exp": %d}' % (ISSUER.encode(), NOW + 60)
    introspection = Introspection(
        "https://issuer.example/introspect",
        client_id="api",
        client_secret="only for tests",
        max_in_flight=1,
        fetcher=fetched(gate, body),
    )

    def ask() -> str:
        verified = Flow(introspection.verifying("opaque", lambda _: policy(audience="api"), Clock())).run()
        return verified.claims["sub"]  # type: ignore[no-any-return]

    with under_way(gate, ask):
        assert forked(ask) == "user-1"
    assert ask() == "user-1"


def held_locks(owner: object) -> list[Lock]:
    """The locks of an object and of what belongs to it."""
    found: list[Lock] = []
    seen: set[int] = set()
    waiting = [owner]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, type) or callable(each):
            continue
        seen.add(id(each))
        if isinstance(each, Lock):
            found.append(each)
        elif type(each).__module__.startswith(("jwtguard", "tests")) or isinstance(each, dict):
            waiting += gc.get_referents(each)
    return found


def owners(tmp_path: Path) -> dict[str, tuple[object, Callable[[], object], str]]:
    """What has locks, what it is asked, and what it answers."""
    gate = Gate()
    gate.may_pass.set()
    store = GatedStore(gate)
    revocation = SessionRevocation(store, max_staleness=timedelta(0), monotonic=Clock(0))
    keys = RemoteJWKSet("https://issuer.example/jwks.json", algorithms=["EdDSA"], fetcher=fetched(gate, KEY_SET))
    body = b'{"active": false}'
    introspection = Introspection(
        "https://issuer.example/introspect", client_id="a", client_secret="b", fetcher=fetched(gate, body)
    )
    signing = SigningKeys(tmp_path / "keys.json", algorithm="ES256", reload_interval=timedelta(0))

    def introspect() -> object:
        try:
            return Flow(introspection.verifying("opaque", lambda _: policy(), Clock())).run()
        except InvalidTokenError as error:
            return error.reason

    return {
        "memory store": (store, lambda: store.revoke("s1", now=NOW), "True"),
        "revocation": (revocation, lambda: check(revocation), "accepted"),
        "key source": (keys, lambda: len(list(keys.refreshed("k1").run())), "1"),
        "introspection": (introspection, introspect, "inactive"),
        "signing keys": (signing, lambda: signing.rotate(at_once=True).algorithm, "ES256"),
    }


@pytest.mark.parametrize("name", ["memory store", "revocation", "key source", "introspection", "signing keys"])
def test_lock_that_another_thread_holds(name: str, tmp_path: Path) -> None:
    """A lock that another thread holds at the fork is free in the child."""
    owner, ask, answer = owners(tmp_path)[name]
    locks = held_locks(owner)
    assert locks
    for lock in locks:
        assert forked_while(lock, ask) == answer


def test_lock_of_the_key_files_that_another_thread_holds(tmp_path: Path) -> None:
    """The parent's file lock is another process's: the child waits a bounded time, and does not keep it."""
    path = tmp_path / "keys.json"
    keys = SigningKeys(path, algorithm="ES256")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("jwtguard.key_rotation.private_files.LOCK_TIMEOUT", 0.1)
        said = forked_while(locked(path.with_name("keys.json.lock")), keys.rotate)
    assert "another process holds the lock" in said
    assert keys.rotate().algorithm == "ES256"


def test_threads_of_the_parent() -> None:
    """Calls of a store on an event loop have new threads in the child."""

    def ask() -> str:
        return asyncio.run(in_store_thread(lambda: "found"))

    gate = Gate()
    threads = [threading.Thread(target=lambda: asyncio.run(in_store_thread(gate.passing))) for _ in range(40)]
    for thread in threads:
        thread.start()
    assert gate.entered.wait(30)
    try:
        assert forked(ask) == "found"
    finally:
        gate.may_pass.set()
        for thread in threads:
            thread.join(30)


def test_connection_of_the_parent(tmp_path: Path) -> None:
    """An SQLite file is opened anew in the child, while another thread of the parent reads it."""
    with SQLiteStore(tmp_path / "sessions.db") as store:
        store.create(NEW, now=NOW)
        assert store.find("s1", now=NOW) is not None

        def ask() -> bool:
            return store.revoke("s1", now=NOW)

        assert forked(ask) == "True"
        found = store.find("s1", now=NOW)
        assert found is not None
        assert not found.is_alive


def test_loops_and_threads_share_a_revocation_in_a_child() -> None:
    """A child answers on an event loop, too, while the parent has a look-up in flight."""
    gate = Gate()
    revocation = SessionRevocation(GatedStore(gate), monotonic=Clock(0))

    def ask() -> object:
        return asyncio.run(run_async(Flow(revocation.checking(token(), clock=Clock()))))

    with under_way(gate, ask):
        assert forked(ask) == "None"


def test_what_runs_in_a_child() -> None:
    """Each object that asked for it and still lives is told."""
    told: list[str] = []

    class Telling:
        def __init__(self, name: str) -> None:
            self.name = name

        def after_fork(self) -> None:
            told.append(self.name)

    kept, gone = Telling("kept"), Telling("gone")
    tell_child(kept)
    tell_child(gone)
    del gone
    gc.collect()
    after_fork()
    assert told == ["kept"]


@pytest.mark.parametrize("staleness", [0, 5])
def test_what_a_revocation_forgets(staleness: float) -> None:
    """A child forgets look-ups under way: its next request looks up itself."""
    revocation = SessionRevocation(GatedBatches(Gate()), max_staleness=timedelta(seconds=staleness))
    lost = [revocation.checking(token(), clock=Clock()) for _ in range(12)]
    for each in lost:
        next(each)
    after_fork()
    asking = revocation.checking(token(), clock=Clock())
    assert isinstance(next(asking), Call)
    for each in (*lost, asking):
        each.close()


def test_lock_that_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait for a lost lock is bounded: then the answer is 503, with the reason of the lock."""
    monkeypatch.setattr(forks, "LOCK_TIMEOUT", 0.01)
    lock = Lock("keys")
    with lock, pytest.raises(UnavailableError) as refused, lock:
        pass
    assert (refused.value.reason, refused.value.status) == ("keys", 503)
    with lock:
        pass


def test_no_other_locks() -> None:
    """Every lock of the package is one that survives a fork."""
    kinds = {f"threading.{kind}" for kind in ("Lock", "RLock", "Condition", "Semaphore", "BoundedSemaphore")}
    found = {}
    for path in PACKAGE.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if named := kinds & {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}:
            found[path.name] = named
    assert found == {"forks.py": {"threading.Lock"}}
