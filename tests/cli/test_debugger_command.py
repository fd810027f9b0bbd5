"""`jwtguard debugger`: what it says, what it opens, and how it ends."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from jwtguard.cli import main
from jwtguard.cli.debugger.server import DebuggerServer

PROJECT = """
from jwtguard import Guard, VerificationKey
guard = Guard(
    issuer="https://issuer.example", audience="https://api.example",
    keys=VerificationKey.from_secret("not a secret, only an example!!!", algorithm="HS256"),
)
"""


@contextmanager
def started(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the first line that it writes."""
    command = [sys.executable, "-m", "jwtguard", "debugger", "--no-open", *arguments]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # A shell that runs the tests in the background ignores the signal, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


def test_it_serves_until_ctrl_c(tmp_path: Path) -> None:
    """It names its link, serves the page, and ends cleanly."""
    (tmp_path / "project_auth.py").write_text(PROJECT)
    with started(tmp_path, "--guard", "project_auth:guard") as (process, line):
        assert line.startswith("The debugger is at http://127.0.0.1:")
        port = int(line.split("#")[0].rstrip("/").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, b"jwtguard" in answer.read()) == (200, True)
        connection.close()
        process.send_signal(signal.SIGINT)
        written, errors = process.communicate(timeout=20)

    assert process.returncode == 0
    assert written.endswith("The debugger has ended.\n")
    assert errors == ""


@pytest.fixture
def serving(monkeypatch: pytest.MonkeyPatch) -> list[DebuggerServer]:
    """The servers that were started; each ends at once, as with Ctrl-C."""
    servers: list[DebuggerServer] = []

    def serve_forever(self: DebuggerServer) -> None:
        servers.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(DebuggerServer, "serve_forever", serve_forever)
    return servers


def test_the_browser_gets_a_ticket(monkeypatch: pytest.MonkeyPatch, serving: list[DebuggerServer]) -> None:
    """What is opened holds the ticket, not the token: arguments of programs can be read by everybody."""
    opened: list[str] = []
    was_opened = threading.Event()

    def open_browser(url: str) -> None:
        opened.append(url)
        was_opened.set()

    monkeypatch.setattr("webbrowser.open", open_browser)
    answer = CliRunner().invoke(main, ["debugger"])

    assert answer.exit_code == 0
    assert was_opened.wait(10)
    assert opened == [serving[0].gate.ticket_link]
    assert serving[0].gate.link in answer.output
    assert serving[0].gate.ticket_link not in answer.output


def test_nothing_is_opened_unasked(monkeypatch: pytest.MonkeyPatch, serving: list[DebuggerServer]) -> None:
    """--no-open only says where the page is."""
    monkeypatch.setattr("webbrowser.open", lambda url: pytest.fail(url))
    answer = CliRunner().invoke(main, ["debugger", "--no-open"])

    assert answer.exit_code == 0
    assert serving[0].gate.link in answer.output


@pytest.mark.usefixtures("serving")
def test_a_port_that_is_taken() -> None:
    """It says so, and what to do; that is wrong usage."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        answer = CliRunner().invoke(main, ["debugger", "--no-open", "--port", str(port)])

    assert answer.exit_code == 2
    assert f"port {port} cannot be had" in answer.output
    assert "Leave out --port" in answer.output


@pytest.mark.parametrize("arguments", [["--guard", "nowhere:guard"], ["--guard", "json:dumps"], ["--port", "70000"]])
@pytest.mark.usefixtures("serving")
def test_wrong_usage(arguments: list[str]) -> None:
    """A guard that is none, or a port that is none, ends it with 2 before anything is served."""
    answer = CliRunner().invoke(main, ["debugger", "--no-open", *arguments])

    assert answer.exit_code == 2
    assert "The debugger is at" not in answer.output
