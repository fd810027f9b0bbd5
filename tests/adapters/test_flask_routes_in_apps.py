"""The ready-made routes in Flask: the application's own configuration, and bodies without a length."""

from __future__ import annotations

import io
import json
from typing import Any

import flask
import pytest

from jwtguard import ConfigurationError, Rules
from jwtguard.flask import FlaskGuard
from jwtguard.testing import RawRequest, wsgi_client
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.browser import Browser
from jwtguard.testing.conformance.route_sites import route_site

ALICE = {"username": "alice", "password": "wonderland"}


def test_guard_from_the_application() -> None:
    """Without a guard of its own the object serves each application with that one's guard."""
    site = route_site("bearer")
    config = {
        "issuer": site.guard.issuer,
        "audience": "https://api.example",
        "keys": {"secret": "a secret for tests, known to all", "algorithm": "HS256", "kid": "main"},
        "rules": "UNCHECKED",
    }
    app = flask.Flask(__name__)
    app.config["JWTGUARD"] = config
    auth = FlaskGuard(sessions=site.sessions, authenticate=site.settings.get("authenticate"))
    app.register_blueprint(auth.routes("/v1/auth"))
    auth.init_app(app)
    browser = Browser(wsgi_client(app))
    assert "access_token" in browser.send("POST", "/v1/auth/login", json_body=ALICE).json()
    assert browser.send("GET", "/v1/auth/sessions").status == 401


def test_nothing_to_mount() -> None:
    """Without sessions there are no routes, and no settings of them."""
    site = route_site("bearer")
    with pytest.raises(ConfigurationError, match="the routes need sessions"):
        FlaskGuard(site.guard).routes()
    with pytest.raises(ConfigurationError, match="remember: only with sessions"):
        FlaskGuard(site.guard, remember=True)
    with pytest.raises(ConfigurationError, match="pass authenticate=check_password"):
        FlaskGuard(site.guard, site.sessions).routes()


@pytest.mark.parametrize(("padding", "status"), [(0, 200), (40, 200), (60, 413), (100_000, 413)])
def test_bodies_without_a_length(padding: int, status: int) -> None:
    """A body that comes in chunks is read as far as it may go, and no further."""
    site = route_site("bearer, short body")
    app = flask.Flask(__name__)
    app.register_blueprint(FlaskGuard(site.guard, site.sessions, **site.settings).routes())
    body = io.BytesIO(json.dumps(ALICE).encode() + b" " * padding)
    environ: dict[str, Any] = {"wsgi.input": body, "wsgi.input_terminated": True}
    with app.test_request_context(
        "/auth/login", method="POST", content_type="application/json", environ_overrides=environ
    ):
        flask.request.environ.pop("CONTENT_LENGTH", None)
        assert app.full_dispatch_request().status_code == status
    assert body.tell() <= 101


@pytest.mark.parametrize("name", ["cookies", "refresh cookie", "silent renewal", "bearer"])
@pytest.mark.parametrize("sent", ["theme=dark; __Host-refresh=secret; x=1", "__Host-refresh=secret"])
def test_the_refresh_cookie_is_hidden_from_the_application(name: str, sent: str) -> None:
    """Views see every other cookie, also where Flask's session has read them before any hook runs."""
    site = route_site(name)
    app = flask.Flask(__name__)
    app.secret_key = "a key for sessions"
    auth = FlaskGuard(site.guard, site.sessions, **site.settings)
    auth.init_app(app)

    @app.get("/")
    def view() -> dict[str, Any]:
        shown = repr({**flask.request.environ, "werkzeug.request": None})
        return {
            "cookies": dict(flask.request.cookies),
            "header": flask.request.headers.get("Cookie"),
            "leaks": "secret" in shown,
        }

    found = wsgi_client(app)(RawRequest(headers=[("Host", "api.example"), ("Cookie", sent)])).json()
    if name == "bearer":
        assert found["header"] == sent
    elif "theme" in sent:
        assert found == {"cookies": {"theme": "dark", "x": "1"}, "header": "theme=dark; x=1", "leaks": False}
    else:
        assert found == {"cookies": {}, "header": None, "leaks": False}


def test_a_path_that_ends_like_a_shipped_route() -> None:
    """Nothing stands there, so rules ask for a token as everywhere."""
    site = route_site("bearer")
    app = flask.Flask(__name__)
    auth = FlaskGuard(guard_for_tests(rules=Rules([])), site.sessions, authenticate=lambda *_: None)
    auth.init_app(app)
    app.register_blueprint(auth.routes("/auth"))

    assert wsgi_client(app)(RawRequest(method="PUT", target="/elsewhere/login")).status == 401
    assert wsgi_client(app)(RawRequest(method="PUT", target="/auth/login")).status == 405
