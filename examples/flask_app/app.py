"""A small Flask application: users log in with a password, and their token travels in a header or in a cookie.

From the root of the repository::

    flask --app examples.flask_app.app run --port 8000
"""

from __future__ import annotations

from pathlib import Path

from flask import Flask, Response, abort, jsonify, request

from examples.keys import DATA, csrf_secret, signing_key
from examples.own_page import check_own_page
from examples.users import example_users
from jwtguard import (
    CSRF,
    AuthorizationHeader,
    Guard,
    JWTGuardError,
    Rule,
    Rules,
    TokenCookie,
    TokenIssuer,
    has_role,
    has_scope,
    optional,
    public,
)
from jwtguard.core.http import HTTPRequest
from jwtguard.flask import FlaskGuard, principal

ISSUER, AUDIENCE = "https://login.example", "https://api.example"
COOKIE = TokenCookie("__Host-access")


def create_app(data: Path = DATA) -> Flask:
    """The application; its database and keys live in the directory `data`."""
    app = Flask(__name__)
    users = example_users(data / "users.sqlite3")
    issuer = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, client_id="flask-app", signing_keys=[signing_key(data)])
    csrf = CSRF(secret=csrf_secret(data))
    guard = Guard(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=issuer.verification_keys,
        tokens_from=[AuthorizationHeader(), COOKIE],
        csrf=csrf,
        # Below /admin/ nobody can forget the role, and an old cookie keeps nobody from logging in. Elsewhere the
        # views and their decorators decide.
        rules=Rules(
            [Rule("/admin/", has_role("admin")), Rule("/login", public), Rule("/logout", public)], default=optional
        ),
    )
    auth = FlaskGuard(guard)
    auth.init_app(app)

    @app.get("/")
    def index() -> Response:
        return jsonify(message="Hello! POST /login with name and password, then GET /me.")

    @app.post("/login")
    def login() -> Response:
        check_own_page(csrf, HTTPRequest.from_wsgi(request.environ))
        body = request.get_json()
        user = users.login(body)
        if user is None:
            abort(401, "The name or the password is wrong.")
        token = issuer.access_token(user.name, roles=user.roles, scope=user.scope)
        if body.get("cookie") is True:
            # For a page in a browser. Scripts cannot read the token; they read the CSRF token and send it along.
            response = jsonify(name=user.name)
            response.headers.add("Set-Cookie", COOKIE.set(token, max_age=issuer.access_token_lifetime))
            response.headers.add("Set-Cookie", guard.csrf_cookie(guard.verify(token).run()))
        else:
            lifetime = int(issuer.access_token_lifetime.total_seconds())
            response = jsonify(access_token=token, token_type="Bearer", expires_in=lifetime)
        response.cache_control.no_store = True
        return response

    @app.post("/logout")
    def logout() -> Response:
        check_own_page(csrf, HTTPRequest.from_wsgi(request.environ))
        response = Response(status=204)
        response.headers.add("Set-Cookie", COOKIE.clear())
        response.headers.add("Set-Cookie", guard.clear_csrf_cookie())
        return response

    @app.get("/me")
    @auth.requires()
    def me() -> Response:
        user = users.get(principal.identity)
        return jsonify(name=principal.subject, display_name=user.display_name if user else None)

    @app.post("/me")
    @auth.requires()
    def rename() -> Response:
        match request.get_json():
            case {"display_name": str(display_name)} if display_name.isprintable():
                users.rename(principal.identity, display_name)
            case _:
                abort(400, "The body needs a display_name.")
        return jsonify(name=principal.subject, display_name=display_name)

    @app.get("/reports")
    @auth.requires(has_scope("reports:read"))
    def reports() -> Response:
        return jsonify(reports=["2026-10", "2026-11"])

    @app.get("/admin/users")
    def everybody() -> Response:
        return jsonify(users=[user.name for user in users.all()])

    @app.errorhandler(JWTGuardError)
    def refused(error: JWTGuardError) -> Response:
        answer = guard.answer(error)
        return Response(answer.body, answer.status, list(answer.headers))

    return app
