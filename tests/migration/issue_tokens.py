"""Issues the tokens in `tokens.json` with the libraries themselves. Run by hand, where these are installed:

    pip install flask-jwt-extended djangorestframework-simplejwt authx
    python tests/migration/issue_tokens.py > tests/migration/tokens.json

fastapi-jwt-auth cannot be installed beside a FastAPI of today; its tokens are written as its source writes them. The
secret is public, and the private key was deleted: only its public half is kept.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from datetime import timedelta
from importlib import import_module
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SECRET = "not a secret, only an example!!!"
ISSUER, AUDIENCE = "https://old.example", "old-api"
LIFETIME = timedelta(days=3650)


def flask_jwt_extended(private: str, public: str) -> dict[str, str]:
    """flask-jwt-extended."""
    flask, library = import_module("flask"), import_module("flask_jwt_extended")
    lifetimes = {"JWT_ACCESS_TOKEN_EXPIRES": LIFETIME, "JWT_REFRESH_TOKEN_EXPIRES": LIFETIME}

    def issue(make: str = "create_access_token", identity: Any = "alice", *, config: Any = (), **more: Any) -> str:
        app = flask.Flask(__name__)
        app.config.update({"JWT_SECRET_KEY": SECRET, **lifetimes, **dict(config)})
        library.JWTManager(app)
        with app.app_context():
            return str(getattr(library, make)(identity, **more))

    return {
        "access": issue(fresh=True, additional_claims={"roles": ["admin"]}),
        "access, in a cookie": issue(config={"JWT_TOKEN_LOCATION": ["cookies"]}),
        "access, number": issue(identity=17),
        "access, another claim": issue(config={"JWT_IDENTITY_CLAIM": "identity"}),
        "access, issuer and audience": issue(config={"JWT_ENCODE_ISSUER": ISSUER, "JWT_ENCODE_AUDIENCE": AUDIENCE}),
        "access, ES256": issue(config={"JWT_ALGORITHM": "ES256", "JWT_PRIVATE_KEY": private, "JWT_PUBLIC_KEY": public}),
        "access, endless": issue(expires_delta=False),
        "refresh": issue("create_refresh_token"),
    }


def simplejwt() -> dict[str, str]:
    """djangorestframework-simplejwt."""
    django, settings = import_module("django"), import_module("django.conf").settings
    settings.configure(
        SECRET_KEY=SECRET,
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
        SIMPLE_JWT={
            "ACCESS_TOKEN_LIFETIME": LIFETIME,
            "REFRESH_TOKEN_LIFETIME": LIFETIME,
            "SLIDING_TOKEN_LIFETIME": LIFETIME,
        },
    )
    django.setup()
    library, state = import_module("rest_framework_simplejwt.tokens"), import_module("rest_framework_simplejwt.state")
    user = SimpleNamespace(id=17, is_active=True)
    access = library.AccessToken.for_user(user)
    access["roles"] = ["admin"]
    number = library.AccessToken()
    number["user_id"] = 17  # As releases before 5.5 wrote it.
    made = {
        "access": str(access),
        "access, number": str(number),
        "refresh": str(library.RefreshToken.for_user(user)),
        "sliding": str(library.SlidingToken.for_user(user)),
    }
    state.token_backend.issuer, state.token_backend.audience = ISSUER, AUDIENCE
    return {**made, "access, issuer and audience": str(library.AccessToken.for_user(user))}


def authx() -> dict[str, str]:
    """authx."""
    library = import_module("authx")
    lifetimes = {"JWT_ACCESS_TOKEN_EXPIRES": LIFETIME, "JWT_REFRESH_TOKEN_EXPIRES": LIFETIME}
    auth = library.AuthX(library.AuthXConfig(JWT_SECRET_KEY=SECRET, **lifetimes))
    return {
        "access": auth.create_access_token("alice", scopes=["read", "admin:*"], data={"roles": ["admin"]}),
        "refresh": auth.create_refresh_token("alice"),
    }


def fastapi_jwt_auth() -> dict[str, str]:
    """fastapi-jwt-auth 0.5.0, as its `_create_token` puts a token together."""
    jwt, now = import_module("jwt"), int(time.time())

    def issue(kind: str, subject: str | int = "alice", **more: Any) -> str:
        reserved = {"sub": subject, "iat": now, "nbf": now, "jti": str(uuid.uuid4())}
        custom = {"exp": now + int(LIFETIME.total_seconds()), "type": kind}
        return str(jwt.encode({**reserved, **custom, **more}, SECRET, algorithm="HS256"))

    return {
        "access": issue("access", fresh=True, roles=["admin"]),
        "access, in a cookie": issue("access", fresh=False, csrf=str(uuid.uuid4())),
        "access, number": issue("access", 17, fresh=False),
        "refresh": issue("refresh"),
    }


if __name__ == "__main__":
    key = generate_private_key(SECP256R1())
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    names = ("Flask-JWT-Extended", "djangorestframework_simplejwt", "authx", "PyJWT")
    document = {
        "issued_at": int(time.time()),
        "issued_with": {name: version(name) for name in names},
        "secret": SECRET,
        "public_key": public_pem,
        "tokens": {
            "flask_jwt_extended": flask_jwt_extended(pem, public_pem),
            "simplejwt": simplejwt(),
            "authx": authx(),
            "fastapi_jwt_auth": fastapi_jwt_auth(),
        },
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")
