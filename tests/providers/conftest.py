"""Providers of other authors, started on this machine for the tests in this folder, most with Node.js."""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
# What the providers must not find in their environment: they run as they are.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("NODE_", "JWTGUARD_"))}


class Provider:
    """One of the scripts of this folder, under way: each line that it reads is a command, each it writes a result."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command,
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=ENVIRONMENT,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.origin = f"http://127.0.0.1:{self._answer()}"

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def _answer(self) -> Any:
        return json.loads(self._lines.get(timeout=60))

    def tell(self, command: str, **values: Any) -> Any:
        """Carry out a command and return its result."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **values}) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def stop(self) -> None:
        """End it. Its closed input ends it by itself, too."""
        self._process.terminate()
        self._process.wait(10)
        self._reader.join(10)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()


@pytest.fixture(scope="session")
def node_modules() -> None:
    """The packages of package-lock.json, installed beside it, by one process if several start."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on this machine: the tests against real providers need Node.js 20 and npm")
    import fcntl

    with (HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed, wanted = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
            run = subprocess.run(
                ["npm", "ci", "--ignore-scripts"],
                cwd=HERE,
                check=False,
                capture_output=True,
                text=True,
                timeout=600,
            )
            assert run.returncode == 0, run.stdout + run.stderr


def _running(*command: str) -> Iterator[Provider]:
    provider = Provider(*command)
    try:
        yield provider
    finally:
        provider.stop()


@pytest.fixture(scope="module")
def oidc_provider(node_modules: None) -> Iterator[Provider]:
    """oidc-provider 9."""
    yield from _running("node", "oidc_provider.mjs")


@pytest.fixture(scope="module")
def mock_server(node_modules: None) -> Iterator[Provider]:
    """oauth2-mock-server 8."""
    yield from _running("node", "mock_server.mjs")


@pytest.fixture(scope="module")
def authorization_server(node_modules: None) -> Iterator[Provider]:
    """oidc-provider 9, whose user logs in at once."""
    yield from _running("node", "authorization_server.mjs")


@pytest.fixture
def doomed_server(node_modules: None) -> Iterator[Provider]:
    """One of the same that a test may take down."""
    yield from _running("node", "mock_server.mjs")


@pytest.fixture(scope="module")
def oauth_toolkit() -> Iterator[Provider]:
    """django-oauth-toolkit 3, with this Python."""
    yield from _running(sys.executable, "-I", "oauth_toolkit.py")
