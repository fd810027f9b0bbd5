"""What a guarded request costs under Flask, beside the framework: see `tests/test_costs.py`."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from jwtguard import UNCHECKED, Rule, Rules, has_role
from jwtguard.flask import FlaskGuard, principal
from tests.costs import Counter, Work
from tests.samples import guard, token

ADMIN = has_role("admin")


def _app(*, init: bool, decorated: bool, **changes: Any) -> Flask:
    app, auth = Flask(__name__), FlaskGuard(guard(**changes))
    if init:
        auth.init_app(app)

    def view() -> str:
        return str(principal.subject)

    app.get("/x")(auth.requires(ADMIN)(view) if decorated else view)
    return app


def _ask(app: Flask, text: str, status: int = 200) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/x",
        "SERVER_NAME": "a.example",
        "SERVER_PORT": "80",
        "HTTP_HOST": "a.example",
        "HTTP_AUTHORIZATION": f"Bearer {text}",
        "wsgi.url_scheme": "http",
    }

    def start(found: str, *_: object) -> Any:
        assert found.startswith(str(status))

    answer: Any = app.wsgi_app(environ, start)
    assert b"".join(answer).startswith(b"user-" if status == 200 else b"{")
    answer.close()


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(_app(init=False, decorated=True), id="decorator"),
        pytest.param(_app(init=True, decorated=True, rules=UNCHECKED), id="init_app and decorator"),
        pytest.param(_app(init=True, decorated=False, rules=Rules([Rule("/x", ADMIN)])), id="rules"),
    ],
)
def test_a_request(app: Flask) -> None:
    """From the environ to the view, with the token new and seen before."""
    _ask(app, token(roles=["admin"]))
    text = token("user-2", roles=["admin"])
    first, second = (Counter(lambda: _ask(app, text)) for _ in range(2))

    assert (first.work.json, first.work.base64, second.work.json, second.work.base64) == (1, 2, 0, 0)
    assert (first.work.locks, second.work) == (0, Work(sha256=1))
