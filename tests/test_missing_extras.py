"""Without a framework: its adapter says which extra to install, and all that needs no framework works."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest

import jwtguard

BLOCKING = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

BLOCKED = {"flask", "werkzeug", "starlette", "fastapi", "django", "asgiref", "anyio", "bottle", "opentelemetry",
           "redis", "sqlalchemy", "rest_framework", "litestar", "ninja"}
sys.meta_path.insert(0, Absent())
"""


def run_without_frameworks(program: str, *, also: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Run `program` in a process of its own, in which no framework can be imported, nor the packages `also` named."""
    blocking = f"{BLOCKING}BLOCKED.update({list(also)!r})\n"
    command = [sys.executable, "-P", "-W", "error", "-c", blocking + textwrap.dedent(program)]
    # The package that is tested here, wherever it is installed.
    environ = {**os.environ, "PYTHONPATH": str(Path(jwtguard.__file__).parents[1])}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("module", "framework"),
    [
        ("flask", "Flask"),
        ("fastapi", "FastAPI"),
        ("django", "Django"),
        ("litestar", "Litestar"),
        ("ninja", "Django Ninja"),
        ("otel", "opentelemetry-api"),
        ("stores.redis", "redis"),
        ("stores.sqlalchemy", "SQLAlchemy"),
    ],
)
def test_the_extra_is_named(module: str, framework: str) -> None:
    """Importing an adapter without its framework says what to install."""
    result = run_without_frameworks(f"import jwtguard.{module}")
    last, extra = result.stderr.strip().splitlines()[-1], module.rpartition(".")[2]
    assert last == (f"ImportError: jwtguard.{module} needs {framework}: pip install 'jwtguard-middleware[{extra}]'")


def test_asgi_needs_no_framework() -> None:
    """The ASGI middleware guards a bare ASGI application, threads included, where there is nothing but ASGI."""
    result = run_without_frameworks(
        """
        import asyncio
        from jwtguard import Guard, JWKSet, Rule, Rules, SigningKey, TokenIssuer, public
        from jwtguard.asgi import GuardMiddleware
        from jwtguard.core.flow import Call, Flow

        key = SigningKey.generate("HS256")

        class Blocking:
            def current(self):
                return None

            def refreshed(self, kid):
                return Flow(self.steps())

            def steps(self):
                return (yield Call(lambda: JWKSet([key.verification_key])))

        names = {"issuer": "https://issuer.example", "audience": "https://api.example"}
        text = TokenIssuer(**names, client_id="web", signing_keys=[key]).access_token("user-1")
        guard = Guard(**names, keys=Blocking(), rules=Rules([Rule("/public", public)]))

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["user"].identity.encode()})

        def ask(path, headers=()):
            sent = []

            async def send(message):
                sent.append(message)

            scope = {"type": "http", "method": "GET", "path": path, "headers": list(headers)}
            asyncio.run(GuardMiddleware(app, guard=guard)(scope, None, send))
            return sent[0]["status"], sent[1]["body"]

        print(ask("/public"), ask("/")[0], ask("/", [(b"authorization", b"Bearer " + text.encode())]))
        """
    )
    assert result.stderr == ""
    assert result.stdout == "(200, b'') 401 (200, b'user-1')\n"
