"""The examples as real servers: one process each, on a free port of the loopback interface, ended at the end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jwtguard.testing.conformance.raw_clients import RawAnswer, RawRequest

ROOT = Path(__file__).resolve().parents[2]
MANAGE = ROOT / "examples" / "django_project" / "manage.py"

# The checkout comes last on the path, so that the examples are found there and `jwtguard` where it is installed. The
# first line ends a server that outlives its test, whatever became of the one who started it.
_LAUNCHER = """
import faulthandler, runpy, sys
faulthandler.dump_traceback_later(900, exit=True)
sys.path.append({root!r})
del sys.argv[0]
if sys.argv[0].endswith(".py"):
    sys.path.insert(0, {project!r})
    runpy.run_path(sys.argv[0], run_name="__main__")
else:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""

COMMANDS: Mapping[str, Sequence[str]] = {
    "flask": ("flask", "--app", "examples.flask_app.app", "run", "--port", "{port}"),
    "starlette": ("uvicorn", "examples.starlette_app.app:app", "--port", "{port}"),
    "fastapi": ("uvicorn", "examples.fastapi_app.app:app", "--port", "{port}"),
    "django": (str(MANAGE), "runserver", "--noreload", "127.0.0.1:{port}"),
}
"""How each is started: a module with its arguments, or a script. These are the commands their docstrings name."""


def python(*arguments: str) -> list[str]:
    """The command line that runs a module or script of the checkout with this very interpreter."""
    return [sys.executable, "-Ic", _LAUNCHER.format(root=str(ROOT), project=str(MANAGE.parent)), *arguments]


def environment(data: Path) -> dict[str, str]:
    """The environment of an example that keeps its data in `data`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("EXAMPLE_", "DJANGO_"))}
    return {**kept, "EXAMPLE_DATA": str(data), "PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a server answered."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes = field(repr=False)

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that were set, by name; a deleted one is empty."""
        fields = self.headers.get_all("Set-Cookie") or []
        return dict(text.partition(";")[0].split("=", 1) for text in fields)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running example."""

    name: str
    port: int
    log: Path

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Reply:
        """Send exactly these headers, and what HTTP needs."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Reply(status=answer.status, headers=answer.headers, body=answer.read())
        finally:
            connection.close()

    def post(self, path: str, document: object, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a JSON body."""
        body = json.dumps(document).encode()
        return self.send("POST", path, {"Content-Type": "application/json", **(headers or {})}, body)

    def client(self, request: RawRequest) -> RawAnswer:
        """Send a raw request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers:
                connection.putheader(name, value)
            if request.method == "POST" and not request.body:
                connection.putheader("Content-Length", "0")
            connection.endheaders(request.body)
            answer = connection.getresponse()
            return RawAnswer(status=answer.status, headers=tuple(answer.headers.items()), body=answer.read())
        finally:
            connection.close()


@contextmanager
def serving(name: str, data: Path) -> Iterator[Server]:
    """The example of this name, from when it answers until it has ended."""
    if name == "django":
        for command in (["migrate", "--verbosity=0"], ["example_users"]):
            run(*COMMANDS[name][:1], *command, data=data)
    log = data / "server.log"
    for attempt in range(3):
        port = _free_port()
        command = python(*(part.format(port=port) for part in COMMANDS[name]))
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=data, env=environment(data), stdout=output, stderr=output)
        try:
            if not _answers(process, port):
                # Another process may take the free port before the server binds it.
                assert attempt < 2, log.read_text(encoding="utf-8", errors="replace")
                continue
            yield Server(name=name, port=port, log=log)
        finally:
            _end(process)
        return


def run(*arguments: str, data: Path) -> str:
    """Run a module or script of the checkout to its end, and return what it printed."""
    done = subprocess.run(
        python(*arguments), cwd=data, env=environment(data), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until something listens; False if the process ended, or a minute has passed."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            try:
                process.wait(timeout=0.05)
            except subprocess.TimeoutExpired:
                continue
            return False
        return process.poll() is None
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server as a service manager would; it must not need to be killed."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
