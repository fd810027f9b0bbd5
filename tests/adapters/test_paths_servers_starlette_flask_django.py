"""What real servers make of a request target, sent as raw bytes: none hands over a path that passes by its rule."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
import werkzeug.serving
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import WSGIRequestHandler as RunserverHandler
from django.core.servers.basehttp import WSGIServer
from django.http import HttpRequest, HttpResponse
from django.test.utils import override_settings
from django.urls import path
from flask import Flask
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jwtguard import Rule, Rules, has_role, public
from jwtguard.asgi import GuardMiddleware
from jwtguard.django import GuardMiddleware as DjangoMiddleware
from jwtguard.flask import FlaskGuard
from jwtguard.testing.conformance.adapter_case import token
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from tests.adapters import django_site as django_site  # configures Django's settings
from tests.adapters.uvicorn_server import by_uvicorn

WAIT = 10.0
"""Seconds after which a test fails that waits for a server."""
GUARD = guard_for_tests(rules=Rules([Rule("/admin", has_role("admin"))], default=public))
TARGETS = [
    b"/admin",
    b"/admin/",
    b"//admin",
    b"///admin",
    b"/./admin",
    b"/x/../admin",
    b"/%2e/admin",
    b"/x/%2e%2e/admin",
    b"/\\admin",
    b"\\admin",
    b"/%5cadmin",
    b"%2fadmin",
    b"/%61dmin",
    b"admin",
    b"*",
    b"http://api.example/admin",
    b"https://api.example/admin",
    b"http://api.example//admin",
    b"http:/admin",
    b"//api.example/admin",
    b"/admin#x",
    b"#/admin",
    b"/admin?x",
    b"?/admin",
    b"/admin;x",
    b"/x/..;/admin",
    *(b"/admin" + bytes([code]) for code in range(256)),
    *(b"/" + bytes([code]) + b"admin" for code in range(256)),
    *(b"/admin%%%02x" % code for code in range(256)),
    *(b"/%%%02xadmin" % code for code in range(256)),
    *(b"%%%02x/admin" % code for code in range(256)),
    b"/admin%c2%85",
    b"/admin%e2%80%a8",
    b"/admin%c0%af",
    b"/admin\xc2\x85",
    b"/admin%",
    b"/admin%2",
    b"/admin%zz",
    b"/admin%u000a",
]


def starlette() -> Any:
    """An ASGI application."""

    async def admin(request: Request) -> PlainTextResponse:
        return PlainTextResponse("admin")

    return GuardMiddleware(Starlette(routes=[Route("/admin", admin)]), GUARD)


def flask() -> Flask:
    """A WSGI application."""
    app = Flask(__name__)
    app.add_url_rule("/admin", "admin", lambda: "admin", strict_slashes=False)
    FlaskGuard(GUARD).init_app(app)
    return app


class Guarded(DjangoMiddleware):
    """Django's middleware of this guard."""

    guard = GUARD


@contextmanager
def django(*, is_asgi: bool) -> Iterator[Any]:
    """A Django project."""

    def admin(request: HttpRequest) -> HttpResponse:
        return HttpResponse("admin")

    urls = ModuleType("urls")
    vars(urls)["urlpatterns"] = [path("admin", admin)]
    with override_settings(ROOT_URLCONF=urls, MIDDLEWARE=[f"{__name__}.Guarded"], ALLOWED_HOSTS=["*"]):
        yield ASGIHandler() if is_asgi else WSGIHandler()


@contextmanager
def serving(server: Any) -> Iterator[int]:
    """The port of a server of `socketserver`'s kind."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(WAIT)
        server.server_close()


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Nothing is logged."""


class _SilentWerkzeug(werkzeug.serving.WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Nothing is logged."""


class _SilentRunserver(RunserverHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Nothing is logged."""


@contextmanager
def starlette_by_uvicorn() -> Iterator[int]:
    """ASGI."""
    with by_uvicorn(starlette()) as port:
        yield port


@contextmanager
def django_by_uvicorn() -> Iterator[int]:
    """Django under ASGI."""
    with django(is_asgi=True) as app, by_uvicorn(app, http="h11") as port:
        yield port


@contextmanager
def flask_by_werkzeug() -> Iterator[int]:
    """Flask's development server."""
    made = werkzeug.serving.make_server("127.0.0.1", 0, flask(), threaded=True, request_handler=_SilentWerkzeug)
    with serving(made) as port:
        yield port


@contextmanager
def flask_by_wsgiref() -> Iterator[int]:
    """The server of the standard library."""
    with serving(make_server("127.0.0.1", 0, flask(), handler_class=_Silent)) as port:
        yield port


@contextmanager
def django_by_runserver() -> Iterator[int]:
    """Django's development server."""
    with django(is_asgi=False) as app:
        made = WSGIServer(("127.0.0.1", 0), _SilentRunserver)
        made.set_app(app)
        with serving(made) as port:
            yield port


def ask(port: int, target: bytes, *fields: str) -> tuple[int | None, bytes]:
    """The status and the body of the answer to a raw request target; no status where the server answers nothing."""
    head = b"".join(field.encode() + b"\r\n" for field in ("Host: api.example", "Connection: close", *fields))
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
        connection.sendall(b"GET " + target + b" HTTP/1.1\r\n" + head + b"\r\n")
        received = b""
        while chunk := _received(connection):
            received += chunk
    if not received.startswith(b"HTTP/"):
        return None, received
    start, _, body = received.partition(b"\r\n\r\n")
    return int(start.split()[1]), body


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65536)
    except ConnectionResetError:  # It refused the request line before it had read all of the request.
        return b""


@pytest.mark.parametrize(
    "server",
    [starlette_by_uvicorn, django_by_uvicorn, flask_by_werkzeug, flask_by_wsgiref, django_by_runserver],
    ids=lambda server: server.__name__,
)
def test_request_targets(server: Callable[[], Any]) -> None:
    """No target opens the view without the role; the plain path and its escapes open it with the role."""
    role = f"Authorization: Bearer {token(roles=['admin'])}"
    with server() as port:
        answers = {target: ask(port, target) for target in TARGETS}
        opened = [target for target, (status, body) in answers.items() if status == 200 or body.endswith(b"admin")]
        assert opened == []
        assert [answers[target][0] for target in (b"/admin", b"/%61dmin", b"/admin%0a")] == [401, 401, 400]
        assert [ask(port, target, role)[0] for target in (b"/admin", b"/%61dmin", b"/admin?x")] == [200, 200, 200]
        assert ask(port, b"/admin%0a", role)[0] == 400
