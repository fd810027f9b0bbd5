"""Where and with what something was measured.

>>> machine()["processors"] >= 1
True
"""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_DISTRIBUTIONS = (
    "cryptography",
    "PyJWT",
    "joserfc",
    "oxyjwt",
    "webtoken",
    "Flask",
    "Flask-JWT-Extended",
    "fastapi",
    "authx",
    "fastapi-users",
    "starlette",
    "Django",
    "djangorestframework",
    "djangorestframework-simplejwt",
    "django-redis",
    "SQLAlchemy",
    "psycopg",
    "redis",
    "uvicorn",
    "uvloop",
    "httptools",
)
_PROGRAMS = {"PostgreSQL": ("postgres", "--version"), "Redis": ("redis-server", "--version"), "wrk": ("wrk", "-v")}


def machine() -> dict[str, object]:
    """Processors that we may use, their model if it is known, and the system."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processors": usable, "model": _model(), "system": _system()}


def _model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or "unknown"


def _system() -> str:
    with contextlib.suppress(OSError):
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {platform.machine()}"
    return f"{platform.system()} {platform.release()}, {platform.machine()}"


def versions() -> dict[str, str]:
    """The releases of all that took part."""
    from cryptography.hazmat.backends.openssl.backend import backend

    found = {"Python": platform.python_version(), "OpenSSL": backend.openssl_version_text().split()[1]}
    for name in _DISTRIBUTIONS:
        with contextlib.suppress(PackageNotFoundError):
            found["redis-py" if name == "redis" else name] = version(name)
    found["SQLite"] = sqlite3.sqlite_version
    for name, (program, option) in _PROGRAMS.items():
        said = _said(program, option)
        if said is not None:
            found[name] = said
    return found


def _said(program: str, option: str) -> str | None:
    """The first number with a dot in it, of what a program says about itself."""
    path = shutil.which(program)
    if path is None:
        return None
    done = subprocess.run([path, option], capture_output=True, text=True, check=False)
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return None if found is None else found[0]
