"""The locks in the OpenAPI documents that APIFlask and flask-smorest make of a Flask application.

>>> import flask
>>> from jwtguard import Guard, SigningKey
>>> from jwtguard.flask import FlaskGuard
>>> key = SigningKey.generate("HS256").verification_key
>>> auth = FlaskGuard(Guard(issuer="https://issuer.example", audience="https://api.example", keys=key))
>>> app = flask.Flask(__name__)
>>> @app.get("/reports/<int:number>")
... @auth.requires()
... def reports(number):
...     return {}
>>> with app.app_context():
...     auth.lock({"paths": {"/reports/{number}": {"get": {}}}})["paths"]["/reports/{number}"]["get"]["security"]
[{'BearerToken': []}]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import flask

from jwtguard.endpoints import LOGIN
from jwtguard.endpoints.openapi_security import lock_operation, login_schemes
from jwtguard.guard import Guard
from jwtguard.view_metadata import ViewMetadata, metadata_of

_PARAMETER = re.compile(r"<(?:[^<>:]+:)?([^<>]+)>")


def lock_document(document: dict[str, Any], guard: Guard, *, has_login: bool) -> None:
    """Write into `document` what the routes of the application at hand ask of their callers.

    `has_login`: whether the shipped login answers with tokens in the body.
    """
    routes = list(_routes())
    logins = [path for path, _, found in routes if any(each.is_shipped for each in found) and path.endswith(LOGIN.path)]
    schemes = login_schemes(guard, logins[0].removeprefix("/") if has_login and logins else None)
    for path, method, found in routes:
        lock_operation(document, path, method, guard, found, logins=schemes)


def _routes() -> Iterator[tuple[str, str, list[ViewMetadata]]]:
    """Path, method and metadata of each route; a method of a class may have a decorator of its own."""
    for rule in flask.current_app.url_map.iter_rules():
        view: Any = flask.current_app.view_functions[rule.endpoint]
        for method in rule.methods or ():
            own = getattr(getattr(view, "view_class", None), method.lower(), None)
            yield _PARAMETER.sub(r"{\1}", rule.rule), method, [*metadata_of(view), *metadata_of(own)]
