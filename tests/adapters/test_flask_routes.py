"""The ready-made routes and silent renewal, for Flask."""

from __future__ import annotations

import flask

from jwtguard.flask import FlaskGuard, principal
from jwtguard.testing import RenewalConformance, RouteConformance, RouteSite, SiteView, wsgi_client
from jwtguard.testing.conformance.raw_clients import Client


def build(site: RouteSite) -> flask.Flask:
    """The site as a Flask application."""
    app = flask.Flask(__name__)
    auth = FlaskGuard(site.guard, site.sessions, **site.settings)
    app.register_blueprint(auth.routes())
    app.register_blueprint(auth.jwks_route())
    if site.middleware:
        auth.init_app(app)
    for view in site.views:
        _add(app, auth, view)
    return app


def _add(app: flask.Flask, auth: FlaskGuard, view: SiteView) -> None:
    def answer() -> flask.Response:
        if view.raises:
            raise RuntimeError("unforeseen")
        caller = principal if view.reads and principal else None
        response = flask.jsonify(subject=None if caller is None else caller.subject)
        response.headers.extend(list(view.headers))
        return response

    guarded = auth.requires()(answer) if view.is_guarded else answer
    app.add_url_rule(view.path, endpoint=view.path.strip("/"), view_func=guarded, methods=["GET", "POST"])


class TestFlask(RouteConformance, RenewalConformance):
    """Flask."""

    def client(self, site: RouteSite) -> Client:
        return wsgi_client(build(site))
