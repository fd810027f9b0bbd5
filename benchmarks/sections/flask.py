"""Flask: a view without a guard, with ours, with Flask-JWT-Extended, and with a decorator written by hand."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flask
import jwt
from flask_jwt_extended import JWTManager, get_jwt_identity, jwt_required

from benchmarks.callables import WSGIClient
from benchmarks.limit import limit_of_environ
from benchmarks.measuring import LIMIT, Findings, Pace, interleaved
from benchmarks.proof import prove_guarded
from benchmarks.tokens import ALGORITHMS, AUDIENCE, ISSUER, Mint
from jwtguard import Guard, Rules
from jwtguard.flask import FlaskGuard, principal


def measure(pace: Pace) -> Findings:
    """Each algorithm as a group; every token as new, since the cache is off."""
    findings = Findings()
    for algorithm in ALGORITHMS:
        mint = Mint(algorithm)
        apps = {
            "jwtguard": guarded(mint.guard(cache_size=0)),
            "jwtguard, middleware and rules": behind_middleware(mint.guard(cache_size=0, rules=Rules([]))),
            "flask-jwt-extended": extended(mint),
            "written by hand": by_hand(mint),
        }
        clients = {name: WSGIClient(app) for name, app in apps.items()}
        for name, client in clients.items():
            prove_guarded(name, client.ask, mint)
        clients = {"bare": WSGIClient(bare()), LIMIT: WSGIClient(limited(mint)), **clients}
        tokens = mint.tokens()
        batches = {name: client.batch(tokens) for name, client in clients.items()}
        findings.series += interleaved(algorithm, batches, pace)
    return findings


def bare() -> flask.Flask:
    """The view without a guard."""
    app = flask.Flask("bare")

    @app.get("/")
    def view() -> dict[str, str]:
        return {"subject": "user-0"}

    return app


def limited(mint: Mint) -> flask.Flask:
    """The limit in the view: no guard."""
    app, read = flask.Flask("limited"), limit_of_environ(mint)

    @app.get("/")
    def view() -> dict[str, str]:
        return {"subject": read(flask.request.environ)["sub"]}

    return app


def guarded(guard: Guard) -> flask.Flask:
    """Our decorator."""
    app, auth = flask.Flask("guarded"), FlaskGuard(guard)

    @app.get("/")
    @auth.requires()
    def view() -> dict[str, str]:
        return {"subject": principal.subject or ""}

    return app


def behind_middleware(guard: Guard) -> flask.Flask:
    """Our middleware, which enforces rules."""
    app, auth = flask.Flask("behind_middleware"), FlaskGuard(guard)
    auth.init_app(app)

    @app.get("/")
    def view() -> dict[str, str]:
        return {"subject": principal.subject or ""}

    return app


def extended(mint: Mint) -> flask.Flask:
    """Flask-JWT-Extended, as its documentation has it."""
    app = flask.Flask("extended")
    app.config |= {
        "JWT_ALGORITHM": mint.algorithm,
        "JWT_SECRET_KEY": mint.public_text,
        "JWT_PRIVATE_KEY": mint.private_text,
        "JWT_PUBLIC_KEY": mint.public_text,
        "JWT_DECODE_AUDIENCE": AUDIENCE,
        "JWT_DECODE_ISSUER": ISSUER,
    }
    JWTManager(app)

    @app.get("/")
    @jwt_required()
    def view() -> dict[str, str]:
        return {"subject": get_jwt_identity()}

    return app


def by_hand(mint: Mint) -> flask.Flask:
    """A careful decorator on PyJWT, with the key prepared."""
    app = flask.Flask("by_hand")
    key, algorithms = mint.public_object, [mint.algorithm]

    def authenticated(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            scheme, _, token = flask.request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return flask.jsonify(error="missing_token"), 401
            try:
                flask.g.claims = jwt.decode(token, key, algorithms=algorithms, issuer=ISSUER, audience=AUDIENCE)
            except jwt.InvalidTokenError:
                return flask.jsonify(error="invalid_token"), 401
            return view(*args, **kwargs)

        return decorated

    @app.get("/")
    @authenticated
    def view() -> dict[str, str]:
        return {"subject": flask.g.claims["sub"]}

    return app
