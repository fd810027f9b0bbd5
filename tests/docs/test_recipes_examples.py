"""docs/recipes.md: each recipe takes the token that its service documents, and refuses that of a stranger."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jwtguard import (
    UNCHECKED,
    FetchRequest,
    FetchResponse,
    Guard,
    Introspection,
    InvalidTokenError,
    JWTGuardError,
    TrustedIssuer,
)
from jwtguard.core.http.response import HTTPRequest
from jwtguard.core.tokens.jws import sign
from tests.core.keys import signing_key
from tests.examples.documents import ROOT, run
from tests.key_sources.certificates import self_signed
from tests.key_sources.server import answer, serving

KEY = signing_key("RS256", "k")
NOW = 1_800_000_010
TIMES = {"iat": NOW - 10, "exp": NOW + 300}
SHOWN = run(ROOT / "docs" / "recipes.md", {})
CLUSTER = {
    "iss": "https://kubernetes.default.svc.cluster.local",
    "aud": ["orders-api"],
    "sub": "system:serviceaccount:shop:orders",
    "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "orders", "uid": "1"}},
    **TIMES,
}
# The recipe, a token as it is documented, and what a stranger's says.
RECIPES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "github",
        {
            "iss": "https://token.actions.githubusercontent.com",
            "aud": "orders-api",
            "sub": "repo:acme/orders:ref:refs/heads/main",
            "repository": "acme/orders",
            "ref": "refs/heads/main",
        },
        {"repository": "evil/orders"},
    ),
    (
        "gitlab",
        {
            "iss": "https://gitlab.com",
            "aud": "orders-api",
            "sub": "project_path:acme/orders:ref_type:branch:ref:main",
            "project_path": "acme/orders",
            "ref_protected": "true",
        },
        {"ref_protected": "false"},
    ),
    (
        "vault",
        {
            "iss": "https://vault.example/v1/identity/oidc",
            "aud": "the client id of the role",
            "sub": "8b2c",
            "namespace": "root",
        },
        {"aud": "another"},
    ),
    (
        "accounts",
        {
            "iss": "https://accounts.google.com",
            "aud": "https://orders.example",
            "azp": "1122",
            "sub": "1122",
            "email": "orders@acme.iam.gserviceaccount.com",
            "email_verified": True,
        },
        {"email_verified": False},
    ),
    (
        "teleport",
        {
            "iss": "teleport.example",
            "aud": ["http://127.0.0.1:8000"],
            "sub": "alice",
            "username": "alice",
            "roles": ["admin"],
        },
        {"aud": ["http://127.0.0.1:9000"]},
    ),
    (
        "pomerium",
        {"iss": "orders.example", "aud": "orders.example", "sub": "u1", "email": "a@example.com", "groups": ["admins"]},
        {"aud": "other.example"},
    ),
]


def outcome(issuer: TrustedIssuer, payload: dict[str, Any], key: Any = KEY) -> str | None:
    """Who is calling, or why not."""
    text = sign(json.dumps(payload).encode(), key, header={"typ": "JWT"})
    try:
        return Guard(issuers=[issuer], clock=lambda: NOW).verify(text).run().principal.subject
    except InvalidTokenError as error:
        return error.reason


@pytest.mark.parametrize(("name", "payload", "changes"), RECIPES, ids=[row[0] for row in RECIPES])
def test_recipe(name: str, payload: dict[str, Any], changes: dict[str, Any]) -> None:
    """The documented token passes; a stranger's does not."""
    key = signing_key("ES256", "e") if name == "pomerium" else KEY
    issuer = replace(SHOWN[name], keys=key.verification_key)
    assert outcome(issuer, {**payload, **TIMES}, key) == payload["sub"]
    assert outcome(issuer, {**payload, **TIMES, **changes}, key) in {"aud", *(f"kind_{claim}" for claim in changes)}


def test_kubernetes(tmp_path: Path) -> None:
    """The keys come over TLS by the cluster's authority, and the pod's token goes along, as it is at that time."""
    both = self_signed(tmp_path / "ca.crt")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    (tmp_path / "token").write_text("pod-token\n", encoding="utf-8")
    with serving(context) as server:
        server.behaviour = answer(json.dumps({"keys": [KEY.verification_key.to_jwk()]}).encode())
        issuer = SHOWN["cluster"](server.origin, tmp_path)
        assert outcome(issuer, CLUSTER) == "system:serviceaccount:shop:orders"
        assert outcome(issuer, {**CLUSTER, "kubernetes.io": {"namespace": "evil"}}) == "kind_namespace"
        assert server.paths() == ["/openid/v1/jwks"]
        assert b"authorization: bearer pod-token\r\n" in server.requests[0].lower()


@pytest.mark.parametrize(
    ("places", "header", "value"),
    [
        ("api_gateway", "HTTP_X_FORWARDED_AUTHORIZATION", "Bearer a.b.c"),
        ("with_authorization_header", "HTTP_AUTHORIZATION", "Bearer a.b.c"),
        ("with_access_token", "HTTP_X_FORWARDED_ACCESS_TOKEN", "a.b.c"),
    ],
)
def test_places(places: str, header: str, value: str) -> None:
    """The token is read from the header that the gateway sets."""
    (place,) = SHOWN[places]
    assert place.read(HTTPRequest.from_wsgi({"REQUEST_METHOD": "GET", header: value})) == "a.b.c"


def test_invented_opaque_tokens() -> None:
    """An address that sends them is refused from the tenth on; another one goes on."""
    asked = []

    def fetch(request: FetchRequest) -> FetchResponse:
        asked.append(request)
        is_good = b"token=good" in (request.body or b"")
        return FetchResponse(status=200, body=json.dumps({"active": is_good, "sub": "u", "exp": NOW + 60}).encode())

    introspection = Introspection(
        "https://login.example/introspect",
        client_id="api",
        client_secret="s",
        issuer=UNCHECKED,
        audience=UNCHECKED,
        fetcher=fetch,
    )
    guard = Guard(
        issuer="https://login.example",
        audience="orders-api",
        keys=KEY.verification_key,
        introspection=introspection,
        on_event=SHOWN["on_event"],
        clock=lambda: NOW,
    )

    def send(token: str, client: str) -> str:
        if SHOWN["is_over"](client):
            return "429"
        environ = {"REQUEST_METHOD": "GET", "REMOTE_ADDR": client, "HTTP_AUTHORIZATION": f"Bearer {token}"}
        error: JWTGuardError | None = guard.authenticate(HTTPRequest.from_wsgi(environ)).run().error
        return "accepted" if error is None else error.reason

    invented = [send(f"invented{number}", "192.0.2.1") for number in range(40)]
    assert invented == ["inactive"] * 10 + ["429"] * 30
    assert (send("good", "192.0.2.2"), len(asked)) == ("accepted", 11)
