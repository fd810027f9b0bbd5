"""Faults one after another, while clients log in, refresh and log out: on an SQLite file."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from jwtguard.stores.sqlite import SQLiteStore
from tests.stores.chaos import run

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=10)
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE jwtguard_session SET generation = generation + 7, revoked_at = 1")
print("held", flush=True)
sys.stdin.read()
"""
"""Changes every row, and waits to be killed before it commits."""


def test_nothing_goes_wrong_but_503(tmp_path: Path) -> None:
    """A session never has two branches, a logged-out session is refused, and an outage ends no session."""
    path = tmp_path / "sessions.db"

    def lock(chance: random.Random) -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(chance.uniform(0.05, 0.3))
            other.execute("ROLLBACK")

    def kill_in_the_middle(chance: random.Random) -> None:
        with subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline()
            time.sleep(chance.uniform(0.05, 0.3))
            holder.kill()

    def move_away(chance: random.Random) -> None:
        path.rename(path.with_name("elsewhere.db"))
        time.sleep(chance.uniform(0.05, 0.3))
        path.with_name("elsewhere.db").rename(path)

    with SQLiteStore(path, busy_timeout=timedelta(milliseconds=50)) as store:
        store.find("unknown", now=0)
        faults = {"lock": lock, "kill in the middle": kill_in_the_middle, "move away": move_away}
        history = run(store, faults, seed=2)
    assert history.unavailable
