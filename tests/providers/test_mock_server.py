"""oauth2-mock-server: chosen claims, signed by a foreign implementation, to all applications."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from jwtguard import Guard, RemoteJWKSet
from jwtguard.providers import cognito, keycloak, oidc
from tests.providers.apps import statuses
from tests.providers.conftest import Provider

API = "orders-api"
CLAIMS: dict[str, Any] = {"aud": API, "sub": "alice", "scope": "read"}


def guard(provider: Provider) -> Guard:
    """A guard that takes its tokens."""
    return Guard(issuers=[oidc(provider.origin, audience=API, allow_http_loopback=True)])


def test_its_own_token_endpoint(mock_server: Provider) -> None:
    """Client credentials; the server puts no audience in by itself."""
    with httpx.Client(trust_env=False) as http:
        form = {"grant_type": "client_credentials", "scope": "read", "aud": API}
        answer = http.post(f"{mock_server.origin}/token", data=form).raise_for_status().json()
    trusted = Guard(
        issuer=mock_server.origin,
        audience=API,
        keys=RemoteJWKSet(f"{mock_server.origin}/jwks", algorithms=["RS256"], allow_http_loopback=True),
        required_claims=["exp", "iss", "aud"],
    )
    assert statuses(trusted, answer["access_token"]) == {200}


NOW = int(time.time())
WRONG: list[tuple[dict[str, Any], set[int]]] = [
    ({}, {200}),
    ({"aud": ["other", API]}, {200}),
    ({"scope": ["write", "read"]}, {200}),
    ({"scope": "write"}, {403}),
    ({"scope": "reader"}, {403}),
    ({"aud": "other"}, {401}),
    ({"aud": None}, {401}),
    ({"iss": "https://other.example"}, {401}),
    ({"exp": NOW - 60}, {401}),
    ({"exp": str(NOW + 60)}, {401}),
    ({"nbf": NOW + 3600}, {401}),
    ({"sub": ""}, {401}),
    ({"nonce": "of a login"}, {401}),
    ({"typ": "ID"}, {401}),
    ({"cnf": {"jkt": "x"}}, {401}),
]


@pytest.mark.parametrize(("changes", "expected"), WRONG)
def test_claims(mock_server: Provider, changes: dict[str, Any], expected: set[int]) -> None:
    """One claim changed at a time."""
    assert statuses(guard(mock_server), mock_server.tell("token", claims=CLAIMS | changes)) == expected


def test_algorithms_and_rotation(mock_server: Provider) -> None:
    """Keys that are added while it runs are found by the first token that they signed."""
    trusted = guard(mock_server)
    assert statuses(trusted, mock_server.tell("token", kid="first", claims=CLAIMS)) == {200}
    for algorithm in ("ES256", "PS256", "ES512"):
        mock_server.tell("rotate", alg=algorithm, kid=algorithm)
    for algorithm in ("ES256", "PS256", "ES512"):
        assert statuses(trusted, mock_server.tell("token", kid=algorithm, claims=CLAIMS)) == {200}


def test_shapes_of_other_providers(mock_server: Provider) -> None:
    """As Keycloak and Cognito would send it."""
    realm = Guard(issuers=[keycloak(mock_server.origin, audience=API, allow_http_loopback=True)])
    access = {**CLAIMS, "typ": "Bearer", "azp": "web"}
    assert statuses(realm, mock_server.tell("token", kid="first", claims=access)) == {200}
    assert statuses(realm, mock_server.tell("token", kid="first", claims=access | {"typ": "ID"})) == {401}
    pool = Guard(issuers=[cognito(mock_server.origin, client_id="app", allow_http_loopback=True)])
    use = {"sub": "alice", "scope": "read", "token_use": "access", "client_id": "app"}
    assert statuses(pool, mock_server.tell("token", kid="first", claims=use)) == {200}
    assert statuses(pool, mock_server.tell("token", kid="first", claims=use | {"token_use": "id"})) == {401}
    assert statuses(pool, mock_server.tell("token", kid="first", claims=use | {"client_id": "other"})) == {401}


def test_outage(doomed_server: Provider) -> None:
    """Once it is gone, its keys serve on, and a guard that has none answers 503."""
    known, cold = guard(doomed_server), guard(doomed_server)
    token = doomed_server.tell("token", kid="first", claims=CLAIMS)
    assert statuses(known, token) == {200}
    later = doomed_server.tell("token", kid="first", claims={**CLAIMS, "jti": "later"})
    doomed_server.tell("down")
    assert [statuses(known, later), statuses(cold, token)] == [{200}, {503}]
