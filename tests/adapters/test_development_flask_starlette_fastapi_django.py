"""In development, a terminal shows refusals without any configuration of logging; nothing else changes."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import flask
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.test.utils import override_settings
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jwtguard import Rules
from jwtguard.asgi import ASGIGuard, GuardMiddleware
from jwtguard.django import GuardMiddleware as DjangoMiddleware
from jwtguard.django import requires as django_requires
from jwtguard.fastapi import FastAPIGuard
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawAnswer, RawRequest, asgi_client, wsgi_client
from jwtguard.testing.conformance.adapter_case import EXPIRED, HOST, bearer
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.adapters import django_site as django_site  # Sets Django up.

IN_FRONT = guard_for_tests(rules=Rules([]))
ALONE = guard_for_tests()
REQUEST = RawRequest(headers=[HOST, bearer(EXPIRED)])


def _hello() -> str:
    return "hello"


async def _view(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def _flask(*, debug: bool, guarded: bool) -> RawAnswer:
    app = flask.Flask(__name__)
    app.debug = debug
    if guarded:
        app.add_url_rule("/", view_func=FlaskGuard(ALONE).requires()(_hello))
    else:
        FlaskGuard(IN_FRONT).init_app(app)
    return wsgi_client(app.wsgi_app)(REQUEST)


def _starlette(*, debug: bool, guarded: bool) -> RawAnswer:
    routes = [Route("/", ASGIGuard(ALONE).requires()(_view) if guarded else _view)]
    middleware = [] if guarded else [Middleware(GuardMiddleware, guard=IN_FRONT)]
    return asgi_client(Starlette(debug=debug, routes=routes, middleware=middleware))(REQUEST)


def _wrapped(*, debug: bool, guarded: bool) -> RawAnswer:
    app: Any = Starlette(debug=debug, routes=[Route("/", _view)])
    app = CORSMiddleware(app) if guarded else app
    return asgi_client(GuardMiddleware(app, guard=IN_FRONT))(REQUEST)


def _fastapi(*, debug: bool, guarded: bool) -> RawAnswer:
    app = FastAPI(debug=debug, dependencies=[FastAPIGuard(ALONE).requires()] if guarded else [Depends(_hello)])
    if not guarded:
        app.add_middleware(GuardMiddleware, guard=IN_FRONT)
    app.get("/")(_hello)
    return asgi_client(app)(REQUEST)


def _django(*, debug: bool, guarded: bool) -> RawAnswer:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse("hello")

    with override_settings(DEBUG=debug, MIDDLEWARE=[]):
        view: Any = (
            django_requires(guard=ALONE)(answer)
            if guarded
            else type("Own", (DjangoMiddleware,), {"guard": IN_FRONT})(answer)
        )
        response = view(RequestFactory().get("/", headers={"authorization": f"Bearer {EXPIRED}"}))
    return RawAnswer(status=response.status_code, headers=tuple(response.items()), body=response.content)


FRAMEWORKS = [_flask, _starlette, _wrapped, _fastapi, _django]


@pytest.mark.parametrize("guarded", [True, False])
@pytest.mark.parametrize("ask", FRAMEWORKS)
def test_levels(ask: Callable[..., RawAnswer], *, guarded: bool, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal is a warning in debug mode and a note for the file otherwise; the answer is the same."""
    answers = []
    with caplog.at_level(logging.INFO, logger="jwtguard"):
        for debug in (False, True, False):
            answers.append(ask(debug=debug, guarded=guarded))
    said = [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "jwtguard"]
    line = "refused: reason=expired"
    assert said == [(logging.INFO, line), (logging.WARNING, line), (logging.INFO, line)]
    assert [answer.status for answer in answers] == [401] * 3
    assert answers[0].body == answers[1].body == answers[2].body


@pytest.mark.parametrize(("value", "level"), [("1", logging.WARNING), ("0", logging.INFO), ("", logging.INFO)])
def test_environment(value: str, level: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """`JWTGUARD_DEBUG=1` does the same where there is no debug mode."""
    monkeypatch.setenv("JWTGUARD_DEBUG", value)
    with caplog.at_level(logging.INFO, logger="jwtguard"):
        _starlette(debug=False, guarded=True)
    assert [record.levelno for record in caplog.records if record.name == "jwtguard"] == [level]


# The same with real servers, started as their users do.

GUARD = """
from jwtguard import Guard, Rules, VerificationKey

key = VerificationKey.from_secret("not a secret, only an example!!!", algorithm="HS256")
guard = Guard(issuer="https://issuer.example", audience="https://api.example", keys=key, rules=Rules([]))
"""
FLASK = (
    GUARD
    + """
from flask import Flask
from jwtguard.flask import FlaskGuard

app = Flask(__name__)
FlaskGuard(guard).init_app(app)
"""
)
STARLETTE = (
    GUARD
    + """
from starlette.applications import Starlette
from starlette.middleware import Middleware
from jwtguard.asgi import GuardMiddleware

app = Starlette(debug=DEBUG, middleware=[Middleware(GuardMiddleware, guard=guard)])
"""
)
FASTAPI = (
    GUARD
    + """
from fastapi import FastAPI
from jwtguard.asgi import GuardMiddleware

app = FastAPI(debug=DEBUG)
app.add_middleware(GuardMiddleware, guard=guard)
"""
)
DJANGO = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line

settings.configure(
    DEBUG=DEBUG,
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="not a secret",
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["jwtguard.django"],
    MIDDLEWARE=["jwtguard.django.GuardMiddleware"],
    USE_TZ=True,
    JWTGUARD={
        "issuer": "https://issuer.example",
        "audience": "https://api.example",
        "keys": {"secret": "not a secret, only an example!!!"},
        "rules": [],
    },
)
urlpatterns = []
if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""
UVICORN = ["-m", "uvicorn", "app:app", "--port", "{port}"]
FLASK_RUN = ["-m", "flask", "--app", "app", "run", "--no-reload", "--port", "{port}"]
RUNSERVER = ["app.py", "runserver", "--noreload", "--nothreading", "{port}"]
SERVERS = {
    "flask run --debug": (FLASK, [*FLASK_RUN, "--debug"], {}, True),
    "flask run": (FLASK, FLASK_RUN, {}, False),
    "flask run, JWTGUARD_DEBUG": (FLASK, FLASK_RUN, {"JWTGUARD_DEBUG": "1"}, True),
    "uvicorn, Starlette in debug mode": ("DEBUG = True" + STARLETTE, UVICORN, {}, True),
    "uvicorn, FastAPI in debug mode": ("DEBUG = True" + FASTAPI, UVICORN, {}, True),
    "uvicorn, FastAPI": ("DEBUG = False" + FASTAPI, UVICORN, {}, False),
    "uvicorn, FastAPI, JWTGUARD_DEBUG": ("DEBUG = False" + FASTAPI, UVICORN, {"JWTGUARD_DEBUG": "1"}, True),
    "runserver": ("DEBUG = True" + DJANGO, RUNSERVER, {}, True),
    "runserver, JWTGUARD_DEBUG": ("DEBUG = False" + DJANGO, RUNSERVER, {"JWTGUARD_DEBUG": "1"}, True),
}


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Callable[[str, list[str], Mapping[str, str]], str]]:
    """A function that runs a server, sends it `Token` and `Bearer` credentials, and gives what its terminal shows."""
    running: list[subprocess.Popen[bytes]] = []

    def show(source: str, command: list[str], environ: Mapping[str, str]) -> str:
        (tmp_path / "app.py").write_text(source, encoding="utf-8")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        output = tmp_path / "terminal"
        path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
        given = {name: value for name, value in os.environ.items() if not name.startswith(("JWTGUARD_", "FLASK_"))}
        with output.open("wb") as written:
            process = subprocess.Popen(
                [sys.executable, *(part.format(port=port) for part in command)],
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                env={**given, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **environ},
            )
        running.append(process)
        assert _status(process, port, "Token abc", output) == 401
        assert _status(process, port, "Bearer a.b.c", output) == 401
        process.terminate()
        process.wait(10)
        return output.read_text("utf-8", "replace")

    yield show
    for process in running:
        process.kill()
        process.wait(10)


def _status(process: subprocess.Popen[bytes], port: int, credential: str, output: Path) -> int:
    """The answer's status, once the server listens."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", headers={"Authorization": credential})
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code
        except OSError:
            assert process.poll() is None, output.read_text("utf-8", "replace")
            assert time.monotonic() < deadline, output.read_text("utf-8", "replace")
            time.sleep(0.05)  # For the server to start; nothing else tells.


@pytest.mark.parametrize(("source", "command", "environ", "shown"), SERVERS.values(), ids=SERVERS)
def test_in_a_terminal(
    source: str, command: list[str], environ: Mapping[str, str], *, shown: bool, terminal: Callable[..., str]
) -> None:
    """The reason stands in the terminal, with the scheme that was found, and never the credential."""
    text = terminal(source, command, environ)
    lines = [line for line in text.splitlines() if line.startswith("refused: ")]
    hint = "Authorization has the scheme Token, expected Bearer"
    expected = [f"refused: reason=missing_token ({hint})", "refused: reason=base64url"]
    assert lines == (expected if shown else []), text
    assert "abc" not in text
