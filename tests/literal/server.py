"""A program that serves HTTP, in a process of its own, on a free port of the loopback interface."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from jwtguard.testing import RawAnswer, RawRequest
from jwtguard.testing.conformance.raw_clients import Client
from tests.processes import free_port

SECONDS = 60
"""A server that does not listen by then does not work."""


@contextlib.contextmanager
def served(
    folder: Path, *arguments: str, port: int | None = None, environment: Mapping[str, str] = os.environ
) -> Iterator[Client]:
    """A client of what Python serves with these arguments, in which `{port}` stands for the port."""
    port, log = port or free_port(), folder / "server.log"
    command = [sys.executable, *(argument.format(port=port) for argument in arguments)]
    with log.open("w") as output:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.02)
        yield lambda request: _sent(request, port)
    finally:
        server.terminate()
        server.wait(10)


def _sent(request: RawRequest, port: int) -> RawAnswer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request(request.method, request.target, body=request.body or None, headers=dict(request.headers))
        answer = connection.getresponse()
        return RawAnswer(status=answer.status, headers=tuple(answer.getheaders()), body=answer.read())
