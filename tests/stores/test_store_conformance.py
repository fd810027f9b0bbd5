"""The suite that holds stores to the contract sees what it is there to see."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import jwtguard

WRONG = """
import time
from dataclasses import replace
import pytest
from jwtguard.core.sessions.store_protocol import RotationResult
from jwtguard.stores.memory import MemoryStore
from jwtguard.testing import StoreConformance


class Wrong(StoreConformance):
    @pytest.fixture
    def store(self):
        return self.Store()

    def dump(self, bench):
        return [repr(row) for row in bench.store._rows.values()]


class TestChecksThenWrites(Wrong):
    class Store(MemoryStore):
        def rotate(self, generation, *, now, grace, idle_lifetime):
            row = self._rows.get(generation.session_id)
            if row is None or row.generation != generation.generation:
                return super().rotate(generation, now=now, grace=grace, idle_lifetime=idle_lifetime)
            time.sleep(0.01)
            generation = replace(generation, generation=self._rows[generation.session_id].generation)
            return super().rotate(generation, now=now, grace=grace, idle_lifetime=idle_lifetime)


class TestIgnoresGrace(Wrong):
    class Store(MemoryStore):
        def rotate(self, generation, *, now, grace, idle_lifetime):
            return super().rotate(generation, now=now, grace=0, idle_lifetime=idle_lifetime)


class TestTakesAnyTurn(Wrong):
    class Store(MemoryStore):
        def rotate(self, generation, *, now, grace, idle_lifetime):
            row = self._rows.get(generation.session_id)
            generation = generation if row is None else replace(generation, generation=row.generation)
            return super().rotate(generation, now=now, grace=grace, idle_lifetime=idle_lifetime)


class TestNegativeAges(Wrong):
    class Store(MemoryStore):
        def rotate(self, generation, *, now, grace, idle_lifetime):
            taken = super().rotate(generation, now=now, grace=grace, idle_lifetime=idle_lifetime)
            if taken.session is None or taken.session.refreshed_at is None:
                return taken
            return replace(taken, age=now - taken.session.refreshed_at)


class TestLivesForEver(Wrong):
    class Store(MemoryStore):
        def create(self, session, *, now):
            super().create(replace(session, absolute_lifetime=session.absolute_lifetime * 1000), now=now)


class TestOverwrites(Wrong):
    class Store(MemoryStore):
        def create(self, session, *, now):
            self._rows.pop(session.session_id, None)
            super().create(session, now=now)


class TestCutsSubjects(Wrong):
    class Store(MemoryStore):
        def create(self, session, *, now):
            super().create(replace(session, subject=session.subject[:100]), now=now)


class TestComparesWithoutCase(Wrong):
    class Store(MemoryStore):
        def find(self, session_id, *, now):
            found = [row for key, row in self._rows.items() if key.lower() == session_id.lower()]
            return found[0].session(now) if found else None


class TestMixesIssuers(Wrong):
    class Store(MemoryStore):
        def _of(self, issuer, subject):
            return tuple(row for row in self._rows.values() if row.new.subject == subject)


class TestForgetsWhatExpired(Wrong):
    class Store(MemoryStore):
        def revoke(self, session_id, *, now):
            found = self.find(session_id, now=now)
            return found is not None and found.is_alive and super().revoke(session_id, now=now)


class TestNeverPurges(Wrong):
    class Store(MemoryStore):
        def _purge(self, now):
            return 0


class TestListsOldestFirst(Wrong):
    class Store(MemoryStore):
        def list(self, **arguments):
            return super().list(**arguments)[::-1]


class TestListsThemAll(Wrong):
    class Store(MemoryStore):
        def list(self, *, issuer, subject, now):
            found = [row.session(now) for row in self._of(issuer, subject)]
            return sorted((one for one in found if one.is_alive), key=lambda one: -one.created_at)


class TestIgnoresSpacesAtTheEnd(Wrong):
    class Store(MemoryStore):
        def _of(self, issuer, subject):
            rows = [row for row in self._rows.values() if row.new.issuer == issuer]
            return tuple(row for row in rows if row.new.subject.rstrip() == subject.rstrip())


class TestFailsForNamesThatAreNone(Wrong):
    class Store(MemoryStore):
        def list(self, *, issuer, subject, now):
            subject.encode()
            return super().list(issuer=issuer, subject=subject, now=now)


class TestSaysNothing(StoreConformance):
    pass


class TestHasNoDump(StoreConformance):
    @pytest.fixture
    def store(self):
        return MemoryStore()
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of stores that are wrong, each in its own way."""
    file = tmp_path_factory.mktemp("wrong") / "test_wrong.py"
    file.write_text(WRONG)
    command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=line", "-p", "no:cacheprovider", str(file)]
    found_here = {**os.environ, "PYTHONPATH": str(Path(jwtguard.__file__).parents[1])}
    return subprocess.run(command, cwd=file.parent, env=found_here, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("name", re.findall(r"class (Test\w+)\(Wrong\)", WRONG))
def test_it_is_found(report: str, name: str) -> None:
    """A store with this fault does not pass."""
    assert re.search(rf"^FAILED \S*::{name}::", report, re.MULTILINE), report[-3000:]


def test_it_says_what_is_missing(report: str) -> None:
    """A subclass that lacks something gets an error that names it."""
    assert "a store's test has a fixture `store`" in report
    assert "a store's test says how its rows are read" in report


def test_it_says_when_the_dead_pile_up(report: str) -> None:
    """A store that never purges by itself is told after how many logins."""
    assert "2000 logins later, dead rows are still there" in report


def test_no_more_than_that(report: str) -> None:
    """Each fault fails the tests that are about it, not the whole suite."""
    failed = report.count("FAILED ")
    assert len(re.findall(r"class Test\w+\(Wrong\)", WRONG)) <= failed < 80, report[-3000:]
