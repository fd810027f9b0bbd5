"""Show what jwtguard does, with real requests to a real application: ``python3 examples/demo.py``.

Needs Python 3.11 or later and an index that pip can install from, nothing else: what the demonstration wants goes into
``.venv-demo`` inside this checkout, never into the interpreter that runs this file. Where jwtguard and Flask are
installed already, they are used as they are. ``--once`` ends after the requests, with exit code 0 if every answer was
the expected one; without it the application keeps serving until Ctrl-C.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import importlib.metadata
import importlib.util
import io
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv-demo"
OLDEST_PYTHON = (3, 11)
PASSWORD = "example-password-of-{}"


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
    return importlib.util.find_spec("flask") is not None


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
        say(f"making {VENV.name}, with jwtguard and Flask in it …")
        if subprocess.run([sys.executable, "-Im", "venv", "--clear", str(VENV)], check=False).returncode:
            stop(f"{sys.executable} could not make a virtual environment; what it says about that stands above.")
        pip = [str(python), "-Im", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if subprocess.run([*pip, "--editable", f"{ROOT}[flask]"], check=False).returncode:
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
        check = subprocess.run([str(python), "-Ic", "import flask, jwtguard"], capture_output=True, check=False)
    except OSError:
        return False
    return check.returncode == 0


def say(text: str = "") -> None:
    """Print a line now, also where nobody looks at a terminal."""
    print(text, flush=True)


def stop(message: str) -> None:
    """End with a sentence that says what is missing."""
    raise SystemExit(f"examples/demo.py: {message}")


# Being there.


def demonstrate(data: Path, *, port: int, once: bool) -> int:
    """Serve the Flask example, talk to it, and say how that went."""
    from werkzeug.serving import make_server

    sys.path.append(str(ROOT))
    from examples.flask_app.app import create_app

    app = create_app(data)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # The conversation below says it better.
    with listening(port) as listener:
        server = make_server("127.0.0.1", 0, app, threaded=True, fd=listener.fileno())
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        say(f"examples/flask_app is serving at http://127.0.0.1:{server.port}")
        code = converse(server.port)
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


def converse(port: int) -> int:
    """Send the requests and show the answers; 1 if one of them was not the expected one."""
    bob, ada = log_in(port, "bob"), log_in(port, "ada")
    header, payload, signature = bob.split(".")
    tampered = f"{header}.{payload[:-6]}{'A' if payload[-6] != 'A' else 'B'}{payload[-5:]}.{signature}"
    results = [
        show(port, "an admitted call", "/me", bob, 200),
        show(port, "no token", "/me", None, 401),
        show(port, "a role that bob does not have", "/admin/users", bob, 403),
        show(port, "the same for ada, who has it", "/admin/users", ada, 200),
        show(port, "a scope that bob does not have", "/reports", bob, 403),
        show(port, "a token in which one character was changed", "/me", tampered, 401),
    ]
    say()
    say("Every answer was the expected one." if all(results) else "Not every answer was the expected one: see above.")
    return 0 if all(results) else 1


def log_in(port: int, name: str) -> str:
    """Exchange a password for an access token, and show it."""
    body = {"name": name, "password": PASSWORD.format(name)}
    say(f"\n── {name} logs in")
    say(f"   POST /login  {json.dumps({**body, 'password': '…'}, ensure_ascii=False)}")
    status, headers, answer = send(port, "POST", "/login", {"Content-Type": "application/json"}, body)
    report(
        status, headers, {**answer, "access_token": shortened(answer.get("access_token", ""))}, is_right=status == 200
    )
    if status != 200:
        stop("nobody can log in, so there is nothing to show.")
    token: str = answer["access_token"]
    return token


def show(port: int, title: str, path: str, token: str | None, expected: int) -> bool:
    """One request: what is sent, and what comes back."""
    say(f"\n── {title}")
    say(f"   GET {path}" + (f"  Authorization: Bearer {shortened(token)}" if token else ""))
    status, headers, answer = send(port, "GET", path, {"Authorization": f"Bearer {token}"} if token else {})
    is_right = status == expected and ("WWW-Authenticate" in headers) == (expected in {401, 403})
    report(status, headers, answer, is_right=is_right)
    return is_right


def report(status: int, headers: http.client.HTTPMessage, answer: Mapping[str, object], *, is_right: bool) -> None:
    """Show an answer: status, challenge, and what its body says."""
    say(f"   {status} {http.HTTPStatus(status).phrase}" + ("" if is_right else "   ← NOT what was expected"))
    shown = {"WWW-Authenticate": headers.get("WWW-Authenticate"), "body": json.dumps(answer, ensure_ascii=False)}
    for name, text in shown.items():
        if text:
            say(textwrap.fill(f"{name}: {text}", 110, initial_indent="   ", subsequent_indent="      "))


def shortened(token: str) -> str:
    """Enough of a token to recognize it: whoever holds all of it gets in."""
    return f"{token[:12]}…{token[-6:]}"


def send(
    port: int, method: str, path: str, headers: Mapping[str, str], body: object = None
) -> tuple[int, http.client.HTTPMessage, dict[str, str]]:
    """Send one request over the loopback interface; the body of the answer is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        content = None if body is None else json.dumps(body).encode()
        connection.request(method, path, body=content, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.headers, json.loads(answer.read())
    finally:
        connection.close()


def invite(port: int) -> None:
    """Print what to try by hand."""
    at = f"http://127.0.0.1:{port}"
    login = json.dumps({"name": "bob", "password": PASSWORD.format("bob")})
    read_token = """python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])'"""
    as_json = "-H 'Content-Type: application/json' -d"
    say(f"""
It keeps serving until Ctrl-C. Try it from another terminal (a token lives five minutes):

TOKEN=$(curl -s {at}/login {as_json} '{login}' | {read_token})
curl -i {at}/me -H "Authorization: Bearer $TOKEN"
curl -i {at}/me
curl -i {at}/reports -H "Authorization: Bearer $TOKEN"
curl -i {at}/me -H "Authorization: Bearer ${{TOKEN}}x"

The token in a cookie, as a browser sends it; then a request as another site would make the browser send it:

curl -i {at}/me -H "Cookie: __Host-access=$TOKEN"
EVIL='Origin: https://evil.example'
curl -i {at}/me -H "Cookie: __Host-access=$TOKEN" -H "$EVIL" {as_json} '{{"display_name": "me"}}'
""")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
