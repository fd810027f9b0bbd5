"""Database servers of the tests' own, as fixtures: ended when the tests end.

Where a program is not on the machine, the tests that need it say so and skip.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.processes import (
    DEADLINE,
    MissingProgramError,
    answers,
    binary,
    found,
    postgresql,
    redis,
)
from tests.processes import LOOPBACK as LOOPBACK
from tests.processes import Server as Server


@contextlib.contextmanager
def _skipping() -> Iterator[None]:
    try:
        yield
    except MissingProgramError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """A PostgreSQL with an empty database `postgres`, whose user of that name needs no password."""
    with _skipping(), postgresql() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """A MariaDB with an empty database `test`, whose user `root` needs no password."""
    with _skipping():
        program = found("mariadb-server", binary("mariadbd", folders=["/usr/sbin"]))
        install = found("mariadb-server", binary("mariadb-install-db", folders=["/usr/bin"]))

    def command(port: int, folder: Path) -> Sequence[str]:
        options = [f"--datadir={folder}/data", f"--port={port}", f"--bind-address={LOOPBACK}"]
        where = [f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
        return [str(program), "--no-defaults", *options, *where, "--innodb-flush-log-at-trx-commit=2"]

    server = Server(command, lambda port: answers(port, expect=b""))
    try:
        data = [f"--datadir={server.folder}/data", "--auth-root-authentication-method=normal"]
        server.run([str(install), "--no-defaults", *data, "--skip-name-resolve"])
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Server]:
    """An empty Redis."""
    with _skipping(), redis() as server:
        yield server


@pytest.fixture(scope="session")
def redis_cluster_server() -> Iterator[Server]:
    """A Redis cluster of one node, which refuses what spans two slots as a large one does."""
    options = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]
    with _skipping(), redis(*options) as server:
        assert answers(server.port, send=b"CLUSTER ADDSLOTSRANGE 0 16383\r\n", expect=b"+OK")
        deadline = time.monotonic() + DEADLINE
        while not answers(server.port, send=b"CLUSTER INFO\r\n", expect=b"$") or not answers(
            server.port, send=b"SET probe 1\r\n", expect=b"+OK"
        ):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield server
