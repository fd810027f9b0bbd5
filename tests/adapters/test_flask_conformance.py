"""The contract of adapters, for Flask."""

from __future__ import annotations

from typing import Any

import flask

from jwtguard.flask import FlaskGuard, principal
from jwtguard.testing import AdapterConformance, Route, Site, wsgi_client
from jwtguard.testing.conformance.raw_clients import Client


def build(site: Site) -> flask.Flask:
    """The site as a Flask application."""
    app = flask.Flask(__name__)
    auth, other = FlaskGuard(site.guard), FlaskGuard(site.other)
    if site.other_middleware:
        other.init_app(app)
    if site.middleware:
        auth.init_app(app)
    for route in site.routes:
        _add(app, other if route.by_other else auth, route, is_async=site.async_views)
    return app


def _add(app: flask.Flask, auth: FlaskGuard, route: Route, *, is_async: bool) -> None:
    def caller() -> flask.Response:
        found = auth.principal
        return flask.jsonify(subject=None if found is None else principal.subject)

    async def async_caller() -> flask.Response:
        return caller()

    view: Any = async_caller if is_async else caller
    if route.requirement is not None:
        view = auth.requires(route.requirement, tokens_from=route.tokens_from)(view)
    app.add_url_rule(route.path, endpoint=route.path, view_func=view, methods=["GET", "POST"])


class TestFlask(AdapterConformance):
    """Flask, with sync and async views."""

    def client(self, site: Site) -> Client:
        return wsgi_client(build(site).wsgi_app)
