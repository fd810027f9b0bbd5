"""What becomes of a refresh, as tests: the outcome table, row by row, with `Sessions` on the store.

>>> StoreOutcomeConformance.test_rotated.__doc__
'The current generation: a new pair, of the next generation.'

Needs pytest. Inherit from `jwtguard.testing.StoreConformance`, which has these and the port's.
"""

from __future__ import annotations

import re

import pytest

from jwtguard.core.errors import ConfigurationError, InvalidGrantError, UnavailableError
from jwtguard.core.flow import is_async
from jwtguard.core.sessions.sessions import Sessions
from jwtguard.core.sessions.store_protocol import SessionStore
from jwtguard.testing.conformance.store_bench import StoreBench, rotation_of
from jwtguard.testing.conformance.store_protocol import StoreFixtures


def refused(bench: StoreBench, sessions: Sessions, refresh_token: str) -> str:
    """The reason for which a refresh is refused, with 400."""
    with pytest.raises(InvalidGrantError) as caught:
        bench.run(sessions.refresh(refresh_token))
    assert (caught.value.status, caught.value.error) == (400, "invalid_grant")
    return caught.value.reason


class StoreOutcomeConformance(StoreFixtures):
    """The outcome table."""

    def test_rotated(self, bench: StoreBench) -> None:
        """The current generation: a new pair, of the next generation."""
        sessions = bench.sessions(grace=0)
        first = bench.run(sessions.start(bench.subject, label="Firefox"))
        second = bench.run(sessions.refresh(first.refresh_token))
        third = bench.run(sessions.refresh(second.refresh_token))
        rotations = [rotation_of(answer.refresh_token) for answer in (first, second, third)]
        assert [rotation.generation for rotation in rotations] == [0, 1, 2]
        assert len({rotation.session_id for rotation in rotations}) == 1
        assert [event.kind for event in bench.events] == ["started", "refreshed", "refreshed"]

    def test_the_current_rotation_made_a_moment_ago(self, bench: StoreBench) -> None:
        """Replayed: a new access token and the same generation, and nothing is written."""
        sessions = bench.sessions(grace=60)
        answer = bench.run(sessions.start(bench.subject))
        answer = bench.run(sessions.refresh(answer.refresh_token))
        before = bench.found(rotation_of(answer.refresh_token).session_id)
        again = bench.run(sessions.refresh(answer.refresh_token))
        assert rotation_of(again.refresh_token) == rotation_of(answer.refresh_token)
        assert bench.found(before.session_id) == before
        assert bench.events[-1].kind == "replayed"

    def test_the_rotation_just_before(self, bench: StoreBench) -> None:
        """Replayed: the next generation again, so a lost answer ends no session."""
        sessions = bench.sessions(grace=60)
        first = bench.run(sessions.start(bench.subject))
        second = bench.run(sessions.refresh(first.refresh_token))
        again = bench.run(sessions.refresh(first.refresh_token))
        assert rotation_of(again.refresh_token) == rotation_of(second.refresh_token)
        assert bench.events[-1].kind == "replayed"
        after = bench.run(bench.sessions(grace=0).refresh(again.refresh_token))
        assert rotation_of(after.refresh_token).generation == 2

    def test_reuse(self, bench: StoreBench) -> None:
        """The generation just before, after the grace time: the session ends, also for the holder of the newest one."""
        sessions = bench.sessions(grace=0)
        first = bench.run(sessions.start(bench.subject))
        second = bench.run(sessions.refresh(first.refresh_token))
        assert refused(bench, sessions, first.refresh_token) == "reuse"
        assert bench.events[-1].kind == "reuse_detected"
        assert refused(bench, sessions, second.refresh_token) == "revoked"
        assert refused(bench, sessions, first.refresh_token) == "revoked"
        assert bench.listed() == []

    def test_an_older_rotation_within_the_grace_time(self, bench: StoreBench) -> None:
        """Reuse: the grace time is for one turn back, never for two."""
        sessions = bench.sessions(grace=0)
        first = bench.run(sessions.start(bench.subject))
        second = bench.run(sessions.refresh(first.refresh_token))
        bench.run(sessions.refresh(second.refresh_token))
        assert refused(bench, bench.sessions(grace=60), first.refresh_token) == "reuse"
        assert bench.listed() == []

    def test_a_rotation_newer_than_the_row(self, bench: StoreBench) -> None:
        """A restored backup: the holders of the generations are unknown, so the session ends."""
        sessions = bench.sessions()
        session_id = rotation_of(bench.run(sessions.start(bench.subject)).refresh_token).session_id
        assert refused(bench, sessions, bench.refresh_token(session_id, 1)) == "future_generation"
        assert bench.events[-1].kind == "future_generation"
        assert bench.found(session_id).state == "revoked"

    def test_refresh_of_revoked(self, bench: StoreBench) -> None:
        """Logged out: any generation ends it, and no generation brings it back."""
        sessions = bench.sessions(grace=0)
        first = bench.run(sessions.start(bench.subject))
        second = bench.run(sessions.refresh(first.refresh_token))
        bench.run(sessions.end(first.refresh_token))
        assert refused(bench, sessions, second.refresh_token) == "revoked"
        bench.run(sessions.end(second.refresh_token))

    def test_refresh_of_expired(self, bench: StoreBench) -> None:
        """Its idle or absolute lifetime is over."""
        sessions = bench.sessions()
        for session_id in (bench.create(idle_lifetime=-1), bench.create(absolute_lifetime=-1)):
            assert refused(bench, sessions, bench.refresh_token(session_id, 0)) in {"expired", "unknown_session"}

    def test_refresh_of_unknown(self, bench: StoreBench) -> None:
        """No such row, and none is made."""
        assert refused(bench, bench.sessions(), bench.refresh_token("unknown", 0)) == "unknown_session"
        assert bench.find("unknown") is None

    def test_a_row_of_another_subject(self, bench: StoreBench) -> None:
        """A token that names a row of another subject does not end it."""
        session_id = bench.create(subject="user-2")
        refused(bench, bench.sessions(), bench.refresh_token(session_id, 7))
        assert bench.found(session_id).is_alive

    def test_another_issuer(self, bench: StoreBench) -> None:
        """Two issuers may share a store; neither sees, refreshes or ends the other's sessions."""
        ours, theirs = bench.sessions(), bench.sessions(issuer="https://other.example")
        answer = bench.run(ours.start(bench.subject))
        bench.run(theirs.start(bench.subject))
        refused(bench, theirs, answer.refresh_token)
        assert len(bench.run(theirs.list(bench.subject))) == 1
        assert bench.run(theirs.end_all(bench.subject)) == 1
        assert [session.session_id for session in bench.run(ours.list(bench.subject))] == [
            rotation_of(answer.refresh_token).session_id
        ]

    def test_listed_and_ended(self, bench: StoreBench) -> None:
        """My devices: newest first with their labels; one can be ended, or all."""
        sessions = bench.sessions()
        for label in ("Firefox", "Chromium", "Safari"):
            bench.run(sessions.start(bench.subject, label=label))
            bench.now += 1
        listed = bench.run(sessions.list(bench.subject))
        assert [session.label for session in listed] == ["Safari", "Chromium", "Firefox"]
        assert bench.run(sessions.end_session("another user", listed[0].session_id)) is False
        assert bench.run(sessions.end_session(bench.subject, listed[0].session_id)) is True
        assert bench.run(sessions.end_all(bench.subject)) == 2
        assert bench.run(sessions.list(bench.subject)) == []

    def test_labels_of_any_kind(self, bench: StoreBench) -> None:
        """A label comes from a header of the client: no label prevents a login."""
        sessions = bench.sessions()
        for label in ("\x00", "\ud800", "🦊" * 1000, "\n\r\t\x1b[31m"):
            bench.run(sessions.start(bench.subject, label=label))
        assert len(bench.run(sessions.list(bench.subject))) == 4

    def test_one_row_however_often_refreshed(self, bench: StoreBench) -> None:
        """The store does not grow with refreshes."""
        sessions = bench.sessions(grace=0)
        answer = bench.run(sessions.start(bench.subject))
        before = len(self.dump(bench))
        for _ in range(30):
            answer = bench.run(sessions.refresh(answer.refresh_token))
        assert len(self.dump(bench)) == before
        assert bench.found(rotation_of(answer.refresh_token).session_id).generation == 30

    def test_nothing_in_the_store_is_a_credential(self, bench: StoreBench) -> None:
        """The content of the whole store holds no token and no value that works as one."""
        sessions = bench.sessions(grace=0)
        first = bench.run(sessions.start(bench.subject, label="Firefox"))
        second = bench.run(sessions.refresh(first.refresh_token))
        stolen = "\n".join(self.dump(bench))
        assert rotation_of(second.refresh_token).session_id in stolen, "the dump must hold the rows"
        for answer in (first, second):
            for token in (answer.access_token, answer.refresh_token):
                assert not any(segment in stolen for segment in token.split(".")[1:])
        for text in {*re.findall(r"[^\s'\",]+", stolen), *stolen.splitlines()}:
            refused(bench, sessions, text)
        assert bench.run(sessions.refresh(second.refresh_token))

    def test_sync_and_async(self, store: SessionStore, bench: StoreBench) -> None:
        """A sync store serves everything. An async one raises from sync code, and says what to use instead."""
        flow = bench.sessions().start(bench.subject)
        if not is_async(store.create):
            assert flow.run()
            return
        name = getattr(store, "sync_alternative", None)
        assert isinstance(name, str), "an async store names its sync class"
        with pytest.raises(ConfigurationError, match=name):
            flow.run()

    def test_out_of_reach(self, bench: StoreBench, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every exception of the store is an outage: 503, never a 400 that ends the session."""
        sessions = bench.sessions()
        answer = bench.run(sessions.start(bench.subject))
        broken = _Broken(bench.store)
        with pytest.raises(UnavailableError):
            bench.run(bench.sessions(store=broken).refresh(answer.refresh_token))
        assert bench.run(sessions.refresh(answer.refresh_token))


class _Broken:
    """A store whose connection breaks at the write of a rotation."""

    def __init__(self, store: SessionStore) -> None:
        self.create, self.find, self.list = store.create, store.find, store.list
        self.revoke, self.revoke_all, self.purge = store.revoke, store.revoke_all, store.purge

    def rotate(self, *args: object, **kwargs: object) -> None:
        raise ConnectionResetError
