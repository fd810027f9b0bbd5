"""Extensions that answer exceptions in their own way keep what a refusal says in its header fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest
from apiflask import APIFlask
from flask.views import MethodView
from flask_restful import Api as RestfulAPI
from flask_restful import Resource as RestfulResource
from flask_restx import Api as RestxAPI
from flask_restx import Resource as RestxResource
from flask_smorest import Api as SmorestAPI
from flask_smorest import Blueprint as SmorestBlueprint
from werkzeug.exceptions import HTTPException

from jwtguard import Rule, Rules, UnavailableError, has_scope
from jwtguard.core.errors import JWTGuardError
from jwtguard.flask import FlaskGuard
from tests.samples import guard, token

Build = Callable[[FlaskGuard, bool], flask.Flask]
REPORTS = has_scope("reports:read")


def restful(auth: FlaskGuard, decorated: bool) -> flask.Flask:
    """Flask-RESTful: a resource with our decorator among its method decorators."""

    class Reports(RestfulResource):  # type: ignore[misc]
        method_decorators = [auth.requires(REPORTS)] if decorated else []

        def get(self) -> dict[str, str]:
            return {"report": "1"}

    app = flask.Flask(__name__)
    RestfulAPI(app).add_resource(Reports, "/reports")
    return app


def restx(auth: FlaskGuard, decorated: bool) -> flask.Flask:
    """Flask-RESTX: likewise."""

    class Reports(RestxResource):  # type: ignore[misc]
        method_decorators = [auth.requires(REPORTS)] if decorated else []

        def get(self) -> dict[str, str]:
            return {"report": "1"}

    app = flask.Flask(__name__)
    RestxAPI(app).add_resource(Reports, "/reports")
    return app


def apiflask(auth: FlaskGuard, decorated: bool) -> flask.Flask:
    """APIFlask: an application that writes all errors as JSON."""

    def reports() -> dict[str, str]:
        return {"report": "1"}

    app: flask.Flask = APIFlask(__name__)
    app.get("/reports")(auth.requires(REPORTS)(reports) if decorated else reports)
    return app


def smorest(auth: FlaskGuard, decorated: bool) -> flask.Flask:
    """flask-smorest: a method view in one of its blueprints."""

    class Reports(MethodView):
        decorators = [auth.requires(REPORTS)] if decorated else []

        def get(self) -> dict[str, str]:
            return {"report": "1"}

    app = flask.Flask(__name__)
    app.config.update(API_TITLE="Reports", API_VERSION="1", OPENAPI_VERSION="3.0.2")
    blueprint: Any = SmorestBlueprint("reports", "reports")
    blueprint.route("/reports")(Reports)
    SmorestAPI(app).register_blueprint(blueprint)
    return app


def own_handler(auth: FlaskGuard, decorated: bool) -> flask.Flask:
    """An application whose handler writes every HTTP exception anew, without a look at its response."""

    def reports() -> dict[str, str]:
        return {"report": "1"}

    def as_json(error: Exception) -> tuple[dict[str, str], int]:
        assert isinstance(error, HTTPException)
        return {"error": error.name}, error.code or 500

    app = flask.Flask(__name__)
    app.get("/reports")(auth.requires(REPORTS)(reports) if decorated else reports)
    app.register_error_handler(HTTPException, as_json)
    return app


def ask(app: flask.Flask, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """The status, and the header fields that a refusal is made of."""
    answer = app.test_client().get("/reports", headers=headers)
    names = ("WWW-Authenticate", "Retry-After", "Cache-Control")
    return answer.status_code, {name: answer.headers[name] for name in names if name in answer.headers}


BUILDS = [restful, restx, apiflask, smorest, own_handler]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("how", ["decorator", "decorator and init_app", "rules"])
@pytest.mark.parametrize(
    ("text", "status", "challenge"),
    [
        (None, 401, 'Bearer realm="api"'),
        ("a.b.c", 401, "invalid_token"),
        (token(), 403, 'scope="reports:read"'),
    ],
)
def test_a_refusal_keeps_its_challenge(build: Build, how: str, text: str | None, status: int, challenge: str) -> None:
    """401 and 403 say what they want in `WWW-Authenticate` (RFC 9110 §11.6.1), and are not stored."""
    auth = FlaskGuard(guard(rules=None if how == "decorator" else Rules([Rule("/reports", REPORTS)])))
    app = build(auth, how != "rules")
    if how != "decorator":
        auth.init_app(app)

    found, headers = ask(app, {} if text is None else {"Authorization": f"Bearer {text}"})
    assert found == status
    assert challenge in headers["WWW-Authenticate"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("build", BUILDS)
def test_an_outage_keeps_its_retry_after(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 says when to come back (RFC 9110 §10.2.3)."""
    by = guard()
    app = build(FlaskGuard(by), True)

    def unavailable(*_: object) -> JWTGuardError:
        raise UnavailableError("keys", retry_after=7)

    monkeypatch.setattr(type(by), "_authenticate", unavailable)
    status, headers = ask(app, {"Authorization": f"Bearer {token()}"})
    assert (status, headers["Retry-After"]) == (503, "7")


@pytest.mark.parametrize("build", BUILDS)
def test_who_may_pass_passes(build: Build) -> None:
    """The extension's own answer is left as it is."""
    app = build(FlaskGuard(guard()), True)

    status, headers = ask(app, {"Authorization": f"Bearer {token(scope=['reports:read'])}"})
    assert (status, "WWW-Authenticate" in headers, "Retry-After" in headers) == (200, False, False)
