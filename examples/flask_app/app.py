"""A small Flask application with sessions, and two pages to try them in a browser.

From the root of the repository::

    flask --app examples.flask_app.app run --port 8000

Then open http://localhost:8000/ in a browser. That page keeps its tokens in cookies that no script can read, and has
them renewed on the way; the one at `/header` sends its access token by itself. Log in as ada or as bob, with the
password example-password-of-ada or -of-bob.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from flask import Flask, Response, abort, jsonify, render_template, request

from examples.keys import DATA, secret
from examples.login_limit import LoginLimit
from examples.users import example_users
from jwtguard import (
    CSRF,
    AuthorizationHeader,
    Guard,
    Rule,
    Rules,
    SessionRevocation,
    Sessions,
    SigningKey,
    SigningKeys,
    TokenCookie,
    TokenIssuer,
    has_role,
    has_scope,
    public,
)
from jwtguard.flask import FlaskGuard, principal
from jwtguard.stores.sqlite import SQLiteStore

ISSUER, AUDIENCE = "https://login.example", "https://api.example"


def create_app(data: Path = DATA, clock: Callable[[], float] = time.time) -> Flask:
    """The application; its databases and keys live in the directory `data`. `clock` gives seconds since the epoch."""
    app = Flask(__name__)
    users = example_users(data / "users.sqlite3")
    issuer = TokenIssuer(
        issuer=ISSUER,
        audience=AUDIENCE,
        client_id="flask-app",
        signing_keys=SigningKeys(data / "keys", algorithm="ES256"),
        clock=clock,
    )
    store = SQLiteStore(data / "sessions.sqlite3")
    sessions = Sessions(
        issuer=issuer,
        store=store,
        load=users.grants,
        refresh_keys=[SigningKey.from_secret(secret("refresh", data), algorithm="HS256", kid="r1")],
        clock=clock,
    )
    guard = Guard(
        issuer=ISSUER,
        audience=AUDIENCE,
        keys=issuer.verification_keys,
        tokens_from=[AuthorizationHeader(), TokenCookie()],
        # Browsers say by themselves where a request comes from. Besides, our pages copy the token of a readable cookie.
        csrf=CSRF(secret=secret("csrf", data), require_token=True),
        # What is not named here needs a valid token. The pages are for everybody: what they show, they fetch.
        rules=Rules(
            [
                Rule("", public),
                Rule("/static/", public),
                Rule("/header/", public),  # The page, and its login routes, which ask where they need a token.
                Rule("/admin/", has_role("admin")),
            ]
        ),
        # The pages show what is missing. Leave this out where the names of roles are internal.
        explain_refusals=True,
        # Every request asks whether the session has ended: a device that the user logs out is out at once.
        revocation=SessionRevocation(store, max_staleness=timedelta(0)),
        clock=clock,
    )
    limit = LoginLimit()
    auth = FlaskGuard(
        guard, sessions, authenticate=users.check, before_login=limit, delivery="cookies", silent_renewal=True
    )
    auth.init_app(app)
    app.register_blueprint(auth.routes(prefix="/auth"))
    # The same sessions once more, for a page that sends the access token itself.
    header = FlaskGuard(
        guard,
        sessions,
        authenticate=users.check,
        before_login=limit,
        delivery="refresh-cookie",
        # A __Host- cookie belongs to the whole host. With one name, a login on one page would end that on the other.
        refresh_cookie="__Host-refresh-header",
    )
    app.register_blueprint(header.routes(prefix="/header/auth"))

    @app.get("/")
    def cookie_page() -> str:
        return render_template("cookies.html")

    @app.get("/header")
    def header_page() -> str:
        return render_template("header.html")

    @app.get("/me")
    def me() -> Response:
        user = users.get(principal.identity)
        return jsonify(name=principal.subject, display_name=user.display_name if user else None)

    @app.post("/me")
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

    @app.after_request
    def secure(response: Response) -> Response:
        # The pages have no script or style in their HTML, so whatever is injected into it does not run.
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';"
            " base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return app
