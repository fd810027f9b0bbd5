"""django-oauth-toolkit on a port of its own, in a process of its own: see conftest.py for how it is talked to.

It gives opaque access tokens, which it can be asked about (RFC 7662), and ID tokens that its JWK Set verifies.
"""

from __future__ import annotations

import json
import secrets
import sys
import threading
from datetime import timedelta
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

CALLBACK = "https://page.example/callback"


def private_key() -> str:
    """A key for ID tokens."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, none).decode("ascii")


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file::memory:?cache=shared"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": private_key(),
        "SCOPES": {"openid": "Who it is", "read": "Reading", "introspection": "Asking about tokens"},
        "PKCE_REQUIRED": False,
    },
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="not a secret",
    USE_TZ=True,
)
django.setup()
urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]


def prepare() -> None:
    """One user, two clients that log it in, and a client that may ask about tokens."""
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    User.objects.create_user("alice", password="alice's password")
    for name, grant in (("web", "password"), ("page", "authorization-code"), ("orders-api", "client-credentials")):
        Application.objects.create(
            name=name,
            client_id=name,
            client_secret=f"secret of {name}",
            client_type="confidential",
            authorization_grant_type=grant,
            algorithm="RS256",
            redirect_uris=CALLBACK,
        )


def code() -> str:
    """What a browser brings the client `page` after a login (RFC 6749 §4.1.2)."""
    from django.contrib.auth.models import User
    from django.utils.timezone import now
    from oauth2_provider.models import Application, Grant

    grant = Grant.objects.create(
        user=User.objects.get(),
        application=Application.objects.get(name="page"),
        code=secrets.token_urlsafe(),
        expires=now() + timedelta(minutes=1),
        redirect_uri=CALLBACK,
        scope="openid read",
    )
    return str(grant.code)


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the standard library's
        """Nothing."""


def main() -> None:
    """Serve until the input ends. The one command is `code`."""
    prepare()
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps(server.server_port) + "\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        sys.stdout.write(json.dumps({"result": code()}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
