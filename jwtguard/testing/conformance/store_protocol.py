"""What the port says, as tests: every method of a `SessionStore`, on rows in every state.

>>> issubclass(StorePortConformance, StoreFixtures)
True

Needs pytest. Inherit from `jwtguard.testing.StoreConformance`, which has these and the outcome table.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import ClassVar

import pytest

from jwtguard.core.sessions.look_ups import find_many_of
from jwtguard.core.sessions.store_protocol import MAX_LISTED, RotationRequest, RotationResult, SessionStore
from jwtguard.testing.conformance.store_bench import HOUR, StoreBench

OTHER_NAMES = [
    "{} ",
    "{}\u00a0",
    "{}\t",
    " {}",
    "{}\u200b",
    "{}\u00ad",
    "{}\u2400",
    "{}e",
    "{}E",
    "{}é",
    "{}e\u0301",
    "{}ß",
    "{}ss",
]
"""Names that a database's collation may take for the same: by spaces, characters that are not seen, accents, case."""
STRANGE_IDS = ["", "s", "é", "a\x00b", "\ud800", "{", "}", "%", "_", "*", "' OR '1'='1", "\\", "x" * 65, "x" * 100_000]
"""Ids that no session has."""


class StoreFixtures:
    """What the tests are given. A store's test overrides `store`, and `has_own_clock` where it has one."""

    has_own_clock: ClassVar[bool] = False
    """Whether the store goes by a clock of its own, whatever `now` says."""

    @pytest.fixture
    def runner(self) -> Iterator[asyncio.Runner]:
        """The loop on which an `async` store runs; use it to make and close its client, too."""
        with asyncio.Runner() as runner:
            yield runner

    @pytest.fixture
    def store(self) -> SessionStore:
        """A store; other tests may have used it."""
        raise NotImplementedError("a store's test has a fixture `store`")

    def dump(self, bench: StoreBench) -> list[str]:
        """All that is stored, each row as one text, for the test that tries to log in with it."""
        raise NotImplementedError("a store's test says how its rows are read")

    @pytest.fixture
    def bench(self, store: SessionStore, runner: asyncio.Runner) -> StoreBench:
        """The store on the bench."""
        return StoreBench(store, runner, has_own_clock=self.has_own_clock)


class StorePortConformance(StoreFixtures):
    """The contract of `SessionStore`."""

    def test_it_fits_the_port(self, store: SessionStore) -> None:
        """The store has every method of the protocol."""
        assert isinstance(store, SessionStore)

    def test_what_was_created_is_found(self, bench: StoreBench) -> None:
        """A new session is at generation 0, alive, and says what it was given."""
        session_id = bench.create(label="Firefox on Linux")
        session = bench.found(session_id)
        assert (session.session_id, session.subject, session.label) == (session_id, bench.subject, "Firefox on Linux")
        assert (session.generation, session.refreshed_at, session.state) == (0, None, "alive")
        assert session.created_at == pytest.approx(bench.now, abs=5)
        assert session.expires_at == pytest.approx(session.created_at + HOUR, abs=0.01)

    @pytest.mark.parametrize("label", [None, "", "Zürich 東京 🦊", "'; DROP TABLE jwtguard_session; --", "l" * 255])
    def test_labels(self, bench: StoreBench, label: str | None) -> None:
        """A label comes back as it was given."""
        assert bench.found(bench.create(label=label)).label == label

    @pytest.mark.parametrize("subject", ["é", "東" * 255, "a:b", "x" * 255, "{user}", "100%", "user*"])
    def test_subjects(self, bench: StoreBench, subject: str) -> None:
        """A subject may be any text, of up to 255 characters."""
        session_id = bench.create(subject=subject)
        assert bench.found(session_id).subject == subject
        assert session_id in bench.listed(subject)
        assert bench.revoke_all(subject) >= 1
        assert bench.listed(subject) == []

    def test_an_id_that_is_taken(self, bench: StoreBench) -> None:
        """Two creations with one id: the second raises, and the first is unharmed."""
        session_id = bench.create(label="first")
        bench.take(session_id, 0)
        with pytest.raises(Exception):  # noqa: B017 - each database has its own
            bench.create(session_id, subject=f"{bench.subject}-2", label="second")
        session = bench.found(session_id)
        assert (session.subject, session.label, session.generation) == (bench.subject, "first", 1)
        assert bench.take(session_id, 1).is_rotated
        assert bench.listed(f"{bench.subject}-2") == []

    def test_ids_differ_by_case(self, bench: StoreBench) -> None:
        """A database that compares without case would take one session for another."""
        session_id = bench.create()
        assert bench.find(session_id.swapcase()) is None
        assert bench.find(session_id + " ") is None

    @pytest.mark.parametrize("strange", STRANGE_IDS, ids=ascii)
    def test_ids_that_are_none(self, bench: StoreBench, strange: str) -> None:
        """A text that cannot be an id is unknown, not an outage."""
        bench.create()
        assert bench.find(strange) is None
        assert bench.take(strange, 0) == RotationResult(is_rotated=False)
        assert bench.revoke(strange) is False

    @pytest.mark.parametrize("strange", ["a\x00b", "\ud800", "x" * 256], ids=ascii)
    def test_names_that_are_none(self, bench: StoreBench, strange: str) -> None:
        """A text that can be no subject or issuer has no sessions; it is no outage."""
        bench.create()
        assert (bench.listed(strange), bench.listed(issuer=strange)) == ([], [])
        assert (bench.revoke_all(strange), bench.revoke_all(issuer=strange)) == (0, 0)
        assert len(bench.listed()) == 1

    def test_names_are_compared_character_by_character(self, bench: StoreBench) -> None:
        """A session of one subject or issuer is never listed or ended as one of another."""
        issuer = f"https://{bench.subject}.example"
        subjects = [bench.subject, *(name.format(bench.subject) for name in OTHER_NAMES)]
        issuers = [issuer, *(name.format(issuer) for name in OTHER_NAMES)]
        of_subjects = [bench.create(subject=subject) for subject in subjects]
        of_issuers = [bench.create(issuer=issuer) for issuer in issuers]
        assert [bench.listed(subject) for subject in subjects] == [[name] for name in of_subjects]
        assert [bench.listed(issuer=issuer) for issuer in issuers] == [[name] for name in of_issuers]
        for number, (subject, issuer) in enumerate(zip(subjects, issuers, strict=True), start=1):
            assert (bench.revoke_all(subject), bench.revoke_all(issuer=issuer)) == (1, 1)
            for ids in (of_subjects, of_issuers):
                assert [bench.found(name).is_alive for name in ids] == [False] * number + [True] * (len(ids) - number)

    def test_ids_are_compared_character_by_character(self, bench: StoreBench) -> None:
        """A session is not found, refreshed or ended by an id that is nearly its own."""
        session_id = bench.create(f"{bench.subject}-e")
        others = [f"{bench.subject}-E", f"{bench.subject}-é", *(name.format(session_id) for name in OTHER_NAMES)]
        for other in others:
            assert bench.find(other) is None
            assert bench.take(other, 0) == RotationResult(is_rotated=False)
            assert bench.revoke(other) is False
        assert (bench.found(session_id).generation, bench.found(session_id).state) == (0, "alive")

    def test_many_ids_at_once(self, bench: StoreBench) -> None:
        """A store may have `find_many`, which says of each id what `find` says, and nothing of those that are none."""
        find_many = find_many_of(bench.store)
        if find_many is None:
            return
        alive, ended, expired = bench.create(label="alive"), bench.create(), bench.create(idle_lifetime=-1)
        bench.take(alive, 0)
        bench.revoke(ended)
        none = ["unknown", "", "\x00", "\ud800", "x" * 1000, alive.swapcase(), f"{alive} "]
        for _ in range(2):
            found = bench.wait(find_many([*none, expired, alive, ended], now=bench.now))
            states = {session.session_id: session.state for session in found}
            assert states == {
                each: session.state for each in (alive, ended, expired) if (session := bench.find(each)) is not None
            }
            assert alive in states
        assert list(bench.wait(find_many(none, now=bench.now))) == []
        assert list(bench.wait(find_many([], now=bench.now))) == []

    def test_unknown(self, bench: StoreBench) -> None:
        """A session that is not there cannot be refreshed or revoked."""
        assert bench.take("unknown", 0) == RotationResult(is_rotated=False)
        assert bench.revoke("unknown") is False
        assert bench.revoke_all("unknown") == 0
        assert bench.listed("unknown") == []

    def test_a_rotation_is_taken(self, bench: StoreBench) -> None:
        """A rotation adds one to the generation, notes the time and moves the idle deadline."""
        session_id = bench.create(idle_lifetime=60)
        assert bench.take(session_id, 0, idle_lifetime=2 * HOUR).is_rotated
        session = bench.found(session_id)
        assert session.generation == 1
        assert session.refreshed_at == pytest.approx(bench.now, abs=5)
        assert session.expires_at == pytest.approx(bench.now + 2 * HOUR, abs=5)

    def test_never_beyond_the_absolute_lifetime(self, bench: StoreBench) -> None:
        """A session ends at its absolute lifetime, also if it is refreshed."""
        session_id = bench.create(absolute_lifetime=2 * HOUR)
        assert bench.take(session_id, 0, idle_lifetime=3 * HOUR).is_rotated
        session = bench.found(session_id)
        assert session.expires_at == pytest.approx(session.created_at + 2 * HOUR, abs=0.01)
        created = bench.found(bench.create(idle_lifetime=3 * HOUR, absolute_lifetime=2 * HOUR))
        assert created.expires_at == pytest.approx(created.created_at + 2 * HOUR, abs=0.01)

    @pytest.mark.parametrize("generation", [0, 1, 3, 2**53 - 1])
    def test_another_rotation_is_not_taken(self, bench: StoreBench, generation: int) -> None:
        """An older or newer generation is not rotated; the row is returned, unchanged."""
        session_id = bench.create()
        assert bench.take(session_id, 0).is_rotated
        assert bench.take(session_id, 1).is_rotated
        before = bench.found(session_id)
        taken = bench.take(session_id, generation)
        assert not taken.is_rotated
        assert taken.session == before == bench.found(session_id)
        assert 0 <= taken.age < 60

    def test_grace(self, bench: StoreBench) -> None:
        """Within the grace time the current generation is not rotated again; without any, it is at once."""
        session_id = bench.create()
        assert bench.take(session_id, 0, grace=60).is_rotated, "the first generation was made by no rotation"
        taken = bench.take(session_id, 1, grace=60)
        assert not taken.is_rotated
        assert taken.session is not None
        assert (taken.session.generation, taken.session.state) == (1, "alive")
        assert 0 <= taken.age < 60
        assert bench.take(session_id, 1, grace=0).is_rotated

    def test_never_refreshed(self, bench: StoreBench) -> None:
        """The age of a generation that was made by no rotation is infinite."""
        assert bench.take(bench.create(), 1).age == float("inf")

    def test_revoked(self, bench: StoreBench) -> None:
        """A session can be revoked once, stays known, and is not rotated."""
        session_id = bench.create()
        assert bench.revoke(session_id) is True
        assert bench.revoke(session_id) is False
        taken = bench.take(session_id, 0)
        assert not taken.is_rotated
        assert taken.session is not None
        assert taken.session.state == "revoked"
        assert bench.found(session_id).state == "revoked"
        assert bench.listed() == []

    @pytest.mark.parametrize("lifetimes", [(-1, HOUR), (HOUR, -1)], ids=["idle", "absolute"])
    def test_expired(self, bench: StoreBench, lifetimes: tuple[float, float]) -> None:
        """An expired session is not rotated, not listed, and revoking it changes nothing; it may be unknown."""
        session_id = bench.create(idle_lifetime=lifetimes[0], absolute_lifetime=lifetimes[1])
        taken = bench.take(session_id, 0)
        assert not taken.is_rotated
        assert taken.session is None or taken.session.state == "expired"
        session = bench.find(session_id)
        assert session is None or not session.is_alive
        assert bench.listed() == []
        assert bench.revoke(session_id) is False
        assert bench.revoke_all() == 0

    def test_revoked_and_then_expired(self, bench: StoreBench) -> None:
        """Ending a session that has expired leaves it no way back."""
        session_id = bench.create(idle_lifetime=-1)
        bench.revoke(session_id)
        session = bench.find(session_id)
        assert session is None or session.state == "revoked"

    def test_list(self, bench: StoreBench) -> None:
        """The live sessions of this subject at this issuer, newest first, and no others."""
        ids = []
        for _ in range(3):
            ids.append(bench.create())
            bench.now += 1
        bench.create(idle_lifetime=-1)
        bench.revoke(bench.create())
        bench.create(issuer="https://other.example")
        for other in (bench.subject.upper(), bench.subject + " ", bench.subject + "0", bench.subject[:-1]):
            bench.create(subject=other)
        assert bench.listed() == ids[::-1]
        assert len(bench.listed(issuer="https://other.example")) == 1

    def test_many(self, bench: StoreBench) -> None:
        """A subject may have more sessions than fit into one answer of anything."""
        ids = {bench.create() for _ in range(60)}
        assert set(bench.listed()) == ids
        assert bench.revoke_all() == 60
        assert bench.listed() == []

    def test_more_than_a_list_holds(self, bench: StoreBench) -> None:
        """A list has the newest 1,000; ending all ends the others, too."""
        oldest, start = [bench.create(), bench.create()], bench.now
        bench.now += 1
        newest = {bench.create() for _ in range(MAX_LISTED)}
        assert set(bench.listed()) == newest
        assert bench.revoke_all() == MAX_LISTED + 2
        assert bench.listed() == []
        bench.now = start
        assert [bench.found(session_id).state for session_id in oldest] == ["revoked", "revoked"]

    def test_revoke_all(self, bench: StoreBench) -> None:
        """`revoke_all` revokes and counts the live sessions of this subject at this issuer, and no others."""
        ids = [bench.create() for _ in range(3)]
        bench.revoke(ids[0])
        bench.create(idle_lifetime=-1)
        spared = [
            bench.create(issuer="https://other.example"),
            *(bench.create(subject=other) for other in (bench.subject.upper(), bench.subject + " ")),
        ]
        assert bench.revoke_all() == 2
        assert [bench.found(session_id).state for session_id in ids] == ["revoked"] * 3
        assert all(bench.found(session_id).is_alive for session_id in spared)
        assert bench.revoke_all() == 0

    def test_purge(self, bench: StoreBench) -> None:
        """Rows past their absolute lifetime are deleted, revoked or not; live ones stay."""
        dead = [bench.create(absolute_lifetime=-1) for _ in range(2)]
        bench.revoke(dead[0])
        alive, revoked = bench.create(), bench.create()
        bench.revoke(revoked)
        assert bench.purge() >= 0
        assert [bench.find(session_id) for session_id in dead] == [None, None]
        assert bench.found(alive).is_alive
        assert bench.found(revoked).state == "revoked"

    def test_it_purges_by_itself(self, bench: StoreBench) -> None:
        """Logins delete dead rows without a call of `purge`."""
        dead = [bench.create(absolute_lifetime=-1) for _ in range(20)]
        for _ in range(2000):
            if not any(bench.find(session_id) for session_id in dead):
                return
            bench.create()
        raise AssertionError("2000 logins later, dead rows are still there")

    def test_one_of_many_at_once(self, bench: StoreBench) -> None:
        """Of eight rotations of one generation at the same time, exactly one succeeds."""
        session_id = bench.create()
        for generation in range(5):
            rotation = RotationRequest(session_id=session_id, generation=generation)
            call = partial(bench.store.rotate, rotation, now=bench.now, grace=0, idle_lifetime=HOUR)
            taken = bench.together([call] * 8)
            assert sum(one.is_rotated for one in taken) == 1
            assert {one.session.generation for one in taken if one.session} == {generation + 1}

    def test_clocks(self, bench: StoreBench) -> None:
        """A store with a clock of its own goes by that, whatever the caller's says; any other by the caller's."""
        session_id, start = bench.create(absolute_lifetime=2 * HOUR), bench.now
        assert bench.take(session_id, 0, grace=10).is_rotated
        ages = []
        for now in (start - 10 * HOUR, start + 9, start + 10, start + HOUR, start):
            bench.now = now
            ages.append(bench.take(session_id, 5, grace=10).age)
        if self.has_own_clock:
            assert all(0 <= age < 60 for age in ages)
            bench.now = start + 100 * HOUR
            assert bench.found(session_id).is_alive
            assert not bench.take(session_id, 1, grace=60).is_rotated
            return
        assert ages == [float("inf"), 9, 10, HOUR, 0], "a clock that was set back tells no age"
        for back, age in ((0.2, 0), (60, 0), (60.5, float("inf")), (HOUR, float("inf"))):
            bench.now = start - back
            assert bench.take(session_id, 5, grace=10).age == age, "an age down to -60 s counts as 0"
        bench.now = start - 60
        assert not bench.take(session_id, 1, grace=10).is_rotated, "a little back, the generation is as new as can be"
        bench.now = start + HOUR
        assert bench.found(session_id).state == "expired"
        assert not bench.take(session_id, 1, grace=10).is_rotated
        bench.now = start + 10
        assert bench.take(session_id, 1, grace=10).is_rotated, "set right again, it goes on"
        for generation, back in ((2, 10), (3, 10 * HOUR)):
            bench.now = start - back
            assert bench.take(session_id, generation, grace=0).is_rotated, "without a grace time no clock counts"
        bench.now = start - 20 * HOUR
        assert bench.take(session_id, 4, grace=10).is_rotated, "set back by more than a minute, there is no grace"

    def test_what_ended_stays_so_when_the_clock_is_set_back(self, bench: StoreBench) -> None:
        """A session that had expired when it was ended does not come to life by the clock."""
        one, other = bench.create(), bench.create()
        bench.now += 2 * HOUR
        bench.revoke(one)
        bench.revoke_all()
        bench.now -= 2 * HOUR
        assert [bench.found(session_id).state for session_id in (one, other)] == ["revoked", "revoked"]
