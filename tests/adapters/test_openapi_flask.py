"""The locks in the documents of APIFlask and flask-smorest: on guarded routes, and none on public ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import flask
import pytest
from apiflask import APIFlask
from flask.views import MethodView
from flask_smorest import Api
from flask_smorest import Blueprint as SmorestBlueprint

from jwtguard import has_role, has_scope, public
from jwtguard.flask import FlaskGuard
from jwtguard.testing.conformance.adapter_sites import guard_for_tests
from jwtguard.testing.conformance.route_sites import route_site

READ = has_scope("read")


def apiflask(auth: FlaskGuard, views: dict[str, Any]) -> Any:
    """The document that APIFlask serves."""
    app = APIFlask(__name__)
    app.spec_processor(auth.lock)
    return document(app, "/openapi.json", auth, views)


def smorest(auth: FlaskGuard, views: dict[str, Any]) -> Any:
    """The document that flask-smorest serves."""
    app = flask.Flask(__name__)
    app.config.update(API_TITLE="Reports", API_VERSION="1", OPENAPI_VERSION="3.0.2", OPENAPI_URL_PREFIX="/")
    app.config["OPENAPI_JSON_PATH"] = "openapi.json"
    api: Any = Api(app)
    auth.lock(api.spec)
    blueprint: Any = SmorestBlueprint("reports", "reports")
    for path, view in views.items():
        blueprint.route(path)(view)
    api.register_blueprint(blueprint)
    return document(app, "/openapi.json", auth, {})


def document(app: flask.Flask, url: str, auth: FlaskGuard, views: dict[str, Any]) -> Any:
    """What the application answers at `url`, with the shipped routes beside the views."""
    for path, view in views.items():
        made = view.as_view(path) if hasattr(view, "as_view") else view
        app.add_url_rule(path, view_func=made)
    app.register_blueprint(auth.routes())
    return app.test_client().get(url).json


@pytest.mark.parametrize("build", [apiflask, smorest], ids=lambda build: build.__name__)
def test_locks(build: Callable[..., Any]) -> None:
    """Functions, classes and single methods of classes show their scopes, and a public route shows no lock."""
    site = route_site("bearer")
    auth = FlaskGuard(site.guard, site.sessions, **site.settings)

    @auth.requires(READ)
    def guarded(number: int) -> dict[str, str]:
        return {}

    @auth.requires(public)
    def free() -> dict[str, str]:
        return {}

    class Whole(MethodView):
        decorators: ClassVar = [auth.requires(has_role("admin"))]

        def get(self) -> dict[str, str]:
            return {}

    class Part(MethodView):
        @auth.requires(READ)
        def post(self) -> dict[str, str]:
            return {}

        def get(self) -> dict[str, str]:
            return {}

    found = build(auth, {"/guarded/<int:number>": guarded, "/free": free, "/whole": Whole, "/part": Part})
    locks = {
        (path, method): [name for lock in operation.get("security", ()) for name in lock.items()]
        for path, operations in found["paths"].items()
        for method, operation in operations.items()
        if method in {"get", "post"} and not path.startswith("/auth")
    }
    cookie = next(name for name in found["components"]["securitySchemes"] if name.startswith("CookieToken"))

    def lock(*scopes: str) -> list[tuple[str, list[str]]]:
        return [(name, [*scopes]) for name in ("BearerToken", "Login", cookie)]

    assert locks == {
        ("/guarded/{number}", "get"): lock("read"),
        ("/free", "get"): [],
        ("/whole", "get"): lock(),
        ("/part", "get"): [],
        ("/part", "post"): lock("read"),
    }
    flow = found["components"]["securitySchemes"]["Login"]["flows"]["password"]
    assert flow == {"tokenUrl": "auth/login", "scopes": {"read": ""}}


def test_no_login_without_sessions() -> None:
    """A guard that issues nothing shows where a token stands, and no form."""
    app, auth = flask.Flask(__name__), FlaskGuard(guard_for_tests())
    app.add_url_rule("/a", "a", auth.requires()(lambda: ""))
    with app.app_context():
        found = auth.lock({"paths": {"/a": {"get": {}}}})
    assert [*found["components"]["securitySchemes"]] == ["BearerToken"]
