"""Import times, each in a process of its own, without what the interpreter needs to start."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.measuring import Findings, Pace, Series

# Beside each adapter: what a module written by hand for the same purpose imports.
PAIRS: dict[str, tuple[str, str]] = {
    "jwtguard": ("import jwtguard", "import jwt"),
    "jwtguard.flask": ("import jwtguard.flask", "import jwt, flask"),
    "jwtguard.fastapi": ("import jwtguard.fastapi", "import jwt, fastapi, fastapi.security"),
    "jwtguard.asgi and Starlette": (
        "import jwtguard.asgi, starlette.applications, starlette.routing, starlette.authentication",
        "import jwt, starlette.applications, starlette.routing, starlette.authentication",
    ),
    "jwtguard.django": (
        "import jwtguard.django",
        "import jwt, django.http, django.views, django.views.decorators.csrf, django.template.response",
    ),
}
_TIMED = "import time; began = time.perf_counter(); {}; print(time.perf_counter() - began)"


def measure(pace: Pace) -> Findings:
    """Each pair as a group, in milliseconds."""
    findings = Findings()
    for what, pair in PAIRS.items():
        rounds: dict[str, list[float]] = {statement: [] for statement in pair}
        for statement in pair:
            _milliseconds(statement)  # Compiles what was not compiled yet.
        for number in range(pace.of(full=9, quick=3)):
            for statement in pair if number % 2 else reversed(pair):
                rounds[statement].append(_milliseconds(statement))
        for name, statement in zip(("ours", "theirs"), pair, strict=True):
            findings.series.append(Series(group=what, name=name, rounds=rounds[statement], unit="ms"))
        findings.facts[what] = list(pair)
    return findings


def _milliseconds(statement: str) -> float:
    command = [sys.executable, "-c", _TIMED.format(statement)]
    # With bytecode on disk, as on a server: the frameworks' was written when they were installed, ours is here.
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    )
    return float(done.stdout) * 1000
