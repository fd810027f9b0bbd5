"""Virtual environments that a program of this checkout makes for itself, so that no other Python is touched.

For programs that a bare Python runs, so the standard library is all there is.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

OLDEST_PYTHON = (3, 11)


def interpreter(folder: Path) -> Path:
    """The Python of a virtual environment, whether it is there or not."""
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def make(folder: Path, requirements: Sequence[str], *, program: str, what: str) -> Path:
    """Make the environment afresh, install into it, and return its Python.

    `requirements` are pip's arguments, `what` names them in a sentence. Ends the program where something is missing.
    """
    check_python(program)
    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            stop(
                program,
                f"{sys.executable} has no `{module}`, without which it cannot make a virtual environment. "
                "Debian and Ubuntu keep it in a package of its own: `apt install python3-venv`.",
            )
    print(f"making {folder.name} with {what} …", flush=True)
    if subprocess.run([sys.executable, "-Im", "venv", "--clear", str(folder)], check=False).returncode:
        stop(program, f"{sys.executable} could not make a virtual environment; what it says about that stands above.")
    python = interpreter(folder)
    install = [str(python), "-Im", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    if subprocess.run(install, check=False).returncode:
        stop(program, f"pip could not install {what}; what it says stands above. It needs to reach a package index.")
    return python


def check_python(program: str) -> None:
    """End the program on a Python that is too old."""
    if sys.version_info < OLDEST_PYTHON:
        stop(
            program,
            "jwtguard needs Python {}.{} or later; this is {}.{}.".format(*OLDEST_PYTHON, *sys.version_info[:2]),
        )


def stop(program: str, message: str) -> None:
    """End with a sentence that says what is missing."""
    raise SystemExit(f"{program}: {message}")
