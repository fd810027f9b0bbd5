"""Show what jwtguard does, with real requests to a real application: ``python3 examples/demo.py``.

Needs Python 3.11 or later and an index that pip can install from, nothing else: what the demonstration wants goes into
``.venv-demo`` inside this checkout, never into the interpreter that runs this file. Where jwtguard, Flask and limits
are installed already, they are used as they are. ``--once`` ends after the requests, with exit code 0 if every answer
was the expected one; without it the application keeps serving until Ctrl-C.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import io
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-demo"
REQUIREMENTS = (f"{ROOT}[flask]", "limits>=3.13")
OLDEST_PYTHON = (3, 11)


def main(arguments: list[str]) -> int:
    """Prepare, start the application, show the requests and, unless it is to end, keep serving."""
    parser = argparse.ArgumentParser(description="Show what jwtguard does, with real requests to a real application.")
    parser.add_argument("--once", action="store_true", help="end after the requests; the exit code tells how they went")
    parser.add_argument("--port", type=int, default=8000, help="where to listen; a free port if this one is taken")
    parser.add_argument("--here", action="store_true", help="use this interpreter as it is, and install nothing")
    options = parser.parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # Not every terminal knows every character.
    if sys.version_info < OLDEST_PYTHON:
        stop("jwtguard needs Python {}.{} or later; this is {}.{}.".format(*OLDEST_PYTHON, *sys.version_info[:2]))
    if not options.here and not is_prepared():
        return in_virtual_environment(arguments)
    with tempfile.TemporaryDirectory(prefix="jwtguard-demo-") as data:
        return demonstrate(Path(data), port=options.port, once=options.once)


# Getting there: nothing but the standard library until here and in this part.


def is_prepared() -> bool:
    """Whether this interpreter has what the demonstration wants."""
    try:
        importlib.metadata.distribution("jwtguard-middleware")
    except importlib.metadata.PackageNotFoundError:
        return False
    return all(importlib.util.find_spec(name) is not None for name in ("flask", "limits"))


def in_virtual_environment(arguments: list[str]) -> int:
    """Run this file again with an interpreter that has all it wants, made now if it is not there or is out of date."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        stop(f"{VENV.name} lacks what was just installed into it: remove it, and try again.")
    python = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    mark = VENV / "made-for"
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if not (mark.exists() and mark.read_text(encoding="ascii") == wanted and runs(python)):
        for module in ("venv", "ensurepip"):
            if importlib.util.find_spec(module) is None:
                stop(
                    f"{sys.executable} has no `{module}`, without which it cannot make a virtual environment. "
                    "Debian and Ubuntu keep it in a package of its own: `apt install python3-venv`."
                )
        print(f"making {VENV.name}, with jwtguard and Flask in it …", flush=True)
        if subprocess.run([sys.executable, "-Im", "venv", "--clear", str(VENV)], check=False).returncode:
            stop(f"{sys.executable} could not make a virtual environment; what it says about that stands above.")
        pip = [str(python), "-Im", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, "--editable", *REQUIREMENTS], check=False).returncode:
            stop("pip could not install jwtguard; what it says about that stands above. It needs a package index.")
        mark.write_text(wanted, encoding="ascii")
    command = [str(python), str(Path(__file__).resolve()), *arguments]
    if os.name != "nt":
        sys.stdout.flush()
        os.execv(command[0], command)
    return subprocess.run(command, check=False).returncode


def runs(python: Path) -> bool:
    """Whether the interpreter of the virtual environment still works: the one it was made from may be gone."""
    try:
        check = subprocess.run([str(python), "-Ic", "import flask, jwtguard, limits"], capture_output=True, check=False)
    except OSError:
        return False
    return check.returncode == 0


def stop(message: str) -> None:
    """End with a sentence that says what is missing."""
    raise SystemExit(f"examples/demo.py: {message}")


# Being there.


def demonstrate(data: Path, *, port: int, once: bool) -> int:
    """Serve the Flask example, talk to it, and say how that went."""
    from werkzeug.serving import make_server

    sys.path.append(str(ROOT))
    from examples.conversation import Conversation, invite, say
    from examples.flask_app.app import create_app

    app = create_app(data)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # The conversation below says it better.
    with listening(port) as listener:
        server = make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno())
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        say(f"examples/flask_app is serving at http://127.0.0.1:{server.port}")
        code = 0 if Conversation(server.port).run() else 1
        if not once:
            invite(server.port)
            logging.getLogger("werkzeug").setLevel(logging.INFO)
            while serving.is_alive():
                serving.join(1)  # With a time-out, since on Windows Ctrl-C does not end a wait without one.
    except KeyboardInterrupt:
        say("\ngood bye")
        return 0
    finally:
        server.shutdown()
        server.server_close()
    return code


def listening(port: int) -> socket.socket:
    """A listening socket of the loopback interface: on this port, or a free one if it is taken."""
    listener = socket.socket()
    if os.name != "nt":  # There it would let two programs listen on one port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        listener.bind(("127.0.0.1", 0))
    listener.listen()
    return listener


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
