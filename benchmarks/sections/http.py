"""Over HTTP: uvicorn on one processor, wrk with sixteen connections on another, RS256; requests a second and latencies.

wrk sends the next request when the answer to the last has come, so latencies are those of a server that is fully busy.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.databases import folder
from benchmarks.measuring import Findings, MissingError, Pace, Series
from benchmarks.proof import prove_guarded
from benchmarks.tokens import Mint
from tests.processes import LOOPBACK, answers, free_port

CONNECTIONS = 16
_ALGORITHM = "RS256"
_PATIENCE = 30.0
_ROOT = Path(__file__).resolve().parents[2]
_OURS = ("bare", "jwtguard", "written by hand")
PLAIN = "plain uvicorn"
APPS = {
    "Starlette": _OURS,
    "FastAPI": (*_OURS, "authx"),
    f"Starlette, {PLAIN}": _OURS,
    f"FastAPI, {PLAIN}": _OURS,
}
"""By group, which is the framework; with uvloop and httptools, but where uvicorn is as `pip install uvicorn` has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one run of wrk sends: these tokens to this server, in turn, for ever."""

    name: str
    port: int
    tokens: Path


def measure(pace: Pace) -> Findings:
    """Each framework as a group; each round gives every server its seconds of wrk."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise MissingError("no wrk on this machine: install Debian's package of that name")
    findings, mint = Findings(), Mint(_ALGORITHM)
    # Eight times what a guard remembers, one after the other: each is new again when its turn comes.
    fresh = mint.tokens(pace.of(full=8192, quick=2048))
    seconds, rounds = pace.of(full=2, quick=1), pace.of(full=7, quick=1)
    with folder() as path:
        (path / "key.pem").write_text(mint.private_text)
        (path / "repeated").write_text(fresh[0])
        (path / "fresh").write_text("\n".join(fresh))
        for group, names in APPS.items():
            with contextlib.ExitStack() as servers:
                loads = []
                for name in names:
                    port = servers.enter_context(_served(group, name, path / "key.pem"))
                    if name != "bare":
                        prove_guarded(f"{group}, {name}", partial(_ask, port), mint)
                    kinds = ("repeated", "fresh") if name == "jwtguard" else ("repeated",)
                    loads += [
                        Load(name=name if name == "bare" else f"{name}, {kind} tokens", port=port, tokens=path / kind)
                        for kind in kinds
                    ]
                findings.series += _interleaved(wrk, group, loads, rounds=rounds, seconds=seconds)
    findings.facts = {"seconds": seconds, "fresh_tokens": len(fresh), "connections": CONNECTIONS}
    return findings


@contextlib.contextmanager
def _served(group: str, name: str, key: Path) -> Iterator[int]:
    """One server in a process of its own; gives its port."""
    port = free_port()
    framework, _, server = group.partition(", ")
    command = [sys.executable, "-m", "benchmarks.served", framework, name, str(port), str(key), server]
    process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)})
    try:
        _pin(process.pid, 0)
        deadline = time.monotonic() + _PATIENCE
        request = b"GET /ready HTTP/1.1\r\nhost: testserver\r\nconnection: close\r\n\r\n"
        while not answers(port, send=request, expect=b"HTTP/1.1"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server of {group}, {name} did not start")
            time.sleep(0.05)
        yield port
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _pin(process: int, processor: int) -> None:
    """Keep server and client from taking each other's processor, where the system knows how."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(process, {sorted(os.sched_getaffinity(0))[processor]})


def _ask(port: int, token: str | None) -> tuple[int, bytes]:
    request = urllib.request.Request(f"http://{LOOPBACK}:{port}/")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def _interleaved(wrk: str, group: str, loads: list[Load], *, rounds: int, seconds: int) -> list[Series]:
    figures = ("requests/s", "p50", "p95", "p99")
    found: dict[tuple[str, str], list[float]] = {(load.name, figure): [] for load in loads for figure in figures}
    if rounds > 1:
        for load in loads:  # The first second of a server is not like the others.
            _run(wrk, load, 1)
    for number in range(rounds):
        turn = number % len(loads)
        for load in loads[turn:] + loads[:turn]:
            for figure, value in _run(wrk, load, seconds).items():
                found[load.name, figure].append(value)
    return [
        Series(
            group=group if figure == "requests/s" else f"{group}, {figure}",
            name=name,
            rounds=values,
            unit="requests/s" if figure == "requests/s" else "ms",
        )
        for (name, figure), values in found.items()
    ]


def _run(wrk: str, load: Load, seconds: int) -> dict[str, float]:
    command = [wrk, "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(_ROOT / "benchmarks" / "wrk.lua")]
    command += [f"http://{LOOPBACK}:{load.port}/", "--", str(load.tokens)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    _pin(process.pid, -1)
    output, _ = process.communicate(timeout=seconds + _PATIENCE)
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    if found.pop("refused") or not found["requests/s"]:
        raise AssertionError(f"{load.name}: some requests were not answered with 200")
    return found
